//! A Postgres that one test owns, so that it may be stopped and killed; durable, as users run it.

use std::path::PathBuf;

use grantor::platform::private_postgres::{PrivatePostgres, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cluster::private_cluster;

/// A directory that is gone when the test is over.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let name = format!("gt-{}", uuid::Uuid::now_v7().simple());
        Self(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// A path in it, for a file or the environment of a process; the directory is made.
    pub fn join(&self, name: &str) -> String {
        std::fs::create_dir_all(&self.0).expect("a directory");
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct OwnPostgres {
    postgres: PrivatePostgres,
    // After the server: fields are dropped in order.
    dir: Scratch,
}

impl OwnPostgres {
    pub fn start() -> Self {
        let dir = Scratch::new();
        Self { postgres: private_cluster(dir.path()), dir }
    }

    pub fn url(&self) -> String {
        self.postgres.url()
    }

    /// Stops it, as an operator does.
    pub fn stop(&self) {
        self.postgres.stop();
    }

    /// Starts it again after a stop.
    pub fn start_again(&mut self) {
        let mut settings = Settings::new(self.dir.path());
        settings.search_path = std::env::var_os("PATH");
        self.postgres = PrivatePostgres::open(&settings).expect("the same Postgres");
    }

    /// Kills its postmaster as `kill -9` does; the supervisor starts it again after a while.
    pub fn kill(&self) {
        let pid = self.postgres.pid().expect("a running Postgres");
        let pid = Pid::from_raw(i32::try_from(pid).expect("a pid"));
        kill(pid, Signal::SIGKILL).expect("a signal");
    }

    /// Stops its processes in their tracks, as a machine that hangs would.
    pub fn freeze(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    fn signal_all(&self, signal: Signal) {
        let postmaster = self.postgres.pid().expect("a running Postgres");
        let to = |pid: u32| kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), signal);
        to(postmaster).expect("a signal");
        for process in std::fs::read_dir("/proc").expect("processes").flatten() {
            let status = std::fs::read_to_string(process.path().join("status")).unwrap_or_default();
            let is_child = status.lines().any(|line| {
                line.strip_prefix("PPid:").is_some_and(|parent| parent.trim() == postmaster.to_string())
            });
            if let (true, Ok(pid)) = (is_child, process.file_name().to_string_lossy().parse()) {
                // It may have ended meanwhile.
                let _ = to(pid);
            }
        }
    }

    /// How often it was started again after it had died.
    pub fn crashes(&self) -> u64 {
        self.postgres.crashes()
    }
}
