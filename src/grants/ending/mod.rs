//! Ending all that acts for a person, at once: the rule that a password change, a disabling and "sign out
//! everywhere" share, and the two of these that a person does.

pub mod api;
pub mod flow;
pub mod http;
mod rules;

use serde_json::json;

use crate::accounts::sessions;
use crate::accounts::store::{lock_user, set_disabled};
use crate::audit::{Actor, Event, Kind, Work};
use crate::grants::store::revoke_families_of;
use crate::kernel::{Fault, PrincipalId};

/// How much was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Browser sessions.
    pub sessions: usize,
    /// Families of tokens.
    pub families: usize,
}

/// Ends a person's browser sessions and kills every family of tokens that acts for them. What they allowed
/// stays remembered.
pub fn end_everywhere(work: &mut Work<'_>, user: PrincipalId, reason: &str) -> Result<Ended, Fault> {
    // The person first, then what is theirs: all who need several of these rows take them in this order.
    // Whoever signs in or gives a code holds the person: what it opened is found below, or it waits, and then
    // finds the password changed or the session ended.
    lock_user(work, user)?;
    let sessions = sessions::store::end_all(work, user)?;
    let families = revoke_families_of(work, user, reason)?;
    Ok(Ended { sessions, families })
}

/// Lets a person act, or no longer, and then ends all that acts for them. `false`: it already was so.
pub fn disable(work: &mut Work<'_>, by: Actor, user: PrincipalId, disabled: bool) -> Result<bool, Fault> {
    lock_user(work, user)?;
    let changed = set_disabled(work, user, disabled)?;
    if !changed {
        work.nothing_to_tell("it already was so");
    } else if disabled {
        end_and_tell(work, (Kind::UserDisabled, by), user, "user_disabled")?;
    } else {
        work.tell(Event::new(Kind::UserEnabled, by).on("user", user));
    }
    Ok(changed)
}

/// Ends all that acts for a person, and tells why and how much that was.
pub fn end_and_tell(
    work: &mut Work<'_>,
    (kind, by): (Kind, Actor),
    user: PrincipalId,
    reason: &str,
) -> Result<(), Fault> {
    let ended = end_everywhere(work, user, reason)?;
    let data = json!({ "sessions": ended.sessions, "families": ended.families });
    work.tell(Event::new(kind, by).on("user", user).with(data));
    Ok(())
}
