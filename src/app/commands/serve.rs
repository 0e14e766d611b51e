//! `grantor serve`

use crate::accounts::store::has_users;
use crate::app::commands::{Refusal, Shell};
use crate::app::database::Database;
use crate::app::neighbours::astray;
use crate::app::startup;
use crate::kernel::Fault;
use crate::platform::db::Db;
use crate::platform::logging;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Allow settings that are insecure but handy for trying things out.
    #[arg(long)]
    pub(super) dev: bool,
}

pub(super) fn run(shell: &Shell) -> Result<(), Refusal> {
    logging::start(&shell.settings.log);
    let database = Database::for_server(&shell.settings.database, shell.search_path.clone())?;
    let db = Db::new(&database.url, &shell.settings.database.pool);
    database.prepare(&db, shell.clock.now().date_naive())?;
    let served = actix_web::rt::System::new().block_on(serve(shell, db));
    // HTTP has ended, and with it everything that held a connection.
    database.stop();
    served.map_err(Refusal::from)
}

async fn serve(shell: &Shell, db: Db) -> Result<(), Fault> {
    let running = startup::start(&shell.settings, db.clone(), shell.clock.clone(), true).await?;
    if shell.settings.believes_nobody() {
        log::warn!("behind a proxy everybody has its address: set server.trusted_proxies to the proxy's");
    }
    if let Some(front) = shell.settings.is_astray() {
        log::warn!("{}", astray(&shell.settings.issuer, front));
    }
    log::info!("Grantor serves {} at {}", shell.settings.issuer, running.front);
    if let Some(ops) = running.ops {
        log::info!("metrics at http://{ops}/metrics");
    }
    if let Ok(false) = db.run(has_users).await {
        log::info!(
            "nobody can sign in yet: `grantor user add <name>` makes somebody; docs/walkthrough.md shows the rest"
        );
    }
    running.ended().await?;
    log::info!("ended");
    Ok(())
}
