//! Taking API keys and personal tokens back.

use serde_json::json;

use crate::audit::{Actor, Event, Kind, Work};
use crate::credentials::{Credential, CredentialSettings, rules, store};
use crate::kernel::{CredentialId, Fault, SecretHash};

/// Why a person took a token back on the page of their tokens, or removed one that had ended.
pub const BY_OWNER: &str = "revoked by its owner";

/// Takes a credential back, on every node within a second, and with it the successors that it gave itself: whoever found
/// it may have made them, and would stay one ahead of whoever takes back. `false`: it was taken back before.
///
/// `with`: the credential that the caller came with. If that is one of those successors, it is an honest one which clears
/// up behind itself, and what it names ends alone.
pub fn revoke(
    work: &mut Work<'_>,
    actor: Actor,
    credential: &Credential,
    with: Option<CredentialId>,
    reason: &str,
) -> Result<bool, Fault> {
    let lived = end(work, Kind::CredentialRevoked, actor, credential, reason)?;
    let clears_up = match with {
        Some(with) => store::find_own_line(work, credential.id)?.contains(&with),
        None => false,
    };
    if !clears_up {
        end_own_successors(work, Kind::CredentialRevoked, actor, credential, "its predecessor was revoked")?;
    }
    Ok(lived)
}

/// Takes back the credential of this hash because whoever holds it says so: who has it may end it. `false`: there is none;
/// one that was taken back before is one all the same. It ends alone: a program that has renewed it gives up the old one so.
pub fn given_up(work: &mut Work<'_>, hash: SecretHash, by: Actor) -> Result<bool, Fault> {
    let Some(credential) = store::find_by_hash(work, hash)? else {
        work.nothing_to_tell("it is nobody's");
        return Ok(false);
    };
    end(work, Kind::CredentialRevoked, by, &credential, "revoked by its holder")?;
    Ok(true)
}

/// Takes back whatever credential has this text: somebody found it where it does not belong. Whoever has it may end it,
/// and learns nothing of it. `None`: it is none, or was taken back before.
///
/// Whoever found it may have had it give itself a successor: that goes with it, and so on.
pub fn leaked(
    work: &mut Work<'_>,
    settings: &CredentialSettings,
    found: &str,
    by: Actor,
) -> Result<Option<Credential>, Fault> {
    let hash = rules::hash_to_find(found, &settings.key_tag);
    let credential = hash.map(|hash| store::find_by_hash(work, hash)).transpose()?.flatten();
    let Some(credential) = credential else {
        work.nothing_to_tell("it is nobody's");
        return Ok(None);
    };
    let lived = end(work, Kind::CredentialLeaked, by, &credential, "leaked")?;
    end_own_successors(work, Kind::CredentialLeaked, by, &credential, "its predecessor leaked")?;
    Ok(lived.then_some(credential))
}

/// Ends the successors that a credential gave itself, and those they gave themselves, until none lives: one may be made
/// before its predecessor has ended, and none after it.
fn end_own_successors(
    work: &mut Work<'_>,
    kind: Kind,
    actor: Actor,
    credential: &Credential,
    reason: &str,
) -> Result<(), Fault> {
    loop {
        let living = store::find_living_own_line(work, credential.id)?;
        if living.is_empty() {
            return Ok(());
        }
        for successor in &living {
            end(work, kind, actor, successor, reason)?;
        }
    }
}

fn end(
    work: &mut Work<'_>,
    kind: Kind,
    actor: Actor,
    credential: &Credential,
    reason: &str,
) -> Result<bool, Fault> {
    let lived = store::revoke(work, credential, reason)?;
    if lived {
        let data = json!({
            "kind": credential.kind.as_str(), "owner": credential.owner, "name": credential.name,
            "reason": reason,
        });
        work.tell(Event::new(kind, actor).on("credential", credential.id).with(data));
    } else {
        work.nothing_to_tell("it was revoked before");
    }
    Ok(lived)
}
