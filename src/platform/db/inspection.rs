//! What an operator's checks ask of the database. All of it only reads.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamptz};
use diesel::{OptionalExtension as _, RunQueryDsl, sql_query};

use super::Connection;
use crate::kernel::Fault;

/// The server and its settings.
#[derive(Debug, QueryableByName)]
pub struct ServerFacts {
    /// As in `160004`.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The encoding of the database.
    #[diesel(sql_type = Text)]
    pub encoding: String,
    /// Bytes of the database.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// `fsync`, as we see it.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// `synchronous_commit`, likewise.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// `full_page_writes`, likewise.
    #[diesel(sql_type = Text)]
    pub full_page_writes: String,
    /// `lc_messages`, likewise: the language of its refusals.
    #[diesel(sql_type = Text)]
    pub language: String,
    /// A standby, which can only be read.
    #[diesel(sql_type = Bool)]
    pub is_standby: bool,
    /// Whether our role may do anything at all.
    #[diesel(sql_type = Bool)]
    pub is_superuser: bool,
    /// Connections that our role may have to this database, at most.
    #[diesel(sql_type = BigInt)]
    pub connections: i64,
    /// How many of these other roles leave us now.
    #[diesel(sql_type = BigInt)]
    pub free: i64,
}

/// Asks for [`ServerFacts`].
pub fn server_facts(connection: &mut Connection) -> Result<ServerFacts, Fault> {
    let facts = sql_query(
        // Of other roles' connections a plain role sees the database and the name, and not what kind they are.
        "WITH others AS (SELECT datid FROM pg_stat_activity \
                         WHERE datid IS NOT NULL AND usename <> current_user) \
         SELECT current_setting('server_version_num')::int AS version, \
                pg_encoding_to_char(d.encoding)::text AS encoding, \
                pg_database_size(d.oid) AS bytes, \
                current_setting('fsync') AS fsync, \
                current_setting('synchronous_commit') AS synchronous_commit, \
                current_setting('full_page_writes') AS full_page_writes, \
                current_setting('lc_messages') AS language, \
                pg_is_in_recovery() AS is_standby, \
                r.rolsuper AS is_superuser, \
                least(l.server, l.database, l.role) AS connections, \
                least(l.server - (SELECT count(*) FROM others), \
                      l.database - (SELECT count(*) FROM others o WHERE o.datid = d.oid), l.role) AS free \
         FROM pg_database d CROSS JOIN pg_roles r CROSS JOIN LATERAL (SELECT \
             current_setting('max_connections')::bigint - CASE WHEN r.rolsuper THEN 0 \
                 ELSE current_setting('superuser_reserved_connections')::bigint END AS server, \
             CASE WHEN NOT r.rolsuper THEN nullif(d.datconnlimit, -1)::bigint END AS database, \
             CASE WHEN NOT r.rolsuper THEN nullif(r.rolconnlimit, -1)::bigint END AS role) l \
         WHERE d.datname = current_database() AND r.rolname = current_user",
    );
    Ok(facts.get_result(connection)?)
}

#[derive(QueryableByName)]
struct DatabaseTime {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// The database server's clock.
pub fn database_time(connection: &mut Connection) -> Result<DateTime<Utc>, Fault> {
    let time: DatabaseTime = sql_query("SELECT clock_timestamp() AS now").get_result(connection)?;
    Ok(time.now)
}

/// What our role may do.
#[derive(Debug, QueryableByName)]
#[allow(clippy::struct_excessive_bools, reason = "each is a right of its own")]
pub struct Rights {
    /// Make tables in the schema `public`, as migrations do; before the first, also a schema.
    #[diesel(sql_type = Bool)]
    pub migrate: bool,
    /// Make tables in the schema `partitions`.
    #[diesel(sql_type = Bool)]
    pub make: bool,
    /// Attach them: it owns every partitioned table.
    #[diesel(sql_type = Bool)]
    pub own: bool,
    /// Have them made by the function that works for their owner.
    #[diesel(sql_type = Bool)]
    pub is_admitted: bool,
}

/// Asks for [`Rights`]. What is not there yet, whoever migrates will own.
pub fn rights(connection: &mut Connection) -> Result<Rights, Fault> {
    let rights = sql_query(
        "SELECT has_schema_privilege('public', 'CREATE') AND (to_regnamespace('partitions') IS NOT NULL \
                    OR has_database_privilege(current_database(), 'CREATE')) AS migrate, \
                coalesce(has_schema_privilege(to_regnamespace('partitions'), 'CREATE'), true) AS make, \
                coalesce(bool_and(pg_has_role(relowner, 'USAGE')), true) AS own, \
                coalesce(has_function_privilege(to_regprocedure('make_partitions(date)'), 'EXECUTE'), false) \
                    AS is_admitted \
         FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace",
    );
    Ok(rights.get_result(connection)?)
}

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = Text)]
    words: String,
}

/// Whose transaction is the oldest of those under way that write, in whichever database of the server, in words; since
/// when, a plain role may not see of others.
pub fn oldest_transaction(connection: &mut Connection) -> Result<Option<String>, Fault> {
    let holder: Option<Holder> = sql_query(
        "SELECT CASE WHEN x.gid IS NOT NULL \
                THEN format('the prepared transaction %L (role %s, database %s, since %s UTC)', \
                            x.gid, x.owner, x.database, to_char(x.prepared, 'YYYY-MM-DD HH24:MI:SS')) \
                ELSE format('pid %s (', l.pid) || concat_ws(', ', 'role ' || a.usename, 'database ' || a.datname, \
                    nullif(a.application_name, ''), a.state, \
                    'since ' || to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS') || ' UTC') || ')' END AS words \
         FROM pg_locks l LEFT JOIN pg_prepared_xacts x ON x.transaction = l.transactionid \
              LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted \
           AND l.transactionid = pg_snapshot_xmin(pg_current_snapshot())::xid LIMIT 1",
    )
    .get_result(connection)
    .optional()?;
    Ok(holder.map(|holder| holder.words))
}
