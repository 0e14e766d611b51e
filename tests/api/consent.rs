//! Consent: what a person is asked, and what is remembered (checks group N).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use grantor::clients::registration::Registration;
use grantor::platform::form::encode;
use sha2::{Digest as _, Sha256};

use crate::support::{ADA, App, BOB, Browser, ISSUER, PASSWORD, Page, TestClient, pkce, web_registration};

const BOTH: &str = "orders:read orders:write";

async fn ask(browser: &mut Browser<'_>, client: &TestClient, changes: &[(&str, &str)]) -> Page {
    browser.get(&client.authorize_path(changes)).await
}

/// The scope of the token that a page's code is exchanged for.
async fn scope_of(app: &App, client: &TestClient, page: &Page) -> String {
    let code = page.returned("code").expect("a code");
    client.redeem(app, &code).await.text("scope")
}

/// Asserts that the browser came back to the app at once, with a code.
#[track_caller]
fn is_silent(page: &Page) {
    assert!(page.returned("code").is_some(), "{} {}", page.status, page.body);
}

/// Asserts a page that says that this sign-in is over.
#[track_caller]
fn is_gone(page: &Page) {
    page.is_error_page(400);
    assert!(page.body.contains("This page is no longer valid"), "{}", page.body);
}

/// N03
#[tokio::test]
async fn the_page_says_who_asks_for_what_and_where_the_answer_goes() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = ask(&mut browser, &client, &[("scope", BOTH)]).await;
    assert_eq!(page.status, 200);
    for words in [
        "Allow <bdi>Shop</bdi> to use your account?",
        "Says it is made by <bdi>Shop Ltd</bdi>",
        "Nobody here has checked this app.",
        "You will return to <b class=\"host\"><bdi>shop.example</bdi></b>",
        "<bdi>Ada Lovelace</bdi>",
        "The orders service",
        "Read your orders",
        "Place and change orders for you",
        "keeps this access for 30 days. You can take it back earlier, under <b>Connected apps</b>.",
        "name=\"answer\" value=\"deny\">Deny</button>",
        "name=\"answer\" value=\"allow\">Allow</button>",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("See the people you know"), "what is not asked for");
    // The form carries the interaction and the answer; what was asked stands on the server.
    let names: Vec<String> = page.form("/oauth/consent").fields.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["csrf", "interaction", "scope"]);
}

/// N03: an app that the operator checked says so.
#[tokio::test]
async fn a_verified_app_is_shown_as_such() {
    let app = App::start().await;
    let client = app.register(&Registration { verified: true, ..web_registration() });
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = ask(&mut browser, &client, &[]).await;
    assert!(page.body.contains("Made by <bdi>Shop Ltd</bdi>"), "{}", page.body);
    assert!(!page.body.contains("Nobody here has checked this app."));
}

#[tokio::test]
async fn an_optional_scope_can_be_unticked_and_a_required_one_cannot() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;

    // Unticked: the required one alone is given, and remembered.
    let page = ask(&mut browser, &client, &[("scope", BOTH)]).await;
    let form = page.form("/oauth/consent");
    assert_eq!(form.field("scope"), Some("orders:write"));
    let page = browser.submit(&form, &[("answer", "allow"), ("scope", "")]).await;
    assert_eq!(scope_of(&app, &client, &page).await, "orders:read");

    // What was not given is asked for again, and can be given then.
    let page = ask(&mut browser, &client, &[("scope", BOTH)]).await;
    let page = browser.allow(page).await;
    assert_eq!(scope_of(&app, &client, &page).await, BOTH);
}

/// All that was asked is optional and nothing is ticked: that is a no.
#[tokio::test]
async fn allowing_nothing_of_what_was_asked_is_a_refusal() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let asked = [("scope", "orders:write")];
    let page = ask(&mut browser, &client, &asked).await;
    let form = page.form("/oauth/consent");
    let page = browser.submit(&form, &[("answer", "allow"), ("scope", "")]).await;
    page.is_refusal("access_denied");
    let page = ask(&mut browser, &client, &asked).await;
    let page = browser.allow(page).await;
    assert_eq!(scope_of(&app, &client, &page).await, "orders:write");
}

