//! Partitions: whether there are enough of them ahead, whether those that are over went, and how much there is.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::finding::{Finding, Level, size};
use crate::platform::db::Partition;

/// What the database has of them.
pub(super) struct Seen {
    /// Those of every plan.
    pub(super) found: Vec<Partition>,
    /// Those that were let go and not dropped.
    pub(super) detached: Vec<String>,
}

/// What comes, what is over, and how much there is. A server looks after all of it at its start and hourly, so while
/// none runs, what is missing or over only waits for it.
pub(super) fn check(seen: &Seen, today: NaiveDate, is_serving: bool) -> [Finding; 3] {
    [coming(&seen.found, today, is_serving), retention(seen, today, is_serving), sizes(&seen.found)]
}

fn coming(found: &[Partition], today: NaiveDate, is_serving: bool) -> Finding {
    let plans = plans(found);
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

/// What is over is dropped within the hour by a server; so long after midnight, it is late only on the day after.
fn retention(seen: &Seen, today: NaiveDate, is_serving: bool) -> Finding {
    let pending = seen.found.iter().filter(|part| part.is_pending).map(|part| part.name.as_str());
    let begun: Vec<&str> = pending.chain(seen.detached.iter().map(String::as_str)).collect();
    if !begun.is_empty() {
        let words = format!(
            "dropping {} was begun and not finished. A server tries again at its start and hourly; what is in its way \
             is in its log, and a transaction that does not end in pg_stat_activity",
            begun.join(", ")
        );
        return Finding::warn("retention", words);
    }
    let yesterday = today - Days::new(1);
    let over: Vec<&Partition> =
        seen.found.iter().filter(|part| part.is_planned() && part.is_over(yesterday)).collect();
    if over.is_empty() {
        return Finding::ok("retention", "no expired partitions");
    }
    let words = format!("{} expired partitions take {}: ", over.len(), bytes_of(&over));
    if is_serving {
        return Finding::warn(
            "retention",
            words + "the server should have dropped them, and its log says why not",
        );
    }
    Finding::ok("retention", words + "a server drops them soon after its start")
}

/// A line a table: how much there is of it, and how long it stays.
fn sizes(found: &[Partition]) -> Finding {
    let lines: Vec<String> = plans(found).iter().map(|(name, parts)| line(name, parts)).collect();
    Finding::ok("tables", lines.join("\n"))
}

fn line(name: &str, parts: &[&Partition]) -> String {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return String::new() };
    if first.name.is_empty() {
        return format!("{name:20} has no partitions");
    }
    let stay = match first.over_on {
        Some(over_on) => format!("dropped {} days after they end", (over_on - first.ends).num_days()),
        None => "never dropped".to_owned(),
    };
    let days = format!("{} to {}", first.starts, last.ends - Days::new(1));
    let partitions = if parts.len() == 1 { "partition" } else { "partitions" };
    format!("{name:20} {} in {} {partitions}, {days}, {stay}", bytes_of(parts), parts.len())
}

fn bytes_of(parts: &[&Partition]) -> String {
    size(parts.iter().filter_map(|part| u64::try_from(part.bytes).ok()).sum())
}

/// Of each table its partitions, by day.
fn plans(found: &[Partition]) -> BTreeMap<&str, Vec<&Partition>> {
    let mut plans: BTreeMap<&str, Vec<&Partition>> = BTreeMap::new();
    for partition in found {
        plans.entry(&partition.parent).or_default().push(partition);
    }
    plans
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
            name: format!("codes_{}", day(from).format("%Y%m%d")),
            starts: day(from),
            ends: day(until),
            wanted: day(12),
            over_on: Some(day(until + 2)),
            is_pending: false,
            is_marked: false,
            bytes: 8192,
        }
    }

    fn seen(found: Vec<Partition>) -> Seen {
        Seen { found, detached: Vec::new() }
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
    fn what_is_over_waits_for_a_server_and_is_a_server_s_fault_after_a_day() {
        let well = Finding::ok("retention", "no expired partitions");
        let over = seen(vec![part(9, 10)]);
        assert_eq!(retention(&over, day(12), true), well);
        let words = "1 expired partitions take 8.0 KiB: a server drops them soon after its start";
        assert_eq!(retention(&over, day(13), false), Finding::ok("retention", words));
        assert_eq!(retention(&over, day(13), true).level, Level::Warn);
        let kept = seen(vec![Partition { over_on: None, ..part(9, 10) }]);
        assert_eq!(retention(&kept, day(13), true), well);
        let own = seen(vec![Partition { name: "codes_of_ada".to_owned(), ..part(9, 10) }]);
        assert_eq!(retention(&own, day(13), true), well);
    }

    #[test]
    fn what_was_begun_is_told_by_its_name() {
        let pending = seen(vec![Partition { is_pending: true, ..part(9, 10) }]);
        let detached = Seen { found: Vec::new(), detached: vec!["codes_20261109".to_owned()] };
        for begun in [pending, detached] {
            let told = retention(&begun, day(10), false);
            assert_eq!(told.level, Level::Warn);
            assert!(told.words.starts_with("dropping codes_20261109 was begun"), "{told}");
        }
    }

    #[test]
    fn of_each_table_one_reads_how_much_there_is_and_how_long_it_stays() {
        let log = |from, until| Partition { parent: "log".to_owned(), over_on: None, ..part(from, until) };
        let found = [part(9, 10), part(10, 11), log(9, 10)];
        let words = "codes                16 KiB in 2 partitions, 2026-11-09 to 2026-11-10, dropped 2 days after they end\n\
                     log                  8.0 KiB in 1 partition, 2026-11-09 to 2026-11-09, never dropped";
        assert_eq!(sizes(&found), Finding::ok("tables", words));
    }
}
