//! Who may read and change the files that settings come from.

use std::os::unix::fs::MetadataExt as _;

use super::finding::Finding;
use crate::app::settings::SourceFile;

/// Others than owner and group may not read a secret; others than the owner may not change anything.
pub(super) fn check(files: &[SourceFile]) -> Finding {
    let open: Vec<String> = files.iter().filter_map(complaint).collect();
    match (open.is_empty(), files.len()) {
        (true, 0) => Finding::ok("files", "no settings come from files"),
        (true, many) => Finding::ok("files", format!("{many} with settings, closed to others")),
        (false, _) => Finding::warn("files", open.join("\n")),
    }
}

fn complaint(file: &SourceFile) -> Option<String> {
    let path = file.path.display();
    let mode = match file.path.metadata() {
        Ok(meta) => meta.mode() & 0o777,
        Err(error) => return Some(format!("{path} cannot be looked at: {error}")),
    };
    if mode & 0o022 != 0 {
        return Some(format!("{path} can be changed by others (mode {mode:04o}): `chmod go-w {path}`"));
    }
    (file.is_secret && mode & 0o007 != 0).then(|| {
        format!("{path} holds a secret that everybody can read (mode {mode:04o}): `chmod o-rwx {path}`")
    })
}
