//! The tables `grants` and `families`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Date, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::accounts::store::{Principal, acting, find_principals};
use crate::audit::{Event, Lookup, Work, WriteValue};
use crate::grants::{BearerKey, Family, FamilyKey, Grant, Lineage};
use crate::kernel::{FamilyId, Fault, GrantId, PrincipalId, Scope, Stale, Standing, UserStanding};
use crate::platform::db::{Connection, Statement, by_day};
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
    resources: Option<Vec<Option<String>>>,
}

impl From<FamilyRow> for Family {
    fn from(row: FamilyRow) -> Self {
        Self {
            key: FamilyKey { day: row.expires_on, id: FamilyId::from_uuid(row.id) },
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            resources: row.resources.into_iter().flatten().flatten().collect(),
        }
    }
}

impl From<(FamilyRow, GrantRow)> for Lineage {
    fn from((family, grant): (FamilyRow, GrantRow)) -> Self {
        Self { family: Arc::new(family.into()), grant: Arc::new(grant.into()) }
    }
}

/// Families with their grants, by their keys.
pub(super) fn lineages(
    connection: &mut Connection,
    keys: Vec<FamilyKey>,
) -> Result<HashMap<FamilyKey, Lineage>, Fault> {
    let mut rows: Vec<(FamilyRow, GrantRow)> = Vec::with_capacity(keys.len());
    for (day, keys) in by_day(&keys, |key| key.day) {
        let found = families::table
            .inner_join(grants::table.on(grants::id.eq(families::grant_id)))
            .filter(families::expires_on.eq(day))
            .filter(families::id.eq_any(each(&keys, |key| key.id.uuid())))
            .select((FamilyRow::as_select(), GrantRow::as_select()))
            .load(connection)?;
        rows.extend(found);
    }
    Ok(rows.into_iter().map(Lineage::from).map(|lineage| (lineage.family.key, lineage)).collect())
}

/// Something to be done in the name of a family.
pub(super) struct Doing {
    pub(super) family: FamilyKey,
    pub(super) client: PrincipalId,
    pub(super) now: DateTime<Utc>,
}

/// Those of these rows that may be done: the eligibility rule, asked in the transaction that does them, so that what
/// ended after it was decided is not overlooked.
pub(super) fn eligible<'a, R>(
    connection: &mut Connection,
    rows: &[&'a R],
    doing: impl Fn(&R) -> Doing,
) -> Result<Vec<&'a R>, Fault> {
    let may_act = may_act(connection, &each(rows, |row| doing(row)))?;
    Ok(rows.iter().zip(may_act).filter(|(_, may)| *may).map(|(row, _)| *row).collect())
}

fn may_act(connection: &mut Connection, asked: &[Doing]) -> Result<Vec<bool>, Fault> {
    let lineages = lineages(connection, each(asked, |doing| doing.family))?;
    let users = lineages.values().map(|lineage| lineage.grant.user_id);
    let ids: HashSet<PrincipalId> = users.chain(asked.iter().map(|doing| doing.client)).collect();
    let ids: Vec<PrincipalId> = ids.into_iter().collect();
    let principals: HashMap<PrincipalId, Principal> =
        find_principals(connection, &ids)?.into_iter().collect();
    let may = |doing: &Doing| {
        let lineage = lineages.get(&doing.family)?;
        let standing = Standing {
            client_disabled_at: principals.get(&doing.client)?.disabled_at,
            user: Some(UserStanding { disabled_at: principals.get(&lineage.grant.user_id)?.disabled_at }),
            grant: Some(lineage.grant.standing()),
            family: Some(lineage.family.standing()),
            session: None,
            // It is told with the principals.
            account_disabled_at: None,
        };
        standing.may_act(doing.now).ok()
    };
    Ok(each(asked, |doing| may(doing).is_some()))
}

/// One column of many rows.
pub(super) fn each<R, T>(rows: &[R], column: impl FnMut(&R) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}

