//! What a round yields, and the middle of several rounds.

use std::time::Duration;

use crate::cpu::Used;

/// The figures of one server under one workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Operations a second.
    pub rate: f64,
    /// Milliseconds that half of the operations took at most.
    pub p50: f64,
    /// And all but one in a hundred.
    pub p99: f64,
    /// And all.
    pub max: f64,
    /// Microseconds of the processors that one operation cost the server,
    pub server: f64,
    /// its Postgres,
    pub postgres: f64,
    /// and us.
    pub generator: f64,
    /// What others used meanwhile, in percent of one core.
    pub other: f64,
    /// Operations that failed.
    pub errors: u64,
    /// What some of them said.
    pub words: Vec<String>,
}

impl Figures {
    /// Of the latencies (µs) of those that succeeded within `elapsed`.
    pub fn of(
        mut latencies: Vec<u32>,
        used: Used,
        elapsed: Duration,
        errors: u64,
        words: Vec<String>,
    ) -> Self {
        latencies.sort_unstable();
        let count = latencies.len().max(1) as f64;
        let each = |seconds: f64| seconds * 1e6 / count;
        Self {
            rate: latencies.len() as f64 / elapsed.as_secs_f64(),
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
            max: percentile(&latencies, 100),
            server: each(used.server),
            postgres: each(used.postgres),
            generator: each(used.generator),
            other: used.other() * 100.0 / elapsed.as_secs_f64(),
            errors,
            words,
        }
    }

    /// The median of each figure; errors are added up, and of the worst noise nothing is hidden.
    pub fn median(rounds: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| middle(rounds.iter().map(figure).collect());
        Self {
            rate: middle(|round| round.rate),
            p50: middle(|round| round.p50),
            p99: middle(|round| round.p99),
            max: middle(|round| round.max),
            server: middle(|round| round.server),
            postgres: middle(|round| round.postgres),
            generator: middle(|round| round.generator),
            other: rounds.iter().map(|round| round.other).fold(0.0, f64::max),
            errors: rounds.iter().map(|round| round.errors).sum(),
            words: rounds.iter().flat_map(|round| round.words.clone()).take(3).collect(),
        }
    }

    /// Microseconds of the processors that one operation cost server and Postgres.
    pub fn cost(&self) -> f64 {
        self.server + self.postgres
    }
}

/// The median.
pub fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.get(half), values.len() % 2) {
        (Some(upper), 0) => f64::midpoint(*upper, values.get(half - 1).copied().unwrap_or(*upper)),
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

/// A percentile of sorted microseconds, in milliseconds: the least value that so many do not exceed.
fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<u32> = (1..=200).map(|value| value * 1000).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&sorted, percent)), [100.0, 198.0, 200.0]);
        assert_eq!(percentile(&[7000], 99), 7.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }

    #[test]
    fn the_middle_is_not_moved_by_one_bad_round() {
        assert_eq!(middle(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(middle(vec![1.0, 3.0]), 2.0);
        let round = |rate, errors| Figures { rate, errors, ..Figures::default() };
        let median = Figures::median(&[round(100.0, 0), round(5.0, 2), round(110.0, 1)]);
        assert_eq!((median.rate, median.errors), (100.0, 3));
    }

    #[test]
    fn a_round_is_counted_by_its_time_and_cost() {
        let used = Used { server: 1.0, postgres: 0.5, generator: 0.2, machine: 2.0 };
        let figures = Figures::of(vec![1000; 50_000], used, Duration::from_secs(2), 0, Vec::new());
        assert_eq!((figures.rate, figures.server, figures.cost()), (25_000.0, 20.0, 30.0));
        assert!((figures.other - 15.0).abs() < 1e-9);
    }
}
