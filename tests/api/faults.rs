//! The database is away, dies, is busy: the server says so, says nothing false, and recovers by itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use futures_util::future::join_all;
use grantor::app::settings::Settings;
use grantor::audit::{Actor, Work};
use grantor::kernel::{Fault, KeyTag, LastingTag, Outcome};
use grantor::platform::clock::TestClock;
use grantor::platform::context::Context;
use grantor::platform::db;
use grantor::platform::entropy::Entropy;
use grantor::services::access::let_call;
use serde_json::json;

use crate::support::{
    ADA, Answer, App, Browser, OwnPostgres, Relay, START, TestClient, count, database, eventually, signing,
    told, within,
};

/// The longest that anybody waits to be told that the database is away.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// How soon all is as before once it is back.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// A server over a Postgres that the test may break.
async fn app_over(postgres: &OwnPostgres) -> App {
    let impatient = |settings: &mut Settings| settings.database.pool.wait_ms = 600;
    App::over(&postgres.url(), TestClock::starting_at(*START), impatient).await
}

async fn is_ready(app: &App) -> bool {
    app.get("/readyz").await.status == 200
}

/// The answer of somebody who cannot know: try again, and nothing else.
#[track_caller]
fn cannot_know(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.body);
    let wait: u32 = answer.header("retry-after").parse().expect("seconds to wait");
    assert!((1..=60).contains(&wait), "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    assert!(!answer.body.contains("active"), "{what}: {}", answer.body);
    let body = answer.body.to_lowercase();
    for word in ["postgres", "sql", "connection", "socket", "diesel", "/run"] {
        assert!(!body.contains(word), "{what} tells of our insides: {}", answer.body);
    }
}

/// A personal token of Ada's that may read orders.
fn reading_token(app: &App) -> String {
    app.operator(|work| let_call(work, Actor::Operator, "orders", ADA.id()));
    app.voice_of(ADA, "orders:read").0
}

/// What a proxy is told of a bearer.
async fn authz(app: &App, bearer: &str) -> Answer {
    let request = app.request("GET", "/authz?service=orders").bearer_auth(bearer);
    Answer::to(request.header("x-original-method", "GET").header("x-original-uri", "/7")).await
}

/// What the management API says to a bearer.
async fn me(app: &App, bearer: &str) -> Answer {
    Answer::to(app.request("GET", "/api/v1/me").bearer_auth(bearer)).await
}

/// Everything that needs the database, at once.
async fn everything(
    app: &App,
    client: &TestClient,
    server: &TestClient,
    browser: &Browser<'_>,
    bearers: [&str; 5],
) -> Vec<(&'static str, Answer)> {
    let [access, refresh, code, key, token] = bearers;
    let tab = || {
        let mut tab = app.browser();
        tab.cookies.clone_from(&browser.cookies);
        tab
    };
    let authorize = client.authorize_path(&[]);
    let (mut first, mut second) = (tab(), tab());
    let machines = async {
        vec![
            ("client credentials", client.own_token(app, "").await),
            ("refresh", client.refresh(app, refresh).await),
            ("redeem", client.redeem(app, code).await),
            ("introspect", app.machine("/oauth/introspect", server, &[("token", access)]).await),
            ("revoke", client.revoke(app, access).await),
            ("a proxy", authz(app, key).await),
            ("management", me(app, key).await),
            ("introspect a key", app.machine("/oauth/introspect", server, &[("token", key)]).await),
            ("introspect a token", app.machine("/oauth/introspect", server, &[("token", token)]).await),
        ]
    };
    let pages = async {
        vec![
            ("authorize", first.get_once(&authorize).await.answer),
            ("apps", second.get_once("/account/apps").await.answer),
        ]
    };
    let (mut answers, pages) = tokio::join!(machines, pages);
    answers.extend(pages);
    answers
}

