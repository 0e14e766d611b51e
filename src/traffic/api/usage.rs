//! `/api/v1/usage`: how much was asked.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::audit::Ledger;
use crate::kernel::Denial;
use crate::platform::api::{self, Answers, Endpoint, Form, Member, PageQuery, Sees, Shape, Sight};
use crate::platform::clock::moment_of_micros;
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::traffic::store::{By, Grain, Used, Wanted, usage};

/// How much, as [`Used`] is written.
const USED: Shape = &[
    Member::new("bucket", Form::Moment, "When the minute, hour or day began."),
    Member::new(
        "id",
        Form::Maybe(&Form::Id),
        "The account, credential or service; null: not known, or not told apart.",
    ),
    Member::new("requests", Form::Number, "How many calls."),
    Member::new("errors", Form::Number, "Of these, answered with 400 or more."),
    Member::new("limited", Form::Number, "Of these, refused by a limit."),
    Member::new("cost_units", Form::Number, "What they took from the limits."),
    Member::new("bytes_in", Form::Number, "Bytes that came."),
    Member::new("bytes_out", Form::Number, "Bytes that went."),
    Member::new("latency_ms_sum", Form::Number, "Milliseconds that all of them took."),
    Member::new(
        "introspections",
        Form::Number,
        "How often its clients asked whether a token is good; no calls.",
    ),
    Member::new("latency_hist", Form::Numbers, "How many took how long: 16 numbers, the first at most 1 ms."),
];
const FILTERS: &[&str] = &["by", "grain", "account", "credential", "service", "since", "until"];
const BY: &[(&str, By)] =
    &[("account", By::Account), ("credential", By::Credential), ("service", By::Service)];

/// From when on usage is told, if nothing is said.
const USUAL: TimeDelta = TimeDelta::hours(24);

/// What this file answers.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(Method::GET, "/usage", || web::to(get), "Tells how much was asked, oldest first.")
        .scope("usage:read")
        .sees(Sees::Usage)
        .filters(FILTERS)
        .answers(Answers::Many(USED))
}

fn wanted(query: &PageQuery, sight: &Sight, now: DateTime<Utc>) -> Result<Wanted, Denial> {
    let filters = &query.filters;
    let (since, until) = filters.times()?;
    let until = until.unwrap_or(now);
    let since = since.or_else(|| until.checked_sub_signed(USUAL)).unwrap_or(DateTime::UNIX_EPOCH);
    let grains = Grain::ALL.map(|grain| (grain.as_str(), grain));
    let grain = filters.one_of("grain", &grains)?.unwrap_or(Grain::Hour);
    let by = filters.one_of("by", BY)?.unwrap_or(By::Time);
    Ok(Wanted {
        accounts: sight.accounts(filters.id("account")?)?,
        credential: filters.id("credential")?,
        service: filters.id("service")?,
        after: query.after.as_deref().and_then(read_place),
        most: Some(query.to_load()),
        ..Wanted::of_all(grain, by, since, until)
    })
}

fn place(used: &Used) -> String {
    format!("{}.{}", used.bucket.timestamp_micros(), used.id.unwrap_or_default())
}

fn read_place(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text.split_once('.')?;
    Some((moment_of_micros(at)?, id.parse().ok()?))
}

async fn get(
    ledger: web::Data<Ledger>,
    context: Context,
    sight: Sight,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let wanted = wanted(&query, &sight, context.now)?;
    let used = ledger.read(move |connection| usage(connection, &wanted)).await?;
    Ok(api::ok(&query.of(used, place, |used| used)))
}
