//! Registering a service: what an operator says of it, checked as a whole.

use serde_json::json;
use thiserror::Error;

use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{AccessTokenFormat, Denial, DisplayText, Fault, ScopeToken, ServiceId};
use crate::platform::entropy::Entropy;
use crate::services::store::{catalogue, insert};
use crate::services::{Catalogue, Service, ServiceScope};

/// Names that are paths of this server.
const RESERVED: [&str; 16] = [
    "oauth",
    "api",
    "admin",
    "auth",
    "authz",
    "gateway",
    "events",
    "console",
    "account",
    "docs",
    "health",
    "livez",
    "readyz",
    "metrics",
    "static",
    ".well-known",
];

/// What an operator says of a new service, as typed.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// Its name, in commands and addresses.
    pub name: String,
    /// What tokens for it name as their audience; its name, if not given.
    pub audience: Option<String>,
    /// Its name, as people read it; its name, if not given.
    pub display_name: Option<String>,
    /// What it wants tokens for it to look like: `opaque` or `jwt`.
    pub access_token_format: Option<String>,
    /// Every account may call it, and not only those to which it is granted.
    pub is_open: bool,
    /// Scopes that go with every consent, as `SCOPE=SENTENCE`.
    pub scopes: Vec<String>,
    /// Scopes that people may untick, likewise.
    pub optional_scopes: Vec<String>,
}

/// What is wrong with a registration, in words for whoever typed it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RegistrationProblem {
    /// It cannot be so.
    #[error("{0}")]
    Unfit(String),
    /// It is another's already.
    #[error("{0}")]
    Taken(String),
}

impl From<RegistrationProblem> for Denial {
    fn from(problem: RegistrationProblem) -> Self {
        match problem {
            RegistrationProblem::Unfit(words) => Denial::Unfit(words),
            RegistrationProblem::Taken(_) => Denial::Conflict(TAKEN),
        }
    }
}

const TAKEN: &str = "the name, the audience or one of the scopes is another's";

impl Registration {
    /// Checks the whole and makes a service of it, not yet stored.
    fn check(&self, id: ServiceId) -> Result<Service, RegistrationProblem> {
        const MOST_OF_A_NAME: usize = 60;
        let required = self.scopes.iter().map(|typed| scope(typed, false));
        let optional = self.optional_scopes.iter().map(|typed| scope(typed, true));
        let scopes = required.chain(optional).collect::<Result<_, _>>()?;
        check_name(&self.name)?;
        let audience = self.audience.clone().unwrap_or_else(|| self.name.clone());
        check_audience(&audience)?;
        let display_name = self.display_name.as_deref().unwrap_or(&self.name);
        let display_name = DisplayText::parse(display_name, MOST_OF_A_NAME).map_err(say)?;
        let format = self.access_token_format.as_deref().map(AccessTokenFormat::typed);
        let access_token_format = format.transpose().map_err(say)?;
        let (name, display_name) = (self.name.clone(), display_name.as_str().to_owned());
        Ok(Service {
            id,
            name,
            audience,
            display_name,
            access_token_format,
            scopes,
            disabled_at: None,
            is_open: self.is_open,
            routes: Vec::new(),
        })
    }
}

fn scope(typed: &str, optional: bool) -> Result<ServiceScope, RegistrationProblem> {
    const MOST_OF_A_SENTENCE: usize = 120;
    let (value, sentence) = typed.split_once('=').ok_or_else(|| {
        say(format!("write {typed} as SCOPE=SENTENCE, e.g. \"orders:read=Read your orders\""))
    })?;
    let value = ScopeToken::parse(value).map_err(|problem| say(format!("{value}: {problem}")))?;
    if value.is_management() {
        return Err(say(format!("{value} is a scope of this server's own management")));
    }
    let sentence = DisplayText::parse(sentence, MOST_OF_A_SENTENCE)
        .map_err(|problem| say(format!("the sentence of {value}: {problem}")))?;
    Ok(ServiceScope { value, sentence: sentence.as_str().to_owned(), optional })
}

fn check_name(name: &str) -> Result<(), RegistrationProblem> {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|c| c.is_ascii_lowercase());
    let goes_on = characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if !starts_well || !goes_on || name.len() > 63 {
        return Err(say(
            "a service's name has 1 to 63 characters a-z, 0-9, - and _, and starts with a letter",
        ));
    }
    if RESERVED.contains(&name) {
        return Err(say(format!("{name} is a name of this server's own")));
    }
    Ok(())
}

fn check_audience(audience: &str) -> Result<(), RegistrationProblem> {
    let is_visible = audience.chars().all(|c| c.is_ascii_graphic());
    if !is_visible || !(1..=255).contains(&audience.len()) || audience == "*" {
        return Err(say("the audience must be 1 to 255 visible ASCII characters, and not `*`"));
    }
    Ok(())
}

fn say(words: impl ToString) -> RegistrationProblem {
    RegistrationProblem::Unfit(words.to_string())
}

fn is_taken(words: impl ToString) -> RegistrationProblem {
    RegistrationProblem::Taken(words.to_string())
}

/// What of a new service is another's already, if anything is.
fn taken(new: &Service, known: &Catalogue) -> Option<RegistrationProblem> {
    let (name, audience) = (&new.name, &new.audience);
    if known.services().any(|service| service.name == *name) {
        return Some(is_taken(format!("there is a service {name} already")));
    }
    if let Some(service) = known.services().find(|service| service.audience == *audience) {
        return Some(is_taken(format!("the audience {audience} is that of the service {}", service.name)));
    }
    let twice = new
        .scopes
        .iter()
        .enumerate()
        .find(|(at, scope)| new.scopes.iter().take(*at).any(|before| before.value == scope.value));
    if let Some((_, scope)) = twice {
        return Some(say(format!("the scope {} is given twice", scope.value)));
    }
    known.services().find_map(|service| {
        let has = |scope: &&ServiceScope| service.scopes.iter().any(|own| own.value == scope.value);
        let scope = &new.scopes.iter().find(has)?.value;
        Some(is_taken(format!("the scope {scope} is one of the service {}", service.name)))
    })
}

/// Registers a service with its scopes.
pub fn register(
    work: &mut Work<'_>,
    by: Actor,
    registration: &Registration,
) -> Result<Result<Service, RegistrationProblem>, Fault> {
    let id = ServiceId::from_uuid(Entropy.id(work.now()));
    let service = match registration.check(id) {
        Ok(service) => service,
        Err(problem) => return Ok(Err(problem)),
    };
    if let Some(problem) = taken(&service, &catalogue(work)?) {
        return Ok(Err(problem));
    }
    // Another command may have been faster since.
    if !insert(work, &service)? {
        return Ok(Err(is_taken(TAKEN)));
    }
    let data = json!({ "name": service.name, "audience": service.audience });
    work.tell(Event::new(Kind::ServiceCreated, by).on("service", id).with(data));
    Ok(Ok(service))
}
