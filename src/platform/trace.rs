//! The trace that a request is a part of, as its caller names it (W3C Trace Context).

use std::fmt;

use actix_web::http::header::HeaderMap;

/// The id of a trace: sixteen bytes, not all of them zero (§3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

impl TraceId {
    /// The trace of this id; none, if it is zero.
    pub fn new(id: u128) -> Option<Self> {
        (id != 0).then_some(Self(id))
    }

    /// From `traceparent: 00-<trace>-<parent>-<flags>`. Later versions may say more at the end; ff is none (§3.2.2.1).
    pub fn named_in(headers: &HeaderMap) -> Option<Self> {
        let mut named = headers.get_all("traceparent");
        let (Some(one), None) = (named.next(), named.next()) else { return None };
        Self::parse(one.to_str().ok()?)
    }

    fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let mut hexadecimal = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
        };
        let version = hexadecimal(2).filter(|version| *version != "ff")?;
        let trace = Self::new(u128::from_str_radix(hexadecimal(32)?, 16).ok()?);
        let parent = u64::from_str_radix(hexadecimal(16)?, 16).ok()?;
        hexadecimal(2)?;
        let is_whole = version != "00" || parts.next().is_none();
        trace.filter(|_| parent != 0 && is_whole)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_it_is_written_and_nothing_else_is_one() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: &str| TraceId::parse(text).map(|trace| trace.to_string());
        for text in
            [format!("00-{trace}-00f067aa0ba902b7-01"), format!("01-{trace}-00f067aa0ba902b7-01-more")]
        {
            assert_eq!(of(&text).as_deref(), Some(trace), "{text}");
        }
        for text in [
            String::new(),
            trace.to_owned(),
            format!("00-{trace}-00f067aa0ba902b7"),
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}é-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(of(&text), None, "{text}");
        }
    }
}
