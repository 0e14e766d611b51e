//! Connected apps: what a person allowed, and taking it back.

use chrono::Duration;
use grantor::clients::registration::Registration;

use crate::support::{ADA, App, BOB, Browser, Form, Page, TestClient, count, eventually, web_registration};

const BOTH: &str = "orders:read orders:write";
const APPS: &str = "/account/apps";

/// The button that disconnects an app altogether: the only app on the page.
#[track_caller]
fn disconnect(page: &Page) -> Form {
    let forms = page.forms().into_iter();
    let mut whole = forms.filter(|form| form.action.ends_with("/revoke") && form.field("scope").is_none());
    whole.next().unwrap_or_else(|| panic!("no app on {}", page.body))
}

/// The button that takes back one scope.
#[track_caller]
fn remove(page: &Page, scope: &str) -> Form {
    let mut forms = page.forms().into_iter();
    forms
        .find(|form| form.field("scope") == Some(scope))
        .unwrap_or_else(|| panic!("no {scope} on {}", page.body))
}

/// Tokens of a person's, who signed in at this browser.
async fn tokens(app: &App, client: &TestClient, browser: &mut Browser<'_>, scope: &str) -> (String, String) {
    let code = client.code_from(browser, scope).await;
    let answer = client.redeem(app, &code).await;
    (answer.text("access_token"), answer.text("refresh_token"))
}

/// Waits until this many grants are noted as used at the present moment; notes are written every few seconds.
async fn used(app: &App, grants: i64) {
    let now = app.clock.now().to_rfc3339();
    let noted = || async { count(&app.db, &format!("grant_usage WHERE last_used_at = '{now}'")) == grants };
    eventually("noted", noted).await;
}

/// When the app on the page was last used, as the page says it.
#[track_caller]
fn last_used(page: &Page) -> String {
    let said = page.body.split("<dt>Last used</dt><dd>").nth(1).expect("an app");
    let said = said.split("</dd>").next().expect("a word");
    said.rsplit_once("\">").map_or(said, |(_, words)| words).replace("</time>", "")
}

