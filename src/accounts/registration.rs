//! Registering a person: what an operator says of them, checked before a password is asked for.

use serde_json::json;
use thiserror::Error;

use crate::accounts::store::{insert_principal, insert_user, set_administrator};
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{DisplayText, EmailAddress, Fault, PrincipalId, PrincipalKind, UserIdentifier};
use crate::platform::entropy::Entropy;

/// A person who is to be able to sign in.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What they type to sign in.
    pub identifier: UserIdentifier,
    /// Their name, as people read it.
    pub name: DisplayText,
    /// An address that they may type, too.
    pub email: Option<EmailAddress>,
}

/// What is wrong with a person's registration, in words for whoever typed it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct RegistrationProblem(String);

impl NewUser {
    /// Checks what was typed. Without a name, the identifier is the name.
    pub fn check(
        identifier: &str,
        name: Option<&str>,
        email: Option<&str>,
    ) -> Result<Self, RegistrationProblem> {
        let identifier = UserIdentifier::parse(identifier).map_err(say)?;
        let name = DisplayText::parse(name.unwrap_or(identifier.as_str()), DisplayText::MOST_OF_A_NAME)
            .map_err(|problem| say(format!("name: {problem}")))?;
        let email = email.map(EmailAddress::parse).transpose();
        let email = email.map_err(|problem| say(format!("email: {problem}")))?;
        Ok(Self { identifier, name, email })
    }
}

fn say(words: impl ToString) -> RegistrationProblem {
    RegistrationProblem(words.to_string())
}

/// Registers a person with the hash of their password.
pub fn register(
    work: &mut Work<'_>,
    by: Actor,
    user: &NewUser,
    hash: &str,
) -> Result<Result<PrincipalId, RegistrationProblem>, Fault> {
    let id = PrincipalId::from_uuid(Entropy.id(work.now()));
    let made = insert_principal(work, id, PrincipalKind::User, user.name.as_str())?
        && insert_user(work, id, &user.identifier, user.email.as_ref(), Some(hash))?;
    if !made {
        return Ok(Err(say("the identifier or the e-mail address is taken")));
    }
    let data = json!({ "identifier": user.identifier.as_str() });
    work.tell(Event::new(Kind::UserCreated, by).on("user", id).with(data));
    Ok(Ok(id))
}

/// Makes a person an administrator of this server, or takes that back. `false`: it already was so.
pub fn promote(work: &mut Work<'_>, by: Actor, id: PrincipalId, is_one: bool) -> Result<bool, Fault> {
    let changed = set_administrator(work, id, is_one)?;
    if changed {
        let kind = if is_one { Kind::UserPromoted } else { Kind::UserDemoted };
        work.tell(Event::new(kind, by).on("user", id));
    } else {
        work.nothing_to_tell("it already was so");
    }
    Ok(changed)
}
