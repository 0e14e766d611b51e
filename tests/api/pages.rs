//! Pages: their headers, their words, and where they never lead.

use grantor::clients::registration::Registration;
use grantor::platform::form::encode;
use uuid::Uuid;

use crate::support::{ADA, Answer, App, Browser, ISSUER, PASSWORD, Page, TestClient};

const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// Asserts the headers that keep a page ours; `leads_to`: where else its form may lead.
#[track_caller]
fn is_dressed(page: &Page, leads_to: &str) {
    let policy = format!("{POLICY} {leads_to}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", policy.trim_end()),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(page.answer.header(name), value, "{name} of {}", page.path);
        assert_eq!(page.answer.headers.get_all(name).iter().count(), 1, "{name}");
    }
    assert_eq!(page.answer.header("server"), "", "no banner");
    // L11: nothing inline that the policy would have to allow.
    for inline in ["<script", " style=", "onclick", "onload", "javascript:"] {
        assert!(!page.body.contains(inline), "{inline} on {}", page.path);
    }
}

/// Asserts that a page quotes the id of its request.
#[track_caller]
fn quotes_its_request(page: &Page) {
    let id = page.answer.header("x-request-id");
    assert!(Uuid::parse_str(&id).is_ok(), "{id:?}");
    assert!(page.body.contains(&format!("<code>{id}</code>")), "{}", page.body);
}

fn named(name: &str, uri: &str) -> Registration {
    Registration {
        name: name.into(),
        publisher: Some(format!("{name} Ltd")),
        public: true,
        scope: "orders:read orders:write".into(),
        redirect_uris: vec![uri.into()],
        ..Registration::default()
    }
}

/// The fields of a form.
type Fields = Vec<(String, String)>;

/// Every error page a stranger can reach with one request: path, form if it is a POST, and status.
fn errors(client: &TestClient) -> Vec<(String, Option<Fields>, u16)> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let get = |path: &str, status| (path.to_owned(), None, status);
    vec![
        get("/nothing-here", 404),
        get("/oauth/authorize", 400),
        get("/oauth/authorize?client_id=nobody", 400),
        get("/oauth/authorize?state=%00", 400),
        get("/oauth/authorize?state=%ff", 400),
        get(&client.authorize_path(&[("redirect_uri", "https://evil.example/")]), 400),
        get("/oauth/consent", 400),
        get("/oauth/consent?interaction=nonsense", 400),
        get("/login?interaction=nonsense", 400),
        ("/login".into(), Some(vec![field("identifier", "ada")]), 403),
        ("/logout".into(), Some(vec![]), 403),
        ("/oauth/consent".into(), Some(vec![field("answer", "allow")]), 403),
        ("/account/apps/x/revoke".into(), Some(vec![]), 403),
        ("/account/sign-out-everywhere".into(), Some(vec![]), 403),
        ("/account/name".into(), Some(vec![]), 403),
        ("/account/password".into(), Some(vec![]), 403),
        ("/account/sessions/x/end".into(), Some(vec![]), 403),
    ]
}

async fn fetch(browser: &mut Browser<'_>, path: &str, form: Option<&[(String, String)]>) -> Page {
    match form {
        None => browser.get_once(path).await,
        Some(form) => browser.post_once(path, form).await,
    }
}

/// A24, L11
#[tokio::test]
async fn every_page_has_the_headers_that_keep_it_ours_rfc9700_4_16() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    for (path, form, status) in errors(&client) {
        let page = fetch(&mut browser, &path, form.as_deref()).await;
        page.is_error_page(status);
        is_dressed(&page, "");
        quotes_its_request(&page);
    }
    for path in ["/docs", "/docs/keys"] {
        is_dressed(&browser.get_once(path).await, "");
    }
    let login = browser.get("/login").await;
    is_dressed(&login, "");
    let form = login.form("/login");
    let wrong = browser.submit(&form, &[("identifier", "ada"), ("password", "wrong")]).await;
    is_dressed(&wrong, "");
    browser.sign_in(ADA).await;
    for path in ["/account", "/account/apps", "/account/tokens", "/account/password", "/logout"] {
        is_dressed(&browser.get_once(path).await, "");
    }
    let page = browser.get("/logout").await;
    is_dressed(&browser.submit(&page.form("/logout"), &[]).await, "");
}

