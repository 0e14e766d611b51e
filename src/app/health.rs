//! Is the process alive, can it serve, how is it?

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::platform::db::Db;
use crate::platform::door::Door;
use crate::platform::faces::only;
use crate::platform::metrics::Metrics;

/// `/livez`, `/readyz` and `/health`, on every listener.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(path).default_service(only("GET, HEAD"));
    config
        .service(get("/livez").route(web::get().to(livez)))
        .service(get("/readyz").route(web::get().to(readyz)))
        .service(get("/health").route(web::get().to(health)));
}

/// `/metrics`, on the ops listener only.
pub(super) fn metrics_route(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/metrics").route(web::get().to(metrics)).default_service(only("GET, HEAD")));
}

/// The process answers.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).body("ok\n")
}

/// The process can do its work, and will for a while: it is not about to end, and the database answers.
async fn readyz(door: web::Data<Door>, db: web::Data<Db>) -> HttpResponse {
    let obstacle = if door.leaving.has_begun() {
        Some("the server is about to end\n")
    } else {
        db.ping().await.err().map(|_| "the database does not answer\n")
    };
    let mut response =
        if obstacle.is_none() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((CACHE_CONTROL, "no-store")).body(obstacle.unwrap_or("ok\n"))
}

/// The same in JSON; says nothing that a stranger should not know.
async fn health(db: web::Data<Db>) -> HttpResponse {
    let database = db.ping().await.is_ok();
    let mut response = if database { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let word = |good: bool| if good { "ok" } else { "unavailable" };
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": word(database), "database": word(database) }))
}

async fn metrics(metrics: web::Data<Arc<Metrics>>) -> HttpResponse {
    match metrics.text() {
        Ok(text) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
