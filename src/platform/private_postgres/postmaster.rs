//! What `postmaster.pid` tells about the server that runs on a cluster, or no longer does.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::{Error, io_error};
use super::layout::SOCKET_NAME;

/// How often a state is asked for that will change soon.
pub(super) const POLL: Duration = Duration::from_millis(10);
/// How long a server left behind may take to leave.
const LEAVE: Duration = Duration::from_secs(30);
/// A live process that has opened no socket for so long is not a Postgres that is just starting.
const OPENS_SOCKET_WITHIN: Duration = Duration::from_secs(2);

/// The lines of `postmaster.pid` that matter here.
#[derive(Debug)]
pub(super) struct Postmaster {
    pub(super) pid: i32,
    pub(super) socket_dir: PathBuf,
    ready: bool,
}

impl Postmaster {
    fn read(pgdata: &Path) -> Option<Self> {
        let text = fs::read_to_string(pgdata.join("postmaster.pid")).ok()?;
        let line = |n| text.lines().nth(n).map(str::trim);
        Some(Self {
            pid: line(0)?.parse().ok()?,
            socket_dir: line(4).unwrap_or_default().into(),
            ready: line(7) == Some("ready"),
        })
    }

    /// The server that takes connections on this cluster now.
    ///
    /// The file may be left over from a machine that died. It is rewritten before the socket opens, so what it says
    /// *after* the socket has answered is true.
    pub(super) fn ready(pgdata: &Path) -> Option<Self> {
        let first = Self::read(pgdata).filter(|it| it.ready)?;
        if !first.answers() {
            return None;
        }
        Self::read(pgdata).filter(|it| it.ready)
    }

    fn answers(&self) -> bool {
        self.socket_dir.is_absolute() && UnixStream::connect(self.socket_dir.join(SOCKET_NAME)).is_ok()
    }

    fn lives(&self) -> bool {
        self.pid > 1 && kill(Pid::from_raw(self.pid), None) != Err(Errno::ESRCH)
    }
}

/// Waits until a server whose supervisor died has left. Call with the lock held.
pub(super) fn await_departure(pgdata: &Path) -> Result<(), Error> {
    let started = Instant::now();
    let mut told = false;
    while let Some(left) = Postmaster::read(pgdata).filter(Postmaster::lives) {
        let waited = started.elapsed();
        if left.answers() {
            if !told {
                log::warn!(pid = left.pid; "stopping the Postgres that an earlier supervisor left behind");
                // Mostly the kernel has told it already; saying it twice does no harm.
                let _ = kill(Pid::from_raw(left.pid), Signal::SIGINT);
                told = true;
            }
        } else if !told && waited > OPENS_SOCKET_WITHIN {
            return forget(pgdata, left.pid);
        }
        if waited > LEAVE {
            return Err(Error::StillRunning {
                pgdata: pgdata.to_owned(),
                pid: left.pid,
                seconds: LEAVE.as_secs(),
            });
        }
        sleep(POLL);
    }
    Ok(())
}

/// Another program has got the dead server's process id (likely in containers), which Postgres would take for a
/// living server. Should it be one nevertheless, Postgres still refuses to start, by its shared memory.
fn forget(pgdata: &Path, pid: i32) -> Result<(), Error> {
    log::warn!(pid; "postmaster.pid names a process that is not this Postgres; it is left over, and removed");
    let path = pgdata.join("postmaster.pid");
    match fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io_error("remove", &path)(e)),
        _ => Ok(()),
    }
}
