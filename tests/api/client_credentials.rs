//! Client credentials (RFC 6749 §4.4).

use serde_json::json;

use crate::support::App;

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
