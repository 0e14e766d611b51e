//! The table `principals`, as far as they are accounts.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::accounts::Account;
use crate::audit::{Lookup, Work};
use crate::kernel::{Fault, PlanId, PrincipalId, PrincipalKind};
use crate::platform::db::Connection;
use crate::schema::{principals, users};

#[derive(Queryable, Selectable)]
#[diesel(table_name = principals)]
struct Row {
    id: Uuid,
    kind: String,
    name: String,
    plan_id: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Account {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let kind = PrincipalKind::parse(&row.kind);
        let plan = row.plan_id.map(PlanId::from_stored);
        Ok(Self {
            id: PrincipalId::from_uuid(row.id),
            kind: kind.ok_or_else(|| Fault::internal("a principal of no kind"))?,
            name: row.name,
            plan: plan.ok_or_else(|| Fault::internal("an account without a plan"))?,
            disabled_at: row.disabled_at,
        })
    }
}

diesel::alias!(const OWNED: Alias<Owned> = principals as owned);

/// The account that a principal belongs to, to be found.
pub(super) struct FindAccount(pub(super) PrincipalId);

impl Lookup for FindAccount {
    type Found = Option<Arc<Account>>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let found = accounts_of(connection, keys.iter().map(|Self(id)| *id))?;
        Ok(keys.iter().map(|Self(id)| found.get(id).cloned()).collect())
    }
}

fn accounts_of(
    connection: &mut Connection,
    ids: impl Iterator<Item = PrincipalId>,
) -> Result<HashMap<PrincipalId, Arc<Account>>, Fault> {
    let rows: Vec<(Uuid, Row)> = principals::table
        .inner_join(OWNED.on(OWNED.field(principals::account_id).eq(principals::id)))
        .filter(OWNED.field(principals::id).eq_any(ids.map(PrincipalId::uuid).collect::<Vec<_>>()))
        .select((OWNED.field(principals::id), Row::as_select()))
        .load(connection)?;
    let account = |(id, row)| Ok((PrincipalId::from_uuid(id), Arc::new(Account::try_from(row)?)));
    rows.into_iter().map(account).collect()
}

/// The account that a principal belongs to.
pub fn find_account(
    connection: &mut Connection,
    principal: PrincipalId,
) -> Result<Option<Arc<Account>>, Fault> {
    Ok(accounts_of(connection, std::iter::once(principal))?.remove(&principal))
}

/// Finds an account, and holds it until the act ends: whoever disables it waits, and then sees what was added to it.
/// `None`: there is none of this id, or it belongs to another.
pub fn hold_account(work: &mut Work<'_>, id: PrincipalId) -> Result<Option<Account>, Fault> {
    let row: Option<Row> = principals::table
        .find(id.uuid())
        .filter(principals::account_id.eq(id.uuid()))
        .select(Row::as_select())
        .for_share()
        .first(&mut **work)
        .optional()?;
    row.map(Account::try_from).transpose()
}

/// Whether a person administers this server, to be found; `None`: there is no such person.
pub(super) struct FindAdministrator(pub(super) PrincipalId);

impl Lookup for FindAdministrator {
    type Found = Option<bool>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let asked: Vec<Uuid> = keys.iter().map(|Self(id)| id.uuid()).collect();
        let rows: Vec<(Uuid, bool)> = users::table
            .inner_join(principals::table)
            .filter(users::principal_id.eq_any(&asked))
            .select((
                users::principal_id,
                users::administrator_since.is_not_null().and(principals::disabled_at.is_null()),
            ))
            .load(connection)?;
        let found: HashMap<Uuid, bool> = rows.into_iter().collect();
        Ok(asked.iter().map(|id| found.get(id).copied()).collect())
    }
}
