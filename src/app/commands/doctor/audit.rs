//! The audit log: how far its sealing is behind, and whether its head is signed.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::audit::chain::Standing;

/// `is_serving`: whether a server is there to seal. `every`: how often the head is signed. `holder`: whose transaction
/// is the oldest, if any is under way.
pub(super) fn check(
    standing: &Standing,
    now: DateTime<Utc>,
    (is_serving, every): (bool, TimeDelta),
    holder: Option<&str>,
) -> Finding {
    let words = format!("{} events sealed, {}", standing.sealed, signed(standing));
    if standing.is_late(now) {
        return Finding::warn("audit", late(standing, now, is_serving, holder));
    }
    let is_late = standing
        .checkpoint
        .is_some_and(|(seq, at)| seq < standing.sealed && now - at > every * 2 + Standing::WELL);
    if is_late && is_serving {
        return Finding::warn("audit", words + ", which is late: the server's log says why");
    }
    match standing.waiting {
        0 => Finding::ok("audit", words),
        many if is_serving => Finding::ok("audit", format!("{words}; {} wait for their seal", counted(many))),
        many => Finding::ok("audit", format!("{words}; {} wait until a server seals them", counted(many))),
    }
}

/// Nothing vouches for what waits, whoever is to blame.
fn late(standing: &Standing, now: DateTime<Utc>, is_serving: bool, holder: Option<&str>) -> String {
    let why = match (holder, is_serving) {
        (Some(holder), _) => format!("{holder} holds them up: a transaction that does not end"),
        (None, true) => "the server's log says why".to_owned(),
        (None, false) => "no server is there to seal them".to_owned(),
    };
    let (many, seconds) = (counted(standing.waiting), standing.lag(now).num_seconds());
    format!("{many} events wait for their seal, the first for {seconds} s: {why}")
}

fn signed(standing: &Standing) -> String {
    match standing.checkpoint {
        Some((seq, at)) => format!("{seq} of them signed at {}", at.format("%Y-%m-%d %H:%M:%S UTC")),
        None => "none of them signed yet (that needs a signing key)".to_owned(),
    }
}

fn counted(many: i64) -> String {
    if many < Standing::MOST { many.to_string() } else { format!("{many} or more") }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn told(standing: &Standing, is_serving: bool) -> (Level, String) {
        let finding = check(standing, at(10_000), (is_serving, TimeDelta::seconds(600)), None);
        (finding.level, finding.words)
    }

    #[test]
    fn what_waits_for_long_is_told_and_whoever_is_to_blame() {
        let sealed = Standing { sealed: 7, waiting: 0, oldest: None, checkpoint: Some((7, at(9_000))) };
        let words = "7 events sealed, 7 of them signed at 1970-01-01 02:30:00 UTC".to_owned();
        assert_eq!(told(&sealed, true), (Level::Ok, words));
        let behind = Standing { waiting: 3, oldest: Some(at(9_000)), ..sealed.clone() };
        let (level, words) = told(&behind, true);
        let waits = "3 events wait for their seal, the first for 1000 s: ";
        assert_eq!((level, words), (Level::Warn, format!("{waits}the server's log says why")));
        let alone = (Level::Warn, format!("{waits}no server is there to seal them"));
        assert_eq!(told(&behind, false), alone);
        let every = TimeDelta::seconds(600);
        let held = check(&behind, at(10_000), (true, every), Some("pid 7 (ada)")).words;
        assert_eq!(held, format!("{waits}pid 7 (ada) holds them up: a transaction that does not end"));
        let fresh = Standing { oldest: Some(at(9_990)), ..behind.clone() };
        assert_eq!((told(&fresh, true).0, told(&fresh, false).0), (Level::Ok, Level::Ok));
        let much = Standing { waiting: Standing::MOST, ..behind };
        assert!(told(&much, true).1.starts_with("10000 or more"));
    }

    #[test]
    fn a_head_that_is_not_signed_in_time_is_told() {
        let old = Standing { sealed: 9, waiting: 0, oldest: None, checkpoint: Some((7, at(8_000))) };
        assert_eq!(told(&old, true).0, Level::Warn);
        assert_eq!(told(&old, false).0, Level::Ok);
        assert_eq!(told(&Standing { sealed: 7, ..old.clone() }, true).0, Level::Ok, "nothing new");
        let never = Standing { checkpoint: None, ..old };
        assert!(told(&never, true).1.contains("none of them signed yet"));
    }
}
