//! What somebody says of a new client.

use crate::clients::api::shown::{FORMATS, METHODS};
use crate::clients::registration::Registration;
use crate::kernel::{Caller, Denial, PrincipalId};
use crate::platform::api::{Form, Member, Members, Shape};

pub(super) const NEW: Shape = &[
    Member::new("client_name", Form::Text, "Its name, as people read it."),
    Member::optional(
        "account",
        Form::Id,
        "The organization or person it is to belong to. Of an administrator's none: to itself; of a key's: to its own.",
    ),
    Member::optional("publisher", Form::Text, "Who publishes it."),
    Member::optional(
        "token_endpoint_auth_method",
        METHODS,
        "How it must authenticate; none: it has no secret.",
    ),
    Member::optional("grant_types", Form::Texts, "authorization_code and refresh_token, if not given."),
    Member::optional("scope", Form::Text, "The most it may be given, with spaces between."),
    Member::optional("redirect_uris", Form::Texts, "Where people may be sent back to."),
    Member::optional("origins", Form::Texts, "Web origins it may call from."),
    Member::optional("access_token_format", FORMATS, "What its access tokens look like."),
    Member::optional(
        "client_id",
        Form::Text,
        "What it goes by, if it had a name elsewhere; for administrators.",
    ),
    Member::optional("verified", Form::Flag, "Whether its publisher was checked; for administrators."),
    Member::optional("first_party", Form::Flag, "Whether the consent page is skipped; for administrators."),
    Member::optional(
        "access_token_lifetime",
        Form::Number,
        "Seconds its access tokens live; for administrators.",
    ),
    Member::optional(
        "refresh_token_lifetime",
        Form::Number,
        "Seconds its authorizations live; for administrators.",
    ),
    Member::optional(
        "introspection_audiences",
        Form::Texts,
        "Whose tokens it may introspect; for administrators.",
    ),
    Member::optional(
        "introspection_consumes",
        Form::Flag,
        "Whether what it asks about a call counts without consume=1; for administrators.",
    ),
];

/// Those of them that only an administrator of this server says: they bind everybody, and not one tenant.
const RESERVED: [&str; 8] = [
    "client_id",
    "verified",
    "first_party",
    "access_token_format",
    "access_token_lifetime",
    "refresh_token_lifetime",
    "introspection_audiences",
    "introspection_consumes",
];

/// Reads a registration; whether the caller may make it is asked where it is made.
pub(super) fn read(body: &Members, caller: &Caller) -> Result<Registration, Denial> {
    let reserved = RESERVED.into_iter().find(|name| body.has(name) && !caller.is_administrator);
    if let Some(name) = reserved {
        return Err(Denial::Unfit(format!("{name}: only an administrator of this server says that")));
    }
    let text = |name: &str| body.text(name).map(str::to_owned);
    let no_account = || Denial::Unfit("account is no id".to_owned());
    Ok(Registration {
        account: body.text("account").map(|id| PrincipalId::parse(id).ok_or_else(no_account)).transpose()?,
        client_id: text("client_id"),
        name: body.required("client_name")?.to_owned(),
        publisher: text("publisher"),
        verified: body.flag("verified").unwrap_or(false),
        public: body.text("token_endpoint_auth_method") == Some("none"),
        first_party: body.flag("first_party").unwrap_or(false),
        auth_method: text("token_endpoint_auth_method"),
        grant_types: body.texts("grant_types"),
        scope: text("scope").unwrap_or_default(),
        redirect_uris: body.texts("redirect_uris"),
        origins: body.texts("origins"),
        access_token_format: text("access_token_format"),
        access_token_lifetime: seconds(body, "access_token_lifetime")?,
        refresh_token_lifetime: seconds(body, "refresh_token_lifetime")?,
        introspection_audiences: body.texts("introspection_audiences"),
        introspection_consumes: body.flag("introspection_consumes").unwrap_or(false),
    })
}

fn seconds(body: &Members, name: &str) -> Result<Option<u32>, Denial> {
    let none = |_| Denial::Unfit(format!("{name}: that is no number of seconds"));
    body.number(name).map(u32::try_from).transpose().map_err(none)
}
