//! What strangers can have us say back runs nowhere and leads nowhere (checks A33, R27, U05, L11).

use grantor::platform::form::encode;

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, PASSWORD, eventually};
use crate::tab::Tab;

/// Would run in an element, in an attribute, or in an address, and would say so in a dialog and in the console.
const EVIL: &str =
    "\"'></title></script><script>alert(1)</script><img src=x onerror=alert(2)>javascript:alert(3)";

/// Asserts that nothing of it became part of the page. (That nothing ran, each check has seen in the console; that no
/// dialog opened, the next step of the driver.)
async fn is_mere_text(tab: &Tab<'_>) {
    let elements: usize =
        tab.tell("return document.querySelectorAll('script, [src=x], [onerror]').length").await;
    assert_eq!(elements, 0, "{}", tab.text().await);
}

#[tokio::test]
async fn what_is_typed_or_named_is_text_and_nothing_else() {
    let stage = Stage::set().await;
    let name = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let (shop, tab) = (stage.shop_named(name, name), stage.tab(DESK).await);
    tab.go(&shop.authorize_path(&[("state", EVIL), ("scope", "orders:read people:read")])).await;
    tab.says(name).await;
    is_mere_text(&tab).await;
    tab.type_in(EVIL, "wrong").await;
    tab.press_expecting(403, "Sign in").await;
    let kept: String = tab.tell("return document.getElementById('identifier').value").await;
    assert_eq!(kept, EVIL);
    is_mere_text(&tab).await;
    tab.sign_in(ADA).await;
    tab.says(name).await;
    is_mere_text(&tab).await;
    tab.press("Allow").await;
    assert_eq!(stage.elsewhere.told()["state"], EVIL, "byte for byte");
    tab.go("/account/apps").await;
    tab.says(name).await;
    is_mere_text(&tab).await;
}

#[tokio::test]
async fn what_stands_in_the_address_is_text_and_nothing_else() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    for name in ["client_id", "redirect_uri"] {
        tab.go_expecting(400, &shop.authorize_path(&[(name, EVIL)])).await;
        is_mere_text(&tab).await;
    }
    for path in ["/login", "/oauth/consent"] {
        tab.go_expecting(400, &format!("{path}?{}", encode(&[("interaction", EVIL)]))).await;
        is_mere_text(&tab).await;
    }
    tab.go_expecting(404, &format!("/{}", encode(&[(EVIL, EVIL)]))).await;
    is_mere_text(&tab).await;
    tab.go("/login").await;
    tab.sign_in(ADA).await;
    tab.go(&format!("/account/apps?{}", encode(&[("done", EVIL)]))).await;
    is_mere_text(&tab).await;
    // A scope that cannot be one is told to the app.
    tab.go(&shop.authorize_path(&[("scope", EVIL)])).await;
    assert_eq!(stage.elsewhere.told()["error"], "invalid_scope");
}

#[tokio::test]
async fn no_parameter_leads_from_sign_in_to_another_site() {
    let stage = Stage::set().await;
    let tab = stage.tab(DESK).await;
    let far = stage.elsewhere.far();
    let bare = far.trim_start_matches("http:");
    let leads = [far.as_str(), bare, &bare.replace("//", "/\\")];
    let names =
        ["next", "return_to", "redirect", "redirect_uri", "url", "continue", "post_logout_redirect_uri"];
    for lead in leads {
        let query = encode(&names.map(|name| (name, lead)));
        tab.go(&format!("/login?{query}")).await;
        tab.type_in(ADA.identifier, PASSWORD).await;
        tab.press("Sign in").await;
        let address = tab.address().await;
        assert!(address.starts_with("/account"), "{address}");
        tab.go(&format!("/logout?{query}")).await;
        tab.press("Sign out").await;
        assert_eq!(tab.address().await, "/logout");
    }
    assert!(stage.elsewhere.heard().is_empty(), "{:?}", stage.elsewhere.heard());
}

/// Even whoever could change a page could not have its form sent away: the policy's `form-action`. While an app asks,
/// the forms may lead to that app's origin, since the redirect back to it follows them, and to no other.
#[tokio::test]
async fn a_form_cannot_be_made_to_leave() {
    let stage = Stage::set().await;
    let (shop, tab) = (stage.shop(), stage.tab(DESK).await);
    let (app, other) = (stage.elsewhere.far(), stage.elsewhere.near());
    stage.elsewhere.show("/loot", "<h1>Loot</h1>");
    tab.go("/login").await;
    is_kept_from(&tab, "/login", &app).await;
    is_kept_from(&tab, "/login", &other).await;
    tab.go(&shop.authorize_path(&[])).await;
    is_kept_from(&tab, "/login", &other).await;
    tab.sign_in(ADA).await;
    is_kept_from(&tab, "/oauth/consent", &other).await;
    tab.press("Allow").await;
    tab.go("/account/apps").await;
    is_kept_from(&tab, "/logout", &app).await;
    let heard: Vec<String> = stage.elsewhere.heard().iter().map(|url| url.path().to_owned()).collect();
    assert_eq!(heard, ["/callback"]);
}

/// Has the form go elsewhere, as an injected script would, and asserts that the browser refuses.
async fn is_kept_from(tab: &Tab<'_>, form: &str, site: &str) {
    let send = format!(
        "const form = document.querySelector('form[action=\"{form}\"]');
         form.action = '{site}/loot'; form.submit(); form.setAttribute('action', '{form}');
         return null"
    );
    tab.tell::<()>(&send).await;
    eventually("refused the form", || async {
        tab.complaints().await.iter().any(|complaint| complaint.contains("form-action"))
    })
    .await;
    tab.check(200).await;
}
