//! How a person is told to an administrator.

use serde_json::{Value, json};

use crate::accounts::store::User;
use crate::platform::api::{Form, Member, Shape};

/// Its members.
pub const USER: Shape = &[
    Member::new("id", Form::Id, "Their id."),
    Member::new("identifier", Form::Text, "What they type to sign in."),
    Member::new("name", Form::Text, "Their name, as people read it."),
    Member::new("email", Form::Maybe(&Form::Text), "Their e-mail address, which they may type, too."),
    Member::new("created_at", Form::Moment, "Since when they are known."),
    Member::new("password_changed_at", Form::Maybe(&Form::Moment), "When their password was last set."),
    Member::new("administrator_since", Form::Maybe(&Form::Moment), "Since when they administer this server."),
    Member::new("disabled_at", Form::Maybe(&Form::Moment), "Since when they may not act."),
];

/// A person for programs.
pub fn as_json(user: &User) -> Value {
    json!({
        "id": user.id, "identifier": user.identifier, "name": user.name, "email": user.email,
        "created_at": user.created_at, "password_changed_at": user.password_changed_at,
        "administrator_since": user.administrator_since, "disabled_at": user.disabled_at,
    })
}
