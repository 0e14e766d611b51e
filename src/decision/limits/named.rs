//! Whom and what a limit is to bind, as somebody names it, and whether there is such a thing.

use uuid::Uuid;

use crate::accounts::{find_account, plans};
use crate::credentials;
use crate::kernel::{CredentialId, Denial, Fault, Outcome, PlanId, PrincipalId};
use crate::limits::owner::{LimitOwner, Place, Whose};
use crate::platform::db::Connection;
use crate::services::store::catalogue;
use crate::settle;

/// What somebody names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// A plan.
    pub plan: Option<String>,
    /// An account, or a person or client of one.
    pub principal: Option<PrincipalId>,
    /// A key or personal token.
    pub credential: Option<CredentialId>,
    /// A service, by its name.
    pub service: Option<String>,
    /// A route of that service.
    pub route: Option<Uuid>,
}

/// There is no service of this name, for whoever asks.
pub(super) fn no_service(name: &str) -> Denial {
    Denial::Unfit(format!("service: there is no {name}"))
}

fn unfit<T>(words: impl Into<String>) -> Result<T, Denial> {
    Err(Denial::Unfit(words.into()))
}

impl Named {
    /// Reads it from members or parameters.
    pub fn read<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Denial> {
        let no_id = |name: &str| Denial::Unfit(format!("{name} is no id"));
        let principal = text("principal").map(|id| PrincipalId::parse(id).ok_or(no_id("principal")));
        let credential = text("credential").map(|id| CredentialId::parse(id).ok_or(no_id("credential")));
        let route = text("route").map(|id| Uuid::try_parse(id).map_err(|_| no_id("route")));
        Ok(Self {
            plan: text("plan").map(str::to_owned),
            principal: principal.transpose()?,
            credential: credential.transpose()?,
            service: text("service").map(str::to_owned),
            route: route.transpose()?,
        })
    }

    /// Whose limit that is, and where it stands. What is named exists.
    pub fn owner(&self, connection: &mut Connection) -> Outcome<LimitOwner> {
        let whose = settle!(self.whose(connection)?);
        let place = settle!(self.place(connection)?);
        let nobodys = "name a plan, a principal, a credential or a service: whom does it bind?";
        Ok(LimitOwner::new(whose, place).map_or_else(|| unfit(nobodys), Ok))
    }

    fn whose(&self, connection: &mut Connection) -> Outcome<Whose> {
        Ok(match (&self.plan, self.principal, self.credential) {
            (None, None, None) => Ok(Whose::Everyone),
            (Some(plan), None, None) => plan_of(connection, plan)?,
            (None, Some(id), None) => match find_account(connection, id)? {
                Some(_) => Ok(Whose::Principal(id)),
                None => unfit("principal: there is none of this id"),
            },
            (None, None, Some(id)) => match credentials::store::find(connection, id)? {
                Some(_) => Ok(Whose::Credential(id)),
                None => unfit("credential: there is none of this id"),
            },
            _ => unfit("name one of plan, principal and credential"),
        })
    }

    /// Where that is.
    pub fn place(&self, connection: &mut Connection) -> Outcome<Place> {
        let Some(name) = &self.service else {
            let of_what = "a route is one of a service: name that, too";
            return Ok(if self.route.is_none() { Ok(Place::Anywhere) } else { unfit(of_what) });
        };
        let catalogue = catalogue(connection)?;
        let Some(service) = catalogue.named(name) else {
            return Ok(Err(no_service(name)));
        };
        Ok(match self.route {
            None => Ok(Place::Service(service.id)),
            Some(id) if service.routes.iter().any(|route| route.id == id) => Ok(Place::Route(service.id, id)),
            Some(_) => unfit(format!("route: {name} has none of this id")),
        })
    }
}

fn plan_of(connection: &mut Connection, typed: &str) -> Result<Result<Whose, Denial>, Fault> {
    let id = match PlanId::parse(typed) {
        Ok(id) => id,
        Err(problem) => return Ok(unfit(format!("plan: {problem}"))),
    };
    Ok(match plans::store::find(connection, &id)? {
        Some(plan) => Ok(Whose::Plan(plan.id.to_string())),
        None => unfit(format!("plan: there is no {id}")),
    })
}
