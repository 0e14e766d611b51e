//! Authorization codes at the token endpoint (checks group C).

use chrono::Duration;
use grantor::clients::registration::Registration;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, App, Browser, TestClient, pkce};

/// What every refused code is told, whatever is wrong with it.
fn refused() -> Value {
    json!({
        "error": "invalid_grant",
        "error_description": "the authorization code is invalid, expired, used, or was issued for another \
                              client, redirect_uri or code_challenge",
    })
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (400, refused()));
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// A code whose family is dead, told to the client it was given to.
#[track_caller]
fn is_burned(answer: &Answer) {
    let burned = json!({
        "error": "invalid_grant",
        "error_description": "the authorization is no longer valid",
    });
    assert_eq!((answer.status, answer.json()), (400, burned));
}

async fn signed_in(app: &App) -> Browser<'_> {
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    browser
}

/// Redeems with exactly these parameters beside the grant type.
async fn redeem(app: &App, client: &TestClient, form: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", "authorization_code")], form].concat();
    app.token(client, &form).await
}

/// The positive twin of all below, whole.
#[tokio::test]
async fn a_code_becomes_an_access_and_a_refresh_token_rfc6749_4_1_4() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = signed_in(&app).await;
    let code = client.code_from(&mut browser, "orders:read people:read").await;
    let answer = client.redeem(&app, &code).await;
    let (access, refresh) = (answer.text("access_token"), answer.text("refresh_token"));
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": 600,
                "refresh_token": refresh,
                "scope": "orders:read people:read",
            })
        )
    );
    assert!(access.starts_with("gat_") && refresh.starts_with("grt_"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");

    let api = app.resource_server();
    let seen = app.introspect(&api, &access).await;
    assert_eq!(seen["sub"], ADA.id().to_string());
    assert_eq!(seen["client_id"], client.id);
}

/// RFC 6749 §4.1.3: refresh tokens are for clients registered for them.
#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_an_access_token_alone_rfc6749_5_1() {
    let app = App::start().await;
    let client = app.register(&Registration {
        name: "Once".into(),
        scope: "orders:read".into(),
        grant_types: vec!["authorization_code".into()],
        redirect_uris: vec!["https://once.example/cb".into()],
        ..Registration::default()
    });
    let mut browser = signed_in(&app).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let answer = client.redeem(&app, &code).await;
    let access = answer.text("access_token");
    assert_eq!(
        answer.json(),
        json!({ "access_token": access, "token_type": "Bearer", "expires_in": 600, "scope": "orders:read" })
    );
}

/// C01
#[tokio::test]
async fn code_replay_revokes_the_family_rfc6749_4_1_2() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let mut browser = signed_in(&app).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let other = client.code_from(&mut browser, "orders:read").await;
    let first = client.redeem(&app, &code).await;
    first.is_ok();
    let another_device = client.redeem(&app, &other).await;
    assert!(app.is_active(&api, &first.text("access_token")).await);

    is_refused(&client.redeem(&app, &code).await);
    assert!(!app.is_active(&api, &first.text("access_token")).await);
    client.refresh(&app, &first.text("refresh_token")).await.is_error(400, "invalid_grant");

    // The family alone: another sign-in of the same app lives on, and the person is not asked again.
    assert!(app.is_active(&api, &another_device.text("access_token")).await);
    let again = client.code_from(&mut browser, "orders:read").await;
    client.redeem(&app, &again).await.is_ok();
    assert_eq!(app.count_events("code.replayed"), 1);
    is_refused(&client.redeem(&app, &code).await);
    assert_eq!(app.count_events("code.replayed"), 1, "a replay in a loop is told once");
}

/// C01: what descends from the code dies with it, also what was refreshed since.
#[tokio::test]
async fn code_replay_reaches_the_tokens_refreshed_since_rfc9700_4_5() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let mut browser = signed_in(&app).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let first = client.redeem(&app, &code).await;
    let second = client.refresh(&app, &first.text("refresh_token")).await;
    assert!(app.is_active(&api, &second.text("access_token")).await);
    is_refused(&client.redeem(&app, &code).await);
    assert!(!app.is_active(&api, &second.text("access_token")).await);
    client.refresh(&app, &second.text("refresh_token")).await.is_error(400, "invalid_grant");
}

/// C02
#[tokio::test]
async fn code_replay_is_known_as_long_as_its_family_lives_rfc9700_4_5() {
    let app = App::start().await;
    let client = app.web_client();
    for later in [Duration::seconds(30), Duration::minutes(10), Duration::days(2), Duration::days(29)] {
        let mut browser = signed_in(&app).await;
        let code = client.code_from(&mut browser, "orders:read").await;
        let first = client.redeem(&app, &code).await;
        app.advance(later);
        let alive = client.refresh(&app, &first.text("refresh_token")).await;
        alive.is_ok();
        is_refused(&client.redeem(&app, &code).await);
        client.refresh(&app, &alive.text("refresh_token")).await.is_error(400, "invalid_grant");
    }
}

/// C03
#[tokio::test]
async fn a_code_lives_for_a_minute_rfc6749_4_1_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = signed_in(&app).await;
    let (used, late) = (
        client.code_from(&mut browser, "orders:read").await,
        client.code_from(&mut browser, "orders:read").await,
    );
    app.advance(Duration::seconds(59));
    client.redeem(&app, &used).await.is_ok();
    app.advance(Duration::seconds(2));
    is_refused(&client.redeem(&app, &late).await);
}

