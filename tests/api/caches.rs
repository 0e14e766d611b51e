//! What is remembered: whatever ends is over at once on the node that ended it, and within a second on any other,
//! although both have just found it good without asking anybody.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use grantor::accounts::store::set_disabled;
use grantor::platform::db;

use crate::commands::Grantor;
use crate::support::{ADA, Answer, App, Browser, PASSWORD, TestClient, eventually};

/// Promise N: what any other node may still say after whoever ended something was answered, and no longer.
const PROMISED: Duration = Duration::from_secs(1);

/// All that stands behind an access token of a person's.
const CACHES: [&str; 6] = ["client_ids", "clients", "access_tokens", "families", "grants", "users"];

/// What a node's metrics say after these words.
async fn metric<T: FromStr>(node: &App, words: &str) -> T {
    let metrics = Answer::to(node.http.get(format!("{}/metrics", node.ops))).await;
    let value = metrics.body.lines().find_map(|line| line.strip_prefix(words)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {words} in {}", metrics.body))
}

/// What was counted of a cache.
async fn counted(node: &App, what: &str, cache: &str) -> u64 {
    metric(node, &format!("grantor_cache_{what}_total{{cache=\"{cache}\"}}")).await
}

/// The same of every cache.
async fn all(node: &App, what: &str) -> [u64; CACHES.len()] {
    let mut values = [0; CACHES.len()];
    for (value, cache) in values.iter_mut().zip(CACHES) {
        *value = counted(node, what, cache).await;
    }
    values
}

/// Two nodes over one database, an app and a resource server, and what the app holds of Ada's.
struct Scene {
    home: App,
    away: App,
    client: TestClient,
    server: TestClient,
    code: String,
    access: String,
    refresh: String,
}

impl Scene {
    async fn set() -> Self {
        let home = App::start().await;
        let away = home.second_node().await;
        let (client, server) = (home.web_client(), home.resource_server());
        let mut browser = home.browser();
        browser.sign_in(ADA).await;
        let code = client.code_from(&mut browser, "orders:read people:read").await;
        let tokens = client.redeem(&home, &code).await;
        let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
        Self { home, away, client, server, code, access, refresh }
    }

    /// Whether a node still says that the token is good, to the resource server.
    async fn is_good(&self, node: &App) -> bool {
        let answer = node.machine("/oauth/introspect", &self.server, &[("token", &self.access)]).await;
        if answer.status == 200 {
            return answer.json()["active"] == true;
        }
        answer.is_error(401, "invalid_client");
        false
    }

    /// Asks until the node finds all of it without asking the database.
    async fn is_remembered(&self, node: &App) {
        eventually("remembered", async || {
            let before = all(node, "hits").await;
            assert!(self.is_good(node).await);
            let after = all(node, "hits").await;
            before.iter().zip(after).all(|(before, after)| after > *before)
        })
        .await;
    }

    /// Asserts that it is over here now, and elsewhere for every request that begins a second after `told`.
    async fn is_over(&self, told: Instant) {
        assert!(!self.is_good(&self.home).await, "at home it is over before the answer");
        eventually("over elsewhere", async || {
            let asked = Instant::now();
            let is_good = self.is_good(&self.away).await;
            assert!(!is_good || asked < told + PROMISED, "longer than promised");
            !is_good
        })
        .await;
        for node in [&self.home, &self.away] {
            assert!(!self.is_good(node).await, "what is over stays over");
        }
    }

    /// Somebody at Ada's browser, at home.
    async fn ada(&self) -> Browser<'_> {
        let mut browser = self.home.browser();
        browser.sign_in(ADA).await;
        browser
    }

    /// Takes back one scope, or all.
    async fn take_back(&self, scope: Option<&str>) {
        let mut browser = self.ada().await;
        let forms = browser.get("/account/apps").await.forms();
        let form = forms.iter().find(|form| form.action.ends_with("/revoke") && form.field("scope") == scope);
        browser.submit(form.expect("its form"), &[]).await;
    }
}

