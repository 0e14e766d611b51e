//! API keys and personal tokens at the revocation endpoint: whoever holds one may end it.

use grantor::platform::clock::TestClock;
use serde_json::json;

use crate::management::Voice;
use crate::support::{ADA, Answer, App, OwnPostgres, START, told};

/// RFC 7009 §2.2: the same whether there was something to revoke.
#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("cache-control"), "no-store");
}

impl App {
    /// Revokes without saying who one is.
    async fn give_up(&self, token: &str) -> Answer {
        self.post("/oauth/revoke", &[("token", token)], None).await
    }

    async fn is_good(&self, voice: &Voice) -> bool {
        self.get_api(voice, "/me").await.status == 200
    }
}

/// Another of the same form, which nobody issued.
fn of_nobody() -> String {
    let key = grantor::platform::entropy::Entropy.bearer(grantor::kernel::LastingTag::PersonalToken);
    key.expose().to_owned()
}

#[tokio::test]
async fn whoever_holds_a_key_or_a_personal_token_ends_it_without_being_a_client() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    for (voice, kind) in [(app.key_of(org, "keys:read"), "api_key"), (app.voice_of(ADA, "keys:read"), "pat")]
    {
        let other = app.key_of(org, "keys:read");
        assert!(app.is_good(&voice).await);
        is_done(&app.give_up(&voice.0).await);
        assert!(!app.is_good(&voice).await && app.is_good(&other).await);
        is_done(&app.give_up(&voice.0).await);
        let events = told(&app.db, "credential.revoked");
        let of_kind: Vec<_> = events.iter().filter(|event| event.data["kind"] == json!(kind)).collect();
        assert_eq!((of_kind.len(), of_kind[0].actor_kind.as_str()), (1, "anonymous"));
        assert_eq!(of_kind[0].data["reason"], "revoked by its holder");
    }
    assert_eq!(told(&app.db, "credential.revoked").len(), 2);
    is_done(&app.give_up(&of_nobody()).await);
    assert_eq!(told(&app.db, "credential.revoked").len(), 2);
}

#[tokio::test]
async fn a_key_that_was_brought_along_is_ended_by_its_holder_and_what_is_none_is_for_a_client() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let ada = app.voice_of(ADA, "keys:*");
    let import = json!({ "owner": org, "name": "old", "key": "premium-api-key-12345" });
    app.post_api(&ada, "/keys/import", import).await.is(201);
    let imported = Voice("premium-api-key-12345".into());
    assert!(app.is_good(&imported).await);
    let words = "client authentication is required";
    app.give_up("premium-api-key-12346").await.is_refusal(401, "invalid_client", words);
    assert!(app.is_good(&imported).await);
    is_done(&app.give_up(&imported.0).await);
    assert!(!app.is_good(&imported).await);
}

/// Keys of an operator's own form are keys; those that are older than the choice stay what they are.
#[tokio::test]
async fn a_key_under_a_tag_of_the_operators_own_is_ended_all_the_same() {
    let app = App::with(|settings| {
        settings.credentials.key_tag = grantor::kernel::KeyTag::parse("ax").expect("a tag");
    });
    let app = app.await;
    let org = app.org("Acme", Some(ADA));
    let (one, other) = (app.key_of(org, "keys:read"), app.key_of(org, "keys:read"));
    assert!(one.0.starts_with("ax_"));
    is_done(&app.give_up(&one.0).await);
    is_done(&app.web_client().revoke(&app, &other.0).await);
    assert!(!app.is_good(&one).await && !app.is_good(&other).await);
}

/// The old rules stay for what a client holds.
#[tokio::test]
async fn an_oauth_token_is_still_its_clients_alone_rfc7009_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let secret = client.secret.clone().expect("a secret");
    for token in [tokens.text("access_token"), tokens.text("refresh_token"), secret] {
        app.give_up(&token).await.is_refusal(401, "invalid_client", "client authentication is required");
    }
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
    // Who says that they are a client must be one.
    let org = app.org("Acme", Some(ADA));
    let key = app.key_of(org, "keys:read");
    let wrong = [("token", key.0.as_str()), ("client_id", client.id.as_str()), ("client_secret", "wrong")];
    app.post("/oauth/revoke", &wrong, None).await.is_error(401, "invalid_client");
    let in_query = app.post(&format!("/oauth/revoke?token={}", key.0), &[("token", &key.0)], None).await;
    in_query.is_error(400, "invalid_request");
    let twice = [("token", key.0.as_str()), ("token", key.0.as_str())];
    assert_ne!(app.post("/oauth/revoke", &twice, None).await.status, 200);
    assert!(app.is_good(&key).await);
}

#[tokio::test]
async fn a_client_that_holds_a_key_ends_it_too_and_the_log_names_the_client() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    for client in [app.web_client(), app.public_client()] {
        let key = app.key_of(org, "keys:read");
        is_done(&client.revoke(&app, &of_nobody()).await);
        assert!(app.is_good(&key).await);
        is_done(&client.revoke(&app, &key.0).await);
        assert!(!app.is_good(&key).await);
        let events = told(&app.db, "credential.revoked");
        let by = events.iter().filter(|event| event.actor_id == Some(client.principal.uuid()));
        assert_eq!(by.count(), 1);
    }
}

/// B09: guesses count as everywhere.
#[tokio::test]
async fn b09_whoever_guesses_bearers_to_revoke_is_made_to_wait() {
    let app = App::with(|settings| settings.guard.unknown_bearer = 3).await;
    let org = app.org("Acme", Some(ADA));
    let key = app.key_of(org, "keys:read");
    // What was issued is no guess, however often it comes.
    let ended = app.key_of(org, "keys:read");
    for _ in 0..5 {
        is_done(&app.give_up(&ended.0).await);
    }
    for _ in 0..3 {
        is_done(&app.give_up(&of_nobody()).await);
    }
    let waiting = app.give_up(&key.0).await;
    assert_eq!(waiting.status, 429, "{}", waiting.body);
    assert!(!waiting.header("retry-after").is_empty());
    is_done(&app.post_from("203.0.113.1", "/oauth/revoke", &[("token", &key.0)], None).await);
}

/// V09: what was not revoked is not said to be.
#[tokio::test]
async fn v09_while_the_database_is_away_no_key_is_said_to_be_revoked() {
    let mut postgres = OwnPostgres::start();
    let impatient = |settings: &mut grantor::app::settings::Settings| settings.database.pool.wait_ms = 600;
    let app = App::over(&postgres.url(), TestClock::starting_at(*START), impatient).await;
    let client = app.web_client();
    let key = app.key_of(client.principal, "keys:read");
    assert!(app.is_good(&key).await);
    postgres.stop();
    for answer in [app.give_up(&key.0).await, client.revoke(&app, &key.0).await] {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.header("retry-after").is_empty());
    }
    postgres.start_again();
    crate::support::eventually("back", || async { app.give_up(&key.0).await.status == 200 }).await;
    assert!(!app.is_good(&key).await);
    app.stop().await;
}
