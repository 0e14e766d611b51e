//! What vouches for the request log: a chain of digests over what was written together.
//!
//! An event a batch would be too many, so a minute's batches are a chain: each one's digest covers its rows and the
//! digest before. The last one goes into an event, `traffic.sealed`, and the log of events is sealed itself.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::kernel::Fault;
use crate::traffic::store::batches::Written;
use crate::traffic::store::{Canonical, Logged};

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
        let of_rows = digest(rows)?;
        let mut written = Written {
            at,
            id,
            seal_id: self.id,
            place: self.batches + 1,
            logged: i32::try_from(rows.len()).map_err(Fault::internal)?,
            first_ts: rows.first().map_or(at, |row| row.ts),
            last_ts: rows.last().map_or(at, |row| row.ts),
            digest: Vec::new(),
            rows_digest: Some(of_rows.to_vec()),
        };
        let digest = link(&self.digest, &written, &of_rows);
        written.digest = digest.to_vec();
        let rows = self.rows + i64::from(written.logged);
        Ok((Self { batches: written.place, rows, digest, ..self.clone() }, written))
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

/// The digest of a chain that ended in `before`, with this batch at its end: over all that is said of it.
fn link(before: &[u8], batch: &Written, rows: &[u8]) -> [u8; 32] {
    let times = [batch.at, batch.first_ts, batch.last_ts].map(|at| at.timestamp_micros().to_be_bytes());
    let numbers = [batch.place, batch.logged].map(i32::to_be_bytes);
    Sha256::new()
        .chain_update("grantor request batch 2\n")
        .chain_update(before)
        .chain_update(batch.id.as_bytes())
        .chain_update(times.concat())
        .chain_update(numbers.concat())
        .chain_update(rows)
        .finalize()
        .into()
}

/// The same of a batch from before its rows' digest was kept.
fn early_link(before: &[u8], batch: Uuid, rows: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(batch.as_bytes()).chain_update(rows).finalize().into()
}

/// Whether a batch follows the digest `before`, and has these rows; either may not be known any more.
pub(super) fn follows(before: Option<&[u8]>, batch: &Written, rows: Option<&[u8; 32]>) -> bool {
    let Some(stored) = &batch.rows_digest else {
        let known = before.zip(rows);
        return known.is_none_or(|(before, rows)| early_link(before, batch.id, rows) == *batch.digest);
    };
    rows.is_none_or(|rows| rows == stored.as_slice())
        && before.is_none_or(|before| link(before, batch, stored) == *batch.digest)
}

/// The digest of rows in the order of their moments and ids: a line of JSON each, without what is NULL.
pub(super) fn digest(rows: &[Logged]) -> Result<[u8; 32], Fault> {
    let mut digest = Sha256::new();
    for row in rows {
        digest.update(line(row).map_err(Fault::internal)?);
        digest.update("\n");
    }
    Ok(digest.finalize().into())
}

/// A row as [`Canonical`] would have it, written at once: its members in the order of their names, and none that is null.
fn line(row: &Logged) -> serde_json::Result<Vec<u8>> {
    Line::begun()
        .member("account_id", &row.account_id)?
        .member("batch_id", &row.batch_id)?
        .member("bytes_in", &row.bytes_in)?
        .member("bytes_out", &row.bytes_out)?
        .canonical("checks", &row.checks)
        .member("client_id", &row.client_id)?
        .member("cost_units", &row.cost_units)?
        .member("credential_id", &row.credential_id)?
        .member("decision", &row.decision)?
        .member("error_code", &row.error_code)?
        .member("ip_address", &row.ip_address)?
        .canonical("limits", &row.limits)
        .member("method", &row.method)?
        .member("path", &row.path)?
        .member("policy", &row.policy)?
        .member("principal_id", &row.principal_id)?
        .member("request_id", &row.request_id)?
        .member("response_time_ms", &row.response_time_ms)?
        .member("route", &row.route)?
        .member("service_id", &row.service_id)?
        .member("status_code", &row.status_code)?
        .member("token_id", &row.token_id)?
        .member("trace_id", &row.trace_id)?
        .member("ts", &row.ts)?
        .member("upstream_ms", &row.upstream_ms)?
        .member("user_agent", &row.user_agent)
        .map(Line::ended)
}

/// An object of JSON, member by member.
struct Line(Vec<u8>);

