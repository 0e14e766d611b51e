//! What a caller may see of what was done: by the accounts they see, and what they are to them.

use actix_web::{HttpRequest, web};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::accounts::access::{Division, divided};
use crate::accounts::organizations::Action;
use crate::accounts::store::belonging_to;
use crate::credentials::CredentialKind;
use crate::credentials::store::ids_of;
use crate::kernel::{Caller, Denial, Fault, Outcome, PrincipalId};
use crate::platform::api::{Seen, Sees, Sight};
use crate::platform::db::Connection;

/// What this caller may see. Whoever may see nothing of anybody is told so, rather than that nothing was done.
pub(super) async fn sight(request: &HttpRequest, caller: Caller, sees: Sees) -> Outcome<Sight> {
    let accounts = request.app_data::<web::Data<Accounts>>().cloned();
    let accounts = accounts.ok_or_else(|| Fault::internal("who knows the accounts was left out"))?;
    let sight = accounts.ledger.read(move |connection| {
        let Some(division) = divided(connection, &caller, action(sees))? else { return Ok(Ok(Sight::all())) };
        if division.open.is_empty() {
            return Ok(Err(Denial::Forbidden));
        }
        let ids = if sees == Sees::Events { concerned(connection, &division)? } else { Vec::new() };
        let (accounts, barred) = (uuids(&division.open), uuids(&division.barred));
        Ok(Ok(Sight::of(Seen { accounts, barred, ids })))
    });
    sight.await
}

fn action(sees: Sees) -> Action {
    match sees {
        Sees::Usage => Action::See,
        Sees::Calls | Sees::Events => Action::ReadAudit,
    }
}

/// The principals of the accounts that are open, and their keys and personal tokens.
fn concerned(connection: &mut Connection, division: &Division) -> Result<Vec<Uuid>, Fault> {
    let principals = belonging_to(connection, &division.open)?;
    let credentials = ids_of(connection, &CredentialKind::ALL, &principals)?;
    let credentials = credentials.iter().map(|id| id.uuid());
    Ok(uuids(&principals).into_iter().chain(credentials).collect())
}

fn uuids(ids: &[PrincipalId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}
