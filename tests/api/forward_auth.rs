//! What a proxy is told: `/authz`, and `/authz/envoy/…`.

use chrono::Duration;
use grantor::credentials::lifetime::Lifetime;
use grantor::credentials::wish::Wish;
use grantor::kernel::KeyTag;
use grantor::platform::entropy::Entropy;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, claims_of, header_of, signing, verifies};

const NAMES: [&str; 8] = ["sub", "client", "account", "plan", "scope", "credential", "kind", "jwt"];

impl App {
    /// A question of a proxy's, as nginx puts it.
    fn asked(&self, query: &str, method: &str, target: &str) -> reqwest::RequestBuilder {
        let request = self.request("GET", &format!("/authz{query}"));
        request.header("x-original-method", method).header("x-original-uri", target)
    }

    async fn may(&self, key: &str, method: &str, target: &str) -> Answer {
        Answer::to(self.asked("?service=orders", method, target).bearer_auth(key)).await
    }
}

/// What is said of a no: status, word, challenge.
fn no(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.body);
    let problem = answer.json();
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    (answer.status, answer.error(), answer.header("www-authenticate"))
}

#[track_caller]
fn is_no(answer: &Answer, status: u16, error: &str, challenge: &str) {
    let challenge = match challenge {
        "" => String::new(),
        "-" => r#"Bearer realm="grantor""#.to_owned(),
        more => format!(r#"Bearer realm="grantor", {more}"#),
    };
    assert_eq!(no(answer), (status, error.to_owned(), challenge));
}

#[tokio::test]
async fn a_yes_names_the_caller_in_headers_that_are_always_there() {
    let app = App::for_proxies().await;
    let key = app.reading_key();
    let answer = app.may(&key, "GET", "/7?x=1").await;
    answer.is_ok();
    for name in NAMES {
        assert!(answer.headers.contains_key(format!("x-auth-{name}")), "{name}");
    }
    let told =
        ["plan", "scope", "kind", "client", "jwt"].map(|name| answer.header(&format!("x-auth-{name}")));
    assert_eq!(told, ["free", "orders:read", "api_key", "", ""]);
    assert!(!answer.header("x-auth-sub").is_empty() && !answer.header("x-auth-credential").is_empty());
    assert_eq!(answer.header("x-ratelimit-limit"), "10");
    assert!(answer.header("ratelimit").contains(r#""minute";r=9"#), "{}", answer.header("ratelimit"));

    let client = app.web_client();
    let token = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    let answer = app.may(&token, "GET", "/7").await;
    answer.is_ok();
    let told = ["sub", "client", "kind", "credential"].map(|name| answer.header(&format!("x-auth-{name}")));
    assert_eq!(told, [ADA.id().to_string(), client.id.clone(), "access_token".into(), String::new()]);
}

/// RFC 6750 §3: who is 401, may not is 403.
#[tokio::test]
async fn every_no_says_why() {
    let app = App::for_proxies().await;
    let key = app.reading_key();
    let client = app.web_client();
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let bare = app.asked("?service=orders", "GET", "/");
    is_no(&Answer::to(bare).await, 401, "missing_token", "-");
    let basic = app.asked("?service=orders", "GET", "/").basic_auth(&client.id, client.secret.as_deref());
    is_no(&Answer::to(basic).await, 401, "missing_token", "-");
    let cookie = app.asked("?service=orders", "GET", &format!("/?access_token={key}"));
    is_no(&Answer::to(cookie.header("cookie", format!("key={key}"))).await, 401, "missing_token", "-");
    let bad = r#"error="invalid_token""#;
    is_no(&app.may("nonsense", "GET", "/").await, 401, "invalid_token", bad);
    is_no(&app.may(&tokens.text("refresh_token"), "GET", "/").await, 401, "invalid_token", bad);
    let missing = r#"error="insufficient_scope", scope="orders:write""#;
    is_no(&app.may(&key, "POST", "/").await, 403, "insufficient_scope", missing);
    let asked = app.asked("?service=orders&scope=people:read", "GET", "/").bearer_auth(&key);
    let missing = r#"error="insufficient_scope", scope="people:read""#;
    is_no(&Answer::to(asked).await, 403, "insufficient_scope", missing);
    for (service, error) in [("people", "not_granted"), ("unheard", "no_such_service")] {
        let asked = app.asked(&format!("?service={service}"), "GET", "/").bearer_auth(&key);
        is_no(&Answer::to(asked).await, 403, error, "");
    }
    let two = app.asked("?service=orders", "GET", "/").bearer_auth(&key).header("x-api-key", "another");
    is_no(&Answer::to(two).await, 400, "invalid_request", r#"error="invalid_request""#);
    let same = app.asked("?service=orders", "GET", "/").bearer_auth(&key).header("x-api-key", &key);
    Answer::to(same).await.is_ok();
    let other = app.asked("?service=orders", "GET", "/").header("x-api-key", &key);
    Answer::to(other).await.is_ok();
}

/// A store that does not answer is waited for, and that is how long it took at least.
#[tokio::test]
async fn how_long_a_call_took_and_its_trace_are_in_the_log() {
    const PATIENCE_MS: u16 = 40;
    // Whoever connects waits for ever.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let app = App::with(|settings| {
        settings.limits.store = "redis".into();
        settings.limits.timeout_ms = PATIENCE_MS.into();
        settings.redis.url = format!("redis://{}", silent.local_addr().expect("an address"));
    })
    .await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = app.asked("?service=orders", "GET", "/7").header("traceparent", traceparent);
    let answer = Answer::to(request.bearer_auth(app.reading_key())).await;
    answer.is_ok();
    let story = app.story_of(&answer).await;
    assert!(story.response_time_ms >= PATIENCE_MS.into(), "{story:?}");
    assert_eq!(story.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

/// Every refusal can be explained from its request id, whoever asked and however early it was refused.
#[tokio::test]
async fn every_no_is_in_the_request_log() {
    let app = App::with(|settings| {
        settings.limits.store = "memory".into();
        settings.guard.unknown_bearer = 1;
    })
    .await;
    let key = app.reading_key();
    let asked = |target: &str| app.asked("?service=orders", "GET", target);
    let silent = app.request("GET", "/authz?service=orders").bearer_auth(&key);
    let two = asked("/7").bearer_auth(&key).header("x-api-key", "another");
    let beyond = app.asked("?service=orders&scope=people:read", "GET", "/7");
    let no_text = asked("/7").header("x-api-key", HeaderValue::from_bytes(b"\xff").expect("bytes"));
    // Signing is off here.
    let unsigned = app.asked("?service=orders&jwt=1", "GET", "/7").bearer_auth(&key);
    for (request, status, code, check) in [
        (unsigned, 503, "temporarily_unavailable", "request"),
        (silent, 400, "misconfigured_proxy", "request"),
        (asked("/a/../b").bearer_auth(&key), 403, "ambiguous_request", "request"),
        (asked("/7"), 401, "missing_token", "bearer"),
        (two, 400, "invalid_request", "bearer"),
        (beyond.bearer_auth(&key), 403, "insufficient_scope", "scope"),
        (no_text, 401, "malformed", "bearer"),
        // That one was strange enough: from this network nobody is heard for a while.
        (asked("/7").bearer_auth(&key), 429, "too_many_failures", "known"),
    ] {
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        let story = app.story_of(&answer).await;
        let last = story.checks.read::<Vec<Value>>().pop().expect("a check");
        assert_eq!((story.status_code, story.error_code.as_deref()), (status.cast_signed(), Some(code)));
        assert_eq!((last["check"].as_str(), last["outcome"].as_str()), (Some(check), Some("refused")));
        assert!(story.method == "GET" || check == "request", "{story:?}");
    }
}

#[tokio::test]
async fn whoever_held_it_is_told_that_it_has_expired() {
    let app = App::for_proxies().await;
    let owner = app.resource_server().principal;
    let lifetime = Lifetime::Of(Duration::days(1));
    let wish = Wish { name: "ci".into(), scope: "orders:read".into(), lifetime, ..Wish::default() };
    let key = app.api_key_of(owner, &wish);
    // And of one that has a successor, once their overlap is over.
    let rotated = app.api_key_of(owner, &Wish { name: "old".into(), ..wish });
    let next = app.post_api(&Voice(rotated.clone()), "/keys/self/rotate", json!({ "overlap": "15m" })).await;
    next.is(201);
    app.get_api(&Voice(rotated.clone()), "/keys/self").await.is(200);
    app.advance(Duration::days(2));
    let expired = r#"error="invalid_token", error_description="expired""#;
    for ended in [key, rotated] {
        is_no(&app.may(&ended, "GET", "/").await, 401, "invalid_token", expired);
        let managing = app.get_api(&Voice(ended), "/keys/self").await;
        managing.is_problem(401, "invalid_token");
        assert_eq!(managing.json()["detail"], "the bearer has expired");
    }
}

/// Ten a minute, and the eleventh waits; nginx learns it in its own way.
#[tokio::test]
async fn too_much_is_429_with_its_headers() {
    let app = App::for_proxies().await;
    let key = app.reading_key();
    for left in (0..10).rev() {
        let answer = app.may(&key, "GET", "/").await;
        answer.is_ok();
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
    }
    let answer = app.may(&key, "GET", "/").await;
    is_no(&answer, 429, "rate_limited", "");
    let problem = answer.json();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["minute"]));
    assert_eq!(problem["retry_after"].to_string(), answer.header("retry-after"));
    let nginx = app.asked("?service=orders&deny=403", "GET", "/").bearer_auth(&key);
    let nginx = Answer::to(nginx).await;
    assert_eq!((nginx.status, nginx.header("x-authz-status")), (403, "429".into()));
    assert_eq!(nginx.header("retry-after"), answer.header("retry-after"));
    let wrong = Answer::to(app.asked("?service=orders&deny=403", "GET", "/").bearer_auth("x")).await;
    assert_eq!(wrong.status, 401, "nginx knows this one");
    let wait: i64 = answer.header("retry-after").parse().expect("seconds");
    app.clock.advance(Duration::seconds(wait));
    app.may(&key, "GET", "/").await.is_ok();
}

/// Y07, Y08: what is authorised is what is forwarded, or it is refused.
#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    let app = App::for_proxies().await;
    let key = app.reading_key();
    for target in [
        "/public/../admin",
        "/%2e%2e/admin",
        "/a%2fb",
        "/a;b=c",
        "//admin",
        "/a%00",
        "/a#b",
        "http://x/a",
        "",
    ] {
        let answer = app.may(&key, "GET", target).await;
        is_no(&answer, 403, "ambiguous_request", "");
    }
    is_no(&app.may(&key, "GE T", "/").await, 403, "ambiguous_request", "");
    let asked = || app.asked("?service=orders", "GET", "/7").bearer_auth(&key);
    for (name, value) in [("x-forwarded-uri", "/8"), ("x-forwarded-method", "HEAD"), ("x-original-uri", "/7")]
    {
        is_no(&Answer::to(asked().header(name, value)).await, 403, "ambiguous_request", "");
    }
    Answer::to(asked().header("forwarded", "for=1.2.3.4;host=x").header("x-forwarded-uri", "/7"))
        .await
        .is_ok();
    let silent = app.request("GET", "/authz?service=orders").bearer_auth(&key);
    is_no(&Answer::to(silent).await, 400, "misconfigured_proxy", "");
    for query in ["?services=orders", "?service=orders&deny=1", "?service=orders&cost=-1"] {
        let answer = Answer::to(app.asked(query, "GET", "/").bearer_auth(&key)).await;
        is_no(&answer, 400, "misconfigured_proxy", "");
    }
}

#[tokio::test]
async fn envoy_asks_with_the_method_and_the_path_themselves() {
    let app = App::for_proxies().await;
    let key = app.reading_key();
    for (method, path, status) in [
        ("GET", "/orders/7?service=people&scope=people:read", 200),
        ("HEAD", "/orders/7", 200),
        ("POST", "/orders/7", 403),
        ("GET", "/people/7", 403),
        ("GET", "/", 403),
        ("GET", "/orders/a%2fb", 403),
        ("GET", "/%6frders/7", 403),
        ("GET", "/orders//7", 403),
    ] {
        let request = app.request(method, &format!("/authz/envoy{path}")).bearer_auth(&key);
        let answer = Answer::to(request.header("x-original-uri", "/orders/1")).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    // And so does who names no service elsewhere.
    let asked = app.asked("?service=*", "GET", "/orders/7").bearer_auth(&key);
    Answer::to(asked).await.is_ok();
    // Whoever leaves the query out may be a proxy that puts the caller's there.
    let asked = app.asked("", "GET", "/orders/7").bearer_auth(&key);
    is_no(&Answer::to(asked).await, 400, "misconfigured_proxy", "");
}

/// It would tell strangers which keys are good, and let them spend what is others'.
#[tokio::test]
async fn nobody_but_a_named_proxy_is_answered() {
    let app = App::with(|settings| settings.server.trusted_proxies.clear()).await;
    let key = app.reading_key();
    is_no(&app.may(&key, "GET", "/").await, 403, "untrusted_proxy", "");
    let envoy = Answer::to(app.request("GET", "/authz/envoy/orders").bearer_auth(&key)).await;
    is_no(&envoy, 403, "untrusted_proxy", "");
}

/// Guesses are counted by where they come from, and not by the proxy that brings them.
#[tokio::test]
async fn who_guesses_waits_and_its_neighbours_do_not() {
    let app = App::with(|settings| {
        settings.limits.store = "memory".into();
        settings.guard.unknown_bearer = 2;
    })
    .await;
    let key = app.reading_key();
    for _ in 0..2 {
        let strange = Entropy.api_key(&KeyTag::default());
        let bad = r#"error="invalid_token""#;
        is_no(&app.may(strange.expose(), "GET", "/").await, 401, "invalid_token", bad);
    }
    let answer = app.may(&key, "GET", "/").await;
    is_no(&answer, 429, "too_many_failures", "");
    assert_eq!(answer.header("retry-after"), "60");
    let neighbour = app
        .http
        .get(format!("{}/authz?service=orders", app.address))
        .header("x-forwarded-for", "203.0.113.5")
        .header("x-forwarded-method", "GET")
        .header("x-forwarded-uri", "/")
        .bearer_auth(&key);
    Answer::to(neighbour).await.is_ok();
}

/// The upstream verifies by the key set whom it serves, and never sees the key.
#[tokio::test]
async fn the_upstream_is_told_by_a_jwt_where_that_is_asked_for() {
    let app = App::with(|settings| {
        settings.limits.store = "memory".into();
        signing(settings, "ES256");
    })
    .await;
    let key = app.reading_key();
    let answer = Answer::to(app.asked("?service=orders&jwt=1", "GET", "/").bearer_auth(&key)).await;
    answer.is_ok();
    let jwt = answer.header("x-auth-jwt");
    let keys = app.get("/oauth/jwks").await.json();
    assert!(verifies(&keys["keys"][0], &jwt), "{jwt}");
    assert_eq!(header_of(&jwt)["typ"], "authz+jwt");
    let claims = claims_of(&jwt);
    assert_eq!(claims["aud"], "https://orders.test");
    assert_eq!(claims["sub"], answer.header("x-auth-sub"));
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(60));
    let bad = r#"error="invalid_token""#;
    is_no(&app.may(&jwt, "GET", "/").await, 401, "invalid_token", bad);

    let unsigned = App::for_proxies().await;
    let key = unsigned.reading_key();
    let asked = unsigned.asked("?service=orders&jwt=1", "GET", "/").bearer_auth(&key);
    is_no(&Answer::to(asked).await, 503, "temporarily_unavailable", "");
}
