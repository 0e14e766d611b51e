//! One event, one line, whatever a stranger put into it.

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};

/// A line in the making. Kept by a thread for its next one, since lines are many.
#[derive(Default)]
pub(super) struct Line {
    text: String,
    /// The second that was last written out, with its text: most lines share it with the one before.
    second: (i64, String),
}

impl Line {
    /// The record as text, with the end of the line.
    pub(super) fn of(&mut self, record: &Record, now: DateTime<Utc>) -> &str {
        self.text.clear();
        self.stamp(now);
        self.text.extend([level(record.level()), record.target(), " "]);
        let mut escaped = Escaped(&mut self.text);
        // A value that cannot be shown costs its own place in the line, not the line.
        let _ = escaped.write_fmt(*record.args());
        let _ = record.key_values().visit(&mut escaped);
        self.text.push('\n');
        &self.text
    }

    fn stamp(&mut self, now: DateTime<Utc>) {
        if self.second.0 != now.timestamp() || self.second.1.is_empty() {
            self.second = (now.timestamp(), now.format("%Y-%m-%dT%H:%M:%S").to_string());
        }
        self.text.push_str(&self.second.1);
        let _ = write!(self.text, ".{:03}Z ", now.timestamp_subsec_millis().min(999));
    }
}

/// As wide as the widest of them.
fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR ",
        Level::Warn => "WARN  ",
        Level::Info => "INFO  ",
        Level::Debug => "DEBUG ",
        Level::Trace => "TRACE ",
    }
}

/// Escapes what could end the line or drive a terminal.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly always there is nothing to escape. Looking at all bytes is faster than stopping at the first one.
        if text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte)) {
            self.0.push_str(text);
            return Ok(());
        }
        for c in text.chars() {
            if c.is_control() {
                self.0.extend(c.escape_default());
            } else {
                self.0.push(c);
            }
        }
        Ok(())
    }
}

impl VisitSource<'_> for Escaped<'_> {
    fn visit_pair(&mut self, key: Key<'_>, value: Value<'_>) -> Result<(), Error> {
        self.0.extend([" ", key.as_str(), "="]);
        Ok(write!(self, "{value}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_how_bad_where_and_what() {
        let now = DateTime::from_timestamp_millis(1_795_262_400_007).unwrap();
        let pairs = [("ip", "192.0.2.1"), ("why", "\u{1b}[2J\u{9b}é")];
        let mut line = Line::default();
        let mut said = |what: fmt::Arguments<'_>, now| {
            let record = Record::builder()
                .level(Level::Info)
                .target("grantor::http")
                .args(what)
                .key_values(&pairs)
                .build();
            line.of(&record, now).to_owned()
        };
        let rest = "ip=192.0.2.1 why=\\u{1b}[2J\\u{9b}é\n";
        assert_eq!(
            said(format_args!("a\r\n{}", "FAKE"), now),
            format!("2026-11-21T12:00:00.007Z INFO  grantor::http a\\r\\nFAKE {rest}")
        );
        assert_eq!(
            said(format_args!("next"), now + chrono::Duration::milliseconds(993)),
            format!("2026-11-21T12:00:01.000Z INFO  grantor::http next {rest}")
        );
    }
}
