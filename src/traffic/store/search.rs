//! The table `request_log`, searched: by the id of a request, and by what calls have in common.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::kernel::{Fault, RequestId};
use crate::platform::clock::moment_of_micros;
use crate::platform::db::Connection;
use crate::platform::entropy::moment_of;
use crate::schema::request_log;
use crate::traffic::store::Logged;

/// How far a request's own moment may be from the one in its id, which has milliseconds only.
const ABOUT: TimeDelta = TimeDelta::seconds(1);

/// The call of this request, if it was logged: its id says when it was.
pub fn find(connection: &mut Connection, request: RequestId) -> Result<Option<Logged>, Fault> {
    let Some(at) = moment_of(request.uuid()) else { return Ok(None) };
    Ok(request_log::table
        .filter(request_log::ts.ge(at - ABOUT))
        .filter(request_log::ts.lt(at + ABOUT))
        .filter(request_log::request_id.eq(request.uuid()))
        .select(Logged::as_select())
        .first(connection)
        .optional()?)
}

/// Which calls are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this account.
    pub account: Option<Uuid>,
    /// And of one of these, if any are named.
    pub accounts: Option<Vec<Uuid>>,
    /// By this key or personal token.
    pub credential: Option<Uuid>,
    /// On this service.
    pub service: Option<Uuid>,
    /// Answered with a status from this one on …
    pub status_from: Option<i16>,
    /// … up to this one.
    pub status_to: Option<i16>,
    /// Decided so: allow, deny, limit, error.
    pub decision: Option<String>,
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// Older than the one here, with which a page ended.
    pub after: Option<Cursor>,
}

/// Where a page ends: the moment and id of its last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its moment.
    pub ts: DateTime<Utc>,
    /// Its id.
    pub request: Uuid,
}

impl Cursor {
    /// Behind this call.
    pub fn of(call: &Logged) -> Self {
        Self { ts: call.ts, request: call.request_id }
    }

    /// The cursor that this text writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, request) = text.split_once('.')?;
        let ts = moment_of_micros(micros)?;
        Some(Self { ts, request: RequestId::parse(request)?.uuid() })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.ts.timestamp_micros(), self.request.hyphenated())
    }
}

/// A page of calls, newest first, and where the next one begins, if there is one.
pub fn list(
    connection: &mut Connection,
    filter: &Filter,
    most: usize,
) -> Result<(Vec<Logged>, Option<Cursor>), Fault> {
    let one_more = i64::try_from(most).map_err(Fault::internal)? + 1;
    let mut rows = newest(connection, filter, one_more)?;
    let has_more = rows.len() > most;
    rows.truncate(most);
    let last = rows.last().map(Cursor::of);
    Ok((rows, last.filter(|_| has_more)))
}

/// Calls, newest first, at most so many.
pub fn newest(connection: &mut Connection, filter: &Filter, most: i64) -> Result<Vec<Logged>, Fault> {
    Ok(filtered(filter)
        .select(Logged::as_select())
        .order((request_log::ts.desc(), request_log::request_id.desc()))
        .limit(most)
        .load(connection)?)
}

fn filtered(filter: &Filter) -> request_log::BoxedQuery<'static, diesel::pg::Pg> {
    let mut query = request_log::table.into_boxed();
    if let Some(account) = filter.account {
        query = query.filter(request_log::account_id.eq(account));
    }
    match filter.accounts.as_deref() {
        // By its index, which has the order that is wanted.
        Some([account]) => query = query.filter(request_log::account_id.eq(*account)),
        Some(accounts) => query = query.filter(request_log::account_id.eq_any(accounts.to_vec())),
        None => {}
    }
    if let Some(credential) = filter.credential {
        query = query.filter(request_log::credential_id.eq(credential));
    }
    if let Some(service) = filter.service {
        query = query.filter(request_log::service_id.eq(service));
    }
    if let Some(status) = filter.status_from {
        query = query.filter(request_log::status_code.ge(status));
    }
    if let Some(status) = filter.status_to {
        query = query.filter(request_log::status_code.le(status));
    }
    if let Some(decision) = &filter.decision {
        query = query.filter(request_log::decision.eq(decision.clone()));
    }
    if let Some(since) = filter.since {
        query = query.filter(request_log::ts.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(request_log::ts.lt(until));
    }
    if let Some(Cursor { ts, request }) = filter.after {
        let same_moment = request_log::ts.eq(ts).and(request_log::request_id.lt(request));
        query = query.filter(request_log::ts.le(ts)).filter(request_log::ts.lt(ts).or(same_moment));
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let ts = DateTime::from_timestamp_micros(1_795_608_000_000_001).unwrap();
        let cursor = Cursor { ts, request: Uuid::from_u128(7) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", ".", "1", "1.x", "x.00000000-0000-0000-0000-000000000007"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
