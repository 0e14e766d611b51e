//! The table `events`, searched: by what events have in common, by page, and one by its id.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::audit::Listed;
use crate::audit::store::concerning::{few, of_few};
use crate::kernel::{EventId, Fault};
use crate::platform::db::Connection;
use crate::platform::entropy::moment_of;
use crate::schema::events;

/// How far an event's own moment may be from the one in its id, which has milliseconds only.
const ABOUT: TimeDelta = TimeDelta::seconds(1);

/// Where a page ends: the moment and the id of its last event.
type Place = (DateTime<Utc>, Uuid);

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before this.
    pub from: Option<DateTime<Utc>>,
    /// Before this.
    pub to: Option<DateTime<Utc>>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only what this principal did.
    pub actor: Option<Uuid>,
    /// Only what was done to this.
    pub target: Option<String>,
    /// Only what one of these did, or what was done to one or through one.
    pub concerning: Option<Vec<Uuid>>,
    /// Behind this one, in the order that is asked for.
    pub after: Option<Place>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

impl Order {
    pub(super) fn way(self) -> &'static str {
        match self {
            Self::NewestFirst => "DESC",
            Self::OldestFirst => "ASC",
        }
    }

    /// Where what comes later stands.
    pub(super) fn side(self) -> &'static str {
        match self {
            Self::NewestFirst => "<",
            Self::OldestFirst => ">",
        }
    }
}

/// Events, newest first, at most so many.
pub fn newest(connection: &mut Connection, filter: &Filter, most: i64) -> Result<Vec<Listed>, Fault> {
    search(connection, filter, Order::NewestFirst, most)
}

/// Events, oldest first, at most so many.
pub fn page(connection: &mut Connection, filter: &Filter, most: i64) -> Result<Vec<Listed>, Fault> {
    search(connection, filter, Order::OldestFirst, most)
}

fn search(
    connection: &mut Connection,
    filter: &Filter,
    order: Order,
    most: i64,
) -> Result<Vec<Listed>, Fault> {
    if let Some(ids) = few(filter) {
        return of_few(connection, ids, filter, order, most);
    }
    let mut query = match order {
        Order::NewestFirst => filtered(filter).order((events::occurred_at.desc(), events::id.desc())),
        Order::OldestFirst => filtered(filter).order((events::occurred_at, events::id)),
    };
    if let Some(place) = filter.after {
        query = query.filter(beyond(order.side(), place));
    }
    Ok(query.limit(most).select(Listed::as_select()).load(connection)?)
}

/// A condition on events.
type Condition = Box<dyn BoxableExpression<events::table, Pg, SqlType = Bool>>;

/// On one side of a place.
fn beyond(side: &str, (at, id): Place) -> Condition {
    let left = sql::<Bool>(&format!("(occurred_at, id) {side} ("));
    Box::new(left.bind::<Timestamptz, _>(at).sql(", ").bind::<SqlUuid, _>(id).sql(")"))
}

/// The event of this id, if it concerns one of these: its id says when it was.
pub fn find(
    connection: &mut Connection,
    id: EventId,
    concerning: Option<&[Uuid]>,
) -> Result<Option<Listed>, Fault> {
    let Some(at) = moment_of(id.uuid()) else { return Ok(None) };
    let concerning = concerning.map(<[Uuid]>::to_vec);
    let filter = Filter { from: Some(at - ABOUT), to: Some(at + ABOUT), concerning, ..Filter::default() };
    let query = filtered(&filter).filter(events::id.eq(id.uuid()));
    Ok(query.select(Listed::as_select()).first(connection).optional()?)
}

fn filtered(filter: &Filter) -> events::BoxedQuery<'static, Pg> {
    let mut query = events::table.into_boxed();
    if let Some(from) = filter.from {
        query = query.filter(events::occurred_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(events::occurred_at.lt(to));
    }
    if let Some(kind) = &filter.kind {
        query = query.filter(events::kind.eq(kind.clone()));
    }
    if let Some(actor) = filter.actor {
        query = query.filter(events::actor_id.eq(actor));
    }
    if let Some(target) = &filter.target {
        query = query.filter(events::target_id.eq(target.clone()));
    }
    if let Some(ids) = &filter.concerning {
        let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let by = events::actor_id.eq_any(ids.clone());
        // As the index says it, so that the planner knows it is meant.
        let through = events::client_id.is_not_null().and(events::client_id.eq_any(ids.clone()));
        query = query.filter(by.or(through).or(events::target_id.eq_any(texts)));
    }
    query
}