impl Line {
    fn begun() -> Self {
        let mut text = Vec::with_capacity(1536);
        text.push(b'{');
        Self(text)
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn member(mut self, name: &str, value: &impl Serialize) -> serde_json::Result<Self> {
        let before = self.0.len();
        self.name(name);
        let begins = self.0.len();
        serde_json::to_writer(&mut self.0, value)?;
        if self.0.get(begins..) == Some(b"null") {
            self.0.truncate(before);
        }
        Ok(self)
    }

    fn canonical(mut self, name: &str, json: &Canonical) -> Self {
        self.name(name);
        self.0.extend_from_slice(json.as_str().as_bytes());
        self
    }

    fn ended(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
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
    use crate::traffic::{Check, LimitState, Outcome};

    /// Two rows: of one all is known, of the other as little as there may be.
    fn rows() -> [Logged; 2] {
        let id = |number| Some(Uuid::from_u128(number));
        let text = |text: &str| Some(text.to_owned());
        let check = Check { check: "bearer".into(), outcome: Outcome::Refused, why: Some("a \"é\"".into()) };
        let limit = LimitState {
            exceeded: true,
            name: "minute".to_owned(),
            quota: None,
            remaining: 1,
            reset_in: 2,
            window: 60,
        };
        let full = Logged {
            ts: DateTime::from_timestamp_micros(1_795_608_000_000_001).unwrap(),
            request_id: Uuid::from_u128(1),
            batch_id: Uuid::from_u128(2),
            account_id: id(3),
            principal_id: id(4),
            credential_id: id(5),
            token_id: id(6),
            client_id: id(7),
            service_id: id(8),
            method: "GET".to_owned(),
            path: "/\u{1}null\"".to_owned(),
            route: text("/{id}"),
            status_code: 403,
            error_code: text("null"),
            decision: "deny".to_owned(),
            policy: text("minute"),
            checks: Canonical::as_declared(&[check]).unwrap(),
            limits: Canonical::as_declared(&[limit]).unwrap(),
            response_time_ms: 1,
            upstream_ms: Some(2),
            bytes_in: 3,
            bytes_out: 4,
            cost_units: 5,
            ip_address: text("::1"),
            user_agent: text(""),
            trace_id: text("t"),
        };
        let none = None::<Uuid>;
        let bare = Logged {
            account_id: none,
            principal_id: none,
            credential_id: none,
            token_id: none,
            client_id: none,
            service_id: none,
            route: None,
            error_code: None,
            policy: None,
            checks: Canonical::of(json!([])),
            limits: Canonical::of(json!([])),
            upstream_ms: None,
            ip_address: None,
            user_agent: None,
            trace_id: None,
            ..full.clone()
        };
        [full, bare]
    }

    #[test]
    fn a_row_is_digested_as_all_of_it_is_told() {
        for row in rows() {
            let told = Canonical::of(serde_json::to_value(&row).unwrap());
            assert_eq!(String::from_utf8(line(&row).unwrap()).unwrap(), told.as_str());
        }
    }

    fn batch() -> (Seal, Written) {
        let seal = Seal::open(Uuid::from_u128(1), DateTime::UNIX_EPOCH);
        seal.with(Uuid::from_u128(2), DateTime::UNIX_EPOCH, &[]).unwrap()
    }

    #[test]
    fn a_digest_covers_all_that_is_said_of_a_batch() {
        let (_, batch) = batch();
        let (before, rows) = (start(batch.seal_id), digest(&[]).unwrap());
        assert!(follows(Some(&before), &batch, Some(&rows)));
        let later = batch.at + chrono::TimeDelta::microseconds(1);
        for other in [
            Written { id: Uuid::from_u128(3), ..batch.clone() },
            Written { at: later, ..batch.clone() },
            Written { first_ts: later, ..batch.clone() },
            Written { last_ts: later, ..batch.clone() },
            Written { place: 2, ..batch.clone() },
            Written { logged: 1, ..batch.clone() },
            Written { rows_digest: Some(vec![3; 32]), ..batch.clone() },
            Written { rows_digest: None, ..batch.clone() },
        ] {
            assert!(!follows(Some(&before), &other, Some(&rows)), "{other:?}");
        }
        assert!(
            !follows(Some(&[0; 32]), &batch, Some(&rows)) && !follows(Some(&before), &batch, Some(&[3; 32]))
        );
    }

    #[test]
    fn what_is_not_known_any_more_is_not_asked_for_and_the_rest_is() {
        let (_, batch) = batch();
        let before = start(batch.seal_id);
        assert!(follows(None, &batch, None) && follows(Some(&before), &batch, None));
        assert!(!follows(Some(&[0; 32]), &batch, None) && !follows(None, &batch, Some(&[3; 32])));
    }

    #[test]
    fn a_batch_of_before_is_known_by_its_id_and_rows() {
        let (_, batch) = batch();
        let (before, rows) = (start(batch.seal_id), digest(&[]).unwrap());
        let digest = early_link(&before, batch.id, &rows).to_vec();
        let early = Written { digest, rows_digest: None, ..batch };
        assert!(follows(Some(&before), &early, Some(&rows)) && follows(Some(&before), &early, None));
        assert!(
            !follows(Some(&before), &early, Some(&[3; 32])) && !follows(Some(&rows), &early, Some(&rows))
        );
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