/// V09, V12: 5xx and never 200 while it is away; nothing lost, nothing needed, once it is back.
#[tokio::test]
async fn while_the_database_is_away_every_answer_is_503_and_afterwards_all_is_as_before_rfc7009_2_2_1() {
    let mut postgres = OwnPostgres::start();
    let app = app_over(&postgres).await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let (key, token) = (app.reading_key(), reading_token(&app));
    assert!(app.is_active(&server, &access).await && is_ready(&app).await, "the twin");
    for bearer in [&key, &token] {
        assert!(app.is_active(&server, bearer).await, "the twin");
    }
    assert_eq!((authz(&app, &key).await.status, me(&app, &key).await.status), (200, 200), "the twin");

    postgres.stop();
    let bearers = [&access, &refresh, &code, &key, &token].map(String::as_str);
    let answers = everything(&app, &client, &server, &browser, bearers).await;
    for (what, answer) in &answers {
        cannot_know(what, answer);
    }
    for (what, answer) in answers.iter().take(9) {
        assert_eq!(answer.error(), "temporarily_unavailable", "{what}");
    }
    let page = &answers.last().expect("a page").1;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.body.contains(&page.header("x-request-id")), "a page quotes its request");
    assert_eq!(app.get("/livez").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 503);
    let health = app.get("/health").await;
    assert_eq!((health.status, health.text("database").as_str()), (503, "unavailable"));

    postgres.start_again();
    eventually("ready", || is_ready(&app)).await;
    assert!(app.is_active(&server, &access).await, "the refused revocation did nothing");
    client.redeem(&app, &code).await.is_ok();
    let next = client.refresh(&app, &refresh).await;
    assert!(app.is_active(&server, &next.text("access_token")).await);
    assert_eq!(browser.get("/account/apps").await.status, 200);
    client.revoke(&app, &access).await.is_ok();
    client.revoke(&app, &access).await.is_ok();
    assert!(!app.is_active(&server, &access).await);
    app.stop().await;
}

/// What every face says of a bearer: that it is good, or not, or that nobody can know.
async fn judged(app: &App, api: &TestClient, bearer: &str) -> Vec<Option<bool>> {
    let form = [("token", bearer)];
    let introspected = app.machine("/oauth/introspect", api, &form);
    let (authz, me, introspected) = tokio::join!(authz(app, bearer), me(app, bearer), introspected);
    let judge = |answer: &Answer| match answer.status {
        // Or too much of it.
        200 | 429 => Some(true),
        401 => Some(false),
        _ => {
            cannot_know("a bearer", answer);
            None
        }
    };
    let is_active = judge(&introspected).map(|_| introspected.json()["active"] == true);
    vec![judge(&authz), judge(&me), is_active]
}

/// API keys and personal tokens, and what is to be said of each.
struct Bearers {
    /// Every face knows it.
    known: [String; 2],
    /// Nobody was asked about it yet.
    fresh: [String; 2],
    /// Every face knew it before it was revoked.
    revoked: [String; 2],
    /// Never made.
    unknown: [String; 2],
}

impl Bearers {
    async fn of(app: &App, api: &TestClient) -> Self {
        let pair = || [app.reading_key(), reading_token(app)];
        let bearers = Self {
            known: pair(),
            fresh: pair(),
            revoked: pair(),
            unknown: [Entropy.api_key(&KeyTag::default()), Entropy.bearer(LastingTag::PersonalToken)]
                .map(|bearer| bearer.expose().to_owned()),
        };
        for bearer in bearers.known.iter().chain(&bearers.revoked) {
            assert_eq!(judged(app, api, bearer).await, [Some(true); 3], "the twin");
        }
        for bearer in &bearers.revoked {
            let leak = app.request("POST", "/api/v1/leaks").json(&json!({ "token": bearer }));
            assert_eq!(Answer::to(leak).await.status, 202);
        }
        bearers.are_told_apart(app, api).await;
        bearers
    }

