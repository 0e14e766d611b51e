//! The network guard: strangers who fail too often wait, and nobody else does.

use chrono::Duration;
use grantor::accounts::store::set_disabled;
use grantor::audit::Actor;
use grantor::credentials::lifetime::Lifetime;
use grantor::credentials::wish::Wish;
use grantor::kernel::{DatedTag, KeyTag};
use grantor::platform::entropy::Entropy;
use grantor::services::access::let_call;
use reqwest::header::HeaderValue;

use serde_json::json;

use crate::support::{Answer, App, MACHINE_ENDPOINTS, TestClient, eventually, told};

const WAIT: &str = "too many failed attempts, try again later";
const GUESSER: &str = "203.0.113.66";
const NEIGHBOUR: &str = "203.0.113.67";

/// A server that lets a network fail this often in a minute.
async fn lenient_to(failures: u32) -> App {
    App::with(|settings| {
        settings.guard.client_authentication = failures;
        settings.guard.unknown_bearer = failures;
    })
    .await
}

fn guessed(client: &TestClient) -> TestClient {
    TestClient { secret: Some("a-guess".into()), ..client.clone() }
}

/// A request for a token from behind these `X-Forwarded-For` headers.
async fn forwarded(app: &App, client: &TestClient, headers: &[&[u8]]) -> Answer {
    let mut request = app
        .http
        .post(format!("{}/oauth/token", app.address))
        .basic_auth(&client.id, client.secret.as_deref())
        .form(&[("grant_type", "client_credentials")]);
    for value in headers {
        let value = HeaderValue::from_bytes(value).expect("a header");
        request = request.header("x-forwarded-for", value);
    }
    Answer::to(request).await
}

#[track_caller]
fn must_wait(answer: &Answer, seconds: &str) {
    answer.is_refusal(429, "temporarily_unavailable", WAIT);
    assert_eq!(answer.header("retry-after"), seconds);
}

/// T21, with the defaults: two hundred guesses are sixty, and the rest of the world does not notice.
#[tokio::test]
async fn a_network_that_guesses_secrets_must_wait_and_others_need_not() {
    let app = App::start().await;
    let client = app.machine_client();
    let guess = guessed(&client);
    let form = [("grant_type", "client_credentials")];
    for attempt in 1..=200 {
        let answer = app.post_from(GUESSER, "/oauth/token", &form, Some(&guess)).await;
        if attempt <= 60 {
            answer.is_refusal(401, "invalid_client", "client authentication failed");
        } else {
            must_wait(&answer, "60");
        }
    }
    // Not even with the right secret, or the answer would tell the guesser that it is right.
    for (path, field) in MACHINE_ENDPOINTS {
        let right = app.post_from(GUESSER, path, &[field], Some(&client)).await;
        must_wait(&right, "60");
        let elsewhere = app.post_from(NEIGHBOUR, path, &[field], Some(&client)).await;
        elsewhere.is_ok();
    }
}

/// T21: the wait is what `Retry-After` says, and guessing on does not prolong it.
#[tokio::test]
async fn the_wait_ends_a_minute_after_the_first_failure() {
    let app = lenient_to(3).await;
    let client = app.web_client();
    let form = [("grant_type", "client_credentials")];
    let ask = async |client: &TestClient| app.post_from(GUESSER, "/oauth/token", &form, Some(client)).await;
    for _ in 0..3 {
        ask(&guessed(&client)).await.is_error(401, "invalid_client");
        app.advance(Duration::seconds(10));
    }
    must_wait(&ask(&guessed(&client)).await, "30");
    app.advance(Duration::seconds(29));
    must_wait(&ask(&client).await, "1");
    app.advance(Duration::seconds(1));
    ask(&client).await.is_ok();
    ask(&guessed(&client)).await.is_error(401, "invalid_client");
}

