//! The table `request_log`: its rows, written and read as they are.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use serde::Serialize;
use uuid::Uuid;

use crate::kernel::Fault;
use crate::platform::db::{Connection, Statement};
use crate::schema::request_log;
use crate::traffic::store::Canonical;

/// A call in the log. A new column is left out of the digest of its batch where it is NULL.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Serialize)]
#[diesel(table_name = request_log)]
pub struct Logged {
    /// When.
    pub ts: DateTime<Utc>,
    /// Its id.
    pub request_id: Uuid,
    /// What it was written with.
    pub batch_id: Uuid,
    /// Whose plan pays.
    pub account_id: Option<Uuid>,
    /// Who acted.
    pub principal_id: Option<Uuid>,
    /// With which key or personal token.
    pub credential_id: Option<Uuid>,
    /// Or which access token.
    pub token_id: Option<Uuid>,
    /// Through which client.
    pub client_id: Option<Uuid>,
    /// On which service.
    pub service_id: Option<Uuid>,
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The route it matched.
    pub route: Option<String>,
    /// What was answered.
    pub status_code: i16,
    /// The refusal's code.
    pub error_code: Option<String>,
    /// allow, deny, limit or error.
    pub decision: String,
    /// What it was decided by.
    pub policy: Option<String>,
    /// The checks, in order.
    pub checks: Canonical,
    /// The limits, as they stood.
    pub limits: Canonical,
    /// How long it took.
    pub response_time_ms: i32,
    /// And of that the service.
    pub upstream_ms: Option<i32>,
    /// Bytes of the body that came.
    pub bytes_in: i64,
    /// And of the one that went.
    pub bytes_out: i64,
    /// What it took from the limits.
    pub cost_units: i64,
    /// From where.
    pub ip_address: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// The trace it is a part of.
    pub trace_id: Option<String>,
}

/// Appends these rows.
pub(in crate::traffic) fn append(connection: &mut Connection, rows: &[Logged]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = Statement::new(
        "INSERT INTO request_log (ts, request_id, batch_id, account_id, principal_id, credential_id, token_id, \
             client_id, service_id, method, path, route, status_code, error_code, decision, policy, checks, limits, \
             response_time_ms, upstream_ms, bytes_in, bytes_out, cost_units, ip_address, user_agent, trace_id) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    numbers(texts(ids(statement, rows), rows), rows).execute(connection)?;
    Ok(())
}

fn ids(statement: Statement, rows: &[Logged]) -> Statement {
    statement
        .bind::<Array<Timestamptz>, _>(each(rows, |row| row.ts))
        .bind::<Array<SqlUuid>, _>(each(rows, |row| row.request_id))
        .bind::<Array<SqlUuid>, _>(each(rows, |row| row.batch_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(each(rows, |row| row.account_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(each(rows, |row| row.principal_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(each(rows, |row| row.credential_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(each(rows, |row| row.token_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(each(rows, |row| row.client_id))
        .bind::<Array<Nullable<SqlUuid>>, _>(each(rows, |row| row.service_id))
}

fn texts(statement: Statement, rows: &[Logged]) -> Statement {
    statement
        .bind::<Array<Text>, _>(each(rows, |row| row.method.clone()))
        .bind::<Array<Text>, _>(each(rows, |row| row.path.clone()))
        .bind::<Array<Nullable<Text>>, _>(each(rows, |row| row.route.clone()))
        .bind::<Array<SmallInt>, _>(each(rows, |row| row.status_code))
        .bind::<Array<Nullable<Text>>, _>(each(rows, |row| row.error_code.clone()))
        .bind::<Array<Text>, _>(each(rows, |row| row.decision.clone()))
        .bind::<Array<Nullable<Text>>, _>(each(rows, |row| row.policy.clone()))
        .bind::<Array<Jsonb>, _>(each(rows, |row| row.checks.clone()))
        .bind::<Array<Jsonb>, _>(each(rows, |row| row.limits.clone()))
}

fn numbers(statement: Statement, rows: &[Logged]) -> Statement {
    statement
        .bind::<Array<Integer>, _>(each(rows, |row| row.response_time_ms))
        .bind::<Array<Nullable<Integer>>, _>(each(rows, |row| row.upstream_ms))
        .bind::<Array<BigInt>, _>(each(rows, |row| row.bytes_in))
        .bind::<Array<BigInt>, _>(each(rows, |row| row.bytes_out))
        .bind::<Array<BigInt>, _>(each(rows, |row| row.cost_units))
        .bind::<Array<Nullable<Text>>, _>(each(rows, |row| row.ip_address.clone()))
        .bind::<Array<Nullable<Text>>, _>(each(rows, |row| row.user_agent.clone()))
        .bind::<Array<Nullable<Text>>, _>(each(rows, |row| row.trace_id.clone()))
}

fn each<T>(rows: &[Logged], column: impl FnMut(&Logged) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}

/// The rows of a batch, in its order.
pub(in crate::traffic) fn of_batch(
    connection: &mut Connection,
    batch: Uuid,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
) -> Result<Vec<Logged>, Fault> {
    Ok(request_log::table
        .filter(request_log::ts.between(first, last))
        .filter(request_log::batch_id.eq(batch))
        .order((request_log::ts, request_log::request_id))
        .select(Logged::as_select())
        .load(connection)?)
}