    /// Each as it is, but those that nobody was asked about.
    async fn are_told_apart(&self, app: &App, api: &TestClient) {
        let is = async |bearers: &[String; 2], good: bool| {
            let judged = join_all(bearers.iter().map(|bearer| judged(app, api, bearer))).await;
            judged.concat() == [Some(good); 6]
        };
        eventually("known", || is(&self.known, true)).await;
        eventually("refused", || is(&self.revoked, false)).await;
        eventually("refused", || is(&self.unknown, false)).await;
    }

    /// While nobody can know more than what they knew a moment ago.
    async fn are_never_mistaken(&self, app: &App, api: &TestClient) {
        let told = async |bearers: &[String; 2]| {
            join_all(bearers.iter().map(|bearer| judged(app, api, bearer))).await.concat()
        };
        let (known, fresh, revoked, unknown) =
            tokio::join!(told(&self.known), told(&self.fresh), told(&self.revoked), told(&self.unknown));
        assert!(!known.contains(&Some(false)), "a good bearer is called bad: {known:?}");
        assert!(!revoked.contains(&Some(true)), "a revoked bearer is called good: {revoked:?}");
        assert_eq!(fresh, [None; 6], "nobody knows what they never heard of");
        assert_eq!(unknown, [None; 6], "nobody knows what they never heard of");
    }

    /// Once what was found a moment ago counts no more.
    async fn nobody_knows_any(&self, app: &App, api: &TestClient) {
        for bearer in [&self.known, &self.fresh, &self.revoked, &self.unknown].into_iter().flatten() {
            eventually("nobody knows", || async { judged(app, api, bearer).await == [None; 3] }).await;
        }
    }
}

fn patient_with_guesses(settings: &mut Settings) {
    settings.database.pool.wait_ms = 600;
    settings.database.pool.statement_timeout_ms = 300;
    settings.guard.unknown_bearer = 100_000;
}

/// At every face: 503, or what a fresh memory says; never that a revoked or unknown key is good, or a good one bad.
#[tokio::test]
async fn while_the_database_is_away_no_key_is_mistaken_for_good_or_bad() {
    let mut postgres = OwnPostgres::start();
    let app = App::over(&postgres.url(), TestClock::starting_at(*START), patient_with_guesses).await;
    let api = app.resource_server();
    let bearers = Bearers::of(&app, &api).await;
    postgres.stop();
    bearers.are_never_mistaken(&app, &api).await;
    bearers.nobody_knows_any(&app, &api).await;
    postgres.start_again();
    eventually("ready", || is_ready(&app)).await;
    bearers.are_told_apart(&app, &api).await;
    app.stop().await;
}

/// The same, where nobody is told that it is away: the limits, which are there as well, fall silent in the middle of it.
#[tokio::test]
async fn while_the_database_is_silent_no_key_is_mistaken_for_good_or_bad() {
    let database = database();
    let relay = Relay::to(&database.url);
    let app = App::over(&relay.url(), TestClock::starting_at(*START), patient_with_guesses).await;
    let api = app.resource_server();
    let bearers = Bearers::of(&app, &api).await;
    relay.fall_silent();
    bearers.are_never_mistaken(&app, &api).await;
    bearers.nobody_knows_any(&app, &api).await;
    relay.speak();
    within(BACK_WITHIN, "ready", || is_ready(&app)).await;
    bearers.are_told_apart(&app, &api).await;
    app.stop().await;
}