/// Both nodes remember that it is good; then `end`, and it is over.
async fn ends(end: impl AsyncFnOnce(&Scene)) {
    let scene = Scene::set().await;
    for node in [&scene.home, &scene.away] {
        scene.is_remembered(node).await;
    }
    let before = all(&scene.away, "invalidations").await;
    end(&scene).await;
    scene.is_over(Instant::now()).await;
    eventually("heard", async || all(&scene.away, "invalidations").await != before).await;
}

#[tokio::test]
async fn a_revoked_access_token_is_over_on_every_node_rfc7009_2() {
    ends(async |scene| scene.client.revoke(&scene.home, &scene.access).await.is_ok()).await;
}

#[tokio::test]
async fn the_tokens_of_a_revoked_refresh_token_are_over_on_every_node_rfc7009_2_1() {
    ends(async |scene| scene.client.revoke(&scene.home, &scene.refresh).await.is_ok()).await;
}

#[tokio::test]
async fn the_tokens_of_a_replayed_code_are_over_on_every_node_rfc6749_4_1_2() {
    ends(async |scene| {
        scene.client.redeem(&scene.home, &scene.code).await.is_error(400, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn the_tokens_of_a_reused_refresh_token_are_over_on_every_node_rfc9700_4_14_2() {
    ends(async |scene| {
        scene.client.refresh(&scene.home, &scene.refresh).await.is_ok();
        scene.home.advance(chrono::Duration::seconds(11));
        scene.client.refresh(&scene.home, &scene.refresh).await.is_error(400, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn the_tokens_of_a_withdrawn_grant_are_over_on_every_node() {
    ends(async |scene| scene.take_back(None).await).await;
}

#[tokio::test]
async fn a_scope_taken_back_is_over_on_every_node() {
    ends(async |scene| scene.take_back(Some("orders:read")).await).await;
}

#[tokio::test]
async fn the_tokens_of_a_disabled_client_are_over_on_every_node() {
    ends(async |scene| scene.home.disable(&scene.client, true)).await;
}

#[tokio::test]
async fn the_tokens_of_a_disabled_person_are_over_on_every_node() {
    ends(async |scene| {
        assert!(scene.home.operator(|work| Ok(Ok(set_disabled(work, ADA.id(), true)?))));
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_was_rotated_out_is_over_on_every_node() {
    ends(async |scene| drop(scene.home.rotate(&scene.server, chrono::Duration::zero()))).await;
}

#[tokio::test]
async fn a_disabled_resource_server_learns_nothing_on_any_node() {
    ends(async |scene| scene.home.disable(&scene.server, true)).await;
}

#[tokio::test]
async fn a_new_password_ends_the_tokens_on_every_node() {
    ends(async |scene| {
        let mut browser = scene.ada().await;
        let form = browser.get("/account/password").await.form("/account/password");
        let new = "a new and better one";
        let page = browser.submit(&form, &[("current", PASSWORD), ("new", new), ("again", new)]).await;
        assert_eq!((page.status, page.path.split('?').next()), (200, Some("/account")), "{}", page.body);
    })
    .await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_the_tokens_on_every_node() {
    ends(async |scene| {
        let mut browser = scene.ada().await;
        let form = browser.get("/account").await.form("/account/sign-out-everywhere");
        browser.submit(&form, &[]).await;
    })
    .await;
}

/// A command is another process: both nodes are elsewhere.
#[tokio::test]
async fn what_a_command_ends_is_over_on_every_node() {
    let scene = Scene::set().await;
    let grantor = Grantor::over(&scene.home.settings.database.url);
    for node in [&scene.home, &scene.away] {
        scene.is_remembered(node).await;
    }
    grantor.run(&["client", "disable", &scene.client.id]).is_done();
    let told = Instant::now();
    for node in [&scene.home, &scene.away] {
        eventually("over", async || {
            let asked = Instant::now();
            let is_good = scene.is_good(node).await;
            assert!(!is_good || asked < told + PROMISED, "longer than promised");
            !is_good
        })
        .await;
    }
    grantor.run(&["client", "enable", &scene.client.id]).is_done();
    for node in [&scene.home, &scene.away] {
        eventually("good again", || scene.is_good(node)).await;
        scene.is_remembered(node).await;
    }
}

/// Cuts off every listener as soon as it is connected.
struct Cutting {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Cutting {
    fn start(app: &App) -> Self {
        const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND application_name = 'grantor listener'";
        let is_over = Arc::new(AtomicBool::new(false));
        let mut connection = db::connect(&app.settings.database.url).expect("a connection");
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                connection.batch_execute(CUT).expect("a cut");
            }
        });
        Self { is_over, thread }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("cuts to the end");
    }
}

/// I10: nothing is remembered where nothing is heard, and what was said meanwhile is known before anything is.
#[tokio::test]
async fn while_listeners_are_cut_off_nobody_says_what_is_over_and_everybody_asks() {
    let scene = Scene::set().await;
    let kept = scene.client.tokens_of_ada(&scene.home, "orders:read").await.text("access_token");
    for node in [&scene.home, &scene.away] {
        scene.is_remembered(node).await;
    }
    let cutting = Cutting::start(&scene.home);
    for cache in ["clients", "access_tokens", "users"] {
        eventually("bypassed", async || {
            let before = counted(&scene.away, "bypasses", cache).await;
            assert!(scene.is_good(&scene.away).await);
            counted(&scene.away, "bypasses", cache).await > before
        })
        .await;
    }
    scene.client.revoke(&scene.home, &scene.refresh).await.is_ok();
    scene.is_over(Instant::now()).await;
    cutting.end();
    // Heard again, and remembered again; what is over stays so.
    for node in [&scene.home, &scene.away] {
        eventually("remembered again", async || {
            let before = counted(node, "hits", "families").await;
            assert!(!scene.is_good(node).await);
            assert!(node.is_active(&scene.server, &kept).await);
            counted(node, "hits", "families").await > before
        })
        .await;
    }
}

/// What a node knows is remembered by itself: a good token is not asked for again because another one ended.
#[tokio::test]
async fn what_ends_is_forgotten_alone() {
    let scene = Scene::set().await;
    let other = scene.client.own_token(&scene.home, "orders:read").await.text("access_token");
    scene.is_remembered(&scene.home).await;
    eventually("a second token remembered", async || {
        let before = counted(&scene.home, "hits", "access_tokens").await;
        assert!(scene.home.is_active(&scene.server, &other).await);
        counted(&scene.home, "hits", "access_tokens").await > before
    })
    .await;
    let before = counted(&scene.home, "invalidations", "access_tokens").await;
    scene.client.revoke(&scene.home, &other).await.is_ok();
    assert!(!scene.home.is_active(&scene.server, &other).await);
    // Once here, and once more when it is heard.
    assert!((1..=2).contains(&(counted(&scene.home, "invalidations", "access_tokens").await - before)));
    scene.is_remembered(&scene.home).await;
}

#[tokio::test]
async fn with_nothing_remembered_every_node_asks_every_time() {
    let app = App::with(|settings| settings.cache.entries = 0).await;
    let second = app.second_node().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let token = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    for node in [&app, &second, &app, &second] {
        assert!(node.is_active(&server, &token).await);
    }
    client.revoke(&app, &token).await.is_ok();
    for node in [&app, &second] {
        assert!(!node.is_active(&server, &token).await, "at once");
        assert_eq!(all(node, "hits").await, [0; CACHES.len()]);
    }
}

/// A consent that gives more works at once, where it was given.
#[tokio::test]
async fn what_is_allowed_in_addition_is_good_at_once() {
    let scene = Scene::set().await;
    scene.is_remembered(&scene.home).await;
    scene.take_back(Some("orders:read")).await;
    assert!(!scene.is_good(&scene.home).await);
    scene.client.tokens_of_ada(&scene.home, "orders:read").await.is_ok();
    assert!(scene.is_good(&scene.home).await, "the older token carries it still");
    eventually("good elsewhere", || scene.is_good(&scene.away)).await;
}

#[tokio::test]
async fn it_is_told_for_how_long_nothing_was_heard() {
    let app = App::start().await;
    eventually("heard", async || metric::<f64>(&app, "grantor_cache_silence_seconds").await < 0.7).await;
    for name in ["hits", "misses", "bypasses", "invalidations"] {
        all(&app, name).await;
    }
}
