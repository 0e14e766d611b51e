//! What holds for every route: methods, unknown paths, headers, health, metrics.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{ADA, Answer, App, Browser};

/// Every route of the front listener, with what it allows.
const ROUTES: [(&str, &str); 21] = [
    ("/", "GET, HEAD"),
    ("/livez", "GET, HEAD"),
    ("/readyz", "GET, HEAD"),
    ("/health", "GET, HEAD"),
    ("/static/grantor.css", "GET, HEAD"),
    ("/static/logo.svg", "GET, HEAD"),
    ("/static/favicon.svg", "GET, HEAD"),
    ("/.well-known/oauth-authorization-server", "GET, HEAD, OPTIONS"),
    ("/oauth/authorize", "GET, HEAD, POST"),
    ("/oauth/consent", "GET, HEAD, POST"),
    ("/oauth/token", "POST, OPTIONS"),
    ("/oauth/revoke", "POST, OPTIONS"),
    ("/oauth/introspect", "POST"),
    ("/login", "GET, HEAD, POST"),
    ("/logout", "GET, HEAD, POST"),
    ("/account/apps", "GET, HEAD"),
    ("/account", "GET, HEAD"),
    ("/account/name", "POST"),
    ("/account/password", "GET, HEAD, POST"),
    ("/account/sessions/018f0000-0000-7000-8000-000000000000/end", "POST"),
    ("/account/sign-out-everywhere", "POST"),
];

/// Sends bytes as they stand and reads until the server has said all it has to say.
async fn raw(address: &str, request: &[u8]) -> String {
    let (address, request) = (address.trim_start_matches("http://").to_owned(), request.to_vec());
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(&request).expect("sent");
        let mut answer = Vec::new();
        // A server that does not like what it reads may reset the connection behind its answer.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    answered.await.expect("an answer")
}

/// U01: RFC 9110 §15.5.6
#[tokio::test]
async fn a_wrong_method_is_405_with_allow_rfc9110_15_5_6() {
    let app = App::start().await;
    for (path, allow) in ROUTES {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"]
        {
            let answer = Answer::to(app.request(method, path)).await;
            let case = format!("{method} {path}");
            if allow.split(", ").any(|allowed| allowed == method) {
                assert!(![404, 405, 500].contains(&answer.status), "{case}: {}", answer.status);
                continue;
            }
            assert_eq!((answer.status, answer.header("allow").as_str()), (405, allow), "{case}");
            assert_eq!(answer.body, "", "{case}");
            assert!(uuid::Uuid::try_parse(&answer.header("x-request-id")).is_ok());
        }
    }
    for method in ["GET", "PUT"] {
        let path = "/account/apps/0190163d-8694-739b-aea5-966c26f8ad91/revoke";
        let answer = Answer::to(app.request(method, path)).await;
        assert_eq!((answer.status, answer.header("allow").as_str()), (405, "POST"));
    }
}

/// U02: a page of ours that gives nothing away.
#[tokio::test]
async fn an_unknown_path_is_a_plain_404() {
    let app = App::start().await;
    app.get("/livez").await.is_ok();
    for path in [
        "/nothing",
        "/oauth",
        "/oauth/",
        "/oauth/token/",
        "/OAUTH/token",
        "//oauth/token",
        "/oauth/token%00",
        "/static/",
        "/static/../src/main.rs",
        "/static/%2e%2e/Cargo.toml",
        "/.env",
        "/%ff",
        "/<script>alert(1)</script>",
        "/account/apps/x",
        "/livez/x",
    ] {
        for method in ["GET", "POST", "HEAD", "PUT"] {
            let answer = Answer::to(app.request(method, path)).await;
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!((answer.header("server"), answer.header("x-powered-by")), Default::default());
            let body = answer.body.to_lowercase();
            for telling in ["alert(1)", "actix", "panic", "rust", ".rs", "stack"] {
                assert!(!body.contains(telling), "{telling} on {path}");
            }
        }
    }
}

/// U03: also where a client library would not let it through.
#[tokio::test]
async fn bytes_that_are_not_http_break_nothing() {
    let app = App::start().await;
    let get = async |target: &[u8]| {
        let head = [b"GET ", target, b" HTTP/1.1\r\nHost: id.test\r\nConnection: close\r\n\r\n"].concat();
        raw(&app.address, &head).await
    };
    assert!(get(b"/livez").await.starts_with("HTTP/1.1 200"));
    for target in [
        b"/\xff\xfe".as_slice(),
        b"/oauth/authorize?client_id=\xff",
        b"/oauth/authorize?client_id=%00",
        b"/oauth/authorize?client_id=%ed%a0%80",
        b"/login?interaction=%c0%80",
        b"/login?interaction=%00",
        b"/oauth/consent?interaction=%00",
        b"/account/apps/%00/revoke",
        b"/oauth/token?%ff",
        b"*",
        b"nothing",
        b"http://evil.example/livez\xff",
        b"/ HTTP/1.1 /",
    ] {
        let answer = get(target).await;
        let status = answer.get(9..12).unwrap_or_default().to_owned();
        assert!(status.starts_with('4'), "{}: {answer}", String::from_utf8_lossy(target));
        assert!(!answer.to_lowercase().contains("postgres"), "{answer}");
    }
    for nonsense in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"GET /livez HTTP/1.1\r\nHost: id.test\r\nX: \0\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: id.test\r\nContent-Length: -1\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: id.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /oauth/token HTTP/1.1\r\nHost: id.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let answer = raw(&app.address, nonsense).await;
        assert!(!answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"), "{answer}");
    }
    assert!(get(b"/livez").await.starts_with("HTTP/1.1 200"));
}

