//! The files that settings come from, for whoever looks after them.

use std::path::PathBuf;

use super::{Sources, layers};

/// A file that settings were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether what it holds lets its reader into the database, or at the signing keys in it.
    pub is_secret: bool,
}

impl Sources {
    /// The files that are read: the one of all settings, and those that hold a text each.
    pub fn files(&self) -> Vec<SourceFile> {
        let whole = self.file.iter().map(|path| SourceFile {
            path: path.clone(),
            is_secret: layers::read_file(path).is_ok_and(|table| holds_a_secret(&table)),
        });
        let named = self.environment.iter().filter(|(name, _)| layers::names_a_file(name));
        let texts = named.map(|(_, path)| SourceFile { path: path.into(), is_secret: true });
        whole.chain(texts).collect()
    }
}

fn holds_a_secret(table: &toml::Table) -> bool {
    [("database", "url"), ("signing", "master_key"), ("redis", "url")].iter().any(|(section, name)| {
        let text = table.get(*section).and_then(|section| section.get(*name));
        text.and_then(|text| text.as_str()).is_some_and(|text| !text.is_empty())
    })
}
