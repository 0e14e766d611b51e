//! The directory of the demo's database: new, closed to others, and gone with it.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::app::commands::Refusal;
use crate::platform::entropy::Entropy;

/// A new directory; dropping it removes it and what is in it.
pub(super) struct Home(PathBuf);

impl Home {
    /// Makes one whose name nobody knew before. It is short: a socket's path has little room.
    pub(super) fn make() -> Result<Self, Refusal> {
        let mut name = "grantor-demo-".to_owned();
        for byte in Entropy.bytes::<6>() {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Refusal(format!("cannot make {}: {error}; TMPDIR can name another place", path.display()))
        })?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Where the path does not suit a socket, Postgres had a directory for it elsewhere, which is empty now.
        if let Ok(note) = fs::read_to_string(self.0.join("socket_dir")) {
            let _ = fs::remove_dir(note.trim_end());
        }
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("{} could not be removed: {error}", self.0.display());
        }
    }
}