/// Z09: before the body is read; what is no attempt is not held up either.
#[tokio::test]
async fn who_must_wait_is_told_so_before_anything_is_read() {
    let app = lenient_to(1).await;
    let client = app.machine_client();
    let json = |path: &'static str| {
        let request = app.request("POST", path).body("{}");
        Answer::to(request.header("content-type", "application/json"))
    };
    for (path, _) in MACHINE_ENDPOINTS {
        json(path).await.is_error(400, "invalid_request");
    }
    app.post("/oauth/token", &[], Some(&guessed(&client))).await.is_error(401, "invalid_client");
    for (path, _) in MACHINE_ENDPOINTS {
        must_wait(&json(path).await, "60");
        let get = Answer::to(app.request("GET", path)).await;
        assert_eq!(get.status, 405);
    }
    for path in ["/.well-known/oauth-authorization-server", "/login", "/livez"] {
        Answer::to(app.request("GET", path)).await.is_ok();
    }
}

/// I09: a caller who proved nothing by it does not find a living token by trying.
#[tokio::test]
async fn a_public_client_that_tries_tokens_must_wait() {
    let app = lenient_to(4).await;
    let public = app.public_client();
    let id = ("client_id", public.id.as_str());
    let malformed = [("token", "x"), id];
    let of_nobody = Entropy.dated_bearer(DatedTag::AccessToken, app.clock.now().date_naive());
    let unknown = [("token", of_nobody.expose()), id];
    let code = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", "https://phone.example/cb"),
        id,
    ];
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x"), id];
    let tries = [
        ("/oauth/revoke", &malformed[..], 200),
        ("/oauth/revoke", &unknown, 200),
        ("/oauth/token", &code, 400),
        ("/oauth/token", &refresh, 400),
    ];
    for (path, form, status) in tries {
        let answer = app.post_from(GUESSER, path, form, None).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    for (path, form, _) in tries {
        must_wait(&app.post_from(GUESSER, path, form, None).await, "60");
    }
    let elsewhere = app.post_from(NEIGHBOUR, "/oauth/revoke", &malformed, None).await;
    elsewhere.is_ok();
}

/// I09: guards count failures, not a busy resource server's honest questions about other people's nonsense.
#[tokio::test]
async fn an_authenticated_caller_may_ask_about_nonsense_as_often_as_it_likes() {
    let app = lenient_to(3).await;
    let (client, server) = (app.web_client(), app.resource_server());
    for number in 0..50 {
        let token = format!("nonsense-{number}");
        assert!(!app.is_active(&server, &token).await);
        client.revoke(&app, &token).await.is_ok();
        client.refresh(&app, &token).await.is_error(400, "invalid_grant");
    }
    client.own_token(&app, "").await.is_ok();
}

/// L04, Z02: from a peer that is no proxy of ours the header is a stranger's claim, whatever it says.
#[tokio::test]
async fn a_forged_address_from_a_stranger_changes_nothing() {
    let app = App::with(|settings| {
        settings.server.trusted_proxies.clear();
        settings.guard.client_authentication = 8;
    })
    .await;
    let client = app.web_client();
    let many = vec!["198.51.100.4"; 100].join(", ");
    let forged =
        ["198.51.100.2", "a", "", "127.0.0.1", "::1", "10.0.0.1, 198.51.100.3", "198.51.100.2:443", &many];
    forwarded(&app, &client, &[]).await.is_ok();
    for value in forged {
        let answer = forwarded(&app, &guessed(&client), &[value.as_bytes()]).await;
        answer.is_error(401, "invalid_client");
    }
    for value in forged {
        must_wait(&forwarded(&app, &client, &[value.as_bytes()]).await, "60");
    }
    must_wait(&forwarded(&app, &client, &[]).await, "60");
}

