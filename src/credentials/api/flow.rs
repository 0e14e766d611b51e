//! What callers do with API keys and personal tokens, and whether they may.

use crate::accounts::access::visible_principals;
use crate::accounts::organizations::Action;
use crate::audit::{Actor, Work};
use crate::credentials::access::may;
use crate::credentials::lifetime::Overlap;
use crate::credentials::making::{self, Imported, Made, Maker, Successor};
use crate::credentials::store::{self, Place};
use crate::credentials::usage::Use;
use crate::credentials::wish::Wish;
use crate::credentials::{Credential, CredentialKind, CredentialSettings, Making, revoking};
use crate::kernel::{Caller, CredentialId, Denial, Fault, Outcome, PrincipalId, Scope};
use crate::platform::db::Connection;
use crate::settle;
use chrono::{DateTime, Utc};

/// Which credentials are asked for.
pub(super) struct Asked {
    pub(super) kind: CredentialKind,
    pub(super) owner: Option<PrincipalId>,
    pub(super) after: Option<Place>,
    pub(super) most: i64,
}

/// The credentials that a caller sees, newest first. Personal tokens are seen by their owner alone.
pub(super) fn list(
    connection: &mut Connection,
    caller: &Caller,
    asked: &Asked,
) -> Result<Vec<(Credential, Option<Use>)>, Fault> {
    let mut owners = match asked.kind {
        CredentialKind::PersonalToken if !caller.is_administrator => Some(vec![caller.principal]),
        _ => visible_principals(connection, caller)?,
    };
    if let Some(wanted) = asked.owner {
        let is_seen = owners.as_ref().is_none_or(|seen| seen.contains(&wanted));
        owners = Some(if is_seen { vec![wanted] } else { Vec::new() });
    }
    store::page(connection, asked.kind, owners.as_deref(), asked.after, asked.most)
}

/// Finds a credential for which the caller may do this.
pub(super) fn find(
    work: &mut Work<'_>,
    caller: &Caller,
    kind: CredentialKind,
    id: CredentialId,
    action: Action,
) -> Outcome<Credential> {
    let found = store::find(work, id)?.filter(|credential| credential.kind == kind);
    let credential = settle!(found.ok_or(Denial::NotFound));
    settle!(may(work, caller, (kind, credential.owner), action)?);
    Ok(Ok(credential))
}

/// Whoever holds a credential may do what it may: nobody comes by one that may manage more than they do.
fn within(caller: &Caller, scope: &Scope) -> Result<(), Denial> {
    if caller.may_hand_on(scope) { Ok(()) } else { Err(Denial::Forbidden) }
}

fn sound<T>(making: Making<T>) -> Outcome<T> {
    Ok(making?.map_err(|problem| Denial::Unfit(problem.to_string())))
}

/// Makes a credential.
pub(super) fn create(
    work: &mut Work<'_>,
    caller: &Caller,
    settings: &CredentialSettings,
    (kind, owner): (CredentialKind, PrincipalId),
    wish: &Wish,
) -> Outcome<Made> {
    let wish = settle!(wished(work, caller, (kind, owner), wish)?);
    let maker = Maker { actor: Actor::of(caller), settings };
    sound(making::create(work, maker, kind, owner, &wish))
}

fn read_scope(wish: &Wish) -> Result<Scope, Denial> {
    Scope::parse(&wish.scope).map_err(|problem| Denial::Unfit(problem.to_string()))
}

/// Brings a credential along from elsewhere.
pub(super) fn import(
    work: &mut Work<'_>,
    caller: &Caller,
    settings: &CredentialSettings,
    (kind, owner): (CredentialKind, PrincipalId),
    secret: &Imported,
    wish: &Wish,
) -> Outcome<(Credential, Option<String>)> {
    let wish = settle!(wished(work, caller, (kind, owner), wish)?);
    let maker = Maker { actor: Actor::of(caller), settings };
    sound(making::import(work, maker, (kind, owner), &wish, secret))
}

/// What a caller may wish for: an API key for whoever they may manage, a personal token for themselves alone, and nothing
/// that may do or lives more than what they came with.
fn wished(
    work: &mut Work<'_>,
    caller: &Caller,
    (kind, owner): (CredentialKind, PrincipalId),
    wish: &Wish,
) -> Outcome<Wish> {
    if kind == CredentialKind::PersonalToken && owner != caller.principal {
        return Ok(Err(Denial::Forbidden));
    }
    settle!(may(work, caller, (kind, owner), Action::ManageCredentials)?);
    settle!(within(caller, &settle!(read_scope(wish))));
    Ok(Ok(wish.clone().within(presented(work, caller)?)))
}

/// Gives a credential a successor, which the caller gets to see.
pub(super) fn rotate(
    work: &mut Work<'_>,
    caller: &Caller,
    settings: &CredentialSettings,
    credential: &Credential,
    overlap: Overlap,
) -> Outcome<(Made, DateTime<Utc>)> {
    settle!(within(caller, &credential.scope));
    let latest = presented(work, caller)?.and_then(|own| own.expires_at);
    let maker = Maker { actor: Actor::of(caller), settings };
    // By its id or as `self`: what it makes of itself goes with it.
    let is_itself = caller.credential == Some(credential.id);
    let successor = if is_itself { Successor::OfItself } else { Successor::Of { latest } };
    sound(making::rotate(work, maker, credential.id, overlap, successor))
}

/// Gives the very credential that the caller came with a successor. Whoever has found one, and no right to make others,
/// comes by no longer life and by nothing that outlives its being found.
pub(super) fn rotate_own(
    work: &mut Work<'_>,
    caller: &Caller,
    settings: &CredentialSettings,
    own: &Credential,
    overlap: Overlap,
) -> Outcome<(Made, DateTime<Utc>)> {
    let maker = Maker { actor: Actor::of(caller), settings };
    sound(making::rotate(work, maker, own.id, overlap, Successor::OfItself))
}

/// The credential that the caller came with, if it was one.
fn presented(work: &mut Work<'_>, caller: &Caller) -> Result<Option<Credential>, Fault> {
    Ok(caller.credential.map(|id| store::find(work, id)).transpose()?.flatten())
}

/// Takes a credential back, and shows it as it is then.
pub(super) fn revoke(
    work: &mut Work<'_>,
    caller: &Caller,
    credential: &Credential,
    reason: &str,
) -> Outcome<Credential> {
    revoking::revoke(work, Actor::of(caller), credential, caller.credential, reason)?;
    Ok(store::find(work, credential.id)?.ok_or(Denial::NotFound))
}

/// The very credential that the caller came with.
pub(super) fn own(work: &mut Work<'_>, caller: &Caller, kind: CredentialKind) -> Outcome<Credential> {
    Ok(presented(work, caller)?.filter(|credential| credential.kind == kind).ok_or(Denial::NotFound))
}