/// Exchanging, refreshing and being looked at by an API are uses; looking at the page and failing are not.
#[tokio::test]
async fn the_page_says_when_an_app_last_used_what_it_may() {
    let app = App::start().await;
    let (client, api, stranger) = (app.web_client(), app.resource_server(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    assert_eq!(last_used(&browser.get(APPS).await), "never");
    let answer = client.redeem(&app, &code).await;
    used(&app, 1).await;
    assert_eq!(last_used(&browser.get(APPS).await), "just now");
    app.advance(Duration::minutes(5));
    assert_eq!(last_used(&browser.get(APPS).await), "5 minutes ago");

    assert!(!browser.get(APPS).await.body.contains("<dt>Calls</dt>"), "getting a token is no call");
    for _ in 0..2 {
        assert!(app.is_active(&api, &answer.text("access_token")).await);
    }
    used(&app, 1).await;
    let page = browser.get(APPS).await;
    assert_eq!(last_used(&page), "just now");
    assert!(page.body.contains("<dt>Calls</dt><dd>2</dd>"), "{}", page.body);
    app.advance(Duration::minutes(20));
    assert!(!app.is_active(&stranger, &answer.text("access_token")).await, "it expired");
    let refresh = client.refresh(&app, &answer.text("refresh_token")).await.text("refresh_token");
    used(&app, 1).await;
    assert_eq!(last_used(&browser.get(APPS).await), "just now");

    // What is refused is no use.
    app.advance(Duration::minutes(3));
    let wide = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("scope", BOTH)];
    app.token(&client, &wide).await.is_error(400, "invalid_scope");
    client.refresh(&app, &answer.text("refresh_token")).await.is_error(400, "invalid_grant");
    let late = client.code_from(&mut browser, "orders:read").await;
    app.advance(Duration::minutes(2));
    client.redeem(&app, &late).await.is_error(400, "invalid_grant");

    // A node notes nothing older than what another noted, and what it has noted is written when it ends.
    assert_eq!(last_used(&browser.get(APPS).await), "5 minutes ago");
    let other = app.second_node().await;
    let fresh = client.code_from(&mut browser, "orders:read").await;
    client.redeem(&other, &fresh).await.is_ok();
    other.stop().await;
    assert_eq!(last_used(&browser.get(APPS).await), "just now");
}

#[tokio::test]
async fn the_page_lists_what_was_allowed_in_words() {
    let app = App::start().await;
    let (client, other) = (app.web_client(), app.public_client());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let empty = browser.get(APPS).await;
    assert!(empty.body.contains("No app is connected"));

    tokens(&app, &client, &mut browser, BOTH).await;
    used(&app, 1).await;
    app.advance(Duration::hours(3));
    other.code_from(&mut browser, "people:read").await;
    let page = browser.get(APPS).await;
    for words in [
        "<bdi>Ada Lovelace</bdi>",
        "<bdi>Shop</bdi>",
        "Says it is made by <bdi>Shop Ltd</bdi>",
        "The orders service",
        "<span>Read your orders</span>",
        "<span>Place and change orders for you</span>",
        "<bdi>Phone app</bdi>",
        "<span>See the people you know</span>",
        "<dd><time datetime=\"2026-11-21T12:00:00Z\" title=\"21 November 2026, 12:00:00 UTC\">21 November 2026</time></dd>",
        "<dd><time datetime=\"2026-11-21T12:00:00Z\" title=\"21 November 2026, 12:00:00 UTC\">3 hours ago</time></dd>",
        "<dd>never</dd>",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let places = ["Phone app", "Shop"].map(|name| page.body.find(name));
    assert!(places.is_sorted(), "the latest first");

    let mut bob = app.browser();
    bob.sign_in(BOB).await;
    let page = bob.get(APPS).await;
    assert!(page.body.contains("No app is connected"), "hers are not his");
    let mut nobody = app.browser();
    assert!(nobody.get(APPS).await.is_login());
    assert!(nobody.get("/").await.is_login());
}

/// F13, N05
#[tokio::test]
async fn disconnecting_an_app_kills_all_its_tokens_at_once_and_makes_it_ask_again() {
    let app = App::start().await;
    let (client, other, api) = (app.web_client(), app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (access, refresh) = tokens(&app, &client, &mut browser, BOTH).await;
    let (second_device, _) = tokens(&app, &client, &mut browser, "orders:read").await;
    let unused = client.code_from(&mut browser, "orders:read").await;
    let mut bob = app.browser();
    bob.sign_in(BOB).await;
    let (of_bob, _) = tokens(&app, &client, &mut bob, BOTH).await;

    let page = browser.get(APPS).await;
    let page = browser.submit(&disconnect(&page), &[]).await;
    assert!(page.body.contains("The app is disconnected.") && page.body.contains("No app is connected"));
    assert!(!app.is_active(&api, &access).await && !app.is_active(&api, &second_device).await);
    client.refresh(&app, &refresh).await.is_error(400, "invalid_grant");
    client.redeem(&app, &unused).await.is_error(400, "invalid_grant");

    assert!(app.is_active(&api, &of_bob).await, "his is his");
    let page = browser.get(&client.authorize_path(&[])).await;
    assert!(page.is_consent(), "nothing is remembered");
    let (again, _) = tokens(&app, &client, &mut browser, "orders:read").await;
    assert!(app.is_active(&api, &again).await);
    assert!(!app.is_active(&api, &access).await, "and what is dead stays dead");
    other.code_from(&mut browser, "orders:read").await;
    assert_eq!(app.count_events("grant.withdrawn"), 1);
}

/// F13: a token's scope is what it carries, as far as the person still allows it.
#[tokio::test]
async fn taking_one_scope_back_takes_it_from_living_tokens_and_from_refreshing() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (access, refresh) = tokens(&app, &client, &mut browser, BOTH).await;
    assert_eq!(app.introspect(&api, &access).await["scope"], BOTH);

    let page = browser.get(APPS).await;
    let page = browser.submit(&remove(&page, "orders:write"), &[]).await;
    assert!(page.body.contains("The permission is taken back."), "{}", page.body);
    assert!(!page.body.contains("Place and change orders"));
    assert_eq!(app.introspect(&api, &access).await["scope"], "orders:read");

    let wide = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("scope", BOTH)];
    app.token(&client, &wide).await.is_error(400, "invalid_scope");
    let answer = client.refresh(&app, &refresh).await;
    assert_eq!(answer.text("scope"), "orders:read");
    let page = browser.get(&client.authorize_path(&[("scope", BOTH)])).await;
    assert!(page.is_consent(), "it must ask for it again");
    let page = browser.get(&client.authorize_path(&[])).await;
    assert!(page.returned("code").is_some(), "but not for the rest");
    assert_eq!(app.count_events("grant.narrowed"), 1);
}

#[tokio::test]
async fn the_last_scope_taken_back_is_the_app_disconnected() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (access, refresh) = tokens(&app, &client, &mut browser, "orders:read").await;
    assert!(app.is_active(&api, &access).await);
    let page = browser.get(APPS).await;
    let page = browser.submit(&remove(&page, "orders:read"), &[]).await;
    assert!(page.body.contains("No app is connected"), "{}", page.body);
    assert!(!app.is_active(&api, &access).await);
    client.refresh(&app, &refresh).await.is_error(400, "invalid_grant");
    assert_eq!(app.count_events("grant.withdrawn"), 1);
}

