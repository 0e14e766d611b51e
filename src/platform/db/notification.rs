//! What one node tells the others with a commit (Postgres's `NOTIFY`).

use diesel::sql_types::Text;
use diesel::{RunQueryDsl as _, sql_query};

use crate::kernel::{Fault, Stale};
use crate::platform::db::Connection;

/// The channel that every node listens to.
pub const CHANNEL: &str = "grantor_stale";

/// What is worth naming one by one: Postgres bounds a message to 8000 bytes.
const MOST: usize = 150;

/// Tells every node what is stale, if and when the transaction under way commits.
pub fn announce(connection: &mut Connection, stale: &[Stale]) -> Result<(), Fault> {
    if stale.is_empty() {
        return Ok(());
    }
    let all = [Stale::Everything];
    let told = if stale.len() > MOST { &all[..] } else { stale };
    let message = told.iter().map(Stale::encode).collect::<Vec<_>>().join(" ");
    sql_query("SELECT pg_notify($1, $2)")
        .bind::<Text, _>(CHANNEL)
        .bind::<Text, _>(message)
        .execute(connection)?;
    Ok(())
}
