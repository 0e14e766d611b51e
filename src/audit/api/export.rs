//! `GET /api/v1/events/export`: a copy of the events, oldest first, however many there are. They are read by page and go
//! out as they are read, as fast as whoever asks takes them; between two pages nothing is held.

use actix_web::http::Method;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use futures_util::Stream;
use futures_util::stream::try_unfold;

use crate::audit::api::events::{filter, seen};
use crate::audit::export::{CSV, Format, NDJSON, exported};
use crate::audit::{Actor, Filter, Ledger, page};
use crate::kernel::{Denial, Fault};
use crate::platform::api::{Answers, By, Endpoint, Filters, Sees, Sight};
use crate::platform::context::Context;
use crate::platform::faces::no_store;
use crate::platform::problem::ProblemFace;
use crate::platform::request_id;

/// Events that are read at once.
const PAGE: i64 = 500;

/// What this file answers.
pub(super) fn endpoint() -> Endpoint {
    let about = "Sends every event that the caller may see, oldest first; the log says that it did.";
    Endpoint::new(Method::GET, "/events/export", || web::to(get), about)
        .scope("audit:read")
        .sees(Sees::Events)
        .filters(&["format", "type", "actor", "target", "since", "until"])
        .answers(Answers::Stream(&[NDJSON, CSV]))
}

async fn get(
    ledger: web::Data<Ledger>,
    context: Context,
    By(caller): By,
    sight: Sight,
    filters: Filters,
) -> Result<HttpResponse, ProblemFace> {
    let format = filters.one_of("format", &Format::ALL.map(|format| (format.as_str(), format)))?;
    let format = format.ok_or_else(|| Denial::Unfit("format is required".to_owned()))?;
    let filter = filter(&filters, &sight)?;
    let filter = Filter { to: filter.to.or(Some(context.now)), ..filter };
    let event = exported(Actor::of(&caller), format, &filter);
    let told = ledger.act(&context, move |work| {
        work.tell(event);
        Ok(Ok(()))
    });
    told.await??;
    let name = format!("attachment; filename=\"events.{}\"", ending(format));
    let copy = Copy { ledger: ledger.as_ref().clone(), format, filter, head: format.head() };
    Ok(no_store(&mut HttpResponse::Ok())
        .content_type(format.media_type())
        .insert_header((CONTENT_DISPOSITION, name))
        .streaming(copy.lines()))
}

fn ending(format: Format) -> &'static str {
    match format {
        Format::Ndjson | Format::Ocsf => "ndjson",
        Format::Csv => "csv",
    }
}

/// A copy that is under way.
struct Copy {
    ledger: Ledger,
    format: Format,
    filter: Filter,
    /// The line of names, until it is out.
    head: Option<String>,
}

impl Copy {
    /// A page at a time. Where one cannot be read the answer breaks off, so that nobody takes a part for the whole.
    fn lines(self) -> impl Stream<Item = Result<Bytes, Fault>> {
        let request = request_id::current().map(|id| id.to_string()).unwrap_or_default();
        try_unfold(Some(self), move |copy| {
            let request = request.clone();
            async move {
                let Some(copy) = copy else { return Ok(None) };
                let next = copy.next().await;
                next.map(Some).inspect_err(
                    |fault| log::warn!(request_id = request; "a copy of the events broke off: {fault}"),
                )
            }
        })
    }

    /// The next page, and what is left, if there may be more.
    async fn next(mut self) -> Result<(Bytes, Option<Self>), Fault> {
        let filter = self.filter.clone();
        let events = self.ledger.read(move |connection| page(connection, &filter, PAGE)).await?;
        let mut text = self.head.take().map(|head| head + "\n").unwrap_or_default();
        let is_over = events.len() < usize::try_from(PAGE).unwrap_or_default();
        self.filter.after = events.last().map(|event| (event.occurred_at, event.id));
        for event in events {
            text.push_str(&self.format.line(&seen(event, self.filter.concerning.as_deref()))?);
            text.push('\n');
        }
        Ok((text.into(), Some(self).filter(|_| !is_over)))
    }
}
