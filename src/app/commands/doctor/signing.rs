//! Signing keys: whether there is a master key, whether it is the right one, and whether a key signs.

use super::finding::Finding;
use crate::app::commands::Shell;
use crate::app::database::known_master_key;
use crate::app::settings::Settings;
use crate::kernel::Fault;
use crate::platform::db::Connection;
use crate::signing::State;
use crate::signing::rotation::wrong_master_key;
use crate::signing::store::{StoredKey, all};

pub(super) fn check(shell: &Shell, connection: &mut Connection) -> Result<Finding, Fault> {
    let (now, keys) = (shell.clock.now(), all(connection)?);
    let living: Vec<&StoredKey> = keys.iter().filter(|key| key.life.is_published(now)).collect();
    let master = match known_master_key(&shell.settings) {
        Ok(Some(master)) => master,
        Ok(None) => return Ok(without_master_key(&shell.settings, living.len())),
        Err(fault) => return Ok(Finding::bad("signing", fault)),
    };
    let closed: Vec<&str> =
        living.iter().filter(|key| !key.opens_under(&master)).map(|key| key.kid.as_str()).collect();
    if !closed.is_empty() {
        return Ok(Finding::bad("signing", wrong_master_key(&closed)));
    }
    Ok(match living.iter().find(|key| key.life.state(now) == State::Signing) {
        Some(key) => {
            let until = key.life.signs_until.format("%Y-%m-%d %H:%M UTC");
            let words = format!(
                "{} key {} signs until {until}; {} published",
                key.algorithm.as_str(),
                key.kid,
                living.len()
            );
            Finding::ok("signing", words)
        }
        None => {
            Finding::warn("signing", "no key signs now: a server makes one at its start, and every second")
        }
    })
}

fn without_master_key(settings: &Settings, living: usize) -> Finding {
    if living > 0 {
        let lost =
            if settings.database.url.is_empty() { "master.key is gone" } else { "there is no master key" };
        let words = format!(
            "{lost}, and there are {living} signing keys in the database: give the one that sealed them \
             (signing.master_key), or take them back with `grantor key revoke`"
        );
        return Finding::bad("signing", words);
    }
    Finding::ok(
        "signing",
        if settings.database.url.is_empty() {
            "no signing key yet: a server makes one at its start"
        } else {
            "no JWTs: they need signing.master_key (`openssl rand -base64 32` makes one)"
        },
    )
}