/// T31: a body that does not say how long it is ends at the limit all the same.
#[tokio::test]
async fn a_chunked_body_is_limited_too() {
    let app = App::start().await;
    let client = app.public_client();
    let chunked = async |padding: usize| {
        let body = format!("token=x&client_id={}&pad={}", client.id, "x".repeat(padding));
        let head = "POST /oauth/revoke HTTP/1.1\r\nHost: id.test\r\nConnection: close\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n";
        let request = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        raw(&app.address, request.as_bytes()).await
    };
    let small = chunked(1).await;
    assert!(small.starts_with("HTTP/1.1 200"), "{small}");
    let large = chunked(app.settings.server.body_limit).await;
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
}

/// Every answer says which request it answers, anew each time, and never what a caller made up.
#[tokio::test]
async fn every_answer_carries_an_id_of_its_own() {
    let app = App::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for (path, _) in ROUTES.into_iter().chain([("/nothing", "")]) {
        for method in ["GET", "POST", "HEAD", "OPTIONS"] {
            let made_up = app.request(method, path).header("x-request-id", "made-up");
            let answer = Answer::to(made_up).await;
            let id = answer.header("x-request-id");
            assert!(uuid::Uuid::try_parse(&id).is_ok(), "{method} {path}: {id}");
            assert!(seen.insert(id));
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
            assert_eq!(answer.header("server"), "");
        }
    }
}

/// RFC 9110 §9.3.2: and the connection is fit for the next request afterwards.
#[tokio::test]
async fn head_answers_without_a_body_rfc9110_9_3_2() {
    let app = App::start().await;
    for (path, _) in ROUTES.iter().filter(|(_, allow)| allow.contains("HEAD")) {
        let get = Answer::to(app.request("GET", path)).await;
        let head = Answer::to(app.request("HEAD", path)).await;
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    let pipelined =
        "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = raw(&app.address, pipelined.as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert_eq!(answers.matches("ok\n").count(), 1, "{answers}");
}

/// U17: alive, ready and well, on both listeners, and no detail for strangers.
#[tokio::test]
async fn health_is_told_on_every_listener() {
    let app = App::start().await;
    for listener in [&app.address, &app.ops] {
        for (path, kind, body) in [
            ("/livez", "", "ok\n".to_owned()),
            ("/readyz", "", "ok\n".to_owned()),
            ("/health", "application/json", json!({ "status": "ok", "database": "ok" }).to_string()),
        ] {
            let answer = Answer::to(app.http.get(format!("{listener}{path}"))).await;
            let body_of = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            assert_eq!((answer.status, body_of(&answer.body)), (200, body_of(&body)), "{path}");
            assert!(answer.header("content-type").starts_with(kind), "{path}");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

/// U17
#[tokio::test]
async fn metrics_are_on_the_ops_listener_only_and_nothing_else_is() {
    let app = App::start().await;
    let metrics = Answer::to(app.http.get(format!("{}/metrics", app.ops))).await;
    metrics.is_ok();
    assert_eq!(metrics.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(metrics.body.ends_with("# EOF\n"));
    for path in ["/metrics", "/debug", "/debug/pprof", "/actuator", "/status"] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
    for path in ["/oauth/token", "/login", "/", "/.well-known/oauth-authorization-server"] {
        let answer = Answer::to(app.http.get(format!("{}{path}", app.ops))).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

/// U17: whatever strangers send, the label sets stay few, and hold nobody's id.
#[tokio::test]
async fn metric_labels_are_bounded_and_name_nobody() {
    let app = App::start().await;
    let client = app.web_client();
    client.own_token(&app, "").await.is_ok();
    let mut browser: Browser = app.browser();
    browser.sign_in(ADA).await;
    let series = async || {
        let text = Answer::to(app.http.get(format!("{}/metrics", app.ops))).await.body;
        let counted = text
            .lines()
            .filter(|line| line.starts_with("grantor_http_requests_total{"))
            .map(|line| line.split_once("} ").expect("a count").0.to_owned());
        (counted.collect::<std::collections::BTreeSet<String>>(), text)
    };
    let grant = "0190163d-8694-739b-aea5-966c26f8ad91";
    let storm = async |round: u32| {
        for path in [
            format!("/nothing-{round}"),
            format!("/oauth/token?x={round}"),
            format!("/account/apps/{grant}-{round}/revoke"),
            format!("/static/{round}.css"),
        ] {
            Answer::to(app.request("GET", &path)).await;
            Answer::to(app.request(&format!("M{round}"), &path)).await;
        }
    };
    storm(0).await;
    series().await;
    let (before, _) = series().await;
    for round in 1..20 {
        storm(round).await;
    }
    let (after, text) = series().await;
    assert_eq!(after, before);
    let counted = r#"grantor_http_requests_total{route="/oauth/token",method="POST",status="200"} 1"#;
    assert!(text.contains(counted), "{text}");
    assert!(text.contains(r#"route="unmatched",method="other",status="404""#), "{text}");
    for telling in [client.id.as_str(), grant, "ada", "nothing-1", "198.51.100"] {
        assert!(!text.contains(telling), "{telling} in {text}");
    }
}
