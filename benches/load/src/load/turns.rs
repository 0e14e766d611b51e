//! Two servers by turns, A B A B, so that what disturbs the machine for a while disturbs both.

use std::time::Duration;

use anyhow::Result;

use crate::figures::Figures;
use crate::options::Measure;
use crate::report::{Pair, progress};
use crate::round::{Plan, measure};
use crate::target::Target;
use crate::workload::Workload;

/// Measures what both have; what one lacks is said.
pub async fn all(measure: &Measure, left: &mut Target, right: &mut Target) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for workload in measure.workloads() {
        pairs.extend(pair(*workload, measure.plan(), measure.rounds, left, right).await?);
    }
    Ok(pairs)
}

/// The acts with one connection: what one commit costs whoever waits for it.
pub async fn alone(rounds: u32, left: &mut Target, right: &mut Target) -> Result<Vec<Pair>> {
    let plan =
        Plan { connections: 1, warm_up: Duration::from_millis(300), counted: Duration::from_millis(1500) };
    let mut pairs = Vec::new();
    for workload in Workload::ACTS {
        pairs.extend(pair(workload, plan, rounds, left, right).await?);
    }
    Ok(pairs)
}

async fn pair(
    workload: Workload,
    plan: Plan,
    rounds: u32,
    left: &mut Target,
    right: &mut Target,
) -> Result<Option<Pair>> {
    if let Some(why) = [&*left, &*right].iter().find_map(|target| target.offers.lack(workload)) {
        eprintln!("{}: not available: {why}", workload.name());
        return Ok(None);
    }
    let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (target, kept) in [(&mut *left, &mut of_left), (&mut *right, &mut of_right)] {
            let figures = measure(target, workload, plan).await?;
            progress(workload, &target.name, &figures);
            kept.push(figures);
        }
    }
    Ok(Some(Pair { workload, left: Figures::median(&of_left), right: Figures::median(&of_right) }))
}
