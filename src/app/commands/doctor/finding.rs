//! What a check found.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and might do better.
    Warn,
    /// It does not work, or will not one day, or is not safe.
    Bad,
}

/// One check, with words that say what is, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) level: Level,
    pub(super) words: String,
}

impl Finding {
    pub(super) fn new(check: &'static str, level: Level, words: impl ToString) -> Self {
        Self { check, level, words: words.to_string() }
    }

    pub(super) fn ok(check: &'static str, words: impl ToString) -> Self {
        Self::new(check, Level::Ok, words)
    }

    pub(super) fn warn(check: &'static str, words: impl ToString) -> Self {
        Self::new(check, Level::Warn, words)
    }

    pub(super) fn bad(check: &'static str, words: impl ToString) -> Self {
        Self::new(check, Level::Bad, words)
    }

    /// Whether one can live with it.
    pub(super) fn is_good(&self) -> bool {
        self.level != Level::Bad
    }
}

impl fmt::Display for Finding {
    /// A line of a table; what the words say in more lines stays under them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "BAD",
        };
        let words = self.words.trim_end().replace('\n', &format!("\n{:19}", ""));
        write!(f, "{level:5} {:12} {words}", self.check)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "bad",
        };
        let mut fields = serializer.serialize_struct("Finding", 4)?;
        fields.serialize_field("check", self.check)?;
        fields.serialize_field("level", level)?;
        fields.serialize_field("ok", &self.is_good())?;
        fields.serialize_field("message", &self.words)?;
        fields.end()
    }
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, "KiB");
    for next in UNITS.into_iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        for (bytes, words) in [
            (0, "0.0 KiB"),
            (1536, "1.5 KiB"),
            (12 * 1024, "12 KiB"),
            (1023 * 1024, "1023 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 40, "3.0 TiB"),
            (u64::MAX, "1677721 TiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }
}
