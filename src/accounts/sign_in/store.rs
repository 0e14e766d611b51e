//! The table `sign_in_failures`.

use diesel::prelude::*;

use crate::accounts::sign_in::rules::Failures;
use crate::audit::Work;
use crate::kernel::{Fault, SecretHash};
use crate::platform::client_ip::Network;
use crate::schema::sign_in_failures;

/// The failures of an account from a network today, held until the act ends, so that parallel guesses queue up
/// and each counts.
pub(super) fn hold(work: &mut Work<'_>, account: SecretHash, network: Network) -> Result<Failures, Fault> {
    let now = work.now();
    let (day, account, network) = (now.date_naive(), account.as_bytes().to_vec(), network.to_string());
    diesel::insert_into(sign_in_failures::table)
        .values((
            sign_in_failures::day.eq(day),
            sign_in_failures::account_hash.eq(&account),
            sign_in_failures::network.eq(&network),
            sign_in_failures::failures.eq(0),
            sign_in_failures::last_failed_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    let (count, last_at) = sign_in_failures::table
        .find((day, account, network))
        .select((sign_in_failures::failures, sign_in_failures::last_failed_at))
        .for_update()
        .first(&mut **work)?;
    Ok(Failures { count, last_at })
}

/// Sets the count.
pub(super) fn set(
    work: &mut Work<'_>,
    account: SecretHash,
    network: Network,
    count: i32,
) -> Result<(), Fault> {
    let now = work.now();
    let key = (now.date_naive(), account.as_bytes().to_vec(), network.to_string());
    diesel::update(sign_in_failures::table.find(key))
        .set((sign_in_failures::failures.eq(count), sign_in_failures::last_failed_at.eq(now)))
        .execute(&mut **work)?;
    Ok(())
}
