//! The table `grant_usage`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::audit::Work;
use crate::grants::usage::Use;
use crate::kernel::{Fault, GrantId, PrincipalId};
use crate::platform::db::Connection;
use crate::schema::{grant_usage, grants};

/// Rows in one statement, far below the 65 535 values that Postgres takes.
const AT_ONCE: usize = 10_000;

diesel::define_sql_function! {
    /// The later of two moments.
    fn greatest(one: diesel::sql_types::Timestamptz, other: diesel::sql_types::Timestamptz) -> diesel::sql_types::Timestamptz;
}

/// Writes how grants were used; what another node wrote later stands, and all calls count.
pub(super) fn write(work: &mut Work<'_>, uses: &[(GrantId, Use)]) -> Result<(), Fault> {
    for uses in uses.chunks(AT_ONCE) {
        let row = |(grant, used): &(GrantId, Use)| {
            (
                grant_usage::grant_id.eq(grant.uuid()),
                grant_usage::last_used_at.eq(used.last_at),
                grant_usage::calls.eq(used.calls),
            )
        };
        diesel::insert_into(grant_usage::table)
            .values(uses.iter().map(row).collect::<Vec<_>>())
            .on_conflict(grant_usage::grant_id)
            .do_update()
            .set((
                grant_usage::last_used_at
                    .eq(greatest(grant_usage::last_used_at, excluded(grant_usage::last_used_at))),
                grant_usage::calls.eq(grant_usage::calls + excluded(grant_usage::calls)),
            ))
            .execute(&mut **work)?;
    }
    Ok(())
}

/// How each living grant of a person was used; one that never was is absent.
pub fn uses(connection: &mut Connection, user: PrincipalId) -> Result<Vec<(GrantId, Use)>, Fault> {
    let rows: Vec<(Uuid, DateTime<Utc>, i64)> = grant_usage::table
        .inner_join(grants::table)
        .filter(grants::user_id.eq(user.uuid()))
        .filter(grants::withdrawn_at.is_null())
        .select((grant_usage::grant_id, grant_usage::last_used_at, grant_usage::calls))
        .load(connection)?;
    let read = |(grant, last_at, calls)| (GrantId::from_uuid(grant), Use { last_at, calls });
    Ok(rows.into_iter().map(read).collect())
}
