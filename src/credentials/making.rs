//! Making API keys and personal tokens, bringing keys along from elsewhere, and giving them successors.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::audit::{Actor, Event, Kind, Work};
use crate::credentials::lifetime::{Lifetime, Overlap};
use crate::credentials::strength::looks_random;
use crate::credentials::wish::{Wish, draft};
use crate::credentials::{
    Credential, CredentialKind, CredentialProblem, CredentialSettings, Making, glimpse, rules, store,
};
use crate::kernel::{Bearer, CredentialId, Fault, LastingTag, PlainSecret, PrincipalId, SecretHash, Tag};
use crate::limits::store::hand_on;
use crate::platform::entropy::Entropy;

/// How long a secret that is easy to guess lives, in days.
const WEAK_DAYS: i64 = 90;

/// Who makes it, and by which settings.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    /// Who.
    pub actor: Actor,
    /// By which settings.
    pub settings: &'a CredentialSettings,
}

/// A credential that was made, with the one showing of its text.
pub struct Made {
    /// The credential.
    pub credential: Credential,
    /// Its text.
    pub secret: PlainSecret,
}

/// What kind of successor a credential gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Successor {
    /// One that somebody else gives it: it lives as long as the old one was to live, but not beyond this moment.
    Of {
        /// When whatever it was made with ends.
        latest: Option<DateTime<Utc>>,
    },
    /// One that it gave itself: it ends when the old one was to end, and is taken back with it if that one leaked.
    OfItself,
}

/// What is brought along.
pub enum Imported {
    /// The text itself.
    Literal(PlainSecret),
    /// Its SHA-256.
    Hash(SecretHash),
}

/// Unwraps what may be a problem, or answers with it.
macro_rules! sound {
    ($result:expr) => {
        match $result {
            Ok(sound) => sound,
            Err(problem) => return Ok(Err(problem)),
        }
    };
}

/// Makes a credential for somebody.
pub fn create(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    kind: CredentialKind,
    owner: PrincipalId,
    wish: &Wish,
) -> Making<Made> {
    let secret = mint(maker, kind);
    let (prefix, last4) = glimpse(secret.expose());
    let draft = sound!(draft(work, maker, kind, owner, wish)?);
    let credential = Credential { hash: secret.hash(), prefix, last4, ..draft };
    if !store::insert(work, &credential)? {
        return Err(Fault::internal("a new credential that was there before"));
    }
    tell(work, Kind::CredentialCreated, maker.actor, &credential, json!({}));
    Ok(Ok(Made { credential, secret }))
}

/// Brings a credential along from elsewhere; with it comes what its owner should know.
pub fn import(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    (kind, owner): (CredentialKind, PrincipalId),
    wish: &Wish,
    secret: &Imported,
) -> Making<(Credential, Option<String>)> {
    let mut draft = sound!(draft(work, maker, kind, owner, wish)?);
    draft.imported = true;
    let mut warning = None;
    match secret {
        Imported::Hash(hash) => {
            draft.hash = *hash;
            // An operator who says how long it lives knows what it is.
            if maker.actor != Actor::Operator || wish.lifetime == Lifetime::Usual {
                let why = format!("nobody can tell how easy to guess this {} is", kind.word());
                warning = Some(confine(&mut draft, &why));
            }
        }
        Imported::Literal(text) => {
            sound!(check_shape(kind, text, maker.settings));
            draft.hash = text.hash();
            (draft.prefix, draft.last4) = glimpse(text.expose());
            if !looks_random(text.expose()) {
                warning = Some(confine(&mut draft, &format!("this {} is easy to guess", kind.word())));
            }
        }
    }
    if !store::insert(work, &draft)? {
        return Ok(Err(CredentialProblem::new(format!("there is this very {} already", kind.word()))));
    }
    tell(work, Kind::CredentialImported, maker.actor, &draft, json!({ "is_weak": warning.is_some() }));
    Ok(Ok((draft, warning)))
}

/// Gives a credential a successor that may do the same; it lives on until the overlap is over. Of two who do it at once,
/// one does.
pub fn rotate(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    id: CredentialId,
    overlap: Overlap,
    successor: Successor,
) -> Making<(Made, DateTime<Utc>)> {
    let Some(old) = store::find(work, id)? else {
        return Ok(Err(CredentialProblem::new("there is no such credential")));
    };
    let now = work.now();
    sound!(rules::may_rotate(&old, now));
    let end = overlap.end(&old, now);
    if !store::retire(work, &old, end)? {
        return Ok(Err(CredentialProblem::new("somebody else has just rotated or revoked it")));
    }
    let expires_at = match successor {
        Successor::Of { latest } => maker.settings.renewed_end(&old, now).into_iter().chain(latest).min(),
        Successor::OfItself => old.expires_at,
    };
    let secret = mint(maker, old.kind);
    let (prefix, last4) = glimpse(secret.expose());
    let credential = Credential {
        id: CredentialId::from_uuid(Entropy.id(now)),
        hash: secret.hash(),
        prefix,
        last4,
        imported: false,
        created_at: now,
        created_by: maker.actor.id(),
        expires_at,
        rotated_from: Some(old.id),
        rotated_by_itself: successor == Successor::OfItself,
        ..old.clone()
    };
    if !store::insert(work, &credential)? {
        return Err(Fault::internal("a new credential that was there before"));
    }
    hand_on(work, (old.id, credential.id), maker.actor)?;
    let data = json!({ "successor": credential.id, "old_ends_at": end });
    tell(work, Kind::CredentialRotated, maker.actor, &old, data);
    Ok(Ok((Made { credential, secret }, end)))
}

fn mint(maker: Maker<'_>, kind: CredentialKind) -> PlainSecret {
    match kind {
        CredentialKind::ApiKey => Entropy.api_key(&maker.settings.key_tag),
        CredentialKind::PersonalToken => Entropy.bearer(LastingTag::PersonalToken),
    }
}

/// What is brought along has to look like one of its kind when it is presented.
fn check_shape(
    kind: CredentialKind,
    text: &PlainSecret,
    settings: &CredentialSettings,
) -> Result<(), CredentialProblem> {
    let tag = match kind {
        CredentialKind::ApiKey => Tag::ApiKey,
        CredentialKind::PersonalToken => Tag::PersonalToken,
    };
    let is_one = Bearer::parse_with(text.expose(), &settings.key_tag).is_ok_and(|own| own.tag() == tag);
    if is_one || rules::is_importable(text.expose(), &settings.key_tag) {
        return Ok(());
    }
    Err(CredentialProblem::new(format!(
        "a {} has 8 to 512 visible ASCII characters, and does not begin like one of this server's unless it is one",
        kind.word()
    )))
}

/// Confines a secret that may be easy to guess to a short life; what its owner should know.
fn confine(draft: &mut Credential, why: &str) -> String {
    let end = draft.created_at + Duration::days(WEAK_DAYS);
    let end = draft.expires_at.map_or(end, |own| own.min(end));
    draft.expires_at = Some(end);
    let day = end.format("%Y-%m-%d");
    format!("{why}, so it ends on {day}; rotate it before, and use the successor")
}

/// Tells what was done to a credential: whose it is and what it may do, and never a character of it.
fn tell(work: &mut Work<'_>, kind: Kind, actor: Actor, credential: &Credential, more: Value) {
    let mut data = json!({
        "kind": credential.kind.as_str(), "owner": credential.owner, "name": credential.name,
        "scope": credential.scope, "environment": credential.environment.as_str(),
        "ip_allow": credential.ip_allow, "expires_at": credential.expires_at,
    });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    work.tell(Event::new(kind, actor).on("credential", credential.id).with(data));
}
