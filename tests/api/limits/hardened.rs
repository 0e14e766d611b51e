//! What a store that fails in the middle, a node that is cut short and a lease that is too small must not do: lose
//! what nobody used, or give out what somebody did.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use grantor::audit;
use grantor::limits::owner::Counter;
use grantor::limits::rules::Applied;
use grantor::limits::stores::postgres::PostgresStore;
use grantor::limits::stores::{LimitStore, Milestone, Unused};
use grantor::limits::{Limits, Manner};
use grantor::platform::clock::Clock;
use grantor::platform::db;
use uuid::Uuid;

use super::gate::Gate;
use super::{Somebody, Stored, ledger, measure, redis_at};
use crate::chain::Role;
use crate::support::{Redis, count, database, eventually, execute};

/// A node over this store that waits so long for it.
fn node(store: Arc<dyn LimitStore>, leases: bool, patience_ms: u64) -> Arc<Limits> {
    let manner = Manner { nodes: 1, leases, patience: Duration::from_millis(patience_ms) };
    Arc::new(Limits::new(store, manner, Clock::System))
}

async fn left(stored: &Stored, limits: &[Applied]) -> u64 {
    stored.node().status(limits).await.expect("a status").policies[0].remaining
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

#[tokio::test]
async fn what_could_not_be_given_back_is_given_back_later() {
    let stored = super::memory().await;
    let gate = Gate::before(&stored.store);
    let node = node(Arc::clone(&gate) as Arc<dyn LimitStore>, true, 500);
    let limits = Somebody::new().limits(&["month calendar 400/2592000"]);
    for _ in 0..10 {
        assert!(allows(&node, &limits, 1).await);
    }
    assert!(left(&stored, &limits).await < 390, "some of it is on lease");
    gate.refuse(true);
    for _ in 0..3 {
        assert!(node.end().await.is_err());
    }
    gate.refuse(false);
    node.tend().await.expect("giving back");
    assert_eq!(left(&stored, &limits).await, 390);
    node.tend().await.expect("giving back");
    assert_eq!(left(&stored, &limits).await, 390, "but once");
}

/// But for what its call used all the same; a place that is held is held on this node then.
#[tokio::test]
async fn what_a_late_answer_brings_goes_back() {
    for (line, allowed, stays) in [
        ("hour sliding 100/3600 requests closed", false, 100),
        ("streams concurrent 100/3600 requests open", true, 100),
        ("hour sliding 100/3600 requests open", true, 99),
    ] {
        let stored = super::memory().await;
        let gate = Gate::before(&stored.store);
        let node = node(Arc::clone(&gate) as Arc<dyn LimitStore>, true, 50);
        let limits = Somebody::new().limits(&[line]);
        gate.shut();
        let decided = node.decide(&limits, true, 1).await;
        assert_eq!(decided.is_ok_and(|verdict| verdict.allowed), allowed, "{line}");
        assert_eq!(left(&stored, &limits).await, 99, "the store has counted it");
        gate.open();
        // Some of it may be on lease meanwhile.
        let is_back = || async {
            node.end().await.expect("giving back");
            left(&stored, &limits).await == stays
        };
        eventually("is it given back", is_back).await;
        assert!(allows(&node, &limits, 1).await);
        node.end().await.expect("giving back");
        assert_eq!(
            left(&stored, &limits).await,
            stays - 1,
            "the twin: who is answered in time keeps it ({line})"
        );
    }
}

/// A browser hangs up, and its call goes no further.
#[tokio::test]
async fn a_call_that_is_broken_off_takes_nothing() {
    let stored = super::memory().await;
    let gate = Gate::before(&stored.store);
    let node = node(Arc::clone(&gate) as Arc<dyn LimitStore>, true, 30_000);
    let somebody = Somebody::new();
    let (leased, limits) = (
        somebody.limits(&["hour sliding 400/3600"]),
        somebody.limits(&["hour sliding 400/3600", "day calendar 9/86400"]),
    );
    for _ in 0..5 {
        assert!(allows(&node, &leased, 1).await);
    }
    let before = gate.came();
    gate.shut();
    let call = tokio::spawn({
        let (node, limits) = (Arc::clone(&node), limits.clone());
        async move { node.decide(&limits, true, 1).await }
    });
    eventually("is it in the store", || async { gate.came() > before }).await;
    call.abort();
    assert!(call.await.is_err(), "it is broken off");
    gate.open();
    let is_back = || async {
        node.tend().await.expect("giving back");
        let status = node.status(&limits).await.expect("a status");
        status.policies.iter().map(|policy| policy.remaining).eq([395, 9])
    };
    eventually("is all of it back", is_back).await;
    node.end().await.expect("an end");
    assert_eq!(left(&stored, &leased).await, 395);
}

#[tokio::test]
async fn a_lease_that_is_too_small_is_spent_all_the_same() {
    let stored = super::memory().await;
    for cost in 2..=9 {
        let (node, limits) =
            (stored.nodes(1, true).remove(0), Somebody::new().limits(&["month calendar 100/2592000 cost"]));
        let mut allowed = 0;
        while allows(&node, &limits, cost).await {
            allowed += cost;
        }
        assert_eq!(allowed, 100 / cost * cost, "by {cost}");
        while allows(&node, &limits, 1).await {
            allowed += 1;
        }
        assert_eq!(allowed, 100);
    }
}

#[tokio::test]
async fn who_is_refused_comes_back_when_another_nodes_lease_is_over() {
    for (many, soon) in [(2, true), (1, false)] {
        let stored = super::memory().await;
        let (nodes, limits) = (stored.nodes(many, true), Somebody::new().limits(&["hour sliding 100/3600"]));
        for _ in 0..30 {
            assert!(allows(&nodes[0], &limits, 1).await);
        }
        let refused = loop {
            let verdict = nodes[many as usize - 1].decide(&limits, true, 1).await.expect("a verdict");
            if !verdict.allowed {
                break verdict;
            }
        };
        let retry_after_s = refused.retry_after_s.expect("a wait");
        assert_eq!(retry_after_s <= 61, soon, "{retry_after_s}");
        assert!(soon || retry_after_s >= 3600, "{retry_after_s}");
        let has_more = allows(&nodes[0], &limits, 1).await;
        assert_eq!(has_more, soon, "and the other one has it");
    }
}

async fn what_is_left_is_what_nobody_used(stored: &Stored) {
    let node = stored.nodes(1, true).remove(0);
    let limits = Somebody::new().limits(&["seconds sliding 1000/12"]);
    let began = Instant::now();
    for used in 1..=1000 {
        let verdict = node.decide(&limits, true, 1).await.expect("a verdict");
        // Soon the first of them count no more.
        if began.elapsed() > Duration::from_secs(5) {
            return;
        }
        assert!(verdict.allowed);
        assert_eq!(verdict.policies[0].remaining, 1000 - used, "after {:?}", began.elapsed());
        if used % 3 == 0 {
            let status = node.status(&limits).await.expect("a status");
            assert_eq!(status.policies[0].remaining, 1000 - used, "looked at after {:?}", began.elapsed());
        }
        if used % 100 == 0 {
            node.tend().await.expect("giving back");
        }
        // What is looked at is time that passes: leases and cells end meanwhile.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_is_left_is_what_nobody_used_in_memory() {
    what_is_left_is_what_nobody_used(&super::memory().await).await;
}

#[tokio::test]
async fn what_is_left_is_what_nobody_used_in_postgres() {
    what_is_left_is_what_nobody_used(&super::postgres().await).await;
}

#[tokio::test]
async fn what_is_left_is_what_nobody_used_in_redis() {
    what_is_left_is_what_nobody_used(&super::redis().await).await;
}

/// Each of them holds a lock, of which a database has few thousands for all.
#[tokio::test]
async fn however_much_is_given_back_it_is_a_little_at_a_time() {
    const MANY: u128 = 20_000;
    let database = database();
    let (db, store) = (db(&database.url), PostgresStore::new(ledger(&database.url)));
    let limit = Somebody::new().limit("month calendar 10/2592000");
    let rows = format!(
        "INSERT INTO quota_counters (slot, key, cell, used, told) \
         SELECT counter_slot(true, counters_now()), lpad(to_hex(i), 32, '0')::uuid, 1, 3, 0 FROM generate_series(1, {MANY}) AS i"
    );
    execute(&db, &rows).expect("rows");
    let unused: Vec<Unused> = (1..=MANY)
        .map(|key| Unused {
            counter: Counter { account: Uuid::nil(), key: Uuid::from_u128(key) },
            measure: measure(&limit),
            cell: 1,
            born: 0,
            amount: 2,
        })
        .collect();
    store.give_back(&unused).await.expect("giving back");
    assert_eq!(count(&db, "quota_counters WHERE used = 1"), i64::try_from(MANY).expect("a number"));
}

/// What is lost in a crash counts no more, and nothing of it goes back into what came after.
#[tokio::test]
async fn after_a_crash_no_lease_of_before_takes_off_what_was_used_since() {
    let database = database();
    let (db, stored) =
        (db(&database.url), Stored::new(Arc::new(PostgresStore::new(ledger(&database.url))), ()));
    let (node, other) = (stored.nodes(1, true).remove(0), stored.node());
    let limits = Somebody::new().limits(&["hour sliding 400/3600"]);
    for _ in 0..10 {
        assert!(allows(&node, &limits, 1).await);
    }
    execute(&db, "TRUNCATE rate_counters").expect("a crash");
    for _ in 0..30 {
        assert!(allows(&other, &limits, 1).await);
    }
    node.end().await.expect("an end");
    assert_eq!(left(&stored, &limits).await, 370);
}

/// A quota is told of once; if nobody heard it, then the next time.
#[tokio::test]
async fn a_warning_for_a_call_that_was_broken_off_is_told_with_the_next() {
    let stored = super::memory().await;
    let gate = Gate::before(&stored.store);
    let node = node(Arc::clone(&gate) as Arc<dyn LimitStore>, false, 50);
    let limits = Somebody::new().limits(&["month calendar 10/2592000 cost open"]);
    gate.shut();
    assert!(node.decide(&limits, true, 8).await.expect("a verdict").warnings.is_empty());
    gate.open();
    let told = || async {
        let verdict = node.decide(&limits, true, 0).await.expect("a verdict");
        verdict.warnings.iter().map(|warning| warning.used).eq([Milestone::Most])
    };
    eventually("is it told", told).await;
    assert!(!told().await, "and once");
}
