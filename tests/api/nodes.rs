//! Several nodes over one database: they race, one hears of what another did, they come and go, their clocks differ.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;

use crate::races::{redeemed_by_many, refreshed_by_many, revoked_amid_refreshes};
use crate::support::history::Load;
use crate::support::{ADA, App, Fleet, START, TestClient, database, eventually, execute, within};
use grantor::platform::clock::TestClock;

/// How long a node may call good what another one revoked.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// C07, V05
#[tokio::test]
async fn two_processes_behind_a_round_robin_race_for_a_code_and_a_family_as_one_server_would() {
    let database = database();
    let fleet = Fleet::start(&database.url, 2, &[]).await;
    let app = fleet.app();
    redeemed_by_many(&[&app]).await;
    revoked_amid_refreshes(&[&app]).await;
}

/// F04
#[tokio::test]
async fn two_processes_behind_a_round_robin_give_parallel_refreshes_the_one_same_answer() {
    let database = database();
    let fleet = Fleet::start(&database.url, 2, &[]).await;
    refreshed_by_many(&[&fleet.app()]).await;
}

/// Ends the connections on which nodes listen for what others did; says how many.
fn cut_listeners(app: &App) -> i64 {
    crate::support::count(
        &app.db,
        "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
         AND query ILIKE 'LISTEN%' AND pg_terminate_backend(pid)",
    )
}

/// Gives a token that both nodes have just called good.
async fn known_to_both(nodes: [&App; 2], client: &TestClient, api: &TestClient) -> (String, String) {
    let tokens = client.tokens_of_ada(nodes[0], "orders:read").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    for node in nodes {
        assert!(node.is_active(api, &access).await && node.is_active(api, &access).await);
    }
    (access, refresh)
}

/// I10: dead at once where it was revoked, and soon everywhere, also where nobody listens any more.
#[tokio::test]
async fn what_is_ended_on_one_node_is_dead_on_the_other_within_a_second() {
    let app = App::start().await;
    let second = app.second_node().await;
    let api = app.resource_server();
    for listens in [true, false] {
        for way in ["the token", "the family", "the client", "everything"] {
            let client = app.web_client();
            let (access, refresh) = known_to_both([&app, &second], &client, &api).await;
            if !listens {
                cut_listeners(&app);
            }
            match way {
                "the token" => client.revoke(&app, &access).await.is_ok(),
                "the family" => client.revoke(&app, &refresh).await.is_ok(),
                "the client" => app.disable(&client, true),
                _ => {
                    let mut browser = app.browser();
                    browser.sign_in(ADA).await;
                    let page = browser.get("/account").await;
                    let form = page.form("/account/sign-out-everywhere");
                    browser.submit(&form, &[]).await;
                }
            }
            let dead_at = async |node: &App| !node.is_active(&api, &access).await;
            if way != "the client" {
                assert!(dead_at(&app).await, "{way} at home");
            }
            within(SEEN_WITHIN, "dead at home", || dead_at(&app)).await;
            within(SEEN_WITHIN, "dead elsewhere", || dead_at(&second)).await;
        }
    }
}

