//! Nodes and Postgres killed as by `kill -9` while clients are at work: what these were told holds.

use std::time::{Duration, Instant};

use crate::support::history::Load;
use crate::support::{Fleet, OwnPostgres, eventually};

/// One of two dies, until somebody felt it; the other goes on.
async fn a_node_dies(load: &Load, fleet: &Fleet) {
    felt(load, async || {
        fleet.kill(0);
        load.goes_on(10).await;
        fleet.start_again(0).await;
    })
    .await;
}

async fn every_node_dies(load: &Load, fleet: &Fleet) {
    felt(load, async || {
        fleet.kill(0);
        fleet.kill(1);
        tokio::join!(fleet.start_again(0), fleet.start_again(1));
    })
    .await;
}

async fn postgres_dies(load: &Load, postgres: &OwnPostgres) {
    let crashes = postgres.crashes();
    felt(load, async || postgres.kill()).await;
    eventually("started again", || async { postgres.crashes() > crashes }).await;
}

/// Breaks something until somebody does not know what became of a request, and waits until all are at work again.
async fn felt(load: &Load, breaking: impl AsyncFn()) {
    let before = load.history.unknown();
    let is_felt = || load.history.unknown() > before;
    for _ in 0..20 {
        breaking().await;
        if is_felt() {
            break;
        }
    }
    eventually("felt", || async { is_felt() }).await;
    load.goes_on(40).await;
}

/// Held against the world, with something of everything.
async fn holds(load: &Load) {
    let report = load.report().await;
    for what in ["issued", "redeemed", "refreshed", "revoked", "introspected", "unknown"] {
        assert!(report.counts.get(what).is_some_and(|many| *many > 0), "nothing {what}: {report}");
    }
    assert!(report.breaches.is_empty(), "{report}");
}

/// V10, U14: under `kill -9` of a node, of all nodes, and of the postmaster.
#[tokio::test]
async fn what_was_acknowledged_outlives_every_kill() {
    let postgres = OwnPostgres::start();
    let fleet = Fleet::start(&postgres.url(), 2, &[]).await;
    let load = Load::on(fleet.app()).await;
    load.during(async {
        a_node_dies(&load, &fleet).await;
        every_node_dies(&load, &fleet).await;
        postgres_dies(&load, &postgres).await;
    })
    .await;
    holds(&load).await;
}

/// The same for as long as `SOAK_MINUTES` says.
#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn soak_what_was_acknowledged_outlives_every_kill() {
    let minutes = std::env::var("SOAK_MINUTES").map_or(3, |text| text.parse().expect("minutes"));
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let postgres = OwnPostgres::start();
    // Longer than any soak, so that no token dies of age.
    let fleet = Fleet::start(&postgres.url(), 2, &[("GRANTOR_TOKENS__ACCESS_LIFETIME_S", "86400")]).await;
    let load = Load::on(fleet.app()).await;
    load.during(async {
        while Instant::now() < until {
            a_node_dies(&load, &fleet).await;
            every_node_dies(&load, &fleet).await;
            postgres_dies(&load, &postgres).await;
            println!("{} acknowledged, {} unknown", load.history.acknowledged(), load.history.unknown());
        }
    })
    .await;
    holds(&load).await;
}
