//! What a call of a service asks of its bearer: by the route it takes, or else by its method.

mod pattern;
pub mod registration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

pub use pattern::{InvalidPattern, PathPattern};

use crate::kernel::{RequestPath, Scope, ScopeToken};
use crate::services::{Catalogue, Service};

/// A part of a service that asks for something of its own.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its id.
    pub id: Uuid,
    /// Its place: the first that fits counts.
    pub position: i32,
    /// Methods in upper case; none: every one.
    pub methods: Vec<String>,
    /// Which paths.
    pub pattern: PathPattern,
    /// All of these; `None`: as the method says; nothing: whoever may call the service.
    pub required: Option<Scope>,
    /// What a call costs, of limits that count costs.
    pub cost: u64,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need<'a> {
    /// The route it takes, if there is one for it.
    pub route: Option<Uuid>,
    /// The pattern of that route, for logs: a path holds ids, a pattern does not.
    pub pattern: Option<&'a str>,
    /// What the bearer must be allowed.
    pub access: Access<'a>,
    /// What the call costs.
    pub cost: u64,
}

/// What a bearer must be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<'a> {
    /// All of these scopes.
    All(&'a Scope),
    /// To read this service, or to write it.
    To(Verb, &'a str),
}

/// What a method does (RFC 9110 §9.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// `GET`, `HEAD` and `OPTIONS`.
    Read,
    /// All others.
    Write,
}

impl Verb {
    /// That of a method; methods are case-sensitive (RFC 9110 §9.1).
    pub fn of(method: &str) -> Self {
        if matches!(method, "GET" | "HEAD" | "OPTIONS") { Self::Read } else { Self::Write }
    }

    /// As it stands in a scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Whether what is asked of one method is asked of another. Servers answer HEAD as they answer GET (RFC 9110 §9.3.2).
fn is_of(own: &str, method: &str) -> bool {
    own == method || (own == "GET" && method == "HEAD")
}

impl Service {
    /// What a call of this method and path asks for.
    pub fn need(&self, method: &str, path: &RequestPath) -> Need<'_> {
        let fits = |route: &&Route| {
            let is_method = route.methods.is_empty() || route.methods.iter().any(|own| is_of(own, method));
            is_method && route.pattern.fits(path)
        };
        let route = self.routes.iter().find(fits);
        let by_method = Access::To(Verb::of(method), &self.name);
        Need {
            route: route.map(|route| route.id),
            pattern: route.map(|route| route.pattern.as_str()),
            access: route.and_then(|route| route.required.as_ref()).map_or(by_method, Access::All),
            cost: route.map_or(1, |route| route.cost),
        }
    }
}

impl Catalogue {
    /// Whether a key may carry this: a service declares it, or a method asks for it.
    pub fn understands(&self, value: &ScopeToken) -> bool {
        let text = value.as_str();
        let is_verb = |word: &str| matches!(word, "read" | "write");
        let is_of = |name: &str| self.named(name).is_some();
        let of_a_service = |(name, verb): (&str, &str)| is_of(name) && (is_verb(verb) || verb == "*");
        self.scope().contains(value) || is_verb(text) || text.rsplit_once(':').is_some_and(of_a_service)
    }
}

impl Access<'_> {
    /// Whether this scope allows it. `orders:*` is all of the service `orders`, and `read`, `write`, `admin` are so of
    /// every service that the bearer may call.
    pub fn is_met_by(&self, scope: &Scope) -> bool {
        let has = |value: &str| scope.iter().any(|own| own.as_str() == value);
        match self {
            Self::All(required) => scope.contains_all(required),
            Self::To(verb, service) => {
                let verb = verb.as_str();
                has(verb) || has("admin") || has(&format!("{service}:{verb}")) || has(&format!("{service}:*"))
            }
        }
    }

    /// What is missing, as a challenge names it (RFC 6750 §3).
    pub fn as_scope(&self) -> String {
        match self {
            Self::All(required) => required.to_string(),
            Self::To(verb, service) => format!("{service}:{}", verb.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ServiceId;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).expect(text)
    }

    /// Methods, pattern, scopes, cost.
    type Typed<'a> = (&'a [&'a str], &'a str, Option<&'a str>, u64);

    fn route(position: usize, (methods, pattern, required, cost): &Typed<'_>) -> Route {
        Route {
            id: Uuid::from_u128(position as u128),
            position: i32::try_from(position).expect("a position"),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            pattern: PathPattern::parse(pattern).expect("a pattern"),
            required: required.map(scope),
            cost: *cost,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn service(routes: &[Typed<'_>]) -> Service {
        Service {
            id: ServiceId::from_uuid(Uuid::nil()),
            name: "orders".into(),
            audience: "orders".into(),
            display_name: "Orders".into(),
            access_token_format: None,
            scopes: Vec::new(),
            disabled_at: None,
            is_open: false,
            routes: routes.iter().enumerate().map(|(position, typed)| route(position, typed)).collect(),
        }
    }

    #[test]
    fn a_method_asks_for_reading_or_writing() {
        let service = service(&[]);
        for (method, scopes, allowed) in [
            ("GET", "orders:read", true),
            ("HEAD", "orders:read", true),
            ("OPTIONS", "orders:*", true),
            ("GET", "read", true),
            ("GET", "admin", true),
            ("GET", "orders:write", false),
            ("GET", "users:read", false),
            ("GET", "orders", false),
            ("GET", "orders:reader", false),
            ("POST", "orders:read", false),
            ("POST", "orders:write", true),
            ("DELETE", "write", true),
            ("get", "orders:read", false),
            ("PURGE", "orders:*", true),
        ] {
            let path = RequestPath::parse("/orders/7").expect("a path");
            let need = service.need(method, &path);
            assert_eq!(need.access.is_met_by(&scope(scopes)), allowed, "{method} {scopes}");
            assert_eq!((need.route, need.cost), (None, 1));
        }
    }

    #[test]
    fn the_first_route_that_fits_says_what_is_asked_for() {
        let service = service(&[
            (&["GET"], "/orders/public/**", Some(""), 0),
            (&["POST", "PUT"], "/orders/{id}", Some("orders:change billing:write"), 5),
            (&[], "/orders/**", None, 2),
        ]);
        for (method, path, pattern, cost, asks) in [
            ("GET", "/orders/public/a", Some("/orders/public/**"), 0, ""),
            ("POST", "/orders/public/a", Some("/orders/**"), 2, "orders:write"),
            ("PUT", "/orders/7", Some("/orders/{id}"), 5, "billing:write orders:change"),
            ("GET", "/orders/7", Some("/orders/**"), 2, "orders:read"),
            ("GET", "/else", None, 1, "orders:read"),
        ] {
            let need_path = RequestPath::parse(path).expect(path);
            let need = service.need(method, &need_path);
            assert_eq!((need.pattern, need.cost), (pattern, cost), "{method} {path}");
            assert_eq!(need.access.as_scope(), asks, "{method} {path}");
        }
        let free = RequestPath::parse("/orders/public/a").expect("a path");
        assert!(service.need("GET", &free).access.is_met_by(&Scope::default()));
        let change = RequestPath::parse("/orders/7").expect("a path");
        let need = service.need("PUT", &change);
        assert!(
            !need.access.is_met_by(&scope("orders:* admin"))
                && !need.access.is_met_by(&scope("orders:change"))
        );
    }
}
