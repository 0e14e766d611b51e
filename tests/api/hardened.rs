//! What a hostile reader found, and what holds since.

use chrono::Duration;
use grantor::accounts::organizations::Role;
use grantor::audit::Actor;
use grantor::credentials::lifetime::Lifetime;
use grantor::credentials::wish::Wish;
use grantor::credentials::{CredentialKind, store};
use grantor::kernel::{CredentialId, LimitId, PrincipalId};
use grantor::limits::limit::{Limit, Terms, Wording};
use grantor::limits::owner::{LimitOwner, Place, Whose};
use grantor::services::access::{disable, let_call};
use grantor::services::routes::registration::{NewRoute, add};
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, TestClient, count};

fn wish(scope: &str) -> Wish {
    Wish { name: "ci".into(), scope: scope.into(), ..Wish::default() }
}

impl App {
    pub fn credential(&self, id: &str) -> grantor::credentials::Credential {
        let id = CredentialId::parse(id).expect("an id");
        self.db.run_here(|connection| store::find(connection, id)).expect("a database").expect("a credential")
    }

    async fn asked_about(&self, api: &TestClient, token: &str, more: &[(&str, &str)]) -> Answer {
        self.machine("/oauth/introspect", api, &[&[("token", token)], more].concat()).await
    }
}

/// A path has many spellings, and a scope is of one thing.
#[tokio::test]
async fn a_bearer_for_personal_tokens_manages_no_keys_however_the_path_is_spelt() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    app.key_of(org, "orders:read");
    let voice = app.voice_of(ADA, "pats:*");
    app.get_api(&voice, "/keys").await.is_problem(403, "insufficient_scope");
    for path in ["/pats", "/%70ats", "/p%61ts"] {
        let listed = app.get_api(&voice, path).await;
        listed.is(200);
        let kinds = listed.json()["data"].as_array().expect("rows").clone();
        assert!(!kinds.is_empty() && kinds.iter().all(|row| row["kind"] == "pat"), "{path}: {}", listed.body);
        let key = json!({ "owner": org, "name": "ci", "scope": "orders:read" });
        app.post_api(&voice, path, key).await.is_problem(400, "invalid_request");
    }
}

/// RFC 9110 §9.3.2: servers answer HEAD as they answer GET.
#[tokio::test]
async fn what_a_route_asks_of_get_it_asks_of_head() {
    let app = App::for_proxies().await;
    let key = app.reading_key();
    let methods = vec!["GET".to_owned()];
    let route = NewRoute {
        pattern: "/export".into(),
        methods,
        required: Some("orders:write".into()),
        ..NewRoute::default()
    };
    app.operator(|work| Ok(Ok(add(work, Actor::Operator, "orders", &route)?.expect("a route"))));
    for (method, path, status) in [
        ("GET", "/export", 403),
        ("HEAD", "/export", 403),
        ("HEAD", "/export/7", 200),
        ("GET", "/export%3Fa", 403),
        ("GET", "/export%23a", 403),
        ("GET", "/export.", 403),
        ("GET", "/export%20", 403),
    ] {
        let request = app.request("GET", "/authz?service=orders").bearer_auth(&key);
        let request = request.header("x-original-method", method).header("x-original-uri", path);
        assert_eq!(Answer::to(request).await.status, status, "{method} {path}");
    }
}

/// I09: whoever may not ask about a service does not learn which bearers there are.
#[tokio::test]
async fn a_question_about_anothers_service_is_refused_whatever_the_bearer() {
    let app = App::for_proxies().await;
    let api = app.resource_server();
    let key = app.reading_key();
    let nobody = format!("{}x", &key[..key.len() - 1]);
    for token in [key.as_str(), nobody.as_str(), "nonsense"] {
        let answer = app.asked_about(&api, token, &[("service", "people")]).await;
        answer.is_error(403, "unauthorized_client");
    }
    assert_eq!(app.asked_about(&api, &key, &[("service", "orders")]).await.json()["active"], true);
}

/// A shut service is called by no gate, also where its API asks only whether a token is good.
#[tokio::test]
async fn a_token_for_a_shut_service_is_good_for_nothing() {
    let app = App::for_proxies().await;
    let api = app.resource_server();
    let token = app.web_client().tokens_of_ada(&app, "orders:read").await.text("access_token");
    let is_active = async || app.asked_about(&api, &token, &[]).await.json()["active"] == true;
    assert!(is_active().await);
    app.operator(|work| disable(work, Actor::Operator, "orders", true));
    assert!(!is_active().await);
    app.operator(|work| disable(work, Actor::Operator, "orders", false));
    assert!(is_active().await);
}

