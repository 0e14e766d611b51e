//! How figures are shown.

use std::fmt::Write as _;

use crate::figures::Figures;
use crate::machine::QUIET;
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

/// Rows of a table, shown as text or in Markdown.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }

    /// The table.
    pub fn shown(&self, markdown: bool) -> String {
        if markdown { self.markdown() } else { self.text() }
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = self.head.iter().map(|_| "---".to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.head), line(&rule).replace(' ', ""))
    }

    fn text(&self) -> String {
        let mut widths = vec![0; self.head.len()];
        for row in std::iter::once(&self.head).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            for (width, cell) in widths.iter().zip(row) {
                // Writing to a String cannot fail.
                let _ = write!(text, "{cell:width$}  ");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
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
        &format!("CPU µs (server + Postgres): {left}"),
        right,
        &format!("p50 / p99 ms: {left}"),
        right,
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

/// A whole number with its thousands apart.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
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
    fn thousands_stand_apart() {
        assert_eq!([0.4, 999.6, 12_345.0, 1_000_000.0].map(thousands), ["0", "1 000", "12 345", "1 000 000"]);
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let mut table = Table::new(["a", "b"]);
        table.row(["long".to_owned(), "µ".to_owned()]);
        assert_eq!(table.shown(true), "| a | b |\n|---|---|\n| long | µ |\n");
        assert_eq!(table.shown(false), "a     b\nlong  µ\n");
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