/// L04, Z02: what a trusted proxy wrote is the last address in the list; what stands before it anybody can
/// write, and what cannot be read is no way around.
#[tokio::test]
async fn behind_a_trusted_proxy_the_rightmost_stranger_counts() {
    let app = lenient_to(1).await;
    let client = app.web_client();
    forwarded(&app, &guessed(&client), &[GUESSER.as_bytes()]).await.is_error(401, "invalid_client");
    let guessers: [&[&[u8]]; 8] = [
        &[b"203.0.113.66"],
        &[b"198.51.100.9, 203.0.113.66"],
        &[b"198.51.100.9", b"203.0.113.66"],
        &[b"198.51.100.9,203.0.113.66 , 127.0.0.5"],
        &[b"nonsense, 203.0.113.66"],
        &[b"\xff\xfe, 203.0.113.66"],
        &[b"\xff", b"203.0.113.66, 127.0.0.1"],
        &[b"::ffff:203.0.113.66"],
    ];
    for headers in guessers {
        must_wait(&forwarded(&app, &client, headers).await, "60");
    }
    let others: [&[&[u8]]; 4] =
        [&[b"203.0.113.67"], &[b"203.0.113.66, 203.0.113.67"], &[b"203.0.113.66", b"203.0.113.67"], &[]];
    for headers in others {
        forwarded(&app, &client, headers).await.is_ok();
    }

    // All that is unreadable is the proxy's own, and so one network.
    let unreadable: [&[&[u8]]; 5] =
        [&[b"a"], &[b""], &[b"198.51.100.9, \xff"], &[b"203.0.113.67:80"], &[b"127.0.0.1"]];
    forwarded(&app, &guessed(&client), unreadable[0]).await.is_error(401, "invalid_client");
    for headers in unreadable {
        must_wait(&forwarded(&app, &client, headers).await, "60");
    }
}

/// Z02: the vendors' headers are nobody's.
#[tokio::test]
async fn no_other_header_says_where_a_request_comes_from() {
    let app = lenient_to(1).await;
    let client = app.web_client();
    forwarded(&app, &guessed(&client), &[GUESSER.as_bytes()]).await.is_error(401, "invalid_client");
    for (name, value) in [
        ("forwarded", "for=198.51.100.9"),
        ("x-real-ip", "198.51.100.9"),
        ("cf-connecting-ip", "198.51.100.9"),
        ("true-client-ip", "198.51.100.9"),
        ("x-client-ip", "198.51.100.9"),
    ] {
        let request = app
            .http
            .post(format!("{}/oauth/token", app.address))
            .header("x-forwarded-for", GUESSER)
            .header(name, value)
            .basic_auth(&client.id, client.secret.as_deref())
            .form(&[("grant_type", "client_credentials")]);
        must_wait(&Answer::to(request).await, "60");
    }
}

/// Z03: whoever has one address of a /64 has them all.
#[tokio::test]
async fn an_ipv6_slash_64_is_one_network() {
    let app = lenient_to(1).await;
    let client = app.web_client();
    let from = async |ip: &str, client: &TestClient| forwarded(&app, client, &[ip.as_bytes()]).await;
    from("2001:db8:0:1::1", &guessed(&client)).await.is_error(401, "invalid_client");
    for same in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::9", "2001:DB8::1:0:0:0:1"] {
        must_wait(&from(same, &client).await, "60");
    }
    for other in ["2001:db8:0:2::1", "2001:db8::1", "203.0.113.67"] {
        from(other, &client).await.is_ok();
    }
}

/// A request that waits for a sign-in is a row that a stranger had us write: so many, so long, and of what is read.
#[tokio::test]
async fn strangers_have_only_so_many_and_so_long_requests_kept() {
    let app = App::with(|settings| settings.guard.interactions = 3).await;
    let client = app.web_client();
    let long = "x".repeat(9000);
    let answer = app.browser().get_once(&client.authorize_path(&[("state", &long)])).await;
    answer.is_error_page(413);
    for _ in 0..3 {
        let page = app.browser().get_once(&client.authorize_path(&[("junk", "of-a-stranger")])).await;
        assert!(page.location().starts_with("/login?"), "{}", page.body);
    }
    let page = app.browser().get_once(&client.authorize_path(&[])).await;
    page.is_error_page(429);
    assert_eq!(page.answer.header("retry-after"), "60");
    let dump = crate::support::dump(&app.db);
    assert!(dump.contains("the-state") && !dump.contains("of-a-stranger"));

    let mut elsewhere = app.browser();
    elsewhere.ip = NEIGHBOUR.into();
    let page = elsewhere.get_once(&client.authorize_path(&[])).await;
    assert!(page.location().starts_with("/login?"), "{}", page.body);
}

