//! The table `interactions`. Its rows are found by id alone: a UUIDv7 tells its day.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::accounts::interactions::Interaction;
use crate::audit::Work;
use crate::kernel::{Fault, InteractionId, SecretHash, SessionId};
use crate::platform::db::Connection;
use crate::schema::interactions;

/// The longest that a person may take (`sessions.interaction_s`): what was opened earlier need not be looked at.
const LONGEST: Days = Days::new(1);

/// The day an id was made on (RFC 9562 §5.7).
fn day(id: InteractionId) -> NaiveDate {
    let seconds = id.uuid().get_timestamp().map_or(0, |time| time.to_unix().0);
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .unwrap_or_default()
        .date_naive()
}

/// Opens an interaction.
pub fn insert(work: &mut Work<'_>, interaction: &Interaction) -> Result<(), Fault> {
    let request = serde_json::to_value(&interaction.request).map_err(Fault::internal)?;
    let card = serde_json::to_value(&interaction.card).map_err(Fault::internal)?;
    diesel::insert_into(interactions::table)
        .values((
            interactions::opened_on.eq(day(interaction.id)),
            interactions::id.eq(interaction.id.uuid()),
            interactions::browser_hash.eq(interaction.browser.as_bytes().to_vec()),
            interactions::request.eq(request),
            interactions::card.eq(card),
            interactions::opened_at.eq(interaction.opened_at),
            interactions::expires_at.eq(interaction.expires_at),
        ))
        .execute(&mut **work)?;
    Ok(())
}

type Row = (Vec<u8>, Value, Value, Option<Uuid>, DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>);

/// Finds an interaction, whatever its state.
pub fn find(connection: &mut Connection, id: InteractionId) -> Result<Option<Interaction>, Fault> {
    let row: Option<Row> = interactions::table
        .find((day(id), id.uuid()))
        .select((
            interactions::browser_hash,
            interactions::request,
            interactions::card,
            interactions::signed_in_as,
            interactions::opened_at,
            interactions::expires_at,
            interactions::finished_at,
        ))
        .first(connection)
        .optional()?;
    let Some((browser, request, card, signed_in_as, opened_at, expires_at, finished_at)) = row else {
        return Ok(None);
    };
    let browser: [u8; 32] = browser.try_into().map_err(|_| Fault::internal("a hash is not 32 bytes"))?;
    let request: BTreeMap<String, String> = serde_json::from_value(request).map_err(Fault::internal)?;
    let card = serde_json::from_value(card).map_err(Fault::internal)?;
    Ok(Some(Interaction {
        id,
        browser: SecretHash::from_bytes(browser),
        request,
        card,
        signed_in_as: signed_in_as.map(SessionId::from_uuid),
        opened_at,
        expires_at,
        finished_at,
    }))
}

/// Answers an interaction, once: `false` if somebody did before, or it is no longer this browser's.
pub fn finish(work: &mut Work<'_>, id: InteractionId, browser: SecretHash) -> Result<bool, Fault> {
    let now = work.now();
    let finished = diesel::update(interactions::table.find((day(id), id.uuid())))
        .filter(interactions::browser_hash.eq(browser.as_bytes().to_vec()))
        .filter(interactions::finished_at.is_null())
        .filter(interactions::expires_at.gt(now))
        .set(interactions::finished_at.eq(now))
        .execute(&mut **work)?;
    Ok(finished == 1)
}

/// Hands an open interaction on to the browser's new id, at sign-out, to go on with somebody else.
pub fn rebind(
    work: &mut Work<'_>,
    id: InteractionId,
    from: SecretHash,
    to: SecretHash,
) -> Result<bool, Fault> {
    let now = work.now();
    let rebound = diesel::update(interactions::table.find((day(id), id.uuid())))
        .filter(interactions::browser_hash.eq(from.as_bytes().to_vec()))
        .filter(interactions::finished_at.is_null())
        .filter(interactions::expires_at.gt(now))
        .set((
            interactions::browser_hash.eq(to.as_bytes().to_vec()),
            interactions::signed_in_as.eq(None::<Uuid>),
        ))
        .execute(&mut **work)?;
    Ok(rebound == 1)
}

/// Hands all open interactions of a browser on to its new id, at sign-in: each began before it, so the session
/// it opened is for each of them, in whichever tab it waits.
pub fn rebind_all(
    work: &mut Work<'_>,
    from: SecretHash,
    to: SecretHash,
    session: SessionId,
) -> Result<usize, Fault> {
    let now = work.now();
    Ok(diesel::update(interactions::table)
        .filter(interactions::opened_on.ge(now.date_naive() - LONGEST))
        .filter(interactions::browser_hash.eq(from.as_bytes().to_vec()))
        .filter(interactions::finished_at.is_null())
        .filter(interactions::expires_at.gt(now))
        .set((
            interactions::browser_hash.eq(to.as_bytes().to_vec()),
            interactions::signed_in_as.eq(session.uuid()),
        ))
        .execute(&mut **work)?)
}
