//! Connections to Postgres: the pool, the bound on blocking work, and what a database error means to us.
//!
//! Diesel is synchronous: every use of a connection runs on a blocking thread, and this file is the only one
//! that sends work there. As many run at once as there are connections; the others wait, asynchronously and
//! for a bounded time, and are then told 503.

mod connection_string;
mod failure;
mod inspection;
mod migrations;
mod notification;
mod statement;
mod partitions;
mod retention;
mod roles;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager as _};
use diesel::pg::PgConnection;
use diesel::r2d2::{ManageConnection, Pool};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{Connection as _, ConnectionError};
use serde::Deserialize;
use tokio::sync::Semaphore;

pub use self::connection_string::ConnectionString;
pub use self::inspection::{Rights, ServerFacts, database_time, oldest_transaction, rights, server_facts};
pub use self::migrations::{Distance, create_database, distance, migrate, migrate_down};
pub use self::notification::{CHANNEL, Ear, announce};
pub use self::partitions::{
    LogRetention, Partition, detached_partitions, keep_calls, make_partitions, partitions, reach_ahead,
};
pub use self::retention::{Round, agreed_day, drop_expired};
pub use self::roles::admit_role;
pub use self::statement::{Statement, by_day};
use crate::kernel::Fault;

/// How long a batch waits for a row that somebody holds.
const LOCK_TIMEOUT_MS: u64 = 1000;

/// The same for a row of a batch that is done again by itself, while all that came behind the batch waits.
const LOCK_TIMEOUT_ALONE_MS: u64 = 100;

/// A connection to the database. Only stores look inside.
pub type Connection = PgConnection;

/// Settings of the section `database` that concern the pool.
#[derive(Clone, Debug, Deserialize)]
pub struct PoolSettings {
    /// Connections held at most.
    pub connections: u32,
    /// Milliseconds a request waits for a connection before it is told 503.
    pub wait_ms: u64,
    /// Milliseconds after which Postgres ends a statement.
    pub statement_timeout_ms: u64,
    /// Requests that wait to be executed together with others, before more are told 503.
    pub queue: usize,
}

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    url: Arc<str>,
    pool: Pool<Manager>,
    turns: Arc<Semaphore>,
    generation: Arc<AtomicU64>,
    wait: Duration,
    longest: Duration,
    statement_timeout_ms: u64,
    queue: usize,
}