#[tokio::test]
async fn another_person_s_grant_does_not_exist() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let (mut ada, mut bob) = (app.browser(), app.browser());
    ada.sign_in(ADA).await;
    bob.sign_in(BOB).await;
    let (hers, _) = tokens(&app, &client, &mut ada, BOTH).await;
    let (his, _) = tokens(&app, &client, &mut bob, BOTH).await;
    let page = ada.get(APPS).await;
    let own = bob.get(APPS).await;
    let token = own.form("/logout").field("csrf").expect("a token").to_owned();

    let unknown = "/account/apps/019a0000-0000-7000-8000-000000000000/revoke";
    let csrf = ("csrf".to_owned(), token.clone());
    let nothing = bob.post_once(unknown, std::slice::from_ref(&csrf)).await;
    nothing.is_error_page(404);
    for form in [disconnect(&page), remove(&page, "orders:write")] {
        let page = bob.submit(&form, &[("csrf", &token)]).await;
        page.is_error_page(404);
        assert_eq!(page.body_but_request_id(), nothing.body_but_request_id());
    }
    // Nor does one that is no grant, or a scope that was not allowed.
    let page = bob.post_once("/account/apps/nonsense/revoke", &[csrf]).await;
    page.is_error_page(404);
    for scope in ["people:read", "nope", "no such\"scope"] {
        let page = bob.submit(&disconnect(&own), &[("scope", scope)]).await;
        page.is_error_page(404);
    }
    assert!(app.is_active(&api, &hers).await && app.is_active(&api, &his).await);

    // His own he may; and twice is once.
    let page = bob.submit(&disconnect(&own), &[]).await;
    assert!(page.body.contains("No app is connected"));
    bob.submit(&disconnect(&own), &[]).await.is_error_page(404);
    assert!(app.is_active(&api, &hers).await && !app.is_active(&api, &his).await);
}

