//! The authorization endpoint (checks group A).

use std::collections::HashSet;

use grantor::clients::registration::Registration;

use crate::support::{ADA, App, Browser, ISSUER, PASSWORD, Page, TestClient};

/// Asserts that a page has nothing of what a stranger sent.
#[track_caller]
fn is_silent_about(page: &Page, sent: &str) {
    assert!(!page.body.contains(sent), "{}", page.body);
}

async fn ask(browser: &mut Browser<'_>, client: &TestClient, changes: &[(&str, &str)]) -> Page {
    browser.get(&client.authorize_path(changes)).await
}

/// A12, A23
#[tokio::test]
async fn a_person_signs_in_allows_and_returns_with_a_code_rfc6749_4_1_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();

    let login = ask(&mut browser, &client, &[]).await;
    assert!(login.is_login(), "{}", login.body);
    assert!(login.body.contains("to continue to <strong><bdi>Shop</bdi>"));

    let form = login.form("/login");
    let fields = form.filled(&[("identifier", ADA.identifier), ("password", PASSWORD)]);
    let signed_in = browser.post_once("/login", &fields).await;
    assert_eq!(signed_in.status, 303, "never 307, which would send the password on");

    let consent = browser.get(&signed_in.location()).await;
    let page = browser.allow(consent).await;
    assert_eq!(page.status, 303);
    let code = page.returned("code").expect("a code");
    assert_eq!(
        page.location(),
        format!("https://shop.example/cb?code={code}&state=the-state&iss=https%3A%2F%2Fid.test")
    );
    assert!(code.starts_with("gac_"), "{code}");
    assert_eq!(page.answer.header("set-cookie"), "", "the app's answer brings no cookie");
    client.redeem(&app, &code).await.is_ok();
    assert_eq!(app.events_by_name(), ["code.issued", "code.redeemed", "grant.given", "user.signed_in"]);
}

/// A01
#[tokio::test]
async fn without_a_client_id_there_is_a_page_and_no_redirect_rfc6749_4_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    assert!(ask(&mut browser, &client, &[]).await.is_login());
    ask(&mut browser, &client, &[("client_id", "")]).await.is_error_page(400);
    browser.get("/oauth/authorize").await.is_error_page(400);
}

/// A02
#[tokio::test]
async fn an_unknown_and_a_disabled_client_get_the_same_page_rfc6749_4_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    assert!(ask(&mut browser, &client, &[]).await.is_login());

    let unknown = ask(&mut browser, &client, &[("client_id", "nobody")]).await;
    let unreadable = ask(&mut browser, &client, &[("client_id", "<script>x</script>")]).await;
    app.disable_principal(client.principal);
    let disabled = ask(&mut browser, &client, &[]).await;
    for page in [&unknown, &unreadable, &disabled] {
        page.is_error_page(400);
        assert_eq!(page.body_but_request_id(), disabled.body_but_request_id());
    }
}

/// A04, A06, A13, A16: each is told to the app, with state and issuer.
#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_to_the_app_rfc6749_4_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    assert!(ask(&mut browser, &client, &[]).await.is_consent());
    let good = [("response_mode", "query"), ("prompt", "consent"), ("unknown", "ignored")];
    assert!(ask(&mut browser, &client, &good).await.is_consent());

    for (changes, error) in [
        // RFC 9700 §2.1.2: nothing by the front channel but a code.
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("response_type", "code token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("response_type", "CODE"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "foo"), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("response_mode", "form_post"), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "foo"), "invalid_request"),
        // RFC 6749 §3.3
        (("scope", "nope"), "invalid_scope"),
        (("scope", "orders:read nope"), "invalid_scope"),
        (("scope", "orders:read\""), "invalid_scope"),
        (("scope", "orders:read\u{7}"), "invalid_scope"),
        (("scope", "orders:réad"), "invalid_scope"),
        (("scope", "orders:read\torders:write"), "invalid_scope"),
        // Management is nobody's to grant.
        (("scope", "users:write"), "invalid_scope"),
        (("scope", "admin"), "invalid_scope"),
        (("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (("request_uri", "https://evil.example/r"), "request_uri_not_supported"),
    ] {
        let page = ask(&mut browser, &client, &[changes]).await;
        assert_eq!(page.target(), "https://shop.example/cb", "{changes:?}");
        page.is_refusal(error);
    }
}

/// A07
#[tokio::test]
async fn no_parameter_may_come_twice_rfc6749_3_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let path = client.authorize_path(&[]);
    assert!(browser.get(&path).await.is_consent());

    for twice in ["scope=orders:read", "response_type=code", "prompt=", "unknown=1&unknown=1"] {
        browser.get(&format!("{path}&prompt=&{twice}")).await.is_refusal("invalid_request");
    }
    // Which of two states would be the right one? None is returned.
    let page = browser.get(&format!("{path}&state=other")).await;
    page.is_refusal_with("invalid_request", &[("iss", ISSUER)]);
    for twice in [
        format!("client_id={}", client.id),
        "redirect_uri=https://shop.example/cb".to_owned(),
        "redirect_uri=https://evil.example/".to_owned(),
    ] {
        browser.get(&format!("{path}&{twice}")).await.is_error_page(400);
    }
}

/// A10, A25
#[tokio::test]
async fn state_returns_byte_for_byte_rfc6749_4_1_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    for state in [
        "a&b=c+%20\"<>é",
        "x&code=evil",
        "%26code%3Devil",
        "\r\nSet-Cookie: x=1",
        "#code=evil",
        "https://evil.example/",
        &"s".repeat(2000),
    ] {
        let page = ask(&mut browser, &client, &[("state", state)]).await;
        assert_eq!(page.returned("state").as_deref(), Some(state));
        let told = page.told();
        let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["code", "state", "iss"], "exactly one code");
        assert_eq!(page.answer.header("set-cookie"), "");
        // And as exactly beside an error.
        let page = ask(&mut browser, &client, &[("state", state), ("scope", "nope")]).await;
        page.is_refusal_with("invalid_scope", &[("state", state), ("iss", ISSUER)]);
    }
    let page = ask(&mut browser, &client, &[("state", "")]).await;
    assert_eq!(page.returned("state"), None, "no state came, none returns");
}

