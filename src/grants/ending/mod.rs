//! Ending all that acts for a person, at once: the rule that a password change, a disabling and "sign out
//! everywhere" share, and the two of these that a person does.

pub mod flow;
pub mod http;
mod rules;

use crate::accounts::sessions;
use crate::accounts::store::lock_user;
use crate::audit::Work;
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
