//! Sign-in, sessions, sign-out (checks group L).

use std::collections::BTreeMap;

use chrono::Duration;
use grantor::accounts::passwords::hash_here;
use grantor::accounts::store::{insert_principal, insert_user};
use grantor::app::settings::{Settings, Sources};
use grantor::kernel::{Password, PrincipalId, PrincipalKind, UserIdentifier};

use crate::support::{ADA, Answer, App, BOB, Browser, ISSUER, PASSWORD, Page, execute};

const WRONG: &str = "The name or the password is wrong.";

/// Types a name and a password into the sign-in page.
async fn type_in(browser: &mut Browser<'_>, name: &str, password: &str) -> Page {
    let page = browser.get("/login").await;
    let fields = page.form("/login").filled(&[("identifier", name), ("password", password)]);
    browser.post_once("/login", &fields).await
}

/// Asserts that nobody was signed in.
#[track_caller]
fn is_wrong(page: &Page) {
    assert_eq!(page.status, 403, "{}", page.body);
    assert!(page.body.contains(WRONG) && page.is_login(), "{}", page.body);
    assert_eq!(page.answer.header("set-cookie"), "");
}

/// Asserts that somebody was signed in.
#[track_caller]
fn is_right(page: &Page) {
    assert_eq!((page.status, page.location().as_str()), (303, "/account/apps"));
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get_once("/account/apps").await.status == 200
}

/// A person with this password.
fn add_person(app: &App, number: u128, name: &str, password: Option<&str>) {
    let id = PrincipalId::from_uuid(uuid::Uuid::from_u128(number));
    let identifier = UserIdentifier::parse(name).expect("an identifier");
    let hash = password.map(|password| {
        let password = Password::parse(password.into()).expect("a password");
        hash_here(&app.settings.passwords, &password).expect("a hash")
    });
    app.operator(|work| {
        assert!(insert_principal(work, id, PrincipalKind::User, name)?);
        assert!(insert_user(work, id, &identifier, None, hash.as_deref())?);
        Ok(Ok(()))
    });
}

/// A person who may type an e-mail address, too.
fn add_person_with_email(app: &App, number: u128, name: &str, email: &str) {
    add_person(app, number, name, Some(PASSWORD));
    let key = grantor::kernel::EmailAddress::parse(email).expect("an address").key();
    let change =
        format!("UPDATE users SET email = '{email}', email_key = '{key}' WHERE identifier = '{name}'");
    execute(&app.db, &change).expect("an address");
}

/// Whichever of their names is typed, guesses are at one account; and a name of nobody counts for itself.
#[tokio::test]
async fn guesses_at_identifier_and_email_address_count_together() {
    let app = App::start().await;
    add_person_with_email(&app, 0xca1, "grace", "Grace@example.com");
    let mut browser = app.browser();
    for name in ["grace", "grace@example.com", "GRACE@EXAMPLE.COM", "Grace", "grace@example.com"] {
        is_wrong(&type_in(&mut browser, name, "not this one").await);
    }
    for name in ["grace", "grace@example.com"] {
        assert_eq!(type_in(&mut browser, name, PASSWORD).await.status, 429, "{name}");
    }
    is_wrong(&type_in(&mut browser, "grace@example.org", "not this one").await);
    app.advance(Duration::seconds(31));
    is_right(&type_in(&mut browser, "grace@example.com", PASSWORD).await);
}

/// Headers without those that differ at each request.
fn headers(answer: &Answer) -> BTreeMap<String, String> {
    let varying = ["date", "x-request-id", "content-length"];
    let names = answer.headers.keys().map(|name| name.as_str().to_owned());
    names
        .filter(|name| !varying.contains(&name.as_str()))
        .map(|name| (name.clone(), answer.header(&name)))
        .collect()
}

