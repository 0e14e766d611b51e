//! The management API: every endpoint of every slice, who may ask it, and the document and the pages that say so.

mod admit;
mod caller;
mod docs;
mod once;
mod sight;

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpResponse, Resource, web};

use crate::kernel::Denial;
use crate::oauth::{self, OAuth};
use crate::platform::api::{self, Endpoint, openapi};
use crate::platform::faces::only;
use crate::platform::problem::ProblemFace;
use crate::{accounts, audit, clients, credentials, decision, grants, services, traffic};

/// Every endpoint there is.
pub fn endpoints() -> Vec<Endpoint> {
    [
        accounts::me::endpoints(),
        accounts::organizations::http::endpoints(),
        accounts::organizations::members::http::endpoints(),
        accounts::plans::http::endpoints(),
        credentials::api::http::endpoints(),
        traffic::api::endpoints(),
        audit::api::endpoints(),
        services::api::endpoints(),
        clients::api::endpoints(),
        accounts::people::endpoints(),
        grants::ending::api::endpoints(),
        grants::apps::api::endpoints(),
        accounts::profile::api::endpoints(),
        decision::limits::http::endpoints(),
        oauth::leaks::http::endpoints(),
    ]
    .concat()
}

/// Adds the routes of the management API, and of its document.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let document = web::resource("/openapi.json").route(web::get().to(document));
    config.service(document.default_service(only("GET, HEAD"))).configure(docs::routes);
    let nothing = web::PathConfig::default().error_handler(|_, _| ProblemFace::from(Denial::NotFound).into());
    let mut scope = web::scope(api::BASE).app_data(nothing);
    for same in by_path(endpoints()) {
        scope = scope.service(resource(same));
    }
    config.service(scope.default_service(web::to(not_found)));
}

async fn document(oauth: web::Data<OAuth>) -> HttpResponse {
    HttpResponse::Ok().json(openapi(&endpoints(), &oauth.issuer))
}

async fn not_found() -> Result<HttpResponse, ProblemFace> {
    Err(Denial::NotFound.into())
}

/// The endpoints of each path, in the order in which they were named.
fn by_path(endpoints: Vec<Endpoint>) -> Vec<Vec<Endpoint>> {
    let mut paths: Vec<Vec<Endpoint>> = Vec::new();
    for endpoint in endpoints {
        let is_same = |same: &&mut Vec<Endpoint>| same.iter().any(|other| other.path == endpoint.path);
        match paths.iter_mut().find(is_same) {
            Some(same) => same.push(endpoint),
            None => paths.push(vec![endpoint]),
        }
    }
    paths
}

/// The endpoints of one path, each behind what it needs.
fn resource(same: Vec<Endpoint>) -> Resource {
    let path = same.first().map_or("", |endpoint| endpoint.path);
    let methods: Vec<&str> = same.iter().map(|endpoint| endpoint.method.as_str()).collect();
    let allow = methods.join(", ").replace("GET", "GET, HEAD");
    let resource = web::resource(path).default_service(web::to(move || {
        let refusal = ProblemFace::from(Denial::NoMethod(allow.clone()));
        async move { Err::<HttpResponse, _>(refusal) }
    }));
    same.into_iter().fold(resource, |resource, endpoint| {
        let route = (endpoint.route)().method(endpoint.method.clone());
        let endpoint = Arc::new(endpoint);
        resource.route(route.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            admit::admit(Arc::clone(&endpoint), request, next)
        })))
    })
}
