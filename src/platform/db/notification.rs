//! What one node tells the others with a commit (Postgres's `NOTIFY`).

use diesel::connection::SimpleConnection as _;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};

use crate::kernel::{Fault, Stale};
use crate::platform::db::{Connection, Db, reach};

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

/// A connection that hears what is announced.
pub struct Ear(Connection);

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Bool)]
    listens: bool,
}

impl Db {
    /// Listens, from now on.
    pub fn listen(&self) -> Result<Ear, Fault> {
        let mut connection = reach(&self.url)?;
        connection.batch_execute(&format!("SET application_name = 'grantor listener'; LISTEN {CHANNEL}"))?;
        Ok(Ear(connection))
    }
}

impl Ear {
    /// What was announced since the last time: all of it that was committed before this was asked, since Postgres
    /// sends what it has for a session before it answers it. It is asked for whether it still listens, too: behind a
    /// pooler that lends its connections by the transaction it does not, and would never hear anything.
    pub fn hear(&mut self) -> Result<Vec<Stale>, Fault> {
        const LISTENS: &str =
            "SELECT EXISTS (SELECT FROM pg_listening_channels() AS own WHERE own = $1) AS listens";
        let session: Session = sql_query(LISTENS).bind::<Text, _>(CHANNEL).get_result(&mut self.0)?;
        if !session.listens {
            return Err(Fault::unavailable("the session does not listen any more"));
        }
        let heard = self.0.notifications_iter().collect::<Result<Vec<_>, DieselError>>()?;
        Ok(heard.iter().flat_map(|told| told.payload.split(' ')).map(Stale::decode).collect())
    }
}