/// L01
#[tokio::test]
async fn a_wrong_password_looks_alike_for_everybody_and_nobody() {
    let app = App::start().await;
    add_person(&app, 1, "carol", None);
    add_person(&app, 2, "dan", Some(PASSWORD));
    app.disable_principal(PrincipalId::from_uuid(uuid::Uuid::from_u128(2)));
    let mut browser = app.browser();
    is_right(&type_in(&mut browser, "bob", PASSWORD).await);

    let mut browser = app.browser();
    let known = type_in(&mut browser, "ada", "wrong").await;
    is_wrong(&known);
    for (name, password) in [
        ("nobody", "wrong"),
        ("nobody", PASSWORD),
        // Without a password, and disabled: not even with the right one.
        ("carol", PASSWORD),
        ("dan", "wrong"),
        ("dan", PASSWORD),
        ("not a name at all", "wrong"),
        ("nobody@nowhere.example", "wrong"),
    ] {
        let page = type_in(&mut browser, name, password).await;
        is_wrong(&page);
        assert_eq!(headers(&page.answer), headers(&known.answer), "{name}");
        assert_eq!(page.body.replace(name, "ada"), known.body, "{name}");
    }
}

/// Guessing: five free failures of one account from one network, then a pause that says how long.
#[tokio::test]
async fn five_wrong_passwords_are_free_and_then_this_network_waits() {
    let app = App::start().await;
    let mut stranger = app.browser();
    for _ in 0..5 {
        is_wrong(&type_in(&mut stranger, "ada", "wrong").await);
    }
    // Known or not, paused alike: the sixth is not even looked at.
    let paused = type_in(&mut stranger, "ada", PASSWORD).await;
    assert_eq!(paused.status, 429, "{}", paused.body);
    assert_eq!(paused.answer.header("retry-after"), "30");
    assert!(paused.body.contains("Too many wrong passwords. Try again in a minute."));
    for _ in 0..5 {
        is_wrong(&type_in(&mut stranger, "nobody", "wrong").await);
    }
    let nobody = type_in(&mut stranger, "nobody", PASSWORD).await;
    assert_eq!(nobody.status, 429);
    assert_eq!(headers(&nobody.answer), headers(&paused.answer));

    // Another account from there, and the same account from elsewhere, are not concerned.
    is_right(&type_in(&mut stranger, "bob", PASSWORD).await);
    let mut owner = app.browser();
    owner.ip = "203.0.113.9".into();
    is_right(&type_in(&mut owner, "ada", PASSWORD).await);

    // The pause ends, and the next one is twice as long.
    let mut again = app.browser();
    app.advance(Duration::seconds(29));
    let page = type_in(&mut again, "ada", PASSWORD).await;
    assert_eq!(page.answer.header("retry-after"), "1");
    app.advance(Duration::seconds(1));
    is_wrong(&type_in(&mut again, "ada", "wrong").await);
    let page = type_in(&mut again, "ada", PASSWORD).await;
    assert_eq!((page.status, page.answer.header("retry-after").as_str()), (429, "60"));

    // Success begins anew.
    app.advance(Duration::seconds(60));
    is_right(&type_in(&mut again, "ada", PASSWORD).await);
    let mut fresh = app.browser();
    for _ in 0..5 {
        is_wrong(&type_in(&mut fresh, "ada", "wrong").await);
    }
    assert_eq!(type_in(&mut fresh, "ada", PASSWORD).await.status, 429);

    // Each flood is one event with a count, not one a guess.
    let told = app.count_events("user.sign_in_failed");
    assert_eq!(told, 3, "ada, nobody, and ada again");
}

/// L18: spellings of one name are one account, so they are counted as one.
#[tokio::test]
async fn guessing_under_another_spelling_is_guessing_at_the_same_account() {
    let app = App::start().await;
    let mut stranger = app.browser();
    for spelling in ["ada", "ADA", "Ａｄａ", "ａｄａ", "𝐚𝐝𝐚"] {
        is_wrong(&type_in(&mut stranger, spelling, "wrong").await);
    }
    for spelling in ["ada", "Ada", "ａda"] {
        let page = type_in(&mut stranger, spelling, PASSWORD).await;
        assert_eq!(page.status, 429, "{spelling}");
    }
}

