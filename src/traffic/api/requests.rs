//! `/api/v1/requests`: calls, as the request log has them.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::audit::Ledger;
use crate::kernel::{Denial, RequestId};
use crate::platform::api::{self, Answers, Endpoint, Filters, Form, Member, PageQuery, Sees, Shape, Sight};
use crate::platform::problem::ProblemFace;
use crate::traffic::store::{Cursor, Filter, find, newest};
use crate::traffic::{Ruling, STATUSES, Statuses};

/// A call, as [`Logged`](crate::traffic::store::Logged) is written.
const REQUEST: Shape = &[
    Member::new("ts", Form::Moment, "When."),
    Member::new("request_id", Form::Id, "Its id, as its answer named it."),
    Member::new("batch_id", Form::Id, "What it was written with."),
    Member::new("account_id", Form::Maybe(&Form::Id), "Whose plan pays."),
    Member::new("principal_id", Form::Maybe(&Form::Id), "Who acted."),
    Member::new("credential_id", Form::Maybe(&Form::Id), "With which key or personal token."),
    Member::new("token_id", Form::Maybe(&Form::Id), "Or with which access token."),
    Member::new("client_id", Form::Maybe(&Form::Id), "Through which client."),
    Member::new("service_id", Form::Maybe(&Form::Id), "On which service."),
    Member::new("method", Form::Text, "The method."),
    Member::new("path", Form::Text, "The path, without its query."),
    Member::new("route", Form::Maybe(&Form::Text), "The route that it matched."),
    Member::new("status_code", Form::Number, "What was answered."),
    Member::new("error_code", Form::Maybe(&Form::Text), "Why, in a word, if it was refused."),
    Member::new("decision", Form::OneOf(&["allow", "deny", "limit", "error"]), "How it was decided."),
    Member::new("policy", Form::Maybe(&Form::Text), "By what, such as the name of a limit."),
    Member::new("checks", Form::Objects(CHECK), "What was looked at, in order."),
    Member::new("limits", Form::Objects(LIMIT), "The limits, as they stood then."),
    Member::new("response_time_ms", Form::Number, "How long the answer took, in whole milliseconds."),
    Member::new("upstream_ms", Form::Maybe(&Form::Number), "And of that the service."),
    Member::new("bytes_in", Form::Number, "Bytes of the body that came through Grantor."),
    Member::new("bytes_out", Form::Number, "And of the one that went; 0 where your own proxy carried them."),
    Member::new("cost_units", Form::Number, "What it took from the limits."),
    Member::new("ip_address", Form::Maybe(&Form::Text), "From where."),
    Member::new("user_agent", Form::Maybe(&Form::Text), "With what."),
    Member::new("trace_id", Form::Maybe(&Form::Text), "The trace it is a part of, as traceparent named it."),
];
const CHECK: Shape = &[
    Member::new("check", Form::Text, "What was looked at."),
    Member::new("outcome", Form::OneOf(&["passed", "refused", "skipped"]), "How that ended."),
    Member::optional("why", Form::Text, "Why, or what was seen."),
];
const LIMIT: Shape = &[
    Member::new("name", Form::Text, "Its name, such as minute."),
    Member::optional("quota", Form::Number, "What it allows in a window; any number, if there is none."),
    Member::new("window", Form::Number, "The window, in seconds."),
    Member::new("remaining", Form::Number, "What was left, this call taken off."),
    Member::new("reset_in", Form::Number, "Seconds until there is more."),
    Member::new("exceeded", Form::Flag, "Whether this one refused the call."),
];
const FILTERS: &[&str] = &["account", "credential", "service", "status", "decision", "since", "until"];

/// What this file answers.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(
            Method::GET,
            "/requests",
            || web::to(list),
            "Lists the calls that the caller may see, newest first.",
        )
        .scope("usage:read")
        .sees(Sees::Calls)
        .filters(FILTERS)
        .answers(Answers::Many(REQUEST)),
        at(Method::GET, "/requests/{request_id}", || web::to(get), "Tells the whole story of a call.")
            .scope("usage:read")
            .sees(Sees::Calls)
            .answers(Answers::One(REQUEST)),
    ]
}

fn filter(query: &PageQuery, sight: &Sight) -> Result<Filter, Denial> {
    let filters: &Filters = &query.filters;
    let (since, until) = filters.times()?;
    let status = filters.read("status", |text| text.parse::<Statuses>().ok(), STATUSES)?;
    let rulings = Ruling::ALL.map(|ruling| (ruling.as_str(), ruling));
    Ok(Filter {
        account: None,
        accounts: sight.accounts(filters.id("account")?)?,
        credential: filters.id("credential")?,
        service: filters.id("service")?,
        status_from: status.map(|status| status.from),
        status_to: status.map(|status| status.to),
        decision: filters.one_of("decision", &rulings)?.map(|ruling| ruling.as_str().to_owned()),
        since,
        until,
        after: query.after.as_deref().and_then(Cursor::parse),
    })
}

async fn list(
    ledger: web::Data<Ledger>,
    sight: Sight,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let (filter, most) = (filter(&query, &sight)?, query.to_load());
    let calls = ledger.read(move |connection| newest(connection, &filter, most)).await?;
    Ok(api::ok(&query.of(calls, |call| Cursor::of(call).to_string(), |call| call)))
}

async fn get(
    ledger: web::Data<Ledger>,
    sight: Sight,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let id = RequestId::parse(&id).ok_or(Denial::NotFound)?;
    let call = ledger.read(move |connection| find(connection, id)).await?.ok_or(Denial::NotFound)?;
    sight.allow(call.account_id)?;
    Ok(api::ok(&call))
}
