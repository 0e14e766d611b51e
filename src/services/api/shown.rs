//! How services and their routes are told.

use serde_json::{Value, json};

use crate::kernel::AccessTokenFormat;
use crate::platform::api::{Form, Member, Shape};
use crate::services::{Route, Service};

/// What access tokens look like.
pub(super) const FORMATS: Form = Form::OneOf(&["opaque", "jwt"]);

pub(super) const SERVICE: Shape = &[
    Member::new("id", Form::Id, "Its id."),
    Member::new("name", Form::Text, "Its name, in scopes, commands and addresses; it never changes."),
    Member::new("audience", Form::Text, "What tokens for it name as their audience."),
    Member::new("display_name", Form::Text, "Its name, as people read it."),
    Member::new("access_token_format", Form::Maybe(&FORMATS), "What it wants tokens for it to look like."),
    Member::new(
        "open",
        Form::Flag,
        "Whether every account may call it, and not only those it was granted to.",
    ),
    Member::new("scopes", Form::Objects(SCOPE), "What may be asked of it."),
    Member::new("disabled_at", Form::Maybe(&Form::Moment), "Since when nobody may call it."),
];

const SCOPE: Shape = &[
    Member::new("value", Form::Text, "The scope, as apps ask for it."),
    Member::new("sentence", Form::Text, "What it lets an app do, in a sentence that people read."),
    Member::new("optional", Form::Flag, "Whether a person may untick it."),
];

pub(super) const ROUTE: Shape = &[
    Member::new("id", Form::Id, "Its id."),
    Member::new("position", Form::Number, "Its place: the first that fits a call counts."),
    Member::new("methods", Form::Texts, "Its methods; none: every one."),
    Member::new("path", Form::Text, "Which paths: /orders, /orders/{id}, /files/**."),
    Member::new(
        "required_scope",
        Form::Maybe(&Form::Text),
        "The scopes it asks for; null: as the method says, empty: none.",
    ),
    Member::new("cost", Form::Number, "What a call costs, of limits that count costs."),
    Member::new("created_at", Form::Moment, "Since when it exists."),
];

pub(super) fn service(service: &Service) -> Value {
    let scopes = service.scopes.iter().map(|scope| {
        json!({ "value": scope.value.as_str(), "sentence": scope.sentence, "optional": scope.optional })
    });
    json!({
        "id": service.id, "name": service.name, "audience": service.audience,
        "display_name": service.display_name, "open": service.is_open,
        "access_token_format": service.access_token_format.map(AccessTokenFormat::as_str),
        "scopes": scopes.collect::<Vec<_>>(), "disabled_at": service.disabled_at,
    })
}

pub(super) fn route(route: &Route) -> Value {
    json!({
        "id": route.id, "position": route.position, "methods": route.methods, "path": route.pattern.as_str(),
        "required_scope": route.required, "cost": route.cost, "created_at": route.created_at,
    })
}
