//! `grantor demo`: a Grantor with people, partners, an app and an API, to be tried without reading, and gone afterwards.
//!
//! Its password and keys are known to everybody, so they must never get into a database that somebody keeps, nor be reached
//! from another machine: it has a private Postgres in a directory that is removed at the end, and all of it
//! listens on loopback.

mod furnish;
mod home;
mod partners;
mod programs;
mod stage;
mod words;

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::commands::demo::furnish::furnish;
use crate::app::commands::demo::home::Home;
use crate::app::commands::demo::programs::Programs;
use crate::app::commands::demo::stage::Stage;
use crate::app::commands::{Open, Refusal, Shell};
use crate::app::database::Database;
use crate::app::startup;
use crate::audit::Ledger;
use crate::platform::db::Db;
use crate::platform::logging;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the app listens, which asks for access.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    app: SocketAddr,
    /// Where the API listens, which the app calls.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    api: SocketAddr,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<(), Refusal> {
    logging::start("warn");
    let stage = Stage::look(&shell.settings, args)?;
    words::at_first(shell)?;
    actix_web::rt::System::new().block_on(perform(shell, stage))?;
    words::at_last(shell)
}

/// Makes the database, plays, and clears everything away.
async fn perform(shell: &Shell, mut stage: Stage) -> Result<(), Refusal> {
    // From here on signals end nothing by themselves, so that nothing is left behind.
    let end = asked_to_end()?;
    let home = Home::make()?;
    home.path().clone_into(&mut stage.settings.database.data_dir);
    let database = Database::for_server(&stage.settings.database, shell.search_path.clone())?;
    let db = Db::new(&database.url, &stage.settings.database.pool);
    database.prepare(&db, shell.clock.now().date_naive())?;
    let open = Open { ledger: Ledger::new(db.clone()), database };
    let played = play(shell, &stage, &open, db, end).await;
    open.database.stop();
    played
}

/// Starts everybody, says what to try, and waits for the end.
async fn play(
    shell: &Shell,
    stage: &Stage,
    open: &Open,
    db: Db,
    end: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    let cast = furnish(shell, open, &stage.app_url())?;
    let server = startup::start(&stage.settings, db, shell.clock.clone(), false).await?;
    let mut programs = Programs::start(stage, &cast)?;
    let shown = async {
        programs.ready(stage).await?;
        words::what_to_try(shell, stage, &cast)?;
        Err(programs.died().await)
    };
    let played = tokio::select! {
        over = shown => over,
        () = end => Ok(()),
    };
    programs.stop().await;
    server.stop().await?;
    played
}

/// Comes when somebody presses Ctrl-C, ends us, or closes the terminal; also when that was a while ago.
fn asked_to_end() -> Result<impl Future<Output = ()>, Refusal> {
    let listen = |kind| signal(kind).map_err(Refusal::new);
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
