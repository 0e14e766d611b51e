//! Log lines: one event a line, whatever a stranger put into it.

use std::io::Write as _;

use log::kv::{Error, Key, Value, VisitSource};

/// Writes log lines to standard error; `filter` is in the syntax of env_logger, e.g. `info,grantor=debug`.
pub fn start(filter: &str) {
    let started = env_logger::Builder::new()
        // What strangers send that is not HTTP is no error of ours.
        .filter_module("actix_http", log::LevelFilter::Off)
        // How many workers there are, and which signal came, is of interest only to whoever asks.
        .filter_module("actix_server", log::LevelFilter::Warn)
        .parse_filters(filter)
        .format(|out, record| {
            let mut pairs = Pairs(String::new());
            let _ = record.key_values().visit(&mut pairs);
            writeln!(
                out,
                "{} {:<5} {} {}{}",
                out.timestamp_millis(),
                record.level(),
                record.target(),
                one_line(&record.args().to_string()),
                pairs.0
            )
        })
        .try_init();
    // A second start in one process (tests) keeps the first logger.
    drop(started);
}

/// Whether this says what is logged: levels, or levels of modules. Env_logger would take a mistyped level for the
/// name of a module, and log nothing.
pub fn is_filter(text: &str) -> bool {
    let is_level = |level: &str| level.trim().parse::<log::LevelFilter>().is_ok();
    text.split(',').all(|part| is_level(part.split_once('=').map_or(part, |(_, level)| level)))
}

struct Pairs(String);

impl VisitSource<'_> for Pairs {
    fn visit_pair(&mut self, key: Key<'_>, value: Value<'_>) -> Result<(), Error> {
        self.0.extend([" ", key.as_str(), "=", &one_line(&value.to_string())]);
        Ok(())
    }
}

/// Escapes what could end the line or drive a terminal.
fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{is_filter, one_line};

    #[test]
    fn a_filter_names_levels() {
        for text in ["info", "off", "info,grantor=debug", "warn, grantor::audit = TRACE"] {
            assert!(is_filter(text), "{text}");
        }
        for text in ["", "verbose", "grantor", "info,grantor=loud", "info,"] {
            assert!(!is_filter(text), "{text}");
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\r\nFAKE \u{1b}[31m"), "a\\r\\nFAKE \\u{1b}[31m");
    }
}
