//! Redirect URIs: where a browser may be sent with an answer (checks group R).

use grantor::audit::{Actor, Event, Kind};
use grantor::clients::registration::{Registration, register};
use grantor::kernel::{Denial, RedirectUri};
use grantor::platform::context::Context;

use crate::support::{ADA, App, Browser, Page, TestClient};

/// Everything that is not the registered `https://rp.example/cb`, byte for byte.
const OTHERS: [&str; 44] = [
    // R02, R03
    "https://rp.example/cb/",
    "https://rp.example/CB",
    "https://RP.example/cb",
    "HTTPS://rp.example/cb",
    // R07
    "https://rp.example/cb?x=1",
    "https://rp.example/cb?",
    "https://rp.example/cb#",
    "https://rp.example/cb#x",
    // R10
    "https://rp.example/cb/../evil",
    "https://rp.example/cb/..%2fevil",
    "https://rp.example/cb/%2e%2e/evil",
    "https://rp.example/cb;/../evil",
    "https://rp.example//cb",
    "https://rp.example/./cb",
    "https://rp.example/cb%2f",
    // R11
    "https://rp.example/%63b",
    "https://rp.example/%252e",
    // R12
    "https://rp.example\\@evil.example/cb",
    "https:\\\\evil.example",
    "https:/rp.example/cb",
    "https:rp.example",
    "https://rp.example@evil.example/cb",
    "https://rp.example:443/cb",
    "https://rp.example:8443/cb",
    // R13
    "https://rp.example.evil.example/cb",
    "https://evilrp.example/cb",
    "https://rpXexample/cb",
    // R14
    "http://rp.example/cb",
    // R15
    "//rp.example/cb",
    "/cb",
    "cb",
    // R16
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://rp.example/x",
    // R17
    "https://rp.example/cb%0d%0aSet-Cookie:x=1",
    "https://rp.example/cb\r\nSet-Cookie:x=1",
    "https://rp.example/c\tb",
    " https://rp.example/cb",
    // R18
    "https://rp．example/cb",
    "https://rр.example/cb",
    // A25
    "https://rp.example/cb?code=evil",
];

fn registration(uris: &[&str]) -> Registration {
    Registration {
        name: "Relying party".into(),
        scope: "orders:read".into(),
        redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
        ..Registration::default()
    }
}

async fn ask(browser: &mut Browser<'_>, client: &TestClient, uri: &str) -> Page {
    browser.get(&client.authorize_path(&[("redirect_uri", uri)])).await
}

/// Asserts that a code is brought to this address.
async fn brings_a_code(browser: &mut Browser<'_>, client: &TestClient, uri: &str) {
    let page = ask(browser, client, uri).await;
    let page = browser.allow(page).await;
    assert!(page.returned("code").is_some(), "{uri}: {}", page.body);
    let (start, with) = (page.location(), format!("{uri}?code="));
    assert!(start.starts_with(&with) || start.starts_with(&format!("{uri}&code=")), "{start}");
}

/// Asserts a page of ours that neither leads there nor repeats the address.
#[track_caller]
fn is_refused(page: &Page, uri: &str) {
    page.is_error_page(400);
    assert!(!page.body.contains("evil"), "{uri:?}: {}", page.body);
    assert_eq!(page.answer.header("set-cookie"), "", "{uri:?}");
    assert_eq!(page.answer.header("refresh"), "", "{uri:?}");
}

/// R01 to R18, A25
#[tokio::test]
async fn only_the_registered_address_byte_for_byte_gets_an_answer_rfc9700_4_1_3() {
    let app = App::start().await;
    let client = app.register(&registration(&["https://rp.example/cb"]));
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    brings_a_code(&mut browser, &client, "https://rp.example/cb").await;
    for uri in OTHERS {
        is_refused(&ask(&mut browser, &client, uri).await, uri);
    }
    // A NUL is nobody's text.
    let path = client.authorize_path(&[("redirect_uri", "")]);
    let page = browser.get(&format!("{path}&redirect_uri=https://rp.example/cb%00")).await;
    is_refused(&page, "a NUL");
}

/// R25
#[tokio::test]
async fn a_second_error_does_not_open_the_way_to_an_unregistered_address_rfc6749_4_1_2_1() {
    let app = App::start().await;
    let client = app.register(&registration(&["https://rp.example/cb"]));
    let mut browser = app.browser();
    let errors = [
        ("response_type", "token"),
        ("response_type", ""),
        ("scope", "nope"),
        ("code_challenge", ""),
        ("code_challenge_method", "plain"),
        ("prompt", "none"),
        ("prompt", "foo"),
        ("request_uri", "https://evil.example/r"),
    ];
    for error in errors {
        let page = browser.get(&client.authorize_path(&[error])).await;
        assert_eq!(page.target(), "https://rp.example/cb", "{error:?}");
        let evil = [error, ("redirect_uri", "https://evil.example/cb")];
        is_refused(&browser.get(&client.authorize_path(&evil)).await, error.0);
    }
    let evil = client.authorize_path(&[("redirect_uri", "https://evil.example/cb")]);
    is_refused(&browser.get(&format!("{evil}&state=again")).await, "state twice");
    let unknown = [("redirect_uri", "https://rp.example/cb"), ("client_id", "nobody")];
    is_refused(&browser.get(&client.authorize_path(&unknown)).await, "client_id");
}

