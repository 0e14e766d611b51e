//! Client authentication (RFC 6749 §2.3), the same at every endpoint that asks for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use grantor::audit::Actor;
use grantor::clients::registration::{Registration, register};
use grantor::kernel::PlainSecret;
use reqwest::header::HeaderValue;

use crate::support::{Answer, App, MACHINE_ENDPOINTS, TestClient, web_registration};

const FAILED: &str = "client authentication failed";
const TWICE: &str = "use one method of client authentication only";

/// POST with an Authorization header as it stands.
async fn authorized(app: &App, path: &str, form: &[(&str, &str)], header: impl AsRef<[u8]>) -> Answer {
    let header = HeaderValue::from_bytes(header.as_ref()).expect("a header");
    let request = app.request("POST", path).header("authorization", header);
    Answer::to(request.form(form)).await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn secret(client: &TestClient) -> &str {
    client.secret.as_deref().expect("a confidential client")
}

/// T01, V04, I01
#[tokio::test]
async fn a_confidential_client_must_authenticate_rfc6749_3_2_1() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, field) in MACHINE_ENDPOINTS {
        app.post(path, &[field], Some(&client)).await.is_ok();
        let silent = app.post(path, &[field], None).await;
        silent.is_refusal(401, "invalid_client", "client authentication is required");
        let named = app.post(path, &[field, ("client_id", &client.id)], None).await;
        named.is_refusal(401, "invalid_client", FAILED);
        let half = authorized(&app, path, &[field], basic(&client.id, "")).await;
        half.is_refusal(401, "invalid_client", FAILED);
    }
}

/// T02, T03, V04, I01: and neither an unknown client nor a disabled one looks any different.
#[tokio::test]
async fn a_wrong_secret_is_refused_in_the_header_and_in_the_form_rfc6749_5_2() {
    let app = App::start().await;
    let (client, disabled) = (app.machine_client(), app.machine_client());
    app.disable(&disabled, true);
    for (path, field) in MACHINE_ENDPOINTS {
        let in_form = |id, secret| [field, ("client_id", id), ("client_secret", secret)];
        app.post(path, &[field], Some(&client)).await.is_ok();
        app.post(path, &in_form(&client.id, secret(&client)), None).await.is_ok();
        for (id, secret) in [
            (client.id.as_str(), "wrong"),
            (&client.id, &secret(&client)[1..]),
            (&client.id, &secret(&client).to_uppercase()),
            (&client.id, secret(&disabled)),
            (&disabled.id, secret(&disabled)),
            ("no-such-client", secret(&client)),
            (&client.id.to_uppercase(), secret(&client)),
            ("not a client_id", "wrong"),
            (&"x".repeat(10_000), "wrong"),
        ] {
            let by_header = authorized(&app, path, &[field], basic(id, secret)).await;
            by_header.is_refusal(401, "invalid_client", FAILED);
            let by_form = app.post(path, &in_form(id, secret), None).await;
            by_form.is_refusal(401, "invalid_client", FAILED);
        }
    }
}

/// T04, T06
#[tokio::test]
async fn a_client_uses_one_method_in_a_request_rfc6749_2_3() {
    let app = App::start().await;
    let (client, other) = (app.machine_client(), app.machine_client());
    for (path, field) in MACHINE_ENDPOINTS {
        let same = [field, ("client_id", &client.id)];
        app.post(path, &same, Some(&client)).await.is_ok();

        let both = [field, ("client_secret", secret(&client))];
        let both = app.post(path, &both, Some(&client)).await;
        both.is_refusal(400, "invalid_request", TWICE);
        let foreign = [field, ("client_id", &other.id)];
        let foreign = app.post(path, &foreign, Some(&client)).await;
        foreign.is_refusal(400, "invalid_request", TWICE);
        let header = basic(&client.id, secret(&client));
        let request =
            app.request("POST", path).header("authorization", &header).header("authorization", &header);
        let two_headers = Answer::to(request.form(&[field])).await;
        two_headers.is_refusal(400, "invalid_request", TWICE);
    }
}

