//! What is written together: the rows of the log, what they add to the usage, and the link that they are in the chain.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::audit::{Actor, Event, Kind, WriteValue};
use crate::kernel::{Fault, Stale};
use crate::platform::db::Connection;
use crate::traffic::rollup::{Key, Sums, sum_up};
use crate::traffic::sampling::Sampling;
use crate::traffic::seal::Seal;
use crate::traffic::store::batches::{self, Written};
use crate::traffic::store::{Canonical, Grain, Logged, log, rollups};
use crate::traffic::{Check, Story, texts};

/// The longest that texts of strangers are, in bytes.
const PATH: usize = 1024;
const WORDS: usize = 256;
const METHOD: usize = 32;

/// Rows that are committed together, once.
pub(super) struct Batch {
    pub(super) rows: Vec<Logged>,
    sums: [Vec<(Key, Sums)>; 3],
    written: Written,
    events: Vec<Event>,
}

/// Calls that are missing in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// There was no room for them.
    pub(super) dropped: u64,
    /// The database refused them.
    pub(super) unwritable: u64,
}

impl Missing {
    /// Both together.
    pub(super) fn and(self, more: Self) -> Self {
        Self { dropped: self.dropped + more.dropped, unwritable: self.unwritable + more.unwritable }
    }
}

impl Batch {
    /// The batch of these stories, the next in this chain; and the chain with it. All of them count, and those that the
    /// sample takes are logged.
    pub(super) fn of(
        id: Uuid,
        now: DateTime<Utc>,
        stories: &[Story],
        sampling: &mut Sampling,
        chain: &Seal,
    ) -> Result<(Self, Seal), Fault> {
        let mut rows: Vec<Logged> = stories
            .iter()
            .filter(|story| sampling.takes(story, now))
            .map(|story| logged(story, id))
            .collect::<Result<_, _>>()?;
        rows.sort_by_key(|row| (row.ts, row.request_id));
        let (chain, written) = chain.with(id, now, &rows)?;
        let sums = Grain::ALL.map(|grain| sum_up(stories, grain));
        Ok((Self { rows, sums, written, events: Vec::new() }, chain))
    }

    /// And the chain ends with it, which is told; and so is what is missing.
    pub(super) fn sealing(mut self, chain: &Seal, missing: Missing) -> Self {
        let sealed = Event::new(Kind::TrafficSealed, Actor::Operator).on("seal", chain.id());
        self.events.push(sealed.with(chain.told()));
        if missing != Missing::default() {
            let data = json!({ "dropped": missing.dropped, "unwritable": missing.unwritable });
            self.events.push(Event::new(Kind::TrafficDropped, Actor::Operator).with(data));
        }
        self
    }
}

impl Batch {
    /// Whether it ends its chain.
    pub(super) fn seals(&self) -> bool {
        !self.events.is_empty()
    }
}

/// Whether it was written now, or was there already: what became of an earlier attempt nobody knew.
pub(super) type IsNew = bool;

impl WriteValue for Arc<Batch> {
    type Verdict = IsNew;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<IsNew>, Fault> {
        rows.iter().map(|batch| batch.write(connection)).collect()
    }

    fn events(&self, is_new: &IsNew) -> Vec<Event> {
        if *is_new { self.events.clone() } else { Vec::new() }
    }

    fn stale(&self) -> Option<Stale> {
        None
    }
}

impl Batch {
    fn write(&self, connection: &mut Connection) -> Result<IsNew, Fault> {
        if !batches::insert(connection, &self.written)? {
            return Ok(false);
        }
        log::append(connection, &self.rows)?;
        for (grain, sums) in Grain::ALL.into_iter().zip(&self.sums) {
            rollups::add(connection, grain, sums)?;
        }
        Ok(true)
    }
}

/// A story as a row.
fn logged(story: &Story, batch: Uuid) -> Result<Logged, Fault> {
    let checks: Vec<Check> = story.checks.iter().map(fitting).collect();
    let fit = |text: &Option<String>| text.as_deref().map(|text| texts::fit(text, WORDS));
    Ok(Logged {
        ts: story.when,
        request_id: story.request.uuid(),
        batch_id: batch,
        account_id: story.who.account.map(|id| id.uuid()),
        principal_id: story.who.principal.map(|id| id.uuid()),
        credential_id: story.who.credential.map(|id| id.uuid()),
        token_id: story.who.token.map(|id| id.uuid()),
        client_id: story.who.client.map(|id| id.uuid()),
        service_id: story.call.service.map(|id| id.uuid()),
        method: texts::fit(&story.call.method, METHOD),
        path: texts::path(&story.call.path, PATH),
        route: fit(&story.call.route),
        status_code: i16::try_from(story.status).unwrap_or(i16::MAX),
        error_code: story.error_code.map(ToOwned::to_owned),
        decision: story.ruling.as_str().to_owned(),
        policy: fit(&story.policy),
        checks: Canonical::as_declared(&checks).map_err(Fault::internal)?,
        limits: Canonical::as_declared(&story.limits).map_err(Fault::internal)?,
        response_time_ms: milliseconds(story.took.unwrap_or_default()),
        upstream_ms: story.upstream.map(milliseconds),
        bytes_in: whole(story.bytes_in),
        bytes_out: whole(story.bytes_out),
        cost_units: whole(story.cost),
        ip_address: story.ip.map(|ip| ip.to_string()),
        user_agent: story.user_agent.as_deref().map(|text| texts::fit(text, WORDS)),
        trace_id: story.trace.map(|trace| trace.to_string()),
    })
}

fn fitting(check: &Check) -> Check {
    let mut fitting = check.clone();
    // What is written in the program is no stranger's.
    if let Some(Cow::Owned(why)) = &check.why {
        fitting.why = Some(texts::fit(why, WORDS).into());
    }
    fitting
}

fn milliseconds(took: Duration) -> i32 {
    i32::try_from(took.as_millis()).unwrap_or(i32::MAX)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
