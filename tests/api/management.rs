//! The management API: who may ask it what, and what it answers.

use chrono::Duration;
use futures_util::future::join_all;
use grantor::accounts::organizations::{NewOrganization, OrganizationName, Role, create as found, members};
use grantor::audit::Actor;
use grantor::credentials::lifetime::Lifetime;
use grantor::credentials::making::{Maker, create};
use grantor::credentials::wish::Wish;
use grantor::credentials::{CredentialKind, store};
use grantor::kernel::{PlanId, PrincipalId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, App, BOB, Person, count, dump, told};

const EVERYTHING: &str = "orgs:* keys:* pats:* limits:* orders:read";

/// Somebody who calls, by the text of their bearer.
#[derive(Clone, Debug)]
pub struct Voice(pub String);

impl App {
    fn made(&self, kind: CredentialKind, owner: PrincipalId, wish: &Wish) -> Voice {
        let maker = Maker { actor: Actor::Operator, settings: &self.settings.credentials };
        let made = self.operator(|work| create(work, maker, kind, owner, wish).map(Ok));
        Voice(made.expect("a credential").secret.expose().to_owned())
    }

    /// A personal token that an operator made.
    pub fn voice_of(&self, person: Person, scope: &str) -> Voice {
        let wish = Wish { name: "a voice".into(), scope: scope.into(), ..Wish::default() };
        self.made(CredentialKind::PersonalToken, person.id(), &wish)
    }

    /// A key of an organization.
    pub fn key_of(&self, org: PrincipalId, scope: &str) -> Voice {
        let wish = Wish { name: "a voice".into(), scope: scope.into(), ..Wish::default() };
        self.made(CredentialKind::ApiKey, org, &wish)
    }

    /// Ada may do whatever an operator may.
    pub fn promote_ada(&self) {
        let promoted =
            self.operator(|work| Ok(Ok(grantor::accounts::store::set_administrator(work, ADA.id(), true)?)));
        assert!(promoted);
    }

    pub fn org(&self, name: &str, owner: Option<Person>) -> PrincipalId {
        let name = OrganizationName::parse(name).expect("a name");
        let new = NewOrganization { name, plan: PlanId::first(), owner: owner.map(|person| person.id()) };
        self.operator(|work| found(work, Actor::Operator, &new).map(Ok)).expect("an organization")
    }

    pub fn member(&self, org: PrincipalId, person: Person, role: Role) {
        let added = self.operator(|work| members::add(work, Actor::Operator, org, person.id(), role).map(Ok));
        added.expect("a member");
    }

    /// A call of the API.
    pub async fn api(&self, voice: &Voice, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.address));
        let request = request.bearer_auth(&voice.0);
        Answer::to(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub async fn get_api(&self, voice: &Voice, path: &str) -> Answer {
        self.api(voice, Method::GET, path, None).await
    }

    pub async fn post_api(&self, voice: &Voice, path: &str, body: Value) -> Answer {
        self.api(voice, Method::POST, path, Some(body)).await
    }

    pub async fn patch_api(&self, voice: &Voice, path: &str, tag: &str, body: Value) -> Answer {
        let request = self.http.patch(format!("{}/api/v1{path}", self.address)).bearer_auth(&voice.0);
        Answer::to(request.header("If-Match", tag).json(&body)).await
    }
}

impl Answer {
    /// Asserts a problem, whole (RFC 9457).
    #[track_caller]
    pub fn is_problem(&self, status: u16, error: &str) {
        let body = self.json();
        assert_eq!((self.status, body["error"].as_str()), (status, Some(error)), "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.header("x-request-id"));
        assert!(body["detail"].is_string() && body["title"].is_string() && body["type"] == "about:blank");
    }

    #[track_caller]
    pub fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.body);
    }
}

#[tokio::test]
async fn a_caller_is_told_who_they_are() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let answer = app.get_api(&app.voice_of(ADA, EVERYTHING), "/me").await;
    answer.is(200);
    let me = answer.json();
    assert_eq!((&me["kind"], &me["name"]), (&json!("user"), &json!(ADA.name)));
    assert_eq!(me["organizations"], json!([{ "org": org, "role": "owner" }]));
    assert_eq!(me["is_administrator"], false);
    let key = app.get_api(&app.key_of(org, "keys:read"), "/me").await.json();
    assert_eq!((&key["kind"], &key["account"], &key["plan"]), (&json!("org"), &json!(org), &json!("free")));
}