/// T07: encoded as the RFC says, or not encoded as many libraries do.
#[tokio::test]
async fn basic_credentials_are_form_decoded_rfc6749_2_3_1() {
    let app = App::start().await;
    let registration = Registration { client_id: Some("partner_1.a~b".into()), ..web_registration() };
    app.operator(|work| {
        let imported = PlainSecret::new(":%+ /é and twenty characters more".into());
        register(work, Actor::Operator, &registration, Some(imported)).map(Ok)
    })
    .expect("a client");
    let own = app.web_client();
    let encoded_own = |text: &str| text.replace('-', "%2D").replace('_', "%5f");
    let (path, field) = MACHINE_ENDPOINTS[0];
    for header in [
        basic("partner_1.a~b", "%3A%25%2B+%2F%C3%A9+and%20twenty+characters+more"),
        basic("partner%5F1%2Ea%7Eb", "%3a%25%2b+/%c3%a9+and+twenty+characters+more"),
        basic(&own.id, secret(&own)),
        basic(&encoded_own(&own.id), &encoded_own(secret(&own))),
        basic(&own.id, secret(&own)).replace("Basic ", "bAsIc   "),
        basic(&own.id, secret(&own)).trim_end_matches('=').to_owned(),
    ] {
        authorized(&app, path, &[field], header).await.is_ok();
    }
    let undecoded = basic("partner_1.a~b", "%3A%25%2B+%2F%C3%A9");
    let undecoded = authorized(&app, path, &[field], undecoded).await;
    undecoded.is_refusal(401, "invalid_client", FAILED);
}

/// T08
#[tokio::test]
async fn an_unreadable_authorization_header_is_a_failed_authentication() {
    let app = App::start().await;
    let client = app.machine_client();
    let good = basic(&client.id, secret(&client));
    let kibibytes = format!("Basic {}", "QUJD".repeat(16_384));
    let bearer = good.replace("Basic", "Bearer");
    for (path, field) in MACHINE_ENDPOINTS {
        authorized(&app, path, &[field], &good).await.is_ok();
        for header in [
            b"".as_slice(),
            b"Basic",
            b"Basic ",
            b"Basic !!!!",
            b"Basic bm8tY29sb24=",
            b"Basic Og==",
            b"Basic OnNlY3JldA==",
            b"Basic AGE6YgA=",
            b"Basic YTr/",
            b"Basic \xff\xfe",
            b"\xff",
            b"Digest username=\"a\"",
            kibibytes.as_bytes(),
            bearer.as_bytes(),
        ] {
            let answer = authorized(&app, path, &[field], header).await;
            answer.is_refusal(401, "invalid_client", FAILED);
        }
    }
}

/// T10, V04
#[tokio::test]
async fn a_public_client_has_its_id_and_no_secret_rfc6749_2_3_1() {
    let app = App::start().await;
    let client = app.public_client();
    let (path, field) = MACHINE_ENDPOINTS[2];
    let id = ("client_id", client.id.as_str());
    app.post(path, &[field, id], None).await.is_ok();
    // Some libraries say it so.
    authorized(&app, path, &[field], basic(&client.id, "")).await.is_ok();

    let in_form = app.post(path, &[field, id, ("client_secret", "any")], None).await;
    in_form.is_refusal(401, "invalid_client", FAILED);
    let in_header = authorized(&app, path, &[field], basic(&client.id, "any")).await;
    in_header.is_refusal(401, "invalid_client", FAILED);
    let nameless = app.post(path, &[field], None).await;
    nameless.is_refusal(401, "invalid_client", "client authentication is required");
}

/// T12, I05: also where it would be ignored, since it has been logged by then.
#[tokio::test]
async fn nothing_secret_may_stand_in_the_query_rfc6749_2_3_1() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, field) in MACHINE_ENDPOINTS {
        let with_query = format!("{path}?trace=1");
        app.post(&with_query, &[field], Some(&client)).await.is_ok();
        for name in [
            "client_id",
            "client_secret",
            "client_assertion",
            "code",
            "code_verifier",
            "grant_type",
            "password",
            "refresh_token",
            "token",
        ] {
            for query in [format!("{name}=x"), name.to_owned(), format!("a=1&{name}=")] {
                let answer = app.post(&format!("{path}?{query}"), &[field], Some(&client)).await;
                let words = format!("send {name} in the request body, never in the query string");
                answer.is_refusal(400, "invalid_request", &words);
            }
        }
    }
}

