//! The tables `grants` and `families`.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Date, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::audit::{Event, Work, WriteValue};
use crate::grants::{BearerKey, Family, FamilyKey, Grant, Lineage};
use crate::kernel::{FamilyId, Fault, GrantId, PrincipalId, Scope, Stale};
use crate::platform::db::{Connection, Statement};
use crate::schema::{families, grants};

#[derive(Queryable, Selectable)]
#[diesel(table_name = grants)]
pub(super) struct GrantRow {
    id: Uuid,
    user_id: Uuid,
    client_id: Uuid,
    scopes: Vec<Option<String>>,
    granted_at: DateTime<Utc>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<GrantRow> for Grant {
    fn from(row: GrantRow) -> Self {
        Self {
            id: GrantId::from_uuid(row.id),
            user_id: PrincipalId::from_uuid(row.user_id),
            client_id: PrincipalId::from_uuid(row.client_id),
            scope: scope(row.scopes),
            granted_at: row.granted_at,
            withdrawn_at: row.withdrawn_at,
        }
    }
}

/// A stored list of scope tokens.
pub(super) fn scope(column: Vec<Option<String>>) -> Scope {
    Scope::from_stored(column.into_iter().flatten().collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = families)]
pub(super) struct FamilyRow {
    expires_on: NaiveDate,
    id: Uuid,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<FamilyRow> for Family {
    fn from(row: FamilyRow) -> Self {
        Self {
            key: FamilyKey { day: row.expires_on, id: FamilyId::from_uuid(row.id) },
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}

impl From<(FamilyRow, GrantRow)> for Lineage {
    fn from((family, grant): (FamilyRow, GrantRow)) -> Self {
        Self { family: family.into(), grant: grant.into() }
    }
}

/// One column of many rows.
pub(super) fn each<R, T>(rows: &[R], column: impl FnMut(&R) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}

/// Keys as columns. Any of these days with any of these hashes is one of the keys, since the day is hashed too.
pub(super) fn stored<K>(keys: &[&K], key: impl Fn(&K) -> BearerKey) -> (Vec<NaiveDate>, Vec<Vec<u8>>) {
    let mut days: Vec<NaiveDate> = keys.iter().map(|asked| key(asked).day).collect();
    days.sort_unstable();
    days.dedup();
    (days, keys.iter().map(|asked| key(asked).hash.as_bytes().to_vec()).collect())
}

/// What was found, in the order in which it was asked for.
pub(super) fn in_order<K, T: Clone>(
    keys: &[&K],
    key: impl Fn(&K) -> BearerKey,
    found: Vec<T>,
    key_of: impl Fn(&T) -> BearerKey,
) -> Vec<Option<T>> {
    let found: HashMap<BearerKey, T> = found.into_iter().map(|found| (key_of(&found), found)).collect();
    keys.iter().map(|asked| found.get(&key(asked)).cloned()).collect()
}

/// What this person allows this client now.
pub fn find_living(
    connection: &mut Connection,
    user: PrincipalId,
    client: PrincipalId,
) -> Result<Option<Grant>, Fault> {
    let row = grants::table
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::client_id.eq(client.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .select(GrantRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Grant::from))
}

/// All that this person allows, latest first.
pub fn list_living(connection: &mut Connection, user: PrincipalId) -> Result<Vec<Grant>, Fault> {
    let rows: Vec<GrantRow> = grants::table
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .order((grants::granted_at.desc(), grants::id))
        .select(GrantRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Grant::from).collect())
}

/// Adds to what this person allows this client, in one statement: two consents at once both count.
pub fn allow(
    work: &mut Work<'_>,
    id: GrantId,
    user: PrincipalId,
    client: PrincipalId,
    added: &Scope,
) -> Result<Grant, Fault> {
    use diesel::sql_types::Nullable;
    let now = work.now();
    let row: GrantRow = diesel::insert_into(grants::table)
        .values((
            grants::id.eq(id.uuid()),
            grants::user_id.eq(user.uuid()),
            grants::client_id.eq(client.uuid()),
            grants::scopes.eq(added.to_vec()),
            grants::granted_at.eq(now),
            grants::updated_at.eq(now),
        ))
        .on_conflict((grants::user_id, grants::client_id))
        .filter_target(grants::withdrawn_at.is_null())
        .do_update()
        .set((
            grants::scopes.eq(diesel::dsl::sql::<Array<Nullable<Text>>>(
                "(SELECT array_agg(DISTINCT scope ORDER BY scope) \
                  FROM unnest(grants.scopes || excluded.scopes) AS scope)",
            )),
            grants::updated_at.eq(now),
        ))
        .returning(GrantRow::as_select())
        .get_result(&mut **work)?;
    Ok(row.into())
}

/// Takes everything back; `false`: it was not this person's, or taken back already.
pub fn withdraw(work: &mut Work<'_>, id: GrantId, user: PrincipalId) -> Result<bool, Fault> {
    let now = work.now();
    let withdrawn = diesel::update(grants::table.find(id.uuid()))
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .set((grants::withdrawn_at.eq(now), grants::updated_at.eq(now)))
        .execute(&mut **work)?;
    Ok(withdrawn == 1)
}

/// Takes one scope back; `false`: it was not there, or not this person's.
pub fn narrow(work: &mut Work<'_>, id: GrantId, user: PrincipalId, scope: &str) -> Result<bool, Fault> {
    use diesel::sql_types::Nullable;
    let now = work.now();
    let narrowed = diesel::update(grants::table.find(id.uuid()))
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .filter(grants::scopes.contains(vec![Some(scope.to_owned())]))
        .set((
            grants::scopes.eq(diesel::dsl::sql::<Array<Nullable<Text>>>("array_remove(grants.scopes, ")
                .bind::<Text, _>(scope.to_owned())
                .sql(")")),
            grants::updated_at.eq(now),
        ))
        .execute(&mut **work)?;
    Ok(narrowed == 1)
}

/// Opens a family under a grant.
pub fn open_family(work: &mut Work<'_>, family: &Family, grant: &Grant) -> Result<(), Fault> {
    let now = work.now();
    diesel::insert_into(families::table)
        .values((
            families::expires_on.eq(family.key.day),
            families::id.eq(family.key.id.uuid()),
            families::grant_id.eq(grant.id.uuid()),
            families::user_id.eq(grant.user_id.uuid()),
            families::client_id.eq(grant.client_id.uuid()),
            families::created_at.eq(now),
            families::expires_at.eq(family.expires_at),
        ))
        .execute(&mut **work)?;
    Ok(())
}

/// Kills every family of a person; returns how many lived.
pub fn revoke_families_of(work: &mut Work<'_>, user: PrincipalId, reason: &str) -> Result<usize, Fault> {
    let now = work.now();
    Ok(diesel::update(families::table)
        .filter(families::user_id.eq(user.uuid()))
        .filter(families::revoked_at.is_null())
        .set((families::revoked_at.eq(now), families::revoked_by.eq(reason)))
        .execute(&mut **work)?)
}

/// The grants of a person under which something lives: without it an app has nothing, but may ask silently again.
pub fn in_use(
    connection: &mut Connection,
    user: PrincipalId,
    now: DateTime<Utc>,
) -> Result<Vec<GrantId>, Fault> {
    let rows: Vec<Uuid> = families::table
        .filter(families::user_id.eq(user.uuid()))
        .filter(families::revoked_at.is_null())
        .filter(families::expires_on.ge(now.date_naive()))
        .filter(families::expires_at.gt(now))
        .select(families::grant_id)
        .distinct()
        .load(connection)?;
    Ok(rows.into_iter().map(GrantId::from_uuid).collect())
}

/// Write value: kill a family. Its event is told by whoever wins, so a replay in a loop is told once.
pub struct RevokeFamily {
    /// Which.
    pub family: FamilyKey,
    /// When.
    pub now: DateTime<Utc>,
    /// Why, for the row.
    pub reason: &'static str,
    /// What the log tells.
    pub event: Event,
}

impl WriteValue for RevokeFamily {
    /// Whether it lived until now.
    type Verdict = bool;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        let revoked: Vec<Revoked> = Statement::new(
            "UPDATE families AS family SET revoked_at = revoking.at, revoked_by = revoking.reason \
             FROM (SELECT * FROM unnest(?, ?, ?, ?) AS revoking(day, id, at, reason) ORDER BY day, id) AS revoking \
             WHERE family.expires_on = revoking.day AND family.id = revoking.id AND family.revoked_at IS NULL \
             RETURNING family.id",
        )
        .bind::<Array<Date>, _>(each(rows, |row| row.family.day))
        .bind::<Array<SqlUuid>, _>(each(rows, |row| row.family.id.uuid()))
        .bind::<Array<Timestamptz>, _>(each(rows, |row| row.now))
        .bind::<Array<Text>, _>(each(rows, |row| row.reason))
        .load(connection)?;
        let mut revoked: HashSet<Uuid> = revoked.into_iter().map(|family| family.id).collect();
        // Of two who kill the same, one did.
        Ok(each(rows, |row| revoked.remove(&row.family.id.uuid())))
    }

    fn stale(&self) -> Option<Stale> {
        Some(Stale::Family(self.family.id))
    }

    fn events(&self, lived: &bool) -> Vec<Event> {
        if *lived { vec![self.event.clone()] } else { Vec::new() }
    }
}

#[derive(QueryableByName)]
struct Revoked {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}
