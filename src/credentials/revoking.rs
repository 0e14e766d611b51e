//! Taking API keys and personal tokens back.

use serde_json::json;

use crate::audit::{Actor, Event, Kind, Work};
use crate::credentials::{Credential, CredentialSettings, rules, store};
use crate::kernel::{Fault, SecretHash};

/// Takes a credential back, on every node within a second. `false`: it was taken back before, and nothing is told.
pub fn revoke(
    work: &mut Work<'_>,
    actor: Actor,
    credential: &Credential,
    reason: &str,
) -> Result<bool, Fault> {
    end(work, Kind::CredentialRevoked, actor, credential, reason)
}

/// Takes back the credential of this hash because whoever holds it says so: who has it may end it. `false`: there is none;
/// one that was taken back before is one all the same.
pub fn given_up(work: &mut Work<'_>, hash: SecretHash, by: Actor) -> Result<bool, Fault> {
    let Some(credential) = store::find_by_hash(work, hash)? else {
        work.nothing_to_tell("it is nobody's");
        return Ok(false);
    };
    revoke(work, by, &credential, "revoked by its holder")?;
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
    let mut next = store::find_own_successor(work, credential.id)?;
    while let Some(successor) = next {
        end(work, Kind::CredentialLeaked, by, &successor, "its predecessor leaked")?;
        next = store::find_own_successor(work, successor.id)?;
    }
    Ok(lived.then_some(credential))
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