/// The error names the method, since libraries differ in which one they send unasked.
#[tokio::test]
async fn a_pinned_method_is_the_only_one() {
    let app = App::start().await;
    let pinned = |method: &str| Registration {
        auth_method: Some(method.into()),
        introspection_audiences: vec!["https://orders.test".into()],
        ..web_registration()
    };
    let by_header = app.register(&pinned("client_secret_basic"));
    let by_form = app.register(&pinned("client_secret_post"));
    for (path, field) in MACHINE_ENDPOINTS {
        app.post(path, &[field], Some(&by_header)).await.is_ok();
        let sent = [field, ("client_id", &by_form.id), ("client_secret", secret(&by_form))];
        app.post(path, &sent, None).await.is_ok();

        let downgraded = app.post(path, &[field], Some(&by_form)).await;
        let words = "this client must authenticate with client_secret_post";
        downgraded.is_refusal(401, "invalid_client", words);
        let sent = [field, ("client_id", &by_header.id), ("client_secret", secret(&by_header))];
        let downgraded = app.post(path, &sent, None).await;
        let words = "this client must authenticate with client_secret_basic";
        downgraded.is_refusal(401, "invalid_client", words);
    }
}

/// T27: its tokens with it, at once; and back when it is let act again.
#[tokio::test]
async fn a_disabled_client_and_its_tokens_may_do_nothing() {
    let app = App::start().await;
    let (client, server) = (app.machine_client(), app.resource_server());
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let for_ada = client.tokens_of_ada(&app, "orders:read").await;
    let for_ada = [for_ada.text("access_token"), for_ada.text("refresh_token")];
    for token in [&own, &for_ada[0]] {
        assert!(app.is_active(&server, token).await);
    }

    app.disable(&client, true);
    for (path, field) in MACHINE_ENDPOINTS {
        let answer = app.post(path, &[field], Some(&client)).await;
        answer.is_refusal(401, "invalid_client", FAILED);
    }
    let refreshed = client.refresh(&app, &for_ada[1]).await;
    refreshed.is_refusal(401, "invalid_client", FAILED);
    for token in [&own, &for_ada[0]] {
        assert!(!app.is_active(&server, token).await);
    }

    app.disable(&client, false);
    for token in [&own, &for_ada[0]] {
        assert!(app.is_active(&server, token).await);
    }
    client.refresh(&app, &for_ada[1]).await.is_ok();
}

/// T28
#[tokio::test]
async fn a_rotated_secret_works_until_the_promised_second() {
    let app = App::start().await;
    let old = app.web_client();
    let token = old.own_token(&app, "orders:read").await.text("access_token");
    let new = app.rotate(&old, Duration::hours(1));
    for client in [&old, &new] {
        client.own_token(&app, "").await.is_ok();
    }
    app.advance(Duration::seconds(3599));
    for client in [&old, &new] {
        client.own_token(&app, "").await.is_ok();
    }
    app.advance(Duration::seconds(1));
    let late = old.own_token(&app, "").await;
    late.is_refusal(401, "invalid_client", FAILED);
    new.own_token(&app, "").await.is_ok();

    // Without an overlap, at once; a token it obtained is not its business.
    let fresh = new.own_token(&app, "orders:read").await.text("access_token");
    let newest = app.rotate(&new, Duration::zero());
    new.own_token(&app, "").await.is_refusal(401, "invalid_client", FAILED);
    newest.own_token(&app, "").await.is_ok();
    let server = app.resource_server();
    assert!(app.is_active(&server, &fresh).await);
    assert!(!app.is_active(&server, &token).await, "its own time is over");
}

/// T28: whoever rotates twice in a row does not give the first secret a longer life.
#[tokio::test]
async fn a_second_rotation_prolongs_no_secret() {
    let app = App::start().await;
    let first = app.web_client();
    let second = app.rotate(&first, Duration::minutes(1));
    let third = app.rotate(&second, Duration::minutes(60));
    for client in [&first, &second, &third] {
        client.own_token(&app, "").await.is_ok();
    }
    app.advance(Duration::minutes(1));
    let ended = first.own_token(&app, "").await;
    ended.is_refusal(401, "invalid_client", FAILED);
    for client in [&second, &third] {
        client.own_token(&app, "").await.is_ok();
    }
}
