//! `/api/v1/events`: what was done.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::audit::{Filter, Kind, Ledger, Listed, find, newest};
use crate::kernel::{Denial, EventId};
use crate::platform::api::{self, Answers, Endpoint, Filters, Form, Member, PageQuery, Sees, Shape, Sight};
use crate::platform::clock::moment_of_micros;
use crate::platform::problem::ProblemFace;

/// An event, as [`Listed`] is written.
const EVENT: Shape = &[
    Member::new("occurred_at", Form::Moment, "When."),
    Member::new("id", Form::Id, "Its id."),
    Member::new("kind", Form::Text, "What, as object.verb."),
    Member::new("outcome", Form::OneOf(&["success", "failure", "denied"]), "How it ended."),
    Member::new("actor_kind", Form::OneOf(&["user", "client", "org", "operator", "anonymous"]), "Who."),
    Member::new("actor_id", Form::Maybe(&Form::Id), "Which principal."),
    Member::new("target_kind", Form::Maybe(&Form::Text), "To what kind of thing."),
    Member::new("target_id", Form::Maybe(&Form::Text), "To which."),
    Member::new("client_id", Form::Maybe(&Form::Id), "The client concerned, by the id of its principal."),
    Member::new("request_id", Form::Maybe(&Form::Id), "The request that caused it."),
    Member::new("ip", Form::Maybe(&Form::Text), "From where."),
    Member::new("user_agent", Form::Maybe(&Form::Text), "With what."),
    Member::new("data", Form::Anything, "What else is worth knowing."),
];
const FILTERS: &[&str] = &["type", "actor", "target", "since", "until"];

/// Characters that the id of a target has at most.
const LONGEST: usize = 256;

/// What this file answers.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(
            Method::GET,
            "/events",
            || web::to(list),
            "Lists the events that the caller may see, newest first.",
        )
        .scope("audit:read")
        .sees(Sees::Events)
        .filters(FILTERS)
        .answers(Answers::Many(EVENT)),
        at(Method::GET, "/events/{id}", || web::to(get), "Shows an event.")
            .scope("audit:read")
            .sees(Sees::Events)
            .answers(Answers::One(EVENT)),
    ]
}

/// The events that are meant, within what the caller may see.
pub(super) fn filter(filters: &Filters, sight: &Sight) -> Result<Filter, Denial> {
    let (from, to) = filters.times()?;
    let known = |name: &str| Kind::ALL.iter().map(|kind| kind.as_str()).find(|kind| *kind == name);
    let kind = filters.read("type", known, "a type of event, such as credential.created")?;
    let target = |text: &str| (text.len() <= LONGEST).then(|| text.to_owned());
    Ok(Filter {
        from,
        to,
        kind: kind.map(str::to_owned),
        actor: filters.id("actor")?,
        target: filters.read("target", target, "an id")?,
        concerning: sight.ids().map(<[Uuid]>::to_vec),
        after: None,
    })
}

async fn list(
    ledger: web::Data<Ledger>,
    sight: Sight,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let after = query.after.as_deref().and_then(read_place);
    let (filter, most) = (Filter { after, ..filter(&query.filters, &sight)? }, query.to_load());
    let events = ledger.read(move |connection| newest(connection, &filter, most)).await?;
    Ok(api::ok(&query.of(events, place, |event| seen(event, sight.ids()))))
}

/// An event as it is shown to who sees these: from where and with what somebody else did it is nobody's business.
pub(super) fn seen(event: Listed, ids: Option<&[Uuid]>) -> Listed {
    let is_own = |ids: &[Uuid]| event.actor_id.is_some_and(|actor| ids.contains(&actor));
    if ids.is_none_or(is_own) { event } else { Listed { ip: None, user_agent: None, ..event } }
}

fn place(event: &Listed) -> String {
    format!("{}.{}", event.occurred_at.timestamp_micros(), event.id)
}

fn read_place(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text.split_once('.')?;
    Some((moment_of_micros(at)?, id.parse().ok()?))
}

async fn get(
    ledger: web::Data<Ledger>,
    sight: Sight,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let id = EventId::parse(&id).ok_or(Denial::NotFound)?;
    let ids = sight.ids().map(<[Uuid]>::to_vec);
    let event = ledger.read(move |connection| find(connection, id, sight.ids())).await?;
    Ok(api::ok(&seen(event.ok_or(Denial::NotFound)?, ids.as_deref())))
}