/// S01, B06, B07: a bearer comes in one of two headers, once, and is a key, a personal token, or a token for us.
#[tokio::test]
async fn only_one_good_bearer_in_a_header_is_a_caller() {
    let app = App::start().await;
    let (client, voice) = (app.web_client(), app.voice_of(ADA, "keys:read"));
    let url = format!("{}/api/v1/me", app.address);
    Answer::to(app.http.get(&url).header("X-API-Key", &voice.0)).await.is(200);
    Answer::to(app.http.get(&url).header("Authorization", format!("bEARER {}", voice.0))).await.is(200);

    let nothing = Answer::to(app.http.get(&url)).await;
    nothing.is_problem(401, "invalid_request");
    assert_eq!(nothing.header("www-authenticate"), r#"Bearer realm="grantor""#);
    Answer::to(app.http.get(&url).header("Cookie", format!("token={}", voice.0))).await.is(401);
    Answer::to(app.http.get(&url).basic_auth(&client.id, client.secret.as_ref())).await.is(401);
    Answer::to(app.http.get(format!("{url}?access_token={}", voice.0)))
        .await
        .is_problem(400, "invalid_request");
    let twice = app.http.get(&url).bearer_auth(&voice.0).header("X-API-Key", &voice.0);
    Answer::to(twice).await.is_problem(400, "invalid_request");

    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let secret = client.secret.clone().expect("a secret");
    for wrong in [tokens.text("access_token"), tokens.text("refresh_token"), own, secret, "x".repeat(40)] {
        let answer = app.get_api(&Voice(wrong), "/me").await;
        answer.is_problem(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
}

#[tokio::test]
async fn b04_what_ended_and_whose_owner_may_not_act_is_refused() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let (key, token) = (app.key_of(org, "keys:read"), app.voice_of(ADA, "keys:read"));
    for voice in [&key, &token] {
        app.get_api(voice, "/me").await.is(200);
    }
    for owner in [org, ADA.id()] {
        assert!(app.operator(|work| Ok(Ok(grantor::accounts::store::set_disabled(work, owner, true)?))));
    }
    for voice in [&key, &token] {
        app.get_api(voice, "/me").await.is_problem(401, "invalid_token");
    }
    let short = Wish {
        name: "short".into(),
        scope: "keys:read".into(),
        lifetime: Lifetime::Of(Duration::hours(1)),
        ..Wish::default()
    };
    let short = app.made(CredentialKind::PersonalToken, BOB.id(), &short);
    app.get_api(&short, "/me").await.is(200);
    app.clock.advance(Duration::hours(1));
    let answer = app.get_api(&short, "/me").await;
    answer.is_problem(401, "invalid_token");
    assert_eq!(answer.json()["detail"], "the bearer has expired");
}

#[tokio::test]
async fn b09_whoever_guesses_bearers_is_made_to_wait() {
    let app = App::with(|settings| settings.guard.unknown_bearer = 3).await;
    let voice = app.voice_of(ADA, "keys:read");
    for _ in 0..3 {
        app.get_api(&Voice("x".repeat(40)), "/me").await.is(401);
    }
    let answer = app.get_api(&voice, "/me").await;
    answer.is_problem(429, "temporarily_unavailable");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn an_api_key_is_made_shown_rotated_and_revoked() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, EVERYTHING);
    let wish = json!({ "owner": org, "name": "ci", "scope": "orders:read keys:read", "lifetime": "30d",
        "ip_allow": ["127.0.0.1"], "environment": "test" });
    let made = app.post_api(&ada, "/keys", wish).await;
    made.is(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let (id, key) = (made.text("id"), Voice(made.text("secret")));
    let shown = app.get_api(&ada, &format!("/keys/{id}")).await;
    shown.is(200);
    assert!(!shown.body.contains(&key.0) && shown.json().get("secret").is_none());
    assert_eq!(shown.json()["created_by"], json!(ADA.id()));
    let own = app.get_api(&key, "/keys/self").await;
    assert_eq!((own.text("id"), own.text("environment")), (id.clone(), "test".into()));

    let rotated = app.post_api(&key, "/keys/self/rotate", json!({ "overlap": "15m" })).await;
    rotated.is(201);
    let next = Voice(rotated.text("secret"));
    app.get_api(&key, "/keys/self").await.is(200);
    assert_eq!(app.get_api(&next, "/keys/self").await.json()["rotated_from"], json!(id));
    app.post_api(&key, "/keys/self/rotate", json!({})).await.is_problem(400, "invalid_request");

    let path = format!("/keys/{}", rotated.text("id"));
    let revoked =
        app.post_api(&ada, &format!("{path}/revoke"), json!({ "reason": "no longer needed" })).await;
    assert_eq!(
        (revoked.text("state"), revoked.text("revoke_reason")),
        ("revoked".into(), "no longer needed".into())
    );
    app.get_api(&next, "/keys/self").await.is_problem(401, "invalid_token");
    let (created, rotations) = (told(&app.db, "credential.created"), told(&app.db, "credential.rotated"));
    assert!(
        created.iter().any(|event| event.target_id.as_deref() == Some(&id) && event.actor_kind == "user")
    );
    assert_eq!((rotations.len(), rotations[0].actor_kind.as_str()), (1, "org"));

    // B12
    let everything = dump(&app.db);
    assert!(!everything.contains(&key.0) && !everything.contains(&next.0));
}

#[tokio::test]
async fn a_key_is_brought_along_by_its_text_or_its_hash() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, EVERYTHING);
    let literal = json!({ "owner": org, "name": "old", "key": "premium-api-key-12345" });
    let answer = app.post_api(&ada, "/keys/import", literal.clone()).await;
    answer.is(201);
    assert!(answer.text("warning").contains("easy to guess"));
    assert!(!answer.body.contains("premium-api-key-12345"));
    app.get_api(&Voice("premium-api-key-12345".into()), "/me").await.is(200);
    app.post_api(&ada, "/keys/import", literal).await.is_problem(400, "invalid_request");
    let hash = json!({ "owner": org, "name": "hashed", "sha256": "ab".repeat(32) });
    app.post_api(&ada, "/keys/import", hash).await.is(201);
    for wrong in
        [json!({ "sha256": "ab" }), json!({}), json!({ "key": "x".repeat(20), "sha256": "ab".repeat(32) })]
    {
        let mut body = json!({ "owner": org, "name": "wrong" });
        body.as_object_mut().expect("members").extend(wrong.as_object().expect("members").clone());
        app.post_api(&ada, "/keys/import", body).await.is_problem(400, "invalid_request");
    }
}

