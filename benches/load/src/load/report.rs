//! What the figures of two servers say together.

use crate::figures::Figures;
use crate::machine::QUIET;
use crate::table::{Table, thousands};
use crate::workload::Workload;

/// One workload at two servers.
pub struct Pair {
    /// What was measured.
    pub workload: Workload,
    /// What is compared with.
    pub left: Figures,
    /// What is judged.
    pub right: Figures,
}

impl Pair {
    /// The right one's rate, in percent of the left one's.
    pub fn share(&self) -> f64 {
        percent(self.right.rate, self.left.rate)
    }

    /// The same by what an operation costs the processors: steadier than rates.
    fn share_of_cost(&self) -> f64 {
        percent(self.left.cost(), self.right.cost())
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part * 100.0 / whole } else { 0.0 }
}

/// One round, as it ends.
pub fn progress(workload: Workload, name: &str, figures: &Figures) {
    eprintln!(
        "{:36} {name:11} {:>8.0}/s  p50 {:>7.2} ms  p99 {:>7.2} ms  server {:>6.1} µs  Postgres {:>6.1} µs  \
         generator {:>4.1} µs  others {:>3.0} %{}",
        workload.name(),
        figures.rate,
        figures.p50,
        figures.p99,
        figures.server,
        figures.postgres,
        figures.generator,
        figures.other,
        if figures.errors > 0 { "  ERRORS" } else { "" },
    );
    for words in &figures.words {
        eprintln!("    {words}");
    }
}

/// All workloads, with the share that is to be reached: the limit's by the workload, or one for all.
pub fn shares(pairs: &[Pair], left: &str, right: &str, target: Option<f64>) -> Table {
    let mut table = Table::new([
        "workload",
        &format!("{left} /s"),
        &format!("{right} /s"),
        "share",
        "to reach",
        "share by CPU",
        &format!("{left}: µs (server + Postgres)"),
        &format!("{right}: µs"),
        &format!("{left}: p50 / p99 ms"),
        &format!("{right}: p50 / p99 ms"),
        "p99 by p50, at most 5",
        "errors",
    ]);
    for pair in pairs {
        table.row([
            pair.workload.name().to_owned(),
            thousands(pair.left.rate),
            thousands(pair.right.rate),
            format!("{:.0} %", pair.share()),
            format!("{:.0} %", target.unwrap_or_else(|| pair.workload.target())),
            format!("{:.0} %", pair.share_of_cost()),
            cost(&pair.left),
            cost(&pair.right),
            latency(&pair.left),
            latency(&pair.right),
            format!("{:.1}", percent(pair.right.p99, pair.right.p50) / 100.0),
            (pair.left.errors + pair.right.errors).to_string(),
        ]);
    }
    table
}

/// The acts with one connection.
pub fn latencies(pairs: &[Pair]) -> Table {
    let mut table = Table::new([
        "one connection",
        "limit: p50 / p99 ms",
        "Grantor: p50 / p99 ms",
        "times",
        "at most",
        "errors",
    ]);
    for pair in pairs {
        table.row([
            pair.workload.name().to_owned(),
            latency(&pair.left),
            latency(&pair.right),
            format!("{:.2}", percent(pair.right.p50, pair.left.p50) / 100.0),
            "2".to_owned(),
            (pair.left.errors + pair.right.errors).to_string(),
        ]);
    }
    table
}

/// What keeps figures from counting.
pub fn doubts(pairs: &[Pair]) -> Vec<String> {
    let mut doubts = Vec::new();
    for pair in pairs {
        let errors = pair.left.errors + pair.right.errors;
        if errors > 0 {
            doubts.push(format!("{}: {errors} errors, so its figures do not count", pair.workload.name()));
        }
    }
    let others = pairs.iter().map(|pair| pair.left.other.max(pair.right.other)).fold(0.0, f64::max);
    if others > QUIET {
        doubts.push(format!("others used up to {others:.0} % of a core meanwhile"));
    }
    doubts
}

fn cost(figures: &Figures) -> String {
    format!("{:.1} + {:.1}", figures.server, figures.postgres)
}

fn latency(figures: &Figures) -> String {
    format!("{:.2} / {:.2}", figures.p50, figures.p99)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(left: f64, right: f64) -> Pair {
        let figures = |rate: f64| Figures { rate, server: 1e6 / rate, ..Figures::default() };
        Pair { workload: Workload::Opaque, left: figures(left), right: figures(right) }
    }

    #[test]
    fn the_share_is_that_of_the_right_one() {
        assert_eq!(pair(200.0, 50.0).share(), 25.0);
        assert!((pair(200.0, 50.0).share_of_cost() - 25.0).abs() < 1e-9);
        assert_eq!(pair(0.0, 50.0).share(), 0.0);
    }

    #[test]
    fn errors_and_noise_are_doubts() {
        let mut noisy = pair(2.0, 1.0);
        assert!(doubts(&[noisy]).is_empty());
        noisy = pair(2.0, 1.0);
        noisy.right.errors = 1;
        noisy.left.other = 50.0;
        assert_eq!(doubts(&[noisy]).len(), 2);
    }
}
