//! The main pages, in every pair of width, time of day, and with or without script.

use crate::look::{DESK, Look, PHONE};
use crate::stage::Stage;
use crate::support::ADA;
use crate::tab::Tab;

/// Every two of the three together, in each of their four ways, in as few looks as that takes.
const LOOKS: [Look; 4] = [
    Look { dark: false, script: true, ..PHONE },
    Look { dark: true, script: false, ..PHONE },
    Look { dark: true, script: true, ..DESK },
    Look { dark: false, script: false, ..DESK },
];

#[test]
fn every_pair_of_looks_is_there() {
    let pairs = |look: &Look| {
        let (phone, dark, script) = (look.is_phone(), look.dark, look.script);
        [("phone dark", phone, dark), ("phone script", phone, script), ("dark script", dark, script)]
    };
    let seen: std::collections::BTreeSet<_> = LOOKS.iter().flat_map(pairs).collect();
    assert_eq!(seen.len(), 12, "{seen:?}");
}

#[tokio::test]
async fn the_pages_are_for_everybody_on_a_phone_by_day() {
    main_pages(LOOKS[0]).await;
}

#[tokio::test]
async fn the_pages_are_for_everybody_on_a_phone_by_night_without_script() {
    main_pages(LOOKS[1]).await;
}

#[tokio::test]
async fn the_pages_are_for_everybody_in_a_window_by_night() {
    main_pages(LOOKS[2]).await;
}

#[tokio::test]
async fn the_pages_are_for_everybody_in_a_window_by_day_without_script() {
    main_pages(LOOKS[3]).await;
}

/// A name as long as a registration takes, without a place to break it.
const LONG: &str = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerksbauten";

/// From the first page to the last, each checked as it comes.
async fn main_pages(look: Look) {
    let stage = Stage::set().await;
    let (shop, long, tab) = (stage.shop(), stage.shop_named(LONG, LONG), stage.tab(look).await);
    is_as_it_looks(&tab).await;
    tab.go(&long.authorize_path(&[("scope", "orders:read orders:write people:read")])).await;
    tab.type_in(ADA.identifier, "wrong").await;
    tab.press_expecting(403, "Sign in").await;
    tab.sign_in(ADA).await;
    tab.says(LONG).await;
    tab.press("Allow").await;
    tab.go(&shop.authorize_path(&[])).await;
    tab.press("Switch account").await;
    tab.sign_in(ADA).await;
    tab.press("Allow").await;

    tab.go("/account/apps").await;
    tab.press(&format!("Disconnect {LONG}")).await;
    tab.press("Disconnect Shop").await;
    tab.says("No app is connected").await;
    for page in ["/account", "/account/tokens", "/account/password"] {
        tab.go(page).await;
    }
    for field in ["current", "new", "again"] {
        tab.find(field).await.send_keys("not her password").await.expect("text in a field");
    }
    tab.press_expecting(400, "Change password").await;
    for page in ["/docs", "/docs/orgs", "/docs/requests", "/docs/limits"] {
        tab.go(page).await;
    }
    tab.go("/logout").await;
    tab.press("Sign out").await;
    tab.says("You are signed out").await;
    tab.go_expecting(404, "/nowhere").await;
    tab.go_expecting(400, &shop.authorize_path(&[("client_id", "nobody")])).await;
}

/// That the browser really looks so: otherwise the four would be one.
async fn is_as_it_looks(tab: &Tab<'_>) {
    let page = "data:text/html,<html lang=en><title>x</title><script>document.title = 'script'</script>";
    tab.go_unchecked(page).await;
    let facts = "return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, document.title]";
    let (_, dark, title): (u32, bool, String) = tab.tell(facts).await;
    assert_eq!((dark, title == "script"), (tab.look.dark, tab.look.script));
    tab.go("/login").await;
    let (width, dark, _): (u32, bool, String) = tab.tell(facts).await;
    assert_eq!((width, dark), (tab.look.width, tab.look.dark));
}
