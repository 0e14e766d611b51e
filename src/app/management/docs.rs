//! The pages that show the management API to whoever writes for it: made of what the endpoints say of themselves, as
//! `/openapi.json` is.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::app::management::endpoints;
use crate::kernel::Denial;
use crate::platform::api::{self, Answers, Endpoint, Form, Needs, PROBLEM, Parameter, Shape};
use crate::platform::faces::{PageFace, only};
use crate::platform::html;

/// Adds the routes of these pages.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/docs").route(web::get().to(contents)).default_service(only("GET, HEAD")))
        .service(
            web::resource("/docs/{resource}")
                .route(web::get().to(resource))
                .default_service(only("GET, HEAD")),
        );
}

/// What there is, and what holds for all of it.
#[derive(Template)]
#[template(path = "docs/contents.html")]
struct ContentsPage {
    base: &'static str,
    resources: Vec<Resource>,
    problem: Vec<Line>,
}

/// One resource, with all that can be done with it.
#[derive(Template)]
#[template(path = "docs/resource.html")]
struct ResourcePage {
    base: &'static str,
    resource: Resource,
}

struct Resource {
    /// The first word of its paths.
    name: &'static str,
    operations: Vec<Operation>,
}

struct Operation {
    /// Its `operationId`, which is its anchor, too.
    id: String,
    method: String,
    path: &'static str,
    summary: &'static str,
    needs: Needs,
    query: Vec<Parameter>,
    headers: Vec<Parameter>,
    reads: Option<Members>,
    answers: Answer,
    refusals: String,
}

/// What is answered when all is well.
struct Answer {
    status: &'static str,
    words: &'static str,
    is_page: bool,
    media: Option<String>,
    members: Option<Members>,
}

/// The members of an object: each, or where they were listed before.
enum Members {
    Listed(Vec<Line>),
    As(Place),
}

/// Where members were listed.
#[derive(Clone)]
struct Place {
    /// At which operation.
    id: String,
    /// Its name,
    name: String,
    /// and whether it `reads` or `answers` them.
    verb: &'static str,
}

/// A member. What stands in an object within stands below it, by its whole name.
struct Line {
    name: String,
    form: String,
    about: &'static str,
    is_optional: bool,
    is_told_once: bool,
}

async fn contents() -> HttpResponse {
    let page = ContentsPage { base: api::BASE, resources: resources(), problem: lines("", PROBLEM) };
    html::page(HttpResponse::Ok(), &page, None)
}

async fn resource(name: web::Path<String>) -> Result<HttpResponse, PageFace> {
    let mut resources = resources().into_iter();
    let resource = resources.find(|resource| resource.name == name.as_str()).ok_or(Denial::NotFound)?;
    Ok(html::page(HttpResponse::Ok(), &ResourcePage { base: api::BASE, resource }, None))
}

/// The endpoints by the first word of their path, in the order in which they were named.
fn resources() -> Vec<Resource> {
    let mut found: Vec<(&'static str, Vec<Endpoint>)> = Vec::new();
    for endpoint in endpoints() {
        let name = endpoint.path.split('/').find(|word| !word.is_empty()).unwrap_or_default();
        match found.iter_mut().find(|(other, _)| *other == name) {
            Some((_, same)) => same.push(endpoint),
            None => found.push((name, vec![endpoint])),
        }
    }
    found.into_iter().map(|(name, same)| Resource { name, operations: operations(&same) }).collect()
}

fn operations(endpoints: &[Endpoint]) -> Vec<Operation> {
    let mut listed = Listed::default();
    endpoints.iter().map(|endpoint| Operation::of(endpoint, &mut listed)).collect()
}

/// What was listed on this page, and where.
#[derive(Default)]
struct Listed(Vec<(Shape, Place)>);

impl Listed {
    /// Lists the members, unless they were: so much is answered alike that a page would say it five times.
    fn members(&mut self, shape: Shape, here: Place) -> Members {
        if let Some((_, place)) = self.0.iter().find(|(other, _)| *other == shape && !shape.is_empty()) {
            return Members::As(place.clone());
        }
        self.0.push((shape, here));
        Members::Listed(lines("", shape))
    }
}

impl Operation {
    fn of(endpoint: &Endpoint, listed: &mut Listed) -> Self {
        let id = api::operation_id(endpoint);
        let method = endpoint.method.to_string();
        let name = format!("{method} {}", endpoint.path);
        let mut members =
            |shape, verb| listed.members(shape, Place { id: id.clone(), name: name.clone(), verb });
        let (status, words) = api::good(endpoint.answers);
        let reads = endpoint.body.map(|shape| members(shape, "reads"));
        let answers = Answer {
            status,
            words,
            is_page: matches!(endpoint.answers, Answers::Many(_)),
            media: match endpoint.answers {
                Answers::Stream(media) => Some(media.join(", ")),
                _ => None,
            },
            members: match endpoint.answers {
                Answers::One(shape) | Answers::Many(shape) | Answers::Made(shape) => {
                    Some(members(shape, "answers"))
                }
                Answers::Stream(_) | Answers::Nothing | Answers::Thanks => None,
            },
        };
        let at = |place: &'static str| {
            let parameters = api::parameters(endpoint).into_iter();
            parameters.filter(move |parameter| parameter.place == place).collect()
        };
        Self {
            query: at("query"),
            headers: at("header"),
            refusals: api::refusals(endpoint).join(", "),
            path: endpoint.path,
            summary: endpoint.summary,
            needs: endpoint.needs,
            id,
            method,
            reads,
            answers,
        }
    }
}

fn lines(within: &str, shape: Shape) -> Vec<Line> {
    shape
        .iter()
        .flat_map(|member| {
            let name = format!("{within}{}", member.name);
            let parts = match object(member.form) {
                Some(shape) => lines(&format!("{name}[]."), shape),
                None => Vec::new(),
            };
            let line = Line {
                form: form(member.form),
                about: member.about,
                is_optional: !member.required,
                is_told_once: member.is_told_once,
                name,
            };
            [line].into_iter().chain(parts)
        })
        .collect()
}

/// The shape of the objects that a form is of.
fn object(form: Form) -> Option<Shape> {
    match form {
        Form::Objects(shape) => Some(shape),
        Form::Maybe(form) => object(*form),
        _ => None,
    }
}

/// What a value looks like, for a reader: a refusal says less, since it is about JSON alone.
fn form(form: Form) -> String {
    match form {
        Form::Id => "an id".to_owned(),
        Form::Moment => "a moment".to_owned(),
        Form::Maybe(form) => format!("{} or null", self::form(*form)),
        other => other.in_words(),
    }
}
