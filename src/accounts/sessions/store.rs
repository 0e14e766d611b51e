//! The table `browser_sessions`.

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::accounts::sessions::Session;
use crate::audit::Work;
use crate::kernel::{Bearer, Fault, PrincipalId, SecretHash, SessionId};
use crate::platform::db::Connection;
use crate::schema::browser_sessions;

/// What ended longer ago ended on every node, whatever its clock says: its partition need not be looked at.
const MARGIN: Days = Days::new(1);

#[derive(Queryable, Selectable)]
#[diesel(table_name = browser_sessions)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    authenticated_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    ip: Option<String>,
    user_agent: Option<String>,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: SessionId::from_uuid(row.id),
            user_id: PrincipalId::from_uuid(row.user_id),
            authenticated_at: row.authenticated_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            ip: row.ip,
            user_agent: row.user_agent,
        }
    }
}

fn day(cookie: &Bearer) -> NaiveDate {
    cookie.day().unwrap_or_default()
}

/// Finds the session of a cookie, whatever its state.
pub fn find(connection: &mut Connection, cookie: &Bearer) -> Result<Option<Session>, Fault> {
    let row = browser_sessions::table
        .find((day(cookie), cookie.hash().as_bytes().to_vec()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Session::from))
}

/// Opens a session under a cookie that carries the day of `session.expires_at`; `opened_from`: the cookie before it.
pub fn insert(
    work: &mut Work<'_>,
    cookie: SecretHash,
    opened_from: SecretHash,
    session: &Session,
) -> Result<(), Fault> {
    diesel::insert_into(browser_sessions::table)
        .values((
            browser_sessions::expires_on.eq(session.expires_at.date_naive()),
            browser_sessions::token_hash.eq(cookie.as_bytes().to_vec()),
            browser_sessions::id.eq(session.id.uuid()),
            browser_sessions::user_id.eq(session.user_id.uuid()),
            browser_sessions::authenticated_at.eq(session.authenticated_at),
            browser_sessions::last_seen_at.eq(session.last_seen_at),
            browser_sessions::expires_at.eq(session.expires_at),
            browser_sessions::ip.eq(&session.ip),
            browser_sessions::user_agent.eq(&session.user_agent),
            browser_sessions::opened_from.eq(opened_from.as_bytes().to_vec()),
        ))
        .execute(&mut **work)?;
    Ok(())
}

/// Notes that the session was used, and from where.
pub fn touch(work: &mut Work<'_>, cookie: &Bearer) -> Result<(), Fault> {
    let (now, ip) = (work.now(), work.context().ip.map(|ip| ip.to_string()));
    diesel::update(browser_sessions::table.find((day(cookie), cookie.hash().as_bytes().to_vec())))
        .filter(browser_sessions::last_seen_at.lt(now))
        .set((browser_sessions::last_seen_at.eq(now), browser_sessions::ip.eq(ip)))
        .execute(&mut **work)?;
    Ok(())
}

/// Ends the session of a cookie. `false`: there was none to end.
pub fn end(work: &mut Work<'_>, cookie: &Bearer) -> Result<bool, Fault> {
    let now = work.now();
    let ended =
        diesel::update(browser_sessions::table.find((day(cookie), cookie.hash().as_bytes().to_vec())))
            .filter(browser_sessions::ended_at.is_null())
            .set(browser_sessions::ended_at.eq(now))
            .execute(&mut **work)?;
    Ok(ended == 1)
}

/// The living sessions of a person that were seen since `seen_since`, the last seen first; at most `most`.
pub fn list_living(
    work: &mut Work<'_>,
    user: PrincipalId,
    seen_since: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Session>, Fault> {
    let now = work.now();
    let rows = browser_sessions::table
        .filter(browser_sessions::user_id.eq(user.uuid()))
        .filter(browser_sessions::ended_at.is_null())
        .filter(browser_sessions::expires_on.ge(now.date_naive()))
        .filter(browser_sessions::expires_at.gt(now))
        .filter(browser_sessions::last_seen_at.gt(seen_since))
        .order((browser_sessions::last_seen_at.desc(), browser_sessions::id.desc()))
        .limit(most)
        .select(Row::as_select())
        .load(&mut **work)?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// A session of a person, whatever its state.
pub fn find_of(
    connection: &mut Connection,
    user: PrincipalId,
    session: SessionId,
) -> Result<Option<Session>, Fault> {
    let row = browser_sessions::table
        .filter(browser_sessions::user_id.eq(user.uuid()))
        .filter(browser_sessions::id.eq(session.uuid()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Session::from))
}

/// Ends a session. `false`: it had ended, or its time was over.
pub fn end_one(work: &mut Work<'_>, session: &Session) -> Result<bool, Fault> {
    let now = work.now();
    let ended = diesel::update(browser_sessions::table)
        .filter(browser_sessions::expires_on.eq(session.expires_at.date_naive()))
        .filter(browser_sessions::id.eq(session.id.uuid()))
        .filter(browser_sessions::expires_at.gt(now))
        .filter(browser_sessions::ended_at.is_null())
        .set(browser_sessions::ended_at.eq(now))
        .execute(&mut **work)?;
    Ok(ended == 1)
}

/// Ends the sessions that a person opened from this very cookie since `since`; returns what their cookies are known by.
pub fn end_opened_from(
    work: &mut Work<'_>,
    user: PrincipalId,
    cookie: SecretHash,
    since: DateTime<Utc>,
) -> Result<Vec<SecretHash>, Fault> {
    let now = work.now();
    let ended: Vec<Vec<u8>> = diesel::update(browser_sessions::table)
        .filter(browser_sessions::expires_on.ge(now.date_naive() - MARGIN))
        .filter(browser_sessions::user_id.eq(user.uuid()))
        .filter(browser_sessions::opened_from.eq(cookie.as_bytes().to_vec()))
        .filter(browser_sessions::authenticated_at.ge(since))
        .filter(browser_sessions::ended_at.is_null())
        .set(browser_sessions::ended_at.eq(now))
        .returning(browser_sessions::token_hash)
        .get_results(&mut **work)?;
    let hash = |hash: Vec<u8>| hash.try_into().map(SecretHash::from_bytes);
    ended
        .into_iter()
        .map(hash)
        .collect::<Result<_, _>>()
        .map_err(|_| Fault::internal("a hash is not 32 bytes"))
}

/// Ends every session of a person; returns how many there were.
pub fn end_all(work: &mut Work<'_>, user: PrincipalId) -> Result<usize, Fault> {
    let now = work.now();
    Ok(diesel::update(browser_sessions::table)
        .filter(browser_sessions::expires_on.ge(now.date_naive() - MARGIN))
        .filter(browser_sessions::user_id.eq(user.uuid()))
        .filter(browser_sessions::ended_at.is_null())
        .set(browser_sessions::ended_at.eq(now))
        .execute(&mut **work)?)
}
