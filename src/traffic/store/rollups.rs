//! The tables `usage_minutes`, `usage_hours` and `usage_days`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::Serialize;
use uuid::Uuid;

use crate::kernel::Fault;
use crate::platform::db::{Connection, Statement};
use crate::traffic::rollup::{Key, Sums};

/// How fine usage is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// By minute, for a week.
    Minute,
    /// By hour, for three months.
    Hour,
    /// By UTC day, for ever.
    Day,
}

impl Grain {
    /// From the finest on.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The grain of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grain| grain.as_str() == name)
    }

    /// Where its bucket of a moment begins.
    pub fn bucket(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let seconds: i64 = match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        };
        let since = at.timestamp();
        DateTime::from_timestamp(since - since.rem_euclid(seconds), 0).unwrap_or(at)
    }
}

/// A statement that adds sums to those in a table.
macro_rules! add_to {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " AS t SELECT bucket, account_id, credential_id, service_id, requests, errors, limited, cost_units, \
               bytes_in, bytes_out, latency_ms_sum, latency_hist::bigint[] \
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS n (bucket, account_id, credential_id, service_id, \
               requests, errors, limited, cost_units, bytes_in, bytes_out, latency_ms_sum, latency_hist) \
             ON CONFLICT (bucket, account_id, credential_id, service_id) DO UPDATE SET \
               requests = t.requests + excluded.requests, errors = t.errors + excluded.errors, \
               limited = t.limited + excluded.limited, cost_units = t.cost_units + excluded.cost_units, \
               bytes_in = t.bytes_in + excluded.bytes_in, bytes_out = t.bytes_out + excluded.bytes_out, \
               latency_ms_sum = t.latency_ms_sum + excluded.latency_ms_sum, \
               latency_hist = (SELECT array_agg(a + b ORDER BY place) \
                 FROM unnest(t.latency_hist, excluded.latency_hist) WITH ORDINALITY AS h (a, b, place))"
        )
    };
}

/// Adds these sums, which come in the order of their keys, so that two nodes lock rows in the same order.
pub(in crate::traffic) fn add(
    connection: &mut Connection,
    grain: Grain,
    rows: &[(Key, Sums)],
) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = Statement::new(match grain {
        Grain::Minute => add_to!("usage_minutes"),
        Grain::Hour => add_to!("usage_hours"),
        Grain::Day => add_to!("usage_days"),
    });
    statement
        .bind::<Array<Timestamptz>, _>(each(rows, |key, _| key.bucket))
        .bind::<Array<SqlUuid>, _>(each(rows, |key, _| key.account))
        .bind::<Array<SqlUuid>, _>(each(rows, |key, _| key.credential))
        .bind::<Array<SqlUuid>, _>(each(rows, |key, _| key.service))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.requests))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.errors))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.limited))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.cost_units))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.bytes_in))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.bytes_out))
        .bind::<Array<BigInt>, _>(each(rows, |_, sums| sums.latency_ms_sum))
        .bind::<Array<Text>, _>(each(rows, |_, sums| {
            format!("{{{}}}", sums.latency_hist.map(|many| many.to_string()).join(","))
        }))
        .execute(connection)?;
    Ok(())
}

/// A statement that adds introspections to those in a table.
macro_rules! ask_in {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " AS t (bucket, account_id, credential_id, service_id, requests, errors, limited, cost_units, bytes_in, \
               bytes_out, latency_ms_sum, latency_hist, introspections) \
             SELECT bucket, account_id, '00000000-0000-0000-0000-000000000000', \
               '00000000-0000-0000-0000-000000000000', 0, 0, 0, 0, 0, 0, 0, array_fill(0::bigint, ARRAY[16]), \
               sum(many) \
             FROM unnest(?, ?, ?) AS n (bucket, account_id, many) GROUP BY 1, 2 ORDER BY 1, 2 \
             ON CONFLICT (bucket, account_id, credential_id, service_id) DO UPDATE SET \
               introspections = t.introspections + excluded.introspections"
        )
    };
}

