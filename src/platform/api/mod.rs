//! What the endpoints of the management API have in common: strict bodies, pages, versions, and what they say of
//! themselves, from which both the routes and the OpenAPI document are made.

mod body;
mod caller;
mod document;
mod endpoint;
mod filters;
mod page;
mod shape;
mod sight;
mod version;

pub use body::{Bodies, Body, Members, whole as whole_body};
pub use caller::By;
pub use document::{PROBLEM, Parameter, good, openapi, operation_id, parameters, refusals};
pub use endpoint::{Answers, Endpoint, Needs};
pub use filters::{Filters, Times};
pub use page::{Page, PageQuery};
pub use shape::{Form, Member, Shape, told_again};
pub use sight::{Seen, Sees, Sight};
pub use version::{IfMatch, current, version_of, versioned};

use actix_web::HttpResponse;
use serde::Serialize;

use crate::platform::faces::no_store;

/// Where it lives.
pub const BASE: &str = "/api/v1";

/// The header that has a POST done once (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What was asked for. Nobody keeps it: the next caller may be another.
pub fn ok(value: &impl Serialize) -> HttpResponse {
    no_store(&mut HttpResponse::Ok()).json(value)
}

/// What was made.
pub fn created(value: &impl Serialize) -> HttpResponse {
    no_store(&mut HttpResponse::Created()).json(value)
}

/// Done, and nothing to say.
pub fn done() -> HttpResponse {
    no_store(&mut HttpResponse::NoContent()).finish()
}
