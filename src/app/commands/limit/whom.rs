//! Whom a limit binds and where, as operators type it.

use uuid::Uuid;

use crate::app::commands::credential::of_any_kind;
use crate::app::commands::owner::Owner;
use crate::app::commands::{Open, Refusal, plan};
use crate::decision::limits::named::Named;

/// Whom and where; with a service alone, each account that calls it.
#[derive(clap::Args)]
pub(in crate::app::commands) struct Whom {
    /// Each account of this plan; its people and keys share it.
    #[arg(long, group = "whom")]
    plan: Option<String>,
    /// An organization, by its name; its people and keys share it.
    #[arg(long, value_name = "NAME", group = "whom")]
    org: Option<String>,
    /// A client, by its `client_id`.
    #[arg(long, value_name = "CLIENT_ID", group = "whom")]
    client: Option<String>,
    /// A person, by identifier or e-mail address.
    #[arg(long, group = "whom")]
    user: Option<String>,
    /// Any principal, by its id.
    #[arg(long, value_name = "ID", group = "whom")]
    owner: Option<String>,
    /// An API key or personal token, by its id or its first characters.
    #[arg(long, value_name = "ID", group = "whom")]
    credential: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Somebody who calls, and what.
#[derive(clap::Args)]
pub(in crate::app::commands) struct Whose {
    /// An organization, by its name.
    #[arg(long, value_name = "NAME", group = "whose", required_unless_present_any = ["client", "user", "owner", "credential"])]
    org: Option<String>,
    /// A client, by its `client_id`.
    #[arg(long, value_name = "CLIENT_ID", group = "whose")]
    client: Option<String>,
    /// A person, by identifier or e-mail address.
    #[arg(long, group = "whose")]
    user: Option<String>,
    /// Any principal, by its id.
    #[arg(long, value_name = "ID", group = "whose")]
    owner: Option<String>,
    /// An API key or personal token, by its id or its first characters.
    #[arg(long, value_name = "ID", group = "whose")]
    credential: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
struct Place {
    /// At the calls of this service alone, on top of what binds everywhere.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// At the calls of this route of the service, by its id.
    #[arg(long, value_name = "ID", requires = "service")]
    route: Option<Uuid>,
}

impl Whom {
    /// What is named, once it is found.
    pub(super) fn named(&self, open: &Open) -> Result<Named, Refusal> {
        let Self { plan, org, client, user, owner, credential, place } = self;
        let plan = plan.as_deref().map(plan::parse).transpose()?.map(|plan| plan.to_string());
        let owner = Owner { org: org.clone(), client: client.clone(), user: user.clone(), id: owner.clone() };
        Ok(Named { plan, ..found(open, &owner, credential.as_deref(), place)? })
    }
}

impl Whose {
    /// What is named, once it is found.
    pub(super) fn named(&self, open: &Open) -> Result<Named, Refusal> {
        let Self { org, client, user, owner, credential, place } = self;
        let owner = Owner { org: org.clone(), client: client.clone(), user: user.clone(), id: owner.clone() };
        found(open, &owner, credential.as_deref(), place)
    }
}

fn found(open: &Open, owner: &Owner, credential: Option<&str>, place: &Place) -> Result<Named, Refusal> {
    let credential = credential.map(|typed| of_any_kind(open, typed)).transpose()?;
    Ok(Named {
        plan: None,
        principal: owner.find(open)?,
        credential: credential.map(|credential| credential.id),
        service: place.service.clone(),
        route: place.route,
    })
}