/// R07
#[tokio::test]
async fn a_registered_query_is_part_of_the_address_rfc6749_3_1_2() {
    let app = App::start().await;
    let client = app.register(&registration(&["https://rp.example/cb?x=1"]));
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    brings_a_code(&mut browser, &client, "https://rp.example/cb?x=1").await;
    for uri in [
        "https://rp.example/cb?x=2",
        "https://rp.example/cb?x=1&y=2",
        "https://rp.example/cb?x=1&code=evil",
        "https://rp.example/cb?x=%31",
        "https://rp.example/cb?",
        "https://rp.example/cb",
    ] {
        is_refused(&ask(&mut browser, &client, uri).await, uri);
    }
}

/// R21, R22: the port is free on a loopback address, for native apps, and on nothing else.
#[tokio::test]
async fn the_port_is_free_on_a_loopback_address_only_rfc8252_7_3() {
    let app = App::start().await;
    let client = app.register(&registration(&[
        "http://127.0.0.1/cb",
        "http://[::1]:9000/six",
        "http://localhost:3000/cb",
        "https://rp.example/cb",
    ]));
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for uri in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:49152/cb",
        "http://[::1]/six",
        "http://[::1]:1/six",
        "http://localhost:3000/cb",
        "https://rp.example/cb",
    ] {
        brings_a_code(&mut browser, &client, uri).await;
    }
    for uri in [
        "http://127.0.0.1:9000/six",
        "http://[::1]:9000/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://127.0.0.1:1@evil.example/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:x/cb",
        "http://127.0.0.1:99999/cb",
        "http://localhost:3001/cb",
        "http://localhost/cb",
        "https://127.0.0.1/cb",
        "https://rp.example:8443/cb",
    ] {
        is_refused(&ask(&mut browser, &client, uri).await, uri);
    }
}

/// RFC 8252 §7.1: an installed app's own scheme.
#[tokio::test]
async fn an_app_s_own_scheme_gets_the_code_rfc8252_7_1() {
    let app = App::start().await;
    let client = app.register(&Registration { public: true, ..registration(&["com.example.app:/cb"]) });
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    brings_a_code(&mut browser, &client, "com.example.app:/cb").await;
    for uri in ["com.example.app:/CB", "com.example.app:", "com.example.app2:/cb", "com.example.app://cb"] {
        is_refused(&ask(&mut browser, &client, uri).await, uri);
    }
}

/// R24: of one registered address it is clear which is meant; of two it is not.
#[tokio::test]
async fn an_omitted_address_is_the_only_registered_one_or_none_rfc6749_3_1_2_3() {
    let app = App::start().await;
    let one = app.register(&registration(&["https://rp.example/cb"]));
    let two = app.register(&registration(&["https://rp.example/cb", "https://rp.example/cb2"]));
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = ask(&mut browser, &one, "").await;
    let page = browser.allow(page).await;
    assert_eq!(page.target(), "https://rp.example/cb");
    assert!(page.returned("code").is_some());
    brings_a_code(&mut browser, &two, "https://rp.example/cb2").await;
    is_refused(&ask(&mut browser, &two, "").await, "");
}

/// R16, R26: what must not be matched must not be registered either.
#[tokio::test]
async fn a_dangerous_address_cannot_be_registered_rfc9700_4_1_3() {
    let app = App::start().await;
    app.register(&registration(&["https://rp.example/cb"]));
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://rp.example/x",
        "https://*.rp.example/",
        "https://rp.example/*",
        "*",
        "http://rp.example/cb",
        "https://rp.example/cb#x",
        "https://rp.example/../cb",
        "https://user@rp.example/cb",
        "https://rp.example/cb?code=evil",
        "https://rp．example/cb",
        "/cb",
        "",
    ] {
        assert!(RedirectUri::register(uri).is_err(), "{uri}");
        // Beside a good one, and whole: nothing of the client is kept.
        let words = refusal(&app, &registration(&["https://rp.example/cb", uri]));
        assert!(words.starts_with(&format!("redirect_uri {uri}: ")), "{words}");
    }
    let words = refusal(&app, &registration(&[]));
    assert_eq!(words, "a client of the authorization_code grant needs a redirect_uri");
}

/// What an operator is told of a registration that is refused.
#[track_caller]
fn refusal(app: &App, registration: &Registration) -> String {
    let context = Context::operator(app.clock.now());
    let mut words = None;
    let refused = app.ledger.act_here(&context, |work| {
        work.tell(Event::new(Kind::ClientCreated, Actor::Operator));
        let registered = register(work, Actor::Operator, registration, None)?;
        words = registered.as_ref().err().map(ToString::to_string);
        Ok(registered.map(|_| ()).map_err(|_| Denial::NotFound))
    });
    assert!(refused.expect("a database").is_err(), "it was registered");
    words.expect("words")
}
