//! Whether this process is about to end, so that whoever sends it requests may send them elsewhere in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Known to everything that answers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Leaving(Arc<AtomicBool>);

impl Leaving {
    /// From now on `/readyz` says no, and no connection is kept after its answer.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
