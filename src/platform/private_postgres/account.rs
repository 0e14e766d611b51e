//! Who runs Postgres, and with what it is started: never root, with a clean environment, and not outliving us.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, getegid, geteuid};

use super::error::{Error, io_error};

/// The user that owns the cluster and runs its programs.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) name: String,
    /// We are root, and must become this user in the child.
    pub(super) drops: bool,
}

impl Account {
    /// Ourselves; or, if we are root, the owner of what exists, then `postgres`, then `nobody`.
    ///
    /// The owner comes first so that a command run by root does not take the data away from the service's user.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Ok(Self::of(geteuid().as_raw(), getegid().as_raw(), false));
        }
        for path in [data_dir.join("pgdata"), data_dir.to_owned()] {
            match path.symlink_metadata() {
                Ok(meta) if meta.uid() != 0 => return Ok(Self::of(meta.uid(), meta.gid(), true)),
                _ => {}
            }
        }
        let known = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = known.filter(|user| !user.uid.is_root()).ok_or(Error::NoAccount)?;
        Ok(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name, drops: true })
    }

    fn of(uid: u32, gid: u32, drops: bool) -> Self {
        match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => Self { uid, gid: user.gid.as_raw(), name: user.name, drops },
            _ => Self { uid, gid, name: uid.to_string(), drops },
        }
    }

    /// A command run as this user in `dir`, that ends when the spawning thread does.
    ///
    /// The environment is emptied: our secrets are none of its business, and `PG*` variables none of ours.
    pub(super) fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
        // A process group of its own: a terminal's Ctrl-C must not reach Postgres before we have drained.
        command.current_dir(dir).stdin(Stdio::null()).process_group(0);
        if self.drops {
            command.uid(self.uid).gid(self.gid);
        }
        die_with_parent(&mut command);
        command
    }

    /// Explains why a command could not be started: often a directory that this user may not enter.
    pub(super) fn spawn_error(&self, cause: io::Error, program: &Path, dir: &Path) -> Error {
        let barred = |path: &Path| self.barrier(path).map(|dir| (dir, path.to_owned()));
        if self.drops
            && cause.kind() == ErrorKind::PermissionDenied
            && let Some((dir, path)) = barred(dir).or_else(|| barred(program.parent().unwrap_or(program)))
        {
            return Error::Unreachable { account: self.name.clone(), dir, path };
        }
        io_error("start", program)(cause)
    }

    /// The topmost directory on the way to `path` that this user cannot enter.
    fn barrier(&self, path: &Path) -> Option<PathBuf> {
        let way: Vec<_> = path.ancestors().collect();
        way.into_iter().rev().find(|dir| !self.enters(dir)).map(Path::to_owned)
    }

    fn enters(&self, dir: &Path) -> bool {
        dir.metadata().is_ok_and(|meta| {
            let bit = match (meta.uid() == self.uid, meta.gid() == self.gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            meta.mode() & bit != 0
        })
    }
}

/// Has the kernel send the child a fast shutdown when the spawning *thread* ends, so even when we are killed.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_parent(command: &mut Command) {
    use nix::sys::{prctl::set_pdeathsig, signal::Signal};
    use nix::unistd::{getpid, getppid};

    let parent = getpid();
    let hook = move || {
        set_pdeathsig(Signal::SIGINT)?;
        // The parent may have died before the line above, which then waits for nothing.
        if getppid() == parent { Ok(()) } else { Err(ErrorKind::Interrupted.into()) }
    };
    // SAFETY: between fork and exec the hook makes two plain system calls (prctl, getppid), which are
    // async-signal-safe; it allocates nothing and takes no lock. It runs after setuid, which would clear the setting.
    unsafe {
        command.pre_exec(hook);
    }
}

/// Elsewhere there is no such help: a Postgres left behind is stopped at the next start.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
