//! No window, wherever it begins, holds more calls than its quota: one node or five, however small the quota. And what is
//! left of it sinks while it lasts.

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
                    // The others are to have most of the time.
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

/// What a call of one of eight callers was told was left, and when it began and ended.
struct Told {
    node: usize,
    began: Instant,
    ended: Instant,
    allowed: bool,
    remaining: u64,
}

/// Eight callers, until nobody lets them through any more; each has its node.
async fn told_to_eight(nodes: &[Arc<Limits>], limits: &[Applied]) -> Vec<Told> {
    let callers = (0..8usize).map(|caller| {
        let node = caller % nodes.len();
        let (limits, counts) = (limits.to_vec(), Arc::clone(&nodes[node]));
        tokio::spawn(async move {
            let mut told: Vec<Told> = Vec::new();
            while told.iter().rev().take(3).filter(|told| !told.allowed).count() < 3 {
                let began = Instant::now();
                let verdict = counts.decide(&limits, true, 1).await.expect("a verdict");
                let (allowed, remaining) = (verdict.allowed, verdict.policies[0].remaining);
                told.push(Told { node, began, ended: Instant::now(), allowed, remaining });
            }
            told
        })
    });
    join_all(callers).await.into_iter().flat_map(|caller| caller.expect("a caller")).collect()
}

/// Within a window that outlasts the test. Without leases every number is told once, to whoever is let through, and who
/// asks after somebody was answered is told less, wherever each of them asks. With them a node does not know at once what
/// others use; but it never tells of more than what its own callers left.
async fn what_is_left_sinks(stored: &Stored) {
    for (many, leases, line) in [
        (1, false, "hour sliding 3/3600"),
        (5, true, "hour sliding 3/3600"),
        (5, false, "hour sliding 3/3600"),
        (1, false, "hour sliding 100/3600"),
        (5, false, "month calendar 100/2592000"),
        (1, true, "hour sliding 400/3600"),
        (5, true, "hour sliding 400/3600"),
        (5, true, "month calendar 400/2592000"),
    ] {
        let limits = Somebody::new().limits(&[line]);
        let told = told_to_eight(&stored.nodes(many, leases), &limits).await;
        let quota = limits[0].quota;
        // Of so little nothing is on lease.
        let is_exact = !leases || quota == 3;
        for after in &told {
            let place = format!("{} of {line}, {many} nodes, leases: {leases}", after.remaining);
            let before = told.iter().filter(|before| before.ended <= after.began);
            let own = u64::from(after.allowed);
            if is_exact {
                let least = before.map(|before| before.remaining).min().unwrap_or(quota);
                assert!(after.remaining + own <= least, "{place} after {least}");
                assert!(after.allowed || after.remaining == 0, "{place} are left");
            } else {
                let here = before.filter(|before| before.node == after.node && before.allowed).count();
                let used = u64::try_from(here).expect("few") + own;
                assert!(after.remaining + used <= quota, "{place} after {used}");
            }
        }
        if is_exact {
            let mut numbers: Vec<u64> =
                told.iter().filter(|told| told.allowed).map(|told| told.remaining).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..quota).collect::<Vec<_>>(), "{line}, {many} nodes");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_left_sinks_in_memory() {
    what_is_left_sinks(&super::memory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_left_sinks_in_postgres() {
    what_is_left_sinks(&super::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_left_sinks_in_redis() {
    what_is_left_sinks(&super::redis().await).await;
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
