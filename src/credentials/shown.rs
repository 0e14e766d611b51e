//! A credential as programs see it: whose it is, what it may do, how it is used, and never its text.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::credentials::Credential;
use crate::credentials::usage::Use;
use crate::platform::api::{Form, Member, Shape};

/// Its members.
pub const SHAPE: Shape = &[
    Member::new("id", Form::Id, "Its id."),
    Member::new("kind", Form::OneOf(&["api_key", "pat"]), "Which of the two it is."),
    Member::new("name", Form::Text, "What its owner calls it."),
    Member::new("state", STATES, "How it stands."),
    Member::new("owner", Form::Id, "For whom it speaks."),
    Member::new("prefix", Form::Text, "Its first characters."),
    Member::new("last4", Form::Text, "Its last characters."),
    Member::new("scope", Form::Text, "What it may do."),
    Member::new("environment", ENVIRONMENTS, "Whether it is in earnest."),
    Member::new("ip_allow", Form::Texts, "From where it may come; from everywhere, if nothing is said."),
    Member::new("imported", Form::Flag, "It was brought along from elsewhere."),
    Member::new("created_at", Form::Moment, "Since when it exists."),
    Member::new("created_by", Form::Maybe(&Form::Id), "Who made it, if it was no operator."),
    Member::new("expires_at", Form::Maybe(&Form::Moment), "Until when it is good, if it ends."),
    Member::new("revoked_at", Form::Maybe(&Form::Moment), "When it was taken back."),
    Member::new("revoke_reason", Form::Maybe(&Form::Text), "Why."),
    Member::new("rotated_from", Form::Maybe(&Form::Id), "Whose successor it is."),
    Member::new("last_used_at", Form::Maybe(&Form::Moment), "When it was last let through."),
    Member::new("last_used_ip", Form::Maybe(&Form::Text), "From where."),
    Member::new(
        "request_count",
        Form::Number,
        "How often it was let through: by this API, by forward-auth, or by an introspection.",
    ),
    Member::secret("secret", "Its text, told this once."),
    Member::optional("old_ends_at", Form::Moment, "Until when its predecessor is good."),
    Member::optional("warning", Form::Maybe(&Form::Text), "What its owner should know."),
];

const STATES: Form = Form::OneOf(&["active", "rotating", "expired", "revoked"]);

/// The words for whether one is in earnest.
pub const ENVIRONMENTS: Form = Form::OneOf(&["live", "test"]);

/// How it stands, in a word.
pub fn state(credential: &Credential, now: DateTime<Utc>) -> &'static str {
    if credential.revoked_at.is_some() {
        "revoked"
    } else if credential.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else if credential.rotated_at.is_some() {
        "rotating"
    } else {
        "active"
    }
}

/// A credential for programs.
pub fn as_json(credential: &Credential, used: Option<&Use>, now: DateTime<Utc>) -> Value {
    json!({
        "id": credential.id,
        "kind": credential.kind.as_str(),
        "name": credential.name,
        "state": state(credential, now),
        "owner": credential.owner,
        "prefix": credential.prefix,
        "last4": credential.last4,
        "scope": credential.scope,
        "environment": credential.environment.as_str(),
        "ip_allow": credential.ip_allow,
        "imported": credential.imported,
        "created_at": credential.created_at,
        "created_by": credential.created_by,
        "expires_at": credential.expires_at,
        "revoked_at": credential.revoked_at,
        "revoke_reason": credential.revoke_reason,
        "rotated_from": credential.rotated_from,
        "last_used_at": used.map(|used| used.last_used_at),
        "last_used_ip": used.and_then(|used| used.last_used_ip),
        "request_count": used.map_or(0, |used| used.count),
    })
}
