//! Making, replacing and revoking keys. One at a time, by a lock in the database, whichever node or command it is.

use chrono::Duration;
use serde_json::json;
use thiserror::Error;

use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::Fault;
use crate::signing::key_pair::KeyPair;
use crate::signing::life::{self, Due};
use crate::signing::store::{self, StoredKey};
use crate::signing::{Life, MasterKey, SigningSettings, State};

/// Why the keys stay as they are, in words for whoever asked.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct KeyProblem(String);

/// What makes keys.
pub struct Maker<'a> {
    /// The algorithm, and how long it signs.
    pub settings: &'a SigningSettings,
    /// What seals the private part.
    pub master: &'a MasterKey,
    /// On whose behalf, for the log: `schedule` or `command`.
    pub by: &'static str,
}

/// Makes the key that is due by the schedule, if one still is when it is our turn.
pub fn on_schedule(work: &mut Work<'_>, maker: &Maker<'_>) -> Result<(), Fault> {
    store::lock(work)?;
    let keys = store::all(work)?;
    let due = life::due(&lives(&keys), work.now());
    if due == Due::Nothing {
        work.nothing_to_tell("another node was faster");
        return Ok(());
    }
    maker.fits(work, &keys).map_err(Fault::internal)?;
    maker.make(work, &keys, due).map(drop)
}

/// Makes a successor now, which signs as soon as everybody must know it.
pub fn rotate(work: &mut Work<'_>, maker: &Maker<'_>) -> Result<Result<StoredKey, KeyProblem>, Fault> {
    store::lock(work)?;
    let keys = store::all(work)?;
    if let Err(problem) = maker.fits(work, &keys) {
        return Ok(Err(problem));
    }
    let Some(due) = life::asked_for(&lives(&keys), work.now()) else {
        let waiting = keys.iter().find(|key| key.life.state(work.now()) == State::Waiting);
        let words = waiting.map(|key| {
            format!("the key {} waits already, and signs from {}", key.kid, key.life.signs_from.to_rfc3339())
        });
        return Ok(Err(KeyProblem(words.unwrap_or_default())));
    };
    let made = maker.make(work, &keys, due)?;
    Ok(made.ok_or_else(|| KeyProblem("nothing is due".into())))
}

/// Takes a key back: it is gone from the key set, and everything it signed is refused. If nobody signs then, a waiting
/// key does so at once, or a new one is made, for which a `maker` is needed.
pub fn revoke(
    work: &mut Work<'_>,
    kid: &str,
    maker: Option<&Maker<'_>>,
) -> Result<Result<(), KeyProblem>, Fault> {
    store::lock(work)?;
    let now = work.now();
    let keys = store::all(work)?;
    let Some(key) = keys.iter().find(|key| key.kid == kid) else {
        return Ok(Err(KeyProblem(format!("there is no signing key {kid}"))));
    };
    if let Some(at) = key.life.revoked_at {
        return Ok(Err(KeyProblem(format!("the key {kid} is revoked since {}", at.to_rfc3339()))));
    }
    store::set_life(work, kid, Life { revoked_at: Some(now), ..key.life })?;
    work.tell(Event::new(Kind::KeyRevoked, Actor::Operator).on("signing_key", kid));
    // What another master key sealed, nobody could open.
    let maker = maker.filter(|maker| key.opens_under(maker.master));
    replace(work, maker).map(Ok)
}

/// Sees to it that somebody signs.
fn replace(work: &mut Work<'_>, maker: Option<&Maker<'_>>) -> Result<(), Fault> {
    let now = work.now();
    let keys = store::all(work)?;
    let in_state = |state| keys.iter().find(|key| key.life.state(now) == state);
    if in_state(State::Signing).is_some() {
        return Ok(());
    }
    if let Some(waiting) = in_state(State::Waiting) {
        // Its clocks may be ahead of ours.
        let signs_from = now.max(waiting.life.created_at);
        store::set_life(work, &waiting.kid, Life { signs_from, ..waiting.life })?;
    } else if let Some(maker) = maker {
        maker.make(work, &keys, life::due(&lives(&keys), now))?;
    }
    Ok(())
}

/// What to say where a master key does not open what it should.
pub fn wrong_master_key(closed: &[impl AsRef<str>]) -> String {
    let closed: Vec<&str> = closed.iter().map(AsRef::as_ref).collect();
    format!(
        "the master key (signing.master_key, or master.key beside a private Postgres) is not the one that sealed the \
         signing keys {}: give that one, or take these back with `grantor key revoke`",
        closed.join(", ")
    )
}

fn lives(keys: &[StoredKey]) -> Vec<Life> {
    keys.iter().map(|key| key.life).collect()
}

impl Maker<'_> {
    /// Whether its master key is the one that all others use.
    fn fits(&self, work: &Work<'_>, keys: &[StoredKey]) -> Result<(), KeyProblem> {
        let published = keys.iter().filter(|key| key.life.is_published(work.now()));
        let closed: Vec<&str> =
            published.filter(|key| !key.opens_under(self.master)).map(|key| key.kid.as_str()).collect();
        if closed.is_empty() { Ok(()) } else { Err(KeyProblem(wrong_master_key(&closed))) }
    }

    /// Makes the key that is due, and lets its predecessor sign until then.
    fn make(&self, work: &mut Work<'_>, keys: &[StoredKey], due: Due) -> Result<Option<StoredKey>, Fault> {
        let now = work.now();
        let signs_from = match due {
            Due::Nothing => return Ok(None),
            Due::First => now,
            Due::Successor(at) => at,
        };
        let signs_until = signs_from + Duration::seconds(self.settings.rotation_s.into());
        let made = self.key(Life { created_at: now, signs_from, signs_until, revoked_at: None })?;
        if let Due::Successor(_) = due {
            follow(work, keys, &made)?;
        }
        store::insert(work, &made)?;
        let data = json!({
            "algorithm": made.algorithm.as_str(), "by": self.by,
            "signs_from": signs_from, "signs_until": signs_until,
        });
        work.tell(Event::new(Kind::KeyCreated, Actor::Operator).on("signing_key", &made.kid).with(data));
        Ok(Some(made))
    }

    fn key(&self, life: Life) -> Result<StoredKey, Fault> {
        let pair = KeyPair::generate(self.settings.algorithm)?;
        let public = pair.public()?;
        let private_key = self.master.seal(&public.kid, public.algorithm, &pair.stored()?)?;
        Ok(StoredKey {
            kid: public.kid,
            algorithm: public.algorithm,
            public_jwk: public.jwk,
            private_key,
            life,
        })
    }
}

/// The latest key signs until its successor does, be that sooner or later than planned.
fn follow(work: &mut Work<'_>, keys: &[StoredKey], successor: &StoredKey) -> Result<(), Fault> {
    let now = work.now();
    let published = keys.iter().filter(|key| key.life.is_published(now));
    let Some(last) = published.max_by_key(|key| key.life.rank()) else { return Ok(()) };
    let signs_until = successor.life.signs_from;
    store::set_life(work, &last.kid, Life { signs_until, ..last.life })?;
    let data = json!({ "successor": successor.kid, "signs_until": signs_until });
    work.tell(Event::new(Kind::KeyRotated, Actor::Operator).on("signing_key", &last.kid).with(data));
    Ok(())
}
