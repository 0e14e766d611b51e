//! The database: whether it is reached and up to date, and what our role may do in it.

use chrono::{NaiveDate, TimeDelta};

use super::finding::{Finding, Level};
use super::partitions::Seen;
use super::{audit, contents, partitions, postgres, signing};
use crate::app::commands::Shell;
use crate::app::database::Database;
use crate::audit::chain::standing;
use crate::kernel::Fault;
use crate::platform::db::{self, Connection, Db, Distance, Rights};
use crate::platform::logging;

/// Seconds that our clock and the database's may differ.
const CLOCK_TOLERANCE: i64 = 2;

/// Checks the database that the settings name. `is_serving`: whether a server is there to look after it.
pub(super) fn check(shell: &Shell, is_serving: bool) -> Vec<Finding> {
    logging::start("warn");
    let settings = &shell.settings.database;
    let database = match Database::for_command(settings, shell.search_path.clone()) {
        Ok(database) => database,
        Err(fault) => return vec![Finding::bad("database", fault)],
    };
    let db = Db::new(&database.url, &settings.pool);
    let facts = match db.run_here(db::server_facts) {
        Ok(facts) => facts,
        Err(fault) => return vec![Finding::bad("database", fault)],
    };
    let mut findings = postgres::check(&facts, database.is_private(), settings.pool.connections.into());
    findings.extend(contents_of(shell, &database, &db, is_serving));
    findings.push(ask(&db, "clock", |connection| clock(shell, connection)));
    findings
}

/// Whether it is up to date, whether our role can keep it so, and then what is in it.
fn contents_of(shell: &Shell, database: &Database, db: &Db, is_serving: bool) -> Vec<Finding> {
    let distance = db.run_here(db::distance);
    let is_complete = distance.as_ref().is_ok_and(|distance| distance.pending.is_empty());
    let mut findings = vec![
        match &distance {
            Ok(distance) => migrations(distance, database.is_private()),
            Err(fault) => unchecked("migrations", fault),
        },
        ask(db, "permissions", |connection| Ok(permissions(&db::rights(connection)?, is_complete))),
    ];
    if is_complete {
        let today = shell.clock.now().date_naive();
        match db.run_here(|connection| seen(shell, connection, today)) {
            Ok(seen) => findings.extend(partitions::check(&seen, today, is_serving)),
            Err(fault) => findings.push(unchecked("partitions", &fault)),
        }
        findings.push(ask(db, "accounts", contents::check));
        findings.push(ask(db, "signing", |connection| signing::check(shell, connection)));
        findings.push(ask(db, "audit", |connection| {
            let every = TimeDelta::seconds(shell.settings.audit.checkpoint_s.into());
            let holder = db::oldest_transaction(connection)?;
            let standing = standing(connection)?;
            Ok(audit::check(&standing, shell.clock.now(), (is_serving, every), holder.as_deref()))
        }));
    }
    findings
}

fn seen(shell: &Shell, connection: &mut Connection, today: NaiveDate) -> Result<Seen, Fault> {
    let found = db::partitions(connection, today, shell.settings.audit.retention())?;
    Ok(Seen { found, detached: db::detached_partitions(connection)? })
}

/// Makes one check; what keeps it from being made is bad.
fn ask(
    db: &Db,
    check: &'static str,
    question: impl FnOnce(&mut Connection) -> Result<Finding, Fault>,
) -> Finding {
    db.run_here(question).unwrap_or_else(|fault| unchecked(check, &fault))
}

fn unchecked(check: &'static str, fault: &Fault) -> Finding {
    Finding::bad(check, format!("cannot be checked: {fault}"))
}

fn migrations(distance: &Distance, is_private: bool) -> Finding {
    if let Some(newest) = distance.unknown.last() {
        // A migration keeps the version before it working, so that nodes can follow one by one.
        let words = format!(
            "a newer Grantor migrated this database ({newest} is not known here): this one should follow"
        );
        return Finding::warn("migrations", words);
    }
    match (distance.pending.len(), is_private) {
        (0, _) => Finding::ok("migrations", "all have run"),
        (many, true) => Finding::warn(
            "migrations",
            format!("{many} are to run: the next start does so. What is in the database was not checked"),
        ),
        (many, false) => Finding::bad(
            "migrations",
            format!("{many} are to run: run `grantor migrate`. What is in the database was not checked"),
        ),
    }
}

/// Partitions are made by the role we connect as: without that right the server would stop one day.
fn permissions(rights: &Rights, is_migrated: bool) -> Finding {
    if !rights.own && rights.is_admitted {
        let words = "may read, write and have partitions made, and only add to the logs. Its owner drops what expired: \
                     `grantor migrate --drop-expired`, daily";
        return Finding::ok("permissions", words);
    }
    if !rights.own || !rights.make {
        let words =
            "the database role may not make partitions: it must own the tables and the schema partitions";
        return Finding::bad("permissions", words);
    }
    if rights.migrate {
        return Finding::ok("permissions", "may read, write, migrate and make partitions");
    }
    Finding::new(
        "permissions",
        if is_migrated { Level::Warn } else { Level::Bad },
        "the database role may not migrate: it must own the database, or be granted CREATE on it and on its schema \
         public",
    )
}

fn clock(shell: &Shell, connection: &mut Connection) -> Result<Finding, Fault> {
    let theirs = db::database_time(connection)?;
    let apart = (shell.clock.now() - theirs).num_seconds();
    Ok(if apart.abs() <= CLOCK_TOLERANCE {
        Finding::ok("clock", format!("within {CLOCK_TOLERANCE} s of the database's"))
    } else {
        Finding::bad("clock", format!("{apart} s off the database's: synchronise both (NTP)"))
    })
}
