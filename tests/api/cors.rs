//! Browser apps that call across origins (T26).

use grantor::clients::registration::Registration;

use crate::support::{Answer, App, TestClient};

const OWN: &str = "https://spa.example";
const OTHERS: &str = "https://other.example";
const STRANGERS: [&str; 7] = [
    "https://evil.example",
    "null",
    "https://spa.example.evil.example",
    "https://SPA.example",
    "http://spa.example",
    "https://spa.example:8443",
    "https://spa.example, https://evil.example",
];

/// An app in the browser, at this origin.
fn spa(app: &App, origin: &str) -> TestClient {
    app.register(&Registration {
        name: "Browser app".into(),
        public: true,
        scope: "orders:read".into(),
        redirect_uris: vec![format!("{origin}/cb")],
        origins: vec![origin.into()],
        ..Registration::default()
    })
}

/// What the answer allows whom: allowed origin, credentials, exposed headers.
fn allowed(answer: &Answer) -> [String; 3] {
    ["allow-origin", "allow-credentials", "expose-headers"]
        .map(|name| answer.header(&format!("access-control-{name}")))
}

fn to(origin: &str) -> [String; 3] {
    [origin.into(), String::new(), "WWW-Authenticate, Retry-After, X-Request-Id".into()]
}

fn nobody() -> [String; 3] {
    Default::default()
}

async fn preflight(app: &App, path: &str, origin: Option<&str>) -> Answer {
    let request = app
        .request("OPTIONS", path)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    Answer::to(match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    })
    .await
}

async fn post_from(app: &App, origin: &str, path: &str, form: &[(&str, &str)]) -> Answer {
    Answer::to(app.request("POST", path).header("origin", origin).form(form)).await
}

#[tokio::test]
async fn a_preflight_is_answered_for_every_registered_origin_and_no_other() {
    let app = App::start().await;
    let clients = [spa(&app, OWN), spa(&app, OTHERS)];
    assert_ne!(clients[0].id, clients[1].id);
    for path in ["/oauth/token", "/oauth/revoke"] {
        for origin in [OWN, OTHERS] {
            let answer = preflight(&app, path, Some(origin)).await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""));
            for (name, value) in [
                ("access-control-allow-origin", origin),
                ("access-control-allow-methods", "POST"),
                ("access-control-allow-headers", "Authorization, Content-Type"),
                ("access-control-max-age", "600"),
                ("access-control-allow-credentials", ""),
                ("allow", "POST, OPTIONS"),
            ] {
                assert_eq!(answer.header(name), value, "{name}");
            }
            assert!(answer.header("vary").contains("Origin"));
        }
        for origin in STRANGERS.map(Some).into_iter().chain([None]) {
            let answer = preflight(&app, path, origin).await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""));
            let told = answer.headers.keys().map(|name| name.as_str());
            let told: Vec<_> = told.filter(|name| name.starts_with("access-control")).collect();
            assert!(told.is_empty(), "{origin:?}: {told:?}");
            assert!(answer.header("vary").contains("Origin"));
        }
    }
}

/// The union is for preflights; the request itself is for its own client's origins.
#[tokio::test]
async fn an_answer_may_be_read_by_its_own_client_s_origin_only() {
    let app = App::start().await;
    let (client, other) = (spa(&app, OWN), spa(&app, OTHERS));
    let refresh = client.tokens_of_ada(&app, "orders:read").await.text("refresh_token");
    let id = ("client_id", client.id.as_str());
    let good = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), id];
    let wrong = [("grant_type", "refresh_token"), ("refresh_token", "x"), id];
    let unsupported = [("grant_type", "password"), id];
    let revoke = [("token", "x"), id];
    for (path, form, status) in [
        ("/oauth/token", &good[..], 200),
        ("/oauth/token", &wrong, 400),
        ("/oauth/token", &unsupported, 400),
        ("/oauth/revoke", &revoke, 200),
    ] {
        let own = post_from(&app, OWN, path, form).await;
        assert_eq!((own.status, allowed(&own)), (status, to(OWN)), "{}", own.body);
        assert_eq!(own.header("vary"), "Origin");
        for origin in STRANGERS.into_iter().chain([OTHERS]) {
            let foreign = post_from(&app, origin, path, form).await;
            assert_eq!(allowed(&foreign), nobody(), "{origin}");
            assert_eq!(foreign.header("vary"), "Origin");
        }
        let sameorigin = app.post(path, form, None).await;
        assert_eq!(allowed(&sameorigin), nobody());
        assert_eq!(sameorigin.header("vary"), "Origin");
    }
    let form = [("token", "x"), ("client_id", other.id.as_str())];
    assert_eq!(allowed(&post_from(&app, OTHERS, "/oauth/revoke", &form).await), to(OTHERS));
}

