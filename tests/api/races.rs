//! Many at once, on one node and on two: one winner, no loser harmed who should not be, and never a 5xx.

use grantor::audit::Work;
use grantor::grants::ending::end_everywhere;
use grantor::grants::store;
use grantor::kernel::{Fault, PrincipalId};

use crate::support::{
    ADA, Answer, App, Browser, PASSWORD, Page, TestClient, all_at_once, count, eventually, statuses, told,
};

const MANY: usize = 50;

/// A code of Ada's for this client.
async fn code(app: &App, client: &TestClient) -> String {
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await
}

/// One code, redeemed by all at once: at most one gets tokens, and as the others are replays, they are dead.
pub(crate) async fn redeemed_by_many(nodes: &[&App]) {
    let app = nodes[0];
    let (client, server) = (app.web_client(), app.resource_server());
    let good = client.redeem(app, &code(app, &client).await).await;
    assert!(app.is_active(&server, &good.text("access_token")).await, "the twin");

    let code = code(app, &client).await;
    let answers = all_at_once(MANY, |turn| client.redeem(nodes[turn % nodes.len()], &code)).await;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert!(won.len() <= 1, "{:?}", statuses(&answers));
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        lost.is_error(400, "invalid_grant");
    }
    for answer in won {
        for node in nodes {
            assert!(!node.is_active(&server, &answer.text("access_token")).await);
            let refreshed = client.refresh(node, &answer.text("refresh_token")).await;
            refreshed.is_error(400, "invalid_grant");
        }
    }
    assert_eq!(told(&app.db, "code.redeemed").len(), 2);
    assert_eq!(told(&app.db, "code.replayed").len(), 1);
    assert!(app.is_active(&server, &good.text("access_token")).await, "another family");
}

/// C06
#[tokio::test]
async fn of_fifty_parallel_redemptions_at_most_one_is_answered_and_its_tokens_are_dead_rfc6749_4_1_2() {
    let app = App::start().await;
    redeemed_by_many(&[&app]).await;
}

/// C07
#[tokio::test]
async fn of_fifty_parallel_redemptions_on_two_nodes_at_most_one_is_answered() {
    let app = App::start().await;
    let second = app.second_node().await;
    redeemed_by_many(&[&app, &second]).await;
}

/// One refresh token, used by all at once: all get the one same pair.
pub(crate) async fn refreshed_by_many(nodes: &[&App]) {
    let app = nodes[0];
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.redeem(app, &code(app, &client).await).await;
    let old = tokens.text("refresh_token");
    let answers = all_at_once(MANY, |turn| client.refresh(nodes[turn % nodes.len()], &old)).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    assert_eq!(count(&app.db, "refresh_tokens"), 2);
    assert_eq!(count(&app.db, "refresh_tokens WHERE consumed_at IS NULL"), 1);
    assert_eq!(count(&app.db, "access_tokens"), 2);
    for node in nodes {
        assert!(node.is_active(&server, &answers[0].text("access_token")).await);
    }
    client.refresh(app, &answers[0].text("refresh_token")).await.is_ok();
    assert!(told(&app.db, "refresh.reused").is_empty());
}

/// F03
#[tokio::test]
async fn fifty_parallel_refreshes_get_the_one_same_answer() {
    let app = App::start().await;
    refreshed_by_many(&[&app]).await;
}

/// F04
#[tokio::test]
async fn fifty_parallel_refreshes_on_two_nodes_get_the_one_same_answer() {
    let app = App::start().await;
    let second = app.second_node().await;
    refreshed_by_many(&[&app, &second]).await;
}

/// F03, g = 0: without a grace they are thieves to each other.
#[tokio::test]
async fn without_a_grace_at_most_one_of_fifty_refreshes_is_answered_and_the_family_is_dead() {
    let app = App::with(|settings| settings.tokens.refresh_grace_s = 0).await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.redeem(&app, &code(&app, &client).await).await;
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
    let old = tokens.text("refresh_token");
    let answers = all_at_once(MANY, |_| client.refresh(&app, &old)).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(won <= 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        lost.is_error(400, "invalid_grant");
    }
    assert!(!app.is_active(&server, &tokens.text("access_token")).await);
    assert_eq!(told(&app.db, "refresh.reused").len(), 1);
}

/// V05: whatever the refreshes beside it got is dead, too.
#[tokio::test]
async fn a_revocation_amid_refreshes_leaves_nothing_alive_rfc7009_2_1() {
    let app = App::start().await;
    let second = app.second_node().await;
    revoked_amid_refreshes(&[&app, &second]).await;
}

