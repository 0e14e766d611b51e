//! `POST /api/v1/leaks`: whoever finds a bearer of ours ends it, whatever it is, and learns nothing by it.

use grantor::kernel::LastingTag;
use grantor::platform::entropy::Entropy;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, App, TestClient, dump, signing, told};

impl App {
    async fn report(&self, body: Value) -> Answer {
        Answer::to(self.http.post(format!("{}/api/v1/leaks", self.address)).json(&body)).await
    }

    /// Somebody found this.
    async fn leak(&self, token: &str) {
        let answer = self.report(json!({ "token": token })).await;
        assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    }
}

/// Access and refresh token of Ada's: a family.
async fn family(app: &App, client: &TestClient) -> (String, String) {
    let tokens = client.tokens_of_ada(app, "orders:read").await;
    (tokens.text("access_token"), tokens.text("refresh_token"))
}

#[tokio::test]
async fn a_leaked_access_token_dies_alone() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let (access, refresh) = family(&app, &client).await;
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    for token in [&access, &own] {
        assert!(app.is_active(&server, token).await);
        app.leak(token).await;
        app.leak(token).await;
        assert!(!app.is_active(&server, token).await);
    }
    client.refresh(&app, &refresh).await.is_ok();
    let events = told(&app.db, "token.leaked");
    assert_eq!(events.len(), 2, "each once");
    for event in &events {
        let whose = (event.actor_kind.as_str(), event.client_id);
        assert_eq!(whose, ("anonymous", Some(client.principal.uuid())));
        assert_eq!(event.target_kind.as_deref(), Some("access_token"));
        assert_eq!(event.data["kind"], "access_token");
    }
    // They are of one moment, so that neither is the first.
    for user in [json!(ADA.id()), json!(null)] {
        assert_eq!(events.iter().filter(|event| event.data["user"] == user).count(), 1, "{user}");
    }
    assert!(told(&app.db, "token.revoked").is_empty());
}

#[tokio::test]
async fn a_leaked_refresh_token_takes_its_family() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let (access, refresh) = family(&app, &client).await;
    let (other, _) = family(&app, &client).await;
    let newest = client.refresh(&app, &refresh).await.text("refresh_token");
    // One that was used lies about for longer, and tells of the same family.
    app.leak(&refresh).await;
    assert!(!app.is_active(&server, &access).await && app.is_active(&server, &other).await);
    client.refresh(&app, &newest).await.is_error(400, "invalid_grant");
    let events = told(&app.db, "token.leaked");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].target_kind.as_deref(), Some("family"));
    assert_eq!(events[0].data, json!({ "kind": "refresh_token", "user": ADA.id() }));
    assert!(told(&app.db, "family.revoked").is_empty());
}

#[tokio::test]
async fn a_leaked_jwt_is_refused_whether_it_has_a_row_or_none() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let (client, server) = (app.jwt_client(), app.resource_server());
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let of_ada = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    for token in [&own, &of_ada] {
        assert!(token.contains('.') && app.is_active(&server, token).await);
        app.leak(token).await;
        assert!(!app.is_active(&server, token).await);
    }
    assert_eq!(told(&app.db, "token.leaked").len(), 2);
}

#[tokio::test]
async fn a_leaked_client_secret_ends_and_another_works() {
    let app = App::start().await;
    let old = app.web_client();
    let new = app.rotate(&old, chrono::Duration::hours(24));
    for client in [&old, &new] {
        client.own_token(&app, "orders:read").await.is_ok();
    }
    app.leak(old.secret.as_deref().expect("a secret")).await;
    old.own_token(&app, "orders:read").await.is_error(401, "invalid_client");
    new.own_token(&app, "orders:read").await.is_ok();
    let events = told(&app.db, "client.secret_leaked");
    assert_eq!((events.len(), events[0].client_id), (1, Some(old.principal.uuid())));
    // The last one, too: nobody is let in with what everybody has.
    app.leak(new.secret.as_deref().expect("a secret")).await;
    new.own_token(&app, "orders:read").await.is_error(401, "invalid_client");
    app.rotate(&new, chrono::Duration::zero()).own_token(&app, "orders:read").await.is_ok();
}

/// A code lies in histories and logs by design; what it was exchanged for is not ended by whoever reads those.
#[tokio::test]
async fn a_code_that_was_found_ends_nothing() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    app.leak(&code).await;
    let access = client.redeem(&app, &code).await.text("access_token");
    app.leak(&code).await;
    assert!(app.is_active(&server, &access).await);
}

