//! `grantor migrate`

use serde_json::json;

use crate::app::commands::{Refusal, Shell};
use crate::app::database::{Database, say_whose_it_must_be};
use crate::audit;
use crate::platform::db::{self, Db, Round};
use crate::platform::logging;
use crate::traffic;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Let this role do what a server must, and only add to the logs; a server that connects as it cannot change what
    /// was done. To be said at each migration.
    #[arg(long, value_name = "ROLE")]
    app_role: Option<String>,
    /// Drop the partitions that expired. A server does so hourly, unless its role does not own the tables.
    #[arg(long)]
    drop_expired: bool,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<(), Refusal> {
    logging::start("warn");
    let database = Database::for_command(&shell.settings.database, shell.search_path.clone())?;
    let ran = db::migrate(&database.url).map_err(say_whose_it_must_be)?;
    let db = Db::new(&database.url, &shell.settings.database.pool);
    database.prepare(&db, shell.clock.now().date_naive())?;
    // A server whose role owns nothing can have calls kept for longer only.
    let kept = shell.settings.traffic.retention();
    db.run_here(|connection| db::keep_calls(connection, kept))?;
    let mut words = vec![match ran.len() {
        0 => "The database is up to date.".to_owned(),
        _ => format!("Ran {}.", ran.join(", ")),
    }];
    if let Some(role) = &args.app_role {
        let logs = [audit::LOGS, traffic::LOGS].concat();
        db.run_here(|connection| db::admit_role(connection, role, &logs, audit::FILLED))?.map_err(Refusal)?;
        words.push(format!("The role {role} may serve, and only add to the logs."));
    }
    let dropped = if args.drop_expired { Some(drop_expired(shell, &db)?) } else { None };
    words.extend(dropped.as_ref().map(|names| format!("Dropped {} expired partitions.", names.len())));
    let mut done = serde_json::Map::from_iter([("ran".to_owned(), json!(ran))]);
    done.extend(args.app_role.as_ref().map(|role| ("app_role".to_owned(), json!(role))));
    done.extend(dropped.map(|names| ("dropped".to_owned(), json!(names))));
    shell.say(&done, || words.join("\n"))
}

fn drop_expired(shell: &Shell, db: &Db) -> Result<Vec<String>, Refusal> {
    let (now, logs) = (shell.clock.now(), shell.settings.audit.retention());
    let today = db.run_here(|connection| db::agreed_day(connection, now))?;
    let today = today.map_err(|apart| {
        let seconds = apart.num_seconds();
        Refusal(format!(
            "nothing was dropped: our clock is {seconds} s off the database's; synchronise both (NTP)"
        ))
    })?;
    match db.run_here(|connection| db::drop_expired(connection, today, logs, || true))? {
        Round::Elsewhere => Ok(Vec::new()),
        Round::Done { left, .. } if !left.is_empty() => {
            let why = left.iter().map(|(partition, fault)| format!("{partition}: {fault}"));
            Err(Refusal(format!("not all that expired was dropped: {}", why.collect::<Vec<_>>().join("; "))))
        }
        Round::Done { dropped, .. } => Ok(dropped),
    }
}
