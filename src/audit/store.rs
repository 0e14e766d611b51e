//! The table `events`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::Event;
use crate::kernel::Fault;
use crate::platform::context::Context;
use crate::platform::db::Connection;
use crate::platform::entropy::Entropy;
use crate::schema::events;

#[derive(Insertable)]
#[diesel(table_name = events)]
struct NewEvent<'a> {
    occurred_at: DateTime<Utc>,
    id: Uuid,
    kind: &'a str,
    outcome: &'a str,
    actor_kind: &'a str,
    actor_id: Option<Uuid>,
    target_kind: Option<&'a str>,
    target_id: Option<&'a str>,
    client_id: Option<Uuid>,
    request_id: Option<String>,
    ip: Option<String>,
    user_agent: Option<&'a str>,
    data: &'a Value,
}

/// What the log holds in one statement; Postgres bounds the values of one to 65 535.
const AT_ONCE: usize = 1000;

/// Appends the events of each act, in order, within the caller's transaction.
pub(super) fn append(
    connection: &mut Connection,
    trails: &[(Context, Vec<Event>)],
    entropy: Entropy,
) -> Result<(), Fault> {
    let rows: Vec<NewEvent<'_>> =
        trails.iter().flat_map(|(context, trail)| rows(context, trail, entropy)).collect();
    for rows in rows.chunks(AT_ONCE) {
        diesel::insert_into(events::table).values(rows).execute(connection)?;
    }
    Ok(())
}

fn rows<'a>(context: &'a Context, trail: &'a [Event], entropy: Entropy) -> Vec<NewEvent<'a>> {
    let mut ids: Vec<Uuid> = trail.iter().map(|_| entropy.id(context.now)).collect();
    // Of one moment, ids sort by chance; of one act, they sort as it happened.
    ids.sort_unstable();
    trail.iter().zip(ids).map(|(event, id)| row(event, context, id)).collect()
}

fn row<'a>(event: &'a Event, context: &'a Context, id: Uuid) -> NewEvent<'a> {
    NewEvent {
        occurred_at: context.now,
        id,
        kind: event.kind.as_str(),
        outcome: event.kind.outcome(),
        actor_kind: event.actor.kind(),
        actor_id: event.actor.id().map(|id| id.uuid()),
        target_kind: event.target.as_ref().map(|(kind, _)| *kind),
        target_id: event.target.as_ref().map(|(_, id)| id.as_str()),
        client_id: event.client.map(|id| id.uuid()),
        request_id: context.request_id.map(|id| id.to_string()),
        ip: context.ip.map(|ip| ip.to_string()),
        user_agent: context.user_agent.as_deref(),
        data: &event.data,
    }
}

/// An event as it is listed.
#[derive(Queryable, Selectable, Serialize)]
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

/// The latest events, newest first; of one kind or of all.
pub fn list(connection: &mut Connection, kind: Option<&str>, most: i64) -> Result<Vec<Listed>, Fault> {
    let mut query = events::table
        .select(Listed::as_select())
        .order((events::occurred_at.desc(), events::id.desc()))
        .limit(most)
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(events::kind.eq(kind.to_owned()));
    }
    Ok(query.load(connection)?)
}
