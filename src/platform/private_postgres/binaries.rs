//! Finding `postgres` and `initdb` of one version, and the version that fits the data.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Settings;
use super::error::Error;
use super::layout::Layout;

/// Where distributions put their versioned programs: a folder, the name's beginning, and what follows the version.
const VERSIONED: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// Where they go without a version: built from source, and Homebrew's current one.
const UNVERSIONED: [&str; 3] = ["/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/local/bin"];

/// The programs of one installed version.
#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) postgres: PathBuf,
    pub(super) initdb: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// The first candidate that fits the cluster's version, or simply the first when there is no cluster yet.
    pub(super) fn choose(settings: &Settings, layout: &Layout) -> Result<Self, Error> {
        let candidates = match &settings.bin_dir {
            Some(dir) => vec![configured(dir)?],
            None => candidates(settings.search_path.as_deref(), distribution_dirs()),
        };
        Self::first_fitting(candidates, layout)
    }

    fn first_fitting(candidates: Vec<PathBuf>, layout: &Layout) -> Result<Self, Error> {
        let cluster = layout.cluster_version()?;
        let mut misfit = None;
        for dir in candidates {
            let found = Self::ask(&dir, layout)?;
            match cluster {
                Some(cluster) if cluster != found.major => {
                    misfit.get_or_insert(Error::VersionMismatch {
                        pgdata: layout.pgdata(),
                        cluster,
                        found: found.major,
                        bin_dir: dir,
                    });
                }
                _ => return Ok(found),
            }
        }
        Err(misfit.unwrap_or(Error::NoBinaries))
    }

    /// Where they are.
    pub(super) fn dir(&self) -> PathBuf {
        self.postgres.parent().unwrap_or(&self.postgres).to_owned()
    }

    /// Asks for the version as the very user, in the very directory it will run in: whatever bars it shows here.
    fn ask(dir: &Path, layout: &Layout) -> Result<Self, Error> {
        let postgres = dir.join("postgres");
        let answer = layout.command(&postgres).arg("--version").output();
        let answer = answer.map_err(|e| layout.account.spawn_error(e, &postgres, &layout.data_dir))?;
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        let number = text.split_whitespace().find_map(major);
        let major = number.ok_or_else(|| Error::Version { path: postgres.clone(), text })?;
        Ok(Self { postgres, initdb: dir.join("initdb"), major })
    }
}

/// The major version that a word such as `15.13`, `18beta1` or `9.6` begins with.
pub(super) fn major(word: &str) -> Option<u32> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    word.get(..end)?.parse().ok()
}

fn configured(dir: &Path) -> Result<PathBuf, Error> {
    // One that is not there has none of them either.
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    match ["postgres", "initdb"].into_iter().find(|program| !is_program(&dir.join(program))) {
        Some(program) => Err(Error::BinDir { dir, program }),
        None => Ok(dir),
    }
}

/// PATH's, then the distribution's. Symlinks are resolved first: often only `postgres` is linked into PATH.
fn candidates(search_path: Option<&OsStr>, distribution: Vec<PathBuf>) -> Vec<PathBuf> {
    let in_path = search_path.map(|path| std::env::split_paths(path).collect::<Vec<_>>()).unwrap_or_default();
    let mut found: Vec<PathBuf> = Vec::new();
    for dir in in_path.into_iter().filter(|dir| dir.is_absolute()).chain(distribution) {
        let real = dir.join("postgres").canonicalize().ok();
        if let Some(dir) = real.as_deref().and_then(Path::parent)
            && ["postgres", "initdb"].iter().all(|program| is_program(&dir.join(program)))
            && !found.iter().any(|known| known == dir)
        {
            found.push(dir.to_owned());
        }
    }
    found
}

/// Newest version first.
fn distribution_dirs() -> Vec<PathBuf> {
    let mut versioned: Vec<(u32, PathBuf)> = Vec::new();
    for (folder, prefix, inner) in VERSIONED {
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        versioned.extend(names.filter_map(|entry| {
            let version = major(entry.file_name().to_str()?.strip_prefix(prefix)?)?;
            Some((version, entry.path().join(inner)))
        }));
    }
    versioned.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versioned.into_iter().map(|(_, dir)| dir).chain(UNVERSIONED.map(PathBuf::from)).collect()
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::tests::Scratch;
    use super::*;

    #[test]
    fn nothing_found_says_what_to_install() {
        let scratch = Scratch::new();
        let layout = Layout::prepare(&scratch.data_dir()).unwrap();
        let none = candidates(Some(scratch.path().as_os_str()), Vec::new());
        let error = Binaries::first_fitting(none, &layout).unwrap_err();
        assert!(matches!(error, Error::NoBinaries));
        assert!(error.to_string().contains("`apt-get install postgresql`"));
    }

    #[test]
    fn a_configured_directory_without_programs_is_named() {
        let scratch = Scratch::new();
        let settings = Settings { bin_dir: Some(scratch.path().to_owned()), ..scratch.settings() };
        let layout = Layout::prepare(&settings.data_dir).unwrap();
        let error = Binaries::choose(&settings, &layout).unwrap_err();
        assert!(error.to_string().contains("has no executable `postgres`"), "{error}");
    }

    #[test]
    fn a_lone_symlink_in_path_leads_to_the_whole_installation() {
        let scratch = Scratch::new();
        let real = distribution_dirs().into_iter().find(|dir| is_program(&dir.join("initdb"))).unwrap();
        symlink(real.join("postgres"), scratch.path().join("postgres")).unwrap();
        let found = candidates(Some(scratch.path().as_os_str()), Vec::new());
        assert_eq!(found, [real.canonicalize().unwrap()]);
    }

    #[test]
    fn versions_are_read_from_all_their_spellings() {
        let read = |text: &str| text.split_whitespace().find_map(major);
        assert_eq!(read("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"), Some(15));
        assert_eq!(read("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(read("9.6"), Some(9));
        assert_eq!(read("no number"), None);
    }
}
