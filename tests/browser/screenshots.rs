//! Pictures of the main pages, for the README and for whoever changes a style. They come to `target/screenshots`, and
//! `make screenshots` copies them to `docs/screenshots`.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::look::{DESK, Look};
use crate::showcase::{asked, furnish};
use crate::stage::Stage;
use crate::support::{ADA, TestClient};
use crate::tab::Tab;

/// The phone of the pictures.
const PHONE: Look = Look { width: 390, height: 844, ..DESK };

/// A picture: its name; its page, or none for the page to which an app that asks leads; and the page's status.
type Picture = (&'static str, Option<&'static str>, u16);

/// What a stranger sees.
const OUTSIDE: [Picture; 2] =
    [("sign-in", None, 200), ("error", Some("/oauth/authorize?client_id=unknown"), 400)];

/// What somebody sees who is signed in.
const INSIDE: [Picture; 5] = [
    ("consent", None, 200),
    ("connected-apps", Some("/account/apps"), 200),
    ("personal-tokens", Some("/account/tokens"), 200),
    ("account", Some("/account"), 200),
    ("password", Some("/account/password"), 200),
];

/// More bytes than this do not belong into a repository.
const MOST: usize = 100_000;

#[tokio::test]
async fn the_main_pages_have_their_pictures_taken() {
    let stage = Stage::set().await;
    let asking = furnish(&stage).await;
    for (name, look) in [("desktop", DESK), ("phone", PHONE)] {
        for (time, dark) in [("light", false), ("dark", true)] {
            take_all(&stage, &asking, &format!("{name}-{time}"), Look { dark, ..look }).await;
        }
    }
}

async fn take_all(stage: &Stage, asking: &TestClient, suffix: &str, look: Look) {
    let tab = stage.tab(look).await;
    tab.cdp("Network.clearBrowserCookies", json!({})).await;
    tab.cdp("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
    let take = async |(name, page, status): Picture| {
        let page = page.map_or_else(|| asked(asking), str::to_owned);
        tab.go_expecting(status, &page).await;
        picture(&tab, &folder().join(format!("{name}-{suffix}.png"))).await;
    };
    for outside in OUTSIDE {
        take(outside).await;
    }
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    for inside in INSIDE {
        take(inside).await;
    }
}

async fn picture(tab: &Tab<'_>, file: &Path) {
    // What differs from run to run: the number of a request, and the caret, which blinks. And a machine without a
    // desktop has no `system-ui`; the font after it in the stylesheet that is likely here looks as on most desktops.
    let steady = "document.body.style.fontFamily = 'Liberation Sans, Arial, sans-serif';
                  for (const code of document.querySelectorAll('code'))
                      code.textContent = '019a5f2c-7b3e-7c41-9d0a-2f6e8b1c4a57';
                  document.activeElement.blur(); return null";
    tab.tell::<()>(steady).await;
    tab.driver().screenshot(file).await.expect("a picture");
    let bytes = std::fs::read(file).expect("the picture");
    // Every PNG says its width and height at these places (its first chunk, IHDR).
    let at = |from: usize| u32::from_be_bytes(bytes[from..from + 4].try_into().expect("four bytes"));
    assert_eq!((at(16), at(20)), (tab.look.width, tab.look.height), "{}", file.display());
    assert!(bytes.len() < MOST, "{} has {} bytes", file.display(), bytes.len());
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for the pictures");
    folder
}