/// C04
#[tokio::test]
async fn a_code_is_for_the_client_it_was_given_to_and_dies_with_another_rfc6749_4_1_3() {
    let app = App::start().await;
    let (client, thief, public) = (app.web_client(), app.web_client(), app.public_client());
    let mut browser = signed_in(&app).await;
    let own = client.code_from(&mut browser, "orders:read").await;
    client.redeem(&app, &own).await.is_ok();
    for other in [thief, public] {
        let code = client.code_from(&mut browser, "orders:read").await;
        let as_other = TestClient { redirect_uri: client.redirect_uri.clone(), ..other };
        is_refused(&as_other.redeem(&app, &code).await);
        is_burned(&client.redeem(&app, &code).await);
    }
    assert_eq!(app.count_events("code.burned"), 2);
}

/// A failed client authentication says nothing of the code's holder, so the code is not touched.
#[tokio::test]
async fn a_failed_client_authentication_does_not_burn_the_code_rfc6749_4_1_3() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = signed_in(&app).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let impostor = TestClient { secret: Some("gcs_wrong".into()), ..client.clone() };
    impostor.redeem(&app, &code).await.is_error(401, "invalid_client");
    client.redeem(&app, &code).await.is_ok();
}

/// C05
#[tokio::test]
async fn the_redirect_uri_is_required_exactly_if_it_was_sent_rfc6749_4_1_3() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = signed_in(&app).await;
    let (verifier, _) = pkce();
    let uri = "https://shop.example/cb";
    // What was sent to authorize, to the token endpoint, and whether it is good.
    for (asked, shown, good) in [
        (uri, uri, true),
        (uri, "", false),
        (uri, "https://shop.example/cb/", false),
        (uri, "https://shop.example/CB", false),
        (uri, "https://evil.example/", false),
        ("", "", true),
        ("", uri, true),
        ("", "https://evil.example/", false),
    ] {
        let page = browser.get(&client.authorize_path(&[("redirect_uri", asked)])).await;
        let page = browser.allow(page).await;
        let code = page.returned("code").expect("a code");
        let mut form = vec![("code", code.as_str()), ("code_verifier", verifier)];
        if !shown.is_empty() {
            form.push(("redirect_uri", shown));
        }
        let answer = redeem(&app, &client, &form).await;
        if good {
            answer.is_ok();
        } else {
            is_refused(&answer);
            is_burned(&client.redeem(&app, &code).await);
        }
    }
}

/// A free loopback port is part of the address that was sent (RFC 8252 §7.3).
#[tokio::test]
async fn a_loopback_code_is_redeemed_with_the_port_it_was_sent_to_rfc8252_7_3() {
    let app = App::start().await;
    let client = app.register(&Registration {
        name: "Native".into(),
        public: true,
        scope: "orders:read".into(),
        redirect_uris: vec!["http://127.0.0.1/cb".into()],
        ..Registration::default()
    });
    let mut browser = signed_in(&app).await;
    let (verifier, _) = pkce();
    for (shown, status) in [("http://127.0.0.1:49152/cb", 200), ("http://127.0.0.1/cb", 400)] {
        let sent = [("redirect_uri", "http://127.0.0.1:49152/cb")];
        let page = browser.get(&client.authorize_path(&sent)).await;
        let page = browser.allow(page).await;
        assert_eq!(page.target(), "http://127.0.0.1:49152/cb");
        let code = page.returned("code").expect("a code");
        let form = [("code", code.as_str()), ("code_verifier", verifier), ("redirect_uri", shown)];
        assert_eq!(redeem(&app, &client, &form).await.status, status, "{shown}");
    }
}

/// C09
#[tokio::test]
async fn what_is_no_code_is_refused_like_an_unknown_one_rfc6749_5_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = signed_in(&app).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.redeem(&app, &code).await;
    tokens.is_ok();
    let mut typo = code.clone();
    typo.replace_range(10..11, if &code[10..11] == "x" { "y" } else { "x" });
    for wrong in [
        "nonsense",
        &"x".repeat(10 * 1024),
        "gac_",
        &typo,
        &code[..code.len() - 1],
        &format!("{code} "),
        &code.to_uppercase(),
        "🦀",
        // C14: well-formed, and of another server.
        "gac_5Pcow7uTJxVGDOU7H6Ip6hiLSnd5NU3K94Cj",
        // Bearers of other kinds.
        &tokens.text("access_token"),
        &tokens.text("refresh_token"),
    ] {
        is_refused(&client.redeem(&app, wrong).await);
    }
    redeem(&app, &client, &[]).await.is_error(400, "invalid_request");
    client.redeem(&app, "nul\0").await.is_error(400, "invalid_request");
    let not_utf8 = app
        .http
        .post(format!("{}/oauth/token", app.address))
        .basic_auth(&client.id, client.secret.as_deref())
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=authorization_code&code=%ff%fe");
    let answer = Answer::of(not_utf8.send().await.expect("an answer")).await;
    answer.is_error(400, "invalid_request");
}

/// C14
#[tokio::test]
async fn a_code_of_one_server_is_nothing_to_another() {
    let (here, there) = (App::start().await, App::start().await);
    let imported = Registration {
        client_id: Some("shop".into()),
        name: "Shop".into(),
        public: true,
        scope: "orders:read".into(),
        redirect_uris: vec!["https://shop.example/cb".into()],
        ..Registration::default()
    };
    let (client, same) = (here.register(&imported), there.register(&imported));
    let mut browser = signed_in(&here).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    is_refused(&same.redeem(&there, &code).await);
    client.redeem(&here, &code).await.is_ok();
}
