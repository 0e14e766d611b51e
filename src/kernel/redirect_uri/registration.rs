//! What may be registered as a redirect URI, one rule after the other.
//!
//! Strict on purpose: a URI that two programs could read differently is refused, since the comparison at the
//! authorize endpoint is textual while the browser's reading is not.

use thiserror::Error;
use url::{Url, form_urlencoded};

use super::Parts;
use crate::kernel::authority::Authority;

const MAX_BYTES: usize = 2048;

/// Parameters that we append ourselves (RFC 6749 §4.1.2, RFC 9207 §2): two of one name, and the client picks.
const RESERVED: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// Why a URI may not be registered, in words for the person registering it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RedirectUriProblem {
    /// Longer than a browser reliably follows.
    #[error("redirect URI is longer than 2048 bytes")]
    TooLong,
    /// Outside what RFC 3986 §2 allows unencoded, a broken `%XX`, or an encoded control character.
    #[error("redirect URI has a character that must not be there, such as a space, a backslash or a stray %")]
    BadCharacter,
    /// `*` anywhere: we match exactly (RFC 9700 §4.1.3).
    #[error("redirect URI must not have a wildcard; register each URI in full")]
    Wildcard,
    /// RFC 6749 §3.1.2: "MUST NOT include a fragment component".
    #[error("redirect URI must not have a fragment")]
    Fragment,
    /// RFC 6749 §3.1.2: "MUST be an absolute URI".
    #[error("redirect URI must be absolute, such as https://app.example/callback")]
    NotAbsolute,
    /// Neither https nor http on this device nor a private-use scheme (`javascript:`, `data:`, `myapp:` …).
    #[error("redirect URI must be https, http on loopback, or an app's own scheme such as com.example.app:")]
    ForbiddenScheme,
    /// http to another machine (RFC 9700 §2.6).
    #[error("redirect URI must be https, unless it is on 127.0.0.1, [::1] or localhost")]
    PlainHttp,
    /// Nothing after the scheme, or no host.
    #[error("redirect URI has no host")]
    MissingHost,
    /// `user@` before the host.
    #[error("redirect URI must not have a user name before the host")]
    UserInfo,
    /// A scheme, host or port that a browser would rewrite.
    #[error(
        "redirect URI's scheme, host or port would be rewritten; register it as clients send it, in lower case"
    )]
    NotCanonical,
    /// `.` or `..`, or an encoded dot, slash or backslash in the path.
    #[error("redirect URI's path must not have dot segments or an encoded dot, slash or backslash")]
    DotSegment,
    /// One of the parameters that the answer carries.
    #[error("redirect URI must not have a parameter that the answer uses: code, state, iss or error…")]
    ReservedParameter,
}

/// The rules in order: first the text, then the parts.
pub(super) fn check(text: &str) -> Result<(), RedirectUriProblem> {
    use RedirectUriProblem as No;
    if text.len() > MAX_BYTES {
        return Err(No::TooLong);
    }
    let unsafe_byte = |b: u8| !b.is_ascii_graphic() || br#"\"<>^`{|}"#.contains(&b);
    if text.bytes().any(unsafe_byte) || !is_well_encoded(text) {
        return Err(No::BadCharacter);
    }
    if text.contains('*') {
        return Err(No::Wildcard);
    }
    if text.contains('#') {
        return Err(No::Fragment);
    }
    let parts = Parts::split(text);
    check_scheme(parts.scheme)?;
    if parts.authority.contains('@') {
        return Err(No::UserInfo);
    }
    let url = Url::parse(text).map_err(|_| No::NotCanonical);
    if parts.is_web() {
        check_web(&parts, url)?;
    } else if parts.rest.is_empty() {
        return Err(No::MissingHost);
    } else {
        url?;
    }
    if has_dot_segment(parts.path) {
        return Err(No::DotSegment);
    }
    let reserved = |name: &str| RESERVED.contains(&name);
    if form_urlencoded::parse(parts.query.as_bytes()).any(|(name, _)| reserved(&name)) {
        return Err(No::ReservedParameter);
    }
    Ok(())
}

