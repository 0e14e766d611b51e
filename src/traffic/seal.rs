//! What vouches for the request log: a chain of digests over what was written together.
//!
//! An event a batch would be too many, so a minute's batches are a chain: each one's digest covers its rows and the
//! digest before. The last one goes into an event, `traffic.sealed`, and the log of events is sealed itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::kernel::Fault;
use crate::traffic::store::Logged;
use crate::traffic::store::batches::Written;

/// A chain, as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    id: Uuid,
    opened_at: DateTime<Utc>,
    batches: i32,
    rows: i64,
    digest: [u8; 32],
}

impl Seal {
    /// A chain without a link.
    pub(super) fn open(id: Uuid, opened_at: DateTime<Utc>) -> Self {
        Self { id, opened_at, batches: 0, rows: 0, digest: start(id) }
    }

    /// The chain with these rows at its end, and what is to be kept of that.
    pub(super) fn with(
        &self,
        id: Uuid,
        at: DateTime<Utc>,
        rows: &[Logged],
    ) -> Result<(Self, Written), Fault> {
        let next = Self {
            batches: self.batches + 1,
            rows: self.rows + i64::try_from(rows.len()).map_err(Fault::internal)?,
            digest: link(&self.digest, id, &digest(rows)?),
            ..self.clone()
        };
        let written = Written {
            at,
            id,
            seal_id: self.id,
            place: next.batches,
            logged: i32::try_from(rows.len()).map_err(Fault::internal)?,
            first_ts: rows.first().map_or(at, |row| row.ts),
            last_ts: rows.last().map_or(at, |row| row.ts),
            digest: next.digest.to_vec(),
        };
        Ok((next, written))
    }

    /// What the event tells.
    pub(super) fn told(&self) -> Value {
        json!({
            "seal": self.id, "opened_at": self.opened_at, "batches": self.batches, "rows": self.rows,
            "digest": hexadecimal(&self.digest),
        })
    }

    /// Its id.
    pub(super) fn id(&self) -> Uuid {
        self.id
    }
}

/// The digest before the first link.
pub(super) fn start(seal: Uuid) -> [u8; 32] {
    Sha256::digest(seal.as_bytes()).into()
}

/// The digest of a chain that ended in `before`, with this batch at its end.
pub(super) fn link(before: &[u8], batch: Uuid, rows: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(batch.as_bytes()).chain_update(rows).finalize().into()
}

/// The digest of rows in the order of their moments and ids: a line of JSON each, without what is NULL.
pub(super) fn digest(rows: &[Logged]) -> Result<[u8; 32], Fault> {
    let mut digest = Sha256::new();
    for row in rows {
        let row = in_order(serde_json::to_value(row).map_err(Fault::internal)?);
        digest.update(row.to_string());
        digest.update("\n");
    }
    Ok(digest.finalize().into())
}

/// With the members of objects in the order of their names, and without those that are null: Postgres has an order of
/// its own.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(in_order).collect(),
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            let sorted: BTreeMap<String, Value> =
                members.map(|(name, value)| (name, in_order(value))).collect();
            sorted.into_iter().collect()
        }
        other => other,
    }
}

/// Bytes as people write them.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // A string has room.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_and_what_is_null_make_no_difference() {
        let one = json!([{ "b": 1, "a": { "d": null, "c": [2, null] } }]);
        let other = json!([{ "a": { "c": [2, null] }, "b": 1 }]);
        assert_eq!(in_order(one).to_string(), in_order(other).to_string());
    }

    #[test]
    fn a_chain_tells_order_and_number() {
        let (seal, batch, rows) = (Uuid::from_u128(1), Uuid::from_u128(2), [3; 32]);
        let one = link(&start(seal), batch, &rows);
        assert_ne!(one, link(&start(batch), batch, &rows));
        assert_ne!(one, link(&start(seal), seal, &rows));
        assert_ne!(one, link(&start(seal), batch, &[4; 32]));
        assert_ne!(link(&one, batch, &rows), one);
    }

    #[test]
    fn a_batch_without_rows_is_a_link_all_the_same() {
        let seal = Seal::open(Uuid::from_u128(1), DateTime::UNIX_EPOCH);
        let (next, written) = seal.with(Uuid::from_u128(2), DateTime::UNIX_EPOCH, &[]).unwrap();
        assert_eq!((next.batches, next.rows, written.place, written.logged), (1, 0, 1, 0));
        assert_ne!(next.digest, seal.digest);
        assert_eq!(written.digest, next.digest);
        assert_eq!(next.told()["digest"], hexadecimal(&next.digest));
    }
}
