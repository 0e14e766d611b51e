//! The schema: what this binary knows, what the database has run, and bringing the two together.

use diesel::QueryableByName;
use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationSource as _};
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::{RunQueryDsl, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Connection, reach};
use crate::kernel::Fault;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// How far the database and this binary are apart.
#[derive(Debug, Default)]
pub struct Distance {
    /// Migrations that this binary knows and the database has not run.
    pub pending: Vec<String>,
    /// Versions that the database has run and this binary does not know: a newer one was here.
    pub unknown: Vec<String>,
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

#[derive(QueryableByName)]
struct Run {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Brings the schema up to date; returns the names of the migrations that ran.
pub fn migrate(url: &str) -> Result<Vec<String>, Fault> {
    let mut connection = reach(url)?;
    let ran = connection.run_pending_migrations(MIGRATIONS).map_err(Fault::internal)?;
    Ok(ran.iter().map(ToString::to_string).collect())
}

/// Undoes every migration, last first; for the tests that hold that each one can be undone.
pub fn migrate_down(url: &str) -> Result<(), Fault> {
    let mut connection = reach(url)?;
    connection.revert_all_migrations(MIGRATIONS).map_err(Fault::internal)?;
    Ok(())
}

/// Compares the two. It only reads, so that a role that may make nothing in the schema is told what it lacks by
/// the check for that.
pub fn distance(connection: &mut Connection) -> Result<Distance, Fault> {
    let run = versions_run(connection)?;
    let migrations: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().map_err(Fault::internal)?;
    let known: Vec<(String, String)> = migrations
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    let is_known = |run: &String| known.iter().any(|(version, _)| version == run);
    let unknown = run.iter().filter(|run| !is_known(run)).cloned().collect();
    let pending = known.into_iter().filter(|(version, _)| !run.contains(version)).map(|(_, name)| name);
    Ok(Distance { pending: pending.collect(), unknown })
}

fn versions_run(connection: &mut Connection) -> Result<Vec<String>, Fault> {
    let table: Exists = sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS exists")
        .get_result(connection)?;
    if !table.exists {
        return Ok(Vec::new());
    }
    let run: Vec<Run> = sql_query("SELECT version::text FROM __diesel_schema_migrations ORDER BY version")
        .load(connection)?;
    Ok(run.into_iter().map(|run| run.version).collect())
}

/// Makes the database `name` if there is none; `url` names another database of the same server.
pub fn create_database(url: &str, name: &str) -> Result<(), Fault> {
    let mut connection = reach(url)?;
    match connection.batch_execute(&format!("CREATE DATABASE {name}")) {
        // Another node may have made it in the same moment.
        Err(error) if !error.to_string().contains("already exists") => Err(Fault::from(error)),
        _ => Ok(()),
    }
}
