//! What a store that fails in the middle, a node that is cut short and a lease that is too small must not do: lose
//! what nobody used, or give out what somebody did.

use std::sync::Arc;
use std::time::Duration;

use grantor::limits::rules::Applied;
use grantor::limits::stores::LimitStore;
use grantor::limits::{Limits, Manner};
use grantor::platform::clock::Clock;

use super::{Somebody, redis_at};
use crate::support::{Redis, eventually};

/// A node over this store that waits so long for it.
fn node(store: Arc<dyn LimitStore>, leases: bool, patience_ms: u64) -> Arc<Limits> {
    let manner = Manner { nodes: 1, leases, patience: Duration::from_millis(patience_ms) };
    Arc::new(Limits::new(store, manner, Clock::System))
}

async fn allows(node: &Limits, limits: &[Applied], cost: u64) -> bool {
    node.decide(limits, true, cost).await.expect("a verdict").allowed
}

/// It answers, but counts nothing: whoever was its master is now somewhere else.
#[tokio::test]
async fn a_redis_that_became_a_replica_is_given_up() {
    let mut redis = Redis::start().await;
    let store = redis_at(&redis.url());
    let (node, limits) =
        (&node(Arc::clone(&store), false, 500), &Somebody::new().limits(&["hour sliding 10/3600"]));
    assert!(allows(node, limits, 1).await);
    redis.become_a_replica();
    for _ in 0..3 {
        assert!(node.decide(limits, true, 1).await.is_err(), "nobody knows");
        assert!(store.peek(&[]).await.is_err(), "to answer is not to count");
    }
    redis.another_in_its_place().await;
    let counts = || async { node.decide(limits, true, 1).await.is_ok_and(|verdict| verdict.allowed) };
    eventually("is it counted again", counts).await;
    assert!(store.peek(&[]).await.is_ok(), "the twin");
}