/// N05
#[tokio::test]
async fn what_was_allowed_is_remembered_by_person_client_and_scope() {
    let app = App::start().await;
    let (client, other) = (app.web_client(), app.web_client());
    let mut ada = app.browser();
    ada.sign_in(ADA).await;
    client.code_from(&mut ada, "orders:read").await;

    is_silent(&ask(&mut ada, &client, &[]).await);
    // A new scope is asked for, beside what is allowed already.
    let page = ask(&mut ada, &client, &[("scope", "orders:read people:read")]).await;
    assert!(page.is_consent());
    assert!(page.body.contains("Read your orders <span class=\"sub\">Allowed before</span>"));
    let page = ada.allow(page).await;
    assert_eq!(scope_of(&app, &client, &page).await, "orders:read people:read");
    // The sum is remembered, and each part of it.
    for scope in ["orders:read people:read", "people:read", "orders:read"] {
        let page = ask(&mut ada, &client, &[("scope", scope)]).await;
        assert_eq!(scope_of(&app, &client, &page).await, scope);
    }
    // Another client, and another person, were allowed nothing.
    assert!(ask(&mut ada, &other, &[]).await.is_consent());
    let mut bob = app.browser();
    bob.sign_in(BOB).await;
    assert!(ask(&mut bob, &client, &[]).await.is_consent());
}

#[tokio::test]
async fn a_first_party_client_does_not_ask() {
    let app = App::start().await;
    let client = app.register(&Registration { first_party: true, ..web_registration() });
    let mut browser = app.browser();
    let page = ask(&mut browser, &client, &[("scope", BOTH)]).await;
    let page = browser.log_in_on(&page, ADA).await;
    assert_eq!(scope_of(&app, &client, &page).await, BOTH);
    assert!(ask(&mut browser, &client, &[("prompt", "consent")]).await.is_consent(), "unless it wants to");
}

/// N04
#[tokio::test]
async fn a_public_client_on_a_device_never_passes_silently_rfc8252_8_6() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for (uri, first_party) in [
        ("http://127.0.0.1/cb", false),
        ("http://[::1]/cb", false),
        ("http://localhost:3000/cb", false),
        ("com.example.app:/cb", false),
        ("http://127.0.0.1/cb", true),
    ] {
        let client = app.register(&Registration {
            name: "Native".into(),
            public: true,
            first_party,
            scope: "orders:read".into(),
            redirect_uris: vec![uri.into()],
            ..Registration::default()
        });
        client.code_from(&mut browser, "orders:read").await;
        let page = ask(&mut browser, &client, &[]).await;
        assert!(page.is_consent(), "{uri}: {}", page.body);
        let page = ask(&mut browser, &client, &[("prompt", "none")]).await;
        page.is_refusal("consent_required");
    }
    // Where the address is the app's own, it is the app that comes again.
    let client = app.public_client();
    client.code_from(&mut browser, "orders:read").await;
    is_silent(&ask(&mut browser, &client, &[]).await);
}

/// A14
#[tokio::test]
async fn prompt_none_shows_no_page_oidc_3_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    let none = [("prompt", "none")];
    ask(&mut browser, &client, &none).await.is_refusal("login_required");
    browser.sign_in(ADA).await;
    ask(&mut browser, &client, &none).await.is_refusal("consent_required");
    client.code_from(&mut browser, "orders:read").await;
    is_silent(&ask(&mut browser, &client, &none).await);
    let more = [("prompt", "none"), ("scope", BOTH)];
    ask(&mut browser, &client, &more).await.is_refusal("consent_required");
}