/// Tenancy: what is another's does not exist, and a role lets its holder do no more than it says.
#[tokio::test]
async fn s01_another_tenants_objects_do_not_exist() {
    let app = App::start().await;
    let (acme, other) = (app.org("Acme", Some(ADA)), app.org("Other", Some(BOB)));
    let (ada, bob) = (app.voice_of(ADA, EVERYTHING), app.voice_of(BOB, EVERYTHING));
    let their_key = app.key_of(other, EVERYTHING);
    let key = app.post_api(&ada, "/keys", json!({ "owner": acme, "name": "ci" })).await.text("id");
    let token =
        app.post_api(&ada, "/pats", json!({ "name": "own", "scope": "orders:read" })).await.text("id");
    for path in [
        format!("/keys/{key}"),
        format!("/pats/{token}"),
        format!("/orgs/{acme}"),
        format!("/orgs/{acme}/members"),
        format!("/orgs/{acme}/plan"),
        format!("/orgs/{acme}/members/{}", ADA.id()),
    ] {
        app.get_api(&ada, &path).await.is(200);
        for stranger in [&bob, &their_key] {
            app.get_api(stranger, &path).await.is_problem(404, "not_found");
        }
    }
    let seen = |answer: Answer| answer.json()["data"].as_array().expect("a page").len();
    assert_eq!(seen(app.get_api(&ada, "/keys").await), 1);
    assert_eq!(seen(app.get_api(&bob, "/keys").await), 1, "only the key of the other organization's");
    assert_eq!(seen(app.get_api(&bob, &format!("/keys?owner={acme}")).await), 0);
    for path in
        [format!("/keys/{key}/revoke"), format!("/keys/{key}/rotate"), format!("/pats/{token}/revoke")]
    {
        app.post_api(&bob, &path, json!({})).await.is_problem(404, "not_found");
    }
    app.post_api(&bob, "/keys", json!({ "owner": acme, "name": "mine" })).await.is_problem(404, "not_found");
    app.get_api(&ada, &format!("/keys/{key}")).await.is(200);
    // A personal token is no API key, and the reverse.
    app.get_api(&ada, &format!("/keys/{token}")).await.is_problem(404, "not_found");
    app.get_api(&ada, &format!("/pats/{key}")).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn b04_a_role_says_what_its_holder_may_at_every_call() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(ADA));
    app.member(acme, BOB, Role::Viewer);
    let (ada, bob) = (app.voice_of(ADA, EVERYTHING), app.voice_of(BOB, EVERYTHING));
    let new = json!({ "owner": acme, "name": "ci" });
    let member = format!("/orgs/{acme}/members/{}", BOB.id());
    app.get_api(&bob, &format!("/orgs/{acme}")).await.is(200);
    app.post_api(&bob, "/keys", new.clone()).await.is_problem(403, "forbidden");
    app.api(&ada, Method::PATCH, &member, Some(json!({ "role": "developer" }))).await.is(200);
    app.post_api(&bob, "/keys", new.clone()).await.is(201);
    let rename = json!({ "name": "Bob's" });
    app.api(&bob, Method::PATCH, &format!("/orgs/{acme}"), Some(rename.clone()))
        .await
        .is_problem(403, "forbidden");
    app.api(&ada, Method::PATCH, &member, Some(json!({ "role": "admin" }))).await.is(200);
    app.api(&bob, Method::PATCH, &format!("/orgs/{acme}"), Some(rename)).await.is(200);
    app.api(&bob, Method::PATCH, &member, Some(json!({ "role": "owner" })))
        .await
        .is_problem(403, "forbidden");
    let plan = Some(json!({ "plan": "pro" }));
    app.api(&ada, Method::PUT, &format!("/orgs/{acme}/plan"), plan.clone())
        .await
        .is_problem(403, "forbidden");
    app.api(&ada, Method::DELETE, &member, None).await.is(204);
    app.post_api(&bob, "/keys", new).await.is_problem(404, "not_found");
    // S08
    let last = format!("/orgs/{acme}/members/{}", ADA.id());
    app.api(&ada, Method::DELETE, &last, None).await.is_problem(409, "conflict");
    app.promote_ada();
    app.api(&ada, Method::PUT, &format!("/orgs/{acme}/plan"), plan).await.is(200);
    assert_eq!(app.get_api(&ada, &format!("/orgs/{acme}/plan")).await.text("plan"), "pro");
}

