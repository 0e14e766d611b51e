//! One table, and the statements over it. They run over many rows at once, as group commit needs them.

use anyhow::Result;
use tokio_postgres::{Client, NoTls, Statement};

use crate::tokens::Hash;

/// A code, access token or refresh token: all the same to us.
const TABLE: &str = "
    DROP SCHEMA IF EXISTS bare CASCADE;
    CREATE SCHEMA bare;
    CREATE TABLE bare.tokens (
        hash       bytea PRIMARY KEY,
        client     text NOT NULL,
        scope      text NOT NULL,
        expires_at bigint NOT NULL,
        revoked    boolean NOT NULL DEFAULT false
    )";

const INSERT: &str = "
    INSERT INTO bare.tokens (hash, client, scope, expires_at)
    SELECT hash, 'bench-machine', 'orders:read', $2 FROM unnest($1::bytea[]) AS hash";

/// The old one is spent and two new ones take its place, only if it was good.
const ROTATE: &str = "
    WITH asked AS (
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS asked (old, access, refresh)
    ), spent AS (
        UPDATE bare.tokens SET revoked = true FROM asked WHERE hash = asked.old AND NOT revoked
        RETURNING asked.access, asked.refresh, client, scope
    )
    INSERT INTO bare.tokens (hash, client, scope, expires_at)
    SELECT unnest(ARRAY[access, refresh]), client, scope, $4 FROM spent
    RETURNING hash";

const REVOKE: &str = "UPDATE bare.tokens SET revoked = true WHERE hash = ANY($1::bytea[])";

const FIND: &str = "SELECT scope, expires_at FROM bare.tokens WHERE hash = $1 AND NOT revoked";

/// Makes the table anew.
pub async fn create(database: &str) -> Result<()> {
    let client = connect(database).await?;
    Ok(client.batch_execute(TABLE).await?)
}

/// A connection with its statements.
pub struct Store {
    client: Client,
    insert: Statement,
    rotate: Statement,
    revoke: Statement,
    find: Statement,
}

/// One redemption or refresh.
pub struct Rotation {
    /// What is spent.
    pub old: Hash,
    /// The new access token.
    pub access: Hash,
    /// The new refresh token.
    pub refresh: Hash,
}

/// What is known of a live token.
#[derive(Clone)]
pub struct Found {
    /// What it carries.
    pub scope: String,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
}

impl Store {
    /// Connects.
    pub async fn open(database: &str) -> Result<Self> {
        let client = connect(database).await?;
        let insert = client.prepare(INSERT).await?;
        let rotate = client.prepare(ROTATE).await?;
        let revoke = client.prepare(REVOKE).await?;
        let find = client.prepare(FIND).await?;
        Ok(Self { client, insert, rotate, revoke, find })
    }

    /// Stores them all, or none.
    pub async fn insert(&self, hashes: &[Hash], expires_at: i64) -> Result<()> {
        if !hashes.is_empty() {
            self.client.execute(&self.insert, &[&slices(hashes), &expires_at]).await?;
        }
        Ok(())
    }

    /// The new access and refresh tokens of those whose old one was good.
    pub async fn rotate(&self, rotations: &[Rotation], expires_at: i64) -> Result<Vec<Vec<u8>>> {
        if rotations.is_empty() {
            return Ok(Vec::new());
        }
        let of = |which: fn(&Rotation) -> &Hash| -> Vec<&[u8]> {
            rotations.iter().map(|rotation| which(rotation).as_slice()).collect()
        };
        let (old, access, refresh) = (of(|one| &one.old), of(|one| &one.access), of(|one| &one.refresh));
        let rows = self.client.query(&self.rotate, &[&old, &access, &refresh, &expires_at]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Revokes them.
    pub async fn revoke(&self, hashes: &[Hash]) -> Result<()> {
        if !hashes.is_empty() {
            self.client.execute(&self.revoke, &[&slices(hashes)]).await?;
        }
        Ok(())
    }

    /// Looks one up.
    pub async fn find(&self, hash: &Hash) -> Result<Option<Found>> {
        let row = self.client.query_opt(&self.find, &[&hash.as_slice()]).await?;
        Ok(row.map(|row| Found { scope: row.get(0), expires_at: row.get(1) }))
    }
}

fn slices(hashes: &[Hash]) -> Vec<&[u8]> {
    hashes.iter().map(|hash| hash.as_slice()).collect()
}

/// A connection that plans for a table that grows: made while it is empty, a plan would read all of it later on.
async fn connect(database: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    actix_web::rt::spawn(connection);
    client
        .batch_execute(
            "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
             SET enable_hashjoin = off; SET enable_mergejoin = off",
        )
        .await?;
    Ok(client)
}
