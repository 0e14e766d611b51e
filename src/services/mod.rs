//! Resource servers: what they are called, which audience their tokens name, which scopes they understand.

pub mod access;
pub mod api;
mod directory;
pub mod registration;
pub mod routes;
pub mod store;

pub use directory::Services;
pub use routes::Route;

use chrono::{DateTime, Utc};

use crate::kernel::{AccessTokenFormat, Resources, Scope, ScopeToken, ServiceId};

/// An upstream API.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its name, in commands and addresses.
    pub name: String,
    /// What tokens for it name as their audience (RFC 7519 §4.1.3).
    pub audience: String,
    /// Its name, as people read it.
    pub display_name: String,
    /// What it wants tokens for it to look like, where the client has no say; opaque, if it does not care.
    pub access_token_format: Option<AccessTokenFormat>,
    /// What may be asked of it.
    pub scopes: Vec<ServiceScope>,
    /// Since when nobody may call it.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Every account may call it, and not only those to which it was granted.
    pub is_open: bool,
    /// Its parts that ask for something of their own, in order.
    pub routes: Vec<Route>,
}

/// A scope of a service.
#[derive(Clone, Debug)]
pub struct ServiceScope {
    /// The scope token (RFC 6749 §3.3).
    pub value: ScopeToken,
    /// What it lets an app do, in a sentence a person can read.
    pub sentence: String,
    /// A person may untick it and still let the app in.
    pub optional: bool,
}

/// What a token is to carry, and for whom it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// What it carries.
    pub scope: Scope,
    /// For whom it is: `aud`.
    pub audience: Vec<String>,
    /// Whether it is to be a JWT as far as those have a say: all of them must want it.
    pub wants_jwt: bool,
}

/// Every service, for looking up what scopes mean and for whom they are.
#[derive(Clone, Debug, Default)]
pub struct Catalogue(Vec<Service>);

impl Catalogue {
    /// A catalogue of these.
    pub fn new(services: Vec<Service>) -> Self {
        Self(services)
    }

    /// Every service, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.0.iter()
    }

    /// The service of this name.
    pub fn named(&self, name: &str) -> Option<&Service> {
        self.0.iter().find(|service| service.name == name)
    }

    /// Whether an operator shut whatever has this audience.
    pub fn is_shut(&self, audience: &str) -> bool {
        let mut of_it = self.0.iter().filter(|service| service.audience == audience).peekable();
        of_it.peek().is_some() && of_it.all(|service| service.disabled_at.is_some())
    }

    /// Every scope there is.
    pub fn scope(&self) -> Scope {
        self.0.iter().flat_map(|service| &service.scopes).map(|scope| scope.value.clone()).collect()
    }

    /// The services a scope reaches, each with those of its scopes that are meant.
    pub fn grouped<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> impl Iterator<Item = (&'a Service, Vec<&'a ServiceScope>)> {
        self.0.iter().filter_map(|service| {
            let meant: Vec<_> = service.scopes.iter().filter(|own| scope.contains(&own.value)).collect();
            (!meant.is_empty()).then_some((service, meant))
        })
    }

    /// Those of a scope that a person may untick.
    pub fn optional(&self, scope: &Scope) -> Scope {
        let all = self.0.iter().flat_map(|service| &service.scopes);
        all.filter(|own| own.optional && scope.contains(&own.value)).map(|own| own.value.clone()).collect()
    }

    /// Whether all services of these audiences want JWTs.
    fn wants_jwt(&self, audience: &[String]) -> bool {
        let wants = |audience: &String| {
            let service = self.0.iter().find(|service| service.audience == *audience);
            service.is_some_and(|service| service.access_token_format == Some(AccessTokenFormat::Jwt))
        };
        !audience.is_empty() && audience.iter().all(wants)
    }

    /// The audiences of the services that a scope reaches.
    pub fn audience(&self, scope: &Scope) -> Vec<String> {
        self.grouped(scope).map(|(service, _)| service.audience.clone()).collect()
    }

    /// What a token for these resources carries of a scope, and for whom it is; `None` if the scope does not reach
    /// one of them, or there is no such resource (RFC 8707 §2).
    pub fn meant(&self, scope: &Scope, resources: &Resources) -> Option<Meant> {
        let audience = self.audience(scope);
        if resources.is_empty() {
            let wants_jwt = self.wants_jwt(&audience);
            return Some(Meant { scope: scope.clone(), audience, wants_jwt });
        }
        if !resources.iter().all(|resource| audience.iter().any(|reached| reached == resource)) {
            return None;
        }
        let meant = self.grouped(scope).filter(|(service, _)| resources.include(&service.audience));
        let scope = meant.flat_map(|(_, scopes)| scopes).map(|scope| scope.value.clone()).collect();
        let audience: Vec<String> = resources.iter().map(str::to_owned).collect();
        let wants_jwt = self.wants_jwt(&audience);
        Some(Meant { scope, audience, wants_jwt })
    }

    /// Those of these resources that a scope still reaches: what was named once may be out of reach by now.
    pub fn within_reach(&self, scope: &Scope, resources: &Resources) -> Resources {
        self.audience(scope)
            .into_iter()
            .filter(|audience| !resources.is_empty() && resources.include(audience))
            .collect()
    }
}
