//! Checkpoints: the head of the chain, signed. A chain alone shows that nothing was changed within it, and not that
//! it was not cut at its end, or made anew from some point on by whoever owns the database; a checkpoint that was kept
//! elsewhere shows both.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::audit::chain::canonical::{Hash, hexadecimal};
use crate::audit::chain::link::Link;
use crate::audit::chain::store;
use crate::kernel::Fault;
use crate::platform::db::Connection;

/// What comes before the first.
const NOTHING: Hash = [0; 32];

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
    /// How many checkpoints there are with this one; those of long ago do not say so,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// nor the SHA-256 of the JWS before, in hexadecimal; before the first is nothing but zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

impl Statement {
    /// Of the head of the chain, after so many checkpoints, of which this is the last.
    pub(super) fn of(head: &Link, now: DateTime<Utc>, before: i64, last: Option<&Checkpoint>) -> Self {
        Self {
            iat: now.timestamp(),
            batch: head.batch,
            seq: head.last_seq,
            hash: hexadecimal(&head.hash),
            number: Some(before + 1),
            previous: Some(last.map_or_else(|| hexadecimal(&NOTHING), |last| last.digest())),
        }
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

impl Checkpoint {
    fn digest(&self) -> String {
        hexadecimal(&Sha256::digest(self.signature.as_bytes()))
    }
}

/// The checkpoints one after the other: each names the one before it, so that none can be taken from among them.
#[derive(Debug, Default)]
pub(super) struct Row {
    number: i64,
    last: Option<String>,
    is_chained: bool,
}

impl Row {
    /// Takes the next; what is wrong with it, if anything is.
    pub(super) fn take(&mut self, next: &Checkpoint) -> Result<(), String> {
        self.number += 1;
        let before = self.last.replace(next.digest()).unwrap_or_else(|| hexadecimal(&NOTHING));
        let said = Statement::of_jws(&next.signature).map(|said| (said.number, said.previous));
        match said {
            Some((None, None)) if !self.is_chained => Ok(()),
            Some((Some(number), Some(previous))) if (number, &previous) == (self.number, &before) => {
                self.is_chained = true;
                Ok(())
            }
            _ => Err("it does not follow the one before it: one was deleted, or exchanged".to_owned()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint that says so much of itself, as if it were signed.
    fn checkpoint(batch: i64, number: Option<i64>, previous: Option<String>) -> Checkpoint {
        let said = Statement { iat: 0, batch, seq: batch, hash: String::new(), number, previous };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&said).unwrap());
        Checkpoint {
            batch,
            seq: batch,
            hash: NOTHING,
            signature: format!("e30.{payload}.AA"),
            kid: String::new(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn next(number: i64, last: &Checkpoint) -> Checkpoint {
        checkpoint(number, Some(number), Some(last.digest()))
    }

    fn holds(row: &[&Checkpoint]) -> bool {
        let mut taken = Row::default();
        row.iter().all(|next| taken.take(next).is_ok())
    }

    #[test]
    fn none_can_be_taken_from_among_them() {
        let first = checkpoint(1, Some(1), Some(hexadecimal(&NOTHING)));
        let second = next(2, &first);
        let third = next(3, &second);
        assert!(holds(&[&first, &second, &third]));
        assert!(!holds(&[&first, &third]) && !holds(&[&second, &third]) && !holds(&[&second]));
    }

    #[test]
    fn those_of_long_ago_name_nothing_and_those_of_today_must() {
        let (old, older) = (checkpoint(2, None, None), checkpoint(1, None, None));
        assert!(holds(&[&older, &old, &next(3, &old)]));
        assert!(
            !holds(&[&older, &next(3, &old)])
                && !holds(&[&older, &old, &next(3, &old), &checkpoint(4, None, None)])
        );
    }
}
