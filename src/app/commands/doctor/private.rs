//! The private Postgres: its directory, its programs, its room.

use super::finding::{Finding, Level, size};
use crate::app::commands::Shell;
use crate::app::database;
use crate::platform::private_postgres::{Directory, Inspection, Room, inspect};

const MIB: u64 = 1 << 20;

/// How far the private Postgres has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none, or we cannot tell.
    Absent,
    /// It is there, and rests.
    Made,
    /// It runs.
    Running,
}

/// Looks without changing anything. `is_serving`: whether a Grantor answers at the front.
pub(super) fn check(shell: &Shell, is_serving: bool) -> (Vec<Finding>, State) {
    let settings = &shell.settings.database;
    match inspect(&database::private(settings, shell.search_path.clone())) {
        Ok(seen) => {
            let place = settings.data_dir.display().to_string();
            let directory = match directory(&seen, &place) {
                finding if is_serving && !seen.is_running && finding.is_good() => elsewhere(&place),
                finding => finding,
            };
            (vec![directory, programs(&seen), room(&seen)], state_of(&seen))
        }
        Err(error) => (vec![Finding::bad("data", error)], State::Absent),
    }
}

fn state_of(seen: &Inspection) -> State {
    match (seen.is_running, seen.is_made) {
        (true, _) => State::Running,
        (false, true) => State::Made,
        (false, false) => State::Absent,
    }
}

/// The classic of a command that was not given the server's settings, and works on a database of its own.
fn elsewhere(place: &str) -> Finding {
    Finding::warn(
        "data",
        format!(
            "a Grantor runs, and not over {place}: give this command the server's settings (--config, \
             GRANTOR_DATABASE__DATA_DIR or GRANTOR_DATABASE__URL), and its user"
        ),
    )
}

fn directory(seen: &Inspection, place: &str) -> Finding {
    match &seen.directory {
        Err(error) => Finding::bad("data", error),
        Ok(None) => Finding::ok("data", format!("nothing yet at {place}: `grantor serve` makes it")),
        Ok(Some(Directory { stranger: Some((owner, ours)), .. })) => Finding::bad(
            "data",
            format!(
                "{place} belongs to {owner}, and not to {ours}: run as {owner}, or `chown -R {ours} {place}`"
            ),
        ),
        Ok(Some(Directory { mode: 0o700, .. })) => Finding::ok("data", format!("{place}, closed to others")),
        Ok(Some(Directory { mode, .. })) => Finding::warn(
            "data",
            format!(
                "{place} is open to others (mode {mode:04o}): `chmod 700 {place}`; the next start does so, too"
            ),
        ),
    }
}

fn programs(seen: &Inspection) -> Finding {
    let state = match (seen.is_made, seen.is_running) {
        (_, true) => "runs",
        (true, false) => "does not run now",
        (false, false) => "will be used",
    };
    match &seen.programs {
        Ok((dir, major)) => Finding::ok("postgres", format!("{major}, of {}, {state}", dir.display())),
        Err(error) => Finding::bad("postgres", error),
    }
}

fn room(seen: &Inspection) -> Finding {
    match &seen.room {
        Ok(room) => Finding::new("disk", level_of(*room), advice(*room)),
        Err(error) => Finding::warn("disk", error),
    }
}

fn level_of(Room { free, total }: Room) -> Level {
    match free {
        _ if free < 100 * MIB => Level::Bad,
        _ if free < 1024 * MIB || free < total / 20 => Level::Warn,
        _ => Level::Ok,
    }
}

fn advice(room: Room) -> String {
    let free = format!("{} of {} are free", size(room.free), size(room.total));
    match level_of(room) {
        Level::Ok => free,
        _ => format!("{free}: make room, since a Postgres that cannot write stops"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_scarce_by_bytes_or_by_share() {
        for (free, total, level) in [
            (50 * 1024, 100 * 1024, Level::Ok),
            (6 * 1024, 100 * 1024, Level::Ok),
            (4 * 1024, 100 * 1024, Level::Warn),
            (1023, 2048, Level::Warn),
            (100, 2048, Level::Warn),
            (99, 2048, Level::Bad),
        ] {
            let room = Room { free: free * MIB, total: total * MIB };
            assert_eq!(level_of(room), level, "{free} of {total} MiB");
        }
        assert_eq!(advice(Room { free: 2 << 30, total: 4 << 30 }), "2.0 GiB of 4.0 GiB are free");
    }
}