/// The hashes to look for, by the day of their partition.
pub(super) fn stored<K>(keys: &[&K], key: impl Fn(&K) -> BearerKey) -> Vec<(NaiveDate, Vec<Vec<u8>>)> {
    let hashes = |keys: Vec<&K>| keys.into_iter().map(|asked| key(asked).hash.as_bytes().to_vec()).collect();
    by_day(keys, |asked| key(asked).day).into_iter().map(|(day, keys)| (day, hashes(keys))).collect()
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
    let grant = Grant::from(row);
    // Otherwise it is new, and nobody remembers it.
    if grant.id != id {
        work.stale(Stale::Grant(grant.id));
    }
    Ok(grant)
}

/// Takes everything back; `false`: it was not this person's, or taken back already.
pub fn withdraw(work: &mut Work<'_>, id: GrantId, user: PrincipalId) -> Result<bool, Fault> {
    let now = work.now();
    let withdrawn = diesel::update(grants::table.find(id.uuid()))
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .set((grants::withdrawn_at.eq(now), grants::updated_at.eq(now)))
        .execute(&mut **work)?;
    work.stale(Stale::Grant(id));
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
    work.stale(Stale::Grant(id));
    Ok(narrowed == 1)
}

/// A family that is to be opened under a grant.
pub(super) struct Opening<'a> {
    pub(super) family: &'a Family,
    pub(super) grant: GrantId,
    pub(super) user: PrincipalId,
    pub(super) client: PrincipalId,
    pub(super) scope: &'a Scope,
    pub(super) now: DateTime<Utc>,
}

/// Opens families, each if its client may act and its grant still allows this scope; says which.
pub(super) fn open_families(
    connection: &mut Connection,
    new: &[Opening<'_>],
) -> Result<HashSet<FamilyId>, Fault> {
    let acting = acting(connection, new.iter().map(|row| row.client))?;
    let rows: Vec<GrantRow> = grants::table
        .filter(grants::id.eq_any(each(new, |row| row.grant.uuid())))
        .filter(grants::withdrawn_at.is_null())
        .select(GrantRow::as_select())
        .load(connection)?;
    let grants: HashMap<GrantId, Grant> =
        rows.into_iter().map(Grant::from).map(|grant| (grant.id, grant)).collect();
    let is_allowed = |row: &&Opening<'_>| {
        acting.contains(&row.client) && grants.get(&row.grant).is_some_and(|grant| row.is_allowed_by(grant))
    };
    let new: Vec<&Opening<'_>> = new.iter().filter(is_allowed).collect();
    let resources = |family: &Family| family.resources.iter().collect::<Vec<_>>().join(" ");
    Statement::new(
        "INSERT INTO families (expires_on, id, grant_id, user_id, client_id, created_at, expires_at, resources) \
         SELECT day, id, allowed, person, client, at, expires_at, string_to_array(nullif(resources, ''), ' ') \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS new(day, id, allowed, person, client, at, expires_at, resources)",
    )
    .bind::<Array<Date>, _>(each(&new, |row| row.family.key.day))
    .bind::<Array<SqlUuid>, _>(each(&new, |row| row.family.key.id.uuid()))
    .bind::<Array<SqlUuid>, _>(each(&new, |row| row.grant.uuid()))
    .bind::<Array<SqlUuid>, _>(each(&new, |row| row.user.uuid()))
    .bind::<Array<SqlUuid>, _>(each(&new, |row| row.client.uuid()))
    .bind::<Array<Timestamptz>, _>(each(&new, |row| row.now))
    .bind::<Array<Timestamptz>, _>(each(&new, |row| row.family.expires_at))
    .bind::<Array<Text>, _>(each(&new, |row| resources(row.family)))
    .execute(connection)?;
    Ok(new.into_iter().map(|row| row.family.key.id).collect())
}

impl Opening<'_> {
    fn is_allowed_by(&self, grant: &Grant) -> bool {
        grant.user_id == self.user && grant.client_id == self.client && grant.scope.contains_all(self.scope)
    }
}

