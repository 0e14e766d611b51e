//! A role for the server that owns nothing: it reads and writes what a server does, and can only add to the logs.

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection as _, OptionalExtension as _, QueryableByName, RunQueryDsl as _, sql_query};

use super::{Connection, quoted};
use crate::kernel::Fault;

#[derive(QueryableByName)]
struct Role {
    #[diesel(sql_type = Bool)]
    rules: bool,
}

/// Lets a role do what a server must, and no more: of `logs` it may read and add, but for a column that the
/// database fills. To be done again after each migration. An error of words: there is no such role, or nothing would
/// bind it.
pub fn admit_role(
    connection: &mut Connection,
    role: &str,
    logs: &[&str],
    filled: (&str, &str),
) -> Result<Result<(), String>, Fault> {
    match rules(connection, role)? {
        None => {
            let words = format!("there is no role {role}: CREATE ROLE … LOGIN PASSWORD '…' makes one");
            Ok(Err(words))
        }
        Some(true) => {
            let words = "owns the tables or is a superuser: it could change the logs whatever is granted";
            Ok(Err(format!("the role {role} {words}")))
        }
        Some(false) => connection.transaction(|connection| {
            grant(connection, &quoted(role), logs)?;
            grant_all_but(connection, &quoted(role), filled).map(Ok)
        }),
    }
}

/// Whether a role, if there is one of this name, may do as the owner does.
fn rules(connection: &mut Connection, role: &str) -> Result<Option<bool>, Fault> {
    let found: Option<Role> = sql_query(
        "SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'MEMBER') AS rules FROM pg_roles r \
         JOIN pg_class c ON c.oid = to_regclass('public.partition_plans') WHERE r.rolname = $1",
    )
    .bind::<Text, _>(role)
    .get_result(connection)
    .optional()?;
    Ok(found.map(|role| role.rules))
}

fn grant(connection: &mut Connection, role: &str, logs: &[&str]) -> Result<(), Fault> {
    Ok(connection.batch_execute(&format!(
        "GRANT USAGE ON SCHEMA public TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}; \
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}; \
         REVOKE INSERT, UPDATE, DELETE ON partition_plans, __diesel_schema_migrations FROM {role}; \
         REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {role}; \
         GRANT EXECUTE ON FUNCTION make_partitions(date), reach_ahead(integer, date), \
             keep_calls(integer), make_leaves(date), \
             heed_restored_events(), tidy_counters() TO {role}",
        logs.join(", ")
    ))?)
}

#[derive(QueryableByName)]
struct Columns {
    #[diesel(sql_type = Text)]
    names: String,
}

/// Lets a role fill all columns of a table but one.
fn grant_all_but(
    connection: &mut Connection,
    role: &str,
    (table, column): (&str, &str),
) -> Result<(), Fault> {
    let columns: Columns = sql_query(
        "SELECT string_agg(quote_ident(attname), ', ') AS names FROM pg_attribute \
         WHERE attrelid = to_regclass('public.' || $1) AND attnum > 0 AND NOT attisdropped AND attname <> $2",
    )
    .bind::<Text, _>(table)
    .bind::<Text, _>(column)
    .get_result(connection)?;
    Ok(connection.batch_execute(&format!(
        "REVOKE INSERT ON {table} FROM {role}; GRANT INSERT ({}) ON {table} TO {role}",
        columns.names
    ))?)
}
