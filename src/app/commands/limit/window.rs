//! Windows as operators type them: `60s`, `5m`, `1h`, `7d`, or the word of a calendar.

use std::str::FromStr;

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app::commands) struct Window {
    pub(super) seconds: i64,
    is_of_calendar: bool,
}

/// A month is written as thirty days, however long it is.
const OF_CALENDAR: [(&str, i64); 4] =
    [("minute", 60), ("hour", 3600), ("day", 86_400), ("month", 30 * 86_400)];

impl Window {
    /// The kind of limit that is meant, if nothing else is said.
    pub(super) fn kind(self) -> &'static str {
        if self.is_of_calendar { "calendar" } else { "sliding" }
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, seconds)) = OF_CALENDAR.iter().find(|(word, _)| *word == text) {
            return Ok(Self { seconds: *seconds, is_of_calendar: true });
        }
        let seconds = seconds(text)
            .ok_or("a window is written like 60s, 5m, 1h or 7d, or as minute, hour, day or month")?;
        Ok(Self { seconds, is_of_calendar: false })
    }
}

fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number.parse::<u32>().ok()?.into();
    let length = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_length_or_a_word_of_the_calendar() {
        let read = |text: &str| text.parse::<Window>().map(|window| (window.seconds, window.kind()));
        for (text, expected) in [
            ("60s", (60, "sliding")),
            ("5m", (300, "sliding")),
            ("1h", (3600, "sliding")),
            ("7d", (604_800, "sliding")),
            ("day", (86_400, "calendar")),
            ("month", (2_592_000, "calendar")),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "60", "-1s", "1w", "days", "1é"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
