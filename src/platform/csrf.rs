//! Forms that came from our own page.
//!
//! The token is derived from the browser's cookie, so it needs no storage, works before sign-in too, and
//! changes whenever the cookie does. The Origin is checked beside it.

use actix_web::http::header::{HeaderMap, ORIGIN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::kernel::{Denial, PlainSecret};

/// The token of the forms shown to the browser that holds this cookie.
pub fn token(cookie: &PlainSecret) -> String {
    URL_SAFE_NO_PAD.encode(mac(cookie))
}

fn mac(cookie: &PlainSecret) -> [u8; 32] {
    // HMAC takes a key of any length; the fallback is unreachable and matches nothing a browser could hold.
    match Hmac::<Sha256>::new_from_slice(cookie.expose().as_bytes()) {
        Ok(mac) => mac.chain_update(b"grantor form").finalize().into_bytes().into(),
        Err(_) => [0; 32],
    }
}

/// Refuses a form without the token of this browser, or from another origin than `own`.
pub fn check(headers: &HeaderMap, own: &str, cookie: &PlainSecret, sent: Option<&str>) -> Result<(), Denial> {
    let sent = URL_SAFE_NO_PAD.decode(sent.unwrap_or_default()).map_err(|_| Denial::FormForeign)?;
    if !bool::from(mac(cookie).as_slice().ct_eq(&sent)) || !is_same_origin(headers, own) {
        return Err(Denial::FormForeign);
    }
    Ok(())
}

/// Browsers send `Origin` with every POST; a caller that sends neither header is no browser, and the token
/// alone decides.
fn is_same_origin(headers: &HeaderMap, own: &str) -> bool {
    match (headers.get(ORIGIN), headers.get("sec-fetch-site")) {
        (Some(origin), _) => origin.as_bytes() == own.as_bytes(),
        (None, Some(site)) => site == "same-origin" || site == "none",
        (None, None) => true,
    }
}

/// Whether the browser itself says that our own page sent this, form token or not.
pub fn says_own_origin(headers: &HeaderMap, own: &str) -> bool {
    headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == own.as_bytes())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const OWN: &str = "https://id.example";

    fn verdict(header: Option<(&'static str, &'static str)>, cookie: &str, sent: &str) -> Result<(), Denial> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&headers, OWN, &PlainSecret::new(cookie.into()), Some(sent))
    }

    #[test]
    fn a_form_needs_the_token_of_its_own_browser() {
        let mine = token(&PlainSecret::new("mine".into()));
        assert_eq!(verdict(None, "mine", &mine), Ok(()));
        assert_eq!(verdict(None, "other", &mine), Err(Denial::FormForeign));
        assert_eq!(verdict(None, "mine", "nonsense"), Err(Denial::FormForeign));
        assert_eq!(verdict(None, "mine", ""), Err(Denial::FormForeign));
    }

    #[test]
    fn a_form_must_come_from_our_own_origin() {
        let mine = token(&PlainSecret::new("mine".into()));
        assert_eq!(verdict(Some(("origin", OWN)), "mine", &mine), Ok(()));
        assert_eq!(verdict(Some(("sec-fetch-site", "same-origin")), "mine", &mine), Ok(()));
        for header in
            [("origin", "null"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
        {
            assert_eq!(verdict(Some(header), "mine", &mine), Err(Denial::FormForeign), "{header:?}");
        }
    }
}
