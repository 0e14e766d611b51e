//! What one may ask for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, value_parser};

use crate::round::Plan;
use crate::workload::Workload;

/// Measures Grantor beside the bare limit of the machine, on this machine only.
#[derive(Parser)]
#[command(name = "load", max_term_width = 100)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to measure.
#[derive(Subcommand)]
pub enum Command {
    /// The workloads, Grantor and the limit by turns.
    Run(Measure),
    /// The workloads with few and with many live tokens by turns, a day's tokens dropped under load, and the footprint.
    Growth(Growth),
    /// Memory, size, and the time until the first answer.
    Footprint(Footprint),
}

/// How to measure.
#[derive(Args, Clone)]
pub struct Measure {
    /// Seconds of a round.
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Seconds before it that do not count.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u64).range(0..=10))]
    warm_up: u64,
    /// Rounds; their median is shown.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..=9))]
    pub rounds: u32,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Only these workloads, with commas between.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Workload>,
    #[command(flatten)]
    pub place: Place,
}

/// Where things are, and how they are shown.
#[derive(Args, Clone)]
pub struct Place {
    /// Where the databases of the run lie; on a disk. [default: the directory for temporary files]
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
    /// Print tables in Markdown.
    #[arg(long)]
    pub markdown: bool,
}

/// How far to grow.
#[derive(Args, Clone)]
pub struct Growth {
    /// Live tokens in the small database and in the large one.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 10_000_000],
          value_parser = value_parser!(u64).range(1_000..=100_000_000))]
    pub sizes: Vec<u64>,
    /// Minutes after which it gives up.
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u64).range(1..=240))]
    pub minutes: u64,
    #[command(flatten)]
    pub weight: Weight,
    #[command(flatten)]
    pub measure: Measure,
}

/// What to weigh.
#[derive(Args, Clone)]
pub struct Footprint {
    #[command(flatten)]
    pub weight: Weight,
    #[command(flatten)]
    pub place: Place,
}

/// How much to ask before memory is looked at.
#[derive(Args, Clone)]
pub struct Weight {
    /// Requests before memory is looked at.
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1_000..=10_000_000))]
    pub requests: u64,
}

impl Measure {
    /// The workloads that were picked; without a choice all.
    pub fn workloads(&self) -> &[Workload] {
        if self.only.is_empty() { &Workload::ALL } else { &self.only }
    }

    /// Whether all was asked for.
    pub fn is_whole(&self) -> bool {
        self.only.is_empty()
    }

    /// How each round goes.
    pub fn plan(&self) -> Plan {
        Plan {
            connections: usize::from(self.connections),
            warm_up: Duration::from_secs(self.warm_up),
            counted: Duration::from_secs(self.seconds),
        }
    }
}

impl Place {
    /// Where the databases lie.
    pub fn dir(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// A program that was built beside this one.
pub fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let program = own.parent().unwrap_or(Path::new(".")).join(name);
    anyhow::ensure!(
        program.exists(),
        "{} is not there: use `make bench`, which builds it",
        program.display()
    );
    Ok(program)
}
