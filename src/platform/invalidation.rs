//! Telling caches what to forget: at home after the commit, elsewhere by Postgres's `NOTIFY` with it.

use std::sync::{Arc, PoisonError, RwLock};

use crate::kernel::Stale;
use crate::platform::hearing::Hearing;

type Forget = Box<dyn Fn(&Stale) + Send + Sync>;

/// The caches of this process that must hear what is stale.
#[derive(Default)]
pub struct Invalidation {
    caches: RwLock<Vec<Forget>>,
    hearing: Arc<Hearing>,
}

impl Invalidation {
    /// From now on `forget` hears what is stale, before whoever made it so is answered.
    pub fn subscribe(&self, forget: impl Fn(&Stale) + Send + Sync + 'static) {
        self.caches.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(forget));
    }

    /// Makes every cache of this process forget.
    pub fn apply(&self, stale: &[Stale]) {
        let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
        for stale in stale {
            caches.iter().for_each(|forget| forget(stale));
        }
    }

    /// How lately this process heard of others.
    pub fn hearing(&self) -> &Arc<Hearing> {
        &self.hearing
    }
}
