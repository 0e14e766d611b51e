//! The audit log: how far its sealing is behind, and whether its head is signed.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::audit::chain::Standing;

/// How long an event waits for its seal where all is well.
const WELL: TimeDelta = TimeDelta::seconds(60);

/// `is_serving`: whether a server is there to seal. `every`: how often the head is signed.
pub(super) fn check(standing: &Standing, now: DateTime<Utc>, is_serving: bool, every: TimeDelta) -> Finding {
    let words = format!("{} events sealed, {}", standing.sealed, signed(standing));
    let lag = standing.lag(now);
    if standing.waiting > 0 && lag > WELL && is_serving {
        let words = format!(
            "{} events wait for their seal, the first for {} s: a transaction that does not end holds them up (see \
             pg_stat_activity and pg_prepared_xacts, of all databases), or the server's log says why",
            counted(standing.waiting),
            lag.num_seconds()
        );
        return Finding::warn("audit", words);
    }
    let is_late =
        standing.checkpoint.is_some_and(|(seq, at)| seq < standing.sealed && now - at > every * 2 + WELL);
    if is_late && is_serving {
        return Finding::warn("audit", words + ", which is late: the server's log says why");
    }
    match standing.waiting {
        0 => Finding::ok("audit", words),
        many if is_serving => Finding::ok("audit", format!("{words}; {} wait for their seal", counted(many))),
        many => Finding::ok("audit", format!("{words}; {} wait until a server seals them", counted(many))),
    }
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
        let finding = check(standing, at(10_000), is_serving, TimeDelta::seconds(600));
        (finding.level, finding.words)
    }

    #[test]
    fn what_waits_is_a_fault_only_where_a_server_should_have_sealed_it() {
        let sealed = Standing { sealed: 7, waiting: 0, oldest: None, checkpoint: Some((7, at(9_000))) };
        let words = "7 events sealed, 7 of them signed at 1970-01-01 02:30:00 UTC".to_owned();
        assert_eq!(told(&sealed, true), (Level::Ok, words));
        let behind = Standing { waiting: 3, oldest: Some(at(9_000)), ..sealed.clone() };
        let (level, words) = told(&behind, true);
        assert!(
            level == Level::Warn && words.starts_with("3 events wait for their seal, the first for 1000 s")
        );
        assert_eq!(told(&behind, false).0, Level::Ok);
        let fresh = Standing { oldest: Some(at(9_990)), ..behind.clone() };
        assert_eq!(told(&fresh, true).0, Level::Ok);
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
