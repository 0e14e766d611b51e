//! Limits as the settings want them.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::audit::Ledger;
use crate::kernel::Fault;
use crate::limits::decide::{Limits, Manner};
use crate::limits::penalties::Penalties;
use crate::limits::stores::LimitStore;
use crate::limits::stores::memory::MemoryStore;
use crate::limits::stores::postgres::PostgresStore;
use crate::limits::stores::redis::{RedisAddress, RedisStore};
use crate::platform::clock::Clock;

/// Settings of the section `limits`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Where use is counted: `memory`, `postgres` or `redis`.
    pub store: String,
    /// Whether a node takes some of what is left beforehand.
    pub leases: bool,
    /// How many nodes share the store.
    pub nodes: u32,
    /// Milliseconds the store may take to answer.
    pub timeout_ms: u32,
    /// More refusals than this within a minute shut their caller out; 0: nobody is.
    pub penalty_refusals: u32,
    /// For how many seconds.
    pub penalty_s: u32,
}

/// Settings of the section `redis`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// Where it is; empty: there is none.
    pub url: String,
}

/// Where use is counted.
enum StoreKind {
    Memory,
    Postgres,
    Redis(RedisAddress),
}

impl LimitSettings {
    /// What is wrong with them, if anything is.
    pub fn complaint(&self, redis: &RedisSettings) -> Option<&'static str> {
        match (self.store.as_str(), self.kind(redis)) {
            _ if !(1..=10_000).contains(&self.nodes) => Some("limits.nodes must be 1 to 10000"),
            _ if !(1..=10_000).contains(&self.timeout_ms) => Some("limits.timeout_ms must be 1 to 10000"),
            _ if !(1..=86_400).contains(&self.penalty_s) => Some("limits.penalty_s must be 1 to 86400"),
            ("memory", Some(_)) if self.nodes > 1 => {
                Some("limits.store must be postgres or redis where there are more nodes than one")
            }
            (_, Some(_)) => None,
            ("redis", None) => Some(
                "redis.url must be like redis://:password@host:6379/0 or unix:///run/redis.sock, or several with commas \
                 for a cluster; TLS to Redis is not supported",
            ),
            (_, None) => Some("limits.store must be memory, postgres or redis"),
        }
    }

    fn kind(&self, redis: &RedisSettings) -> Option<StoreKind> {
        match self.store.as_str() {
            "memory" => Some(StoreKind::Memory),
            "postgres" => Some(StoreKind::Postgres),
            "redis" => RedisAddress::parse(&redis.url).map(StoreKind::Redis),
            _ => None,
        }
    }
}

impl Penalties {
    /// As the settings want them.
    pub fn open(settings: &LimitSettings) -> Self {
        Self::new(settings.penalty_refusals, settings.penalty_s)
    }
}

impl Limits {
    /// As the settings want it.
    pub fn open(
        settings: &LimitSettings,
        redis: &RedisSettings,
        ledger: &Ledger,
        clock: &Clock,
    ) -> Result<Self, Fault> {
        let unusable = || Fault::internal(settings.complaint(redis).unwrap_or("the store of limits"));
        let kind = settings.kind(redis).ok_or_else(unusable)?;
        // A store in this process is asked as quickly as a lease is drawn on.
        let leases = settings.leases && !matches!(kind, StoreKind::Memory);
        let store: Arc<dyn LimitStore> = match kind {
            StoreKind::Memory => Arc::new(MemoryStore::new(clock.clone())),
            StoreKind::Postgres => Arc::new(PostgresStore::new(ledger.clone())),
            StoreKind::Redis(address) => Arc::new(RedisStore::new(address)),
        };
        let patience = Duration::from_millis(settings.timeout_ms.into());
        Ok(Self::new(store, Manner { nodes: settings.nodes, leases, patience }, clock.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_used_are_said_to_be() {
        let cases = [
            (("postgres", 1, 20, ""), ""),
            (("memory", 1, 20, ""), ""),
            (("redis", 3, 20, "redis://:secret@127.0.0.1:6379/0"), ""),
            (("redis", 3, 20, "unix:///run/redis.sock"), ""),
            (("redis", 3, 20, "redis://127.0.0.1:7001, redis://127.0.0.1:7002"), ""),
            (("memcached", 1, 20, ""), "limits.store"),
            (("memory", 2, 20, ""), "limits.store"),
            (("redis", 1, 20, ""), "redis.url"),
            (("redis", 1, 20, "redis://a:1,"), "redis.url"),
            (("redis", 1, 20, "rediss://127.0.0.1:6379"), "redis.url"),
            (("redis", 1, 20, "127.0.0.1:6379"), "redis.url"),
            (("postgres", 0, 20, ""), "limits.nodes"),
            (("postgres", 1, 0, ""), "limits.timeout_ms"),
        ];
        for ((store, nodes, timeout_ms, url), expected) in cases {
            let settings = LimitSettings {
                store: store.to_owned(),
                leases: true,
                nodes,
                timeout_ms,
                penalty_refusals: 0,
                penalty_s: 60,
            };
            let complaint = settings.complaint(&RedisSettings { url: url.to_owned() });
            assert_eq!(complaint.is_none(), expected.is_empty(), "{store} {url}: {complaint:?}");
            assert!(complaint.unwrap_or_default().starts_with(expected), "{complaint:?}");
        }
    }
}
