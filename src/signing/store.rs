//! The table `signing_keys`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

use crate::audit::{Lookup, Work};
use crate::kernel::{Fault, Stale};
use crate::platform::db::Connection;
use crate::platform::seal::Sealed;
use crate::schema::signing_keys;
use crate::signing::key_pair::PublicKey;
use crate::signing::{Algorithm, Life, MasterKey};

/// A key at rest.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The thumbprint of its public part.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// Its public part, as it is published.
    pub public_jwk: Value,
    /// Its private part, sealed.
    pub private_key: Sealed,
    /// What it may do when.
    pub life: Life,
}

impl StoredKey {
    /// Whether this master key opens its private part.
    pub fn opens_under(&self, master: &MasterKey) -> bool {
        master.open(&self.kid, self.algorithm, &self.private_key).is_some()
    }

    /// Whether it signed this JWS, which is of this type, whatever the key may do by now.
    pub fn signed(&self, typ: &str, jws: &str) -> bool {
        let Some(public) = PublicKey::read(&self.kid, self.algorithm, self.public_jwk.clone()) else {
            return false;
        };
        let Some((message, signature)) = jws.rsplit_once('.') else { return false };
        let is_headed = message.split_once('.').is_some_and(|(header, _)| header == public.header(typ));
        is_headed && public.verifies(signature, message.as_bytes())
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = signing_keys)]
struct Row {
    kid: String,
    algorithm: String,
    public_jwk: Value,
    private_key: Vec<u8>,
    created_at: DateTime<Utc>,
    signs_from: DateTime<Utc>,
    signs_until: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl Row {
    fn key(self) -> Result<StoredKey, Fault> {
        let Self { kid, created_at, signs_from, signs_until, revoked_at, .. } = self;
        let algorithm = Algorithm::parse(&self.algorithm)
            .ok_or_else(|| Fault::internal(format!("the signing key {kid} has an unknown algorithm")))?;
        Ok(StoredKey {
            kid,
            algorithm,
            public_jwk: self.public_jwk,
            private_key: Sealed::from_bytes(self.private_key),
            life: Life { created_at, signs_from, signs_until, revoked_at },
        })
    }
}

/// Every key there ever was, oldest first.
pub fn all(connection: &mut Connection) -> Result<Vec<StoredKey>, Fault> {
    let rows: Vec<Row> = signing_keys::table
        .order((signing_keys::created_at, signing_keys::kid))
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Row::key).collect()
}

/// Every key, together with whatever others look for: so the keys are seen also while every connection is held.
pub(super) struct FindAll;

impl Lookup for FindAll {
    type Found = Arc<[StoredKey]>;

    fn find(asking: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let all: Arc<[StoredKey]> = all(connection)?.into();
        Ok(asking.iter().map(|_| Arc::clone(&all)).collect())
    }
}

/// Waits until nobody else changes keys; held until the act ends.
pub(super) fn lock(work: &mut Work<'_>) -> Result<(), Fault> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('grantor.signing_keys'))")
        .execute(&mut **work)?;
    Ok(())
}

/// Stores a new key.
pub(super) fn insert(work: &mut Work<'_>, key: &StoredKey) -> Result<(), Fault> {
    diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::kid.eq(&key.kid),
            signing_keys::algorithm.eq(key.algorithm.as_str()),
            signing_keys::public_jwk.eq(&key.public_jwk),
            signing_keys::private_key.eq(key.private_key.as_bytes()),
            signing_keys::created_at.eq(key.life.created_at),
            signing_keys::signs_from.eq(key.life.signs_from),
            signing_keys::signs_until.eq(key.life.signs_until),
        ))
        .execute(&mut **work)?;
    work.stale(Stale::SigningKeys);
    Ok(())
}

/// Writes the moments of a key anew.
pub(super) fn set_life(work: &mut Work<'_>, kid: &str, life: Life) -> Result<(), Fault> {
    diesel::update(signing_keys::table.find(kid))
        .set((
            signing_keys::signs_from.eq(life.signs_from),
            signing_keys::signs_until.eq(life.signs_until),
            signing_keys::revoked_at.eq(life.revoked_at),
        ))
        .execute(&mut **work)?;
    work.stale(Stale::SigningKeys);
    Ok(())
}
