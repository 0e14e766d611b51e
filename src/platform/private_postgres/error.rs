//! What can go wrong with the private Postgres, told so that the operator knows what to do.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why the private Postgres could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server programs anywhere they are looked for.
    #[error(
        "no PostgreSQL server was found on this machine: `postgres` and `initdb` are neither in PATH nor in the \
         usual directories. Install it (Debian, Ubuntu: `apt-get install postgresql`; Fedora, RHEL: \
         `dnf install postgresql-server`; Alpine: `apk add postgresql`; macOS: `brew install postgresql`), or name \
         the directory of its programs (database.bin_dir), or use a Postgres of yours (database.url)"
    )]
    NoBinaries,
    /// The configured directory of programs lacks one.
    #[error(
        "{} has no executable `{program}`: database.bin_dir must name the directory that holds both `postgres` and \
         `initdb` of one version (on Debian: /usr/lib/postgresql/<version>/bin, from `apt-get install postgresql`)",
        dir.display()
    )]
    BinDir {
        /// The configured directory.
        dir: PathBuf,
        /// The program it lacks.
        program: &'static str,
    },
    /// A version could not be understood.
    #[error("{} does not say which PostgreSQL version it is: {text:?}", path.display())]
    Version {
        /// The program asked, or the version file read.
        path: PathBuf,
        /// What it said.
        text: String,
    },
    /// The data was written by another major version than the programs found.
    #[error(
        "the database in {} belongs to PostgreSQL {cluster}, but the server in {} is version {found}: install \
         PostgreSQL {cluster} beside it (Debian: `apt-get install postgresql-{cluster}`) or name its programs' \
         directory (database.bin_dir), or move the data to version {found} with `pg_upgrade`",
        pgdata.display(), bin_dir.display()
    )]
    VersionMismatch {
        /// The cluster.
        pgdata: PathBuf,
        /// The cluster's major version.
        cluster: u32,
        /// The programs' major version.
        found: u32,
        /// Where these programs are.
        bin_dir: PathBuf,
    },
    /// Started by root, and there is nobody to drop to.
    #[error(
        "PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor `nobody` to run it \
         as: create one (`useradd --system postgres`), or start Grantor as an unprivileged user"
    )]
    NoAccount,
    /// The account that runs Postgres cannot reach a directory.
    #[error(
        "the user `{account}`, which runs PostgreSQL because root must not, cannot enter {}, and so not reach {}: \
         put the data directory elsewhere (database.data_dir, such as /var/lib/grantor), or let that user through (`chmod o+x {}`)",
        dir.display(), path.display(), dir.display()
    )]
    Unreachable {
        /// The unprivileged user.
        account: String,
        /// The directory that bars the way.
        dir: PathBuf,
        /// Where it should have led.
        path: PathBuf,
    },
    /// The data directory is somebody else's.
    #[error(
        "{} is not empty and holds no private Postgres: the data directory must be one of its own, which Grantor \
         may close to others; name a new or an empty one (database.data_dir)", data_dir.display()
    )]
    ForeignDataDir {
        /// The directory refused.
        data_dir: PathBuf,
    },
    /// The short socket directory exists, made by another user.
    #[error(
        "{} is needed as a socket directory (the data directory's own path does not suit a socket), but belongs \
         to another user: remove it, or choose a shorter, plainer path for the data directory", dir.display()
    )]
    ForeignSocketDir {
        /// The directory refused.
        dir: PathBuf,
    },
    /// A cluster directory without a cluster.
    #[error(
        "{} exists but holds no PostgreSQL cluster (no PG_VERSION): restore it from a backup, or move it away to \
         start with an empty database", pgdata.display()
    )]
    NotACluster {
        /// The directory in question.
        pgdata: PathBuf,
    },
    /// Another supervisor lives on this data directory.
    #[error(
        "another Grantor runs the private Postgres in {}: stop it first, or give this one a data directory of its \
         own (database.data_dir)", data_dir.display()
    )]
    Locked {
        /// The directory both want.
        data_dir: PathBuf,
    },
    /// A Postgres left behind by a dead supervisor does not leave.
    #[error(
        "the PostgreSQL of an earlier Grantor (process {pid}) still runs in {} after {seconds} s: wait for it to \
         end, or stop it with `kill -INT {pid}`", pgdata.display()
    )]
    StillRunning {
        /// The cluster.
        pgdata: PathBuf,
        /// The process left behind.
        pid: i32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// `initdb` failed.
    #[error("`initdb` could not create the database in {}; it says:\n{}", pgdata.display(), output.trim_end())]
    Initdb {
        /// Where the cluster should have been.
        pgdata: PathBuf,
        /// What `initdb` said.
        output: String,
    },
    /// Postgres ended while starting.
    #[error("PostgreSQL ended while starting ({status}); the end of {} says:\n{tail}", log.display())]
    Exited {
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of this start.
        tail: String,
    },
    /// Postgres was not ready in time.
    #[error(
        "PostgreSQL was not ready after {seconds} s; if it still recovers from a crash, give it time and try again. \
         The end of {} says:\n{tail}", log.display()
    )]
    NotReady {
        /// How long it was waited for.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The last lines of this start.
        tail: String,
    },
    /// The operating system refused something.
    #[error("could not {action} {}: {}", path.display(), advised(cause))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The supervising thread ended without a word.
    #[error("the thread that supervises PostgreSQL ended unexpectedly; this is a bug in Grantor")]
    ThreadLost,
}

/// The operating system's words, and what helps where it is known.
fn advised(cause: &io::Error) -> String {
    let advice = match cause.kind() {
        ErrorKind::PermissionDenied => {
            "; give its directory to this user, or name another data directory (database.data_dir)"
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::ReadOnlyFilesystem => {
            "; name another data directory (database.data_dir)"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room, or move the data directory",
        _ => "",
    };
    format!("{cause}{advice}")
}

/// For `map_err`: names what was tried, and on what.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |cause| Error::Io { action, path, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_comes_with_advice_where_there_is_any() {
        let told = |cause| io_error("open", Path::new("/data"))(io::Error::from(cause)).to_string();
        for (cause, advice) in [
            (
                ErrorKind::PermissionDenied,
                "; give its directory to this user, or name another data directory",
            ),
            (ErrorKind::ReadOnlyFilesystem, "; name another data directory (database.data_dir)"),
            (ErrorKind::StorageFull, "; make room, or move the data directory"),
        ] {
            assert!(
                told(cause).starts_with("could not open /data: ") && told(cause).contains(advice),
                "{cause}"
            );
        }
        assert!(!told(ErrorKind::Interrupted).contains(';'));
    }
}
