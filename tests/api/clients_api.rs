//! Clients by the management API: who registers which, and who sees what of them.

use chrono::Duration;
use grantor::accounts::organizations::Role;
use grantor::audit::Actor;
use grantor::kernel::PrincipalId;
use grantor::services::access::let_call;
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, TestClient, count, dump, hash_of, told};

const CLIENTS: &str = "clients:*";

/// An organization that may call `orders`, and a developer of it.
struct Scene {
    app: App,
    acme: PrincipalId,
    bob: Voice,
}

impl Scene {
    async fn set() -> Self {
        let app = App::start().await;
        let acme = app.org("Acme", None);
        app.member(acme, BOB, Role::Developer);
        app.operator(|work| let_call(work, Actor::Operator, "orders", acme));
        let bob = app.voice_of(BOB, CLIENTS);
        Self { app, acme, bob }
    }

    /// What a developer of Acme may register.
    fn wish(&self, changes: Value) -> Value {
        let mut wish = json!({ "client_name": "Shop", "account": self.acme, "scope": "orders:read",
            "grant_types": ["client_credentials"] });
        let members = wish.as_object_mut().expect("members");
        members.extend(changes.as_object().expect("changes").clone());
        wish
    }

    async fn register(&self) -> Answer {
        let made = self.app.post_api(&self.bob, "/clients", self.wish(json!({}))).await;
        made.is(201);
        made
    }
}

/// What was registered, to act with.
fn acting(made: &Answer) -> TestClient {
    TestClient {
        id: made.text("client_id"),
        principal: PrincipalId::parse(&made.text("id")).expect("an id"),
        secret: Some(made.text("client_secret")),
        redirect_uri: String::new(),
    }
}

#[tokio::test]
async fn a_member_registers_a_client_of_the_organization_and_gets_its_secret_once() {
    let scene = Scene::set().await;
    let made = scene.register().await;
    assert_eq!(made.header("cache-control"), "no-store");
    let client = acting(&made);
    assert_eq!(made.json()["account"], json!(scene.acme));
    assert_eq!(
        (made.json()["first_party"].as_bool(), made.json()["verified"].as_bool()),
        (Some(false), Some(false))
    );
    client.own_token(&scene.app, "orders:read").await.is_ok();
    let path = format!("/clients/{}", client.id);
    let (one, all) =
        (scene.app.get_api(&scene.bob, &path).await, scene.app.get_api(&scene.bob, "/clients").await);
    assert_eq!(
        (one.json()["secrets"].as_array().map(Vec::len), all.members("client_id")),
        (Some(1), vec![client.id.clone()])
    );
    let events = told(&scene.app.db, "client.created");
    assert_eq!(events.last().and_then(|event| event.actor_id), Some(BOB.id().uuid()));
    // S04, B12: neither the secret nor its hash, to nobody, in no place.
    let secret = client.secret.expect("a secret");
    let hash = hash_of(&secret);
    for answer in [&one, &all] {
        assert!(!answer.body.contains(&secret) && !answer.body.contains(&hash), "{}", answer.body);
    }
    assert!(!made.body.contains(&hash) && !dump(&scene.app.db).contains(&secret));
}

#[tokio::test]
async fn a_tenant_says_nothing_of_a_client_that_is_for_administrators_to_say() {
    let scene = Scene::set().await;
    for (name, value) in [
        ("first_party", json!(true)),
        ("verified", json!(true)),
        ("introspection_audiences", json!(["https://orders.test"])),
        ("introspection_consumes", json!(true)),
        ("client_id", json!("shop")),
        ("access_token_lifetime", json!(86_400)),
        ("refresh_token_lifetime", json!(60)),
    ] {
        let wish = scene.wish(json!({ name: value }));
        let answer = scene.app.post_api(&scene.bob, "/clients", wish).await;
        answer.is_problem(400, "invalid_request");
        assert_eq!(answer.text("detail"), format!("{name}: only an administrator of this server says that"));
    }
    assert_eq!(count(&scene.app.db, "clients"), 0);
    let ada = scene.app.administrator(CLIENTS);
    let alone = scene.wish(json!({ "introspection_consumes": true }));
    let refused = scene.app.post_api(&ada, "/clients", alone).await;
    refused.is_problem(400, "invalid_request");
    let words = "introspection_consumes is for a client that may introspect: name its audiences";
    assert_eq!(refused.text("detail"), words);
    let wish = scene.wish(json!({ "first_party": true, "verified": true, "client_id": "shop",
        "introspection_audiences": ["https://orders.test"], "introspection_consumes": true,
        "access_token_lifetime": 60 }));
    let made = scene.app.post_api(&ada, "/clients", wish.clone()).await;
    made.is(201);
    assert_eq!(
        (made.text("client_id"), made.json()["access_token_lifetime"].as_i64()),
        ("shop".into(), Some(60))
    );
    assert_eq!(made.json()["introspection_audiences"], json!(["https://orders.test"]));
    assert_eq!(made.json()["introspection_consumes"], true);
    scene.app.post_api(&ada, "/clients", wish).await.is_problem(409, "conflict");
    let own = scene
        .app
        .post_api(
            &ada,
            "/clients",
            json!({ "client_name": "Own",
        "token_endpoint_auth_method": "none", "redirect_uris": ["https://own.example/cb"] }),
        )
        .await;
    assert_eq!(
        (own.json()["account"].clone(), own.json()["confidential"].as_bool()),
        (own.json()["id"].clone(), Some(false))
    );
    assert!(own.json().get("client_secret").is_none());
    assert_eq!(own.json()["introspection_consumes"], false, "nobody said so");
    let secrets = format!("/clients/{}/secrets", own.text("client_id"));
    scene.app.post_api(&ada, &secrets, json!({})).await.is_problem(400, "invalid_request");
}