/// Opens a family under a grant of this act.
pub fn open_family(work: &mut Work<'_>, family: &Family, grant: &Grant, scope: &Scope) -> Result<(), Fault> {
    let now = work.now();
    let opening =
        Opening { family, grant: grant.id, user: grant.user_id, client: grant.client_id, scope, now };
    match open_families(work, &[opening])?.len() {
        1 => Ok(()),
        _ => Err(Fault::internal("a grant that does not allow what it was given for")),
    }
}

/// What a person allows a client now, to be found together with others.
pub struct FindLiving {
    /// The person.
    pub user: PrincipalId,
    /// The client.
    pub client: PrincipalId,
}

impl Lookup for FindLiving {
    type Found = Option<Grant>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let rows: Vec<GrantRow> = grants::table
            .filter(grants::user_id.eq_any(each(keys, |key| key.user.uuid())))
            .filter(grants::client_id.eq_any(each(keys, |key| key.client.uuid())))
            .filter(grants::withdrawn_at.is_null())
            .select(GrantRow::as_select())
            .load(connection)?;
        let found: HashMap<_, Grant> = rows
            .into_iter()
            .map(Grant::from)
            .map(|grant| ((grant.user_id, grant.client_id), grant))
            .collect();
        Ok(each(keys, |key| found.get(&(key.user, key.client)).cloned()))
    }
}

/// Kills every family of a person; returns how many lived.
pub fn revoke_families_of(work: &mut Work<'_>, user: PrincipalId, reason: &str) -> Result<usize, Fault> {
    let now = work.now();
    let revoked: Vec<Uuid> = diesel::update(families::table)
        .filter(families::user_id.eq(user.uuid()))
        .filter(families::revoked_at.is_null())
        .set((families::revoked_at.eq(now), families::revoked_by.eq(reason)))
        .returning(families::id)
        .get_results(&mut **work)?;
    for id in &revoked {
        work.stale(Stale::Family(FamilyId::from_uuid(*id)));
    }
    Ok(revoked.len())
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
        let mut revoked = HashSet::new();
        for (day, rows) in by_day(rows, |row| row.family.day) {
            revoked.extend(revoke(connection, day, &rows)?);
        }
        // Of two who kill the same, the first did, as the statement says.
        Ok(each(rows, |row| revoked.remove(&row.family.id.uuid())))
    }

    fn stale(&self) -> Option<Stale> {
        Some(Stale::Family(self.family.id))
    }

    fn events(&self, lived: &bool) -> Vec<Event> {
        if *lived { vec![self.event.clone()] } else { Vec::new() }
    }
}

/// Kills families of one day; of several who kill one, the first is named. Says which died.
fn revoke(
    connection: &mut Connection,
    day: NaiveDate,
    rows: &[&RevokeFamily],
) -> Result<impl Iterator<Item = Uuid>, Fault> {
    let revoked: Vec<Told> = Statement::new(
        "UPDATE families AS family SET revoked_at = revoking.at, revoked_by = revoking.reason \
         FROM (SELECT DISTINCT ON (id) * FROM unnest(?, ?, ?) WITH ORDINALITY AS revoking(id, at, reason, place) \
               ORDER BY id, place) AS revoking \
         WHERE family.id = revoking.id AND family.expires_on = ? AND family.revoked_at IS NULL AND family.id = ANY(?) \
         RETURNING family.id",
    )
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.family.id.uuid()))
    .bind::<Array<Timestamptz>, _>(each(rows, |row| row.now))
    .bind::<Array<Text>, _>(each(rows, |row| row.reason))
    .bind::<Date, _>(day)
    // Again, so that whatever the plan no other rows are looked at.
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.family.id.uuid()))
    .load(connection)?;
    Ok(revoked.into_iter().map(|family| family.id))
}

/// The id that a statement over many rows returns of each that it was true of.
#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// By which attempt something was consumed.
#[derive(QueryableByName)]
pub(super) struct Consumed {
    #[diesel(sql_type = SqlUuid)]
    pub(super) attempt: Uuid,
}
