//! The table `credentials`, as far as it holds API keys and personal tokens.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, SmallInt, Text, Timestamptz, Uuid as SqlUuid, Varchar};
use ipnet::IpNet;
use uuid::Uuid;

use crate::audit::{Lookup, Work};
use crate::credentials::expiring::Expiring;
use crate::credentials::usage::Use;
use crate::credentials::{Credential, CredentialKind, Environment};
use crate::kernel::{CredentialId, Fault, PrincipalId, Scope, SecretHash, Stale};
use crate::platform::db::Connection;
use crate::schema::{credential_stats, credentials};

#[derive(Queryable, Selectable)]
#[diesel(table_name = credentials)]
struct Row {
    id: Uuid,
    kind: String,
    principal_id: Uuid,
    secret_hash: Vec<u8>,
    name: Option<String>,
    token_prefix: String,
    last4: String,
    scopes: Option<Vec<Option<String>>>,
    environment: String,
    ip_allow: Vec<Option<IpNet>>,
    imported: bool,
    created_at: DateTime<Utc>,
    created_by: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    revoke_reason: Option<String>,
    rotated_at: Option<DateTime<Utc>>,
    rotated_from: Option<Uuid>,
    rotated_by_itself: bool,
}

impl TryFrom<Row> for Credential {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let hash: [u8; 32] =
            row.secret_hash.try_into().map_err(|_| Fault::internal("a hash is not 32 bytes"))?;
        let kind = CredentialKind::parse(&row.kind);
        Ok(Self {
            id: CredentialId::from_uuid(row.id),
            kind: kind.ok_or_else(|| Fault::internal("a credential of no kind"))?,
            owner: PrincipalId::from_uuid(row.principal_id),
            hash: SecretHash::from_bytes(hash),
            name: row.name.unwrap_or_default(),
            prefix: row.token_prefix,
            last4: row.last4.trim_end().to_owned(),
            scope: Scope::from_stored(row.scopes.unwrap_or_default().into_iter().flatten().collect()),
            environment: Environment::parse(&row.environment).unwrap_or_default(),
            ip_allow: row.ip_allow.into_iter().flatten().collect(),
            imported: row.imported,
            created_at: row.created_at,
            created_by: row.created_by.map(PrincipalId::from_uuid),
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoke_reason: row.revoke_reason,
            rotated_at: row.rotated_at,
            rotated_from: row.rotated_from.map(CredentialId::from_uuid),
            rotated_by_itself: row.rotated_by_itself,
        })
    }
}

fn bearers() -> [&'static str; 2] {
    CredentialKind::ALL.map(CredentialKind::as_str)
}

/// A credential, to be found by the hash of its text.
pub struct Find(pub SecretHash);

impl Lookup for Find {
    type Found = Option<Arc<Credential>>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let hashes: Vec<SecretHash> = keys.iter().map(|Self(hash)| *hash).collect();
        let found: HashMap<SecretHash, Arc<Credential>> = find_by_hashes(connection, &hashes)?
            .into_iter()
            .map(|credential| (credential.hash, Arc::new(credential)))
            .collect();
        Ok(hashes.iter().map(|hash| found.get(hash).cloned()).collect())
    }
}

fn find_by_hashes(connection: &mut Connection, hashes: &[SecretHash]) -> Result<Vec<Credential>, Fault> {
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect();
    let rows: Vec<Row> = credentials::table
        .filter(credentials::secret_hash.eq_any(hashes))
        // As the index says it, so that the planner knows it is meant.
        .filter(sql::<diesel::sql_types::Bool>("kind IN ('api_key', 'pat')"))
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Credential::try_from).collect()
}

/// Finds a credential by the hash of its text.
pub fn find_by_hash(connection: &mut Connection, hash: SecretHash) -> Result<Option<Credential>, Fault> {
    Ok(find_by_hashes(connection, &[hash])?.pop())
}

