//! Checkpoints: the head of the chain, signed. A chain alone shows that nothing was changed within it, and not that
//! it was not cut at its end, or made anew from some point on by whoever owns the database; a checkpoint that was kept
//! elsewhere shows both.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::chain::canonical::{Hash, hexadecimal};
use crate::audit::chain::link::Link;
use crate::audit::chain::store;
use crate::kernel::Fault;
use crate::platform::db::Connection;

/// What a checkpoint says, as it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// When, in seconds.
    pub iat: i64,
    /// The last batch.
    pub batch: i64,
    /// The last event in it.
    pub seq: i64,
    /// The hash of its link, in hexadecimal.
    pub hash: String,
}

impl Statement {
    pub(super) fn of(head: &Link, now: DateTime<Utc>) -> Self {
        Self { iat: now.timestamp(), batch: head.batch, seq: head.last_seq, hash: hexadecimal(&head.hash) }
    }

    /// What a compact JWS says. Who signed it is another question.
    pub fn of_jws(jws: &str) -> Option<Self> {
        let payload = jws.trim().split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

/// A statement's signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The compact JWS.
    pub jws: String,
    /// The key's name.
    pub kid: String,
}

/// A stored checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last batch.
    pub batch: i64,
    /// The last event in it.
    pub seq: i64,
    /// The hash of its link.
    pub hash: Hash,
    /// The compact JWS.
    pub signature: String,
    /// The key's name.
    pub kid: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Checkpoint {
    pub(super) fn new(statement: &Statement, head: &Link, signature: Signature, now: DateTime<Utc>) -> Self {
        Self {
            batch: statement.batch,
            seq: statement.seq,
            hash: head.hash,
            signature: signature.jws,
            kid: signature.kid,
            created_at: now,
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "seq": self.seq, "batch": self.batch, "kid": self.kid, "created_at": self.created_at,
            "jws": self.signature,
        })
    }

    /// Whether the columns are what was signed.
    pub(super) fn is_what_it_says(&self) -> bool {
        Statement::of_jws(&self.signature).is_some_and(|said| {
            let is_of_then = said.iat == self.created_at.timestamp();
            is_of_then && (said.batch, said.seq, said.hash) == (self.batch, self.seq, hexadecimal(&self.hash))
        })
    }
}

/// The checkpoints of the batches after one, oldest first, at most so many.
pub fn checkpoints_after(
    connection: &mut Connection,
    batch: i64,
    most: i64,
) -> Result<Vec<Checkpoint>, Fault> {
    store::checkpoints(connection, batch, most)
}

/// Every checkpoint, oldest first.
pub fn checkpoints(connection: &mut Connection) -> Result<Vec<Checkpoint>, Fault> {
    store::checkpoints(connection, i64::MIN, i64::MAX)
}
