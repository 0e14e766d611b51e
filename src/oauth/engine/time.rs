//! The engine's time. It compares expiry with a clock of its own, so it is only ever told moments far from
//! now; what is expired is decided by our rules, at the request's `now`.

use chrono::{DateTime, Utc};

/// A moment that no clock of the engine will call past.
pub(super) fn not_past() -> DateTime<Utc> {
    DateTime::<Utc>::MAX_UTC
}
