//! What comes next in the conversation with a person.

use crate::kernel::{Denial, Scope};
use crate::oauth::authorize::request::{Asked, Target};
use crate::services::Catalogue;

/// What the person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, and of the optional scopes these.
    Allow(Scope),
    /// No.
    Deny,
}

/// What is known of the person.
pub(super) struct Person<'a> {
    /// What the person allowed this client before, if ever.
    pub(super) remembered: Option<&'a Scope>,
    /// The sign-in was made for this very request.
    pub(super) signed_in_for_this: bool,
}

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Have somebody sign in.
    SignIn,
    /// Have the person decide.
    Ask,
    /// Give this much.
    Give(Scope),
    /// Tell the app no.
    Refuse(Denial),
}

/// Decides the next step.
pub(super) fn next(
    asked: &Asked,
    target: &Target,
    catalogue: &Catalogue,
    person: Option<&Person<'_>>,
    answer: Option<&Answer>,
) -> Next {
    let Some(person) = person else {
        return sign_in(asked);
    };
    if asked.prompt.login && !person.signed_in_for_this {
        return sign_in(asked);
    }
    match answer {
        Some(Answer::Deny) => Next::Refuse(Denial::AccessDenied),
        Some(Answer::Allow(ticked)) => given(asked, catalogue, person, ticked),
        None if may_pass_silently(asked, target, person) => Next::Give(asked.scope.clone()),
        None if asked.prompt.none => Next::Refuse(Denial::ConsentRequired),
        None => Next::Ask,
    }
}

fn sign_in(asked: &Asked) -> Next {
    if asked.prompt.none { Next::Refuse(Denial::LoginRequired) } else { Next::SignIn }
}

/// Whether the person need not be asked (again).
fn may_pass_silently(asked: &Asked, target: &Target, person: &Person<'_>) -> bool {
    // Any program on a device can claim such an address, so the person must see who asks (RFC 8252 §8.6).
    let anybody_s = !target.client.confidential
        && (target.registered.is_loopback() || target.registered.is_custom_scheme());
    if anybody_s || asked.prompt.consent {
        return false;
    }
    target.client.first_party || is_remembered(asked, person)
}

/// An app that asks for nothing in particular is asked about once, too.
fn is_remembered(asked: &Asked, person: &Person<'_>) -> bool {
    person.remembered.is_some_and(|remembered| remembered.contains_all(&asked.scope))
}

/// What an answer gives: all that is required, and of the optional what was ticked or given before. Scopes
/// that were not asked for cannot be slipped in.
fn given(asked: &Asked, catalogue: &Catalogue, person: &Person<'_>, ticked: &Scope) -> Next {
    let optional = catalogue.optional(&asked.scope);
    let required = asked.scope.difference(&optional);
    let chosen = optional.intersection(&ticked.union(person.remembered.unwrap_or(&Scope::empty())));
    let given = required.union(&chosen);
    if given.is_empty() && !asked.scope.is_empty() {
        return Next::Refuse(Denial::AccessDenied);
    }
    Next::Give(given)
}
