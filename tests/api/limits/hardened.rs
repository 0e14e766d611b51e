//! What a store that fails in the middle, a node that is cut short and a lease that is too small must not do: lose
//! what nobody used, or give out what somebody did.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use grantor::audit;
use grantor::limits::rules::Applied;
use grantor::limits::stores::LimitStore;
use grantor::limits::stores::postgres::PostgresStore;
use grantor::limits::{Limits, Manner};
use grantor::platform::clock::Clock;
use grantor::platform::db;

use super::{Somebody, ledger, redis_at};
use crate::chain::Role;
use crate::support::{Redis, count, database, eventually, execute};

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

/// The partitions are the owner's, and the server may be somebody who owns nothing.
#[tokio::test]
async fn a_server_that_owns_nothing_tidies_the_counters() {
    let database = database();
    let role = Role::new(&database);
    let mut owner = db::connect(&database.url).expect("a connection");
    db::admit_role(&mut owner, role.name(), audit::LOGS, audit::FILLED).expect("no fault").expect("a role");
    drop(owner);
    let db = db(&database.url);
    execute(&db, &row_in_slot(1)).expect("a row");
    assert_eq!(count(&db, "quota_counters"), 1);
    PostgresStore::new(ledger(&role.url())).tidy().await.expect("a tidying");
    assert_eq!(count(&db, "quota_counters"), 0);
}

fn db(url: &str) -> db::Db {
    let pool =
        db::PoolSettings { connections: 2, wait_ms: 30_000, statement_timeout_ms: 30_000, queue: 4096 };
    db::Db::new(url, &pool)
}

/// A row so many slots from now.
fn row_in_slot(slots: i64) -> String {
    format!(
        "INSERT INTO quota_counters (slot, key, cell, used, told) \
         SELECT counter_slot(true, counters_now() + {slots} * 3456000000000), gen_random_uuid(), 1, 1, 0"
    )
}

/// A backup reads every partition for as long as it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tidying_that_would_have_to_wait_keeps_nobody_waiting() {
    let database = database();
    let db = db(&database.url);
    execute(&db, &row_in_slot(1)).expect("a row");
    let mut backup = db::connect(&database.url).expect("a connection");
    let lock = "BEGIN; LOCK TABLE quota_counters IN ACCESS SHARE MODE";
    backup.batch_execute(lock).expect("a lock");
    let node = node(Arc::new(PostgresStore::new(ledger(&database.url))), false, 700);
    let limits = Somebody::new().limits(&["month calendar 1000000/2592000", "hour sliding 1000000/3600"]);
    eventually("is it counted", || async { node.decide(&limits, true, 1).await.is_ok() }).await;
    let tidying = tokio::spawn({
        let node = Arc::clone(&node);
        async move { node.tidy().await }
    });
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        assert!(allows(&node, &limits, 1).await);
    }
    tidying.await.expect("a task").expect("it is left to the next time");
    assert_eq!(count(&db, "quota_counters WHERE cell = 1"), 1);
    backup.batch_execute("COMMIT").expect("the end");
    node.tidy().await.expect("a tidying");
    assert_eq!(count(&db, "quota_counters WHERE cell = 1"), 0, "the twin");
}
