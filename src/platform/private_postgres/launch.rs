//! One run of the server: how it is started, and how it is stopped.

use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::{Error, io_error};
use super::layout::Layout;
use super::postmaster::POLL;

/// How long the fast shutdown may take, and then the immediate one.
const FAST: Duration = Duration::from_secs(30);
const IMMEDIATE: Duration = Duration::from_secs(10);

/// How Postgres is started.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) layout: Layout,
    pub(super) postgres: PathBuf,
    pub(super) extra: Vec<(String, String)>,
    pub(super) start_timeout: Duration,
}

impl Launch {
    /// Spawns the server; also says where this start's part of the log begins.
    pub(super) fn spawn(&self) -> Result<(Child, u64), Error> {
        let (log, since) = self.layout.open_log()?;
        let copy = log.try_clone().map_err(io_error("open", &self.layout.log()))?;
        let mut command = self.layout.command(&self.postgres);
        command.arg("-D").arg(self.layout.pgdata()).stdout(copy).stderr(log);
        // A list of directories: quoted, so that any path is one.
        let sockets = self.layout.socket_dir.to_string_lossy().replace('"', "\"\"");
        command.arg("-c").arg(format!("unix_socket_directories=\"{sockets}\""));
        for setting in SERVER_SETTINGS {
            command.args(["-c", setting]);
        }
        for (name, value) in &self.extra {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = command.spawn();
        let child =
            child.map_err(|e| self.layout.account.spawn_error(e, &self.postgres, &self.layout.data_dir))?;
        Ok((child, since))
    }
}

/// On the command line, where neither the cluster's own files nor `ALTER SYSTEM` override them.
const SERVER_SETTINGS: [&str; 12] = [
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "shared_buffers=128MB",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "logging_collector=off",
    "log_destination=stderr",
    "log_timezone=UTC",
    "timezone=UTC",
];

/// Fast (sessions are ended, data is flushed), then immediate (recovers at the next start), then by force.
pub(super) fn shut_down(mut child: Child) {
    for (signal, limit) in [(Signal::SIGINT, FAST), (Signal::SIGQUIT, IMMEDIATE)] {
        if let Ok(pid) = i32::try_from(child.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        if ended_within(&mut child, limit).is_some() {
            return;
        }
        log::warn!(pid = child.id(), signal:% = signal, seconds = limit.as_secs(); "Postgres does not stop");
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn ended_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            _ if started.elapsed() > limit => return None,
            _ => sleep(POLL),
        }
    }
}
