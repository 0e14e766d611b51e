//! How clients are told (RFC 7591 §2 names most members). Of their secrets only what tells one from another.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clients::{AuthMethod, Client, GrantType, Known};
use crate::credentials::client_secrets::ClientSecret;
use crate::kernel::AccessTokenFormat;
use crate::platform::api::{Form, Member, Shape};

pub(super) const METHODS: Form = Form::OneOf(&["client_secret_basic", "client_secret_post", "none"]);
pub(super) const FORMATS: Form = Form::OneOf(&["opaque", "jwt"]);

pub(super) const CLIENT: Shape = &[
    Member::new("id", Form::Id, "The principal it is: what owns its keys, and what services are granted to."),
    Member::new("client_id", Form::Text, "What it goes by."),
    Member::new("client_name", Form::Text, "Its name, as people read it."),
    Member::new("account", Form::Id, "The account it belongs to; often itself."),
    Member::new("publisher", Form::Maybe(&Form::Text), "Who publishes it."),
    Member::new("verified", Form::Flag, "Whether that was checked."),
    Member::new("first_party", Form::Flag, "Whether it is the operator's own: the consent page is skipped."),
    Member::new("confidential", Form::Flag, "Whether it can keep a secret."),
    Member::new(
        "token_endpoint_auth_method",
        Form::Maybe(&METHODS),
        "The one method it must authenticate with; null: by its secret, however it sends that.",
    ),
    Member::new("grant_types", Form::Texts, "What it may ask for tokens with."),
    Member::new("scope", Form::Text, "The most it may be given."),
    Member::new("redirect_uris", Form::Texts, "Where people may be sent back to."),
    Member::new("origins", Form::Texts, "Web origins it may call from."),
    Member::new(
        "access_token_format",
        Form::Maybe(&FORMATS),
        "What its access tokens look like, if it says.",
    ),
    Member::new(
        "access_token_lifetime",
        Form::Maybe(&Form::Number),
        "Seconds its access tokens live, if it says.",
    ),
    Member::new(
        "refresh_token_lifetime",
        Form::Maybe(&Form::Number),
        "Seconds its authorizations live, if it says.",
    ),
    Member::new("introspection_audiences", Form::Texts, "Audiences whose tokens it may introspect."),
    Member::new(
        "introspection_consumes",
        Form::Flag,
        "Whether what it asks about a call counts without consume=1.",
    ),
    Member::new("created_at", Form::Moment, "Since when it exists."),
    Member::new("disabled_at", Form::Maybe(&Form::Moment), "Since when it, or its account, may not act."),
    Member::new("secrets", Form::Objects(SECRET), "Its living secrets, newest first, without themselves."),
    Member::secret("client_secret", "Its secret, told this once."),
];

const SECRET: Shape = &[
    Member::new("id", Form::Id, "Its id."),
    Member::new("prefix", Form::Text, "Its first characters."),
    Member::new("last4", Form::Text, "Its last characters."),
    Member::new("created_at", Form::Moment, "Since when it exists."),
    Member::new("expires_at", Form::Maybe(&Form::Moment), "Until when it is good, if it ends."),
];

pub(super) fn client(known: &Known, now: DateTime<Utc>) -> Value {
    let Known { client, secrets } = known;
    let secrets = secrets.iter().filter(|secret| secret.lives(now)).map(secret);
    json!({
        "id": client.principal, "client_id": client.id.as_str(), "client_name": client.name,
        "account": client.account, "publisher": client.publisher, "verified": client.verified,
        "first_party": client.first_party, "confidential": client.confidential,
        "token_endpoint_auth_method": client.auth_method.map(AuthMethod::as_str),
        "grant_types": grant_types(client), "scope": client.scope,
        "redirect_uris": client.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>(),
        "origins": client.origins,
        "access_token_format": client.access_token_format.map(AccessTokenFormat::as_str),
        "access_token_lifetime": client.access_token_lifetime,
        "refresh_token_lifetime": client.refresh_token_lifetime,
        "introspection_audiences": client.introspection_audiences,
        "introspection_consumes": client.introspection_consumes,
        "created_at": client.created_at, "disabled_at": client.disabled_at,
        "secrets": secrets.collect::<Vec<_>>(),
    })
}

fn grant_types(client: &Client) -> Vec<&'static str> {
    client.grant_types.iter().map(|grant: &GrantType| grant.as_str()).collect()
}

fn secret(secret: &ClientSecret) -> Value {
    json!({
        "id": secret.id, "prefix": secret.prefix, "last4": secret.last4,
        "created_at": secret.created_at, "expires_at": secret.expires_at,
    })
}
