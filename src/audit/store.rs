//! The table `events`.

mod concerning;
mod search;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::{Event, Kind};
use crate::kernel::Fault;
use crate::platform::context::Context;
use crate::platform::db::{Connection, Statement};
use crate::platform::entropy::Entropy;
use crate::schema::events;

pub use search::{Filter, find, newest, page};

/// An event with the act it was a part of.
struct Row<'a> {
    id: Uuid,
    context: &'a Context,
    event: &'a Event,
}

/// Appends the events of each act, in order, within the caller's transaction.
pub(super) fn append(
    connection: &mut Connection,
    trails: &[(Context, Vec<Event>)],
    entropy: Entropy,
) -> Result<(), Fault> {
    let rows: Vec<Row<'_>> =
        trails.iter().flat_map(|(context, trail)| rows(context, trail, entropy)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    Statement::new(
        "INSERT INTO events (occurred_at, id, kind, outcome, actor_kind, actor_id, target_kind, target_id, client_id, \
             request_id, ip, user_agent, data) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Array<Timestamptz>, _>(each(&rows, |row| row.context.now))
    .bind::<Array<SqlUuid>, _>(each(&rows, |row| row.id))
    .bind::<Array<Text>, _>(each(&rows, |row| row.event.kind.as_str()))
    .bind::<Array<Text>, _>(each(&rows, |row| row.event.kind.outcome()))
    .bind::<Array<Text>, _>(each(&rows, |row| row.event.actor.kind()))
    .bind::<Array<Nullable<SqlUuid>>, _>(each(&rows, |row| row.event.actor.id().map(|id| id.uuid())))
    .bind::<Array<Nullable<Text>>, _>(each(&rows, |row| row.event.target.as_ref().map(|(kind, _)| *kind)))
    .bind::<Array<Nullable<Text>>, _>(each(&rows, |row| row.event.target.as_ref().map(|(_, id)| id.clone())))
    .bind::<Array<Nullable<SqlUuid>>, _>(each(&rows, |row| row.event.client.map(|id| id.uuid())))
    .bind::<Array<Nullable<Text>>, _>(each(&rows, |row| row.context.request_id.map(|id| id.to_string())))
    .bind::<Array<Nullable<Text>>, _>(each(&rows, |row| row.context.ip.map(|ip| ip.to_string())))
    .bind::<Array<Nullable<Text>>, _>(each(&rows, |row| {
        row.context.user_agent.as_deref().map(ToOwned::to_owned)
    }))
    .bind::<Array<Jsonb>, _>(each(&rows, |row| row.event.data.clone()))
    .execute(connection)?;
    Ok(())
}

fn rows<'a>(context: &'a Context, trail: &'a [Event], entropy: Entropy) -> Vec<Row<'a>> {
    let mut ids: Vec<Uuid> = trail.iter().map(|_| entropy.id(context.now)).collect();
    // Of one moment, ids sort by chance; of one act, they sort as it happened.
    ids.sort_unstable();
    trail.iter().zip(ids).map(|(event, id)| Row { id, context, event }).collect()
}

/// Whether this event of this request is there. Attempts to tell it come one after the other, so that one that hangs is over
/// before the next one looks.
pub(super) fn is_told(connection: &mut Connection, context: &Context, event: &Event) -> Result<bool, Fault> {
    let request = context.request_id.map(|id| id.to_string());
    let key = format!("grantor.tell_once {request:?} {:?} {}", event.target, event.kind.as_str());
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(key)
        .execute(connection)?;
    let same = events::table
        .filter(events::occurred_at.eq(context.now))
        .filter(events::kind.eq(event.kind.as_str()))
        .filter(events::target_id.is_not_distinct_from(event.target.as_ref().map(|(_, id)| id.clone())))
        .filter(events::request_id.is_not_distinct_from(request))
        .filter(events::data.eq(&event.data));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(connection)?)
}

fn each<T>(rows: &[Row<'_>], column: impl FnMut(&Row<'_>) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}

/// An event as it is listed.
#[derive(Queryable, QueryableByName, Selectable, Serialize)]
#[diesel(table_name = events)]
pub struct Listed {
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
    /// What, as `object.verb`.
    pub kind: String,
    /// success, failure or denied.
    pub outcome: String,
    /// Who: user, client, operator, anonymous.
    pub actor_kind: String,
    /// Which principal.
    pub actor_id: Option<Uuid>,
    /// To what kind of thing.
    pub target_kind: Option<String>,
    /// To which.
    pub target_id: Option<String>,
    /// The client concerned.
    pub client_id: Option<Uuid>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// What else.
    pub data: Value,
}

/// Where an event stands: its transaction, its moment, its id.
type Standing = (i64, DateTime<Utc>, Uuid);

/// The events after one place and up to another, in the order of the chain: some are skipped, and so many follow.
pub(super) fn listed_between(
    connection: &mut Connection,
    after: Standing,
    until: Standing,
    (skipped, most): (i64, i64),
) -> Result<Vec<Listed>, Fault> {
    let place = (events::transaction, events::occurred_at, events::id);
    let is_within = sql::<Bool>("(transaction, occurred_at, id) > (")
        .bind::<BigInt, _>(after.0)
        .sql(", ")
        .bind::<Timestamptz, _>(after.1)
        .sql(", ")
        .bind::<SqlUuid, _>(after.2)
        .sql(") AND (transaction, occurred_at, id) <= (")
        .bind::<BigInt, _>(until.0)
        .sql(", ")
        .bind::<Timestamptz, _>(until.1)
        .sql(", ")
        .bind::<SqlUuid, _>(until.2)
        .sql(")");
    let query = events::table.filter(is_within).order(place).offset(skipped).limit(most);
    Ok(query.select(Listed::as_select()).load(connection)?)
}

/// The transaction that wrote an event.
pub(super) fn transaction_of(
    connection: &mut Connection,
    key: (DateTime<Utc>, Uuid),
) -> Result<Option<i64>, Fault> {
    Ok(events::table.find(key).select(events::transaction).first(connection).optional()?)
}

/// When the first event of a kind was that is still there.
pub fn earliest(connection: &mut Connection, kind: Kind) -> Result<Option<DateTime<Utc>>, Fault> {
    let first = events::table.filter(events::kind.eq(kind.as_str())).select(events::occurred_at);
    Ok(first.order(events::occurred_at).first(connection).optional()?)
}

/// The events of a kind between these moments, oldest first.
pub fn between(
    connection: &mut Connection,
    kind: Kind,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Listed>, Fault> {
    Ok(events::table
        .filter(events::kind.eq(kind.as_str()))
        .filter(events::occurred_at.ge(since))
        .filter(events::occurred_at.lt(until))
        .order((events::occurred_at, events::id))
        .select(Listed::as_select())
        .load(connection)?)
}