/// As GitHub's secret scanning partner programme has it: an array, with a type, an address and a source of each.
#[tokio::test]
async fn what_github_sends_is_taken_and_all_of_it_that_is_ours_ends() {
    let app = App::start().await;
    let org = app.org("Acme", None);
    let (client, server) = (app.web_client(), app.resource_server());
    let (key, kept) = (app.key_of(org, "keys:read"), app.key_of(org, "keys:read"));
    let (access, _) = family(&app, &client).await;
    let found = json!([
        { "token": key.0, "type": "grantor_api_key", "url": "https://github.com/a/b/blob/c/d.env", "source": "content" },
        { "token": access, "type": "grantor_access_token", "url": null },
        { "token": key.0 },
        { "token": Entropy.bearer(LastingTag::PersonalToken).expose() },
        { "token": "gak_mistyped" },
    ]);
    let answer = app.report(found).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    app.get_api(&key, "/keys/self").await.is_problem(401, "invalid_token");
    app.get_api(&kept, "/keys/self").await.is(200);
    assert!(!app.is_active(&server, &access).await);
    assert_eq!(told(&app.db, "credential.leaked").len(), 1);
    assert!(!dump(&app.db).contains("blob/c/d.env"), "where it was found is a stranger's text");
}

#[tokio::test]
async fn the_answer_is_the_same_whatever_was_found() {
    let app = App::start().await;
    let org = app.org("Acme", None);
    let client = app.web_client();
    let (access, refresh) = family(&app, &client).await;
    let texts = [
        app.key_of(org, "keys:read").0,
        app.voice_of(ADA, "keys:read").0,
        access,
        refresh,
        client.secret.clone().expect("a secret"),
        Entropy.bearer(LastingTag::ApiKey).expose().to_owned(),
        Entropy.bearer(LastingTag::ClientSecret).expose().to_owned(),
        "eyJhbGciOiJFUzI1NiJ9.e30.x".to_owned(),
        "premium-api-key-12345".to_owned(),
        String::new(),
    ];
    let mut seen = Vec::new();
    for text in &texts {
        for body in [json!({ "token": text }), json!([{ "token": text }])] {
            let answer = app.report(body).await;
            let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            seen.push((answer.status, answer.body.clone(), names));
        }
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    assert_eq!((seen[0].0, seen[0].1.as_str()), (202, ""));
}

#[tokio::test]
async fn what_is_no_report_is_refused_and_nothing_of_it_done() {
    let app = App::start().await;
    let key = app.key_of(app.org("Acme", None), "keys:read");
    let good = json!({ "token": key.0 });
    let nobodys = || json!({ "token": Entropy.bearer(LastingTag::ApiKey).expose() });
    let mut many: Vec<Value> = (0..100).map(|_| nobodys()).collect();
    many.push(good.clone());
    for body in [
        json!([]),
        Value::Array(many.clone()),
        json!([good, "gak_x"]),
        json!([good, {}]),
        json!([good, { "token": 1 }]),
        json!([good, { "token": "a", "kind": "b" }]),
        json!([good, { "token": "a", "url": 1 }]),
        json!([[good]]),
        json!("gak_x"),
        json!({ "tokens": [key.0] }),
        json!({ "token": "gak_\u{0}" }),
    ] {
        app.report(body).await.is_problem(400, "invalid_request");
    }
    app.get_api(&key, "/keys/self").await.is(200);
    // The twin: as many as may be.
    many.remove(0);
    app.report(Value::Array(many)).await.is(202);
    app.get_api(&key, "/keys/self").await.is_problem(401, "invalid_token");
}

/// Whoever sends words in hope of a key that was brought along has as many tries at once as one by one.
#[tokio::test]
async fn each_text_that_could_be_a_guess_counts_against_its_network() {
    let app = App::with(|settings| settings.guard.unknown_bearer = 3).await;
    let org = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, "keys:*");
    let import = json!({ "owner": org, "name": "old", "key": "premium-api-key-4" });
    app.post_api(&ada, "/keys/import", import).await.is(201);
    let guesses: Vec<Value> = (1..5).map(|n| json!({ "token": format!("premium-api-key-{n}") })).collect();
    app.report(Value::Array(guesses.clone())).await.is_problem(429, "temporarily_unavailable");
    assert!(told(&app.db, "credential.leaked").is_empty());
    app.advance(chrono::Duration::minutes(1));
    app.report(Value::Array(guesses[1..].to_vec())).await.is(202);
    assert_eq!(told(&app.db, "credential.leaked").len(), 1);
}

#[tokio::test]
async fn what_nobody_guesses_ends_however_much_else_was_found_with_it() {
    let app = App::with(|settings| settings.guard.unknown_bearer = 3).await;
    let org = app.org("Acme", Some(ADA));
    let key = app.key_of(org, "orders:read").0;
    let mut found: Vec<Value> = (0..9).map(|n| json!({ "token": format!("somebody-elses-{n}") })).collect();
    found.push(json!({ "token": key }));
    app.report(Value::Array(found)).await.is_problem(429, "temporarily_unavailable");
    assert_eq!(told(&app.db, "credential.leaked").len(), 1);
}
