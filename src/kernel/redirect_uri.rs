//! Redirect URIs: where a browser is sent with the answer, hence where a code may leak to.
//!
//! A sent URI is compared with a registered one as text (RFC 6749 §3.1.2.3, RFC 9700 §4.1.3): no decoding,
//! no case folding, no prefix. What may be registered at all is in [`register`](RedirectUri::register).

mod registration;

use url::form_urlencoded::Serializer;

use crate::kernel::authority::{Authority, is_port};

pub use registration::RedirectUriProblem;

/// A redirect URI that was accepted at registration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Accepts or refuses a URI that a client wants to register; the text is kept exactly as sent.
    pub fn register(text: &str) -> Result<RedirectUri, RedirectUriProblem> {
        registration::check(text)?;
        Ok(RedirectUri(text.to_owned()))
    }

    /// One read back from the database, where only accepted ones are.
    pub fn from_stored(text: String) -> RedirectUri {
        RedirectUri(text)
    }

    /// The text as registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `sent` is this URI: the same bytes, except that a loopback IP literal over http matches any
    /// port or none, since a native app cannot know beforehand which is free (RFC 8252 §7.3). `localhost`
    /// gets no such leniency: it is a name, and names can be made to point elsewhere (RFC 8252 §8.3).
    pub fn matches(&self, sent: &str) -> bool {
        if self.0 == sent {
            return true;
        }
        ["http://127.0.0.1", "http://[::1]"].into_iter().any(|literal| {
            let registered = self.0.strip_prefix(literal).and_then(after_port);
            registered.is_some() && registered == sent.strip_prefix(literal).and_then(after_port)
        })
    }

    /// Whether it leads to the person's own device, so that any program there may be listening.
    pub fn is_loopback(&self) -> bool {
        let parts = self.parts();
        parts.is_web() && parts.host().is_loopback()
    }

    /// Whether it uses a private-use scheme of an installed app (RFC 8252 §7.1).
    pub fn is_custom_scheme(&self) -> bool {
        !self.parts().is_web()
    }

    /// Where the answer goes, as the consent page says it: the host, this device, or the app's scheme.
    pub fn shown_host(&self) -> String {
        let parts = self.parts();
        match (parts.is_web(), parts.host()) {
            (false, _) => parts.scheme.to_owned(),
            (true, host) if host.is_loopback() => format!("this device ({})", parts.authority),
            (true, host) => host.host.to_owned(),
        }
    }

    /// The CSP source that lets a form's answer redirect there: browsers apply `form-action` to redirects too.
    pub fn form_action_source(&self) -> String {
        let parts = self.parts();
        let host = parts.host();
        match parts.scheme {
            // CSP's grammar has no IPv6 hosts (CSP3 §2.3.1): the whole scheme is the narrowest that works.
            scheme @ ("http" | "https") if host.is_ipv6() => format!("{scheme}:"),
            "http" if host.is_loopback_literal() => format!("http://{}:*", host.host),
            scheme @ ("http" | "https") => format!("{scheme}://{}", parts.authority),
            scheme => format!("{scheme}:"),
        }
    }

    fn parts(&self) -> Parts<'_> {
        Parts::split(&self.0)
    }
}

/// Appends form-encoded parameters to the query (RFC 6749 §4.1.2), leaving every byte that is there alone.
///
/// For redirect URIs and our own pages: a URI with a fragment is never registered.
pub fn with_params(uri: &str, params: &[(&str, &str)]) -> String {
    if params.is_empty() {
        return uri.to_owned();
    }
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    let query = Serializer::new(String::new()).extend_pairs(params).finish();
    format!("{uri}{separator}{query}")
}

/// A URI cut at its delimiters (RFC 3986 §3), nothing decoded. What is absent is empty.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    scheme: &'a str,
    /// Everything after the scheme's colon.
    rest: &'a str,
    authority: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn split(uri: &'a str) -> Parts<'a> {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match before.strip_prefix("//") {
            Some(after) => after.split_once('/').unwrap_or((after, "")),
            None => ("", before),
        };
        Parts { scheme, rest, authority, path, query }
    }

    fn is_web(&self) -> bool {
        matches!(self.scheme, "http" | "https")
    }

    fn host(&self) -> Authority<'a> {
        Authority::split(self.authority)
    }
}