/// A client of an organization calls what the organization may, with tokens as with keys.
#[tokio::test]
async fn a_client_of_an_organization_calls_what_was_granted_to_it() {
    let app = App::for_proxies().await;
    let org = app.org("Acme", None);
    let client = app.client_of(org, "orders:read");
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    let may = async || {
        let request = app.request("GET", "/authz?service=orders").bearer_auth(&token);
        let request = request.header("x-original-method", "GET").header("x-original-uri", "/7");
        Answer::to(request).await
    };
    let refused = may().await;
    assert_eq!((refused.status, refused.error().as_str()), (403, "not_granted"));
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    assert_eq!(may().await.status, 200);
}

/// Whoever found a key has it for as long as it was to live, and its successors go with it when it is reported.
#[tokio::test]
async fn a_credential_that_renews_itself_gains_no_life_and_leaks_with_its_successors() {
    let app = App::start().await;
    let org = app.org("Acme", None);
    let short = Wish { lifetime: Lifetime::Of(Duration::minutes(5)), ..wish("orders:read") };
    let key = app.made(CredentialKind::ApiKey, org, &short);
    let first = app.post_api(&key, "/keys/self/rotate", json!({})).await;
    first.is(201);
    let second = app.post_api(&Voice(first.text("secret")), "/keys/self/rotate", json!({})).await;
    second.is(201);
    let (first, second) = (app.credential(&first.text("id")), app.credential(&second.text("id")));
    assert_eq!(second.expires_at, Some(app.clock.now() + Duration::minutes(5)));
    let report = app.http.post(format!("{}/api/v1/leaks", app.address)).json(&json!({ "token": key.0 }));
    assert_eq!(Answer::to(report).await.status, 202);
    for successor in [first, second] {
        assert!(app.credential(&successor.id.to_string()).revoked_at.is_some());
    }
}

/// The same, where one that may manage keys calls itself by its id.
#[tokio::test]
async fn a_key_that_renews_itself_by_its_id_leaks_with_its_successor() {
    let app = App::start().await;
    let org = app.org("Acme", None);
    let key = app.key_of(org, "keys:*");
    let id = app.get_api(&key, "/keys/self").await.text("id");
    let made = app.post_api(&key, &format!("/keys/{id}/rotate"), json!({})).await;
    made.is(201);
    let report = app.http.post(format!("{}/api/v1/leaks", app.address)).json(&json!({ "token": key.0 }));
    assert_eq!(Answer::to(report).await.status, 202);
    assert!(app.credential(&made.text("id")).revoked_at.is_some());
}

/// The twin: what somebody else made of it is theirs.
#[tokio::test]
async fn a_successor_that_its_owner_made_outlives_the_leak() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let (ada, key) = (app.voice_of(ADA, "keys:*"), app.key_of(org, "orders:read"));
    let listed = app.get_api(&ada, "/keys").await.json();
    let id = listed["data"][0]["id"].as_str().expect("an id").to_owned();
    let made = app.post_api(&ada, &format!("/keys/{id}/rotate"), json!({})).await;
    made.is(201);
    let report = app.http.post(format!("{}/api/v1/leaks", app.address)).json(&json!({ "token": key.0 }));
    assert_eq!(Answer::to(report).await.status, 202);
    assert!(app.credential(&id).revoked_at.is_some());
    assert!(app.credential(&made.text("id")).revoked_at.is_none());
}

