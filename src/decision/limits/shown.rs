//! Limits as programs see them, and how they stand.

use serde_json::{Value, json};

use crate::decision::limits::standing::Standpoint;
use crate::kernel::ServiceId;
use crate::limits::limit::Unit;
use crate::limits::owner::{Place, Whose};
use crate::limits::rules::Applied;
use crate::limits::store::Stored;
use crate::limits::verdict::Verdict;
use crate::platform::api::{Form, Member, Shape};
use crate::services::Catalogue;

/// How a limit may be measured.
pub const KINDS: Form = Form::OneOf(&["sliding", "calendar", "bucket", "concurrent"]);
/// What it may count.
pub const UNITS: Form = Form::OneOf(&["requests", "cost"]);
/// What may become of a call while the store that counts does not answer.
pub const ON_ERROR: Form = Form::OneOf(&["local", "open", "closed"]);

/// The members of a limit.
pub const LIMIT: Shape = &[
    Member::new("id", Form::Id, "Its id."),
    Member::new("plan", Form::Maybe(&Form::Text), "The plan whose accounts it binds."),
    Member::new("principal", Form::Maybe(&Form::Id), "The account it binds, or the person or client of one."),
    Member::new("credential", Form::Maybe(&Form::Id), "The key or personal token it binds."),
    Member::new(
        "service",
        Form::Maybe(&Form::Text),
        "The service on which it stands, by name; on all, if none.",
    ),
    Member::new("route", Form::Maybe(&Form::Id), "The route of that service on which it stands."),
    Member::new("name", Form::Text, "Its name: of those of one name and place, the most specific counts."),
    Member::new("kind", KINDS, "How it is measured."),
    Member::new("quota", Form::Maybe(&Form::Number), "How much; null: as much as one likes."),
    Member::new("window_s", Form::Number, "Within how many seconds."),
    Member::new("unit", UNITS, "What it counts."),
    Member::new("on_error", ON_ERROR, "What becomes of a call while the store that counts does not answer."),
    Member::new("created_at", Form::Moment, "Since when it exists."),
    Member::new("updated_at", Form::Moment, "When it last changed."),
];

const LEFT: Shape = &[
    Member::new("name", Form::Text, "The limit, as headers name it."),
    Member::new("kind", KINDS, "How it is measured."),
    Member::new("unit", UNITS, "What it counts."),
    Member::new("quota", Form::Number, "How much there is."),
    Member::new("window_s", Form::Number, "Within how many seconds."),
    Member::new("remaining", Form::Number, "How much is left."),
    Member::new("reset_in_s", Form::Number, "Seconds until there is more."),
];

/// The members of how somebody's limits stand.
pub const STATUS: Shape = &[
    Member::new("principal", Form::Id, "Who would call."),
    Member::new("account", Form::Id, "Who would pay."),
    Member::new("plan", Form::Maybe(&Form::Text), "The plan of that account."),
    Member::new("credential", Form::Maybe(&Form::Id), "By which key or personal token."),
    Member::new("service", Form::Maybe(&Form::Text), "Which service would be called."),
    Member::new("route", Form::Maybe(&Form::Id), "By which of its routes."),
    Member::new("limits", Form::Objects(LEFT), "Each limit that binds such a call."),
];

/// A limit for programs.
pub fn as_json(stored: &Stored, catalogue: &Catalogue) -> Value {
    let (owner, terms) = (&stored.limit.owner, &stored.limit.terms);
    let (mut plan, mut principal, mut credential) = (None, None, None);
    match &owner.whose {
        Whose::Everyone => {}
        Whose::Plan(id) => plan = Some(id),
        Whose::Principal(id) => principal = Some(id),
        Whose::Credential(id) => credential = Some(id),
    }
    let (service, route) = match owner.place {
        Place::Anywhere => (None, None),
        Place::Service(service) => (Some(service), None),
        Place::Route(service, route) => (Some(service), Some(route)),
    };
    json!({
        "id": stored.limit.id, "plan": plan, "principal": principal, "credential": credential,
        "service": service.map(|id| name_of(catalogue, id)), "route": route,
        "name": terms.name().as_str(), "kind": terms.kind().as_str(), "quota": terms.quota(),
        "window_s": terms.kind().window_s(), "unit": terms.unit().as_str(),
        "on_error": terms.on_error().as_str(),
        "created_at": stored.created_at, "updated_at": stored.updated_at,
    })
}

/// The name of a service; of one that is gone, its id.
fn name_of(catalogue: &Catalogue, id: ServiceId) -> String {
    let service = catalogue.services().find(|service| service.id == id);
    service.map_or_else(|| id.to_string(), |service| service.name.clone())
}

/// How limits stand, for programs.
pub fn status_as_json(from: &Standpoint, applied: &[Applied], verdict: &Verdict) -> Value {
    let unit = |label: &str| {
        let limit = applied.iter().find(|limit| limit.label == label);
        limit.map_or(Unit::Requests, |limit| limit.terms.unit()).as_str()
    };
    let left = verdict.policies.iter().map(|policy| {
        json!({
            "name": policy.name, "kind": policy.kind.as_str(), "unit": unit(&policy.name), "quota": policy.quota,
            "window_s": policy.window_s, "remaining": policy.remaining, "reset_in_s": policy.reset_in_s,
        })
    });
    json!({
        "principal": from.caller.principal, "account": from.caller.account, "plan": from.caller.plan,
        "credential": from.caller.credential, "service": from.named.service, "route": from.target.route,
        "limits": left.collect::<Vec<_>>(),
    })
}