/// Adds how often accounts asked whether a token is good.
pub(in crate::traffic) fn add_introspections(
    connection: &mut Connection,
    grain: Grain,
    rows: &[((DateTime<Utc>, Uuid), i64)],
) -> Result<(), Fault> {
    let statement = Statement::new(match grain {
        Grain::Minute => ask_in!("usage_minutes"),
        Grain::Hour => ask_in!("usage_hours"),
        Grain::Day => ask_in!("usage_days"),
    });
    let (keys, many): (Vec<(DateTime<Utc>, Uuid)>, Vec<i64>) = rows.iter().copied().unzip();
    statement
        .bind::<Array<Timestamptz>, _>(keys.iter().map(|(at, _)| grain.bucket(*at)).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(keys.iter().map(|(_, account)| *account).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(many)
        .execute(connection)?;
    Ok(())
}

fn each<T>(rows: &[(Key, Sums)], mut column: impl FnMut(&Key, &Sums) -> T) -> Vec<T> {
    rows.iter().map(|(key, sums)| column(key, sums)).collect()
}

/// By what usage is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By time alone.
    Time,
    /// And by account.
    Account,
    /// And by key or personal token.
    Credential,
    /// And by service.
    Service,
}

/// How much was asked in a time, of one or of all.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName, Serialize)]
pub struct Used {
    /// When that time began.
    #[diesel(sql_type = Timestamptz)]
    pub bucket: DateTime<Utc>,
    /// The account, credential or service.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub id: Option<Uuid>,
    /// How many calls.
    #[diesel(sql_type = BigInt)]
    pub requests: i64,
    /// Answered with 400 or more.
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
    /// Refused by a limit.
    #[diesel(sql_type = BigInt)]
    pub limited: i64,
    /// What they took from the limits.
    #[diesel(sql_type = BigInt)]
    pub cost_units: i64,
    /// Bytes that came.
    #[diesel(sql_type = BigInt)]
    pub bytes_in: i64,
    /// Bytes that went.
    #[diesel(sql_type = BigInt)]
    pub bytes_out: i64,
    /// Milliseconds that all of them took.
    #[diesel(sql_type = BigInt)]
    pub latency_ms_sum: i64,
    /// How often it was asked whether a token is good, and no more: of an account, by its clients. These are no calls.
    #[diesel(sql_type = BigInt)]
    pub introspections: i64,
    /// How many took how long, see [`crate::traffic::latency`].
    #[diesel(sql_type = Array<BigInt>)]
    pub latency_hist: Vec<i64>,
}

/// What is asked of the usage.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// In which pieces.
    pub grain: Grain,
    /// Told apart by what.
    pub by: By,
    /// From when.
    pub since: DateTime<Utc>,
    /// Until before when.
    pub until: DateTime<Utc>,
    /// Only of these accounts, if any are named.
    pub accounts: Option<Vec<Uuid>>,
    /// Only by this key or personal token.
    pub credential: Option<Uuid>,
    /// Only on this service.
    pub service: Option<Uuid>,
    /// After this piece of this one, with which a page ended; nobody is the nil UUID.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    /// At most so many, if that is bounded.
    pub most: Option<i64>,
}

impl Wanted {
    /// How much all asked in a time. A piece that began before is shown as a whole.
    pub fn of_all(grain: Grain, by: By, since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let since = grain.bucket(since);
        let (accounts, credential, service, after, most) = (None, None, None, None, None);
        Self { grain, by, since, until, accounts, credential, service, after, most }
    }
}

/// How much was asked, oldest first.
pub fn usage(connection: &mut Connection, wanted: &Wanted) -> Result<Vec<Used>, Fault> {
    let table = match wanted.grain {
        Grain::Minute => "usage_minutes",
        Grain::Hour => "usage_hours",
        Grain::Day => "usage_days",
    };
    let own = match wanted.by {
        By::Time => "$3::uuid",
        By::Account => "account_id",
        By::Credential => "credential_id",
        By::Service => "service_id",
    };
    let sum = |column: &str| format!("sum({column})::bigint AS {column}");
    let sums = [
        "requests",
        "errors",
        "limited",
        "cost_units",
        "bytes_in",
        "bytes_out",
        "latency_ms_sum",
        "introspections",
    ];
    let places: Vec<String> = (1..=16).map(|place| format!("sum(latency_hist[{place}])::bigint")).collect();
    let query = format!(
        "SELECT bucket, nullif({own}, $3) AS id, {}, ARRAY[{}] AS latency_hist FROM {table} \
         WHERE bucket >= $1 AND bucket < $2 AND ($4::uuid[] IS NULL OR account_id = ANY($4)) \
           AND ($5::uuid IS NULL OR credential_id = $5) AND ($6::uuid IS NULL OR service_id = $6) \
           AND ($7::timestamptz IS NULL OR (bucket, {own}) > ($7, $8::uuid)) \
         GROUP BY bucket, {own} ORDER BY bucket, {own} LIMIT $9",
        sums.map(sum).join(", "),
        places.join(", "),
    );
    let (after, id) = wanted.after.unzip();
    Ok(diesel::sql_query(query)
        .bind::<Timestamptz, _>(wanted.since)
        .bind::<Timestamptz, _>(wanted.until)
        .bind::<SqlUuid, _>(Uuid::nil())
        .bind::<Nullable<Array<SqlUuid>>, _>(wanted.accounts.as_ref())
        .bind::<Nullable<SqlUuid>, _>(wanted.credential)
        .bind::<Nullable<SqlUuid>, _>(wanted.service)
        .bind::<Nullable<Timestamptz>, _>(after)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<Nullable<BigInt>, _>(wanted.most)
        .load(connection)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_or_before_its_moments() {
        let at: DateTime<Utc> = "2026-11-21T13:14:15.678Z".parse().unwrap();
        let begins = Grain::ALL.map(|grain| grain.bucket(at).to_rfc3339());
        let expected =
            ["2026-11-21T13:14:00+00:00", "2026-11-21T13:00:00+00:00", "2026-11-21T00:00:00+00:00"];
        assert_eq!(begins, expected);
    }
}
