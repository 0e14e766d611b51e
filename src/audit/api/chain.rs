//! `/api/v1/audit`: the signed heads of the log, and whether it is as it was written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use crate::audit::Ledger;
use crate::audit::chain::{Report, checkpoints_after};
use crate::kernel::{Denial, Fault, Outcome};
use crate::platform::api::{self, Answers, Body, By, Endpoint, Form, Member, PageQuery, Shape};
use crate::platform::context::Context;
use crate::platform::db::{Connection, Db};
use crate::platform::problem::ProblemFace;

/// A checkpoint, as [`Checkpoint::json`](crate::audit::chain::Checkpoint::json) writes it.
const CHECKPOINT: Shape = &[
    Member::new("seq", Form::Number, "The last event that it speaks for, by its number."),
    Member::new("batch", Form::Number, "The batch that event is in."),
    Member::new("kid", Form::Text, "The key that signed it, see /oauth/jwks."),
    Member::new("created_at", Form::Moment, "When it was made."),
    Member::new("jws", Form::Text, "The signed head of the log, a compact JWS."),
];
const ASKED: Shape = &[
    Member::optional("since", Form::Moment, "Read only events that were sealed from then on."),
    Member::optional("until", Form::Moment, "Read only events that were sealed before then."),
];
/// What was found, as [`Report::json`] writes it.
const REPORT: Shape = &[
    Member::new("ok", Form::Flag, "Whether the log is as it was written."),
    Member::new(
        "late_s",
        Form::Maybe(&Form::Number),
        "For how long an event has waited for its seal, if too long.",
    ),
    Member::new("events", Form::Number, "Events that were read, and are as they were sealed."),
    Member::new("batches", Form::Number, "Seals that hold."),
    Member::new("dropped", Form::Number, "Sealed events whose month was dropped; their seals hold."),
    Member::new("skipped", Form::Number, "Sealed events that were not asked for; their seals hold."),
    Member::new("waiting", Form::Number, "Events that are not sealed yet."),
    Member::new("checkpoints", Form::Number, "Checkpoints that hold, signed by a key of ours."),
    Member::new(
        "unvouched_checkpoints",
        Form::Number,
        "Those that hold, by a key that nobody can vouch for.",
    ),
    Member::new("checkpoints_elsewhere", Form::Number, "Those that were kept elsewhere and hold; none here."),
    Member::new("flaw", Form::Maybe(&Form::Anything), "The first thing that is not as it was sealed."),
];

/// How long the log is verified for a caller, at most. Whoever needs longer has the command.
const LONGEST: Duration = Duration::from_secs(30);

/// What this file answers.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(
            Method::GET,
            "/audit/checkpoints",
            || web::to(list),
            "Lists the signed heads of the log, oldest first.",
        )
        .scope("audit:read")
        .answers(Answers::Many(CHECKPOINT)),
        at(
            Method::POST,
            "/audit/verify",
            || web::to(verify),
            "Says whether the log is as it was written; for administrators, one at a time, in 30 seconds.",
        )
        .scope("audit:read")
        .reads(ASKED)
        .answers(Answers::One(REPORT)),
    ]
}

async fn list(ledger: web::Data<Ledger>, By(_): By, query: PageQuery) -> Result<HttpResponse, ProblemFace> {
    let after = query.after.as_deref().and_then(|place| place.parse().ok()).unwrap_or(i64::MIN);
    let most = query.to_load();
    let found = ledger.read(move |connection| checkpoints_after(connection, after, most)).await?;
    Ok(api::ok(&query.of(found, |one| one.batch.to_string(), |one| one.json())))
}

async fn verify(
    auditor: web::Data<Auditor>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    if !caller.is_administrator {
        return Err(Denial::Forbidden.into());
    }
    let body = body.fit(ASKED)?;
    let times = (body.moment("since")?, body.moment("until")?);
    if matches!(times, (Some(since), Some(until)) if since > until) {
        return Err(Denial::Unfit("since is later than until".to_owned()).into());
    }
    Ok(api::ok(&auditor.report(times).await??.json(context.now)))
}

/// From when on events are read, and until when, by when they were sealed.
type Times = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// Verifies, as long as it may go on.
type Verify = dyn Fn(&mut Connection, Times, &dyn Fn() -> bool) -> Result<Report, Fault> + Send + Sync;

/// Who verifies the log for callers. How is given by who knows the keys that sign checkpoints.
pub struct Auditor {
    db: Db,
    verify: Arc<Verify>,
    turn: Arc<Semaphore>,
}

impl Auditor {
    /// Over this database, by this way.
    pub fn new(
        db: Db,
        verify: impl Fn(&mut Connection, Times, &dyn Fn() -> bool) -> Result<Report, Fault>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { db, verify: Arc::new(verify), turn: Arc::new(Semaphore::new(1)) }
    }

    /// One at a time, over a connection of its own, so that no other request waits for it. It ends by itself: whoever
    /// hangs up takes the turn from nobody.
    async fn report(&self, times: Times) -> Outcome<Report> {
        let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() else {
            return Ok(Err(Denial::Conflict(
                "the log is being verified already, try again in half a minute",
            )));
        };
        let verify = Arc::clone(&self.verify);
        let work = self.db.run_apart(move |connection| {
            let began = Instant::now();
            let report = verify(connection, times, &|| began.elapsed() < LONGEST);
            drop(turn);
            report
        });
        let report = work.await?;
        if report.is_cut_short && report.flaw.is_none() {
            let words =
                "this takes longer than 30 seconds: verify a shorter time, or run grantor audit verify";
            return Ok(Err(Denial::Unfit(words.to_owned())));
        }
        Ok(Ok(report))
    }
}
