//! Fills the table of access tokens: copies of one that Grantor issued, each with a hash and an id of its own.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::Client;

use crate::machine::connect;
use crate::table::thousands;
use crate::target::{LIVE, Target};

/// In how many steps a table is filled: after each, Grantor issues some of those that will be asked for, so that they
/// lie everywhere.
const STEPS: u64 = 20;

const TEMPLATE: &str = "
    CREATE SCHEMA bench;
    CREATE TABLE bench.template AS SELECT * FROM access_tokens LIMIT 1";

/// What each column of a copy holds; `number` counts.
const COLUMNS: &str = "
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum),
           string_agg(CASE attname
               WHEN 'hash' THEN 'sha256(convert_to(''filler '' || number, ''UTF8''))'
               WHEN 'id' THEN 'gen_random_uuid()'
               WHEN 'expires_on' THEN 'expires_on - days'
               WHEN 'expires_at' THEN 'expires_at - make_interval(days => days)'
               ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = 'access_tokens'::regclass AND attnum > 0 AND NOT attisdropped";

/// A connection that fills.
pub struct Filler {
    /// The connection.
    pub client: Client,
    insert: String,
}

impl Filler {
    /// Takes a token as the template.
    pub async fn open(target: &mut Target) -> Result<Self> {
        target.live = target.issue(1, Duration::MAX).await?;
        let client = connect(&target.grantor.database()?).await?;
        client.batch_execute(TEMPLATE).await?;
        Self::over(client).await
    }

    /// Takes the template there is.
    pub async fn again(target: &Target) -> Result<Self> {
        Self::over(connect(&target.grantor.database()?).await?).await
    }

    async fn over(client: Client) -> Result<Self> {
        // So much at once is no daily work, and more checkpoints would only make it longer.
        client.batch_execute("ALTER SYSTEM SET max_wal_size = '8GB'").await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        let row = client.query_one(COLUMNS, &[]).await?;
        let (columns, values): (&str, &str) = (row.get(0), row.get(1));
        let insert = format!(
            "INSERT INTO access_tokens ({columns}) SELECT {values} FROM bench.template, \
             (SELECT $3::integer AS days) AS moved, generate_series($1::bigint, $2::bigint) AS number"
        );
        Ok(Self { client, insert })
    }

    /// Fills up to so many live tokens, and has Grantor issue those that will be asked for in between.
    pub async fn live(self, target: &mut Target, size: u64) -> Result<()> {
        let started = Instant::now();
        let asked = u64::try_from(LIVE)?;
        let filled = size.saturating_sub(asked);
        for step in 0..STEPS {
            self.copies(filled * step / STEPS, filled * (step + 1) / STEPS, 0).await?;
            let missing = usize::try_from(asked * (step + 1) / STEPS)?.saturating_sub(target.live.len());
            let issued = target.issue(missing, Duration::MAX).await?;
            target.live.extend(issued);
        }
        self.settle().await?;
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("{} live tokens filled in {seconds:.0} s", thousands(size as f64));
        Ok(())
    }

    /// Copies numbered so, of which each expires so many days before the template.
    pub async fn copies(&self, after: u64, up_to: u64, days: i32) -> Result<()> {
        let (after, up_to) = (i64::try_from(after)?, i64::try_from(up_to)?);
        self.client.execute(&self.insert, &[&(after + 1), &up_to, &days]).await?;
        Ok(())
    }

    /// What autovacuum and the checkpointer would do in their time, done before anything is measured.
    pub async fn settle(&self) -> Result<()> {
        self.client.batch_execute("VACUUM ANALYZE access_tokens").await?;
        self.client.batch_execute("ALTER SYSTEM RESET max_wal_size").await?;
        self.client.batch_execute("SELECT pg_reload_conf()").await?;
        self.client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }
}