/// L04: without a trusted proxy the header is a stranger's word.
#[tokio::test]
async fn a_forged_forwarded_header_does_not_evade_the_pause() {
    let app = App::with(|settings| settings.server.trusted_proxies.clear()).await;
    let many = vec!["192.0.2.1"; 100].join(", ");
    let forged = ["203.0.113.1", "a", "", "127.0.0.1", &many];
    let mut browser = app.browser();
    for ip in forged {
        browser.ip = ip.to_owned();
        is_wrong(&type_in(&mut browser, "ada", "wrong").await);
    }
    for ip in forged {
        browser.ip = ip.to_owned();
        assert_eq!(type_in(&mut browser, "ada", PASSWORD).await.status, 429, "{ip}");
    }
}

/// L04: behind a trusted proxy, what cannot be read is the proxy itself, and not nobody.
#[tokio::test]
async fn an_unreadable_forwarded_header_does_not_evade_the_pause() {
    let app = App::start().await;
    let mut browser = app.browser();
    for ip in ["a", "", "999.1.1.1", "unknown", "198.51.100.7, x"] {
        browser.ip = ip.to_owned();
        is_wrong(&type_in(&mut browser, "ada", "wrong").await);
    }
    browser.ip = "another nonsense".into();
    assert_eq!(type_in(&mut browser, "ada", PASSWORD).await.status, 429);
    // Written by the stranger in front of the proxy's own hop: the rightmost counts.
    browser.ip = "127.0.0.1, 203.0.113.5".into();
    is_right(&type_in(&mut browser, "ada", PASSWORD).await);
}

/// L06
#[tokio::test]
async fn the_session_id_changes_at_sign_in_step_up_and_sign_out() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.get("/login").await;
    let mut seen = vec![browser.cookies.clone()];
    browser.sign_in(ADA).await;
    seen.push(browser.cookies.clone());

    let page = browser.get(&client.authorize_path(&[("prompt", "login")])).await;
    let page = browser.log_in_on(&page, ADA).await;
    assert!(page.is_consent(), "{}", page.body);
    seen.push(browser.cookies.clone());

    let page = browser.get("/account/apps").await;
    let form = page.form("/logout");
    let page = browser.submit(&form, &[]).await;
    assert!(page.body.contains("You are signed out"), "{}", page.body);
    seen.push(browser.cookies.clone());

    browser.sign_in(ADA).await;
    seen.push(browser.cookies.clone());
    let page = browser.get("/account").await;
    let form = page.form("/account/sign-out-everywhere");
    browser.submit(&form, &[]).await;
    seen.push(browser.cookies.clone());

    for (place, cookies) in seen.iter().enumerate() {
        assert!(!seen[..place].contains(cookies), "the id of step {place} is an old one");
        let mut copy = app.browser();
        copy.cookies = cookies.clone();
        assert!(!is_signed_in(&mut copy).await, "the id of step {place} lives on");
    }
    let kinds = app.events_by_name();
    assert_eq!(
        kinds,
        [
            "user.signed_in",
            "user.signed_in",
            "user.signed_in",
            "user.signed_out",
            "user.signed_out_everywhere"
        ]
    );
}