/// A minute with a confined key must not become a key without bounds.
#[tokio::test]
async fn what_a_credential_makes_is_as_confined_as_it_is() {
    let app = App::start().await;
    let org = app.org("Acme", None);
    let confined = Wish {
        lifetime: Lifetime::Of(Duration::minutes(5)),
        ip_allow: vec!["127.0.0.0/8".into()],
        ..wish("keys:write")
    };
    let key = app.made(CredentialKind::ApiKey, org, &confined);
    let endless = json!({ "name": "more", "scope": "orders:read", "lifetime": "never" });
    let made = app.post_api(&key, "/keys", endless).await;
    made.is(201);
    let made = app.credential(&made.text("id"));
    assert_eq!(made.expires_at, Some(app.clock.now() + Duration::minutes(5)));
    assert_eq!(made.ip_allow.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.0/8"]);
    let within = json!({ "name": "less", "scope": "orders:read", "ip_allow": ["127.0.0.1"] });
    app.post_api(&key, "/keys", within).await.is(201);
    let beyond = json!({ "name": "else", "scope": "orders:read", "ip_allow": ["0.0.0.0/0"] });
    app.post_api(&key, "/keys", beyond).await.is_problem(400, "invalid_request");
}

/// B09: whoever may import keys does not find out those of others.
#[tokio::test]
async fn a_refused_import_counts_as_a_guess() {
    let app = App::with(|settings| settings.guard.unknown_bearer = 2).await;
    let org = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, "keys:*");
    let import = |key: &str| json!({ "owner": org, "name": "old", "key": key });
    app.post_api(&ada, "/keys/import", import("premium-api-key-12345")).await.is(201);
    for _ in 0..2 {
        let again = app.post_api(&ada, "/keys/import", import("premium-api-key-12345")).await;
        again.is_problem(400, "invalid_request");
    }
    assert_eq!(app.post_api(&ada, "/keys/import", import("basic-api-key-67890")).await.status, 429);
}

/// What binds a key binds its successor.
#[tokio::test]
async fn the_limit_of_a_credential_goes_on_to_its_successor() {
    let app = App::start().await;
    let org = app.org("Acme", None);
    let key = app.key_of(org, "orders:read");
    let own = app.get_api(&key, "/keys/self").await.text("id");
    let terms = Terms::read(&Wording {
        name: "minute",
        kind: "sliding",
        quota: Some(3),
        window_s: 60,
        unit: "requests",
        on_error: "closed",
    })
    .expect("terms");
    let id = LimitId::from_uuid(uuid::Uuid::from_u128(7));
    let whose = Whose::Credential(CredentialId::parse(&own).expect("an id"));
    let owner = LimitOwner::new(whose, Place::Anywhere).expect("an owner");
    let limit = Limit { id, owner, terms };
    app.operator(|work| Ok(Ok(grantor::limits::store::set(work, &limit, Actor::Operator)?)));
    let made = app.post_api(&key, "/keys/self/rotate", json!({})).await.text("id");
    let handed_on = format!("limits WHERE credential_id = '{made}' AND quota = 3 AND on_error = 'closed'");
    assert_eq!(count(&app.db, &handed_on), 1);
}

/// S05: a page ends where the next begins, in whatever order the rows were found.
#[tokio::test]
async fn pages_of_organizations_and_members_have_each_row_once() {
    let app = App::start().await;
    let orgs = ["Zeta", "Alpha", "Beta"].map(|name| app.org(name, Some(ADA)));
    app.member(orgs[0], BOB, Role::Viewer);
    let ada = app.voice_of(ADA, "orgs:read");
    for (path, expected) in [("/orgs".to_owned(), 3), (format!("/orgs/{}/members", orgs[0]), 2)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.get_api(&ada, &format!("{path}?limit=1{cursor}")).await;
            page.is(200);
            let page = page.json();
            let row = &page["data"][0];
            seen.push(row.get("user").unwrap_or(&row["id"]).to_string());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), expected, "{path}");
    }
}

/// An id goes to every API that a person uses; it must not tell an organization what they sign in with.
#[tokio::test]
async fn members_are_known_by_what_they_type_and_may_leave() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let (ada, bob) = (app.voice_of(ADA, "orgs:*"), app.voice_of(BOB, "orgs:*"));
    let members = format!("/orgs/{org}/members");
    let by_id = json!({ "user": BOB.id(), "role": "viewer" });
    app.post_api(&ada, &members, by_id).await.is_problem(403, "forbidden");
    app.post_api(&ada, &members, json!({ "identifier": "bob", "role": "viewer" })).await.is(201);
    let own = |id: PrincipalId| format!("{members}/{id}");
    app.api(&bob, Method::DELETE, &own(ADA.id()), None).await.is_problem(403, "forbidden");
    app.api(&bob, Method::DELETE, &own(BOB.id()), None).await.is(204);
    app.api(&ada, Method::DELETE, &own(ADA.id()), None).await.is_problem(409, "conflict");
}

