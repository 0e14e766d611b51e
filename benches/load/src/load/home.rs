//! Where the databases of a run lie: on a disk, and gone with it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};

/// A new directory; dropping it removes it and what is in it.
pub struct Home(PathBuf);

impl Home {
    /// Makes one in `parent`, which must be on a disk: to memory, every commit is free.
    pub fn make(parent: &Path) -> Result<Self> {
        let filesystem = statfs(parent).with_context(|| format!("cannot look at {}", parent.display()))?;
        ensure!(
            filesystem.filesystem_type() != TMPFS_MAGIC,
            "{} is in memory, where a commit costs nothing; name a directory on a disk with --dir",
            parent.display()
        );
        let path = parent.join(format!("grantor-bench-{}", std::process::id()));
        // Others may enter: as root, Postgres runs as somebody else.
        let made = DirBuilder::new().mode(0o755).create(&path);
        made.with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}
