//! The load generator: starts Grantor and the bare limit of the machine, each over a durable private Postgres, has them
//! answer the same requests by turns, and says how they compare. docs/benchmarks.md says what the figures mean.
//!
//! It has one thread, reaches loopback only, is bounded in time, and leaves nothing behind.
#![allow(clippy::print_stderr)]

mod cast;
mod cpu;
mod figures;
mod fill;
mod footprint;
mod grantor;
mod growth;
mod home;
mod http;
mod machine;
mod offers;
mod options;
mod process;
mod purge;
mod report;
mod round;
mod table;
mod target;
mod turns;
mod visitor;
mod workload;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::home::Home;
use crate::options::{Command, Footprint, Measure, Options, built};
use crate::target::Target;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match until_asked_to_end(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ctrl-C and SIGTERM end the run in order, so that no server and no directory is left.
async fn until_asked_to_end(options: Options) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let run = async {
        machine::warn_if_busy().await?;
        match &options.command {
            Command::Run(measure) => run(measure).await,
            Command::Growth(growth) => growth::run(growth).await,
            Command::Footprint(Footprint { weight, place }) => {
                let home = Home::make(&place.dir())?;
                footprint::run(weight, &home, place.markdown).await
            }
        }
    };
    tokio::select! {
        done = run => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("asked to end"),
    }
}

/// Grantor and the limit by turns.
async fn run(measure: &Measure) -> Result<()> {
    let home = Home::make(&measure.place.dir())?;
    let (program, visitors) = (built("grantor")?, measure.plan().connections);
    let mut limit = Target::limit(&built("limit")?, &program, &home.path().join("limit"), visitors).await?;
    let mut grantor = Target::grantor("Grantor", &program, &home.path().join("grantor"), visitors).await?;
    let machine = machine::description(&grantor.grantor.database()?).await?;
    eprintln!("{machine}\n");

    let mut pairs = turns::all(measure, &mut limit, &mut grantor).await?;
    let mut alone = Vec::new();
    if measure.is_whole() {
        alone = turns::alone(measure.rounds, &mut limit, &mut grantor).await?;
    }
    let markdown = measure.place.markdown;
    println!("{machine}\n\n{}", report::shares(&pairs, "limit", "Grantor", None).shown(markdown));
    if !alone.is_empty() {
        println!("{}", report::latencies(&alone).shown(markdown));
    }
    pairs.extend(alone);
    for doubt in report::doubts(&pairs) {
        println!("DOUBT: {doubt}");
    }
    Ok(())
}
