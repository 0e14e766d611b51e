//! What pages of other origins can do with ours: nothing (checks A24, L09, N01). Two villains: one of another site,
//! to whom the browser gives no cookie with a form, and one at another port of our own host, to whom it does.

use std::fmt::Write as _;

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, BOB, PASSWORD};
use crate::tab::Tab;

/// What is in the frame of a page.
async fn framed(tab: &Tab<'_>) -> String {
    tab.driver().enter_frame(0).await.expect("the frame");
    let inside = tab.tell("return location.protocol + ' ' + document.body.innerText").await;
    tab.driver().enter_default_frame().await.expect("the page around it");
    inside
}

#[tokio::test]
async fn nobody_can_frame_our_pages() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.go(&shop.authorize_path(&[])).await;
    let consent = tab.address().await;
    stage.elsewhere.show("/harmless", "<h1>Harmless</h1>");
    for villain in [stage.elsewhere.far(), stage.elsewhere.near()] {
        let frame = async |target: &str| {
            stage
                .elsewhere
                .show("/around", &format!("<h1>Play</h1><iframe title=\"Game\" src=\"{target}\"></iframe>"));
            tab.go_unchecked(&format!("{villain}/around")).await;
            (framed(&tab).await, tab.complaints().await.join("\n"))
        };
        assert_eq!(frame("/harmless").await, ("http: Harmless".to_owned(), String::new()));
        for path in ["/login", "/logout", "/account/apps", "/nowhere", consent.as_str()] {
            let (inside, complaints) = frame(&format!("{}{path}", stage.app.address)).await;
            assert!(inside.starts_with("chrome-error:"), "{path} from {villain}: {inside}");
            assert!(complaints.contains("frame-ancestors"), "{path} from {villain}: {complaints}");
        }
    }
}

/// A page that sends this form, as it stands, to our server.
fn trap(target: &str, fields: &[(&str, &str)]) -> String {
    let mut form = format!("<h1>You have won</h1><form method=\"post\" action=\"{target}\">");
    for (name, value) in fields {
        let _ = write!(form, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    form + "<button>Collect</button></form>"
}

#[tokio::test]
async fn a_form_of_another_origin_is_refused_and_changes_nothing() {
    let stage = Stage::set().await;
    let (shop, api, tab) = (stage.shop(), stage.app.resource_server(), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[])).await;
    tab.sign_in(ADA).await;
    tab.press("Allow").await;
    let token = shop.redeem(&stage.app, &stage.elsewhere.told()["code"]).await.text("access_token");
    // The villain even knows the token of her forms, and of the request that waits for her.
    tab.go(&shop.authorize_path(&[("scope", "orders:write")])).await;
    let field = |name: &str| format!("return document.querySelector('[name={name}]').value");
    let (csrf, waiting): (String, String) =
        (tab.tell(&field("csrf")).await, tab.tell(&field("interaction")).await);
    let consent = tab.address().await;
    tab.go("/account/apps").await;
    let revoke: String =
        tab.tell("return document.querySelector('form[action$=revoke]').getAttribute('action')").await;

    let csrf = ("csrf", csrf.as_str());
    let forms: [(&str, Vec<(&str, &str)>); 5] = [
        ("/login", vec![csrf, ("identifier", BOB.identifier), ("password", PASSWORD)]),
        ("/logout", vec![csrf]),
        (
            "/oauth/consent",
            vec![csrf, ("interaction", &waiting), ("answer", "allow"), ("scope", "orders:write")],
        ),
        (&revoke, vec![csrf]),
        ("/account/sign-out-everywhere", vec![csrf]),
    ];
    let heard = stage.elsewhere.heard().len();
    for villain in [stage.elsewhere.far(), stage.elsewhere.near()] {
        for (number, (path, fields)) in forms.iter().enumerate() {
            let trapped = format!("/trap{number}");
            stage.elsewhere.show(&trapped, &trap(&format!("{}{path}", stage.app.address), fields));
            tab.go_unchecked(&format!("{villain}{trapped}")).await;
            tab.press_expecting(403, "Collect").await;
            tab.says("We could not be sure that this came from you").await;
        }
    }
    assert_eq!(stage.elsewhere.heard().len(), heard + 10, "only the traps themselves");
    assert!(stage.app.is_active(&api, &token).await);
    tab.go("/account/apps").await;
    tab.says("Ada Lovelace").await;
    tab.says("Shop").await;

    // On our own pages the same forms do what they say.
    tab.go(&consent).await;
    tab.press("Allow").await;
    tab.go("/account/apps").await;
    tab.press("Disconnect Shop").await;
    assert!(!stage.app.is_active(&api, &token).await);
}
