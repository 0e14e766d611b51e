//! What is remembered of the database for a moment, so that a request need not ask it.
//!
//! A cache never decides anything: it holds what was found, by its key, for seconds at most. It forgets at home
//! before whoever changed something is answered, and elsewhere when that is heard ([`Hearing`]). When in doubt
//! nothing is found in it, and the database is asked.

mod metrics;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache as Entries;
use serde::Deserialize;

use self::metrics::{CacheMetrics, CachesMetrics};
use crate::kernel::Stale;
use crate::platform::hearing::{Claim, Hearing};
use crate::platform::invalidation::Invalidation;
use crate::platform::metrics::Metrics;

/// Keys whose forgettings are counted together: the more, the less a load is refused for another key's sake.
const STRIPES: usize = 64;

/// Settings of the section `cache`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    /// What is remembered of each kind at most; 0: nothing.
    pub entries: usize,
    /// Seconds that anything is remembered.
    pub lifetime_s: u32,
}

/// Makes the caches of a process.
pub struct Caches {
    settings: CacheSettings,
    invalidation: Arc<Invalidation>,
    metrics: CachesMetrics,
}

impl Caches {
    /// Caches that forget what is said there.
    pub fn new(settings: &CacheSettings, invalidation: Arc<Invalidation>, metrics: &Metrics) -> Self {
        let metrics = CachesMetrics::register(Arc::clone(invalidation.hearing()), metrics);
        Self { settings: settings.clone(), invalidation, metrics }
    }

    /// A cache, by its name in the metrics, and which of its keys something stale concerns.
    pub fn open<K, V>(&self, name: &'static str, concerns: fn(&Stale) -> Option<K>) -> Arc<Cache<K, V>>
    where
        K: Eq + Hash + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let hearing = Arc::clone(self.invalidation.hearing());
        let cache = Arc::new(Cache::new(&self.settings, hearing, self.metrics.of(name)));
        let forgetful = Arc::clone(&cache);
        self.invalidation.subscribe(move |stale| match (stale, concerns(stale)) {
            (Stale::Everything, _) => forgetful.forget_all(),
            (_, Some(key)) => forgetful.forget(&key),
            _ => {}
        });
        cache
    }
}

/// What was found, by its key. Values are cheap to clone.
pub struct Cache<K, V> {
    entries: Entries<K, Entry<V>>,
    /// The number of the latest forgetting of any key of the stripe.
    stripes: Box<[Mutex<u64>]>,
    hasher: RandomState,
    lifetime: Duration,
    hearing: Arc<Hearing>,
    metrics: CacheMetrics,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    since: Instant,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    fn new(settings: &CacheSettings, hearing: Arc<Hearing>, metrics: CacheMetrics) -> Self {
        Self {
            entries: Entries::new(settings.entries),
            stripes: (0..STRIPES).map(|_| Mutex::new(0)).collect(),
            hasher: RandomState::new(),
            lifetime: Duration::from_secs(settings.lifetime_s.into()),
            hearing,
            metrics,
        }
    }

    /// What is remembered under this key, if it may be trusted.
    pub fn get(&self, key: &K) -> Option<V> {
        // What was heard is read before the entry, and the clock after it. So what was said to be stale before
        // `heard` is gone from where the entry was looked for, and a process that slept in between finds out.
        let heard = self.hearing.heard();
        let found = self.entries.get(key);
        let now = Instant::now();
        if !heard.suffices(now) {
            self.metrics.bypasses.inc();
            return None;
        }
        let found = found.filter(|entry| now.duration_since(entry.since) < self.lifetime);
        if found.is_some() { &self.metrics.hits } else { &self.metrics.misses }.inc();
        found.map(|entry| entry.value)
    }

    /// To be called before something is loaded that shall be put here, or into any other cache of this process.
    pub fn claim(&self) -> Claim {
        self.hearing.claim()
    }

    /// Remembers what was loaded, unless its key was forgotten since the claim.
    ///
    /// Who changes something commits first and forgets then. A forgetting that the claim has not seen therefore
    /// may have committed after the load looked, so its number, which is greater than the claim's, refuses what was
    /// loaded. One that the claim has seen committed before the load began, and is in what was loaded. Comparing and
    /// inserting, numbering and removing are each done with the stripe held: either the number is seen here, or
    /// what is inserted here is removed there.
    pub fn put(&self, claim: Claim, key: K, value: V) {
        if !self.hearing.heard().suffices(Instant::now()) {
            return;
        }
        let forgetting = self.stripe(&key);
        if *forgetting <= claim.forgettings {
            self.entries.insert(key, Entry { value, since: claim.began });
        }
    }

    /// Forgets one key, and whatever is being loaded for it.
    fn forget(&self, key: &K) {
        let mut forgetting = self.stripe(key);
        *forgetting = self.hearing.forgetting();
        self.entries.remove(key);
        self.metrics.invalidations.inc();
    }

    /// Forgets everything. Whatever is put while this goes on was claimed after its stripe was numbered, and so
    /// after the commit.
    fn forget_all(&self) {
        for stripe in &self.stripes {
            *held(stripe) = self.hearing.forgetting();
        }
        self.entries.clear();
        self.metrics.invalidations.inc();
    }

    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a remainder is in bounds")]
    fn stripe(&self, key: &K) -> MutexGuard<'_, u64> {
        held(&self.stripes[self.hasher.hash_one(key) as usize % STRIPES])
    }
}

fn held(stripe: &Mutex<u64>) -> MutexGuard<'_, u64> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}
