//! The path of a request that somebody wants to let through or not.
//!
//! What is authorised must be what is served. Where proxies, frameworks and file systems read a path differently, it is
//! refused: dot segments, empty segments, encoded slashes, parameters after `;`.

use thiserror::Error;

/// As long as any server takes.
const LONGEST: usize = 8192;

/// A path that everybody reads alike, without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    text: String,
    segments: Vec<String>,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a path that can be read in more than one way")]
pub struct AmbiguousPath;

impl RequestPath {
    /// Reads the target of a request, in origin form (RFC 9112 §3.2.1): a path, and perhaps a query, which is left out.
    pub fn parse(target: &str) -> Result<Self, AmbiguousPath> {
        let text = target.split_once('?').map_or(target, |(path, _)| path);
        let rest = text.strip_prefix('/').ok_or(AmbiguousPath)?;
        if text.len() > LONGEST || !text.bytes().all(is_plain) {
            return Err(AmbiguousPath);
        }
        let mut segments = rest.split('/').map(segment).collect::<Result<Vec<_>, _>>()?;
        // A slash at the end is a resource of its own to some and nothing to others; patterns see no difference.
        if segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        if segments.iter().any(String::is_empty) {
            return Err(AmbiguousPath);
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// As it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What lies between the slashes, decoded.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

/// RFC 3986 §3.3, without `;`, and without what no sender may send unencoded.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@%/".contains(&byte)
}

fn segment(text: &str) -> Result<String, AmbiguousPath> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { encoded(bytes.next(), bytes.next())? } else { byte });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| AmbiguousPath)?;
    let is_ambiguous = |c: char| c.is_control() || matches!(c, '/' | '\\' | ';' | '%' | '?' | '#');
    // Some file systems read a name without the dots and spaces at its end.
    if decoded.ends_with(['.', ' ']) || decoded.chars().any(is_ambiguous) {
        return Err(AmbiguousPath);
    }
    Ok(decoded)
}

fn encoded(high: Option<u8>, low: Option<u8>) -> Result<u8, AmbiguousPath> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Ok(high * 16 + low),
        _ => Err(AmbiguousPath),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_its_segments_decoded() {
        for (target, segments) in [
            ("/", &[][..]),
            ("/orders", &["orders"]),
            ("/orders/", &["orders"]),
            ("/orders/7?expand=lines&next=/../x", &["orders", "7"]),
            ("/a%20b/%C3%A9", &["a b", "é"]),
            ("/v1.2/..a/a..b", &["v1.2", "..a", "a..b"]),
            ("/a:b@c,d=e+f", &["a:b@c,d=e+f"]),
        ] {
            let path = RequestPath::parse(target).expect(target);
            assert_eq!(path.segments(), segments, "{target}");
            assert_eq!(Some(path.as_str()), target.split('?').next());
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for target in [
            "",
            "orders",
            "?a",
            "http://x/orders",
            "*",
            "//orders",
            "/orders//7",
            "/.",
            "/..",
            "/a/../b",
            "/%2e%2e/b",
            "/%2E/b",
            "/a%2fb",
            "/a%2Fb",
            "/a%3Fb",
            "/a%23b",
            "/a./b",
            "/a%20",
            "/a%5cb",
            "/a\\b",
            "/a;b=c",
            "/a%3bb",
            "/a%00",
            "/a%0a",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%252fb",
            "/a b",
            "/a\tb",
            "/é",
            "/a%ff",
            "/a#b",
            "/a%c0%af",
            "/a\"b",
            "/a<b",
        ] {
            assert_eq!(RequestPath::parse(target), Err(AmbiguousPath), "{target:?}");
        }
        assert_eq!(RequestPath::parse(&format!("/{}", "a".repeat(LONGEST))), Err(AmbiguousPath));
    }
}
