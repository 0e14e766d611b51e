//! What is logged: a level, or levels of modules.

use log::{Level, LevelFilter};

/// Levels by the beginning of a target's name; the longest that fits decides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter(Vec<(String, LevelFilter)>);

impl Filter {
    /// Reads `info,grantor=debug`. A mistyped level is no name of a module: it is refused.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut filter = Self(vec![
            // What strangers send that is not HTTP is no error of ours.
            ("actix_http".to_owned(), LevelFilter::Off),
            // How many workers there are, and which signal came, is of interest only to whoever asks.
            ("actix_server".to_owned(), LevelFilter::Warn),
        ]);
        for part in text.split(',') {
            let (name, level) = part.split_once('=').unwrap_or(("", part));
            let (name, level) = (name.trim(), level.trim().parse().ok()?);
            filter.0.retain(|(known, _)| known != name);
            filter.0.push((name.to_owned(), level));
        }
        filter.0.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Some(filter)
    }

    /// Whether a line of this level and target is written.
    pub(super) fn lets_through(&self, level: Level, target: &str) -> bool {
        self.0
            .iter()
            .find(|(name, _)| target.starts_with(name.as_str()))
            .is_some_and(|(_, most)| level <= *most)
    }

    /// The most talkative level that anybody has.
    pub(super) fn most(&self) -> LevelFilter {
        self.0.iter().map(|(_, level)| *level).max().unwrap_or(LevelFilter::Off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_decides() {
        let filter = Filter::parse("warn, grantor = info,grantor::audit=TRACE").unwrap();
        for (level, target, logged) in [
            (Level::Info, "diesel", false),
            (Level::Warn, "diesel", true),
            (Level::Info, "grantor::http", true),
            (Level::Debug, "grantor::http", false),
            (Level::Trace, "grantor::audit::store", true),
        ] {
            assert_eq!(filter.lets_through(level, target), logged, "{level} {target}");
        }
        assert_eq!(filter.most(), LevelFilter::Trace);
    }

    #[test]
    fn who_is_not_named_is_not_logged() {
        let filter = Filter::parse("grantor=debug").unwrap();
        assert!(filter.lets_through(Level::Debug, "grantor"));
        assert!(!filter.lets_through(Level::Error, "diesel"));
    }

    #[test]
    fn what_strangers_send_to_the_parser_is_logged_for_whoever_asks() {
        assert!(!Filter::parse("trace").unwrap().lets_through(Level::Error, "actix_http::h1"));
        assert!(
            Filter::parse("trace,actix_http=error").unwrap().lets_through(Level::Error, "actix_http::h1")
        );
    }

    #[test]
    fn a_filter_names_levels() {
        for text in ["info", "off", "info,grantor=debug", "warn, grantor::audit = TRACE"] {
            assert!(Filter::parse(text).is_some(), "{text}");
        }
        for text in ["", "verbose", "grantor", "info,grantor=loud", "info,"] {
            assert!(Filter::parse(text).is_none(), "{text}");
        }
    }
}