/// A24: what only sends a browser on is not kept either, and does not tell where it came from.
#[tokio::test]
async fn a_redirect_with_a_code_is_not_stored_and_leaks_no_referrer_rfc9700_4_2_4() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = browser.get(&client.authorize_path(&[])).await;
    let page = browser.allow(page).await;
    assert!(page.returned("code").is_some());
    assert_eq!(page.answer.header("cache-control"), "no-store");
    assert_eq!(page.answer.header("referrer-policy"), "same-origin");
    assert_eq!(page.body, "");
}

/// A24: Chromium applies `form-action` to the redirect that follows the form, so the page names where.
#[tokio::test]
async fn the_policy_names_the_place_the_form_leads_to_and_no_other() {
    let app = App::start().await;
    let (mut anonymous, mut ada) = (app.browser(), app.browser());
    ada.sign_in(ADA).await;
    for (uri, leads_to) in [
        ("https://rp.example/cb", "https://rp.example"),
        ("https://rp.example:8443/cb?x=1", "https://rp.example:8443"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:*"),
        ("http://localhost:3000/cb", "http://localhost:3000"),
        ("http://[::1]/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ] {
        let client = app.register(&named("App", uri));
        let login = anonymous.get(&client.authorize_path(&[])).await;
        assert!(login.is_login());
        is_dressed(&login, leads_to);
        let form = login.form("/login");
        let again = anonymous.submit(&form, &[("identifier", uri), ("password", "wrong")]).await;
        assert_eq!(again.status, 403);
        is_dressed(&again, leads_to);
        let consent = ada.get(&client.authorize_path(&[])).await;
        assert!(consent.is_consent());
        is_dressed(&consent, leads_to);
    }
}

/// U05
#[tokio::test]
async fn whatever_is_reflected_is_escaped() {
    const EVIL: &str = "\"'><script>evil()</script>";
    let app = App::start().await;
    let client = app.register(&named(EVIL, "https://rp.example/cb"));
    let mut browser = app.browser();
    let escaped = "&#60;script&#62;evil()&#60;/script&#62;";
    let is_escaped = |page: &Page, shown: bool| {
        assert!(!page.body.contains("<script"), "{}: {}", page.path, page.body);
        assert!(!page.body.contains("\"'>"), "{}: {}", page.path, page.body);
        assert_eq!(page.body.contains(escaped), shown, "{}: {}", page.path, page.body);
    };
    // The names that an operator typed, on every page that shows them.
    let login = browser.get(&client.authorize_path(&[("state", EVIL)])).await;
    is_escaped(&login, true);
    let consent = browser.log_in_on(&login, ADA).await;
    assert!(consent.is_consent());
    is_escaped(&consent, true);
    browser.allow(consent).await;
    is_escaped(&browser.get("/account/apps").await, true);
    let done = browser.get(&format!("/account/apps?done={EVIL}")).await;
    assert!(!done.body.contains("role=\"status\""), "only our own words");
    is_escaped(&done, true);

    // The name that a person typed.
    let mut stranger = app.browser();
    let form = stranger.get("/login").await.form("/login");
    let page = stranger.submit(&form, &[("identifier", EVIL), ("password", EVIL)]).await;
    is_escaped(&page, true);
    assert_eq!(page.body.matches("evil()").count(), 1, "the password is not shown");

    // What a stranger put into an address is not shown at all.
    let evil = encode(&[("x", EVIL)]);
    let (_, evil) = evil.split_once('=').expect("a value");
    for path in [
        format!("/{evil}"),
        format!("/oauth/authorize?client_id={evil}"),
        format!("/oauth/authorize?client_id=a&client_id={evil}"),
        format!("/oauth/authorize?{evil}=1&{evil}=2"),
        client.authorize_path(&[("redirect_uri", EVIL), ("state", EVIL), ("scope", EVIL)]),
        format!("/oauth/consent?interaction={evil}"),
        format!("/login?interaction={evil}"),
    ] {
        let page = stranger.get_once(&path).await;
        assert!(page.status >= 400, "{path}");
        is_escaped(&page, false);
        assert_eq!(page.location(), "", "{path}");
    }
    // Nor in what the app is told.
    let page = stranger.get(&client.authorize_path(&[("scope", EVIL)])).await;
    page.is_refusal("invalid_scope");
    assert!(!page.location().contains("evil"), "{}", page.location());
}

/// M02
#[tokio::test]
async fn a_forged_host_changes_nothing() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let metadata = "/.well-known/oauth-authorization-server".to_owned();
    let paths = [
        client.authorize_path(&[]),
        client.authorize_path(&[("prompt", "login")]),
        metadata.clone(),
        "/account/apps".to_owned(),
        "/nothing-here".to_owned(),
    ];
    for path in paths {
        for header in ["host", "x-forwarded-host", "forwarded", "x-original-host", "x-forwarded-proto"] {
            let request = app.http.get(format!("{}{path}", app.address));
            let request = request
                .header(header, if header == "forwarded" { "host=evil.example" } else { "evil.example" })
                .header("cookie", cookies.join("; "));
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            let whole = format!("{:?}{}", answer.headers, answer.body);
            assert!(!whole.contains("evil.example"), "{header}: {path}: {whole}");
            if path == metadata {
                assert_eq!(answer.json()["issuer"], ISSUER);
            }
            let location = answer.header("location");
            if location.starts_with("https://shop.example/cb?code=") {
                assert!(location.ends_with("&iss=https%3A%2F%2Fid.test"), "{location}");
            } else {
                assert!(location.is_empty() || location.starts_with("/login?"), "{location}");
            }
        }
    }
}

/// R27: no page takes an address to go to from the request.
#[tokio::test]
async fn no_page_leads_away_rfc9700_4_11() {
    let app = App::start().await;
    let client = app.web_client();
    for evil in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/%09/evil.example/",
        "https:evil.example",
        "javascript:evil()",
    ] {
        let evil = encode(&[("", evil)]);
        let evil = evil.trim_start_matches('=');
        for name in
            ["next", "return_to", "redirect", "redirect_uri", "url", "continue", "post_logout_redirect_uri"]
        {
            let mut browser = app.browser();
            for path in ["/login", "/logout", "/", "/account/apps"] {
                let page = browser.get(&format!("{path}?{name}={evil}")).await;
                assert!(page.is_login(), "{path}?{name}={evil}: {}", page.location());
                assert!(!page.body.contains("evil"), "{}", page.body);
            }
        }
        // And with the form: signing in leads home, signing out to the page that says so.
        let mut browser = app.browser();
        let page = browser.get("/login").await;
        let fields = page.form("/login").filled(&[
            ("identifier", "ada"),
            ("password", PASSWORD),
            ("next", evil),
            ("return_to", evil),
            ("redirect_uri", evil),
        ]);
        let page = browser.post_once(&format!("/login?next={evil}"), &fields).await;
        assert_eq!((page.status, page.location().as_str()), (303, "/account/apps"));
        let page = browser.get("/logout").await;
        let form = page.form("/logout");
        let page = browser.submit(&form, &[("post_logout_redirect_uri", evil), ("next", evil)]).await;
        assert_eq!((page.status, page.location().as_str()), (200, ""));
        assert!(!page.body.contains("evil"), "{}", page.body);
    }
    // A path that looks like a host is not redirected to it.
    for path in ["//evil.example/", "//evil.example/%2e%2e", "/login//evil.example", "/oauth/authorize/"] {
        let request = app.http.get(format!("{}{path}", app.address));
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!((answer.status, answer.header("location").as_str()), (404, ""), "{path}");
    }
    // The only way out is the registered one.
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
}
