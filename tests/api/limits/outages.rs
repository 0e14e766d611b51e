//! A store that dies: each limit does as it says, and goes back to counting when the store is there again.

use std::sync::Arc;
use std::time::Duration;

use grantor::kernel::FaultKind;
use grantor::limits::rules::Applied;
use grantor::limits::stores::LimitStore;
use grantor::limits::stores::postgres::PostgresStore;
use grantor::limits::{Limits, Manner};
use grantor::platform::clock::Clock;

use super::{Somebody, ledger, redis_at};
use crate::support::{Redis, Relay, database, eventually};

/// One of two nodes over this store.
fn node(store: Arc<dyn LimitStore>) -> Limits {
    let manner = Manner { nodes: 2, leases: false, patience: Duration::from_millis(500) };
    Limits::new(store, manner, Clock::System)
}

/// A limit of each mode.
struct Modes {
    local: Vec<Applied>,
    open: Vec<Applied>,
    closed: Vec<Applied>,
    all: Vec<Applied>,
}

impl Modes {
    fn new() -> Self {
        let mode = |mode: &str| Somebody::new().limits(&[&format!("{mode} sliding 10/3600 requests {mode}")]);
        let (local, open, closed) = (mode("local"), mode("open"), mode("closed"));
        let all = [&local[..], &open, &closed].concat();
        Self { local, open, closed, all }
    }
}

/// Whether the store is asked and answers: a closed limit says so.
async fn counts(node: &Limits, modes: &Modes) -> bool {
    node.status(&modes.closed).await.is_ok()
}

async fn allowed(node: &Limits, limits: &[Applied], calls: usize) -> usize {
    let mut allowed = 0;
    for _ in 0..calls {
        allowed += usize::from(node.decide(limits, true, 1).await.expect("a verdict").allowed);
    }
    allowed
}

async fn with_the_store(node: &Limits, modes: &Modes) {
    for limits in [&modes.local, &modes.open, &modes.closed] {
        let verdict = node.decide(limits, true, 1).await.expect("a verdict");
        assert!(verdict.allowed);
        assert_eq!(verdict.policies[0].remaining, 9);
    }
}

async fn without_the_store(node: &Limits, modes: &Modes) {
    let closed = node.decide(&modes.closed, true, 1).await.expect_err("nobody knows");
    assert_eq!(closed.kind(), FaultKind::Unavailable);
    let all = node.decide(&modes.all, true, 1).await.expect_err("nobody knows");
    assert_eq!(all.kind(), FaultKind::Unavailable, "one that is closed is closed for all");
    for _ in 0..20 {
        let open = node.decide(&modes.open, true, 1).await.expect("a verdict");
        assert!(open.allowed && open.policies.is_empty());
    }
    // Ten of two nodes: five of this one, whatever the store knew.
    assert_eq!(allowed(node, &modes.local, 20).await, 5);
    let refused = node.decide(&modes.local, true, 1).await.expect("a verdict");
    assert_eq!((refused.allowed, refused.policies[0].quota), (false, 10));
    assert!(refused.retry_after_s.is_some());
    assert!(node.status(&modes.closed).await.is_err());
}

#[tokio::test]
async fn a_redis_that_is_killed() {
    let mut redis = Redis::start().await;
    let (node, modes) = (&node(redis_at(&redis.url())), &Modes::new());
    with_the_store(node, modes).await;
    redis.kill();
    without_the_store(node, modes).await;
    redis.start_again().await;
    eventually("is it counted again", || counts(node, modes)).await;
    assert_eq!(allowed(node, &modes.closed, 20).await, 10, "a new Redis knows nothing of before");
}

#[tokio::test]
async fn a_postgres_that_falls_silent() {
    let database = database();
    let relay = Relay::to(&database.url);
    let (node, modes) = (&node(Arc::new(PostgresStore::new(ledger(&relay.url())))), &Modes::new());
    eventually("is it counted", || counts(node, modes)).await;
    with_the_store(node, modes).await;
    relay.fall_silent();
    without_the_store(node, modes).await;
    relay.cut();
    eventually("is it counted again", || counts(node, modes)).await;
    // What was asked in vain may have been counted when the silence was over.
    let left = allowed(node, &modes.closed, 20).await;
    assert!((1..=9).contains(&left), "{left}");
}

/// What a node let through while the store answered, counts when it does not: so where there is one node, a store that is
/// slow for a moment opens nothing.
#[tokio::test]
async fn one_node_allows_no_more_than_the_quota_with_a_store_and_without() {
    for leases in [false, true] {
        let database = database();
        let relay = Relay::to(&database.url);
        let store = Arc::new(PostgresStore::new(ledger(&relay.url())));
        let manner = Manner { nodes: 1, leases, patience: Duration::from_millis(500) };
        let (node, modes) = (&Limits::new(store, manner, Clock::System), &Modes::new());
        eventually("is it counted", || counts(node, modes)).await;
        let limits = ["sliding 40/3600", "calendar 40/86400", "bucket 40/86400"]
            .map(|terms| Somebody::new().limits(&[&format!("one {terms} requests local")]));
        for limits in &limits {
            assert_eq!(allowed(node, limits, 30).await, 30);
        }
        relay.fall_silent();
        for limits in &limits {
            assert_eq!(allowed(node, limits, 30).await, 10, "{leases} {limits:?}");
            let refused = node.decide(limits, true, 1).await.expect("a verdict");
            assert_eq!((refused.policies[0].quota, refused.policies[0].remaining), (40, 0));
            assert!(refused.retry_after_s.is_some());
        }
    }
}

/// What one limit refuses is not taken from the next, whichever way that one counts.
#[tokio::test]
async fn without_the_store_a_refused_call_takes_nothing() {
    let database = database();
    let relay = Relay::to(&database.url);
    let (node, modes) = (&node(Arc::new(PostgresStore::new(ledger(&relay.url())))), &Modes::new());
    eventually("is it counted", || counts(node, modes)).await;
    relay.fall_silent();
    let both = Somebody::new()
        .limits(&["one sliding 4/3600 requests local", "other bucket 10/86400 requests local"]);
    // Two of four and five of ten, as the share of one of two nodes.
    assert_eq!(allowed(node, &both, 30).await, 2);
    assert_eq!(allowed(node, &both[1..], 30).await, 3);
}
