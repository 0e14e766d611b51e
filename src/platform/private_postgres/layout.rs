//! The data directory: what lies where, whose it is, and who holds it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::account::Account;
use super::binaries::major;
use super::error::{Error, io_error};

/// The longest path that fits a socket address, its closing NUL excluded.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// The socket's name within its directory; the port is only part of that name.
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// A larger log is put aside at the next start.
const LOG_LIMIT: u64 = 10 * 1024 * 1024;
/// How much of the log's end is looked at, and how many lines of it are shown.
const TAIL: (u64, usize) = (8 * 1024, 15);

/// The directories of one private Postgres, made ready for the account that runs it.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) data_dir: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) account: Account,
}

impl Layout {
    /// Makes what is missing, gives it to the account, and closes it to everyone else.
    pub(super) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        if let Some(parent) = data_dir.parent() {
            fs::create_dir_all(parent).map_err(io_error("create", parent))?;
        }
        make_private(data_dir)?;
        let data_dir = data_dir.canonicalize().map_err(io_error("open", data_dir))?;
        if is_foreign(&data_dir)? {
            return Err(Error::ForeignDataDir { data_dir });
        }
        let account = Account::choose(&data_dir)?;
        claim(&data_dir, &account)?;
        let socket_dir = data_dir.join("run");
        make_private(&socket_dir)?;
        claim(&socket_dir, &account)?;
        let mut layout = Self { data_dir, socket_dir, account };
        if !suits_socket(&layout.socket_dir) {
            layout.socket_dir = layout.short_socket_dir(&std::env::temp_dir())?;
        }
        Ok(layout)
    }

    /// The cluster.
    pub(super) fn pgdata(&self) -> PathBuf {
        self.data_dir.join("pgdata")
    }

    /// What Postgres says.
    pub(super) fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// A command run as the account, here.
    pub(super) fn command(&self, program: &Path) -> Command {
        self.account.command(program, &self.data_dir)
    }

    /// The cluster's major version, if there is a cluster.
    pub(super) fn cluster_version(&self) -> Result<Option<u32>, Error> {
        let path = self.pgdata().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => major(&text).map(Some).ok_or(Error::Version { path, text }),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error("read", &path)(e)),
        }
    }

    /// The right to run Postgres here, held until dropped; `None` while another holds it.
    pub(super) fn lock(&self) -> Result<Option<Flock<File>>, Error> {
        let path = self.data_dir.join("supervisor.lock");
        let file = self.open_own(&path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(io_error("lock", &path)(errno.into())),
        }
    }

    /// The log, to append to, and its length so far; one grown too large is put aside first.
    pub(super) fn open_log(&self) -> Result<(File, u64), Error> {
        let path = self.log();
        if path.symlink_metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            let aside = self.data_dir.join("postgres.log.1");
            fs::rename(&path, &aside).map_err(io_error("rotate", &path))?;
        }
        let file = self.open_own(&path)?;
        let length = file.metadata().map_err(io_error("read", &path))?.len();
        Ok((file, length))
    }

    /// The last lines of the log, none older than `since`.
    pub(super) fn log_tail(&self, since: u64) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.log())?;
            let from = file.metadata()?.len().saturating_sub(TAIL.0).max(since);
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(TAIL.0).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().rev().take(TAIL.1).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Opens a file to append to, given to the account. Links are not followed: as root, one laid by that account
    /// would lead us astray.
    fn open_own(&self, path: &Path) -> Result<File, Error> {
        let flags = OFlag::O_NOFOLLOW.bits();
        let file = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(flags).open(path);
        let file = file.map_err(io_error("open", path))?;
        hand_over(&file, &self.account).map_err(io_error("hand over", path))?;
        Ok(file)
    }

    /// A directory whose path suits a socket where ours does not; noted in the data directory.
    fn short_socket_dir(&self, temp: &Path) -> Result<PathBuf, Error> {
        let mut hasher = DefaultHasher::new();
        self.data_dir.hash(&mut hasher);
        let dir = temp.join(format!("grantor-{:016x}", hasher.finish()));
        make_private(&dir)?;
        let owner = dir.symlink_metadata().map_err(io_error("open", &dir))?.uid();
        // Anyone may write to the temp dir: what another user put there is not trusted.
        if owner != self.account.uid && !(self.account.drops && owner == 0) {
            return Err(Error::ForeignSocketDir { dir });
        }
        claim(&dir, &self.account)?;
        let note = self.data_dir.join("socket_dir");
        fs::write(&note, format!("{}\n", dir.display())).map_err(io_error("write", &note))?;
        log::info!(dir:% = dir.display(); "the data directory's path does not suit a socket, which is put elsewhere");
        Ok(dir)
    }
}

/// Short enough, and free of what libpq would take for a list of hosts.
fn suits_socket(dir: &Path) -> bool {
    let length = dir.as_os_str().len() + 1 + SOCKET_NAME.len();
    length <= SOCKET_PATH_LIMIT && dir.to_str().is_some_and(|text| !text.contains(','))
}

/// Not empty, and with nothing of ours.
pub(super) fn is_foreign(data_dir: &Path) -> Result<bool, Error> {
    let entries = fs::read_dir(data_dir).map_err(io_error("read", data_dir))?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let ours = names.iter().any(|name| ["run", "pgdata", "supervisor.lock"].iter().any(|own| name == *own));
    Ok(!ours && names.iter().any(|name| name != "lost+found"))
}

fn make_private(dir: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(io_error("create", dir)(e)),
        _ => Ok(()),
    }
}

/// Sets owner and mode through an open handle, so that nobody can exchange the directory in between.
fn claim(dir: &Path, account: &Account) -> Result<(), Error> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY;
    let handle = OpenOptions::new().read(true).custom_flags(flags.bits()).open(dir);
    let handle = handle.map_err(io_error("open", dir))?;
    hand_over(&handle, account).map_err(io_error("hand over", dir))?;
    let mode = handle.metadata().map_err(io_error("open", dir))?.mode();
    if mode & 0o777 != 0o700 {
        handle.set_permissions(Permissions::from_mode(0o700)).map_err(io_error("close to others", dir))?;
    }
    Ok(())
}

fn hand_over(file: &File, account: &Account) -> std::io::Result<()> {
    if account.drops && file.metadata()?.uid() != account.uid {
        fchown(file, Some(account.uid), Some(account.gid))?;
    }
    Ok(())
}