/// By its own tokens a client gets wherever its scope reaches.
#[tokio::test]
async fn a_tenants_client_reaches_no_further_than_its_account() {
    let scene = Scene::set().await;
    let refused = async |scope: &str| {
        let wish = scene.wish(json!({ "scope": scope }));
        let answer = scene.app.post_api(&scene.bob, "/clients", wish).await;
        answer.is_problem(400, "invalid_request");
        answer.text("detail")
    };
    let words = "scope: no service that this account may call has the scope";
    assert_eq!(refused("orders:read people:read").await, format!("{words} people:read"));
    assert_eq!(refused("nothing:read").await, format!("{words} nothing:read"));
    // S10
    for management in ["keys:read", "admin", "clients:*", "users:write"] {
        assert!(refused(management).await.contains("this server's own management"), "{management}");
    }
    scene.app.operator(|work| let_call(work, Actor::Operator, "people", scene.acme));
    let wish = scene.wish(json!({ "scope": "orders:read people:read" }));
    scene.app.post_api(&scene.bob, "/clients", wish).await.is(201);
}

/// S10, for those who may do everything else.
#[tokio::test]
async fn s10_not_even_an_administrator_registers_a_client_for_management_scopes() {
    let app = App::start().await;
    let ada = app.administrator(CLIENTS);
    for management in ["keys:read", "admin", "clients:*"] {
        let wish =
            json!({ "client_name": "Shop", "scope": management, "grant_types": ["client_credentials"] });
        let answer = app.post_api(&ada, "/clients", wish).await;
        answer.is_problem(400, "invalid_request");
        assert!(answer.text("detail").contains("this server's own management"), "{}", answer.body);
    }
    assert_eq!(count(&app.db, "clients"), 0);
}

