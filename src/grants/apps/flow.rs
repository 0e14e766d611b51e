//! Looking at, and taking back, what one allowed.

use std::collections::HashMap;

use serde_json::json;

use crate::accounts::Accounts;
use crate::accounts::sessions::{Browser, SignedIn};
use crate::audit::{Actor, Event, Kind, Work};
use crate::clients::{self, Client};
use crate::grants::usage::{self, Use};
use crate::grants::{Grant, store};
use crate::kernel::{Denial, Fault, GrantId, Outcome, PrincipalId, ScopeToken};
use crate::platform::context::Context;
use crate::services::{self, Catalogue};
use crate::settle;

/// An app that somebody allowed something.
pub struct Connected {
    /// The grant.
    pub grant: Grant,
    /// The client.
    pub client: Client,
    /// Whether the app holds anything of it now. If not, it may still come back without asking.
    pub in_use: bool,
    /// How the app used it, if it ever did.
    pub used: Option<Use>,
}

/// What the page shows.
pub struct Overview {
    /// Whose it is.
    pub signed_in: SignedIn,
    /// The apps.
    pub apps: Vec<Connected>,
    /// What their scopes mean.
    pub catalogue: Catalogue,
}

/// Everything this person allowed.
pub async fn overview(accounts: &Accounts, context: &Context, browser: Browser) -> Outcome<Overview> {
    accounts
        .act(context, browser, |work, signed_in| {
            work.nothing_to_tell("a look at the own page");
            let apps = connected(work, signed_in.user.id)?;
            let catalogue = services::store::catalogue(work)?;
            Ok(Ok(Overview { signed_in, apps, catalogue }))
        })
        .await
}

/// The apps that a person allowed something.
pub(super) fn connected(work: &mut Work<'_>, user: PrincipalId) -> Result<Vec<Connected>, Fault> {
    let by_grant: HashMap<GrantId, Use> = usage::uses(work, user)?.into_iter().collect();
    let now = work.now();
    let in_use = store::in_use(work, user, now)?;
    let mut apps = Vec::new();
    for grant in store::list_living(work, user)? {
        let client = clients::store::find_by_principal(work, grant.client_id)?;
        let client = client.ok_or_else(|| Fault::internal("a grant to no client"))?;
        let in_use = in_use.contains(&grant.id);
        apps.push(Connected { used: by_grant.get(&grant.id).copied(), grant, client, in_use });
    }
    Ok(apps)
}

/// Takes back one scope, or the whole grant. Its tokens are asked for the grant at every use, so it works at
/// once.
pub async fn revoke(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    grant: GrantId,
    scope: Option<ScopeToken>,
) -> Outcome<()> {
    accounts
        .act_alone(context, browser, move |work, signed_in| take_back(work, signed_in.user.id, grant, scope))
        .await
}

/// The same within an act of the person's, who is held alone.
pub(super) fn take_back(
    work: &mut Work<'_>,
    user: PrincipalId,
    grant: GrantId,
    scope: Option<ScopeToken>,
) -> Outcome<()> {
    let mine = store::list_living(work, user)?.into_iter().find(|own| own.id == grant);
    let mine = settle!(mine.ok_or(Denial::NotFound));
    let event = match scope {
        // The last scope taken back is the whole taken back.
        Some(scope) if mine.scope.iter().any(|own| *own != scope) => {
            if !store::narrow(work, grant, user, scope.as_str())? {
                return Ok(Err(Denial::NotFound));
            }
            Event::new(Kind::GrantNarrowed, Actor::User(user)).with(json!({ "scope": scope.as_str() }))
        }
        Some(scope) if !mine.scope.contains(&scope) => return Ok(Err(Denial::NotFound)),
        _ => {
            if !store::withdraw(work, grant, user)? {
                return Ok(Err(Denial::NotFound));
            }
            Event::new(Kind::GrantWithdrawn, Actor::User(user))
        }
    };
    work.tell(event.on("grant", grant).about(mine.client_id));
    Ok(Ok(()))
}
