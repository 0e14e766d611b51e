//! The demo, clicked through as somebody does who has just cloned it.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::chromium::Chromium;
use crate::look::{DESK, Look, PHONE};
use crate::support::Demo;
use crate::tab::Tab;

#[tokio::test]
async fn the_demo_shows_what_it_is_all_about() {
    let mut demo = Demo::start();
    let chromium = Chromium::start().await;
    // The app's pages are checked as ours are.
    for look in [DESK, Look { dark: true, ..PHONE }] {
        click_through(&demo.said, &Tab::open(&chromium, "http://nowhere.invalid", look).await).await;
    }
    demo.signal(Signal::SIGTERM);
    assert_eq!(demo.end().code, Some(0));
}

async fn click_through(told: &Value, tab: &Tab<'_>) {
    let text = |pointer: &str| told.pointer(pointer).and_then(Value::as_str).expect("a text");
    let (app, apps) = (text("/app"), format!("{}/account/apps", text("/issuer")));
    tab.go(app).await;
    tab.press("Connect with Grantor").await;
    if tab.text().await.contains("Password") {
        for (id, words) in [("identifier", text("/user/identifier")), ("password", text("/user/password"))] {
            tab.find(id).await.send_keys(words).await.expect("text in a field");
        }
        tab.press("Sign in").await;
    }
    tab.says("Allow Parcel to use your account?").await;
    tab.press("Allow").await;
    tab.says("Parcel is connected").await;
    tab.press("Look at my orders").await;
    tab.press("Refresh").await;
    tab.says("Refreshed").await;

    tab.go(&apps).await;
    tab.press("Disconnect Parcel").await;
    tab.says("The app is disconnected.").await;
    tab.go(app).await;
    tab.press("Look at my orders").await;
    tab.says("Grantor no longer lets us act for you").await;
}
