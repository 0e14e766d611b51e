//! The table `credential_stats`, as it is written.

use diesel::RunQueryDsl as _;
use diesel::sql_types::{Array, BigInt, Inet, Nullable, Timestamptz, Uuid as SqlUuid};
use ipnet::IpNet;

use crate::audit::Work;
use crate::credentials::usage::Use;
use crate::kernel::{CredentialId, Fault};
use crate::platform::db::Statement;

/// Adds uses to those of other nodes; the latest tells when and from where.
pub(super) fn write(work: &mut Work<'_>, uses: &[(CredentialId, Use)]) -> Result<(), Fault> {
    Statement::new(
        "INSERT INTO credential_stats AS own (credential_id, last_used_at, last_used_ip, request_count) \
         SELECT * FROM unnest(?, ?, ?, ?) \
         ON CONFLICT (credential_id) DO UPDATE SET \
             request_count = own.request_count + excluded.request_count, \
             last_used_at = greatest(own.last_used_at, excluded.last_used_at), \
             last_used_ip = CASE WHEN excluded.last_used_at >= own.last_used_at \
                                 THEN excluded.last_used_ip ELSE own.last_used_ip END",
    )
    .bind::<Array<SqlUuid>, _>(each(uses, |id, _| id.uuid()))
    .bind::<Array<Timestamptz>, _>(each(uses, |_, used| used.last_used_at))
    .bind::<Array<Nullable<Inet>>, _>(each(uses, |_, used| used.last_used_ip.map(IpNet::from)))
    .bind::<Array<BigInt>, _>(each(uses, |_, used| used.count))
    .execute(&mut **work)?;
    Ok(())
}

fn each<T>(uses: &[(CredentialId, Use)], column: impl Fn(CredentialId, &Use) -> T) -> Vec<T> {
    uses.iter().map(|(id, used)| column(*id, used)).collect()
}