#[tokio::test]
async fn a_form_of_another_page_takes_nothing_back() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (access, _) = tokens(&app, &client, &mut browser, BOTH).await;
    let page = browser.get(APPS).await;
    let account = browser.get("/account").await;
    let mut foreign = app.browser();
    let token = foreign.get("/login").await.form("/login");
    let token = token.field("csrf").expect("a token");
    for form in [
        disconnect(&page),
        remove(&page, "orders:write"),
        account.form("/account/sign-out-everywhere"),
        page.form("/logout"),
    ] {
        for token in ["", "nonsense", token] {
            let page = browser.submit(&form, &[("csrf", token)]).await;
            page.is_error_page(403);
        }
        for origin in ["null", "https://shop.example"] {
            let page = browser.post_as(&form.action, &form.fields, Some(origin)).await;
            page.is_error_page(403);
        }
        // A link or an image is no form.
        let page = browser.get_once(&form.action).await;
        assert!(matches!(page.status, 200 | 405), "{}", page.status);
    }
    assert!(app.is_active(&api, &access).await);
    assert_eq!(app.introspect(&api, &access).await["scope"], BOTH);
    let page = browser.submit(&disconnect(&page), &[]).await;
    assert!(page.body.contains("The app is disconnected."));
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_and_every_app_s_tokens() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let (mut here, mut there, mut bob) = (app.browser(), app.browser(), app.browser());
    here.sign_in(ADA).await;
    there.sign_in(ADA).await;
    bob.sign_in(BOB).await;
    let (access, refresh) = tokens(&app, &client, &mut here, "orders:read").await;
    let (second, _) = tokens(&app, &client, &mut there, "orders:read").await;
    let (his, _) = tokens(&app, &client, &mut bob, "orders:read").await;
    let unused = client.code_from(&mut here, "orders:read").await;
    let own_token = client.own_token(&app, "orders:read").await.text("access_token");

    let page = here.get("/account").await;
    let page = here.submit(&page.form("/account/sign-out-everywhere"), &[]).await;
    assert!(page.body.contains("You are signed out everywhere"), "{}", page.body);
    assert!(here.get(APPS).await.is_login() && there.get(APPS).await.is_login());
    assert!(!app.is_active(&api, &access).await && !app.is_active(&api, &second).await);
    client.refresh(&app, &refresh).await.is_error(400, "invalid_grant");
    client.redeem(&app, &unused).await.is_error(400, "invalid_grant");

    // Nobody else is concerned, and what was allowed stays allowed.
    assert!(app.is_active(&api, &his).await && app.is_active(&api, &own_token).await);
    assert!(!bob.get(APPS).await.is_login());
    let page = here.get(&client.authorize_path(&[])).await;
    let page = here.log_in_on(&page, ADA).await;
    assert!(page.returned("code").is_some(), "{}", page.body);
    assert_eq!(app.count_events("user.signed_out_everywhere"), 1);
}

/// Signing out of one browser is not taking anything back.
#[tokio::test]
async fn signing_out_here_leaves_the_apps_connected() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let (mut here, mut there) = (app.browser(), app.browser());
    here.sign_in(ADA).await;
    there.sign_in(ADA).await;
    let (access, refresh) = tokens(&app, &client, &mut here, "orders:read").await;
    let page = here.get("/logout").await;
    assert!(page.body.contains("Sign out?"));
    assert!(!here.get(APPS).await.is_login(), "a link alone signs nobody out");
    here.submit(&page.form("/logout"), &[]).await;
    assert!(here.get(APPS).await.is_login() && here.get("/logout").await.is_login());
    assert!(!there.get(APPS).await.is_login());
    assert!(app.is_active(&api, &access).await);
    client.refresh(&app, &refresh).await.is_ok();
}

/// What a first-party app was given without a question can be taken back all the same.
#[tokio::test]
async fn a_first_party_app_is_listed_and_can_be_disconnected() {
    let app = App::start().await;
    let client = app.register(&Registration { first_party: true, ..web_registration() });
    let api = app.resource_server();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (access, _) = tokens(&app, &client, &mut browser, BOTH).await;
    assert!(app.is_active(&api, &access).await);
    let page = browser.get(APPS).await;
    browser.submit(&disconnect(&page), &[]).await;
    assert!(!app.is_active(&api, &access).await);
}

/// What is remembered is not what an app holds: the page tells them apart.
#[tokio::test]
async fn an_app_that_gave_its_tokens_back_is_listed_as_signed_out() {
    const RESTS: &str = "It is signed out: it can do none of this now.";
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let (_, refresh) = tokens(&app, &client, &mut browser, BOTH).await;
    assert!(!browser.get(APPS).await.body.contains(RESTS));
    client.revoke(&app, &refresh).await.is_ok();
    assert!(browser.get(APPS).await.body.contains(RESTS));
    tokens(&app, &client, &mut browser, BOTH).await;
    assert!(!browser.get(APPS).await.body.contains(RESTS), "it is back, and nobody was asked");
}
