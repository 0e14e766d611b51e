//! Making the cluster, once: aside, then moved into place, so that a crash leaves all of it or nothing.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use super::binaries::Binaries;
use super::error::{Error, io_error};
use super::layout::Layout;

/// The superuser, and the database that the caller makes.
pub(super) const NAME: &str = "grantor";
const ASIDE: &str = "pgdata.new-";
/// Byte order and UTF-8 everywhere; plain `C` where the system knows no `C.UTF-8`.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the cluster unless it exists. Call with the lock held.
pub(super) fn ensure(layout: &Layout, binaries: &Binaries, sync: bool) -> Result<(), Error> {
    remove_half_made(layout)?;
    let pgdata = layout.pgdata();
    if layout.cluster_version()?.is_some() {
        return Ok(());
    }
    if pgdata.symlink_metadata().is_ok() {
        return Err(Error::NotACluster { pgdata });
    }
    let started = Instant::now();
    let aside = layout.data_dir.join(format!("{ASIDE}{}", std::process::id()));
    initdb(layout, binaries, &aside, sync)?;
    // `initdb` has synced the files themselves; the move still needs it.
    fs::rename(&aside, &pgdata).map_err(io_error("put in place", &pgdata))?;
    let synced = File::open(&layout.data_dir).and_then(|dir| dir.sync_all());
    synced.map_err(io_error("sync", &layout.data_dir))?;
    log::info!(
        pgdata:% = pgdata.display(), version = binaries.major, milliseconds = started.elapsed().as_millis();
        "created the private Postgres"
    );
    Ok(())
}

fn remove_half_made(layout: &Layout) -> Result<(), Error> {
    let entries = fs::read_dir(&layout.data_dir).map_err(io_error("read", &layout.data_dir))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            fs::remove_dir_all(entry.path()).map_err(io_error("remove the half-made", &entry.path()))?;
        }
    }
    Ok(())
}

fn initdb(layout: &Layout, binaries: &Binaries, aside: &Path, sync: bool) -> Result<(), Error> {
    let mut said = String::new();
    for locale in LOCALES {
        let mut command = layout.command(&binaries.initdb);
        command.arg("-D").arg(aside).args(["--encoding=UTF8", "--data-checksums", "--username", NAME]);
        // The socket's closed directory is the guard; TCP is off, and refused should someone turn it on.
        command.args(["--auth-local=trust", "--auth-host=reject"]).arg(format!("--locale={locale}"));
        if !sync {
            command.arg("--no-sync");
        }
        let output = command.output();
        let output = output.map_err(|e| layout.account.spawn_error(e, &binaries.initdb, &layout.data_dir))?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    Err(Error::Initdb { pgdata: layout.pgdata(), output: said })
}
