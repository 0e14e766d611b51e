//! Authorization server metadata (RFC 8414).

use serde_json::json;

use crate::support::{Answer, App};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// M01: every fact, and none beside.
#[tokio::test]
async fn the_document_is_whole_rfc8414_2() {
    let app = App::start().await;
    let answer = app.get(WELL_KNOWN).await;
    answer.is_ok();
    assert_eq!(
        answer.json(),
        json!({
            "issuer": "https://id.test",
            "authorization_endpoint": "https://id.test/oauth/authorize",
            "token_endpoint": "https://id.test/oauth/token",
            "revocation_endpoint": "https://id.test/oauth/revoke",
            "introspection_endpoint": "https://id.test/oauth/introspect",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "prompt_values_supported": ["none", "login", "consent"],
        })
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=300"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", ""),
        ("x-content-type-options", "nosniff"),
        ("set-cookie", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

/// M02: nothing in it comes from the request.
#[tokio::test]
async fn a_spoofed_host_changes_nothing_rfc8414_3_3() {
    let app = App::start().await;
    let plain = app.get(WELL_KNOWN).await;
    plain.is_ok();
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-url", "/evil"),
        ("accept", "text/html"),
    ] {
        let answer = Answer::to(app.request("GET", WELL_KNOWN).header(name, value)).await;
        assert_eq!((answer.status, &answer.body), (200, &plain.body), "{name}");
    }
    let with_query = app.get(&format!("{WELL_KNOWN}?issuer=https://evil.example")).await;
    assert_eq!((with_query.status, &with_query.body), (200, &plain.body));
}

/// M01: what is announced is there, and answers the methods announced.
#[tokio::test]
async fn every_endpoint_that_is_announced_is_there() {
    let app = App::start().await;
    let client = app.machine_client();
    let document = app.get(WELL_KNOWN).await.json();
    let path = |name: &str| {
        let url = document[name].as_str().expect("an address");
        url.strip_prefix("https://id.test").expect("an address of ours").to_owned()
    };
    let secret = client.secret.as_deref().expect("a secret");
    for endpoint in ["token", "revocation", "introspection"] {
        let path = path(&format!("{endpoint}_endpoint"));
        let form = [("grant_type", "client_credentials"), ("token", "x")];
        app.post(&path, &form, Some(&client)).await.is_ok();
        let form = [&form[..], &[("client_id", client.id.as_str()), ("client_secret", secret)]].concat();
        app.post(&path, &form, None).await.is_ok();
    }
    let page = app.browser().get_once(&format!("{}?client_id=nobody", path("authorization_endpoint"))).await;
    page.is_error_page(400);
}

/// What clients try besides must be a plain 404: MCP's take anything else for a broken server.
#[tokio::test]
async fn a_document_that_is_not_there_is_not_found() {
    let app = App::start().await;
    app.get(WELL_KNOWN).await.is_ok();
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/",
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/oauth/jwks",
    ] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
}

/// RFC 9110 §9.3.2
#[tokio::test]
async fn head_tells_what_get_would_rfc9110_9_3_2() {
    let app = App::start().await;
    let get = app.get(WELL_KNOWN).await;
    let head = Answer::to(app.request("HEAD", WELL_KNOWN)).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}
