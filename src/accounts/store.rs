//! The tables `principals` and `users`. What makes a principal an account is read in `directory/store.rs`.

use std::collections::HashSet;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::{Lookup, Work};
use crate::kernel::{
    EmailAddress, Fault, PlanId, PrincipalId, PrincipalKind, Stale, UserIdentifier, UserStanding,
};
use crate::platform::db::Connection;
use crate::schema::{principals, users};

/// What every principal has.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Its name, as people read it.
    pub name: String,
    /// The account it belongs to: its own, or that of an organization or person.
    pub account: PrincipalId,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// Since when it may not act: because it is disabled itself, or its account is.
    pub disabled_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = principals)]
struct PrincipalRow {
    name: String,
    account_id: Uuid,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

impl PrincipalRow {
    fn under(self, account_disabled_at: Option<DateTime<Utc>>) -> Principal {
        Principal {
            name: self.name,
            account: PrincipalId::from_uuid(self.account_id),
            created_at: self.created_at,
            disabled_at: self.disabled_at.or(account_disabled_at),
        }
    }
}

diesel::alias!(const ACCOUNTS: Alias<Accounts> = principals as accounts);

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// The principal.
    pub id: PrincipalId,
    /// What the person types to sign in.
    pub identifier: String,
    /// The display name.
    pub name: String,
    /// The e-mail address, if known; may be typed instead of the identifier.
    pub email: Option<String>,
    /// Argon2id, in PHC form; a person without one cannot sign in.
    pub password_hash: Option<String>,
    /// When it was last set.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// Since when there is this person.
    pub created_at: DateTime<Utc>,
    /// Since when the person may not act.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when the person may do here whatever an operator may.
    pub administrator_since: Option<DateTime<Utc>>,
}

impl User {
    /// For the eligibility rule.
    pub fn standing(&self) -> UserStanding {
        UserStanding { disabled_at: self.disabled_at }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    principal_id: Uuid,
    identifier: String,
    email: Option<String>,
    password_hash: Option<String>,
    password_changed_at: Option<DateTime<Utc>>,
    administrator_since: Option<DateTime<Utc>>,
}

/// A person is their own account.
fn joined((row, principal): (UserRow, PrincipalRow)) -> User {
    User {
        id: PrincipalId::from_uuid(row.principal_id),
        identifier: row.identifier,
        name: principal.name,
        email: row.email,
        password_hash: row.password_hash,
        password_changed_at: row.password_changed_at,
        created_at: principal.created_at,
        disabled_at: principal.disabled_at,
        administrator_since: row.administrator_since,
    }
}

/// Finds several principals by id.
pub fn find_principals(
    connection: &mut Connection,
    ids: &[PrincipalId],
) -> Result<Vec<(PrincipalId, Principal)>, Fault> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, PrincipalRow, Option<DateTime<Utc>>)> = principals::table
        .inner_join(ACCOUNTS.on(ACCOUNTS.field(principals::id).eq(principals::account_id)))
        .filter(principals::id.eq_any(ids))
        .select((principals::id, PrincipalRow::as_select(), ACCOUNTS.field(principals::disabled_at)))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, row, above)| (PrincipalId::from_uuid(id), row.under(above))).collect())
}