/// A guess is what nobody issued. Whoever sends what was taken back or has ended has it from somewhere, such as a job that
/// nobody looks after, and does not shut its network out.
#[tokio::test]
async fn what_was_issued_once_is_no_guess_at_the_api_and_at_forward_auth() {
    let app = lenient_to(2).await;
    let (org, shut) = (app.org("Acme", None), app.org("Shut", None));
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    let [good, revoked] = [org, org].map(|org| app.key_of(org, "orders:read").0);
    let disabled = app.key_of(shut, "orders:read").0;
    let lifetime = Lifetime::Of(Duration::hours(1));
    let short = Wish { name: "short".into(), scope: "orders:read".into(), lifetime, ..Wish::default() };
    let expired = app.api_key_of(org, &short);
    app.post_from(NEIGHBOUR, "/oauth/revoke", &[("token", &revoked)], None).await.is_ok();
    assert!(app.operator(|work| Ok(Ok(set_disabled(work, shut, true)?))));
    app.clock.advance(Duration::hours(1));
    let managing =
        async |bearer: &str| Answer::to(app.request("GET", "/api/v1/me").bearer_auth(bearer)).await.status;
    let calling = async |bearer: &str| {
        let asked = app.request("GET", "/authz?service=orders").bearer_auth(bearer);
        let asked = asked.header("x-original-method", "GET").header("x-original-uri", "/7");
        Answer::to(asked).await.status
    };
    for _ in 0..3 {
        for ended in [&revoked, &disabled, &expired] {
            assert_eq!((managing(ended).await, calling(ended).await), (401, 401));
        }
    }
    assert_eq!((managing(&good).await, calling(&good).await), (200, 200));

    // Those that nobody issued count together.
    let strange = || Entropy.api_key(&KeyTag::default());
    assert_eq!((managing(strange().expose()).await, calling(strange().expose()).await), (401, 401));
    assert_eq!((managing(&good).await, calling(&good).await), (429, 429));
}

/// U12: a network that is shut out is one event, whatever it sends then; within the hour it is counted, and told after it.
#[tokio::test]
async fn a_blocked_network_is_told_once_an_hour_with_its_number() {
    const KIND: &str = "network.blocked";
    let app = lenient_to(3).await;
    let guess = guessed(&app.machine_client());
    let form = [("grant_type", "client_credentials")];
    let ask = async |ip: &str| app.post_from(ip, "/oauth/token", &form, Some(&guess)).await;
    for _ in 0..2 {
        ask(NEIGHBOUR).await.is_error(401, "invalid_client");
    }
    let mut last = None;
    for _ in 0..3 {
        let answer = ask(GUESSER).await;
        answer.is_error(401, "invalid_client");
        last = Some(answer.header("x-request-id"));
    }
    for _ in 0..20 {
        must_wait(&ask(GUESSER).await, "60");
    }
    eventually("told", async || !told(&app.db, KIND).is_empty()).await;
    let event = told(&app.db, KIND).remove(0);
    assert_eq!((event.outcome.as_str(), event.actor_kind.as_str()), ("denied", "anonymous"));
    assert_eq!((event.target_kind.as_deref(), event.target_id.as_deref()), (Some("network"), Some(GUESSER)));
    assert_eq!((event.ip.as_deref(), event.request_id), (Some(GUESSER), last));
    assert_eq!(event.data, json!({ "failed": "client_authentication", "times": 1 }));

    // Twice more within the hour, which is told after it.
    for _ in 0..2 {
        app.advance(Duration::seconds(60));
        for _ in 0..4 {
            ask(GUESSER).await;
        }
    }
    app.advance(Duration::hours(1));
    eventually("told again", async || told(&app.db, KIND).len() > 1).await;
    let events = told(&app.db, KIND);
    assert_eq!((events.len(), &events[1].data["times"]), (2, &json!(2)));
}