/// Whoever makes or rotates a credential sees its text: nobody comes by more than they have.
#[tokio::test]
async fn nobody_comes_by_a_credential_that_may_manage_more_than_they_do() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(ADA));
    let (ada, few) = (app.voice_of(ADA, "keys:*"), app.key_of(acme, "keys:write keys:read"));
    let wish = |scope: &str| json!({ "owner": acme, "name": "ci", "scope": scope });
    app.post_api(&few, "/keys", wish("keys:read orders:read")).await.is(201);
    for more in ["keys:*", "orgs:read", "admin"] {
        app.post_api(&few, "/keys", wish(more)).await.is_problem(403, "forbidden");
        app.post_api(&ada, "/keys", wish("orgs:read")).await.is_problem(403, "forbidden");
    }
    app.clock.advance(Duration::seconds(1));
    app.key_of(acme, "orgs:write");
    let strong = app.get_api(&few, "/keys").await.json()["data"][0].clone();
    assert_eq!(strong["scope"], "orgs:write");
    let rotate = format!("/keys/{}/rotate", strong["id"].as_str().expect("an id"));
    app.post_api(&few, &rotate, json!({})).await.is_problem(403, "forbidden");
    // A person gives themselves no scope of our own management at all.
    let voice = app.voice_of(ADA, "pats:*");
    let token = json!({ "name": "more", "scope": "pats:read" });
    app.post_api(&voice, "/pats", token).await.is_problem(400, "invalid_request");
}

