//! Without a mouse.

use thirtyfour::Key;

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, PASSWORD};
use crate::tab::Tab;

/// What has the focus: its name, and whether one sees that it has: it looks otherwise than without, and lies in view
/// with nothing over it. `null` where nothing has it.
const FOCUSED: &str = "
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const look = () => { const style = getComputedStyle(element);
        return [style.outlineStyle, style.outlineWidth, style.boxShadow].join(); };
    const [label] = element.labels || [];
    const name = (label || element).innerText.replace(/\\s+/g, ' ').trim();
    const focused = look();
    element.blur();
    const resting = look();
    element.focus({ focusVisible: true, preventScroll: true });
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return [name, focused !== resting, element.contains(top)];";

/// All that can have the focus, in the order of the page.
const FOCUSABLE: &str = "
    const all = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]');
    return [...all].map(element => ((element.labels || [])[0] || element).innerText.replace(/\\s+/g, ' ').trim());";

async fn press(tab: &Tab<'_>, key: Key) {
    tab.driver().action_chain().send_keys(key).perform().await.expect("a key");
}

async fn focused(tab: &Tab<'_>) -> Option<(String, bool, bool)> {
    tab.tell(FOCUSED).await
}

/// Presses Tab until all of the page has had the focus, and asserts that it goes round in the order of the page,
/// visibly, and is trapped nowhere.
async fn walk_round(tab: &Tab<'_>) {
    let all: Vec<String> = tab.tell(FOCUSABLE).await;
    assert!(!all.is_empty(), "nothing to press on {}", tab.text().await);
    // From wherever the page put the focus to its end; there nothing has it.
    let mut steps = 0;
    while focused(tab).await.is_some() {
        assert!(steps <= all.len(), "the focus never comes to the end of {all:?}");
        steps += 1;
        press(tab, Key::Tab).await;
    }
    let mut walked = Vec::new();
    for _ in &all {
        press(tab, Key::Tab).await;
        let (name, differs, in_view) = focused(tab).await.unwrap_or_else(|| panic!("lost after {walked:?}"));
        assert!(differs, "one does not see that {name:?} has the focus");
        assert!(in_view, "{name:?} has the focus and is out of sight");
        walked.push(name);
    }
    assert_eq!(walked, all);
    press(tab, Key::Tab).await;
    assert_eq!(focused(tab).await, None, "after the last, the focus leaves the page");
}

/// Presses Tab until this has the focus.
async fn reach(tab: &Tab<'_>, name: &str) {
    for _ in 0..20 {
        if focused(tab).await.is_some_and(|(own, ..)| own == name) {
            return;
        }
        press(tab, Key::Tab).await;
    }
    panic!("{name:?} is not reached on\n{}", tab.text().await);
}

/// Goes to what has this name and presses a key there, which leads to another page.
async fn go_by(tab: &Tab<'_>, name: &str, key: Key) {
    reach(tab, name).await;
    tab.leave(tab.driver().action_chain().send_keys(key).perform()).await;
    tab.check(200).await;
}

#[tokio::test]
async fn the_whole_journey_is_done_by_keyboard_alone() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[("scope", "orders:read orders:write")])).await;
    let keys = tab.driver().action_chain();
    let typed = keys.send_keys(ADA.identifier).send_keys(Key::Tab).send_keys(PASSWORD);
    tab.leave(typed.send_keys(Key::Enter).perform()).await;
    tab.check(200).await;

    reach(&tab, "Place and change orders for you Optional").await;
    press(&tab, Key::Space).await;
    go_by(&tab, "Allow", Key::Enter).await;
    let answer = shop.redeem(&stage.app, &stage.elsewhere.told()["code"]).await;
    assert_eq!(answer.text("scope"), "orders:read", "what she unticked is not given");

    tab.go("/account/apps").await;
    go_by(&tab, "Disconnect Shop", Key::Space).await;
    tab.says("The app is disconnected.").await;
    go_by(&tab, "Sign out", Key::Enter).await;
    go_by(&tab, "Sign in again", Key::Enter).await;
    tab.says("Email or username").await;
}

#[tokio::test]
async fn the_focus_is_seen_goes_in_order_and_is_trapped_nowhere() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[("scope", "orders:read orders:write people:read")])).await;
    walk_round(&tab).await;
    tab.sign_in(ADA).await;
    walk_round(&tab).await;
    tab.press("Allow").await;
    for path in ["/account/apps", "/logout"] {
        tab.go(path).await;
        walk_round(&tab).await;
    }
}
