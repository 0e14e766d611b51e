//! No window, wherever it begins, holds more calls than its quota: one node or five, however small the quota.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use grantor::limits::Limits;
use grantor::limits::rules::Applied;

use super::{Somebody, Stored};

const WINDOW: Duration = Duration::from_secs(1);
const AT_LEAST: Duration = Duration::from_millis(2500);

/// When a call that was allowed began and ended, and what it cost: it was counted at some moment between.
type Call = (Instant, Instant, u64);

/// How eight callers fared who called as often as they could: for more than two windows, and until two windows and more
/// were full, however slow the machine.
struct Hammered {
    allowed: Vec<Call>,
    refused: usize,
}

/// `costs`: what the calls cost, one after the other.
async fn hammer(nodes: &[Arc<Limits>], limits: &[Applied], quota: u64, costs: &'static [u64]) -> Hammered {
    let (until, so_many) = (Instant::now() + AT_LEAST, Arc::new(AtomicU64::new(0)));
    let callers = (0..8usize).map(|caller| {
        let (node, limits, so_many) =
            (Arc::clone(&nodes[caller % nodes.len()]), limits.to_vec(), Arc::clone(&so_many));
        tokio::spawn(async move {
            let mut hammered = Hammered { allowed: Vec::new(), refused: 0 };
            for cost in costs.iter().cycle().skip(caller) {
                if Instant::now() >= until && so_many.load(Ordering::SeqCst) >= quota * 2 {
                    break;
                }
                let began = Instant::now();
                if node.decide(&limits, true, *cost).await.expect("a verdict").allowed {
                    hammered.allowed.push((began, Instant::now(), *cost));
                    so_many.fetch_add(*cost, Ordering::SeqCst);
                } else {
                    hammered.refused += 1;
                    // Otherwise those who are refused at once let nobody else in.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            hammered
        })
    });
    let mut all = Hammered { allowed: Vec::new(), refused: 0 };
    for caller in join_all(callers).await {
        let caller = caller.expect("a caller");
        all.allowed.extend(caller.allowed);
        all.refused += caller.refused;
    }
    all
}

/// The most that was certainly used in one window.
fn fullest(calls: &[Call]) -> u64 {
    let within = |from: Instant| {
        let calls = calls.iter().filter(|(began, ended, _)| *began >= from && *ended <= from + WINDOW);
        calls.map(|(.., cost)| cost).sum::<u64>()
    };
    calls.iter().map(|(began, ..)| within(*began)).max().unwrap_or(0)
}

async fn no_window_holds_more(stored: &Stored) {
    for (many, leases, quota) in
        [(1, false, 3), (5, true, 3), (1, true, 40), (5, false, 40), (5, true, 40), (5, true, 200)]
    {
        let limits = Somebody::new().limits(&[&format!("second sliding {quota}/1")]);
        let hammered = hammer(&stored.nodes(many, leases), &limits, quota, &[1]).await;
        let most = fullest(&hammered.allowed);
        assert!(most <= quota, "{most} of {quota} in one window, {many} nodes, leases: {leases}");
        assert!(hammered.refused > 0 || quota > 40, "nobody came to the bounds of {quota}");
    }
}

/// Of what a lease has too little of, the store is asked for the rest; and callers hang up, and leases go back meanwhile.
async fn no_window_holds_more_of_what_is_taken_in_parts(stored: &Stored) {
    for many in [1, 5] {
        let limits = Somebody::new().limits(&["second sliding 400/1 cost"]);
        let nodes = stored.nodes(many, true);
        let others = nodes.iter().map(|node| {
            let (node, limits) = (Arc::clone(node), limits.clone());
            tokio::spawn(async move {
                for pause_us in (0..).map(|round| round * 37 % 900) {
                    let call = node.decide(&limits, true, 3);
                    let _ = tokio::time::timeout(Duration::from_micros(pause_us), call).await;
                    node.tend().await.expect("giving back");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        });
        let others: Vec<_> = others.collect();
        let hammered = hammer(&nodes, &limits, 400, &[1, 7, 2, 9, 4]).await;
        others.iter().for_each(tokio::task::JoinHandle::abort);
        let most = fullest(&hammered.allowed);
        assert!(most <= 400, "{most} of 400 in one window, {many} nodes");
        assert!(hammered.refused > 0, "nobody came to the bounds");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_holds_more_in_parts_in_memory() {
    no_window_holds_more_of_what_is_taken_in_parts(&super::memory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_holds_more_in_parts_in_postgres() {
    no_window_holds_more_of_what_is_taken_in_parts(&super::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_holds_more_in_parts_in_redis() {
    no_window_holds_more_of_what_is_taken_in_parts(&super::redis().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_holds_more_in_memory() {
    no_window_holds_more(&super::memory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_holds_more_in_postgres() {
    no_window_holds_more(&super::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_window_holds_more_in_redis() {
    no_window_holds_more(&super::redis().await).await;
}
