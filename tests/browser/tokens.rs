//! The page of personal tokens: made, shown once, used, taken back.

use crate::look::{DESK, Look, PHONE};
use crate::stage::Stage;
use crate::support::ADA;
use crate::tab::Tab;

#[tokio::test]
async fn a_person_makes_and_revokes_a_token_on_a_phone_by_night() {
    made_and_revoked(Look { dark: true, ..PHONE }).await;
}

#[tokio::test]
async fn a_person_makes_and_revokes_a_token_in_a_window_by_day() {
    made_and_revoked(DESK).await;
}

async fn made_and_revoked(look: Look) {
    let stage = Stage::set().await;
    let tab = stage.tab(look).await;
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.press("Tokens").await;
    name_it(&tab, "Backup script").await;
    tab.press_expecting(400, "Make token").await;
    tab.says("Tick at least one thing that it may do.").await;
    tick(&tab).await;
    tab.press("Make token").await;
    tab.says("it is not shown again").await;
    let shown: String = tab.tell("return document.querySelector('.shown code').textContent").await;
    assert!(shown.starts_with("gap_") && shown.len() == 40);
    tab.says("Backup script").await;
    tab.says("Read your orders").await;

    // The same name again is told at its field.
    name_it(&tab, "Backup script").await;
    tick(&tab).await;
    tab.press_expecting(400, "Make token").await;
    let focused: Vec<String> = tab
        .tell("const at = document.activeElement; return [at.id, at.getAttribute('aria-describedby')]")
        .await;
    assert_eq!(focused, ["name", "problem"]);
    tab.press("Revoke Backup script").await;
    tab.says("The token is revoked.").await;
    assert!(!tab.text().await.contains("Backup script"));
}

async fn name_it(tab: &Tab<'_>, name: &str) {
    let field = tab.find("name").await;
    field.clear().await.expect("an empty field");
    field.send_keys(name).await.expect("text in a field");
}

/// Ticks the first thing that a token may do.
async fn tick(tab: &Tab<'_>) {
    tab.tell::<()>("document.querySelector('input[name=scope]').click(); return null").await;
}
