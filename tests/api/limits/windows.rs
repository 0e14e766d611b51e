//! No window, wherever it begins, holds more calls than its quota: one node or five, however small the quota.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use grantor::limits::Limits;
use grantor::limits::rules::Applied;

use super::{Somebody, Stored};

const WINDOW: Duration = Duration::from_secs(1);
const AT_LEAST: Duration = Duration::from_millis(2500);

/// When a call that was allowed began and ended: it was counted at some moment between.
type Call = (Instant, Instant);

/// How eight callers fared who called as often as they could: for more than two windows, and until two windows and more
/// were full, however slow the machine.
struct Hammered {
    allowed: Vec<Call>,
    refused: usize,
}

async fn hammer(nodes: &[Arc<Limits>], limits: &[Applied], quota: usize) -> Hammered {
    let (until, so_many) = (Instant::now() + AT_LEAST, Arc::new(AtomicUsize::new(0)));
    let callers = (0..8usize).map(|caller| {
        let (node, limits, so_many) =
            (Arc::clone(&nodes[caller % nodes.len()]), limits.to_vec(), Arc::clone(&so_many));
        tokio::spawn(async move {
            let mut hammered = Hammered { allowed: Vec::new(), refused: 0 };
            while Instant::now() < until || so_many.load(Ordering::SeqCst) < quota * 2 {
                let began = Instant::now();
                if node.decide(&limits, true, 1).await.expect("a verdict").allowed {
                    hammered.allowed.push((began, Instant::now()));
                    so_many.fetch_add(1, Ordering::SeqCst);
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

/// The most calls that certainly fell into one window.
fn fullest(calls: &[Call]) -> usize {
    let within = |from: Instant| {
        calls.iter().filter(|(began, ended)| *began >= from && *ended <= from + WINDOW).count()
    };
    calls.iter().map(|(began, _)| within(*began)).max().unwrap_or(0)
}

async fn no_window_holds_more(stored: &Stored) {
    for (many, leases, quota) in
        [(1, false, 3), (5, true, 3), (1, true, 40), (5, false, 40), (5, true, 40), (5, true, 200)]
    {
        let limits = Somebody::new().limits(&[&format!("second sliding {quota}/1")]);
        let hammered = hammer(&stored.nodes(many, leases), &limits, quota).await;
        let most = fullest(&hammered.allowed);
        assert!(most <= quota, "{most} of {quota} in one window, {many} nodes, leases: {leases}");
        assert!(hammered.refused > 0 || quota > 40, "nobody came to the bounds of {quota}");
    }
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
