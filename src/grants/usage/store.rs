//! The table `grant_usage`.

use chrono::{DateTime, Utc};
use diesel::dsl::IntervalDsl as _;
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::audit::Work;
use crate::kernel::{Fault, GrantId, PrincipalId};
use crate::platform::db::Connection;
use crate::schema::{grant_usage, grants};

/// Rows in one statement, far below the 65 535 values that Postgres takes.
const AT_ONCE: usize = 10_000;

/// Seconds that two uses are apart to be told apart: people are told minutes, and a busy app does not write at every
/// look at its tokens.
const FINENESS: i32 = 30;

/// Writes when grants were used; what another node wrote later stands.
pub(super) fn write(work: &mut Work<'_>, uses: &[(GrantId, DateTime<Utc>)]) -> Result<(), Fault> {
    use diesel::query_dsl::methods::FilterDsl as _;
    for uses in uses.chunks(AT_ONCE) {
        let row = |(grant, at): &(GrantId, DateTime<Utc>)| {
            (grant_usage::grant_id.eq(grant.uuid()), grant_usage::last_used_at.eq(*at))
        };
        diesel::insert_into(grant_usage::table)
            .values(uses.iter().map(row).collect::<Vec<_>>())
            .on_conflict(grant_usage::grant_id)
            .do_update()
            .set(grant_usage::last_used_at.eq(excluded(grant_usage::last_used_at)))
            .filter(excluded(grant_usage::last_used_at).ge(grant_usage::last_used_at + FINENESS.seconds()))
            .execute(&mut **work)?;
    }
    Ok(())
}

/// When each living grant of a person was last used; one that never was is absent.
pub fn last_used(
    connection: &mut Connection,
    user: PrincipalId,
) -> Result<Vec<(GrantId, DateTime<Utc>)>, Fault> {
    let rows: Vec<(Uuid, DateTime<Utc>)> = grant_usage::table
        .inner_join(grants::table)
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .select((grant_usage::grant_id, grant_usage::last_used_at))
        .load(connection)?;
    Ok(rows.into_iter().map(|(grant, at)| (GrantId::from_uuid(grant), at)).collect())
}