/// A node that slept through a revocation knows nothing any more when it wakes: not from memory, not half-way.
#[tokio::test]
async fn a_node_that_was_stopped_never_calls_good_what_was_revoked_meanwhile() {
    sleeps_through_a_revocation(Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes long: make soak"]
async fn soak_a_node_that_was_stopped_for_long_never_calls_good_what_was_revoked_meanwhile() {
    for _ in 0..3 {
        sleeps_through_a_revocation(Duration::from_secs(10)).await;
    }
}

async fn sleeps_through_a_revocation(asleep: Duration) {
    let database = database();
    let fleet = Fleet::start(&database.url, 2, &[]).await;
    let (sleeper, other) = (fleet.one(0), fleet.one(1));
    let (client, api) = (other.web_client(), other.resource_server());
    let (access, _) = known_to_both([&sleeper, &other], &client, &api).await;

    let frozen = fleet.freeze(0);
    let ask = || sleeper.is_active(&api, &access);
    // Sent while it sleeps, before the revocation and after it; and as soon as it wakes.
    let before = join_all((0..4).map(|_| ask()));
    let story = async {
        client.revoke(&other, &access).await.is_ok();
        let after = join_all((0..4).map(|_| ask()));
        // What it may remember is older than that when it wakes.
        let wake = async {
            tokio::time::sleep(asleep).await;
            drop(frozen);
            join_all((0..20).map(|_| ask())).await
        };
        let (after, awake) = tokio::join!(after, wake);
        [after, awake].concat()
    };
    let (before, later) = tokio::join!(before, story);
    assert_eq!([before, later].concat(), [false; 28]);
}

/// A careful balancer asks `/readyz` and sends nobody to a node that leaves; then nobody notices.
#[tokio::test]
async fn nodes_that_are_replaced_one_by_one_lose_no_request() {
    let database = database();
    let fleet = Fleet::start(&database.url, 2, &[("GRANTOR_SERVER__NOTICE_S", "3")]).await;
    let load = Load::on(fleet.app()).await;
    load.during(async {
        for place in [0, 1] {
            assert_eq!(fleet.terminate(place).await.code(), Some(0));
            fleet.start_again(place).await;
            load.goes_on(40).await;
        }
    })
    .await;
    let report = load.report().await;
    assert_eq!((load.history.unknown(), report.breaches.len()), (0, 0), "{report}");
}

/// Verified for minutes: its parameters are in the hash.
const SLOW_HASH: &str = "$argon2id$v=19$m=1024,t=1000000,p=1$c29tZSBzYWx0IG9mIGhlcnM$\
                         Zm9yIHdoaWNoIG5vYm9keSB3aWxsIHdhaXQgc28gbG9uZyE";

/// Passwords have threads of their own, and a queue of their own before them.
#[tokio::test]
async fn a_flood_of_sign_ins_delays_neither_tokens_nor_health() {
    let database = database();
    let settings = [("GRANTOR_PASSWORDS__THREADS", "1"), ("GRANTOR_PASSWORDS__QUEUE", "2")];
    let fleet = Fleet::start(&database.url, 1, &settings).await;
    let app = fleet.app();
    let (client, api) = (app.web_client(), app.resource_server());
    execute(&app.db, &format!("UPDATE users SET password_hash = '{SLOW_HASH}'")).expect("slow passwords");

    let refused = std::sync::Mutex::new(BTreeSet::new());
    // From a network each: of one, they would take turns.
    let flood = join_all((0..8).map(|number| {
        let (app, refused) = (&app, &refused);
        async move {
            let mut browser = app.browser();
            browser.ip = format!("198.51.{number}.7");
            let page = browser.get("/login").await;
            let page = browser.log_in_on(&page, ADA).await;
            assert_eq!(page.status, 503, "{}", page.body);
            assert!(!page.answer.header("retry-after").is_empty());
            refused.lock().expect("a list").insert(number);
            std::future::pending::<()>().await;
        }
    }));
    let meanwhile = async {
        eventually("full", || async { refused.lock().expect("a list").len() == 5 }).await;
        for _ in 0..20 {
            let token = client.own_token(&app, "orders:read").await;
            assert!(app.is_active(&api, &token.text("access_token")).await);
            client.revoke(&app, &token.text("access_token")).await.is_ok();
            for path in ["/livez", "/readyz", "/health"] {
                assert_eq!(app.get(path).await.status, 200, "{path}");
            }
        }
        assert_eq!(refused.lock().expect("a list").len(), 5, "the others wait for their passwords still");
    };
    tokio::select! {
        _ = flood => unreachable!("nobody's sign-in ends"),
        () = meanwhile => {}
    }
}

/// Three nodes: one right, one 90 s behind it, one 90 s ahead. Told in docs/operating.md.
struct Clocks {
    right: App,
    behind: App,
    ahead: App,
}

impl Clocks {
    async fn set() -> Self {
        let right = App::start().await;
        let over = async |seconds| {
            let clock = TestClock::starting_at(*START + TimeDelta::seconds(seconds));
            App::over(&right.settings.database.url, clock, |_| ()).await
        };
        let (behind, ahead) = (over(-90).await, over(90).await);
        Self { right, behind, ahead }
    }

    fn advance(&self, seconds: i64) {
        for node in [&self.right, &self.behind, &self.ahead] {
            node.advance(TimeDelta::seconds(seconds));
        }
    }
}

async fn code_at(node: &App, client: &TestClient) -> String {
    let mut browser = node.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await
}

/// A code lives for 60 s: to a clock that is 90 s ahead of the one that gave it, it is over at once. It dies of that
/// only there: where the clock is right it works.
#[tokio::test]
async fn a_clock_that_is_ahead_refuses_codes_and_harms_none() {
    let nodes = Clocks::set().await;
    let Clocks { right, behind, ahead } = &nodes;
    let client = right.web_client();
    let code = code_at(right, &client).await;
    client.redeem(ahead, &code).await.is_error(400, "invalid_grant");
    client.redeem(right, &code).await.is_ok();

    let code = code_at(behind, &client).await;
    client.redeem(right, &code).await.is_error(400, "invalid_grant");
    client.redeem(behind, &code).await.is_ok();

    // Where it is behind, a code works for longer than it should.
    let codes = [code_at(right, &client).await, code_at(right, &client).await];
    nodes.advance(120);
    client.redeem(right, &codes[0]).await.is_error(400, "invalid_grant");
    for code in codes {
        client.redeem(behind, &code).await.is_ok();
    }
    let code = code_at(ahead, &client).await;
    nodes.advance(120);
    client.redeem(right, &code).await.is_ok();
}

/// Tokens end by the clock that is asked; revocations and sessions do not mind the clock.
#[tokio::test]
async fn clocks_that_differ_move_the_end_of_a_token_and_nothing_else() {
    let nodes = Clocks::set().await;
    let Clocks { right, behind, ahead } = &nodes;
    let (client, api) = (right.web_client(), right.resource_server());
    let all = [right, behind, ahead];
    let states = async |token: &str| {
        let mut states = Vec::new();
        for node in all {
            states.push(node.is_active(&api, token).await);
        }
        states
    };
    for giver in all {
        let token = client.own_token(giver, "orders:read").await.text("access_token");
        assert_eq!(states(&token).await, [true; 3]);
        client.revoke(giver, &token).await.is_ok();
        assert_eq!(states(&token).await, [false; 3], "revoked is revoked, now and then");
    }
    let mut browser = ahead.browser();
    browser.sign_in(ADA).await;
    for node in all {
        let mut tab = node.browser();
        tab.cookies.clone_from(&browser.cookies);
        assert!(!tab.get("/account/apps").await.is_login(), "signed in everywhere");
    }
    let token = client.own_token(right, "orders:read").await.text("access_token");
    nodes.advance(550);
    assert_eq!(states(&token).await, [true, true, false], "ahead it is over 90 s early");
    nodes.advance(100);
    assert_eq!(states(&token).await, [false, true, false], "behind 90 s late");
    nodes.advance(60);
    assert_eq!(states(&token).await, [false; 3]);
}

/// Sessions end by the clock that is asked, too: a day after they were last used.
#[tokio::test]
async fn a_clock_that_is_ahead_signs_people_out_early() {
    let nodes = Clocks::set().await;
    let Clocks { right, behind, ahead } = &nodes;
    let mut browser = right.browser();
    browser.sign_in(ADA).await;
    let is_in = async |node: &App| {
        let mut tab = node.browser();
        tab.cookies.clone_from(&browser.cookies);
        !tab.get("/account/apps").await.is_login()
    };
    assert_eq!([is_in(behind).await, is_in(right).await], [true, true]);
    nodes.advance(24 * 60 * 60 - 60);
    assert_eq!([is_in(ahead).await, is_in(behind).await, is_in(right).await], [false, true, true]);
}

/// The grace for lost replies is 10 s. A clock that is ahead takes a repeated request for a theft and ends the family;
/// one that is behind gives the same answer for longer.
#[tokio::test]
async fn a_clock_that_is_ahead_has_no_grace_and_one_behind_has_more() {
    let nodes = Clocks::set().await;
    let Clocks { right, behind, ahead } = &nodes;
    let (client, api) = (right.web_client(), right.resource_server());
    let old = client.tokens_of_ada(right, "orders:read").await.text("refresh_token");
    let next = client.refresh(right, &old).await;
    next.is_ok();
    assert_eq!(client.refresh(behind, &old).await.body, next.body);
    nodes.advance(20);
    client.refresh(behind, &old).await.is_ok();
    assert!(right.is_active(&api, &next.text("access_token")).await);

    let old = client.tokens_of_ada(right, "orders:read").await.text("refresh_token");
    let next = client.refresh(right, &old).await;
    client.refresh(ahead, &old).await.is_error(400, "invalid_grant");
    assert!(!right.is_active(&api, &next.text("access_token")).await, "as after any reuse");
}
