//! From an app to us and back: sign in, allow, look, take back.

use chrono::Duration;

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, PASSWORD};
use crate::tab::Tab;

#[tokio::test]
async fn an_app_is_allowed_used_found_among_the_connected_and_cut_off() {
    let stage = Stage::set().await;
    let (shop, api, tab) = (stage.shop(), stage.app.resource_server(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[("scope", "orders:read orders:write"), ("state", "s & t")])).await;
    tab.says("to continue to Shop").await;
    tab.sign_in(ADA).await;
    tab.says("Allow Shop to use your account?").await;
    tab.press("Allow").await;
    tab.says("You are back in the shop").await;

    let told = stage.elsewhere.told();
    assert_eq!((told["state"].as_str(), told["iss"].as_str()), ("s & t", stage.app.address.as_str()));
    let answer = shop.redeem(&stage.app, &told["code"]).await;
    answer.is_ok();
    assert_eq!(answer.text("scope"), "orders:read orders:write");
    let token = answer.text("access_token");
    assert!(stage.app.is_active(&api, &token).await);

    tab.go("/account/apps").await;
    tab.says("Place and change orders for you").await;
    tab.press("Remove: Place and change orders for you (Shop)").await;
    tab.says("The permission is taken back.").await;
    assert_eq!(stage.app.introspect(&api, &token).await["scope"], "orders:read");
    tab.press("Disconnect Shop").await;
    tab.says("The app is disconnected.").await;
    assert!(!stage.app.is_active(&api, &token).await);
}

/// A31
#[tokio::test]
async fn who_denies_returns_to_the_app_which_is_told_access_denied() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[])).await;
    tab.sign_in(ADA).await;
    tab.press("Deny").await;
    tab.says("You are back in the shop").await;
    let told = stage.elsewhere.told();
    assert_eq!((told["error"].as_str(), told["state"].as_str()), ("access_denied", "the-state"));
    assert_eq!((told["iss"].as_str(), told.get("code")), (stage.app.address.as_str(), None));
    tab.go("/account/apps").await;
    tab.says("No app is connected").await;
}

/// What a field is to whoever cannot see the page.
const FIELDS: &str = "
    return ['identifier', 'password'].map(id => document.getElementById(id)).map(field => [
        field.value, field.getAttribute('aria-invalid'),
        (document.getElementById(field.getAttribute('aria-describedby')) || {}).innerText || '',
        field === document.activeElement]);";

type Field = (String, Option<String>, String, bool);

#[tokio::test]
async fn a_wrong_password_is_told_at_its_field_and_costs_nothing_but_the_password() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[])).await;
    let fields: [Field; 2] = tab.tell(FIELDS).await;
    let bare = |focused| (String::new(), None, String::new(), focused);
    assert_eq!(fields, [bare(true), bare(false)], "who comes may type at once");

    tab.type_in(ADA.identifier, "wrong").await;
    tab.press_expecting(403, "Sign in").await;
    let fields: [Field; 2] = tab.tell(FIELDS).await;
    let wrong = |value: &str, focused| {
        (value.to_owned(), Some("true".to_owned()), "The name or the password is wrong.".to_owned(), focused)
    };
    assert_eq!(fields, [wrong("ada", false), wrong("", true)]);
    let title: String = tab.tell("return document.title").await;
    assert!(title.starts_with("Error: "), "{title}");

    tab.find("password").await.send_keys(PASSWORD).await.expect("text in a field");
    tab.press("Sign in").await;
    tab.press("Allow").await;
    assert!(stage.elsewhere.told().contains_key("code"), "the request was not lost");
}

async fn is_told_that_it_is_too_late(tab: &Tab<'_>) {
    tab.says("This page is no longer valid").await;
    tab.says("Go back to the app you came from and start again.").await;
}

#[tokio::test]
async fn who_waits_too_long_is_told_what_to_do() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[])).await;
    stage.app.advance(Duration::minutes(31));
    tab.type_in(ADA.identifier, PASSWORD).await;
    tab.press_expecting(400, "Sign in").await;
    is_told_that_it_is_too_late(&tab).await;

    tab.go(&shop.authorize_path(&[])).await;
    if tab.address().await.starts_with("/login") {
        tab.sign_in(ADA).await;
    }
    stage.app.advance(Duration::minutes(31));
    tab.press_expecting(400, "Allow").await;
    is_told_that_it_is_too_late(&tab).await;
    assert!(stage.elsewhere.heard().is_empty(), "nobody was sent anywhere");
}