pub(crate) async fn revoked_amid_refreshes(nodes: &[&App]) {
    let app = nodes[0];
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.redeem(app, &code(app, &client).await).await;
    let old = tokens.text("refresh_token");
    let (client, old) = (&client, &old);
    let answers = all_at_once(20, |turn| async move {
        match turn {
            10 => client.revoke(app, old).await,
            _ => client.refresh(nodes[turn % nodes.len()], old).await,
        }
    });
    let answers = answers.await;
    assert_eq!((answers[10].status, answers[10].body.as_str()), (200, ""));
    for (turn, answer) in answers.iter().enumerate().filter(|(turn, _)| *turn != 10) {
        match answer.status {
            200 => assert!(!app.is_active(&server, &answer.text("access_token")).await, "{turn}"),
            _ => answer.is_error(400, "invalid_grant"),
        }
    }
    assert!(!app.is_active(&server, &tokens.text("access_token")).await);
}

/// I10: here at once, there soon (how soon, and all that can end: caches.rs).
#[tokio::test]
async fn what_is_revoked_on_one_node_is_dead_on_the_other() {
    let app = App::start().await;
    let second = app.second_node().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.redeem(&app, &code(&app, &client).await).await;
    let next = client.refresh(&second, &tokens.text("refresh_token")).await;
    let (old, new) = (tokens.text("access_token"), next.text("access_token"));
    assert!(app.is_active(&server, &new).await && second.is_active(&server, &old).await);
    client.revoke(&app, &old).await.is_ok();
    assert!(!app.is_active(&server, &old).await);
    eventually("dead there", async || !second.is_active(&server, &old).await).await;
    assert!(second.is_active(&server, &new).await, "an access token dies alone");
    client.revoke(&second, &next.text("refresh_token")).await.is_ok();
    assert!(!second.is_active(&server, &new).await);
    eventually("dead here", async || !app.is_active(&server, &new).await).await;
}

/// The same browser, as often as needed, at any node.
fn tab<'a>(app: &'a App, of: &Browser<'_>) -> Browser<'a> {
    let mut browser = app.browser();
    browser.cookies.clone_from(&of.cookies);
    browser
}

/// The consent page for a scope, in a browser where Ada is signed in.
async fn consent_page<'a>(app: &'a App, client: &TestClient, scope: &str) -> (Browser<'a>, Page) {
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = browser.get(&client.authorize_path(&[("scope", scope)])).await;
    assert!(page.is_consent(), "{}", page.body);
    (browser, page)
}

/// N01
#[tokio::test]
async fn a_consent_that_is_posted_many_times_at_once_yields_one_code() {
    let app = App::start().await;
    let second = app.second_node().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let (browser, page) = consent_page(&app, &client, "orders:read").await;
    let fields = page.form("/oauth/consent").filled(&[("answer", "allow")]);
    let posts = (0..10).map(|turn| {
        let (mut tab, fields) = (tab([&app, &second][turn % 2], &browser), &fields);
        async move { tab.post_once("/oauth/consent", fields).await }
    });
    let pages = futures_util::future::join_all(posts).await;
    let codes: Vec<String> = pages.iter().filter_map(|page| page.returned("code")).collect();
    assert_eq!(codes.len(), 1);
    for page in pages.iter().filter(|page| page.returned("code").is_none()) {
        assert_eq!((page.status, page.location().as_str()), (400, ""), "{}", page.body);
    }
    assert_eq!(count(&app.db, "authorization_codes"), 1);
    let tokens = client.redeem(&app, &codes[0]).await;
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
}

/// Two consents at once both count.
#[tokio::test]
async fn two_different_consents_at_once_both_count() {
    let app = App::start().await;
    let second = app.second_node().await;
    let client = app.web_client();
    let (first, first_page) = consent_page(&app, &client, "orders:read").await;
    let (other, other_page) = consent_page(&app, &client, "people:read").await;
    let (mut left, mut right) = (tab(&app, &first), tab(&second, &other));
    let (one, two) = tokio::join!(left.allow(first_page), right.allow(other_page));
    for page in [&one, &two] {
        let code = page.returned("code").expect("a code");
        client.redeem(&app, &code).await.is_ok();
    }
    assert_eq!(count(&app.db, "grants"), 1);
    assert_eq!(
        count(&app.db, "grants WHERE scopes = '{orders:read,people:read}' AND withdrawn_at IS NULL"),
        1
    );
}

/// L05: none escapes the count by coming at the same moment.
#[tokio::test]
async fn fifty_parallel_wrong_passwords_are_counted_each() {
    let app = App::start().await;
    let second = app.second_node().await;
    let mut twin = app.browser();
    twin.sign_in(ADA).await;
    let mut browser = app.browser();
    let page = browser.get("/login").await;
    let form = page.form("/login");
    let fields = form.filled(&[("identifier", ADA.identifier), ("password", "a wrong password")]);
    let posts = (0..MANY).map(|turn| {
        let (mut tab, fields) = (tab([&app, &second][turn % 2], &browser), &fields);
        async move { tab.post_once("/login", fields).await.answer }
    });
    let answers = futures_util::future::join_all(posts).await;
    // Five are free; after the fifth the account is closed to this network for a while.
    let statuses = statuses(&answers);
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [(403, 5), (429, 45)]);
    assert_eq!(count(&app.db, "sign_in_failures WHERE failures = 5"), 1);
    assert_eq!(told(&app.db, "user.sign_in_failed").len(), 1);
    let right = form.filled(&[("identifier", ADA.identifier), ("password", PASSWORD)]);
    assert_eq!(tab(&app, &browser).post_once("/login", &right).await.status, 429);
}