#[tokio::test]
async fn prompt_consent_asks_again_oidc_3_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    is_silent(&ask(&mut browser, &client, &[]).await);
    let page = ask(&mut browser, &client, &[("prompt", "consent")]).await;
    assert!(page.body.contains("You have allowed all of this before."), "{}", page.body);
    is_silent(&browser.allow(page).await);
}

/// A17
#[tokio::test]
async fn prompt_login_wants_the_password_again_oidc_3_1_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    is_silent(&ask(&mut browser, &client, &[]).await);
    app.advance(Duration::minutes(5));

    let page = ask(&mut browser, &client, &[("prompt", "login")]).await;
    assert!(page.is_login(), "{}", page.body);
    let interaction = page.form("/login").field("interaction").expect("an id").to_owned();
    // Neither going on without it nor leaving `prompt` out of the address skips it.
    for way in ["", "&prompt=", "&prompt=none"] {
        let page = browser.get(&format!("/oauth/consent?interaction={interaction}{way}")).await;
        assert!(page.is_login(), "{way}: {}", page.body);
    }
    let csrf = page.form("/login").field("csrf").expect("a token").to_owned();
    let answer = [("csrf", csrf), ("interaction", interaction), ("answer", "allow".into())];
    let answer = answer.map(|(name, value)| (name.to_owned(), value));
    let page = browser.post("/oauth/consent", &answer).await;
    assert!(page.is_login(), "{}", page.body);
    is_silent(&browser.log_in_on(&page, ADA).await);
    // That sign-in was before this request.
    assert!(ask(&mut browser, &client, &[("prompt", "login")]).await.is_login());
}

/// N01
#[tokio::test]
async fn a_consent_form_of_another_page_is_refused() {
    let app = App::start().await;
    let client = app.web_client();
    let (mut ada, mut bob) = (app.browser(), app.browser());
    ada.sign_in(ADA).await;
    bob.sign_in(BOB).await;
    let page = ask(&mut ada, &client, &[]).await;
    let form = page.form("/oauth/consent");
    let good = form.filled(&[("answer", "allow")]);
    let bobs = ask(&mut bob, &client, &[]).await.form("/oauth/consent");
    let bobs_token = bobs.field("csrf").expect("a token");

    for token in ["", "nonsense", bobs_token] {
        let fields = form.filled(&[("answer", "allow"), ("csrf", token)]);
        ada.post_once("/oauth/consent", &fields).await.is_error_page(403);
    }
    for origin in ["null", "https://evil.example", "https://shop.example"] {
        let page = ada.post_as("/oauth/consent", &good, Some(origin)).await;
        page.is_error_page(403);
    }
    // Another person's browser: with her token it is no form of his, with his own no interaction of his.
    bob.post_once("/oauth/consent", &good).await.is_error_page(403);
    let fields = form.filled(&[("answer", "allow"), ("csrf", bobs_token)]);
    is_gone(&bob.post_once("/oauth/consent", &fields).await);

    is_silent(&ada.post_once("/oauth/consent", &good).await);
}

/// N01
#[tokio::test]
async fn of_two_posts_of_one_form_one_yields_a_code() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for (first, second) in [("allow", "allow"), ("deny", "allow"), ("allow", "deny")] {
        let page = ask(&mut browser, &client, &[("prompt", "consent")]).await;
        let form = page.form("/oauth/consent");
        let answered = browser.submit(&form, &[("answer", first)]).await;
        assert_eq!(answered.returned("code").is_some(), first == "allow");
        is_gone(&browser.submit(&form, &[("answer", second)]).await);
        let interaction = form.field("interaction").expect("an id");
        is_gone(&browser.get(&format!("/oauth/consent?interaction={interaction}")).await);
    }
    assert_eq!(app.count_events("code.issued"), 2);
    // An answer that is none is no answer.
    let page = ask(&mut browser, &client, &[("prompt", "consent")]).await;
    let form = page.form("/oauth/consent");
    for answer in ["", "perhaps"] {
        browser.submit(&form, &[("answer", answer)]).await.is_error_page(400);
    }
    is_silent(&browser.submit(&form, &[("answer", "allow")]).await);
}

