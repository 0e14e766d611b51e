//! The private Postgres: a database server of our own, found, created, run and stopped by us.
//!
//! It listens on a unix socket in a directory closed to others, and on nothing else. `data_dir` holds `pgdata/` (the
//! cluster), `run/` (the socket), `postgres.log` and `supervisor.lock`. Durability is never traded: fsync stays on.
//!
//! ```text
//! serve    → open            → owns it, or is refused while another supervisor lives on
//! commands → attach_or_start → use the server's, or run it for their while
//! ```
//!
//! All of it blocks: keep it off the async threads. Under systemd use `KillMode=mixed`, so that the stop reaches
//! Postgres through us, after the server has drained.

mod account;
mod binaries;
mod cluster;
mod error;
mod inspection;
mod launch;
mod layout;
mod postmaster;
mod supervisor;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::Flock;

pub use self::error::Error;
pub use self::inspection::{Directory, Inspection, Room, inspect};

use self::binaries::Binaries;
use self::launch::Launch;
use self::layout::Layout;
use self::postmaster::{POLL, Postmaster};
use self::supervisor::Supervisor;

/// Where the private Postgres lives, and where its programs are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A directory of its own; made if missing.
    pub data_dir: PathBuf,
    /// The directory of `postgres` and `initdb`; found when not given.
    pub bin_dir: Option<PathBuf>,
    /// The value of `PATH`, searched first.
    pub search_path: Option<OsString>,
    /// How long a start may take, recovery from a crash included.
    pub start_timeout: Duration,
    /// How long a server waits for a command to leave.
    pub lock_wait: Duration,
    /// Server settings that override ours: for tests only, such as `fsync=off`.
    pub extra: Vec<(String, String)>,
}

impl Settings {
    /// The defaults: programs from the usual places (but not `PATH`), a minute to start.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            bin_dir: None,
            search_path: None,
            start_timeout: Duration::from_secs(60),
            lock_wait: Duration::from_secs(10),
            extra: Vec::new(),
        }
    }
}

/// A private Postgres that takes connections. Dropping it stops the server, if it is ours.
#[derive(Debug)]
pub struct PrivatePostgres {
    pgdata: PathBuf,
    socket_dir: PathBuf,
    access: Access,
}

#[derive(Debug)]
enum Access {
    /// We supervise it.
    Owned(Supervisor),
    /// Another process does.
    Attached,
}

impl PrivatePostgres {
    /// Starts the server, and creates the cluster before if there is none. Refused while another supervisor lives; a
    /// command is one for its while, so it is given some time to leave.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let layout = Layout::prepare(&settings.data_dir)?;
        let started = Instant::now();
        loop {
            if let Some(lock) = layout.lock()? {
                return Self::own(settings, layout, lock);
            }
            if started.elapsed() >= settings.lock_wait {
                return Err(Error::Locked { data_dir: layout.data_dir });
            }
            sleep(POLL);
        }
    }

    /// Uses the server that another process supervises, or starts it until dropped.
    pub fn attach_or_start(settings: &Settings) -> Result<Self, Error> {
        let layout = Layout::prepare(&settings.data_dir)?;
        let pgdata = layout.pgdata();
        let started = Instant::now();
        loop {
            // Both are asked again and again: the other may be starting, or about to leave.
            if let Some(lock) = layout.lock()? {
                return Self::own(settings, layout, lock);
            }
            if let Some(Postmaster { socket_dir, .. }) = Postmaster::ready(&pgdata) {
                return Ok(Self { pgdata, socket_dir, access: Access::Attached });
            }
            if started.elapsed() > settings.start_timeout {
                let seconds = settings.start_timeout.as_secs();
                return Err(Error::NotReady { seconds, log: layout.log(), tail: layout.log_tail(0) });
            }
            sleep(POLL);
        }
    }

    fn own(settings: &Settings, layout: Layout, lock: Flock<File>) -> Result<Self, Error> {
        let started = Instant::now();
        let binaries = Binaries::choose(settings, &layout)?;
        let sync = !settings.extra.iter().any(|(name, value)| name == "fsync" && value == "off");
        cluster::ensure(&layout, &binaries, sync)?;
        let (pgdata, socket_dir) = (layout.pgdata(), layout.socket_dir.clone());
        let (extra, start_timeout) = (settings.extra.clone(), settings.start_timeout);
        let launch = Launch { layout, postgres: binaries.postgres, extra, start_timeout };
        let supervisor = Supervisor::start(launch, lock)?;
        log::info!(
            pid = supervisor.pid(), version = binaries.major, milliseconds = started.elapsed().as_millis();
            "the private Postgres is ready"
        );
        Ok(Self { pgdata, socket_dir, access: Access::Owned(supervisor) })
    }

    /// The connection URL of our database, `grantor`, which the caller creates over [`Self::maintenance_url`].
    pub fn url(&self) -> String {
        self.url_of(cluster::NAME)
    }

    /// The connection URL of the database that always exists, to create others from.
    pub fn maintenance_url(&self) -> String {
        self.url_of("postgres")
    }

    /// The connection URL of the given database, for the superuser `grantor`.
    pub fn url_of(&self, database: &str) -> String {
        let (database, host) = (percent_encode(database), percent_encode(&self.socket_dir.to_string_lossy()));
        // An address in the environment (PGHOSTADDR) would lead elsewhere; none is named so that it does not count.
        format!("postgresql:///{database}?host={host}&hostaddr=&port=5432&user={}", cluster::NAME)
    }

    /// The directory of the unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Whether we supervise the server, rather than use another's.
    pub fn is_owned(&self) -> bool {
        matches!(self.access, Access::Owned(_))
    }

    /// The server's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        match &self.access {
            Access::Owned(supervisor) => supervisor.pid(),
            Access::Attached => Postmaster::ready(&self.pgdata).and_then(|it| u32::try_from(it.pid).ok()),
        }
    }

    /// Whether the server takes connections; not so between its death and its restart.
    pub fn is_running(&self) -> bool {
        match &self.access {
            Access::Owned(supervisor) => supervisor.is_running(),
            Access::Attached => Postmaster::ready(&self.pgdata).is_some(),
        }
    }

    /// How often the server died by itself under our supervision, and had to be restarted.
    pub fn crashes(&self) -> u64 {
        match &self.access {
            Access::Owned(supervisor) => supervisor.crashes(),
            Access::Attached => 0,
        }
    }

    /// Stops the server and returns when it has ended; one that is not ours runs on. Close the pools before.
    pub fn stop(&self) {
        if let Access::Owned(supervisor) = &self.access {
            supervisor.stop();
        }
    }
}

/// Everything but letters, digits, `-._~` and `/`, which a query may hold as it is.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
