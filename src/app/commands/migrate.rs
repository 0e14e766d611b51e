//! `grantor migrate`

use serde_json::json;

use crate::app::commands::{Refusal, Shell};
use crate::app::database::{Database, say_whose_it_must_be};
use crate::platform::db::{self, Db};
use crate::platform::logging;

pub(super) fn run(shell: &Shell) -> Result<(), Refusal> {
    logging::start("warn");
    let database = Database::for_command(&shell.settings.database, shell.search_path.clone())?;
    let ran = db::migrate(&database.url).map_err(say_whose_it_must_be)?;
    let db = Db::new(&database.url, &shell.settings.database.pool);
    database.prepare(&db, shell.clock.now().date_naive())?;
    shell.say(&json!({ "ran": ran }), || match ran.len() {
        0 => "The database is up to date.".to_owned(),
        _ => format!("Ran {}.", ran.join(", ")),
    })
}