/// What kind of principal this is, and whether it may act, as its account may.
pub fn find_kind(
    connection: &mut Connection,
    id: PrincipalId,
) -> Result<Option<(PrincipalKind, bool)>, Fault> {
    type Row = (String, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let row: Option<Row> = principals::table
        .inner_join(ACCOUNTS.on(ACCOUNTS.field(principals::id).eq(principals::account_id)))
        .filter(principals::id.eq(id.uuid()))
        .select((principals::kind, principals::disabled_at, ACCOUNTS.field(principals::disabled_at)))
        .first(connection)
        .optional()?;
    let kind = |(kind, own, above): Row| Some((PrincipalKind::parse(&kind)?, own.or(above).is_none()));
    Ok(row.and_then(kind))
}

/// Those of these principals that may act, as their accounts may: the condition of what is written in their names.
pub fn acting(
    connection: &mut Connection,
    ids: impl IntoIterator<Item = PrincipalId>,
) -> Result<HashSet<PrincipalId>, Fault> {
    let ids: HashSet<Uuid> = ids.into_iter().map(PrincipalId::uuid).collect();
    let acting: Vec<Uuid> = principals::table
        .inner_join(ACCOUNTS.on(ACCOUNTS.field(principals::id).eq(principals::account_id)))
        .filter(principals::id.eq_any(ids.into_iter().collect::<Vec<_>>()))
        .filter(principals::disabled_at.is_null())
        .filter(ACCOUNTS.field(principals::disabled_at).is_null())
        .select(principals::id)
        .load(connection)?;
    Ok(acting.into_iter().map(PrincipalId::from_uuid).collect())
}

/// Makes a principal that is its own account, with the plan that accounts begin with. `false`: the id is taken.
pub fn insert_principal(
    work: &mut Work<'_>,
    id: PrincipalId,
    kind: PrincipalKind,
    name: &str,
) -> Result<bool, Fault> {
    insert_account(work, id, kind, name, &PlanId::first())
}

/// The same with this plan, which the caller holds.
pub fn insert_account(
    work: &mut Work<'_>,
    id: PrincipalId,
    kind: PrincipalKind,
    name: &str,
    plan: &PlanId,
) -> Result<bool, Fault> {
    insert(work, id, kind, name, (id, Some(plan)))
}

/// Makes a client that belongs to the account of another, which the caller holds. `false`: the id is taken.
pub fn insert_owned_client(
    work: &mut Work<'_>,
    id: PrincipalId,
    name: &str,
    account: PrincipalId,
) -> Result<bool, Fault> {
    insert(work, id, PrincipalKind::Client, name, (account, None))
}

/// Every principal is made here, with the account that it belongs to and, if it is its own, the plan.
fn insert(
    work: &mut Work<'_>,
    id: PrincipalId,
    kind: PrincipalKind,
    name: &str,
    (account, plan): (PrincipalId, Option<&PlanId>),
) -> Result<bool, Fault> {
    let now = work.now();
    let made = diesel::insert_into(principals::table)
        .values((
            principals::id.eq(id.uuid()),
            principals::kind.eq(kind.as_str()),
            principals::name.eq(name),
            principals::account_id.eq(account.uuid()),
            principals::plan_id.eq(plan.map(PlanId::as_str)),
            principals::created_at.eq(now),
            principals::updated_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(made == 1)
}

/// Gives a principal another name. `false`: it has that name.
pub fn rename_principal(work: &mut Work<'_>, id: PrincipalId, name: &str) -> Result<bool, Fault> {
    let now = work.now();
    let renamed = diesel::update(principals::table.find(id.uuid()))
        .filter(principals::name.ne(name))
        .set((principals::name.eq(name), principals::updated_at.eq(now)))
        .execute(&mut **work)?;
    is_stale(work, id);
    Ok(renamed == 1)
}

/// Whatever kind of principal it is.
fn is_stale(work: &mut Work<'_>, id: PrincipalId) {
    work.stale(Stale::User(id));
    work.stale(Stale::Client(id));
    work.stale(Stale::Account(id));
}

/// Lets a principal act, or no longer, and whatever belongs to its account with it. `false`: it already was so.
pub fn set_disabled(work: &mut Work<'_>, id: PrincipalId, disabled: bool) -> Result<bool, Fault> {
    let now = work.now();
    let changed = diesel::update(principals::table.find(id.uuid()))
        .filter(principals::disabled_at.is_null().eq(disabled))
        .set((principals::disabled_at.eq(disabled.then_some(now)), principals::updated_at.eq(now)))
        .execute(&mut **work)?;
    is_stale(work, id);
    for owned in owned_by(work, id)? {
        work.stale(Stale::Client(owned));
    }
    Ok(changed == 1)
}

/// Whatever belongs to this account but the account itself. Whoever adds to it holds the account, so that who holds
/// it alone misses nothing.
fn owned_by(connection: &mut Connection, account: PrincipalId) -> Result<Vec<PrincipalId>, Fault> {
    let owned: Vec<Uuid> = principals::table
        .filter(principals::account_id.eq(account.uuid()))
        .filter(principals::id.ne(account.uuid()))
        .select(principals::id)
        .load(connection)?;
    Ok(owned.into_iter().map(PrincipalId::from_uuid).collect())
}

/// Makes a person an administrator of this server, or takes that back. `false`: it already was so.
pub fn set_administrator(work: &mut Work<'_>, id: PrincipalId, is_one: bool) -> Result<bool, Fault> {
    let now = work.now();
    let changed = diesel::update(users::table.find(id.uuid()))
        .filter(users::administrator_since.is_null().eq(is_one))
        .set(users::administrator_since.eq(is_one.then_some(now)))
        .execute(&mut **work)?;
    work.stale(Stale::User(id));
    Ok(changed == 1)
}

/// Finds a person.
pub fn find_user(connection: &mut Connection, id: PrincipalId) -> Result<Option<User>, Fault> {
    let row = users::table
        .inner_join(principals::table)
        .filter(users::principal_id.eq(id.uuid()))
        .select((UserRow::as_select(), PrincipalRow::as_select()))
        .first(connection)
        .optional()?;
    Ok(row.map(joined))
}

/// Whether a person may act, to be found.
pub struct FindStanding(pub PrincipalId);

impl Lookup for FindStanding {
    type Found = Option<UserStanding>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let asked: Vec<Uuid> = keys.iter().map(|Self(id)| id.uuid()).collect();
        let rows: Vec<(Uuid, Option<DateTime<Utc>>)> = users::table
            .inner_join(principals::table)
            .filter(users::principal_id.eq_any(&asked))
            .select((users::principal_id, principals::disabled_at))
            .load(connection)?;
        let found: HashMap<Uuid, UserStanding> =
            rows.into_iter().map(|(id, disabled_at)| (id, UserStanding { disabled_at })).collect();
        Ok(asked.iter().map(|id| found.get(id).copied()).collect())
    }
}

/// Finds a person and holds the row until the act ends, so that a password change or a disabling waits for the
/// act, or the act for it. Who writes a row of the person's comes by [`lock_user`]: two who hold it and then write
/// would wait for each other.
pub fn hold_user(work: &mut Work<'_>, id: PrincipalId) -> Result<Option<User>, Fault> {
    let row = users::table
        .inner_join(principals::table)
        .filter(users::principal_id.eq(id.uuid()))
        .select((UserRow::as_select(), PrincipalRow::as_select()))
        .for_share()
        .first(&mut **work)
        .optional()?;
    Ok(row.map(joined))
}

/// The same for several people, for what is written for many at once; in one order, so that two who do it do not wait
/// for each other.
pub fn hold_users(connection: &mut Connection, ids: &[PrincipalId]) -> Result<(), Fault> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    ids.sort_unstable();
    ids.dedup();
    users::table
        .filter(users::principal_id.eq_any(ids))
        .order(users::principal_id)
        .select(users::principal_id)
        .for_share()
        .load::<Uuid>(connection)?;
    Ok(())
}

/// Waits for every act that holds this person, and makes later ones wait until this act ends.
pub fn lock_user(work: &mut Work<'_>, id: PrincipalId) -> Result<(), Fault> {
    users::table
        .find(id.uuid())
        .select(users::principal_id)
        .for_no_key_update()
        .first::<Uuid>(&mut **work)
        .optional()?;
    Ok(())
}

/// The same for this person and every administrator, in one order, so that two who do it do not wait for each other;
/// returns the administrators.
pub fn lock_user_and_administrators(work: &mut Work<'_>, id: PrincipalId) -> Result<Vec<PrincipalId>, Fault> {
    let locked: Vec<(Uuid, bool)> = users::table
        .filter(users::administrator_since.is_not_null().or(users::principal_id.eq(id.uuid())))
        .order(users::principal_id)
        .select((users::principal_id, users::administrator_since.is_not_null()))
        .for_no_key_update()
        .load(&mut **work)?;
    Ok(locked.into_iter().filter(|(_, is_one)| *is_one).map(|(id, _)| PrincipalId::from_uuid(id)).collect())
}

/// Holds a principal's row alone until the act ends.
pub fn lock_principal(work: &mut Work<'_>, id: PrincipalId) -> Result<(), Fault> {
    principals::table
        .find(id.uuid())
        .select(principals::id)
        .for_no_key_update()
        .first::<Uuid>(&mut **work)
        .optional()?;
    Ok(())
}

/// Finds who typed this name: an identifier, or an e-mail address.
pub fn find_user_by_name(connection: &mut Connection, typed: &str) -> Result<Option<User>, Fault> {
    let query = users::table
        .inner_join(principals::table)
        .select((UserRow::as_select(), PrincipalRow::as_select()))
        .into_boxed();
    // An identifier has no `@`, so the two never name different people.
    let query = if let Ok(email) = EmailAddress::parse(typed) {
        query.filter(users::email_key.eq(email.key()))
    } else if let Ok(identifier) = UserIdentifier::parse(typed) {
        query.filter(users::identifier.eq(identifier.as_str().to_owned()))
    } else {
        return Ok(None);
    };
    Ok(query.first(connection).optional()?.map(joined))
}

/// Makes a person out of a principal. `false`: identifier or e-mail are taken.
pub fn insert_user(
    work: &mut Work<'_>,
    id: PrincipalId,
    identifier: &UserIdentifier,
    email: Option<&EmailAddress>,
    password_hash: Option<&str>,
) -> Result<bool, Fault> {
    let now = work.now();
    let made = diesel::insert_into(users::table)
        .values((
            users::principal_id.eq(id.uuid()),
            users::identifier.eq(identifier.as_str()),
            users::email.eq(email.map(EmailAddress::as_str)),
            users::email_key.eq(email.map(EmailAddress::key)),
            users::password_hash.eq(password_hash),
            users::password_changed_at.eq(password_hash.map(|_| now)),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(made == 1)
}

/// Sets a person's password hash.
pub fn set_password(work: &mut Work<'_>, id: PrincipalId, password_hash: &str) -> Result<(), Fault> {
    let now = work.now();
    diesel::update(users::table.find(id.uuid()))
        .set((users::password_hash.eq(password_hash), users::password_changed_at.eq(now)))
        .execute(&mut **work)?;
    Ok(())
}

/// Everybody, by identifier.
pub fn list_users(connection: &mut Connection) -> Result<Vec<User>, Fault> {
    let rows = users::table
        .inner_join(principals::table)
        .order(users::identifier)
        .select((UserRow::as_select(), PrincipalRow::as_select()))
        .load(connection)?;
    Ok(rows.into_iter().map(joined).collect())
}

/// So many people behind one of them.
pub fn page_of_users(
    connection: &mut Connection,
    after: Option<PrincipalId>,
    most: i64,
) -> Result<Vec<User>, Fault> {
    let mut query = users::table
        .inner_join(principals::table)
        .order(users::principal_id)
        .limit(most)
        .select((UserRow::as_select(), PrincipalRow::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(users::principal_id.gt(after.uuid()));
    }
    Ok(query.load(connection)?.into_iter().map(joined).collect())
}

/// Whether there is anybody who could sign in.
pub fn has_users(connection: &mut Connection) -> Result<bool, Fault> {
    Ok(diesel::select(diesel::dsl::exists(users::table.select(users::principal_id)))
        .get_result(connection)?)
}

/// The principals that belong to these accounts, and the accounts themselves.
pub fn belonging_to(
    connection: &mut Connection,
    accounts: &[PrincipalId],
) -> Result<Vec<PrincipalId>, Fault> {
    let accounts: Vec<Uuid> = accounts.iter().map(|id| id.uuid()).collect();
    let ids: Vec<Uuid> = principals::table
        .filter(principals::account_id.eq_any(accounts))
        .select(principals::id)
        .load(connection)?;
    Ok(ids.into_iter().map(PrincipalId::from_uuid).collect())
}