/// What follows the host and its port, if it has one; `None` if the port is not one.
fn after_port(rest: &str) -> Option<&str> {
    let Some(from_port) = rest.strip_prefix(':') else {
        return Some(rest);
    };
    let end = from_port.find(['/', '?']).unwrap_or(from_port.len());
    let (port, after) = from_port.split_at_checked(end)?;
    is_port(port).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn registered(text: &str) -> RedirectUri {
        RedirectUri::register(text).unwrap()
    }

    #[test]
    fn r01_to_r18_only_the_same_bytes_match() {
        let uri = registered("https://rp.example/cb");
        assert!(uri.matches("https://rp.example/cb"));
        for sent in [
            "https://rp.example/cb/",
            "https://rp.example/CB",
            "https://RP.example/cb",
            "HTTPS://rp.example/cb",
            "https://rp.example/cb?x=1",
            "https://rp.example/cb?",
            "https://rp.example/cb#",
            "https://rp.example//cb",
            "https://rp.example:443/cb",
            "https://rp.example:8443/cb",
            "https://rp.example/cb/../evil",
            "https://rp.example/%63b",
            "https://rp.example/./cb",
            "https://rp.example/cb%2f",
            "https://rp.example/cb;/x",
            "https://rp.example\\@evil.example/cb",
            "https://rp.example@evil.example/cb",
            "https:/rp.example/cb",
            "https:rp.example/cb",
            "https://rp.example.evil.example/cb",
            "https://evilrp.example/cb",
            "https://rpXexample/cb",
            "http://rp.example/cb",
            "//rp.example/cb",
            "/cb",
            "cb",
            "",
            " https://rp.example/cb",
            "https://rp.example/cb\n",
            "https://rp.example/cb%0d%0aSet-Cookie:x",
            "https://rp．example/cb",
        ] {
            assert!(!uri.matches(sent), "{sent:?}");
        }
    }

    #[test]
    fn r07_the_query_is_part_of_the_comparison() {
        let uri = registered("https://rp.example/cb?x=1");
        assert!(uri.matches("https://rp.example/cb?x=1"));
        for sent in ["https://rp.example/cb?x=2", "https://rp.example/cb?x=1&y=2", "https://rp.example/cb"] {
            assert!(!uri.matches(sent), "{sent}");
        }
    }

    #[test]
    fn r21_a_loopback_literal_matches_any_port_and_nothing_else() {
        let uri = registered("http://127.0.0.1:8080/cb");
        for sent in ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"] {
            assert!(uri.matches(sent), "{sent}");
        }
        for sent in [
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:+80/cb",
            "http://127.0.0.1:80a/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://127.0.0.1.evil/cb",
            "http://127.0.0.1:80:80/cb",
            "http://127.0.0.1:000080/cb",
            "http://127.0.0.1:80/cb?x",
            "http://127.0.0.1:80/CB",
            "http://[::1]:80/cb",
            "http://localhost:80/cb",
            "https://127.0.0.1:80/cb",
            "http://127.1:80/cb",
            "http://127.0.0.1:80\\@evil.example/cb",
            "http://127.0.0.1:80#/cb",
            "http://127.0.0.1: 80/cb",
        ] {
            assert!(!uri.matches(sent), "{sent}");
        }
        let bare = registered("http://[::1]");
        assert!(bare.matches("http://[::1]:49152") && !bare.matches("http://[::1]:49152/"));
        assert!(!bare.matches("http://[::1]:80@evil.example") && !bare.matches("http://127.0.0.1"));
        let named = registered("http://localhost:8080/cb");
        assert!(!named.matches("http://localhost:8081/cb") && !named.matches("http://localhost/cb"));
        assert!(!registered("https://127.0.0.1/cb").matches("https://127.0.0.1:1/cb"));
    }

    #[test]
    fn pages_name_the_place_and_csp_allows_just_it() {
        for (uri, shown, source) in [
            ("https://rp.example/cb", "rp.example", "https://rp.example"),
            ("https://rp.example:8443/cb?x=1", "rp.example", "https://rp.example:8443"),
            ("https://rp.example?x=1", "rp.example", "https://rp.example"),
            ("http://127.0.0.1:1/cb", "this device (127.0.0.1:1)", "http://127.0.0.1:*"),
            ("http://[::1]/cb", "this device ([::1])", "http:"),
            ("http://localhost:8080/cb", "this device (localhost:8080)", "http://localhost:8080"),
            ("com.example.app:/cb", "com.example.app", "com.example.app:"),
        ] {
            let uri = registered(uri);
            assert_eq!((uri.shown_host().as_str(), uri.form_action_source().as_str()), (shown, source));
            assert_eq!(uri.is_loopback(), shown.starts_with("this device"));
            assert_eq!(uri.is_custom_scheme(), shown == "com.example.app");
        }
    }

    #[test]
    fn a10_parameters_are_appended_and_encoded() {
        let sent = [("state", "a&b=c+%20\"<>é"), ("iss", "https://as.example")];
        let query = "state=a%26b%3Dc%2B%2520%22%3C%3E%C3%A9&iss=https%3A%2F%2Fas.example";
        for (uri, before) in
            [("/cb", "/cb?"), ("/cb?", "/cb?"), ("/cb?x=%7e", "/cb?x=%7e&"), ("/cb?x&", "/cb?x&")]
        {
            assert_eq!(with_params(uri, &sent), format!("{before}{query}"));
        }
        assert_eq!(with_params("/cb", &[]), "/cb");
    }

    proptest! {
        #[test]
        fn the_port_is_free_only_on_a_literal(port: u16, path in "(/[a-z]{0,5}){0,3}(\\?[a-z=&]{0,9})?") {
            let text = |host: &str| format!("http://{host}{path}");
            let with_port = |host: &str| format!("http://{host}:{port}{path}");
            for host in ["127.0.0.1", "[::1]"] {
                prop_assert!(RedirectUri::from_stored(text(host)).matches(&with_port(host)));
                prop_assert!(RedirectUri::from_stored(with_port(host)).matches(&text(host)));
            }
            for host in ["localhost", "rp.example", "127.0.0.2"] {
                prop_assert!(!RedirectUri::from_stored(text(host)).matches(&with_port(host)));
            }
        }

        #[test]
        fn whatever_is_sent_a_match_stays_on_the_registered_host(tail in "[:@/\\\\#?.a-z0-9]{0,12}") {
            let uri = RedirectUri::from_stored("http://127.0.0.1/cb".into());
            let sent = format!("http://127.0.0.1{tail}/cb");
            if uri.matches(&sent) {
                let read = url::Url::parse(&sent).unwrap();
                prop_assert_eq!(read.host_str(), Some("127.0.0.1"));
            }
        }

        #[test]
        fn r17_an_appended_value_reads_back_and_never_splits_a_header(value in "(?s).*") {
            let uri = with_params("https://rp.example/cb?x=1", &[("state", &value)]);
            prop_assert!(uri.bytes().all(|b| b.is_ascii_graphic()));
            let read: Vec<_> = url::Url::parse(&uri).unwrap().query_pairs().into_owned().collect();
            prop_assert_eq!(read, [("x".to_owned(), "1".to_owned()), ("state".to_owned(), value)]);
        }
    }
}