/// A26
#[tokio::test]
async fn codes_are_random_beyond_their_tag_and_day_rfc6819_5_1_4_2_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    let mut starts = HashSet::new();
    for _ in 0..100 {
        let code = ask(&mut browser, &client, &[]).await.returned("code");
        let code = code.expect("a code");
        assert_eq!(code.len(), "gac_".len() + 30 + 6, "{code}");
        assert!(starts.insert(code[7..15].to_owned()), "two codes start alike: {code}");
    }
}

/// A31
#[tokio::test]
async fn who_says_no_returns_without_a_code_rfc6749_4_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = ask(&mut browser, &client, &[]).await;
    let page = browser.deny(&page).await;
    assert_eq!(page.target(), "https://shop.example/cb");
    page.is_refusal("access_denied");
    assert_eq!(app.events_by_name(), ["grant.refused", "user.signed_in"]);
    assert!(ask(&mut browser, &client, &[]).await.is_consent(), "a no is not remembered as a yes");
}

/// A20, A33
#[tokio::test]
async fn parameters_of_openid_connect_are_ignored_and_not_echoed() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let odd = "<script>odd()</script>";
    for name in ["acr_values", "ui_locales", "display", "login_hint", "id_token_hint", "nonce"] {
        let page = ask(&mut browser, &client, &[(name, odd)]).await;
        assert!(page.is_consent(), "{name}: {}", page.body);
        is_silent_about(&page, "odd()");
    }
    let page = ask(&mut browser, &client, &[("claims", "{ not json"), ("max_age", "-1")]).await;
    assert!(page.is_consent(), "{}", page.body);
}

/// RFC 6749 §3.3: "process the request using a pre-defined default value".
#[tokio::test]
async fn without_a_scope_all_that_is_registered_is_asked_rfc6749_3_3() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "").await;
    let answer = client.redeem(&app, &code).await;
    assert_eq!(answer.text("scope"), "orders:read orders:write people:read");
}

/// RFC 6749 §4.1.2.1: "The client is not authorized to request an authorization code using this method."
#[tokio::test]
async fn a_client_without_the_code_grant_gets_no_code_rfc6749_4_1_2_1() {
    let app = App::start().await;
    let client = app.register(&Registration {
        name: "Machine".into(),
        scope: "orders:read".into(),
        grant_types: vec!["client_credentials".into()],
        redirect_uris: vec!["https://machine.example/cb".into()],
        ..Registration::default()
    });
    client.own_token(&app, "orders:read").await.is_ok();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    ask(&mut browser, &client, &[]).await.is_refusal("unauthorized_client");
}

/// RFC 6749 §3.1: "MAY support the use of the HTTP POST method as well". A07 holds for it, too.
#[tokio::test]
async fn an_authorization_request_by_post_is_the_same_request_rfc6749_3_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let by_post = |changes: &[(&str, &str)]| -> Vec<(String, String)> {
        let path = client.authorize_path(changes);
        let (_, query) = path.split_once('?').expect("a query");
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    };
    // From the app's own page, so with its Origin.
    let good = by_post(&[("state", "a&b=c+%20\"<>é")]);
    let page = browser.post_as("/oauth/authorize", &good, Some("https://shop.example")).await;
    assert_eq!(page.status, 303);
    let page = browser.get(&page.location()).await;
    let page = browser.allow(page).await;
    assert_eq!(page.returned("state").as_deref(), Some("a&b=c+%20\"<>é"));

    let mut twice = by_post(&[("scope", "orders:read")]);
    twice.push(("scope".into(), "orders:write".into()));
    let page = browser.post("/oauth/authorize", &twice).await;
    page.is_refusal("invalid_request");
    let mut twice = by_post(&[]);
    twice.push(("redirect_uri".into(), "https://evil.example/".into()));
    browser.post("/oauth/authorize", &twice).await.is_error_page(400);
}