impl Db {
    /// A pool over `url`. Connects lazily, so that a server can start while its database is away.
    pub fn new(url: &str, settings: &PoolSettings) -> Self {
        let generation = Arc::new(AtomicU64::new(0));
        let wait = Duration::from_millis(settings.wait_ms);
        let manager = Manager {
            url: bounded(url),
            statement_timeout_ms: settings.statement_timeout_ms,
            generation: Arc::clone(&generation),
        };
        let pool = Pool::builder()
            .max_size(settings.connections)
            .min_idle(Some(0))
            .connection_timeout(wait)
            .test_on_check_out(true)
            .error_handler(Box::new(LoggedAtTheFace))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(settings.connections as usize));
        let longest =
            wait + Duration::from_millis(settings.statement_timeout_ms) + Duration::from_millis(500);
        Self {
            pool,
            turns,
            generation,
            wait,
            longest,
            url: url.into(),
            statement_timeout_ms: settings.statement_timeout_ms,
            queue: settings.queue,
        }
    }

    /// Runs blocking work with a connection, when one is free.
    #[allow(clippy::disallowed_methods, reason = "the one place that sends work to blocking threads")]
    pub async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let until = Instant::now() + self.wait;
        let turn = tokio::time::timeout(self.wait, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| Fault::unavailable("no connection became free in time"))?
            .map_err(Fault::internal)?;
        let db = self.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let result = db.run_until(until, work);
            drop(turn);
            result
        });
        // A database that is frozen, and not gone, bounds nothing by itself. The thread keeps its turn.
        tokio::time::timeout(self.longest, answer)
            .await
            .map_err(|_| Fault::unavailable("the database did not answer in time"))?
            .map_err(Fault::internal)?
    }

    /// Runs long blocking work with a connection of its own, which takes no request's turn. A statement of it may take
    /// a minute.
    #[allow(clippy::disallowed_methods, reason = "the one place that sends work to blocking threads")]
    pub async fn run_apart<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.run_apart_here(work)).await.map_err(Fault::internal)?
    }

    /// The same on the calling thread.
    pub fn run_apart_here<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut connection = reach(&self.url)?;
        connection.batch_execute("SET statement_timeout = '60s'")?;
        work(&mut connection)
    }

    /// Runs work on the calling thread: for commands, which have no other requests to think of.
    pub fn run_here<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.run_until(Instant::now() + self.wait, work)
    }

    /// Who has waited for a turn already waits that much less for a connection.
    fn run_until<T>(
        &self,
        until: Instant,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let left = until.saturating_duration_since(Instant::now());
        let mut connection = self.pool.get_timeout(left).map_err(|error| {
            let is_connected = self.pool.state().connections > 0;
            Fault::unavailable(failure::of_pool(&error.to_string(), is_connected))
        })?;
        let result = work(&mut connection.inner);
        if matches!(&result, Err(fault) if fault.is_lost_connection()) {
            self.distrust_since(connection.generation);
        }
        result
    }

    /// One dead connection means that the server went away: trusts none of the pool made before.
    pub fn distrust(&self) {
        self.distrust_since(self.generation.load(Ordering::SeqCst));
    }

    fn distrust_since(&self, made_in: u64) {
        let _ = self.generation.compare_exchange(made_in, made_in + 1, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A connection outside the pool for somebody who finds rows by their keys and does nothing else.
    ///
    /// There a plan made once is right for ever, whatever the tables hold by then; and nobody waits long for a row
    /// that somebody holds, since many wait with him.
    pub fn connect_for_lookups(&self) -> Result<Connection, Fault> {
        let mut connection = reach(&self.url)?;
        connection.batch_execute(&format!(
            "{}; SET lock_timeout = {LOCK_TIMEOUT_MS}; SET plan_cache_mode = force_generic_plan; \
             SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off",
            time_limits(self.statement_timeout_ms)
        ))?;
        Ok(connection)
    }

    /// Has a connection for lookups wait less for rows, or as long as before: who is done again alone keeps others
    /// waiting.
    pub fn hurry(&self, connection: &mut Connection, hurries: bool) -> Result<(), Fault> {
        let wait = if hurries { LOCK_TIMEOUT_ALONE_MS } else { LOCK_TIMEOUT_MS };
        Ok(connection.batch_execute(&format!("SET lock_timeout = {wait}"))?)
    }

    /// Whether a connection that rested still answers.
    pub fn is_alive(&self, connection: &mut Connection) -> bool {
        connection.batch_execute("SELECT 1").is_ok()
    }

    /// How many may wait to be executed together with others.
    pub fn queue(&self) -> usize {
        self.queue
    }

    /// The longest that anybody waits for an answer of the database.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// Whether the database answers now.
    pub async fn ping(&self) -> Result<(), Fault> {
        let ping = self.run(|connection| connection.batch_execute("SELECT 1").map_err(Fault::from));
        tokio::time::timeout(self.wait, ping)
            .await
            .map_err(|_| Fault::unavailable("the database did not answer in time"))?
    }
}

/// r2d2 would log every failed attempt to connect; the request that fails for it logs once.
#[derive(Debug)]
struct LoggedAtTheFace;

impl diesel::r2d2::HandleError<ConnectionError> for LoggedAtTheFace {
    fn handle_error(&self, error: ConnectionError) {
        log::debug!("{}", failure::words(&error.to_string()));
    }
}

/// A connection and the generation it was made in.
pub struct Tracked {
    inner: Connection,
    generation: u64,
}

/// Makes connections, and trusts them without a round trip until one breaks.
struct Manager {
    url: String,
    statement_timeout_ms: u64,
    generation: Arc<AtomicU64>,
}

impl ManageConnection for Manager {
    type Connection = Tracked;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Tracked, ConnectionError> {
        let generation = self.generation.load(Ordering::SeqCst);
        let mut inner = connect(&self.url)?;
        inner
            .batch_execute(&time_limits(self.statement_timeout_ms))
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Tracked { inner, generation })
    }

    fn is_valid(&self, connection: &mut Tracked) -> Result<(), ConnectionError> {
        if self.has_broken(connection) {
            return Err(ConnectionError::BadConnection("an older connection broke".into()));
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Tracked) -> bool {
        connection.generation != self.generation.load(Ordering::SeqCst)
            // A panic leaves its transaction open: whatever came next would be answered and never committed.
            || std::thread::panicking()
            || AnsiTransactionManager::is_broken_transaction_manager(&mut connection.inner)
    }
}

/// How long Postgres lets a statement run, and a transaction rest: a node that sleeps or vanishes in the middle of one
/// would otherwise hold its rows until somebody notices.
fn time_limits(ms: u64) -> String {
    format!("SET statement_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms}")
}

/// One connection outside the pool, in UTC.
pub fn connect(url: &str) -> Result<Connection, ConnectionError> {
    let mut connection = PgConnection::establish(url)?;
    connection
        .batch_execute("SET timezone = 'UTC'; SET client_min_messages = 'warning'")
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    // Not every role may choose, and the doctor says so where it matters.
    let _ = connection.batch_execute(failure::SPEAK_PLAINLY);
    Ok(connection)
}

fn reach(url: &str) -> Result<Connection, Fault> {
    connect(&bounded(url)).map_err(|error| Fault::unavailable(failure::words(&error.to_string())))
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Adds the bounds on a dead network to a connection string, in either of libpq's two forms.
fn bounded(url: &str) -> String {
    const BOUNDS: [(&str, &str); 5] = [
        ("connect_timeout", "2"),
        ("keepalives_idle", "2"),
        ("keepalives_interval", "1"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "5000"),
    ];
    let is_uri = url.starts_with("postgres://") || url.starts_with("postgresql://");
    BOUNDS.iter().filter(|(name, _)| !url.contains(name)).fold(url.to_owned(), |url, (name, value)| {
        match (is_uri, url.contains('?')) {
            (true, true) => format!("{url}&{name}={value}"),
            (true, false) => format!("{url}?{name}={value}"),
            (false, _) => format!("{url} {name}={value}"),
        }
    })
}

impl From<DieselError> for Fault {
    /// A lost connection, a timeout or a server that goes down is worth another try; the rest is a defect.
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            )
            | DieselError::BrokenTransactionManager
            // Nobody knows what became of it, and the connection is of no use.
            | DieselError::RollbackErrorOnCommit { .. } => Self::lost_connection(error),
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, details) if failure::is_lost(details.message()) => {
                Self::lost_connection(error)
            }
            DieselError::DatabaseError(
                DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            ) => Self::unavailable(error),
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, details)
                if failure::is_passing(details.message()) =>
            {
                Self::unavailable(error)
            }
            DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::RestrictViolation
                | DatabaseErrorKind::ExclusionViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation,
                _,
            )
            | DieselError::SerializationError(_) => Self::of_the_values(error),
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, details)
                if failure::is_of_the_values(details.message()) =>
            {
                Self::of_the_values(error)
            }
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_bounds_join_either_form_of_connection_string() {
        assert!(bounded("postgres://h/db").starts_with("postgres://h/db?connect_timeout=2&"));
        assert!(bounded("postgres://h/db?sslmode=require").contains("require&connect_timeout=2"));
        assert!(bounded("host=h dbname=db").starts_with("host=h dbname=db connect_timeout=2 "));
        assert!(bounded("host=h connect_timeout=9").contains("connect_timeout=9 keep"));
    }
}
