//! `grantor key …`

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::app::commands::{Refusal, Shell, table};
use crate::app::database::master_key;
use crate::signing::rotation::{Maker, revoke, rotate};
use crate::signing::store::{StoredKey, all};
use crate::signing::{MasterKey, State};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List the keys, oldest first.
    List,
    /// Make a successor now; it signs as soon as everybody must know it.
    Rotate,
    /// Take a key back, in an emergency: everything it signed is refused at once.
    Revoke {
        /// Its `kid`, which may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::List => list(shell),
        Command::Rotate => make(shell),
        Command::Revoke { kid } => take_back(shell, &kid),
    }
}

fn list(shell: &Shell) -> Result<(), Refusal> {
    let keys = shell.open()?.ledger.read_here(all)?;
    let now = shell.clock.now();
    let values: Vec<Value> = keys.iter().map(|key| described(key, now)).collect();
    shell.say(&values, || {
        let row = |key: &StoredKey| {
            let state = key.life.state(now).as_str().to_owned();
            let (from, until) = (moment(key.life.signs_from), moment(key.life.signs_until));
            vec![key.kid.clone(), key.algorithm.as_str().to_owned(), state, from, until]
        };
        let heads = ["KID", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL"];
        table(&heads, &keys.iter().map(row).collect::<Vec<_>>())
    })
}

fn make(shell: &Shell) -> Result<(), Refusal> {
    let open = shell.open()?;
    let settings = &shell.settings.signing;
    let master = master_key(&shell.settings)?.ok_or_else(|| {
        Refusal::new("there is no master key to seal it with: set signing.master_key (docs/settings.md)")
    })?;
    let made =
        open.try_act(shell, |work| rotate(work, &Maker { settings, master: &master, by: "command" }))?;
    let from = moment(made.life.signs_from);
    shell.say(&described(&made, shell.clock.now()), || format!("The key {} signs from {from}.", made.kid))
}

fn take_back(shell: &Shell, kid: &str) -> Result<(), Refusal> {
    let open = shell.open()?;
    // To take a key back, no master key is needed, least of all the right one.
    let master: Option<MasterKey> = master_key(&shell.settings).ok().flatten();
    let keys = open.try_act(shell, |work| {
        let settings = &shell.settings.signing;
        let maker = master.as_ref().map(|master| Maker { settings, master, by: "command" });
        let revoked = revoke(work, kid, maker.as_ref())?;
        let keys = all(work)?;
        Ok(revoked.map(|()| keys))
    })?;
    let now = shell.clock.now();
    let signer = keys.iter().find(|key| key.life.state(now) == State::Signing).map(|key| key.kid.as_str());
    shell.say(&json!({ "kid": kid, "revoked": true, "signer": signer }), || match signer {
        Some(signer) => format!("The key {kid} is revoked; {signer} signs."),
        None => format!("The key {kid} is revoked; no key signs until a server with a master key makes one."),
    })
}

fn described(key: &StoredKey, now: DateTime<Utc>) -> Value {
    let life = key.life;
    json!({
        "kid": key.kid, "algorithm": key.algorithm.as_str(), "state": life.state(now).as_str(),
        "created_at": life.created_at, "signs_from": life.signs_from, "signs_until": life.signs_until,
        "published_until": life.published_until(), "revoked_at": life.revoked_at,
    })
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
