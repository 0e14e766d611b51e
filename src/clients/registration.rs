//! Registering a client: what an operator says of it, checked as a whole (RFC 7591 §2 names the fields).

use chrono::Duration;
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::accounts::hold_account;
use crate::accounts::store::{insert_owned_client, insert_principal, lock_principal, set_disabled};
use crate::audit::{Actor, Event, Kind, Work};
use crate::clients::{AuthMethod, Client, GrantType, store};
use crate::credentials::client_secrets::store::{client_secrets, end_others, insert_client_secret};
use crate::kernel::{
    AccessTokenFormat, ClientId, CredentialId, Denial, DisplayText, Fault, LastingTag, Origin, PlainSecret,
    PrincipalId, PrincipalKind, RedirectUri, Scope,
};
use crate::platform::entropy::Entropy;
use crate::services::Catalogue;
use crate::services::store::catalogue;

/// What an operator says of a new client, as typed.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is said by itself")]
pub struct Registration {
    /// The account it is to belong to: that of an organization or person; otherwise its own.
    pub account: Option<PrincipalId>,
    /// `client_id`, if it is imported; otherwise one is made.
    pub client_id: Option<String>,
    /// Its name, as people read it.
    pub name: String,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// That was checked.
    pub verified: bool,
    /// It cannot keep a secret.
    pub public: bool,
    /// It belongs to the operator.
    pub first_party: bool,
    /// The one method it must authenticate with.
    pub auth_method: Option<String>,
    /// Grant types; empty: `authorization_code` and `refresh_token`.
    pub grant_types: Vec<String>,
    /// The most it may be given.
    pub scope: String,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Web origins it may call from.
    pub origins: Vec<String>,
    /// What its access tokens look like: `opaque` or `jwt`.
    pub access_token_format: Option<String>,
    /// Seconds its access tokens live.
    pub access_token_lifetime: Option<u32>,
    /// Seconds its families live.
    pub refresh_token_lifetime: Option<u32>,
    /// Audiences whose tokens it may introspect.
    pub introspection_audiences: Vec<String>,
    /// What it asks about a call counts, if it does not say otherwise.
    pub introspection_consumes: bool,
}

/// What is wrong with a registration, in words for whoever typed it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RegistrationProblem {
    /// It cannot be so.
    #[error("{0}")]
    Unfit(String),
    /// The `client_id` is another's.
    #[error("{}", TAKEN)]
    Taken,
}

const TAKEN: &str = "this client_id is taken";

impl From<RegistrationProblem> for Denial {
    fn from(problem: RegistrationProblem) -> Self {
        match problem {
            RegistrationProblem::Unfit(words) => Denial::Unfit(words),
            RegistrationProblem::Taken => Denial::Conflict(TAKEN),
        }
    }
}

/// A registered client, with the one showing of its secret.
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its secret, if it has one.
    pub secret: Option<PlainSecret>,
    /// What the operator should know.
    pub warning: Option<String>,
}

/// The longest life of an access token, in seconds: a day, so that its partition is made in time.
const LONGEST_ACCESS: u32 = 86_400;
/// The longest life of a family, in seconds: a year.
const LONGEST_REFRESH: u32 = 31_536_000;
/// An imported secret shorter than this is not random enough to live for ever.
const RANDOM_ENOUGH: usize = 22;
/// How long such a one lives, in days.
const WEAK_SECRET_DAYS: i64 = 90;

impl Registration {
    /// Checks the whole and makes a client of it, not yet stored.
    fn check(&self, known: &Catalogue, principal: PrincipalId) -> Result<Client, RegistrationProblem> {
        let client_id = match &self.client_id {
            Some(id) => ClientId::parse(id).map_err(|problem| wrong("client_id", &problem))?,
            None => {
                ClientId::parse(&principal.to_string()).map_err(|problem| wrong("client_id", &problem))?
            }
        };
        let grant_types = self.grant_types()?;
        let scope = Scope::parse(&self.scope).map_err(|problem| wrong("scope", &problem))?;
        Self::check_scope(&scope, &known.scope())?;
        let redirect_uris = parse_all(&self.redirect_uris, "redirect_uri", RedirectUri::register)?;
        if grant_types.contains(&GrantType::AuthorizationCode) && redirect_uris.is_empty() {
            return Err(say("a client of the authorization_code grant needs a redirect_uri"));
        }
        let origins = parse_all(&self.origins, "origin", Origin::parse)?;
        self.check_lifetimes()?;
        if self.public && !self.introspection_audiences.is_empty() {
            return Err(say("a public client cannot introspect: it cannot prove who it is"));
        }
        if self.introspection_consumes && self.introspection_audiences.is_empty() {
            return Err(say(
                "introspection_consumes is for a client that may introspect: name its audiences",
            ));
        }
        self.check_audiences(known)?;
        Ok(Client {
            principal,
            account: self.account.unwrap_or(principal),
            id: client_id,
            name: text(&self.name, "name")?,
            publisher: self.publisher.as_deref().map(|publisher| text(publisher, "publisher")).transpose()?,
            verified: self.verified,
            confidential: !self.public,
            first_party: self.first_party,
            auth_method: self.auth_method()?,
            grant_types,
            scope,
            redirect_uris,
            origins: origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
            access_token_format: self.format()?,
            access_token_lifetime: self.access_token_lifetime,
            refresh_token_lifetime: self.refresh_token_lifetime,
            introspection_audiences: self.introspection_audiences.clone(),
            introspection_consumes: self.introspection_consumes,
            created_at: chrono::DateTime::default(),
            disabled_at: None,
        })
    }

