//! What a page weighs.

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::ADA;
use crate::tab::Tab;

/// The most a page may weigh with all that it brings along. The bound is for gzip; the pages keep it without.
const MOST: usize = 60_000;

/// All that the browser fetched for the page: names, and bytes as they were sent. An icon is not noted, so it is
/// added by its link.
const FETCHED: &str = "
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const fetched = entries.map(entry => entry.name);
    return [...new Set([...fetched, ...[...document.querySelectorAll('link[rel~=icon]')].map(icon => icon.href)])];";

#[tokio::test]
async fn every_page_weighs_less_than_sixty_kilobytes_with_its_assets() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[("scope", "orders:read orders:write people:read")])).await;
    is_light(&stage, &tab).await;
    tab.sign_in(ADA).await;
    is_light(&stage, &tab).await;
    tab.press("Allow").await;
    for path in [
        "/account",
        "/account/apps",
        "/account/tokens",
        "/account/password",
        "/docs",
        "/docs/keys",
        "/logout",
    ] {
        tab.go(path).await;
        is_light(&stage, &tab).await;
    }
    tab.go_expecting(404, "/nowhere").await;
    is_light(&stage, &tab).await;
}

async fn is_light(stage: &Stage, tab: &Tab<'_>) {
    let page: String = tab.tell("return document.documentElement.outerHTML").await;
    let fetched: Vec<String> = tab.tell(FETCHED).await;
    let (own, assets) = fetched.split_first().expect("the page itself");
    assert!(assets.iter().any(|asset| asset.ends_with("/static/grantor.css")), "{fetched:?}");
    let mut weight = page.len();
    for asset in assets {
        let path = asset.strip_prefix(&stage.app.address).unwrap_or_else(|| panic!("{asset} is not ours"));
        let answer = stage.app.get(path).await;
        answer.is_ok();
        weight += answer.body.len();
    }
    assert!(weight < MOST, "{own} weighs {weight} bytes with {assets:?}");
}
