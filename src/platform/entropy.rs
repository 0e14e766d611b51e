//! Randomness: the one place that draws it.

use chrono::{DateTime, NaiveDate, Utc};
use rand::Rng as _;
use uuid::Uuid;

use crate::kernel::{Bearer, DatedTag, KeyTag, LastingTag, PlainSecret};

/// The operating system's randomness, by way of a cryptographic generator a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entropy;

/// The moment that such an id carries, to the millisecond; `None`: it is of another kind.
pub fn moment_of(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

#[allow(clippy::disallowed_methods, reason = "the one place that draws randomness")]
impl Entropy {
    /// A new bearer that carries the day after which its row may be gone.
    pub fn dated_bearer(self, tag: DatedTag, day: NaiveDate) -> PlainSecret {
        Bearer::mint_dated(tag, day, &mut rand::rng())
    }

    /// A new bearer without a day.
    pub fn bearer(self, tag: LastingTag) -> PlainSecret {
        Bearer::mint(tag, &mut rand::rng())
    }

    /// A new API key.
    pub fn api_key(self, tag: &KeyTag) -> PlainSecret {
        Bearer::mint_key(tag, &mut rand::rng())
    }

    /// A new id, ordered by time (UUIDv7, RFC 9562 §5.7).
    pub fn id(self, now: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// Raw random bytes.
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }
}
