//! Adding and removing routes: what an operator says of one, checked as a whole.

use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{Fault, Scope};
use crate::platform::entropy::Entropy;
use crate::services::Service;
use crate::services::routes::{PathPattern, Route};
use crate::services::store::{catalogue, delete_route, hold, insert_route};

/// More would be looked through at every call.
const MOST: usize = 200;

/// What an operator says of a new route, as typed.
#[derive(Clone, Debug, Default)]
pub struct NewRoute {
    /// Which paths.
    pub pattern: String,
    /// Which methods; none: every one.
    pub methods: Vec<String>,
    /// The scopes it asks for, separated by spaces: all of them. `None`: as the method says; nothing: whoever may call
    /// the service.
    pub required: Option<String>,
    /// What a call costs; 1, if not given.
    pub cost: Option<u64>,
    /// Before which of those there are; behind all of them, if not given.
    pub position: Option<i32>,
}

/// What is wrong with a route, in words for whoever typed it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct RouteProblem(String);

impl NewRoute {
    fn check(&self, id: Uuid, service: &Service, work: &Work<'_>) -> Result<Route, RouteProblem> {
        const MOST_COST: u64 = 1_000_000;
        let pattern = PathPattern::parse(&self.pattern).map_err(say)?;
        let methods = self.methods.iter().map(|typed| method(typed)).collect::<Result<_, _>>()?;
        let required = self.required.as_deref().map(Scope::parse).transpose().map_err(say)?;
        let cost = self.cost.unwrap_or(1);
        if cost > MOST_COST {
            return Err(say(format!("a call costs 0 to {MOST_COST}")));
        }
        let behind = i32::try_from(service.routes.len()).unwrap_or(i32::MAX);
        let position = service.routes.last().map_or(behind, |last| last.position + 1);
        let position = self.position.unwrap_or(position).clamp(0, position);
        if service.routes.len() >= MOST {
            return Err(say(format!("a service has {MOST} routes at most")));
        }
        Ok(Route { id, position, methods, pattern, required, cost, created_at: work.now() })
    }
}

/// RFC 9110 §9.1; methods are case-sensitive, and nobody means `get`.
fn method(typed: &str) -> Result<String, RouteProblem> {
    let is_method = (1..=32).contains(&typed.len())
        && typed.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if is_method {
        Ok(typed.to_owned())
    } else {
        Err(say(format!("{typed} is no method: write GET, POST …")))
    }
}

fn say(words: impl ToString) -> RouteProblem {
    RouteProblem(words.to_string())
}

/// The service of this name, held against others who change it.
fn held(work: &mut Work<'_>, name: &str) -> Result<Result<Service, RouteProblem>, Fault> {
    let unknown = || say(format!("there is no service {name}"));
    let Some(id) = catalogue(work)?.named(name).map(|service| service.id) else { return Ok(Err(unknown())) };
    hold(work, id)?;
    Ok(catalogue(work)?.named(name).cloned().ok_or_else(unknown))
}

/// Adds a route to a service.
pub fn add(
    work: &mut Work<'_>,
    by: Actor,
    name: &str,
    new: &NewRoute,
) -> Result<Result<Route, RouteProblem>, Fault> {
    let service = match held(work, name)? {
        Ok(service) => service,
        Err(problem) => return Ok(Err(problem)),
    };
    let route = match new.check(Entropy.id(work.now()), &service, work) {
        Ok(route) => route,
        Err(problem) => return Ok(Err(problem)),
    };
    insert_route(work, service.id, &route)?;
    let data = json!({
        "route": route.id, "methods": route.methods, "path": route.pattern.as_str(),
        "required": route.required, "cost": route.cost,
    });
    work.tell(Event::new(Kind::RouteAdded, by).on("service", service.id).with(data));
    Ok(Ok(route))
}

/// Removes a route of a service.
pub fn remove(
    work: &mut Work<'_>,
    by: Actor,
    name: &str,
    id: Uuid,
) -> Result<Result<(), RouteProblem>, Fault> {
    let service = match held(work, name)? {
        Ok(service) => service,
        Err(problem) => return Ok(Err(problem)),
    };
    if !delete_route(work, service.id, id)? {
        return Ok(Err(say(format!("{name} has no route {id}"))));
    }
    let data = json!({ "route": id });
    work.tell(Event::new(Kind::RouteRemoved, by).on("service", service.id).with(data));
    Ok(Ok(()))
}