/// N01
#[tokio::test]
async fn a_person_has_half_an_hour_to_decide() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = ask(&mut browser, &client, &[]).await;
    app.advance(Duration::seconds(1799));
    is_silent(&browser.allow(page).await);

    let page = ask(&mut browser, &client, &[("prompt", "consent")]).await;
    app.advance(Duration::seconds(1800));
    is_gone(&browser.allow(page).await);

    let mut anonymous = app.browser();
    let page = ask(&mut anonymous, &client, &[]).await;
    app.advance(Duration::seconds(1800));
    is_gone(&anonymous.get(&page.path).await);
}

/// N02, A29
#[tokio::test]
async fn what_a_form_adds_to_the_request_is_not_believed() {
    let app = App::start().await;
    let client = app.web_client();
    let other = app.web_client();
    let mut browser = app.browser();
    let page = ask(&mut browser, &client, &[]).await;
    let forged = [
        ("client_id", other.id.as_str()),
        ("redirect_uri", "https://evil.example/"),
        ("response_type", "token"),
        ("state", "evil"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "plain"),
        ("next", "https://evil.example/"),
        ("return_to", "//evil.example/"),
    ];
    let sign_in = [("identifier", ADA.identifier), ("password", PASSWORD)];
    let form = page.form("/login");
    let page = browser.submit(&form, &[&forged[..], &sign_in].concat()).await;
    assert!(page.is_consent(), "{}", page.body);
    let form = page.form("/oauth/consent");
    let interaction = form.field("interaction").expect("an id");
    let query = encode(&forged);
    let page = browser.get(&format!("/oauth/consent?interaction={interaction}&{query}")).await;
    assert!(page.body.contains("shop.example") && !page.body.contains("evil"));
    // Scopes that were not asked for, ticked all the same.
    let mut fields = form.filled(&[&forged[..], &[("answer", "allow")]].concat());
    for scope in ["orders:write", "people:read", "users:write"] {
        fields.push(("scope".into(), scope.into()));
    }
    let page = browser.post("/oauth/consent", &fields).await;
    assert_eq!(page.target(), "https://shop.example/cb");
    assert_eq!(page.returned("state").as_deref(), Some("the-state"));
    assert_eq!(scope_of(&app, &client, &page).await, "orders:read");
    assert!(ask(&mut browser, &other, &[]).await.is_consent(), "the other got nothing");
}

/// A copied link is worth nothing in another browser, signed in or not.
#[tokio::test]
async fn a_link_from_another_browser_is_not_valid_here() {
    let app = App::start().await;
    let client = app.web_client();
    let (mut mine, mut fresh, mut signed_in) = (app.browser(), app.browser(), app.browser());
    signed_in.sign_in(BOB).await;
    let login = ask(&mut mine, &client, &[]).await;
    for path in [login.path.clone(), login.path.replace("/login", "/oauth/consent")] {
        is_gone(&fresh.get(&path).await);
        is_gone(&signed_in.get(&path).await);
    }
    let consent = mine.log_in_on(&login, ADA).await;
    is_gone(&fresh.get(&consent.path).await);
    is_gone(&signed_in.get(&consent.path).await);
    for path in ["/oauth/consent", "/oauth/consent?interaction=nonsense", "/login?interaction=nonsense"] {
        is_gone(&mine.get(path).await);
    }
    is_silent(&mine.allow(consent).await);
}