/// L07
#[tokio::test]
async fn the_cookie_belongs_to_this_host_alone_and_is_no_script_s() {
    let app = App::start().await;
    let mut browser = app.browser();
    let page = browser.get("/login").await;
    let attributes = |page: &Page| -> (String, Vec<String>) {
        let cookie = page.answer.header("set-cookie");
        let mut parts = cookie.split("; ").map(str::to_owned);
        let pair = parts.next().expect("a pair");
        let mut rest: Vec<String> = parts.collect();
        rest.sort();
        (pair, rest)
    };
    let (pair, rest) = attributes(&page);
    assert_eq!(rest, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    let value = pair.strip_prefix("__Host-grantor=").expect("the __Host- prefix");
    // A tag, a day, 27 random characters of base62 (160 bits), a checksum.
    assert_eq!(value.len(), "gbs_".len() + 3 + 27 + 6, "{value}");

    let fields = page.form("/login").filled(&[("identifier", "ada"), ("password", PASSWORD)]);
    let (_, rest) = attributes(&browser.post_once("/login", &fields).await);
    assert_eq!(rest, ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"]);
}

/// L07
#[tokio::test]
async fn a_session_ends_when_it_rests_and_after_its_time_in_any_case() {
    let app = App::start().await;
    let mut resting = app.browser();
    resting.sign_in(ADA).await;
    app.advance(Duration::hours(23));
    assert!(is_signed_in(&mut resting).await);
    app.advance(Duration::hours(23));
    assert!(is_signed_in(&mut resting).await, "it was used in between");
    app.advance(Duration::hours(24));
    assert!(!is_signed_in(&mut resting).await, "a day without a request");

    let mut busy = app.browser();
    busy.sign_in(ADA).await;
    for _ in 0..59 {
        app.advance(Duration::hours(12));
        assert!(is_signed_in(&mut busy).await);
    }
    app.advance(Duration::hours(12));
    assert!(!is_signed_in(&mut busy).await, "thirty days, however busy");
}

/// L09
#[tokio::test]
async fn a_sign_in_form_of_another_page_signs_nobody_in() {
    let app = App::start().await;
    let mut browser = app.browser();
    let page = browser.get("/login").await;
    let good = page.form("/login").filled(&[("identifier", "ada"), ("password", PASSWORD)]);
    let mut other = app.browser();
    let foreign = other.get("/login").await.form("/login");
    let foreign = foreign.field("csrf").expect("a token").to_owned();

    let with_token = |token: &str| {
        page.form("/login").filled(&[("identifier", "ada"), ("password", PASSWORD), ("csrf", token)])
    };
    for fields in [with_token(""), with_token("nonsense"), with_token(&foreign)] {
        let page = browser.post_once("/login", &fields).await;
        page.is_error_page(403);
    }
    for origin in ["null", "https://evil.example", "https://id.test.evil.example", "http://id.test"] {
        let page = browser.post_as("/login", &good, Some(origin)).await;
        page.is_error_page(403);
    }
    // A browser without our cookie was never shown the form.
    let mut fresh = app.browser();
    fresh.post_once("/login", &good).await.is_error_page(403);
    assert!(fresh.cookies.is_empty());
    // A form that a script could send without asking first, in another type.
    for (kind, body) in [
        ("text/plain", format!("identifier=ada&password={PASSWORD}")),
        ("application/json", format!(r#"{{"identifier":"ada","password":"{PASSWORD}"}}"#)),
    ] {
        let request = app.http.post(format!("{}/login", app.address));
        let request = request.header("content-type", kind).header("origin", ISSUER).body(body);
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!((answer.status, answer.header("set-cookie").as_str()), (400, ""));
    }
    assert!(!is_signed_in(&mut browser).await);
    is_right(&browser.post_once("/login", &good).await);
}

/// L12
#[tokio::test]
async fn a_password_is_neither_cut_nor_told_apart_by_its_normal_form() {
    let app = App::start().await;
    let long = "x".repeat(72);
    add_person(&app, 1, "long", Some(&format!("{long}a")));
    add_person(&app, 2, "zoe", Some("caf\u{e9} au lait"));
    let mut browser = app.browser();
    for (name, password) in [
        ("long", format!("{long}b")),
        ("long", long.clone()),
        ("zoe", "cafe au lait".to_owned()),
        ("zoe", "x".repeat(10 * 1024)),
        ("zoe", String::new()),
    ] {
        is_wrong(&type_in(&mut browser, name, &password).await);
    }
    type_in(&mut browser, "zoe", "caf\u{e9} au lait\0").await.is_error_page(400);
    for (name, password) in [
        ("long", format!("{long}a")),
        ("zoe", "caf\u{e9} au lait".to_owned()),
        ("zoe", "cafe\u{301} au lait".to_owned()),
    ] {
        let mut browser = app.browser();
        is_right(&type_in(&mut browser, name, &password).await);
    }
}

/// L13: OWASP's least for argon2id, by default.
#[test]
fn passwords_are_hashed_as_owasp_asks_by_default() {
    let settings = Settings::read(&Sources { file: None, environment: BTreeMap::new(), dev: false })
        .expect("the defaults");
    let password = Password::parse(PASSWORD.into()).expect("a password");
    let hash = hash_here(&settings.passwords, &password).expect("a hash");
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let again = hash_here(&settings.passwords, &password).expect("a hash");
    assert_ne!(hash, again, "each its own salt");
}

/// L18
#[tokio::test]
async fn a_name_is_one_name_however_it_is_spelled_and_a_look_alike_another() {
    let app = App::start().await;
    for spelling in ["ada", "ADA", "Ａｄａ"] {
        let mut browser = app.browser();
        is_right(&type_in(&mut browser, spelling, PASSWORD).await);
    }
    let mut browser = app.browser();
    for other in ["аda", "ada@", "admin@evil@corp.com", "ada\u{200b}", "ada\n", "ada'--", ""] {
        is_wrong(&type_in(&mut browser, other, PASSWORD).await);
    }
    type_in(&mut browser, "ada\0", PASSWORD).await.is_error_page(400);
    assert!(!is_signed_in(&mut browser).await);
}

/// L20
#[tokio::test]
async fn an_old_tab_of_one_person_does_nothing_in_the_name_of_the_next() {
    let app = App::start().await;
    let client = app.web_client();
    let mut shared = app.browser();
    shared.sign_in(ADA).await;
    let old_tab = shared.get(&client.authorize_path(&[])).await;
    let old_apps = shared.get("/account/apps").await;
    let old_account = shared.get("/account").await;
    shared.submit(&old_apps.form("/logout"), &[]).await;
    shared.sign_in(BOB).await;

    shared.allow(old_tab).await.is_error_page(403);
    for action in ["/account/sign-out-everywhere", "/account/name"] {
        shared.submit(&old_account.form(action), &[("name", "Ada")]).await.is_error_page(403);
    }
    shared.submit(&old_apps.form("/logout"), &[]).await.is_error_page(403);
    assert!(is_signed_in(&mut shared).await, "Bob still is");
    // His own tab is his own.
    let page = shared.get(&client.authorize_path(&[])).await;
    assert!(page.body.contains("Bob Byron"), "{}", page.body);
    let code = shared.allow(page).await.returned("code").expect("a code");
    let api = app.resource_server();
    let token = client.redeem(&app, &code).await.text("access_token");
    assert_eq!(app.introspect(&api, &token).await["sub"], BOB.id().to_string());
}

/// Who is told to try again, since too many others are at it, has not been counted as wrong.
#[tokio::test]
async fn an_attempt_that_found_no_place_is_not_counted() {
    let app = App::with(|settings| {
        settings.passwords.queue = 0;
        settings.guard.sign_in = 10_000;
    })
    .await;
    let attempt = async |name: String, password: &str| {
        let mut browser = app.browser();
        let page = browser.get("/login").await;
        let form = page.form("/login").filled(&[("identifier", &name), ("password", password)]);
        browser.post_once("/login", &form).await.status
    };
    let mut refused = 0;
    for round in 0..12 {
        let strangers = (0..8).map(|number| attempt(format!("nobody-{round}-{number}"), "not this one"));
        let (status, _) =
            tokio::join!(attempt(BOB.identifier.into(), PASSWORD), futures_util::future::join_all(strangers));
        assert!([303, 503].contains(&status), "{status}");
        refused += usize::from(status == 503);
    }
    assert!(refused > 0, "nobody was ever in the way");
    assert_eq!(attempt(BOB.identifier.into(), PASSWORD).await, 303);
}

/// Cookies that others set, of whatever bytes and even of our name, do not hide ours.
#[tokio::test]
async fn foreign_cookies_do_not_hide_ours() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (name, value) = browser.cookies.iter().next().expect("our cookie");
    for foreign in [&b"x=\xff; "[..], b"__Host-grantor=nonsense; ", b"; ;=; "] {
        let cookie = [foreign, name.as_bytes(), b"=", value.as_bytes()].concat();
        let cookie = reqwest::header::HeaderValue::from_bytes(&cookie).expect("a header");
        let request = app.http.get(format!("{}/account/apps", app.address)).header("cookie", cookie);
        crate::support::Answer::to(request).await.is_ok();
    }
}
