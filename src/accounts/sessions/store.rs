//! The table `browser_sessions`.

use std::collections::HashMap;

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::accounts::sessions::Session;
use crate::accounts::store::hold_users;
use crate::audit::{Lookup, Work};
use crate::kernel::{
    Bearer, Fault, Inactive, PrincipalId, SecretHash, SessionId, SessionStanding, Standing, UserStanding,
};
use crate::platform::db::{Connection, by_day};
use crate::schema::{browser_sessions, principals};

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

fn hash(cookie: &Bearer) -> Vec<u8> {
    cookie.hash().as_bytes().to_vec()
}

/// Finds the session of a cookie, whatever its state.
pub fn find(connection: &mut Connection, cookie: &Bearer) -> Result<Option<Session>, Fault> {
    let row = browser_sessions::table
        .find((hash(cookie), day(cookie)))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Session::from))
}

/// A session to be found by its cookie together with others, and how its person stands.
pub struct Find(pub Bearer);

impl Lookup for Find {
    type Found = Option<(Session, UserStanding)>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let mut rows: Vec<(Vec<u8>, Row, Option<DateTime<Utc>>)> = Vec::with_capacity(keys.len());
        for (day, keys) in by_day(keys, |Self(cookie)| day(cookie)) {
            let hashes: Vec<Vec<u8>> = keys.iter().map(|Self(cookie)| hash(cookie)).collect();
            let found = browser_sessions::table
                .inner_join(principals::table.on(principals::id.eq(browser_sessions::user_id)))
                .filter(browser_sessions::expires_on.eq(day))
                .filter(browser_sessions::token_hash.eq_any(hashes))
                .select((browser_sessions::token_hash, Row::as_select(), principals::disabled_at))
                .load(connection)?;
            rows.extend(found);
        }
        let found: HashMap<Vec<u8>, (Session, UserStanding)> = rows
            .into_iter()
            .map(|(hash, row, disabled_at)| (hash, (row.into(), UserStanding { disabled_at })))
            .collect();
        Ok(keys.iter().map(|Self(cookie)| found.get(cookie.hash().as_bytes().as_slice()).cloned()).collect())
    }
}

/// A session on which something that is written for many at once depends.
pub struct Seat {
    /// Its cookie.
    pub cookie: Bearer,
    /// Whose it is.
    pub user: PrincipalId,
    /// The moment at which it must live.
    pub now: DateTime<Utc>,
    /// How long it may rest.
    pub idle: Duration,
}

/// Holds the people of these sessions, as [`recognise`](super::recognise()) does, and says of each whether it lives.
pub fn hold_living(connection: &mut Connection, seats: &[&Seat]) -> Result<Vec<bool>, Fault> {
    hold_users(connection, &seats.iter().map(|seat| seat.user).collect::<Vec<_>>())?;
    let cookies: Vec<Find> = seats.iter().map(|seat| Find(seat.cookie)).collect();
    let found = Find::find(&cookies.iter().collect::<Vec<_>>(), connection)?;
    let lives = |(seat, found): (&&Seat, Option<(Session, UserStanding)>)| {
        found.is_some_and(|(session, user)| {
            session.user_id == seat.user && seat.standing(session, user).is_ok()
        })
    };
    Ok(seats.iter().zip(found).map(lives).collect())
}

impl Seat {
    fn standing(&self, session: Session, user: UserStanding) -> Result<(), Inactive> {
        let session = SessionStanding {
            ended_at: session.ended_at,
            expires_at: session.expires_at,
            idle_expires_at: session.last_seen_at + self.idle,
        };
        Standing { user: Some(user), session: Some(session), ..Standing::default() }.may_act(self.now)
    }
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
    diesel::update(browser_sessions::table.find((hash(cookie), day(cookie))))
        .filter(browser_sessions::last_seen_at.lt(now))
        .set((browser_sessions::last_seen_at.eq(now), browser_sessions::ip.eq(ip)))
        .execute(&mut **work)?;
    Ok(())
}

/// Ends the session of a cookie. `false`: there was none to end.
pub fn end(work: &mut Work<'_>, cookie: &Bearer) -> Result<bool, Fault> {
    let now = work.now();
    let ended = diesel::update(browser_sessions::table.find((hash(cookie), day(cookie))))
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
