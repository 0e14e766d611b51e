//! Moments as operators type them: `2026-11-21T12:00:00Z`, or how long ago, `30m`, `24h`, `7d`.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

/// A moment, or how long before now it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(DateTime<Utc>),
    Ago(TimeDelta),
}

impl Moment {
    /// The moment, seen from this one.
    pub(super) fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.to_utc()));
        }
        ago(text).map(Self::Ago).ok_or_else(|| {
            "a moment is written like 2026-11-21T12:00:00Z, or how long ago it was: 30m, 24h, 7d".to_owned()
        })
    }
}

fn ago(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number.parse::<u32>().ok()?.into();
    match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_absolute_or_relative() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.at(now).to_rfc3339());
        assert_eq!(at("2026-11-21T14:00:00+02:00"), Ok("2026-11-21T12:00:00+00:00".to_owned()));
        assert_eq!(at("90m"), Ok("2026-11-21T10:30:00+00:00".to_owned()));
        assert_eq!(at("7d"), Ok("2026-11-14T12:00:00+00:00".to_owned()));
        for text in ["", "d", "-1d", "1w", "yesterday", "1é", "99999999999d"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