/// S01: what is another tenant's does not exist; what a role does not allow is forbidden.
#[tokio::test]
async fn s01_another_tenants_clients_do_not_exist_and_a_viewer_changes_none() {
    let scene = Scene::set().await;
    let (app, path) = (&scene.app, format!("/clients/{}", scene.register().await.text("client_id")));
    let secrets = format!("{path}/secrets");
    let other = app.org("Other", Some(ADA));
    let strangers = [app.voice_of(ADA, CLIENTS), app.key_of(other, CLIENTS)];
    let shut = || Some(json!({ "disabled": true }));
    for stranger in &strangers {
        app.get_api(stranger, &path).await.is_problem(404, "not_found");
        app.api(stranger, Method::PATCH, &path, shut()).await.is_problem(404, "not_found");
        app.post_api(stranger, &secrets, json!({})).await.is_problem(404, "not_found");
        app.post_api(stranger, "/clients", scene.wish(json!({}))).await.is_problem(404, "not_found");
        assert!(app.get_api(stranger, "/clients").await.members("client_id").is_empty());
    }
    app.member(scene.acme, ADA, Role::Viewer);
    let viewer = &strangers[0];
    app.get_api(viewer, &path).await.is(200);
    assert_eq!(app.get_api(viewer, "/clients").await.members("client_id").len(), 1);
    app.api(viewer, Method::PATCH, &path, shut()).await.is_problem(403, "forbidden");
    app.post_api(viewer, &secrets, json!({})).await.is_problem(403, "forbidden");
    app.post_api(viewer, "/clients", scene.wish(json!({}))).await.is_problem(403, "forbidden");
    assert_eq!(told(&app.db, "client.secret_rotated").len(), 0);
    // A key of the organization is its developer, and registers for it without saying so.
    let key = app.key_of(scene.acme, CLIENTS);
    let wish = json!({ "client_name": "By key", "grant_types": ["client_credentials"] });
    let made = app.post_api(&key, "/clients", wish.clone()).await;
    assert_eq!(made.json()["account"], json!(scene.acme));
    let required = app.post_api(&scene.bob, "/clients", wish).await;
    assert_eq!((required.status, required.text("detail")), (400, "the member account is required".into()));
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap_and_told_once() {
    let scene = Scene::set().await;
    let old = acting(&scene.register().await);
    let path = format!("/clients/{}/secrets", old.id);
    let rotated = scene.app.post_api(&scene.bob, &path, json!({ "overlap": "15m" })).await;
    rotated.is(201);
    assert_eq!(rotated.header("cache-control"), "no-store");
    let new = TestClient { secret: Some(rotated.text("client_secret")), ..old.clone() };
    for client in [&old, &new] {
        client.own_token(&scene.app, "").await.is_ok();
    }
    let shown = scene.app.get_api(&scene.bob, &format!("/clients/{}", old.id)).await;
    assert_eq!(shown.json()["secrets"].as_array().map(Vec::len), Some(2));
    assert!(!shown.body.contains(new.secret.as_deref().expect("a secret")));
    scene.app.clock.advance(Duration::minutes(15));
    old.own_token(&scene.app, "").await.is_error(401, "invalid_client");
    new.own_token(&scene.app, "").await.is_ok();
    let events = told(&scene.app.db, "client.secret_rotated");
    assert_eq!((events.len(), events[0].actor_id), (1, Some(BOB.id().uuid())));
    for bad in [json!({ "overlap": "2h" }), json!({ "secret": "mine" })] {
        scene.app.post_api(&scene.bob, &path, bad).await.is_problem(400, "invalid_request");
    }
}

/// Whoever may shut out a client does not undo what an administrator did.
#[tokio::test]
async fn a_tenant_shuts_its_client_out_and_an_administrator_lets_it_act_again() {
    let scene = Scene::set().await;
    let client = acting(&scene.register().await);
    let path = format!("/clients/{}", client.id);
    let say = async |voice: &Voice, disabled: bool| {
        scene.app.api(voice, Method::PATCH, &path, Some(json!({ "disabled": disabled }))).await
    };
    let shut = say(&scene.bob, true).await;
    assert!(shut.json()["disabled_at"].is_string(), "{}", shut.body);
    client.own_token(&scene.app, "").await.is_error(401, "invalid_client");
    say(&scene.bob, false).await.is_problem(403, "forbidden");
    client.own_token(&scene.app, "").await.is_error(401, "invalid_client");
    let ada = scene.app.administrator(CLIENTS);
    assert_eq!(say(&ada, false).await.json()["disabled_at"], Value::Null);
    client.own_token(&scene.app, "").await.is_ok();
    let actor = |kind| told(&scene.app.db, kind).iter().map(|event| event.actor_id).collect::<Vec<_>>();
    assert_eq!(actor("client.disabled"), [Some(BOB.id().uuid())]);
    assert_eq!(actor("client.enabled"), [Some(ADA.id().uuid())]);
}

#[tokio::test]
async fn what_cannot_be_a_client_is_refused_by_name() {
    let scene = Scene::set().await;
    for (changes, words) in [
        (json!({ "client_name": "" }), "name: "),
        (json!({ "client_name": 7 }), "client_name must be a string"),
        (json!({ "name": "Shop" }), "there is an unknown member"),
        (json!({ "account": "acme" }), "account is no id"),
        (json!({ "grant_types": ["implicit"] }), "implicit is not a grant type"),
        (json!({ "grant_types": ["authorization_code"] }), "needs a redirect_uri"),
        (json!({ "redirect_uris": ["http://shop.example/cb"] }), "redirect_uri http://shop.example/cb"),
        (json!({ "origins": ["shop.example"] }), "origin shop.example"),
        (json!({ "token_endpoint_auth_method": "none" }), "confidential clients only"),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "must be one of"),
        (json!({ "access_token_format": "jwt" }), "only an administrator"),
        (json!({ "scope": "a\"b" }), "scope: "),
    ] {
        let answer = scene.app.post_api(&scene.bob, "/clients", scene.wish(changes.clone())).await;
        answer.is_problem(400, "invalid_request");
        assert!(answer.text("detail").contains(words), "{changes}: {}", answer.body);
    }
    assert_eq!(count(&scene.app.db, "clients"), 0);
}

/// S05
#[tokio::test]
async fn s05_pages_of_clients_are_whole_and_of_what_the_caller_sees() {
    let scene = Scene::set().await;
    scene.app.web_client();
    for _ in 0..5 {
        scene.register().await;
    }
    let (mut seen, mut path) = (Vec::new(), "/clients?limit=2".to_owned());
    loop {
        let page = scene.app.get_api(&scene.bob, &path).await;
        seen.extend(page.members("client_id"));
        let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        path = format!("/clients?limit=2&cursor={cursor}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let ada = scene.app.administrator(CLIENTS);
    assert_eq!(scene.app.get_api(&ada, "/clients").await.members("client_id").len(), 6);
}