/// https, http, or a reversed domain name (RFC 8252 §7.1: "based on a domain name under their control").
///
/// The dot is what keeps out `javascript:`, `data:`, `file:`, `ws:` and every scheme yet to be invented.
fn check_scheme(scheme: &str) -> Result<(), RedirectUriProblem> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
        return Err(RedirectUriProblem::NotAbsolute);
    }
    let lower = scheme.to_ascii_lowercase();
    let private_use = lower.contains('.') && lower.split('.').all(|label| !label.is_empty());
    if !private_use && lower != "https" && lower != "http" {
        return Err(RedirectUriProblem::ForbiddenScheme);
    }
    if scheme == lower { Ok(()) } else { Err(RedirectUriProblem::NotCanonical) }
}

/// A host that browsers read as it is written, and over plain http only this device.
fn check_web(parts: &Parts<'_>, url: Result<Url, RedirectUriProblem>) -> Result<(), RedirectUriProblem> {
    let host: Authority<'_> = parts.host();
    if host.host.is_empty() {
        return Err(RedirectUriProblem::MissingHost);
    }
    let url = url?;
    // An explicit default port may stay: it is textually different, yet no browser reads it otherwise.
    let port_as_written = host
        .port
        .is_none_or(|port| url.port_or_known_default().is_some_and(|p| p != 0 && p.to_string() == port));
    if !host.has_plain_host() || url.host_str() != Some(host.host) || !port_as_written {
        return Err(RedirectUriProblem::NotCanonical);
    }
    if parts.scheme == "http" && !host.is_loopback() {
        return Err(RedirectUriProblem::PlainHttp);
    }
    Ok(())
}

/// Every `%` starts a `%XX` (RFC 3986 §2.1) that is not a control character.
fn is_well_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let hex = after.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).is_some_and(|byte| !byte.is_ascii_control())
    })
}

fn has_dot_segment(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    // Some servers drop `;parameters` before they resolve dots, so `..;` counts as `..`.
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    lower.split('/').any(dots) || ["%2e", "%2f", "%5c"].iter().any(|code| lower.contains(code))
}

#[cfg(test)]
mod tests {
    use super::RedirectUriProblem as No;
    use crate::kernel::redirect_uri::RedirectUri;
    use proptest::prelude::*;

