//! `/.well-known/oauth-authorization-server`.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL,
};
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::clients::{AuthMethod, GrantType};
use crate::oauth::OAuth;
use crate::platform::context::Context;
use crate::platform::faces::only;

/// Adds the route of this verb.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/.well-known/oauth-authorization-server")
            .route(web::get().to(get))
            .route(web::method(Method::OPTIONS).to(preflight))
            .default_service(only("GET, HEAD, OPTIONS")),
    );
}

/// Some browser libraries send a header of their own with the request, and ask before.
pub(in crate::oauth) async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ALLOW, "GET, HEAD, OPTIONS"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET"))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
        .finish()
}

async fn get(oauth: web::Data<OAuth>, context: Context) -> HttpResponse {
    // While the keys are not read yet, there is nothing to point at.
    let shows_keys = oauth.keys.key_set(context.now).is_ok_and(|set| set.is_some());
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        // A public document, the same for all; there is nothing to steal by reading it across origins.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(document(&oauth.issuer, shows_keys))
}

/// The document (RFC 8414 §2). Every URL is made of the issuer in the settings, never of the request.
fn document(issuer: &str, shows_keys: bool) -> Value {
    let with_secret = [AuthMethod::ClientSecretBasic.as_str(), AuthMethod::ClientSecretPost.as_str()];
    let mut document = json!({
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
    });
    if let Some(members) = document.as_object_mut().filter(|_| shows_keys) {
        members.insert("jwks_uri".into(), format!("{issuer}/oauth/jwks").into());
    }
    document
}
