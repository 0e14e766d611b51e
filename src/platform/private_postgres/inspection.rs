//! The private Postgres, looked at without changing anything: for an operator's checks.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, Uid, User, access};

use super::Settings;
use super::account::Account;
use super::binaries::Binaries;
use super::error::{Error, io_error};
use super::layout::{Layout, is_foreign};
use super::postmaster::Postmaster;

/// What is there.
#[derive(Debug)]
pub struct Inspection {
    /// Whether there is a database already.
    pub is_made: bool,
    /// Whether its server takes connections now.
    pub is_running: bool,
    /// The programs that run it, or will: their directory and major version.
    pub programs: Result<(PathBuf, u32), Error>,
    /// The data directory, if there is one, and otherwise why none can be made.
    pub directory: Result<Option<Directory>, Error>,
    /// The room where it lies.
    pub room: Result<Room, Error>,
}

/// The data directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its mode: 0700, unless somebody changed it.
    pub mode: u32,
    /// Whose it is, and who would run Postgres in it, where these are not the same.
    pub stranger: Option<(String, String)>,
}

/// Bytes on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What we may still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// Looks at what these settings name.
pub fn inspect(settings: &Settings) -> Result<Inspection, Error> {
    let nearest = nearest_directory(&settings.data_dir);
    let account = Account::choose(&settings.data_dir)?;
    let directory = directory(&settings.data_dir, &nearest, &account);
    // Programs are asked where they will run, or as near to it as there is a directory of use.
    let is_usable =
        directory.as_ref().is_ok_and(|found| found.as_ref().is_none_or(|it| it.stranger.is_none()));
    let place = if is_usable { nearest.clone() } else { PathBuf::from("/") };
    let layout = Layout { socket_dir: place.join("run"), data_dir: place, account };
    let pgdata = settings.data_dir.join("pgdata");
    Ok(Inspection {
        is_made: pgdata.symlink_metadata().is_ok(),
        is_running: Postmaster::ready(&pgdata).is_some(),
        programs: Binaries::choose(settings, &layout).map(|found| (found.dir(), found.major)),
        directory,
        room: room(&nearest),
    })
}

/// The directory itself, or the first above it that exists.
fn nearest_directory(data_dir: &Path) -> PathBuf {
    let existing = data_dir.ancestors().find(|path| path.is_dir());
    existing.unwrap_or(Path::new(".")).to_owned()
}

fn directory(data_dir: &Path, nearest: &Path, account: &Account) -> Result<Option<Directory>, Error> {
    let first = data_dir.ancestors().find(|path| path.exists());
    if first.is_some_and(|path| path != nearest) {
        return Err(io_error("create", data_dir)(ErrorKind::NotADirectory.into()));
    }
    let Ok(meta) = data_dir.metadata() else {
        let may_make = access(nearest, AccessFlags::W_OK | AccessFlags::X_OK);
        may_make.map_err(|errno| io_error("create", data_dir)(errno.into()))?;
        return Ok(None);
    };
    // What root's own hands left behind is given away at the next start.
    let is_ours = meta.uid() == account.uid || (account.drops && meta.uid() == 0);
    let stranger = (!is_ours).then(|| (name(meta.uid()), account.name.clone()));
    // A stranger's cannot be looked into.
    if is_ours && is_foreign(data_dir)? {
        return Err(Error::ForeignDataDir { data_dir: data_dir.to_owned() });
    }
    Ok(Some(Directory { mode: meta.mode() & 0o777, stranger }))
}

fn name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

fn room(dir: &Path) -> Result<Room, Error> {
    let stat = statvfs(dir).map_err(|errno| io_error("measure", dir)(errno.into()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
    Ok(Room { free: bytes(stat.blocks_available()), total: bytes(stat.blocks()) })
}
