//! The other half of what is in the demo's database: partners that call services with keys, within limits, and somebody
//! who administers all of it.

use crate::accounts::organizations::{NewOrganization, OrganizationName, create as create_org};
use crate::accounts::passwords::hash_here;
use crate::accounts::registration::{self as people, NewUser};
use crate::app::commands::{Open, Refusal, Shell};
use crate::audit::Actor;
use crate::credentials::CredentialKind;
use crate::credentials::making::{Imported, Maker, create, import};
use crate::credentials::wish::Wish;
use crate::decision::limits::flow::set;
use crate::decision::limits::named::Named;
use crate::kernel::{LastingTag, Password, PlainSecret, PlanId, PrincipalId};
use crate::limits::limit::{Terms, Wording};
use crate::platform::entropy::Entropy;
use crate::services::access::let_call;
use crate::services::registration as services;

/// What partners call.
const SERVICES: [&str; 6] = ["users", "posts", "comments", "todos", "albums", "photos"];

/// An organization with a key that everybody knows.
pub(super) struct Partner {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// What it may call.
    pub(super) services: &'static [&'static str],
    /// How often within a minute.
    pub(super) quota: u32,
}

pub(super) const PARTNERS: [Partner; 3] = [
    Partner { name: "Premium Partner", key: "premium-api-key-12345", services: &SERVICES, quota: 100 },
    Partner { name: "Basic Partner", key: "basic-api-key-67890", services: &["users", "posts"], quota: 30 },
    Partner { name: "Todo App", key: "todo-api-key-11111", services: &["todos"], quota: 50 },
];

/// Who administers the server, by its management API.
pub(super) const ADMINISTRATOR: &str = "grace";
/// All that there is to manage.
const MANAGEMENT: &str = "audit:read clients:* keys:* limits:* orgs:* pats:* services:* usage:read users:*";

/// Puts partners, services and the administrator into a new database; her personal token, to be shown once.
pub(super) fn furnish(shell: &Shell, open: &Open) -> Result<PlainSecret, Refusal> {
    for name in SERVICES {
        let service = services::Registration { name: name.to_owned(), ..services::Registration::default() };
        open.try_act(shell, |work| services::register(work, Actor::Operator, &service))?;
    }
    for partner in &PARTNERS {
        enter(shell, open, partner)?;
    }
    administrator(shell, open)
}

fn maker(shell: &Shell) -> Maker<'_> {
    Maker { actor: Actor::Operator, settings: &shell.settings.credentials }
}

fn enter(shell: &Shell, open: &Open, partner: &Partner) -> Result<(), Refusal> {
    let org = NewOrganization {
        name: OrganizationName::parse(partner.name).map_err(Refusal::new)?,
        plan: PlanId::parse("partner").map_err(Refusal::new)?,
        owner: None,
    };
    let org = open.try_act(shell, |work| create_org(work, Actor::Operator, &org))?;
    for service in partner.services {
        open.act(shell, |work| let_call(work, Actor::Operator, service, org))?;
    }
    let terms = a_minute(partner.quota)?;
    let whose = Named { principal: Some(org), ..Named::default() };
    open.act(shell, |work| set(work, Actor::Operator, &whose, terms))?;
    // Easy to guess as it is, it ends in some months, as it would anywhere else.
    let key = Imported::Literal(PlainSecret::new(partner.key.to_owned()));
    let wish = Wish { name: "demo".to_owned(), scope: "read write".to_owned(), ..Wish::default() };
    open.try_act(shell, |work| import(work, maker(shell), (CredentialKind::ApiKey, org), &wish, &key))
        .map(drop)
}

/// Goes by the name of the plan's limit, and so in its place.
fn a_minute(quota: u32) -> Result<Terms, Refusal> {
    let wording = Wording {
        name: "minute",
        kind: "sliding",
        quota: Some(quota.into()),
        window_s: 60,
        unit: "requests",
        on_error: "local",
    };
    Terms::read(&wording).map_err(Refusal::new)
}

/// Nobody knows her password: she has no business on any page, and what she may do must not go by one that is printed
/// here.
fn administrator(shell: &Shell, open: &Open) -> Result<PlainSecret, Refusal> {
    let grace = NewUser::check(ADMINISTRATOR, Some("Grace Hopper"), None).map_err(Refusal::new)?;
    let passwords = &shell.settings.passwords;
    let password = Entropy.bearer(LastingTag::ClientSecret).expose().to_owned();
    let password = Password::choose(password, passwords.min_chars).map_err(Refusal::new)?;
    let hash = hash_here(passwords, &password)?;
    let grace: PrincipalId =
        open.try_act(shell, |work| people::register(work, Actor::Operator, &grace, &hash))?;
    open.act(shell, |work| people::promote(work, Actor::Operator, grace, true).map(Ok))?;
    let wish = Wish { name: "demo".to_owned(), scope: MANAGEMENT.to_owned(), ..Wish::default() };
    let kind = CredentialKind::PersonalToken;
    open.try_act(shell, |work| create(work, maker(shell), kind, grace, &wish)).map(|made| made.secret)
}
