//! Partitions: the coming ones are made, and all of them are listed, with when each may go.

use chrono::{NaiveDate, TimeDelta};
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text};
use diesel::{Connection as _, QueryableByName, RunQueryDsl, sql_query};

use super::Connection;
use crate::kernel::Fault;

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Integer)]
    made: i32,
}

/// Makes the partitions that will be needed, for a while ahead; returns how many were missing.
pub fn make_partitions(connection: &mut Connection, today: NaiveDate) -> Result<i32, Fault> {
    in_its_time(connection, |connection| {
        let made: Made =
            sql_query("SELECT make_partitions($1) AS made").bind::<Date, _>(today).get_result(connection)?;
        Ok(made.made)
    })
}

/// A new database gets dozens of them, and a slow disk its time.
fn in_its_time<T>(
    connection: &mut Connection,
    make: impl FnOnce(&mut Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.transaction(|connection| {
        connection.batch_execute("SET LOCAL statement_timeout = '60s'")?;
        make(connection)
    })
}

/// What is made ahead beyond the longest life, for a job that fails for some days before anybody looks.
const SPARE: TimeDelta = TimeDelta::days(8);

/// Has the rows of a life so long find their partitions: a refresh token's, and that of whatever its family is made of.
/// What was reached once is kept, since another node or client may need it.
pub fn reach_ahead(connection: &mut Connection, lifetime: TimeDelta, today: NaiveDate) -> Result<(), Fault> {
    let days = i32::try_from((lifetime + SPARE).num_days() + 1).map_err(Fault::internal)?;
    in_its_time(connection, |connection| {
        let reach = sql_query("SELECT reach_ahead($1, $2)").bind::<Integer, _>(days).bind::<Date, _>(today);
        Ok(reach.execute(connection).map(drop)?)
    })
}

/// How long logs are kept: plans that say nothing of it leave it to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRetention {
    /// Nothing is dropped.
    ForEver,
    /// So many days, and as long as it takes until a partition's last row is so old.
    Days(u32),
}

/// As long as anything is kept: so many days after a partition that nobody alive will see it go.
const FOR_EVER: i32 = 1_000_000;

/// Has the request log kept for as long as an operator wants it. Who does not own the tables has it kept for longer, and
/// is not heard otherwise.
pub fn keep_calls(connection: &mut Connection, rows: LogRetention) -> Result<(), Fault> {
    let days = match rows {
        LogRetention::ForEver => FOR_EVER,
        LogRetention::Days(days) => i32::try_from(days).map_err(Fault::internal)?,
    };
    Ok(sql_query("SELECT keep_calls($1)").bind::<Integer, _>(days).execute(connection).map(drop)?)
}

/// A partition, and what its plan wants.
#[derive(Debug, QueryableByName)]
pub struct Partition {
    /// The table it is a part of.
    #[diesel(sql_type = Text)]
    pub parent: String,
    /// Its own name, in the schema `partitions`.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its first day.
    #[diesel(sql_type = Date)]
    pub starts: NaiveDate,
    /// The day after its last.
    #[diesel(sql_type = Date)]
    pub ends: NaiveDate,
    /// The last day that the plan wants to be covered.
    #[diesel(sql_type = Date)]
    pub wanted: NaiveDate,
    /// The first day on which it is not needed any more; a log may be needed for ever.
    #[diesel(sql_type = Nullable<Date>)]
    pub over_on: Option<NaiveDate>,
    /// Its detaching was begun and not finished: nobody sees it any more, and it holds up the next one.
    #[diesel(sql_type = Bool)]
    pub is_pending: bool,
    /// It carries the mark of those that are to be dropped.
    #[diesel(sql_type = Bool)]
    pub is_marked: bool,
    /// Bytes it takes, indexes included.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

impl Partition {
    /// Whether nobody needs it on this day.
    pub fn is_over(&self, today: NaiveDate) -> bool {
        self.over_on.is_some_and(|over_on| over_on <= today)
    }

    /// Whether it is one that the plan made: named after its first day. What else hangs there is somebody's own.
    pub fn is_planned(&self) -> bool {
        self.name == format!("{}_{}", self.parent, self.starts.format("%Y%m%d"))
    }
}

/// What is written on a partition before it is let go, see [`super::retention`].
pub(super) const MARK: &str = "grantor: expired, to be dropped";

/// The partitions of every plan, those that others lean on last and the oldest first; a plan without any has one of
/// no name and no days, that ended long ago.
pub fn partitions(
    connection: &mut Connection,
    today: NaiveDate,
    logs: LogRetention,
) -> Result<Vec<Partition>, Fault> {
    let rows = sql_query(
        "SELECT p.parent, coalesce(c.relname, '')::text AS name, \
                coalesce(b.bounds[1], date '0001-01-01') AS starts, \
                coalesce(b.bounds[2], date '0001-01-01') AS ends, \
                ($1 + p.ahead)::date AS wanted, \
                (b.bounds[2] + coalesce(p.keep, make_interval(days => $2)))::date AS over_on, \
                coalesce(i.inhdetachpending, false) AS is_pending, \
                coalesce(obj_description(c.oid, 'pg_class') = $3, false) AS is_marked, \
                coalesce(pg_total_relation_size(c.oid), 0) AS bytes \
         FROM partition_plans p \
         JOIN pg_class t ON t.oid = to_regclass('public.' || quote_ident(p.parent)) \
         LEFT JOIN (pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                    AND c.relnamespace = 'partitions'::regnamespace) ON i.inhparent = t.oid \
         LEFT JOIN LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), \
             '\\(''([^'']+)''\\) TO \\(''([^'']+)''\\)')::timestamptz[]::date[] AS bounds) b ON true \
         ORDER BY p.keep NULLS LAST, p.parent, starts",
    );
    let days = match logs {
        LogRetention::ForEver => None,
        LogRetention::Days(days) => Some(i32::try_from(days).map_err(Fault::internal)?),
    };
    let rows = rows.bind::<Date, _>(today).bind::<Nullable<Integer>, _>(days).bind::<Text, _>(MARK);
    Ok(rows.load(connection)?)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Partitions that were let go and are not dropped yet: part of nothing, and marked. A table that an operator detached
/// to keep it carries no mark.
pub fn detached_partitions(connection: &mut Connection) -> Result<Vec<String>, Fault> {
    let rows: Vec<Named> = sql_query(
        "SELECT c.relname::text AS name FROM pg_class c \
         JOIN partition_plans p ON c.relname ~ ('^' || p.parent || '_[0-9]{8}$') \
         WHERE c.relnamespace = 'partitions'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition \
           AND obj_description(c.oid, 'pg_class') = $1 ORDER BY name",
    )
    .bind::<Text, _>(MARK)
    .load(connection)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}
