//! Statuses of answers, as people ask for them: one, or a hundred of them.

use std::str::FromStr;

/// Statuses from one up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statuses {
    /// The first.
    pub from: i16,
    /// The last.
    pub to: i16,
}

/// What they look like, in words.
pub const STATUSES: &str = "a number like 403, or 4xx";

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = text.strip_suffix("xx").and_then(|digit| digit.parse::<u8>().ok());
        let hundred = digit.map(|digit| i16::from(digit) * 100);
        let statuses = match hundred {
            Some(from) => Some(Self { from, to: from + 99 }),
            None => text.parse().ok().map(|status| Self { from: status, to: status }),
        };
        statuses
            .filter(|statuses| (100..600).contains(&statuses.from))
            .ok_or_else(|| format!("a status is {STATUSES}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_one_or_a_hundred() {
        assert_eq!("403".parse(), Ok(Statuses { from: 403, to: 403 }));
        assert_eq!("4xx".parse(), Ok(Statuses { from: 400, to: 499 }));
        for text in ["", "xx", "99", "600", "7xx", "40x", "4XX", "32768", "255xx", "999xx", "-4xx"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }
}