/// S10
#[tokio::test]
async fn s10_no_client_gets_a_management_scope_by_consent_or_for_itself() {
    let app = App::start().await;
    let client = app.web_client();
    for scope in ["orgs:read", "keys:*", "admin", "orders:read users:write"] {
        client.own_token(&app, scope).await.is_error(400, "invalid_scope");
        let mut browser = app.browser();
        browser.sign_in(ADA).await;
        let page = browser.get(&client.authorize_path(&[("scope", scope)])).await;
        assert_eq!(page.returned("error").as_deref(), Some("invalid_scope"), "{scope}");
    }
}

/// S07
#[tokio::test]
async fn s07_a_change_to_what_somebody_else_changed_is_refused() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, EVERYTHING);
    let path = format!("/orgs/{acme}");
    let seen = app.get_api(&ada, &path).await.header("etag");
    let first = app.patch_api(&ada, &path, &seen, json!({ "name": "One" })).await;
    first.is(200);
    assert_ne!(first.header("etag"), seen);
    let name = |number: usize| json!({ "name": format!("Acme {number}") });
    app.patch_api(&ada, &path, &seen, name(0)).await.is_problem(412, "precondition_failed");
    app.patch_api(&ada, &path, "W/\"x\"", name(0)).await.is_problem(412, "precondition_failed");
    app.patch_api(&ada, &path, "*", json!({ "name": "Two" })).await.is(200);
    // Of eight who saw the same, one changes it.
    let seen = app.get_api(&ada, &path).await.header("etag");
    let all = join_all((0..8).map(|number| app.patch_api(&ada, &path, &seen, name(number)))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(all.iter().filter(|answer| answer.status == 412).count(), 7);
}