/// Finds a credential by its id.
pub fn find(connection: &mut Connection, id: CredentialId) -> Result<Option<Credential>, Fault> {
    let row: Option<Row> = credentials::table
        .find(id.uuid())
        .filter(credentials::kind.eq_any(bearers()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    row.map(Credential::try_from).transpose()
}

/// The successors that a credential gave itself, and those that they gave themselves.
pub fn find_own_line(connection: &mut Connection, id: CredentialId) -> Result<Vec<CredentialId>, Fault> {
    let rows: Vec<IdRow> = diesel::sql_query(
        "WITH RECURSIVE line AS ( \
             SELECT id FROM credentials WHERE rotated_from = $1 AND rotated_by_itself \
             UNION ALL \
             SELECT next.id FROM credentials AS next JOIN line ON next.rotated_from = line.id \
             WHERE next.rotated_by_itself) \
         SELECT id FROM line",
    )
    .bind::<SqlUuid, _>(id.uuid())
    .load(connection)?;
    Ok(rows.into_iter().map(|row| CredentialId::from_uuid(row.id)).collect())
}

/// Those of them that were not taken back.
pub(super) fn find_living_own_line(
    connection: &mut Connection,
    id: CredentialId,
) -> Result<Vec<Credential>, Fault> {
    let line: Vec<Uuid> = find_own_line(connection, id)?.into_iter().map(|id| id.uuid()).collect();
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = credentials::table
        .filter(credentials::id.eq_any(line))
        .filter(credentials::revoked_at.is_null())
        .order(credentials::id)
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Credential::try_from).collect()
}

/// How many living ones of a kind somebody has; those that have a successor are not counted.
pub(super) fn count_living(
    connection: &mut Connection,
    kind: CredentialKind,
    owner: PrincipalId,
    now: DateTime<Utc>,
) -> Result<i64, Fault> {
    let count = credentials::table
        .filter(credentials::principal_id.eq(owner.uuid()))
        .filter(credentials::kind.eq(kind.as_str()))
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::rotated_at.is_null())
        .filter(credentials::expires_at.is_null().or(credentials::expires_at.gt(now)))
        .count()
        .get_result(connection)?;
    Ok(count)
}

/// The credentials that begin so; a prefix is what lists and scanners show.
pub fn find_by_prefix(connection: &mut Connection, prefix: &str) -> Result<Vec<Credential>, Fault> {
    let rows: Vec<Row> = credentials::table
        .filter(credentials::token_prefix.eq(prefix))
        .filter(credentials::kind.eq_any(bearers()))
        .order((credentials::created_at.desc(), credentials::id.desc()))
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Credential::try_from).collect()
}

/// Credentials of a kind, of one owner or of all, newest first, and how each was used.
pub fn list(
    connection: &mut Connection,
    kind: CredentialKind,
    owner: Option<PrincipalId>,
) -> Result<Vec<(Credential, Option<Use>)>, Fault> {
    let mut query = credentials::table
        .filter(credentials::kind.eq(kind.as_str()))
        .order((credentials::created_at.desc(), credentials::id.desc()))
        .select(Row::as_select())
        .into_boxed();
    if let Some(owner) = owner {
        query = query.filter(credentials::principal_id.eq(owner.uuid()));
    }
    let rows: Vec<Row> = query.load(connection)?;
    with_uses(connection, rows)
}

/// The credentials of these kinds that these have.
pub fn ids_of(
    connection: &mut Connection,
    kinds: &[CredentialKind],
    owners: &[PrincipalId],
) -> Result<Vec<CredentialId>, Fault> {
    let ids: Vec<Uuid> = credentials::table
        .filter(credentials::kind.eq_any(kinds.iter().map(|kind| kind.as_str())))
        .filter(credentials::principal_id.eq_any(owners.iter().map(|id| id.uuid())))
        .select(credentials::id)
        .load(connection)?;
    Ok(ids.into_iter().map(CredentialId::from_uuid).collect())
}