/// O06: a consent that had found its session alive, and then waited while everything was ended, gives no code
/// that works.
#[tokio::test]
async fn a_consent_that_sign_out_everywhere_overtakes_gives_nothing_that_works() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let twin = client.tokens_of_ada(&app, "people:read").await;
    twin.is_ok();
    let (browser, page) = consent_page(&app, &client, "orders:read").await;
    let fields = page.form("/oauth/consent").filled(&[("answer", "allow")]);
    let mut tab = tab(&app, &browser);
    let everything = |work: &mut Work<'_>| end_everywhere(work, ADA.id(), "signed_out_everywhere").map(drop);
    let overtake = overtaking(&app, ADA.id(), everything).await;
    let (page, ()) = tokio::join!(tab.post_once("/oauth/consent", &fields), overtake);
    assert_ne!(page.status, 500, "{}", page.body);
    if let Some(code) = page.returned("code") {
        let tokens = client.redeem(&app, &code).await;
        assert_ne!(tokens.status, 200, "a code that outlived signing out everywhere: {}", tokens.body);
    }
    assert!(!app.is_active(&server, &twin.text("access_token")).await);
}

/// N05: what is taken back while an app passes silently is not given back by that pass: the person is asked.
#[tokio::test]
async fn a_silent_pass_that_disconnecting_overtakes_gives_nothing_back() {
    let app = App::start().await;
    let client = app.web_client();
    client.tokens_of_ada(&app, "orders:read").await.is_ok();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let again = client.authorize_path(&[]);
    assert!(browser.get_once(&again).await.returned("code").is_some(), "it passes silently");

    let principal = client.principal;
    let disconnect = move |work: &mut Work<'_>| {
        let grant = store::find_living(work, ADA.id(), principal)?.expect("a grant");
        assert!(store::withdraw(work, grant.id, ADA.id())?);
        Ok(())
    };
    let overtake = overtaking(&app, ADA.id(), disconnect).await;
    let (page, ()) = tokio::join!(browser.get_once(&again), overtake);
    assert_eq!(page.returned("code"), None, "{}", page.location());
    assert!(page.location().starts_with("/oauth/consent?"), "{}", page.location());
    assert_eq!(count(&app.db, "grants WHERE withdrawn_at IS NULL"), 0);
}

/// The last scope taken back is the whole taken back, also when two are taken back at once.
#[tokio::test]
async fn two_scopes_taken_back_at_once_leave_no_empty_grant() {
    let app = App::start().await;
    let client = app.web_client();
    client.tokens_of_ada(&app, "orders:read orders:write").await.is_ok();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let forms = browser.get("/account/apps").await.forms();
    let removals = forms.iter().filter(|form| form.field("scope").is_some()).map(|form| {
        let mut tab = tab(&app, &browser);
        async move { tab.post_once(&form.action, &form.fields).await.status }
    });
    assert_eq!(futures_util::future::join_all(removals).await, [303, 303]);
    assert_eq!(count(&app.db, "grants WHERE withdrawn_at IS NULL"), 0);
}

/// Holds the person's row on a thread of its own. The future that is returned waits until somebody waits for the
/// row; then `act` is done, in the transaction that holds it.
async fn overtaking(
    app: &App,
    person: PrincipalId,
    act: impl FnOnce(&mut Work<'_>) -> Result<(), Fault> + Send + 'static,
) -> impl Future<Output = ()> {
    let (held, is_held) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (ledger, now) = (app.ledger.clone(), app.clock.now());
    std::thread::spawn(move || {
        let context = grantor::platform::context::Context::operator(now);
        let outcome = ledger.act_here(&context, |work| {
            use diesel::connection::SimpleConnection as _;
            work.nothing_to_tell("a test's own doing");
            let statement = format!("SELECT 1 FROM users WHERE principal_id = '{person}' FOR UPDATE");
            work.batch_execute(&statement)?;
            held.send(()).expect("the test");
            released.recv().expect("the test");
            act(work).map(Ok)
        });
        outcome.expect("a database").expect("an act that is allowed");
    });
    is_held.await.expect("the person's row is held");
    let db = app.db.clone();
    async move {
        eventually("waited for the person", || async {
            count(&db, "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0
        })
        .await;
        release.send(()).expect("the holder");
    }
}
