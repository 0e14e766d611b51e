//! Moments, as a page tells them: how long ago in words, and exactly in UTC for whoever wants to know.

use chrono::{DateTime, SecondsFormat, Utc};

/// A moment, looked at from another. A page shows one as `partials/moment.html` does.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Moment {
    /// A moment as it is told at `now`.
    pub fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { at, now }
    }

    /// "3 hours ago", and the day where it is long ago.
    pub fn ago(&self) -> String {
        let minutes = (self.now - self.at).num_minutes();
        let some =
            |count: i64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
        match minutes {
            ..1 => "just now".to_owned(),
            1..60 => some(minutes, "minute"),
            60..1440 => some(minutes / 60, "hour"),
            1440..43_200 => some(minutes / 1440, "day"),
            _ => format!("on {}", self.day()),
        }
    }

    /// "21 November 2026".
    pub fn day(&self) -> String {
        self.at.format("%-d %B %Y").to_string()
    }

    /// "21 November 2026, 12:00:00 UTC".
    pub fn exact(&self) -> String {
        self.at.format("%-d %B %Y, %H:%M:%S UTC").to_string()
    }

    /// For machines (HTML's `datetime`, RFC 3339).
    pub fn rfc3339(&self) -> String {
        self.at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn it_is_told_in_words_and_exactly() {
        let at = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        for (seconds, words) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (59 * 60, "59 minutes ago"),
            (3600, "1 hour ago"),
            (26 * 3600, "1 day ago"),
            (29 * 86_400, "29 days ago"),
            (30 * 86_400, "on 21 November 2026"),
        ] {
            assert_eq!(Moment::new(at, at + Duration::seconds(seconds)).ago(), words);
        }
        let moment = Moment::new(at, at);
        assert_eq!(moment.exact(), "21 November 2026, 12:00:00 UTC");
        assert_eq!(moment.rfc3339(), "2026-11-21T12:00:00Z");
    }
}