/// Issues and introspects on and on while the database breaks; whatever was acknowledged is good afterwards. What
/// breaks it gets the count of those who were refused.
async fn under_load(app: &App, breaking: impl AsyncFnOnce(&AtomicUsize)) {
    let (client, server) = (app.web_client(), app.resource_server());
    let known = client.own_token(app, "orders:read").await.text("access_token");
    assert!(app.is_active(&server, &known).await);
    let (issued, is_over, refused) = (Mutex::new(Vec::new()), AtomicBool::new(false), AtomicUsize::new(0));
    let worker = async |issues: bool| {
        while !is_over.load(Ordering::SeqCst) {
            let asked = Instant::now();
            let answer = if issues {
                client.own_token(app, "orders:read").await
            } else {
                app.machine("/oauth/introspect", &server, &[("token", &known)]).await
            };
            match answer.status {
                200 if issues => issued.lock().expect("a list").push(answer.text("access_token")),
                200 => assert_eq!(answer.json()["active"], true, "a good token is never called bad"),
                _ => {
                    cannot_know("under load", &answer);
                    assert!(asked.elapsed() < TOLD_WITHIN, "told after {:?}", asked.elapsed());
                    refused.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    };
    let issued_now = || issued.lock().expect("a list").len();
    let story = async {
        eventually("busy", || async { issued_now() > 20 }).await;
        breaking(&refused).await;
        felt(&refused).await;
        let before = issued_now();
        eventually("busy again", || async { issued_now() > before + 20 }).await;
        is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(join_all((0..8).map(|turn| worker(turn < 4))), story);
    assert!(is_ready(app).await);
    for token in issued.into_inner().expect("a list") {
        assert!(app.is_active(&server, &token).await, "an acknowledged token is lost");
    }
}

async fn felt(refused: &AtomicUsize) {
    eventually("felt", || async { refused.load(Ordering::SeqCst) > 0 }).await;
}

#[tokio::test]
async fn a_postmaster_killed_under_load_loses_nothing_that_was_acknowledged() {
    let postgres = OwnPostgres::start();
    let app = app_over(&postgres).await;
    under_load(&app, async |_| postgres.kill()).await;
    assert_eq!(postgres.crashes(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_database_restarted_under_load_is_503_for_a_while_and_no_more() {
    let mut postgres = OwnPostgres::start();
    let app = app_over(&postgres).await;
    let restart = async |refused: &AtomicUsize| {
        postgres.stop();
        assert!(!is_ready(&app).await);
        assert_eq!(app.get("/livez").await.status, 200);
        // It may be back before anybody was kept waiting for too long.
        felt(refused).await;
        postgres.start_again();
        within(BACK_WITHIN, "ready", || is_ready(&app)).await;
    };
    under_load(&app, restart).await;
    app.stop().await;
}

/// Many more than there are connections: who waits for a turn and then for a connection waits no longer than others.
#[tokio::test]
async fn a_crowd_at_a_database_that_is_away_is_told_so_in_time() {
    let postgres = OwnPostgres::start();
    let impatient = |settings: &mut Settings| {
        settings.database.pool.connections = 2;
        settings.database.pool.wait_ms = 1050;
    };
    let app = App::over(&postgres.url(), TestClock::starting_at(*START), impatient).await;
    let page = app.web_client().authorize_path(&[]);
    assert_eq!(app.get(&page).await.status, 303, "the twin");
    postgres.stop();
    let asked = Instant::now();
    for answer in join_all((0..12).map(|_| app.get(&page))).await {
        cannot_know("a page", &answer);
    }
    assert!(asked.elapsed() < TOLD_WITHIN, "told after {:?}", asked.elapsed());
}

/// What a network does that loses everything: connections stay, and nothing comes.
#[tokio::test]
async fn a_way_to_the_database_that_falls_silent_is_503_and_healed_when_it_speaks_or_is_cut() {
    let database = database();
    for heal in [Relay::speak, Relay::cut] {
        let relay = Relay::to(&database.url);
        let app = App::over(&relay.url(), TestClock::starting_at(*START), |settings| {
            settings.database.pool.wait_ms = 600;
            settings.database.pool.statement_timeout_ms = 300;
        })
        .await;
        let (client, api) = (app.web_client(), app.resource_server());
        let before = client.own_token(&app, "orders:read").await.text("access_token");
        assert!(app.is_active(&api, &before).await, "the twin");
        relay.fall_silent();
        for _ in 0..3 {
            let (issued, page) = tokio::join!(client.own_token(&app, ""), app.get("/readyz"));
            cannot_know("client credentials", &issued);
            assert_eq!(page.status, 503);
        }
        assert_eq!(app.get("/livez").await.status, 200);
        heal(&relay);
        within(BACK_WITHIN, "ready", || is_ready(&app)).await;
        within(BACK_WITHIN, "good", async || client.own_token(&app, "").await.status == 200).await;
        assert!(app.is_active(&api, &before).await);
        client.revoke(&app, &before).await.is_ok();
        assert!(!app.is_active(&api, &before).await);
        app.stop().await;
    }
}

/// A full queue is told so at once, with the rest of the server at work.
#[tokio::test]
async fn more_than_the_queue_holds_is_503_and_the_rest_is_answered_when_the_database_goes_on() {
    let app = App::with(|settings| settings.database.pool.queue = 1).await;
    let (client, api) = (app.web_client(), app.resource_server());
    let before = client.own_token(&app, "orders:read").await.text("access_token");
    let mut holder = db::connect(&app.settings.database.url).expect("a connection");
    // Nothing is written; what is there is read.
    holder.batch_execute("BEGIN; LOCK TABLE access_tokens IN SHARE MODE").expect("a lock");
    let refused = AtomicUsize::new(0);
    let crowd = join_all((0..12).map(|_| async {
        let answer = client.own_token(&app, "").await;
        if answer.status != 200 {
            cannot_know("too much", &answer);
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let release = async {
        eventually("full", || async { refused.load(Ordering::SeqCst) >= 9 }).await;
        assert!(app.is_active(&api, &before).await, "who only reads waits for nobody");
        holder.batch_execute("COMMIT").expect("the end of it");
    };
    tokio::join!(crowd, release);
    client.own_token(&app, "").await.is_ok();
}

/// Ends every connection to this server's database, wherever in its work it is; says how many.
fn cut_connections(app: &App) -> usize {
    let mut connection = db::connect(&app.settings.database.url).expect("a connection");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    diesel::sql_query(cut).execute(&mut connection).expect("rows")
}

#[tokio::test]
async fn connections_cut_under_load_are_503_and_lose_nothing_that_was_acknowledged() {
    let app = App::start().await;
    let cut_often = async |_: &AtomicUsize| {
        let mut cut = 0;
        while cut < 60 {
            cut += cut_connections(&app);
            tokio::task::yield_now().await;
        }
    };
    under_load(&app, cut_often).await;
}

/// F06, V12: the reply is lost, or the commit's, or nothing was done: asking again finds out, and never harms.
#[tokio::test]
async fn an_app_that_asks_again_after_503_is_never_logged_out_however_often_connections_are_cut() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut tokens = client.tokens_of_ada(&app, "orders:read").await;
    let mut refused = 0;
    for turn in 0..20 {
        let old = tokens.text("refresh_token");
        // Each time at another moment of the work.
        let cut = async {
            tokio::time::sleep(Duration::from_millis(turn % 20)).await;
            cut_connections(&app);
        };
        let (mut answer, ()) = tokio::join!(client.refresh(&app, &old), cut);
        while answer.status != 200 {
            cannot_know("a refresh", &answer);
            refused += 1;
            answer = client.refresh(&app, &old).await;
        }
        tokens = answer;
    }
    assert!(refused > 0, "no cut was ever felt");
    eventually("ready", || is_ready(&app)).await;
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
    assert!(told(&app.db, "refresh.reused").is_empty());
}

/// What a server knows of a token, if it can know anything.
async fn knows(app: &App, api: &TestClient, token: &str) -> Option<bool> {
    let answer = app.machine("/oauth/introspect", api, &[("token", token)]).await;
    (answer.status == 200).then(|| answer.json()["active"] == true)
}

/// C01: `Ok(Err(denial))` commits. On disk, for every node, although the request was refused.
#[tokio::test]
async fn a_refused_replay_leaves_its_revocation_behind_rfc6749_4_1_2() {
    let mut postgres = OwnPostgres::start();
    let app = app_over(&postgres).await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.redeem(&app, &code).await;
    let access = tokens.text("access_token");
    assert!(app.is_active(&server, &access).await);

    // A replay that cannot be dealt with is not answered as if it were.
    postgres.stop();
    cannot_know("a replay", &client.redeem(&app, &code).await);
    postgres.start_again();
    eventually("ready", || is_ready(&app)).await;
    eventually("good again", || async { knows(&app, &server, &access).await == Some(true) }).await;

    // A connection that nobody used since may turn out to be dead: then the app is told to ask again.
    eventually("refused", || async { client.redeem(&app, &code).await.status == 400 }).await;
    client.redeem(&app, &code).await.is_error(400, "invalid_grant");
    postgres.kill();
    eventually("started again", || async { postgres.crashes() == 1 }).await;
    eventually("ready", || is_ready(&app)).await;
    eventually("dead still", || async { knows(&app, &server, &access).await == Some(false) }).await;
    assert_eq!(told(&app.db, "code.replayed").len(), 1);
    app.stop().await;
}

/// A pool that is held by others is a bounded wait, then 503; what has connections of its own goes on, revocation
/// above all.
#[tokio::test]
async fn with_every_connection_held_the_answer_is_503_and_not_silence() {
    let app = App::with(|settings| {
        settings.database.pool.connections = 2;
        settings.database.pool.wait_ms = 1000;
    })
    .await;
    let (client, server) = (app.web_client(), app.resource_server());
    let page = client.authorize_path(&[]);
    assert_eq!(app.get(&page).await.status, 303);

    let holders = [Holder::of(&app).await, Holder::of(&app).await];
    for answer in join_all((0..10).map(|_| app.get(&page))).await {
        cannot_know("no connection", &answer);
    }
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(app.is_active(&server, &token).await);
    client.revoke(&app, &token).await.is_ok();
    assert!(!app.is_active(&server, &token).await);
    assert_eq!(app.get("/livez").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 503);

    for holder in holders {
        holder.release().await;
    }
    assert_eq!(app.get(&page).await.status, 303);
}

/// A key that was taken back is good for nothing there either, and what another signs is good.
#[tokio::test]
async fn with_every_connection_held_a_revoked_key_is_gone_all_the_same() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let held = App::over(&app.settings.database.url, app.clock.clone(), |settings| {
        signing(settings, "ES256");
        settings.database.pool.connections = 2;
    })
    .await;
    let (client, server) = (app.jwt_client(), app.resource_server());
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(held.is_active(&server, &token).await);

    let holders = [Holder::of(&held).await, Holder::of(&held).await];
    app.revoke_key(&app.kids().await.remove(0)).expect("a key");
    let is_refused = || async { !held.is_active(&server, &token).await };
    within(Duration::from_secs(1), "refused", is_refused).await;
    let fresh = client.own_token(&held, "orders:read").await.text("access_token");
    assert!(held.is_active(&server, &fresh).await && app.is_active(&server, &fresh).await);
    for holder in holders {
        holder.release().await;
    }
}

/// A node that vanishes or sleeps in the middle of its work holds no rows that others wait for.
#[tokio::test]
async fn a_transaction_that_nobody_goes_on_with_is_ended() {
    let app = App::with(|settings| settings.database.pool.statement_timeout_ms = 200).await;
    let mut lane = app.db.connect_for_lookups().expect("a connection");
    lane.batch_execute("BEGIN").expect("a transaction");
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (tell, is_held) = tokio::sync::oneshot::channel();
    let db = app.db.clone();
    let pooled = tokio::spawn(async move {
        let rest = move |connection: &mut db::Connection| {
            connection.batch_execute("BEGIN")?;
            tell.send(()).expect("the test");
            let _ = released.recv();
            Err::<(), _>(Fault::lost_connection("ended meanwhile"))
        };
        db.run(rest).await
    });
    is_held.await.expect("a transaction");
    let resting = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    eventually("ended", || async { count(&app.db, resting) == 0 }).await;
    release.send(()).expect("a transaction");
    assert!(pooled.await.expect("its end").is_err());
    assert!(lane.batch_execute("SELECT 1").is_err());
}

/// Holds one connection of a server's pool.
struct Holder {
    release: std::sync::mpsc::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), Fault>>,
}

impl Holder {
    async fn of(app: &App) -> Self {
        let (release, released) = std::sync::mpsc::channel();
        let (tell, is_held) = tokio::sync::oneshot::channel();
        let db = app.db.clone();
        let ended = tokio::spawn(async move {
            db.run(move |_| {
                tell.send(()).expect("the test");
                released.recv().map_err(Fault::internal)
            })
            .await
        });
        is_held.await.expect("a held connection");
        Self { release, ended }
    }

    async fn release(self) {
        self.release.send(()).expect("a holder");
        self.ended.await.expect("its end").expect("a connection");
    }
}

/// U09: what panics in a transaction takes its connection along; if that went back to the pool, whatever came next
/// would be answered and never committed.
#[tokio::test]
async fn a_panic_in_a_transaction_does_not_swallow_what_is_acknowledged_after_it() {
    let app = App::with(|settings| settings.database.pool.connections = 2).await;
    let client = app.web_client();
    let before = client.own_token(&app, "orders:read").await;
    before.is_ok();
    for _ in 0..4 {
        let panicking = |_: &mut Work<'_>| -> Outcome<()> { panic!("as a defect would") };
        assert!(app.ledger.act(&Context::operator(app.clock.now()), panicking).await.is_err());
    }
    let tokens = futures_util::future::join_all((0..8).map(|_| client.own_token(&app, "orders:read"))).await;
    let server = app.resource_server();
    // Seen by others than the connection that wrote it: committed.
    let elsewhere = app.second_node().await;
    for token in tokens.iter().chain([&before]) {
        token.is_ok();
        assert!(elsewhere.is_active(&server, &token.text("access_token")).await);
    }
}

/// A database that neither answers nor goes away: bounded, and over when it goes on.
#[tokio::test]
async fn a_frozen_database_is_503_and_not_silence() {
    let postgres = OwnPostgres::start();
    let app = App::over(&postgres.url(), TestClock::starting_at(*START), |settings| {
        settings.database.pool.wait_ms = 600;
        settings.database.pool.statement_timeout_ms = 300;
    })
    .await;
    let client = app.web_client();
    client.own_token(&app, "").await.is_ok();
    postgres.freeze();
    let answer = client.own_token(&app, "").await;
    cannot_know("client credentials", &answer);
    assert!(!is_ready(&app).await);
    assert_eq!(app.get("/livez").await.status, 200);
    postgres.thaw();
    eventually("it answers again", async || client.own_token(&app, "").await.status == 200).await;
}

/// Partitions are made while others read: neither waits for the other.
#[tokio::test]
async fn making_partitions_stops_nobody_and_is_stopped_by_nobody() {
    let app = App::start().await;
    let client = app.web_client();
    let mut reader = db::connect(&app.settings.database.url).expect("a connection");
    reader.batch_execute("BEGIN; SELECT 1 FROM access_tokens; SELECT 1 FROM events").expect("a reader");
    let later = app.clock.now().date_naive() + chrono::Days::new(40);
    let made = app.db.run(move |connection| db::make_partitions(connection, later)).await;
    assert!(made.expect("partitions") > 0);
    client.own_token(&app, "").await.is_ok();
    reader.batch_execute("COMMIT").expect("a reader that was not disturbed");
}
