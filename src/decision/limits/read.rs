//! What callers of the management API send about limits.

use crate::decision::limits::shown::{KINDS, ON_ERROR, UNITS};
use crate::kernel::Denial;
use crate::limits::limit::{Terms, Wording};
use crate::platform::api::{Form, Member, Members, Shape};

const PRINCIPAL: Member = Member::optional("principal", Form::Id, "The account, person or client.");
const CREDENTIAL: Member = Member::optional("credential", Form::Id, "The key or personal token.");
const SERVICE: Member = Member::optional("service", Form::Text, "The service, by its name.");
const ROUTE: Member = Member::optional("route", Form::Id, "The route of that service.");
const QUOTA: Form = Form::Maybe(&Form::Number);

/// The members of a new limit.
pub(super) const NEW: Shape = &[
    Member::optional("plan", Form::Text, "The plan whose accounts it binds."),
    PRINCIPAL,
    CREDENTIAL,
    SERVICE,
    ROUTE,
    Member::new("name", Form::Text, "Its name."),
    Member::new("kind", KINDS, "How it is measured."),
    Member::new("quota", QUOTA, "How much, 0 to 1000000000; null: as much as one likes."),
    Member::new("window_s", Form::Number, "Within how many seconds."),
    Member::optional("unit", UNITS, "What it counts; requests, if not given."),
    Member::optional("on_error", ON_ERROR, "What becomes of a call without the store; local, if not given."),
];
/// What may change of one.
pub(super) const CHANGE: Shape = &[
    Member::optional("kind", KINDS, "How it is measured."),
    Member::optional("quota", QUOTA, "How much, 0 to 1000000000; null: as much as one likes."),
    Member::optional("window_s", Form::Number, "Within how many seconds."),
    Member::optional("unit", UNITS, "What it counts."),
    Member::optional("on_error", ON_ERROR, "What becomes of a call without the store."),
];
/// Whose limits are given back.
pub(super) const RESET: Shape = &[PRINCIPAL, CREDENTIAL, SERVICE, ROUTE];

fn terms(wording: &Wording<'_>) -> Result<Terms, Denial> {
    Terms::read(wording).map_err(|nonsense| Denial::Unfit(nonsense.to_string()))
}

/// What a new limit is to say.
pub(super) fn wanted(body: &Members) -> Result<Terms, Denial> {
    terms(&Wording {
        name: body.required("name")?,
        kind: body.required("kind")?,
        quota: body.number("quota"),
        window_s: body.number("window_s").unwrap_or_default(),
        unit: body.text("unit").unwrap_or("requests"),
        on_error: body.text("on_error").unwrap_or("local"),
    })
}

/// What a limit says once this is changed; what is not named stays.
pub(super) fn changed(before: &Terms, body: &Members) -> Result<Terms, Denial> {
    let quota = before.quota().and_then(|quota| i64::try_from(quota).ok());
    terms(&Wording {
        name: before.name().as_str(),
        kind: body.text("kind").unwrap_or(before.kind().as_str()),
        quota: if body.has("quota") { body.number("quota") } else { quota },
        window_s: body.number("window_s").unwrap_or(before.kind().window_s().into()),
        unit: body.text("unit").unwrap_or(before.unit().as_str()),
        on_error: body.text("on_error").unwrap_or(before.on_error().as_str()),
    })
}
