//! The master key, under which private parts rest in the database. It is never there itself: an operator gives it, or
//! it lies in a file beside the private Postgres.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::kernel::{Fault, PlainSecret};
use crate::platform::entropy::Entropy;
use crate::platform::seal::Sealed;
use crate::signing::Algorithm;

/// Keeps these seals apart from others.
const PURPOSE: &str = "grantor signing key";
/// A shorter one can be guessed.
const SHORTEST: usize = 32;
/// Bytes of randomness in one that we make.
const BYTES: usize = 32;
/// The file in the directory of a private Postgres.
const FILE: &str = "master.key";

/// The key that seals keys.
#[derive(Clone, Debug)]
pub struct MasterKey(Arc<PlainSecret>);

impl MasterKey {
    /// One that an operator gives.
    pub fn new(text: String) -> Self {
        Self(Arc::new(PlainSecret::new(text)))
    }

    /// Whether it is long enough.
    pub fn is_long_enough(&self) -> bool {
        self.0.expose().len() >= SHORTEST
    }

    /// A setting: the empty text is none.
    pub fn setting<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Self>, D::Error> {
        let text = String::deserialize(value)?;
        Ok(Some(text).filter(|text| !text.is_empty()).map(Self::new))
    }

    /// Where the one of a private Postgres lies.
    pub fn path_in(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// The one that lies beside a private Postgres; made if there is none.
    pub fn beside_postgres(data_dir: &Path) -> Result<Self, Fault> {
        let path = Self::path_in(data_dir);
        if let Some(found) = Self::in_file(&path)? {
            return Ok(found);
        }
        make(&path)
            .map_err(|error| Fault::internal(format!("{} cannot be made: {error}", path.display())))?;
        Self::in_file(&path)?.ok_or_else(|| Fault::internal(format!("{} is gone again", path.display())))
    }

    /// The one in a file, if there is such a file.
    pub fn in_file(path: &Path) -> Result<Option<Self>, Fault> {
        let failed = |error| Fault::internal(format!("{} cannot be read: {error}", path.display()));
        let mut file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            let words =
                format!("{path} holds the master key, and others may read or change it (mode {mode:04o})");
            return Err(Fault::internal(format!("{words}: `chmod 600 {path}`")));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        let key = Self::new(text.trim().to_owned());
        if !key.is_long_enough() {
            let words = "is no master key: put back the one that was there";
            return Err(Fault::internal(format!("{} {words}", path.display())));
        }
        Ok(Some(key))
    }

    /// Seals the private part of a key.
    pub(super) fn seal(&self, kid: &str, algorithm: Algorithm, private: &[u8]) -> Result<Sealed, Fault> {
        Sealed::seal_bytes(private, &self.0, PURPOSE, &name(kid, algorithm), Entropy)
            .ok_or_else(|| Fault::internal("a signing key cannot be sealed"))
    }

    /// Opens it again; `None`: it was sealed under another master key, or is another key's.
    pub(super) fn open(
        &self,
        kid: &str,
        algorithm: Algorithm,
        sealed: &Sealed,
    ) -> Option<Zeroizing<Vec<u8>>> {
        sealed.open_bytes(&self.0, PURPOSE, &name(kid, algorithm))
    }
}

/// What a seal is bound to.
fn name(kid: &str, algorithm: Algorithm) -> String {
    format!("{} {kid}", algorithm.as_str())
}

/// Whole or not at all, and of several who make it at once one wins.
fn make(path: &Path) -> std::io::Result<()> {
    let unique = u64::from_be_bytes(Entropy.bytes());
    let draft = path.with_extension(format!("{unique:016x}"));
    let text = Zeroizing::new(STANDARD.encode(Zeroizing::new(Entropy.bytes::<BYTES>()).as_slice()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let made = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    });
    fs::remove_file(&draft)?;
    made
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new() -> Self {
            let unique = u64::from_be_bytes(Entropy.bytes());
            let dir = std::env::temp_dir().join(format!("grantor-master-key-{unique:016x}"));
            fs::create_dir(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_file_is_made_once_and_closed_to_others() {
        let dir = Dir::new();
        let makers: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| MasterKey::beside_postgres(&dir.0).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        let made = MasterKey::beside_postgres(&dir.0).unwrap();
        assert!(makers.iter().all(|one| one.0.expose() == made.0.expose()));
        assert_eq!(made.0.expose().len(), 44);
        let entries: Vec<_> = fs::read_dir(&dir.0).unwrap().flatten().collect();
        assert_eq!(entries.len(), 1, "no drafts stay behind");
        assert_eq!(entries[0].metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = Dir::new();
        MasterKey::beside_postgres(&dir.0).unwrap();
        let path = MasterKey::path_in(&dir.0);
        for mode in [0o644, 0o640, 0o620, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let words = MasterKey::beside_postgres(&dir.0).unwrap_err().to_string();
            assert!(words.contains(&format!("mode {mode:04o}")) && words.contains("chmod 600"), "{words}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(MasterKey::beside_postgres(&dir.0).is_ok());
    }

    #[test]
    fn a_file_that_was_emptied_is_not_filled_again() {
        let dir = Dir::new();
        MasterKey::beside_postgres(&dir.0).unwrap();
        fs::write(MasterKey::path_in(&dir.0), "").unwrap();
        let words = MasterKey::beside_postgres(&dir.0).unwrap_err().to_string();
        assert!(words.contains("is no master key"), "{words}");
    }

    #[test]
    fn a_private_part_opens_under_its_own_master_key_beside_its_own_name() {
        let master = MasterKey::new("a".repeat(SHORTEST));
        let sealed = master.seal("kid", Algorithm::Es256, &[1, 2, 3]).unwrap();
        assert_eq!(master.open("kid", Algorithm::Es256, &sealed).unwrap().as_slice(), [1, 2, 3]);
        assert!(master.open("another", Algorithm::Es256, &sealed).is_none());
        assert!(master.open("kid", Algorithm::EdDsa, &sealed).is_none());
        assert!(MasterKey::new("b".repeat(SHORTEST)).open("kid", Algorithm::Es256, &sealed).is_none());
    }
}
