//! Partitions: whether there are enough of them ahead, and how many stand behind.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::finding::{Finding, Level, size};
use crate::platform::db::Partition;

/// Expired partitions are worth a warning when they take so much, or are so many that plans take long.
const MUCH: u64 = 1 << 30;
const MANY: usize = 2000;

/// What comes and what is over. A server makes what is missing at its start and hourly, so while none runs, what is
/// missing only waits for it.
pub(super) fn check(found: &[Partition], today: NaiveDate, is_serving: bool) -> [Finding; 2] {
    [coming(found, today, is_serving), expired(found, today)]
}

fn coming(found: &[Partition], today: NaiveDate, is_serving: bool) -> Finding {
    let mut plans: BTreeMap<&str, Vec<&Partition>> = BTreeMap::new();
    for partition in found {
        plans.entry(&partition.parent).or_default().push(partition);
    }
    let none: Vec<&str> = plans
        .iter()
        .filter(|(_, parts)| covered_until(parts, today) == today)
        .map(|(name, _)| *name)
        .collect();
    let level = if is_serving { Level::Bad } else { Level::Warn };
    if !none.is_empty() {
        let words = format!(
            "none for today of {}: `grantor migrate` makes them, and so does a server at its start",
            none.join(", ")
        );
        return Finding::new("partitions", level, words);
    }
    let short = plans.iter().filter_map(|(name, parts)| shortfall(name, parts, today)).collect::<Vec<_>>();
    if short.is_empty() {
        return Finding::ok("partitions", format!("made ahead as {} plans want", plans.len()));
    }
    let words = format!(
        "fewer ahead than planned: {}. `grantor migrate` makes them, and so does a server at its start and hourly",
        short.join(", ")
    );
    Finding::new("partitions", Level::Warn, words)
}

/// The first day from today on that no partition covers.
fn covered_until(parts: &[&Partition], today: NaiveDate) -> NaiveDate {
    parts.iter().fold(today, |until, part| if part.starts <= until { until.max(part.ends) } else { until })
}

/// A plan that is behind by more than the day which the hourly round may still have to make.
fn shortfall(name: &str, parts: &[&Partition], today: NaiveDate) -> Option<String> {
    let wanted = parts.first()?.wanted;
    let until = covered_until(parts, today);
    (until < wanted).then(|| format!("{name} to {}, not {wanted}", until - Days::new(1)))
}

fn expired(found: &[Partition], today: NaiveDate) -> Finding {
    // Yesterday's are made on purpose, for a node whose clock is behind.
    let over: Vec<&Partition> =
        found.iter().filter(|part| part.expires && part.ends < today && part.bytes > 0).collect();
    let bytes: u64 = over.iter().filter_map(|part| u64::try_from(part.bytes).ok()).sum();
    if over.is_empty() {
        return Finding::ok("retention", "no expired partitions");
    }
    let level = if bytes >= MUCH || over.len() >= MANY { Level::Warn } else { Level::Ok };
    Finding::new(
        "retention",
        level,
        format!("{} expired partitions take {}: they are not dropped yet", over.len(), size(bytes)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    fn part(from: u32, until: u32) -> Partition {
        Partition {
            parent: "codes".to_owned(),
            starts: day(from),
            ends: day(until),
            wanted: day(12),
            bytes: 8192,
            expires: true,
        }
    }

    #[test]
    fn a_gap_ends_what_is_covered() {
        let whole = [part(9, 10), part(10, 11), part(11, 13)];
        assert_eq!(coming(&whole, day(10), true), Finding::ok("partitions", "made ahead as 1 plans want"));
        let gap = [part(10, 11), part(12, 13)];
        let words = coming(&gap, day(10), true);
        assert_eq!(words.level, Level::Warn);
        assert!(words.words.contains("codes to 2026-11-10, not 2026-11-12"), "{words}");
    }

    #[test]
    fn none_for_today_is_bad_while_a_server_should_have_made_it() {
        let past = [part(9, 10)];
        assert_eq!(coming(&past, day(10), true).level, Level::Bad);
        assert_eq!(coming(&past, day(10), false).level, Level::Warn);
        assert_eq!(coming(&past, day(9), true).level, Level::Warn);
    }

    #[test]
    fn what_is_over_is_counted_but_not_yesterday_nor_a_log() {
        let yesterday = [part(9, 10)];
        assert_eq!(expired(&yesterday, day(10)), Finding::ok("retention", "no expired partitions"));
        let words = "1 expired partitions take 8.0 KiB: they are not dropped yet";
        assert_eq!(expired(&yesterday, day(11)), Finding::ok("retention", words));
        let large = [Partition { bytes: 1 << 30, ..part(9, 10) }];
        assert_eq!(expired(&large, day(11)).level, Level::Warn);
        let log = [Partition { expires: false, ..part(9, 10) }];
        assert_eq!(expired(&log, day(11)), Finding::ok("retention", "no expired partitions"));
    }
}
