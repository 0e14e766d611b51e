//! Which database: one of the operator's, or a private one of our own.

use std::path::PathBuf;

use chrono::NaiveDate;

use crate::app::settings::{DatabaseSettings, Settings};
use crate::audit::chain::heed_restored;
use crate::kernel::Fault;
use crate::platform::db::{self, Db, Distance};
use crate::platform::private_postgres::{PrivatePostgres, Settings as PrivateSettings};
use crate::signing::MasterKey;

/// The database that is used, and the private server behind it, if there is one.
pub struct Database {
    /// Its connection string.
    pub url: String,
    private: Option<PrivatePostgres>,
}

impl Database {
    /// For `serve`: starts and owns the private one, unless an outside one is named.
    pub fn for_server(settings: &DatabaseSettings, search_path: Option<String>) -> Result<Self, Fault> {
        Self::open(settings, search_path, PrivatePostgres::open)
    }

    /// For commands: attaches to the private one that runs, or starts it for their while.
    pub fn for_command(settings: &DatabaseSettings, search_path: Option<String>) -> Result<Self, Fault> {
        Self::open(settings, search_path, PrivatePostgres::attach_or_start)
    }

    fn open<E: std::fmt::Display>(
        settings: &DatabaseSettings,
        search_path: Option<String>,
        open: impl FnOnce(&PrivateSettings) -> Result<PrivatePostgres, E>,
    ) -> Result<Self, Fault> {
        if !settings.url.is_empty() {
            return Ok(Self { url: settings.url.clone(), private: None });
        }
        let postgres = open(&private(settings, search_path)).map_err(Fault::internal)?;
        if postgres.is_owned() {
            db::create_database(&postgres.maintenance_url(), "grantor")?;
        }
        Ok(Self { url: postgres.url(), private: Some(postgres) })
    }

    /// Whether it is our own.
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Brings our own up to date; one of the operator's must be so already.
    pub fn prepare(&self, db: &Db, today: NaiveDate) -> Result<(), Fault> {
        if self.private.as_ref().is_some_and(PrivatePostgres::is_owned) {
            db::migrate(&self.url)?;
        }
        let prepared = db.run_here(|connection| {
            is_up_to_date(&db::distance(connection)?)?;
            if heed_restored(connection)? {
                log::warn!(
                    "this database was restored from a dump: the audit log goes on after what came with it"
                );
            }
            db::make_partitions(connection, today)
        });
        prepared.map(drop).map_err(say_whose_it_must_be)
    }

    /// Ends the private server, if there is one and it is ours.
    pub fn stop(&self) {
        if let Some(postgres) = &self.private {
            postgres.stop();
        }
    }
}

/// What seals the signing keys: the operator's, or that of a private Postgres, which is made with it.
pub fn master_key(settings: &Settings) -> Result<Option<MasterKey>, Fault> {
    if settings.signing.master_key.is_some() || !settings.database.url.is_empty() {
        return Ok(settings.signing.master_key.clone());
    }
    MasterKey::beside_postgres(&settings.database.data_dir).map(Some)
}

/// The same, without making one.
pub(super) fn known_master_key(settings: &Settings) -> Result<Option<MasterKey>, Fault> {
    if settings.signing.master_key.is_some() || !settings.database.url.is_empty() {
        return Ok(settings.signing.master_key.clone());
    }
    MasterKey::in_file(&MasterKey::path_in(&settings.database.data_dir))
}

/// Where the private one lives, by the settings.
pub(super) fn private(settings: &DatabaseSettings, search_path: Option<String>) -> PrivateSettings {
    let mut private = PrivateSettings::new(&settings.data_dir);
    private.bin_dir = Some(settings.bin_dir.clone()).filter(|dir| *dir != PathBuf::new());
    private.search_path = search_path.map(Into::into);
    private
}

fn is_up_to_date(distance: &Distance) -> Result<(), Fault> {
    match distance.pending.len() {
        0 => Ok(()),
        many => Err(Fault::internal(format!("the database lacks {many} migrations; run `grantor migrate`"))),
    }
}

/// Postgres's refusals of a role say what is refused, and not what would help.
pub(super) fn say_whose_it_must_be(fault: Fault) -> Fault {
    let words = fault.to_string();
    if words.starts_with("permission denied") || words.starts_with("must be owner") {
        return Fault::internal(format!(
            "{words}: the role in database.url must own the database and its tables (`grantor doctor` says more)"
        ));
    }
    fault
}