/// B09: a client of somebody's, whose failures are not counted, does not find out the keys of others by ending them.
#[tokio::test]
async fn a_key_that_can_be_guessed_is_ended_by_no_client() {
    let app = App::start().await;
    let (org, other) = (app.org("Acme", Some(ADA)), app.org("Other", None));
    let (key, client) = (Voice("premium-api-key-12345".into()), app.client_of(other, "orders:read"));
    let import = json!({ "owner": org, "name": "old", "key": key.0 });
    app.post_api(&app.voice_of(ADA, "keys:*"), "/keys/import", import).await.is(201);
    app.machine("/oauth/revoke", &client, &[("token", &key.0)]).await.is_ok();
    app.get_api(&key, "/me").await.is(200);
    // The twins: without a client, and what nobody guesses.
    let ours = app.key_of(org, "orders:read");
    app.machine("/oauth/revoke", &client, &[("token", &ours.0)]).await.is_ok();
    app.get_api(&ours, "/me").await.is_problem(401, "invalid_token");
    let alone = app.http.post(format!("{}/oauth/revoke", app.address)).body(format!("token={}", key.0));
    let form = "application/x-www-form-urlencoded";
    assert_eq!(Answer::to(alone.header("content-type", form)).await.status, 200);
    app.get_api(&key, "/me").await.is_problem(401, "invalid_token");
}

/// What others did to a client of somebody's is theirs to see, and not from where they did it.
#[tokio::test]
async fn an_event_tells_no_address_of_whoever_is_a_stranger() {
    let app = App::start().await;
    let org = app.org("Acme", Some(BOB));
    let client = app.client_of(org, "orders:read");
    let (ada, bob) = (app.voice_of(ADA, "clients:*"), app.voice_of(BOB, "audit:read clients:*"));
    app.promote_ada();
    let disabled = Some(json!({ "disabled": true }));
    let path = format!("/clients/{}", client.id);
    app.api(&ada, Method::PATCH, &path, disabled).await.is(200);
    let key =
        app.post_api(&app.voice_of(BOB, "keys:*"), "/keys", json!({ "owner": org, "name": "ci" })).await;
    key.is(201);
    let events = app.get_api(&bob, "/events").await.json();
    let of = |kind: &str| {
        let is_one = |event: &&Value| event["kind"] == kind && event["actor_kind"] == "user";
        let found = events["data"].as_array().expect("rows").iter().find(is_one);
        found.unwrap_or_else(|| panic!("no {kind} in {events}")).clone()
    };
    assert!(of("client.disabled")["ip"].is_null(), "an administrator did that");
    assert!(of("credential.created")["ip"].is_string(), "that was himself");
    let id = of("client.disabled")["id"].as_str().expect("an id").to_owned();
    let one = app.get_api(&bob, &format!("/events/{id}")).await;
    assert!(one.json()["ip"].is_null());
    let to_operators = app.get_api(&app.voice_of(ADA, "audit:read"), &format!("/events/{id}")).await;
    assert!(to_operators.json()["ip"].is_string());
}

/// S01: a limit does not tell of a service that one may not call.
#[tokio::test]
async fn limits_of_a_service_that_does_not_exist_for_somebody_do_not_either() {
    let app = App::for_proxies().await;
    let org = app.org("Acme", Some(BOB));
    app.promote_ada();
    let (ada, bob) = (app.voice_of(ADA, "limits:*"), app.voice_of(BOB, "limits:read"));
    let limit =
        json!({ "service": "people", "name": "hidden", "kind": "sliding", "quota": 5, "window_s": 60 });
    let made = app.post_api(&ada, "/limits", limit).await;
    made.is(201);
    let id = made.text("id");
    let lists = async |voice: &Voice| app.get_api(voice, "/limits?limit=200").await.body.contains(&id);
    assert!(lists(&ada).await && !lists(&bob).await);
    app.get_api(&bob, &format!("/limits/{id}")).await.is_problem(404, "not_found");
    let status = |service: &str| format!("/limits/status?principal={org}&service={service}");
    app.get_api(&bob, &status("people")).await.is_problem(400, "invalid_request");
    app.operator(|work| let_call(work, Actor::Operator, "people", org));
    assert!(lists(&bob).await);
    app.get_api(&bob, &format!("/limits/{id}")).await.is(200);
}