/// A request that has not shown whose it is may be read by nobody.
#[tokio::test]
async fn an_answer_to_nobody_known_may_be_read_by_nobody() {
    let app = App::start().await;
    let client = spa(&app, OWN);
    let id = ("client_id", client.id.as_str());
    let revoke = async |form: &[(&str, &str)]| post_from(&app, OWN, "/oauth/revoke", form).await;
    assert_eq!(allowed(&revoke(&[("token", "x"), id]).await), to(OWN));
    for form in [
        vec![("token", "x"), ("client_id", "nobody")],
        vec![("token", "x"), id, ("client_secret", "any")],
        vec![("token", "x")],
    ] {
        let answer = revoke(&form).await;
        assert_eq!((answer.status, allowed(&answer)), (401, nobody()));
    }
    app.disable(&client, true);
    assert_eq!(allowed(&revoke(&[("token", "x"), id]).await), nobody());
}

/// Resource servers are not in browsers, and pages are not for scripts of other origins.
#[tokio::test]
async fn nothing_else_answers_across_origins() {
    let app = App::start().await;
    let client = spa(&app, OWN);
    assert_eq!(preflight(&app, "/oauth/token", Some(OWN)).await.status, 204);
    for path in ["/oauth/introspect", "/oauth/authorize", "/oauth/consent", "/login", "/account/apps"] {
        let answer = preflight(&app, path, Some(OWN)).await;
        assert_eq!((answer.status, allowed(&answer)), (405, nobody()), "{path}");
        let get = Answer::to(app.request("GET", path).header("origin", OWN)).await;
        assert_eq!(allowed(&get), nobody(), "{path}");
    }
    // What is asked with a bearer is not asked by scripts: a preflight is no question there, and gets no yes.
    let bearer = app.key_of(client.principal, "orders:read").0;
    for path in ["/api/v1/me", "/api/v1/leaks", "/authz?service=orders", "/authz/envoy/orders"] {
        let answer = preflight(&app, path, Some(OWN)).await;
        assert!(answer.status >= 400, "{path}: {}", answer.status);
        assert_eq!(allowed(&answer), nobody(), "{path}");
        for method in ["GET", "POST"] {
            let asked = app.request(method, path).header("origin", OWN).bearer_auth(&bearer);
            assert_eq!(allowed(&Answer::to(asked).await), nobody(), "{method} {path}");
        }
    }
    let form = [("token", "x"), ("client_id", client.id.as_str())];
    let answer = post_from(&app, OWN, "/oauth/introspect", &form).await;
    assert_eq!((answer.status, allowed(&answer)), (403, nobody()));
}

/// Metadata is public: any origin may read it, and ask before with a header of its library's own.
#[tokio::test]
async fn metadata_may_be_read_from_anywhere() {
    let app = App::start().await;
    let address = format!("{}/.well-known/oauth-authorization-server", app.address);
    let read = app.http.get(&address).header("origin", "https://anywhere.example");
    let answer = crate::support::Answer::to(read).await;
    answer.is_ok();
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let ask = app
        .http
        .request(reqwest::Method::OPTIONS, &address)
        .header("origin", "https://anywhere.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "mcp-protocol-version");
    let answer = crate::support::Answer::to(ask).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-headers"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}