    fn grant_types(&self) -> Result<Vec<GrantType>, RegistrationProblem> {
        if self.grant_types.is_empty() {
            return Ok(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
        }
        let mut grant_types = Vec::new();
        for name in &self.grant_types {
            let grant = GrantType::parse(name)
                .ok_or_else(|| say(&format!("{name} is not a grant type; there are authorization_code, refresh_token and client_credentials")))?;
            if !grant_types.contains(&grant) {
                grant_types.push(grant);
            }
        }
        if self.public && grant_types.contains(&GrantType::ClientCredentials) {
            // RFC 6749 §4.4: "MUST only be used by confidential clients".
            return Err(say("client_credentials is for confidential clients only"));
        }
        if grant_types.contains(&GrantType::RefreshToken)
            && !grant_types.contains(&GrantType::AuthorizationCode)
        {
            return Err(say("refresh_token goes with authorization_code"));
        }
        Ok(grant_types)
    }

    fn check_scope(scope: &Scope, known: &Scope) -> Result<(), RegistrationProblem> {
        if let Some(management) = scope.iter().find(|token| token.is_management()) {
            return Err(say(&format!("{management} is a scope of this server's own management")));
        }
        match scope.difference(known).iter().next() {
            Some(unknown) => Err(say(&format!("no service has the scope {unknown}; make the service first"))),
            None => Ok(()),
        }
    }

    /// An audience that nobody has would be told of no token, and nobody would know why.
    fn check_audiences(&self, known: &Catalogue) -> Result<(), RegistrationProblem> {
        let there: Vec<&str> = known.services().map(|service| service.audience.as_str()).collect();
        let is_unknown = |audience: &&String| *audience != "*" && !there.contains(&audience.as_str());
        let Some(unknown) = self.introspection_audiences.iter().find(is_unknown) else { return Ok(()) };
        Err(say(&if there.is_empty() {
            format!("no service has the audience {unknown}; make the service first")
        } else {
            format!("no service has the audience {unknown}; there are: {}", there.join(", "))
        }))
    }

    fn check_lifetimes(&self) -> Result<(), RegistrationProblem> {
        let fits =
            |seconds: Option<u32>, most: u32| seconds.is_none_or(|seconds| (1..=most).contains(&seconds));
        if !fits(self.access_token_lifetime, LONGEST_ACCESS) {
            return Err(say(&format!("an access token lives 1 to {LONGEST_ACCESS} seconds")));
        }
        if !fits(self.refresh_token_lifetime, LONGEST_REFRESH) {
            return Err(say(&format!("a refresh token lives 1 to {LONGEST_REFRESH} seconds")));
        }
        Ok(())
    }

    fn format(&self) -> Result<Option<AccessTokenFormat>, RegistrationProblem> {
        let format = self.access_token_format.as_deref().map(AccessTokenFormat::typed);
        format.transpose().map_err(|words| say(&words))
    }

    fn auth_method(&self) -> Result<Option<AuthMethod>, RegistrationProblem> {
        let Some(name) = &self.auth_method else {
            return Ok(self.public.then_some(AuthMethod::None));
        };
        let method = AuthMethod::parse(name).ok_or_else(|| {
            say(&format!(
                "{name} is not a method; there are client_secret_basic, client_secret_post and none"
            ))
        })?;
        if (method == AuthMethod::None) != self.public {
            return Err(say("the method none is for public clients, and the only one they have"));
        }
        Ok(Some(method))
    }
}

fn say(words: &str) -> RegistrationProblem {
    RegistrationProblem::Unfit(words.to_owned())
}

fn wrong(field: &str, problem: &impl ToString) -> RegistrationProblem {
    RegistrationProblem::Unfit(format!("{field}: {}", problem.to_string()))
}

fn text(typed: &str, field: &str) -> Result<String, RegistrationProblem> {
    const MOST: usize = 60;
    DisplayText::parse(typed, MOST)
        .map(|text| text.as_str().to_owned())
        .map_err(|problem| wrong(field, &problem))
}

fn parse_all<T, E: ToString>(
    typed: &[String],
    field: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, RegistrationProblem> {
    typed.iter().map(|one| parse(one).map_err(|problem| wrong(&format!("{field} {one}"), &problem))).collect()
}

/// What a command makes of it: a result, what is wrong with the request, or a fault.
pub type Registering<T> = Result<Result<T, RegistrationProblem>, Fault>;

/// Registers a client. `imported`: the secret it had elsewhere.
pub fn register(
    work: &mut Work<'_>,
    by: Actor,
    registration: &Registration,
    imported: Option<PlainSecret>,
) -> Registering<Registered> {
    let known = catalogue(work)?;
    let principal = principal_for(work, registration);
    let client = match registration.check(&known, principal) {
        Ok(client) => client,
        Err(problem) => return Ok(Err(problem)),
    };
    if imported.is_some() && !client.confidential {
        return Ok(Err(say("a public client has no secret")));
    }
    if let Err(problem) = holds_account(work, registration)? {
        return Ok(Err(problem));
    }
    if !insert_its_principal(work, &client)? || !store::insert(work, &client)? {
        return Ok(Err(RegistrationProblem::Taken));
    }
    let is_imported = imported.is_some();
    let secret = imported.unwrap_or_else(|| Entropy.bearer(LastingTag::ClientSecret));
    let mut warning = None;
    if client.confidential {
        let id = CredentialId::from_uuid(Entropy.id(work.now()));
        insert_client_secret(work, id, principal, &secret, None)?;
        if is_imported && secret.expose().chars().count() < RANDOM_ENOUGH {
            let end = work.now() + Duration::days(WEAK_SECRET_DAYS);
            end_at(work, principal, end)?;
            warning = Some(format!(
                "the imported secret is short and ends in {WEAK_SECRET_DAYS} days; rotate it before"
            ));
        }
    }
    work.tell(Event::new(Kind::ClientCreated, by).on("client", principal).about(principal).with(json!({
        "client_id": client.id.as_str(), "name": client.name, "confidential": client.confidential,
        "account": client.account,
    })));
    let secret = client.confidential.then_some(secret);
    Ok(Ok(Registered { client, secret, warning }))
}

/// Holds the account it is to belong to, so that whoever disables that waits, and finds the client.
fn holds_account(work: &mut Work<'_>, registration: &Registration) -> Registering<()> {
    let Some(account) = registration.account else { return Ok(Ok(())) };
    Ok(match hold_account(work, account)? {
        None => Err(say("there is no such account")),
        Some(account) if account.kind == PrincipalKind::Client => {
            Err(say("a client belongs to an organization or a person, or to itself"))
        }
        Some(account) if account.disabled_at.is_some() => Err(say(&format!("{} is disabled", account.name))),
        Some(_) => Ok(()),
    })
}

fn insert_its_principal(work: &mut Work<'_>, client: &Client) -> Result<bool, Fault> {
    if client.account == client.principal {
        insert_principal(work, client.principal, PrincipalKind::Client, &client.name)
    } else {
        insert_owned_client(work, client.principal, &client.name, client.account)
    }
}

/// An imported id in UUID form becomes the principal's own id, so that no person's `sub` can ever equal it
/// (RFC 9700 §4.15).
fn principal_for(work: &Work<'_>, registration: &Registration) -> PrincipalId {
    let imported = registration.client_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
    PrincipalId::from_uuid(imported.unwrap_or_else(|| Entropy.id(work.now())))
}

fn end_at(work: &mut Work<'_>, owner: PrincipalId, end: chrono::DateTime<chrono::Utc>) -> Result<(), Fault> {
    end_others(work, owner, CredentialId::from_uuid(Uuid::nil()), end)
}

/// Gives a client a new secret; the others work until the overlap is over.
pub fn rotate_secret(
    work: &mut Work<'_>,
    by: Actor,
    id: &ClientId,
    overlap: Duration,
) -> Registering<PlainSecret> {
    let Some(client) = store::find(work, id)? else {
        return Ok(Err(say("there is no such client")));
    };
    if !client.confidential {
        return Ok(Err(say("a public client has no secret")));
    }
    // Of two rotations at once the second finds the first one's secret, and ends it like any other.
    lock_principal(work, client.principal)?;
    let rotated_from = client_secrets(work, client.principal)?.first().map(|secret| secret.id);
    let secret = Entropy.bearer(LastingTag::ClientSecret);
    let new = CredentialId::from_uuid(Entropy.id(work.now()));
    insert_client_secret(work, new, client.principal, &secret, rotated_from)?;
    let end = work.now() + overlap;
    end_others(work, client.principal, new, end)?;
    work.tell(
        Event::new(Kind::ClientSecretRotated, by)
            .on("client", client.principal)
            .about(client.principal)
            .with(json!({ "old_secrets_end_at": end })),
    );
    Ok(Ok(secret))
}

/// Lets a client act, or no longer: its tokens die with it at once, and come back with it as far as they live.
pub fn disable(work: &mut Work<'_>, by: Actor, id: &ClientId, disabled: bool) -> Registering<()> {
    let Some(client) = store::find(work, id)? else {
        return Ok(Err(say("there is no such client")));
    };
    if set_disabled(work, client.principal, disabled)? {
        let kind = if disabled { Kind::ClientDisabled } else { Kind::ClientEnabled };
        work.tell(Event::new(kind, by).on("client", client.principal).about(client.principal));
    } else {
        work.nothing_to_tell("it already was so");
    }
    Ok(Ok(()))
}