/// A34: two requests in two tabs, answered in crossed order.
#[tokio::test]
async fn each_tab_gets_the_code_of_its_own_request_rfc9700_4_5() {
    let app = App::start().await;
    let (one, two) = (app.web_client(), app.public_client());
    let verifier = "the-verifier-of-the-second-tab-and-no-other-tab";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let second = [("state", "second"), ("code_challenge", challenge.as_str()), ("scope", "people:read")];
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let first_tab = ask(&mut browser, &one, &[("state", "first")]).await;
    let second_tab = ask(&mut browser, &two, &second).await;
    let second_tab = browser.allow(second_tab).await;
    let first_tab = browser.allow(first_tab).await;

    assert_eq!(first_tab.target(), one.redirect_uri);
    assert_eq!(first_tab.returned("state").as_deref(), Some("first"));
    assert_eq!(second_tab.target(), two.redirect_uri);
    assert_eq!(second_tab.returned("state").as_deref(), Some("second"));
    let (a, b) = (first_tab.returned("code").expect("a code"), second_tab.returned("code").expect("a code"));
    let answer = one.redeem_with(&app, &a, pkce().0).await;
    assert_eq!(answer.text("scope"), "orders:read");
    let answer = two.redeem_with(&app, &b, verifier).await;
    assert_eq!(answer.text("scope"), "people:read");
}

/// A34: the same, when the person signs in in one of the tabs and then goes on in the other.
#[tokio::test]
async fn a_sign_in_in_one_tab_does_not_end_the_request_of_another_rfc9700_4_5() {
    let app = App::start().await;
    let (one, two) = (app.web_client(), app.public_client());
    let mut browser = app.browser();
    let first_tab = ask(&mut browser, &one, &[("state", "first")]).await;
    let second_tab = ask(&mut browser, &two, &[("state", "second")]).await;
    assert!(first_tab.is_login() && second_tab.is_login());

    let second_tab = browser.log_in_on(&second_tab, ADA).await;
    let second_tab = browser.allow(second_tab).await;
    assert_eq!(second_tab.returned("state").as_deref(), Some("second"));

    // The form of the first tab is old: it signs nobody in again, and leads on.
    let first_tab = browser.log_in_on(&first_tab, ADA).await;
    assert!(first_tab.is_consent(), "{}", first_tab.body);
    let first_tab = browser.allow(first_tab).await;
    assert_eq!(first_tab.target(), one.redirect_uri);
    assert_eq!(first_tab.returned("state").as_deref(), Some("first"));
}

/// "Switch account": the request goes on with somebody else.
#[tokio::test]
async fn another_account_can_be_chosen_in_the_middle() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let mut copy = app.browser();
    copy.cookies = browser.cookies.clone();
    let page = ask(&mut browser, &client, &[]).await;
    assert!(page.body.contains("Ada Lovelace"));
    let switch = page.form("/logout");
    let page_of_bob = browser.submit(&switch, &[]).await;
    assert!(page_of_bob.is_login() && page_of_bob.body.contains("continue to <strong><bdi>Shop"));
    assert_eq!(copy.get_once("/account/apps").await.status, 303, "she is signed out");

    let page_of_bob = browser.log_in_on(&page_of_bob, BOB).await;
    assert!(page_of_bob.body.contains("Bob Byron") && !page_of_bob.body.contains("Ada"));
    browser.allow(page).await.is_error_page(403);
    let page = browser.allow(page_of_bob).await;
    assert_eq!(page.returned("iss").as_deref(), Some(ISSUER));
    let answer = client.redeem(&app, &page.returned("code").expect("a code")).await;
    let api = app.resource_server();
    let seen = app.introspect(&api, &answer.text("access_token")).await;
    assert_eq!(seen["sub"], BOB.id().to_string());
}

/// Whom the operator disables meanwhile gets nothing, and no app for them.
#[tokio::test]
async fn an_answer_counts_only_while_app_and_person_may_act() {
    let app = App::start().await;
    let (client, gone) = (app.web_client(), app.web_client());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (page, of_gone) = (ask(&mut browser, &client, &[]).await, ask(&mut browser, &gone, &[]).await);
    app.disable_principal(gone.principal);
    browser.allow(of_gone).await.is_error_page(400);
    app.disable_principal(ADA.id());
    let page = browser.allow(page).await;
    assert!(page.is_login(), "she is nobody now: {}", page.body);
    assert_eq!(app.count_events("code.issued"), 0);
}
