//! Client credentials (RFC 6749 §4.4).

use grantor::audit::Actor;
use grantor::clients::registration::{Registration, register};
use serde_json::json;

use crate::support::{ADA, App, web_registration};

/// T25, T32: no refresh token, the subject is the client, the answer is whole.
#[tokio::test]
async fn a_client_acts_for_itself_rfc6749_4_4() {
    let app = App::start().await;
    let client = app.web_client();
    let answer = client.own_token(&app, "orders:read").await;
    answer.is_ok();
    let mut body = answer.json();
    let token = body["access_token"].take();
    let token = token.as_str().expect("a token");
    assert!(token.starts_with("gat_") && token.len() == 40, "{token}");
    assert_eq!(
        body,
        json!({ "access_token": null, "token_type": "Bearer", "expires_in": 600, "scope": "orders:read" })
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");

    let server = app.resource_server();
    let mut told = app.introspect(&server, token).await;
    assert!(told["jti"].take().is_string());
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "Bearer", "scope": "orders:read", "client_id": client.id,
            "sub": client.id, "aud": ["https://orders.test"], "iss": "https://id.test",
            "iat": 1_795_262_400, "exp": 1_795_263_000, "jti": null,
        })
    );
}

#[tokio::test]
async fn the_whole_person_s_flow_works() {
    let app = App::start().await;
    let client = app.web_client();
    let tokens = client.tokens_of_ada(&app, "orders:read orders:write").await;
    let server = app.resource_server();
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
    let again = client.refresh(&app, &tokens.text("refresh_token")).await;
    again.is_ok();
    assert!(app.is_active(&server, &again.text("access_token")).await);
    client.revoke(&app, &again.text("refresh_token")).await.is_ok();
    assert!(!app.is_active(&server, &again.text("access_token")).await);
    assert!(!app.is_active(&server, &tokens.text("access_token")).await);
}

/// T25, T32: what is granted is told; without a wish it is all that was registered.
#[tokio::test]
async fn the_scope_is_what_was_asked_within_what_was_registered_rfc6749_3_3() {
    let app = App::start().await;
    let client = app.web_client();
    for (asked, granted) in [
        ("", "orders:read orders:write people:read"),
        ("orders:read", "orders:read"),
        ("people:read orders:read", "orders:read people:read"),
        ("orders:read orders:read", "orders:read"),
        (" orders:read  ", "orders:read"),
    ] {
        let answer = client.own_token(&app, asked).await;
        answer.is_ok();
        assert_eq!(answer.text("scope"), granted, "{asked}");
    }
    let narrow = app.resource_server();
    for (client, asked) in [
        (&client, "openid"),
        (&client, "offline_access"),
        (&client, "orders:read admin"),
        (&client, "orders:read unheard:of"),
        (&client, "ORDERS:READ"),
        (&narrow, "orders:read"),
    ] {
        let words = "the scope is unknown, or exceeds what was granted or registered";
        client.own_token(&app, asked).await.is_refusal(400, "invalid_scope", words);
    }
    let many = "a ".repeat(101);
    for malformed in ["orders:read,people:read\"", "a\\b", "é", "a\tb", "\n", "   ", &many] {
        let answer = client.own_token(&app, malformed).await;
        answer.is_refusal(400, "invalid_scope", "the scope is malformed");
    }
}

/// A client of no scope gets a token that says who it is and nothing more.
#[tokio::test]
async fn a_client_without_scopes_gets_a_token_without_scopes() {
    let app = App::start().await;
    let client = app.resource_server();
    let answer = client.own_token(&app, "").await;
    answer.is_ok();
    let mut body = answer.json();
    let token = body["access_token"].take();
    assert_eq!(body, json!({ "access_token": null, "token_type": "Bearer", "expires_in": 600 }));
    let mut told = app.introspect(&client, token.as_str().expect("a token")).await;
    assert!(told["jti"].take().is_string());
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "Bearer", "client_id": client.id, "sub": client.id,
            "iss": "https://id.test", "iat": 1_795_262_400, "exp": 1_795_263_000, "jti": null,
        })
    );
}

/// T25
#[tokio::test]
async fn a_client_s_subject_is_never_a_person_s_rfc9700_4_15() {
    let app = App::start().await;
    let registration = |id: String| Registration { client_id: Some(id), ..web_registration() };
    app.register(&registration("0190163d-8694-739b-aea5-966c26f8ad91".into()))
        .own_token(&app, "")
        .await
        .is_ok();
    let of_ada = ADA.id().to_string();
    for id in [of_ada.to_uppercase(), of_ada.replace('-', ""), of_ada] {
        let refused =
            app.operator(|work| register(work, Actor::Operator, &registration(id.clone()), None).map(Ok));
        let words = refused.err().map(|problem| problem.to_string());
        assert_eq!(words.as_deref(), Some("this client_id is taken"), "{id}");
    }
}

/// RFC 6749 §4.4: "MUST only be used by confidential clients"
#[tokio::test]
async fn a_public_client_does_not_act_for_itself_rfc6749_4_4() {
    let app = App::start().await;
    app.web_client().own_token(&app, "").await.is_ok();
    let answer = app.public_client().own_token(&app, "").await;
    let words = "this client is not registered for this grant";
    answer.is_refusal(400, "unauthorized_client", words);
    let registration = Registration { public: true, ..web_registration() };
    let refused = app.operator(|work| register(work, Actor::Operator, &registration, None).map(Ok));
    let words = refused.err().map(|problem| problem.to_string());
    assert_eq!(words.as_deref(), Some("client_credentials is for confidential clients only"));
}

/// T32: `expires_in` is what introspection says too, and the token dies in that second.
#[tokio::test]
async fn a_token_lives_as_long_as_its_client_s_tokens_live() {
    let app = App::start().await;
    let client = app.register(&Registration { access_token_lifetime: Some(90), ..web_registration() });
    let server = app.resource_server();
    let answer = client.own_token(&app, "orders:read").await;
    assert_eq!(answer.json()["expires_in"], json!(90));
    let token = answer.text("access_token");
    app.advance(chrono::Duration::seconds(89));
    assert!(app.is_active(&server, &token).await);
    app.advance(chrono::Duration::seconds(1));
    assert!(!app.is_active(&server, &token).await);
}