/// S05
#[tokio::test]
async fn s05_pages_are_whole_and_a_cursor_is_its_callers_alone() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(ADA));
    let (ada, bob) = (app.voice_of(ADA, EVERYTHING), app.voice_of(BOB, EVERYTHING));
    for number in 0..7 {
        // Some are of one moment.
        app.clock.advance(Duration::seconds(number % 2));
        app.post_api(&ada, "/keys", json!({ "owner": acme, "name": format!("key {number}") })).await.is(201);
    }
    let (mut seen, mut path) = (Vec::new(), "/keys?limit=3".to_owned());
    let mut cursors = Vec::new();
    loop {
        let page = app.get_api(&ada, &path).await.json();
        seen.extend(page["data"].as_array().expect("rows").iter().map(|key| key["id"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        cursors.push(cursor.to_owned());
        path = format!("/keys?limit=3&cursor={cursor}");
    }
    assert_eq!((seen.len(), cursors.len()), (7, 2));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    let cursor = &cursors[0];
    app.get_api(&bob, &format!("/keys?cursor={cursor}")).await.is_problem(400, "invalid_request");
    app.get_api(&ada, &format!("/pats?cursor={cursor}")).await.is_problem(400, "invalid_request");
    for bad in [
        "limit=0",
        "limit=201",
        "limit=1e9",
        "cursor=x",
        "sort=name",
        "limit=1&limit=2",
        "owner=x",
        "cursor='%3BDROP%20TABLE%20keys",
        &format!("cursor={}", "A".repeat(3000)),
    ] {
        app.get_api(&ada, &format!("/keys?{bad}")).await.is_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_body_is_read_strictly_and_what_is_wrong_is_named() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, EVERYTHING);
    let url = format!("{}/api/v1/keys", app.address);
    let send = async |kind: &str, body: String| {
        let request = app.http.post(&url).bearer_auth(&ada.0).header("Content-Type", kind);
        Answer::to(request.body(body)).await
    };
    let good = format!(r#"{{"owner":"{acme}","name":"ci"}}"#);
    send("application/json; charset=UTF-8", good.clone()).await.is(201);
    send("application/x-www-form-urlencoded", good.clone()).await.is_problem(415, "invalid_request");
    send("application/json; charset=latin1", good).await.is_problem(415, "invalid_request");
    send("application/json", "x".repeat(100_000)).await.is_problem(413, "invalid_request");
    for (body, words) in [
        (r#"{"name":"ci","nam":1}"#.to_owned(), "unknown member"),
        (r#"{"name":["ci"]}"#.to_owned(), "the member name must be a string"),
        (r#"{"name":"a","name":"b"}"#.to_owned(), "a member is there twice"),
        ("{".to_owned(), "no JSON object"),
        (r#"{"name":"ci"}"#.to_owned(), "the member owner is required"),
        (format!(r#"{{"name":"ci","owner":"{acme}","lifetime":"ever"}}"#), "ever is no lifetime"),
        (format!(r#"{{"name":"ci","owner":"{acme}","scope":"nothing:read"}}"#), "no service has the scope"),
    ] {
        let answer = send("application/json", body.clone()).await;
        answer.is_problem(400, "invalid_request");
        assert!(answer.text("detail").contains(words), "{body}: {}", answer.body);
    }
    assert_eq!(count(&app.db, "credentials WHERE kind = 'api_key'"), 1);
}

#[tokio::test]
async fn organizations_and_plans_are_administered() {
    let app = App::start().await;
    let (ada, bob) = (app.voice_of(ADA, EVERYTHING), app.voice_of(BOB, EVERYTHING));
    let new = json!({ "name": "Acme", "owner": BOB.id() });
    app.post_api(&ada, "/orgs", new.clone()).await.is_problem(403, "forbidden");
    app.post_api(&ada, "/plans", json!({ "id": "gold" })).await.is_problem(403, "forbidden");
    app.promote_ada();
    let made = app.post_api(&ada, "/orgs", new.clone()).await;
    made.is(201);
    app.post_api(&ada, "/orgs", new).await.is_problem(409, "conflict");
    let path = format!("/orgs/{}", made.text("id"));
    assert_eq!(app.get_api(&bob, "/orgs").await.json()["data"][0]["name"], "Acme");
    app.api(&bob, Method::PATCH, &path, Some(json!({ "disabled": true }))).await.is_problem(403, "forbidden");
    let add = json!({ "user": ADA.id(), "role": "viewer" });
    app.post_api(&bob, &format!("{path}/members"), add.clone()).await.is(201);
    app.post_api(&bob, &format!("{path}/members"), add).await.is_problem(409, "conflict");
    app.post_api(&ada, "/plans", json!({ "id": "gold", "name": "Gold" })).await.is(201);
    app.post_api(&ada, "/plans", json!({ "id": "gold" })).await.is_problem(409, "conflict");
    let closed = app.api(&ada, Method::PATCH, "/plans/gold", Some(json!({ "disabled": true }))).await;
    assert!(closed.json()["disabled_at"].is_string());
    app.get_api(&bob, "/plans/none").await.is_problem(404, "not_found");
    app.api(&ada, Method::PATCH, &path, Some(json!({ "disabled": true }))).await.is(200);
    let events = told(&app.db, "org.disabled");
    assert_eq!((events.len(), events[0].actor_kind.as_str()), (1, "user"));
}

/// Whoever found a bearer may end it, and learns nothing of it.
#[tokio::test]
async fn a_leaked_bearer_is_revoked_and_the_answer_is_always_the_same() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let key = app.key_of(org, "keys:read");
    app.get_api(&key, "/keys/self").await.is(200);
    let leak = async |token: &str| {
        let url = format!("{}/api/v1/leaks", app.address);
        Answer::to(app.http.post(url).json(&json!({ "token": token }))).await
    };
    let answers = [leak(&key.0).await, leak(&key.0).await, leak("gak_nobodys").await, leak("").await];
    for answer in &answers {
        assert_eq!((answer.status, answer.body.as_str()), (202, ""));
        assert_eq!(answer.headers.len(), answers[0].headers.len());
    }
    app.get_api(&key, "/keys/self").await.is_problem(401, "invalid_token");
    assert_eq!(told(&app.db, "credential.leaked").len(), 1);
    let hash = grantor::kernel::SecretHash::of(&key.0);
    let found = app.ledger.read_here(|connection| store::find_by_hash(connection, hash)).expect("a database");
    assert_eq!(found.expect("the key").revoke_reason.as_deref(), Some("leaked"));
}