    #[test]
    fn what_clients_register_is_accepted_as_sent() {
        for good in [
            "https://rp.example/cb",
            "https://rp.example",
            "https://rp.example:8443/cb?x=1&y=a%20b",
            "https://rp.example:443/cb",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:8080/cb",
            "http://[::1]:1/cb",
            "http://localhost:3000/cb",
            "https://xn--bcher-kva.example/cb",
            "https://[2001:db8::1]/cb",
            "com.example.app:/cb",
            "com.example.app://cb",
            "com.example.app:cb",
            "https://rp.example/a.b/..c/%C3%A9;v=1",
            "https://10.0.0.1/cb",
        ] {
            assert_eq!(RedirectUri::register(good).map(|uri| uri.as_str().to_owned()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn r10_to_r26_what_must_not_be_registered() {
        let long = format!("https://rp.example/{}", "x".repeat(2048));
        for (bad, why) in [
            (long.as_str(), No::TooLong),
            ("https://rp.example/ cb", No::BadCharacter),
            (" https://rp.example/cb", No::BadCharacter),
            ("https://rp.example/cb\r\nx", No::BadCharacter),
            ("https://rp.example/\tcb", No::BadCharacter),
            ("https://rp.example\\@evil.example/cb", No::BadCharacter),
            ("https://rp.example/%0d%0aSet-Cookie:x", No::BadCharacter),
            ("https://rp.example/%00", No::BadCharacter),
            ("https://rp.example/%zz", No::BadCharacter),
            ("https://rp．example/cb", No::BadCharacter),
            ("https://bücher.example/", No::BadCharacter),
            ("https://rp.example/<x>", No::BadCharacter),
            ("https://*.rp.example/", No::Wildcard),
            ("*", No::Wildcard),
            ("https://rp.example/cb#", No::Fragment),
            ("https://rp.example/cb#x", No::Fragment),
            ("//rp.example/cb", No::NotAbsolute),
            ("/cb", No::NotAbsolute),
            ("cb", No::NotAbsolute),
            ("", No::NotAbsolute),
            ("javascript:alert(1)", No::ForbiddenScheme),
            ("JaVaScRiPt:alert(1)", No::ForbiddenScheme),
            ("data:text/html,x", No::ForbiddenScheme),
            ("vbscript:x", No::ForbiddenScheme),
            ("file:///etc", No::ForbiddenScheme),
            ("blob:https://rp.example/x", No::ForbiddenScheme),
            ("about:blank", No::ForbiddenScheme),
            ("ftp://rp.example/", No::ForbiddenScheme),
            ("ws://rp.example/", No::ForbiddenScheme),
            ("wss://rp.example/", No::ForbiddenScheme),
            ("myapp:/cb", No::ForbiddenScheme),
            ("view-source:x", No::ForbiddenScheme),
            ("app.:/cb", No::ForbiddenScheme),
            ("http://rp.example/cb", No::PlainHttp),
            ("http://127.0.0.2/cb", No::PlainHttp),
            ("http://localhost.evil/cb", No::PlainHttp),
            ("https:///cb", No::MissingHost),
            ("https:/rp.example/cb", No::MissingHost),
            ("https:rp.example", No::MissingHost),
            ("https:", No::MissingHost),
            ("com.example.app:", No::MissingHost),
            ("https://:8443/cb", No::MissingHost),
            ("https://u@rp.example/cb", No::UserInfo),
            ("https://u:p@rp.example/", No::UserInfo),
            ("com.example.app://u@x/", No::UserInfo),
            ("https://RP.example/cb", No::NotCanonical),
            ("HTTPS://rp.example/cb", No::NotCanonical),
            ("Com.example.app:/cb", No::NotCanonical),
            ("http://127.1/cb", No::NotCanonical),
            ("http://0x7f.1/cb", No::NotCanonical),
            ("http://2130706433/", No::NotCanonical),
            ("http://[0:0:0:0:0:0:0:1]/cb", No::NotCanonical),
            ("https://rp%2eexample/cb", No::NotCanonical),
            ("https://rp.example:/cb", No::NotCanonical),
            ("https://rp.example:0443/cb", No::NotCanonical),
            ("https://rp.example:0/cb", No::NotCanonical),
            ("https://rp.example:99999/cb", No::NotCanonical),
            ("https://rp.example;script-src/cb", No::NotCanonical),
            ("https://a,b/cb", No::NotCanonical),
            ("https://rp.example/cb/../evil", No::DotSegment),
            ("https://rp.example/./cb", No::DotSegment),
            ("https://rp.example/..", No::DotSegment),
            ("https://rp.example/cb/..;/evil", No::DotSegment),
            ("https://rp.example/%2E%2e/x", No::DotSegment),
            ("https://rp.example/cb%2f", No::DotSegment),
            ("https://rp.example/%5Cx", No::DotSegment),
            ("com.example.app:/../x", No::DotSegment),
            ("https://rp.example/cb?code=evil", No::ReservedParameter),
            ("https://rp.example/cb?x=1&state=s", No::ReservedParameter),
            ("https://rp.example/cb?%63ode=evil", No::ReservedParameter),
            ("https://rp.example?iss", No::ReservedParameter),
            ("com.example.app:/cb?error=x", No::ReservedParameter),
            ("https://rp.example/cb?error_uri=", No::ReservedParameter),
        ] {
            assert_eq!(RedirectUri::register(bad), Err(why), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_registered_is_read_alike_by_a_browser(
            text in "(https|http|com\\.app|HTTPS|ws)://[a-z0-9.@:\\[\\];,'A%*-]{0,14}[/?#;.%a-z0-9=&\\\\]{0,14}",
        ) {
            if let Ok(uri) = RedirectUri::register(&text) {
                let read = url::Url::parse(&text).unwrap();
                prop_assert_eq!(text.split("://").next(), Some(read.scheme()));
                prop_assert!(read.username().is_empty() && read.fragment().is_none());
                if !uri.is_custom_scheme() {
                    let host = read.host_str().unwrap();
                    prop_assert!(uri.shown_host() == host || uri.is_loopback());
                    prop_assert!(uri.is_loopback() || read.scheme() == "https");
                    prop_assert!(read.path() == "/" || text.contains(read.path()), "the path is not rewritten");
                }
                let csp = uri.form_action_source();
                prop_assert!(!csp.contains([';', ',', ' ', '\'']), "CSP cannot be broken out of: {}", csp);
                prop_assert!(uri.matches(&text));
            }
        }

        #[test]
        fn no_text_whatever_makes_it_panic(text in ".{0,60}") {
            let _ = RedirectUri::register(&text);
            let stored = RedirectUri::from_stored(text.clone());
            let _ = (stored.shown_host(), stored.form_action_source(), stored.matches("http://[::1]:1/"));
        }
    }
}
