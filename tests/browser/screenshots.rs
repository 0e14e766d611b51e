//! Pictures of the main pages, for the README and for whoever changes a style. They come to `target/screenshots`;
//! `make screenshots` copies them into the documentation. A new page is a line of `PAGES`.

use std::path::{Path, PathBuf};

use chrono::Duration;
use grantor::clients::registration::Registration;
use grantor::kernel::{ScopeToken, ServiceId};
use grantor::services::{Service, ServiceScope, store};
use serde_json::json;
use uuid::Uuid;

use crate::look::{DESK, Look};
use crate::stage::Stage;
use crate::support::{ADA, TestClient};
use crate::tab::Tab;

/// The phone of the pictures.
const PHONE: Look = Look { width: 390, height: 844, ..DESK };

/// What is photographed: the name of its picture, and where it is. The first is seen before anybody signs in.
const PAGES: [(&str, Where); 4] = [
    ("sign-in", Where::Asked),
    ("consent", Where::Asked),
    ("connected-apps", Where::Path("/account/apps")),
    ("error", Where::Lost("/oauth/authorize?client_id=unknown")),
];

enum Where {
    /// Where an app that asks leads.
    Asked,
    Path(&'static str),
    /// A page that is an error.
    Lost(&'static str),
}

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
    for (page, place) in PAGES {
        match place {
            Where::Asked if page == "sign-in" => tab.go(&asked(asking)).await,
            Where::Asked => {
                tab.go(&asked(asking)).await;
                tab.sign_in(ADA).await;
            }
            Where::Path(path) => tab.go(path).await,
            Where::Lost(path) => tab.go_expecting(400, path).await,
        }
        take(&tab, &folder().join(format!("{page}-{suffix}.png"))).await;
    }
}

async fn take(tab: &Tab<'_>, file: &Path) {
    // What differs from run to run, and the caret that blinks.
    let steady = "for (const code of document.querySelectorAll('code'))
                      code.textContent = '019a5f2c-7b3e-7c41-9d0a-2f6e8b1c4a57';
                  document.activeElement.blur(); return null";
    tab.tell::<()>(steady).await;
    tab.driver().screenshot(file).await.expect("a picture");
    let bytes = std::fs::read(file).expect("the picture");
    // Width and height stand at a fixed place of every PNG (its IHDR).
    let at = |from: usize| u32::from_be_bytes(bytes[from..from + 4].try_into().expect("four bytes"));
    assert_eq!((at(16), at(20)), (tab.look.width, tab.look.height), "{}", file.display());
    assert!(bytes.len() < 80_000, "{} has {} bytes", file.display(), bytes.len());
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for the pictures");
    folder
}

fn asked(client: &TestClient) -> String {
    client.authorize_path(&[("scope", "invoices:read invoices:send customers:read")])
}

/// A company's server: services that people know, apps that they use, and one that asks to be let in.
async fn furnish(stage: &Stage) -> TestClient {
    let app = &stage.app;
    app.operator(|work| {
        for service in [invoices(), calendar()] {
            assert!(store::insert(work, &service)?);
        }
        Ok(Ok(()))
    });
    for (name, publisher, verified, scope, pause) in [
        ("Parcel Board", "Nordlicht Logistics", true, "orders:read", Duration::days(12)),
        ("Timesheets", "Kestrel Software", true, "calendar:read calendar:write", Duration::hours(3)),
    ] {
        let client = app.register(&registration(name, publisher, verified));
        let mut browser = app.browser();
        browser.sign_in(ADA).await;
        client.code_from(&mut browser, scope).await;
        app.advance(pause);
    }
    app.register(&registration("Ledgerly", "Ledgerly GmbH", true))
}

fn registration(name: &str, publisher: &str, verified: bool) -> Registration {
    Registration {
        name: name.into(),
        publisher: Some(publisher.into()),
        verified,
        scope: "orders:read calendar:read calendar:write invoices:read invoices:send customers:read".into(),
        redirect_uris: vec![format!("https://{}.example/callback", name.to_lowercase().replace(' ', "-"))],
        ..Registration::default()
    }
}

fn invoices() -> Service {
    let scopes = [
        ("invoices:read", "See your invoices and whether they are paid", false),
        ("invoices:send", "Send invoices in your name", true),
        ("customers:read", "See the names and addresses of your customers", false),
    ];
    service(11, "invoices", "Invoices", &scopes)
}

fn calendar() -> Service {
    let scopes = [
        ("calendar:read", "See your calendar", false),
        ("calendar:write", "Add and change events in your calendar", true),
    ];
    service(12, "calendar", "Calendar", &scopes)
}

fn service(id: u128, name: &str, shown: &str, scopes: &[(&str, &str, bool)]) -> Service {
    let scope = |(value, sentence, optional): &(&str, &str, bool)| ServiceScope {
        value: ScopeToken::parse(value).expect("a scope"),
        sentence: (*sentence).to_owned(),
        optional: *optional,
    };
    Service {
        id: ServiceId::from_uuid(Uuid::from_u128(id)),
        name: name.to_owned(),
        audience: format!("https://{name}.example"),
        display_name: shown.to_owned(),
        scopes: scopes.iter().map(scope).collect(),
    }
}
