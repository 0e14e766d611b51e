//! The events that concern a few: each of those is looked up by itself, so that somebody with few events does not have the
//! whole log read.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::audit::Listed;
use crate::audit::store::search::{Filter, Order};
use crate::kernel::Fault;
use crate::platform::db::Connection;

/// How many are a few. Of more the events are found sooner by reading the log in its order.
const FEW: usize = 100;

/// Whom the events must concern, if those are few and nothing else finds the events.
pub(super) fn few(filter: &Filter) -> Option<&[Uuid]> {
    let ids = filter.concerning.as_deref().filter(|ids| ids.len() <= FEW);
    ids.filter(|_| filter.actor.is_none() && filter.target.is_none())
}

/// Their events, at most so many.
pub(super) fn of_few(
    connection: &mut Connection,
    ids: &[Uuid],
    filter: &Filter,
    order: Order,
    most: i64,
) -> Result<Vec<Listed>, Fault> {
    let (after, id): (Option<DateTime<Utc>>, Option<Uuid>) = filter.after.unzip();
    Ok(diesel::sql_query(query(order))
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Nullable<Timestamptz>, _>(filter.from)
        .bind::<Nullable<Timestamptz>, _>(filter.to)
        .bind::<Nullable<Text>, _>(filter.kind.as_ref())
        .bind::<Nullable<Timestamptz>, _>(after)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(most)
        .load(connection)?)
}

/// Of each at most as many as are wanted of all, by the index of each column; an event that is found twice is one.
fn query(order: Order) -> String {
    let (way, side) = (order.way(), order.side());
    let ordered = format!("ORDER BY occurred_at {way}, id {way}");
    let found = |is_theirs: &str| {
        format!(
            "(SELECT occurred_at, id FROM events WHERE {is_theirs} \
                AND ($2 IS NULL OR occurred_at >= $2) AND ($3 IS NULL OR occurred_at < $3) \
                AND ($4 IS NULL OR kind = $4) AND ($5 IS NULL OR (occurred_at, id) {side} ($5, $6)) \
              {ordered} LIMIT $7)"
        )
    };
    let columns = ["actor_id = own.one", "client_id = own.one", "target_id = own.one::text"];
    format!(
        "SELECT events.* FROM (SELECT DISTINCT occurred_at, id FROM unnest($1) AS own (one) \
           CROSS JOIN LATERAL ({}) AS found {ordered} LIMIT $7) AS wanted \
         JOIN events USING (occurred_at, id) {ordered}",
        columns.map(found).join(" UNION ALL "),
    )
}
