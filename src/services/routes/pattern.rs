//! Which paths a route is about: `/orders`, `/orders/{id}/lines`, `/files/**`.

use thiserror::Error;

use crate::kernel::RequestPath;

/// As typed, and taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<Part>,
    /// It ends in `**`: whatever follows fits, also nothing.
    is_open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This segment, letter by letter.
    Literal(String),
    /// Any one segment.
    Any,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} is no pattern: write a path such as /orders/{{id}} or /files/**")]
pub struct InvalidPattern(String);

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern(text.to_owned());
        let (path, is_open) = match text.strip_suffix("/**") {
            Some("") => ("/", true),
            Some(path) => (path, true),
            None => (text, false),
        };
        // With a letter for each placeholder, it must be a path itself.
        let plain = path.replace(['{', '}'], "x");
        if path.contains(['*', '%'])
            || path.len() > 255
            || RequestPath::parse(&plain).is_err()
            || path.contains('?')
        {
            return Err(invalid());
        }
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let parts = segments.map(part).collect::<Option<Vec<_>>>().ok_or_else(invalid)?;
        Ok(Self { text: text.to_owned(), parts, is_open })
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this path is meant.
    pub fn fits(&self, path: &RequestPath) -> bool {
        let segments = path.segments();
        let is_as_long =
            segments.len() == self.parts.len() || (self.is_open && segments.len() > self.parts.len());
        is_as_long && self.parts.iter().zip(segments).all(|(part, segment)| part.fits(segment))
    }
}

impl Part {
    fn fits(&self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => text == segment,
            Self::Any => true,
        }
    }
}

fn part(segment: &str) -> Option<Part> {
    match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) if !name.is_empty() && !name.contains(['{', '}']) => Some(Part::Any),
        Some(_) => None,
        None if segment.contains(['{', '}']) => None,
        None => Some(Part::Literal(segment.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_segments() {
        for (pattern, fits, does_not) in [
            ("/", &["/", "/?a"][..], &["/a"][..]),
            ("/orders", &["/orders", "/orders/"], &["/", "/order", "/orders/7", "/Orders", "/orders2"]),
            ("/orders/{id}", &["/orders/7", "/orders/%207"], &["/orders", "/orders/7/lines"]),
            ("/orders/{id}/lines", &["/orders/7/lines"], &["/orders/7", "/orders/7/lines/1"]),
            ("/files/**", &["/files", "/files/a", "/files/a/b/c"], &["/file", "/filesystem", "/"]),
            ("/**", &["/", "/a", "/a/b"], &[]),
        ] {
            let pattern = PathPattern::parse(pattern).expect(pattern);
            for path in fits {
                assert!(pattern.fits(&RequestPath::parse(path).expect(path)), "{pattern:?} {path}");
            }
            for path in does_not {
                assert!(!pattern.fits(&RequestPath::parse(path).expect(path)), "{pattern:?} {path}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "", "orders", "/a/*", "/**/a", "/a**", "/{}", "/{a}b", "/a{b}", "/{{a}}", "/a//b", "/a/..",
            "/a?b", "/%61", "/a b", "/{a",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text:?}");
        }
    }
}
