//! The account page: another name, another password, and signing other browsers out.

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, Browser, PASSWORD, Person};
use crate::tab::Tab;

const NEW: &str = "a new and better one";

/// A browser of hers on another device.
async fn phone(stage: &Stage, person: Person) -> Browser<'_> {
    let mut phone = stage.app.browser();
    phone.user_agent = "Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0";
    phone.sign_in(person).await;
    phone
}

/// Types into the fields of the password page, in place of what is there.
async fn type_passwords(tab: &Tab<'_>, current: &str, new: &str, again: &str) {
    for (id, text) in [("current", current), ("new", new), ("again", again)] {
        let field = tab.find(id).await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("text in a field");
    }
}

/// Which field has the focus, whether it is marked as wrong, and what describes it.
const FOCUSED: &str = "
    const field = document.activeElement;
    const words = (field.getAttribute('aria-describedby') || '').split(' ').map(id => document.getElementById(id));
    return [field.id, field.getAttribute('aria-invalid'), words.map(one => one ? one.innerText : '').join(' ')];";

async fn is_told_at(tab: &Tab<'_>, field: &str, words: &str) {
    let (id, invalid, told): (String, Option<String>, String) = tab.tell(FOCUSED).await;
    assert_eq!((id.as_str(), invalid.as_deref()), (field, Some("true")), "{told}");
    assert!(told.contains(words), "{told}");
    let title: String = tab.tell("return document.title").await;
    assert!(title.starts_with("Error: "), "{title}");
}

#[tokio::test]
async fn a_person_takes_another_name_and_is_told_at_the_field_what_is_none() {
    let stage = Stage::set().await;
    let tab = stage.tab(DESK).await;
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.press("Account").await;
    for (name, status) in [("Ada King", 200), ("x".repeat(81).as_str(), 400)] {
        let field = tab.find("name").await;
        field.clear().await.expect("an empty field");
        field.send_keys(name).await.expect("text in a field");
        tab.press_expecting(status, "Save name").await;
        tab.says(if status == 200 { "Your name is changed." } else { "Ada King" }).await;
    }
    is_told_at(&tab, "name", "A name has at most 80 characters.").await;
}

#[tokio::test]
async fn another_browser_is_signed_out_from_this_one() {
    let stage = Stage::set().await;
    let mut phone = phone(&stage, ADA).await;
    let tab = stage.tab(DESK).await;
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.go("/account").await;
    tab.says("Firefox on Android").await;
    tab.press("Sign out: Firefox on Android, last seen just now").await;
    tab.says("That browser is signed out.").await;
    assert!(phone.get("/account").await.is_login());
    assert!(!tab.text().await.contains("Firefox on Android"));
    tab.press("Sign out everywhere").await;
    tab.says("You are signed out everywhere").await;
}

#[tokio::test]
async fn a_password_is_changed_here_and_every_other_browser_is_signed_out() {
    let stage = Stage::set().await;
    let mut phone = phone(&stage, ADA).await;
    let tab = stage.tab(DESK).await;
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.go("/account").await;
    tab.press("Change password").await;
    for (current, new, again, status, field, words) in [
        ("not this", NEW, NEW, 403, "current", "This is not your current password."),
        (PASSWORD, "short", "short", 400, "new", "needs at least 10 characters."),
        (PASSWORD, NEW, "a new and better two", 400, "again", "The two new passwords differ."),
    ] {
        type_passwords(&tab, current, new, again).await;
        tab.press_expecting(status, "Change password").await;
        is_told_at(&tab, field, words).await;
    }
    type_passwords(&tab, PASSWORD, NEW, NEW).await;
    tab.press("Change password").await;
    tab.says("Your password is changed.").await;
    tab.says("This browser").await;
    assert!(phone.get("/account").await.is_login());
}
