//! The table `credentials`, as far as it holds the secrets of clients.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::Work;
use crate::credentials::client_secrets::ClientSecret;
use crate::credentials::glimpse;
use crate::kernel::{CredentialId, Fault, PlainSecret, PrincipalId, SecretHash, Stale};
use crate::platform::db::Connection;
use crate::schema::credentials;

const CLIENT_SECRET: &str = "client_secret";

/// The secrets of a client that were not revoked, newest first.
pub fn client_secrets(connection: &mut Connection, owner: PrincipalId) -> Result<Vec<ClientSecret>, Fault> {
    Ok(secrets_of_clients(connection, &[owner])?.into_iter().map(|(_, secret)| secret).collect())
}

/// The secrets of several clients that were not revoked, newest first, each with whose it is.
pub fn secrets_of_clients(
    connection: &mut Connection,
    owners: &[PrincipalId],
) -> Result<Vec<(PrincipalId, ClientSecret)>, Fault> {
    type Row = (Uuid, Uuid, Vec<u8>, String, String, DateTime<Utc>, Option<DateTime<Utc>>);
    let owners: Vec<Uuid> = owners.iter().map(|owner| owner.uuid()).collect();
    let rows: Vec<Row> = credentials::table
        .filter(credentials::principal_id.eq_any(owners))
        .filter(credentials::kind.eq(CLIENT_SECRET))
        .filter(credentials::revoked_at.is_null())
        .order((credentials::created_at.desc(), credentials::id.desc()))
        .select((
            credentials::principal_id,
            credentials::id,
            credentials::secret_hash,
            credentials::token_prefix,
            credentials::last4,
            credentials::created_at,
            credentials::expires_at,
        ))
        .load(connection)?;
    rows.into_iter()
        .map(|(owner, id, hash, prefix, last4, created_at, expires_at)| {
            let hash: [u8; 32] = hash.try_into().map_err(|_| Fault::internal("a hash is not 32 bytes"))?;
            let (id, hash) = (CredentialId::from_uuid(id), SecretHash::from_bytes(hash));
            let secret = ClientSecret { id, hash, prefix, last4, created_at, expires_at };
            Ok((PrincipalId::from_uuid(owner), secret))
        })
        .collect()
}

/// Stores a client's new secret, by its hash. `false`: this client had the very same secret before.
pub fn insert_client_secret(
    work: &mut Work<'_>,
    id: CredentialId,
    owner: PrincipalId,
    secret: &PlainSecret,
    rotated_from: Option<CredentialId>,
) -> Result<bool, Fault> {
    let now = work.now();
    let (prefix, last4) = glimpse(secret.expose());
    let made = diesel::insert_into(credentials::table)
        .values((
            credentials::id.eq(id.uuid()),
            credentials::principal_id.eq(owner.uuid()),
            credentials::kind.eq(CLIENT_SECRET),
            credentials::secret_hash.eq(secret.hash().as_bytes().to_vec()),
            credentials::token_prefix.eq(prefix),
            credentials::last4.eq(last4),
            credentials::rotated_from.eq(rotated_from.map(|id| id.uuid())),
            credentials::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    work.stale(Stale::Client(owner));
    Ok(made == 1)
}

/// Takes back the secret of this text, of whichever client it is: its id, and that client. None: it is nobody's, or was
/// taken back before.
pub fn revoke_client_secret(
    work: &mut Work<'_>,
    secret: &PlainSecret,
    reason: &str,
) -> Result<Vec<(CredentialId, PrincipalId)>, Fault> {
    let now = work.now();
    // By its first characters, since those have an index: a hash is unique to a client only.
    let (prefix, _) = glimpse(secret.expose());
    let rows: Vec<(Uuid, Uuid)> = diesel::update(credentials::table)
        .filter(credentials::token_prefix.eq(prefix))
        .filter(credentials::kind.eq(CLIENT_SECRET))
        .filter(credentials::secret_hash.eq(secret.hash().as_bytes().to_vec()))
        .filter(credentials::revoked_at.is_null())
        .set((credentials::revoked_at.eq(now), credentials::revoke_reason.eq(reason)))
        .returning((credentials::id, credentials::principal_id))
        .get_results(&mut **work)?;
    let revoked = |(id, owner)| (CredentialId::from_uuid(id), PrincipalId::from_uuid(owner));
    let revoked: Vec<_> = rows.into_iter().map(revoked).collect();
    for (_, owner) in &revoked {
        work.stale(Stale::Client(*owner));
    }
    Ok(revoked)
}

/// Ends every other secret of a client at `end`, unless it ends earlier anyway.
pub fn end_others(
    work: &mut Work<'_>,
    owner: PrincipalId,
    kept: CredentialId,
    end: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::update(credentials::table)
        .filter(credentials::principal_id.eq(owner.uuid()))
        .filter(credentials::kind.eq(CLIENT_SECRET))
        .filter(credentials::id.ne(kept.uuid()))
        .filter(credentials::expires_at.is_null().or(credentials::expires_at.gt(end)))
        .set(credentials::expires_at.eq(end))
        .execute(&mut **work)?;
    work.stale(Stale::Client(owner));
    Ok(())
}
