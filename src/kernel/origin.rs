//! Web origins (RFC 6454 §6.2) that may call us from a browser's script.

use thiserror::Error;
use url::Url;

use crate::kernel::authority::Authority;

/// Not an origin that may be registered for CORS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an origin is https://host or https://host:port in lower case, with nothing after it; http only on loopback"
)]
pub struct InvalidOrigin;

/// A registered origin, spelled exactly as a browser spells it in `Origin`, so that comparing is `==`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin. `null`, which any sandboxed page can send, and wildcards are refused, and so is
    /// every spelling a browser would not use: upper case, a path, a trailing slash, `:443`.
    pub fn parse(text: &str) -> Result<Origin, InvalidOrigin> {
        let url = Url::parse(text).map_err(|_| InvalidOrigin)?;
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let host = Authority::split(authority);
        let trusted = scheme == "https" || (scheme == "http" && host.is_loopback());
        let as_browsers_spell_it = url.origin().ascii_serialization() == text && host.has_plain_host();
        if trusted && as_browsers_spell_it { Ok(Origin(text.to_owned())) } else { Err(InvalidOrigin) }
    }

    /// The text to compare with an `Origin` header, and to echo.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t26_origins_are_spelled_as_browsers_spell_them() {
        for good in [
            "https://spa.example",
            "https://spa.example:8443",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:5173",
        ] {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "null",
            "*",
            "https://*",
            "https://*.spa.example",
            "https://spa.example/",
            "https://spa.example/x",
            "https://spa.example?x",
            "https://spa.example#",
            "https://u@spa.example",
            "https://SPA.example",
            "https://spa.example:443",
            "https://spa.example:",
            "http://spa.example",
            "http://localhost:80",
            "spa.example",
            "//spa.example",
            "https:spa.example",
            "ws://localhost",
            "file://",
            "com.app://x",
            "https://a,b",
            "https://a;b",
            " https://spa.example",
            "https://spa.example\n",
            "https://bücher.example",
            "https://127.1",
            "HTTPS://spa.example",
        ] {
            assert_eq!(Origin::parse(bad), Err(InvalidOrigin), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_an_origin_and_nothing_more(text in "(https|http)://[a-z0-9.:@/?#\\[\\]A*-]{0,20}") {
            if let Ok(origin) = Origin::parse(&text) {
                prop_assert_eq!(Url::parse(origin.as_str()).unwrap().origin().ascii_serialization(), text);
            }
        }
    }
}
