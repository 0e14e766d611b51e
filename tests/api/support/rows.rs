//! What is in the database, for what no answer tells.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use grantor::kernel::SecretHash;
use grantor::platform::db::Db;
use grantor::schema::events;
use serde_json::Value;
use uuid::Uuid;

/// An event, but for its time and id.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct Told {
    pub kind: String,
    pub outcome: String,
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    pub target_kind: Option<String>,
    pub target_id: Option<String>,
    pub client_id: Option<Uuid>,
    pub request_id: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub data: Value,
}

/// The events of a kind, oldest first.
pub fn told(db: &Db, kind: &str) -> Vec<Told> {
    db.run_here(|connection| {
        Ok(events::table
            .filter(events::kind.eq(kind))
            .order((events::occurred_at, events::id))
            .select(Told::as_select())
            .load(connection)?)
    })
    .expect("events")
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many rows `FROM …` this has.
pub fn count(db: &Db, from: &str) -> i64 {
    db.run_here(|connection| {
        let row: Number =
            diesel::sql_query(format!("SELECT count(*) AS number FROM {from}")).get_result(connection)?;
        Ok(row.number)
    })
    .expect("a count")
}

/// Runs a statement; the words of the database's refusal, if it refuses.
pub fn execute(db: &Db, statement: &str) -> Result<(), String> {
    db.run_here(|connection| Ok(connection.batch_execute(statement).map_err(|error| error.to_string())))
        .expect("a connection")
}

/// A text as a binary column shows it.
pub fn hexadecimal(text: &str) -> String {
    hex_of(text.as_bytes())
}

/// The hash of a bearer as a binary column shows it.
pub fn hash_of(bearer: &str) -> String {
    hex_of(SecretHash::of(bearer).as_bytes())
}

fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("room");
        hex
    })
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Every column of every row of every table, as text; binary columns in hexadecimal.
pub fn dump(db: &Db) -> String {
    const TABLES: &str = "SELECT table_schema || '.' || table_name AS line FROM information_schema.tables \
                          WHERE table_schema IN ('public', 'partitions') AND table_type = 'BASE TABLE'";
    let lines = |query: String| {
        db.run_here(|connection| Ok(diesel::sql_query(query).load::<Line>(connection)?)).expect("rows")
    };
    let tables = lines(TABLES.to_owned());
    assert!(tables.len() > 10, "the tables are elsewhere");
    let rows = tables.iter().flat_map(|table| {
        let name = &table.line;
        lines(format!("SELECT '{name} ' || row_of::text AS line FROM {name} row_of"))
    });
    rows.map(|row| row.line).collect::<Vec<_>>().join("\n")
}
