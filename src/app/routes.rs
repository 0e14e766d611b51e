//! Every route, in one place.

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};

use crate::app::{assets, health, management};
use crate::kernel::Denial;
use crate::platform::faces::{PageFace, only};
use crate::{accounts, credentials, gateway, grants, limits, oauth};

/// The front listener: OAuth, pages, and what proxies ask.
pub(super) fn front(config: &mut web::ServiceConfig) {
    config
        .configure(health::routes)
        .configure(assets::routes)
        .configure(oauth::metadata::http::routes)
        .configure(oauth::jwks::http::routes)
        .configure(oauth::authorize::http::routes)
        .configure(machines)
        .configure(management::routes)
        .configure(accounts::sign_in::http::routes)
        .configure(accounts::profile::http::routes)
        .configure(credentials::tokens::http::routes)
        .configure(grants::apps::http::routes)
        .configure(grants::ending::http::routes)
        .configure(gateway::forward_auth::http::routes)
        .default_service(web::to(not_found));
}

/// What machines call: guarded, and two of them across origins.
fn machines(config: &mut web::ServiceConfig) {
    let across_origins = |path: &str| {
        web::resource(path)
            .wrap(from_fn(limits::http::client_authentication))
            .wrap(from_fn(oauth::cors::answer))
            .route(web::method(Method::OPTIONS).to(oauth::cors::preflight))
            .default_service(only("POST, OPTIONS"))
    };
    config
        .service(across_origins("/oauth/token").route(web::post().to(oauth::token::http::post)))
        .service(across_origins("/oauth/revoke").route(web::post().to(oauth::revoke::http::post)))
        .service(
            web::resource("/oauth/introspect")
                .wrap(from_fn(limits::http::client_authentication))
                .route(web::post().to(oauth::introspect::http::post))
                .default_service(only("POST")),
        );
}

/// The ops listener.
pub(super) fn ops(config: &mut web::ServiceConfig) {
    config.configure(health::routes).configure(health::metrics_route).default_service(web::to(not_found));
}

async fn not_found() -> Result<HttpResponse, PageFace> {
    Err(Denial::NotFound.into())
}