fn with_uses(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<(Credential, Option<Use>)>, Fault> {
    let mut uses = uses_of(connection, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
    let with_use = |row: Row| {
        let its_use = uses.remove(&row.id);
        Ok((Credential::try_from(row)?, its_use))
    };
    rows.into_iter().map(with_use).collect()
}

/// Where a credential stands in a list.
pub type Place = (DateTime<Utc>, CredentialId);

/// Credentials of a kind, of some owners or of all, newest first, behind one of them, and how each was used.
pub fn page(
    connection: &mut Connection,
    kind: CredentialKind,
    owners: Option<&[PrincipalId]>,
    after: Option<Place>,
    most: i64,
) -> Result<Vec<(Credential, Option<Use>)>, Fault> {
    let mut query = credentials::table
        .filter(credentials::kind.eq(kind.as_str()))
        .order((credentials::created_at.desc(), credentials::id.desc()))
        .limit(most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(owners) = owners {
        query = query.filter(credentials::principal_id.eq_any(owners.iter().map(|id| id.uuid())));
    }
    if let Some((at, id)) = after {
        let is_earlier = credentials::created_at.lt(at);
        let is_behind = credentials::created_at.eq(at).and(credentials::id.lt(id.uuid()));
        query = query.filter(is_earlier.or(is_behind));
    }
    let rows: Vec<Row> = query.load(connection)?;
    with_uses(connection, rows)
}

/// How a credential was used, if it ever was.
pub fn find_use(connection: &mut Connection, id: CredentialId) -> Result<Option<Use>, Fault> {
    Ok(uses_of(connection, &[id.uuid()])?.remove(&id.uuid()))
}

fn uses_of(connection: &mut Connection, ids: &[Uuid]) -> Result<HashMap<Uuid, Use>, Fault> {
    type Row = (Uuid, DateTime<Utc>, Option<IpNet>, i64);
    let rows: Vec<Row> =
        credential_stats::table.filter(credential_stats::credential_id.eq_any(ids)).load(connection)?;
    let used = |(id, last_used_at, ip, count): Row| {
        (id, Use { last_used_at, last_used_ip: ip.map(|ip| -> IpAddr { ip.addr() }), count })
    };
    Ok(rows.into_iter().map(used).collect())
}

/// Stores a new credential, by its hash. `false`: there is one of the very same text.
pub(super) fn insert(work: &mut Work<'_>, new: &Credential) -> Result<bool, Fault> {
    let made = diesel::insert_into(credentials::table)
        .values((
            credentials::id.eq(new.id.uuid()),
            credentials::kind.eq(new.kind.as_str()),
            credentials::principal_id.eq(new.owner.uuid()),
            credentials::secret_hash.eq(new.hash.as_bytes().to_vec()),
            credentials::name.eq(&new.name),
            credentials::token_prefix.eq(&new.prefix),
            credentials::last4.eq(&new.last4),
            credentials::scopes.eq(new.scope.to_vec()),
            credentials::environment.eq(new.environment.as_str()),
            credentials::ip_allow.eq(&new.ip_allow),
            credentials::imported.eq(new.imported),
            credentials::created_at.eq(new.created_at),
            credentials::created_by.eq(new.created_by.map(PrincipalId::uuid)),
            credentials::expires_at.eq(new.expires_at),
            credentials::rotated_from.eq(new.rotated_from.map(CredentialId::uuid)),
            credentials::rotated_by_itself.eq(new.rotated_by_itself),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(made == 1)
}

/// Ends a credential that gets a successor. `false`: it has one, was revoked or has expired; of two who try at once,
/// the second learns of the first here.
pub(super) fn retire(work: &mut Work<'_>, old: &Credential, end: DateTime<Utc>) -> Result<bool, Fault> {
    let now = work.now();
    let retired = diesel::update(credentials::table.find(old.id.uuid()))
        .filter(credentials::rotated_at.is_null())
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::expires_at.is_null().or(credentials::expires_at.gt(now)))
        .set((credentials::rotated_at.eq(now), credentials::expires_at.eq(end)))
        .execute(&mut **work)?;
    work.stale(Stale::Credential(old.hash));
    Ok(retired == 1)
}

/// Takes a credential back. `false`: it was taken back before.
pub(super) fn revoke(work: &mut Work<'_>, credential: &Credential, reason: &str) -> Result<bool, Fault> {
    let now = work.now();
    let revoked = diesel::update(credentials::table.find(credential.id.uuid()))
        .filter(credentials::revoked_at.is_null())
        .set((credentials::revoked_at.eq(now), credentials::revoke_reason.eq(reason)))
        .execute(&mut **work)?;
    work.stale(Stale::Credential(credential.hash));
    Ok(revoked == 1)
}

/// Marks that it is told now that a credential came again after its end. `false`: that was told since `since`.
pub(super) fn mark_reuse(work: &mut Work<'_>, id: CredentialId, since: DateTime<Utc>) -> Result<bool, Fault> {
    let now = work.now();
    let marked = diesel::update(credentials::table.find(id.uuid()))
        .filter(credentials::reuse_told_at.is_null().or(credentials::reuse_told_at.le(since)))
        .set(credentials::reuse_told_at.eq(now))
        .execute(&mut **work)?;
    Ok(marked == 1)
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct ExpiringRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = SqlUuid)]
    principal_id: Uuid,
    #[diesel(sql_type = Varchar)]
    name: String,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
}

/// Marks credentials that end within so many days, and of which that was not told yet; so many at once. One that was
/// made for no longer than that is left out, as is one that has a successor. What another node is marking is its own.
pub(super) fn mark_expiring(work: &mut Work<'_>, days: i16, most: i64) -> Result<Vec<Expiring>, Fault> {
    let span = Duration::days(days.into());
    let (now, end) = (work.now(), work.now() + span);
    let rows: Vec<ExpiringRow> = diesel::sql_query(
        "UPDATE credentials SET expiry_told = $1 WHERE id IN ( \
             SELECT id FROM credentials \
             WHERE expires_at > $2 AND expires_at <= $3 AND created_at < expires_at - ($3 - $2) \
               AND revoked_at IS NULL AND rotated_at IS NULL AND (expiry_told IS NULL OR expiry_told > $1) \
               AND kind = ANY($4) \
             ORDER BY expires_at, id LIMIT $5 FOR UPDATE SKIP LOCKED) \
         RETURNING id, kind, principal_id, name, expires_at",
    )
    .bind::<SmallInt, _>(days)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(end)
    .bind::<Array<Text>, _>(bearers().to_vec())
    .bind::<diesel::sql_types::BigInt, _>(most)
    .load(&mut **work)?;
    Ok(rows.into_iter().map(|row| expiring(row, days)).collect())
}

fn expiring(row: ExpiringRow, days: i16) -> Expiring {
    Expiring {
        id: CredentialId::from_uuid(row.id),
        kind: row.kind,
        owner: PrincipalId::from_uuid(row.principal_id),
        name: row.name,
        expires_at: row.expires_at,
        days,
    }
}
