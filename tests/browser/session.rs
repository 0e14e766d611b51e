//! The cookie, as a browser holds it, and what is left when it is gone (checks L06, L07).

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, BOB};
use crate::tab::Tab;

/// The cookie's value; asserts that scripts and other sites do not get it.
async fn cookie(tab: &Tab<'_>) -> String {
    let all = tab.driver().get_all_cookies().await.expect("the cookies");
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].name.as_str(), all[0].path.as_deref()), ("grantor", Some("/")));
    let held: serde_json::Value = tab.cdp("Network.getCookies", serde_json::json!({})).await;
    let held = &held["cookies"][0];
    assert_eq!((held["httpOnly"].as_bool(), held["sameSite"].as_str()), (Some(true), Some("Lax")));
    let told_to_scripts: String = tab.tell("return document.cookie").await;
    assert_eq!(told_to_scripts, "");
    all[0].value.clone()
}

#[tokio::test]
async fn the_session_id_is_hidden_from_scripts_and_changes_at_sign_in_and_sign_out() {
    let stage = Stage::set().await;
    let tab = stage.tab(DESK).await;
    tab.go("/login").await;
    let stranger = cookie(&tab).await;
    tab.sign_in(ADA).await;
    let ada = cookie(&tab).await;
    tab.press("Sign out").await;
    let nobody = cookie(&tab).await;
    assert!(stranger != ada && ada != nobody && nobody != stranger);
    tab.press("Sign in again").await;
    tab.sign_in(BOB).await;
    let bob = cookie(&tab).await;
    assert!(![stranger, ada, nobody].contains(&bob));
}

#[tokio::test]
async fn after_sign_out_the_back_button_shows_nothing_of_the_account() {
    let stage = Stage::set().await;
    let tab = stage.tab(DESK).await;
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.go("/logout").await;
    tab.go("/account/apps").await;
    tab.says("Ada Lovelace").await;
    tab.press("Sign out").await;
    tab.says("You are signed out").await;
    for _ in 0..2 {
        tab.back().await;
        let shown = tab.text().await;
        assert!(!shown.contains("Ada") && shown.contains("Sign in"), "{shown}");
    }
}

/// A page of hers that another tab still shows can do nothing for whoever is signed in now (check L20).
#[tokio::test]
async fn a_page_left_open_by_one_person_does_nothing_for_the_next() {
    let stage = Stage::set().await;
    let (shop, hers) = (stage.shop(), stage.tab(DESK).await);
    hers.go(&shop.authorize_path(&[])).await;
    hers.sign_in(ADA).await;
    hers.says("Allow Shop").await;
    let his = stage.tab(DESK).await;
    his.go("/account/apps").await;
    his.press("Sign out").await;
    his.press("Sign in again").await;
    his.sign_in(BOB).await;
    hers.come_forward().await;
    hers.press_expecting(403, "Allow").await;
    assert!(stage.elsewhere.heard().is_empty(), "nobody was sent anywhere");
    his.come_forward().await;
    his.go("/account/apps").await;
    his.says("No app is connected").await;
}
