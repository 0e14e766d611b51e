//! Limits: one suite over every store, what must never happen in any window, and stores that die.

mod gate;
mod hardened;
mod outages;
mod rows;
mod served;
mod suite;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use grantor::audit::Ledger;
use grantor::kernel::PrincipalId;
use grantor::limits::limit::{Terms, Wording};
use grantor::limits::owner::{Counter, Place};
use grantor::limits::rules::Applied;
use grantor::limits::stores::LimitStore;
use grantor::limits::stores::measure::Measure;
use grantor::limits::stores::memory::MemoryStore;
use grantor::limits::stores::postgres::PostgresStore;
use grantor::limits::stores::redis::{RedisAddress, RedisStore};
use grantor::limits::{Limits, Manner};
use grantor::platform::clock::Clock;
use grantor::platform::db::{Db, PoolSettings};
use uuid::Uuid;

use crate::support::{Redis, RedisCluster, database};

/// A store, and what must live as long as it.
pub struct Stored {
    pub store: Arc<dyn LimitStore>,
    _world: Box<dyn std::any::Any + Send + Sync>,
}

impl Stored {
    pub fn new(store: Arc<dyn LimitStore>, world: impl std::any::Any + Send + Sync) -> Self {
        Self { store, _world: Box::new(world) }
    }

    /// Nodes over it, which wait for it as long as a busy machine may take.
    pub fn nodes(&self, many: u32, leases: bool) -> Vec<Arc<Limits>> {
        let manner = Manner { nodes: many, leases, patience: Duration::from_secs(30) };
        let node = |_| Arc::new(Limits::new(Arc::clone(&self.store), manner, Clock::System));
        (0..many).map(node).collect()
    }

    pub fn node(&self) -> Arc<Limits> {
        self.nodes(1, false).remove(0)
    }
}

/// In this process.
pub async fn memory() -> Stored {
    Stored::new(Arc::new(MemoryStore::new(Clock::System)), ())
}

/// In a database of this test's own.
pub async fn postgres() -> Stored {
    let database = database();
    Stored::new(Arc::new(PostgresStore::new(ledger(&database.url))), database)
}

/// In a Redis of this test's own.
pub async fn redis() -> Stored {
    let redis = Redis::start().await;
    Stored::new(redis_at(&redis.url()), redis)
}

/// In a cluster of three.
pub async fn redis_cluster() -> Stored {
    let cluster = RedisCluster::start().await;
    Stored::new(redis_at(&cluster.url()), cluster)
}

pub fn redis_at(url: &str) -> Arc<dyn LimitStore> {
    Arc::new(RedisStore::new(RedisAddress::parse(url).expect(url)))
}

/// Through which a store reaches its database, with patience for a busy machine.
pub fn ledger(url: &str) -> Ledger {
    let pool = PoolSettings { connections: 2, wait_ms: 30_000, statement_timeout_ms: 30_000, queue: 4096 };
    Ledger::new(Db::new(url, &pool))
}

/// Somebody whose limits nobody else has, so that tests may share a store.
pub struct Somebody(PrincipalId);

impl Somebody {
    pub fn new() -> Self {
        Self(PrincipalId::from_uuid(Uuid::now_v7()))
    }

    /// Such as `minute sliding 10/60` or `day calendar 100/86400 cost closed`.
    pub fn limit(&self, line: &str) -> Applied {
        let words: Vec<&str> = line.split(' ').collect();
        let (quota, window_s) = words[2].split_once('/').expect("a quota and a window");
        let wording = Wording {
            name: words[0],
            kind: words[1],
            quota: Some(quota.parse().expect("a quota")),
            window_s: window_s.parse().expect("a window"),
            unit: words.get(3).copied().unwrap_or("requests"),
            // A store that is slow must never look like one that allows.
            on_error: words.get(4).copied().unwrap_or("closed"),
        };
        let terms = Terms::read(&wording).expect(line);
        Applied {
            label: words[0].to_owned(),
            quota: terms.quota().expect("a quota"),
            counter: Counter::of(self.0, self.0.uuid(), Place::Anywhere, &terms),
            terms,
        }
    }

    pub fn limits(&self, lines: &[&str]) -> Vec<Applied> {
        lines.iter().map(|line| self.limit(line)).collect()
    }
}

/// How a limit is measured.
pub fn measure(applied: &Applied) -> Measure {
    Measure::of(applied.terms.kind(), applied.quota)
}
