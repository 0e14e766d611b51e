//! `/.well-known/oauth-authorization-server`.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue,
};
use actix_web::web::{self, Bytes};
use serde_json::{Value, json};

use crate::clients::{AuthMethod, GrantType};
use crate::oauth::OAuth;
use crate::platform::faces::only;

/// Adds the route of this verb.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/.well-known/oauth-authorization-server")
            .app_data(web::Data::new(Written::default()))
            .route(web::get().to(get))
            .route(web::method(Method::OPTIONS).to(preflight))
            .default_service(only("GET, HEAD, OPTIONS")),
    );
}

/// Some browser libraries send a header of their own with the request, and ask before.
async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ALLOW, "GET, HEAD, OPTIONS"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET"))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
        .finish()
}

/// The document as it is sent, written at the first request.
#[derive(Default)]
struct Written(OnceLock<Bytes>);

async fn get(oauth: web::Data<OAuth>, written: web::Data<Written>) -> HttpResponse {
    let document = written.0.get_or_init(|| document(&oauth.issuer).to_string().into());
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")))
        // A public document, the same for all; there is nothing to steal by reading it across origins.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(document.clone())
}

/// The document (RFC 8414 §2). Every URL is made of the issuer in the settings, never of the request.
fn document(issuer: &str) -> Value {
    let with_secret = [AuthMethod::ClientSecretBasic.as_str(), AuthMethod::ClientSecretPost.as_str()];
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "token_endpoint_auth_methods_supported": AuthMethod::ALL.map(AuthMethod::as_str),
        "revocation_endpoint_auth_methods_supported": AuthMethod::ALL.map(AuthMethod::as_str),
        "introspection_endpoint_auth_methods_supported": with_secret,
        // RFC 7636 §6.2, RFC 9207 §3.
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "prompt_values_supported": ["none", "login", "consent"],
    })
}
