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
use crate::platform::context::Context;
use crate::platform::faces::only;
use crate::signing::Algorithm;

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
pub(in crate::oauth) async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ALLOW, "GET, HEAD, OPTIONS"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET"))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
        .finish()
}

/// What the document says of keys.
struct Signs {
    /// Whether there is a key set to point at.
    shows_keys: bool,
    /// By which answers to introspection are signed.
    algorithms: Vec<Algorithm>,
}

/// The document as it is sent, written at the first request of each kind: what it says of keys makes sixteen.
#[derive(Default)]
struct Written([OnceLock<Bytes>; 16]);

impl Written {
    fn of(&self, signs: &Signs, issuer: &str) -> Bytes {
        let has = Algorithm::ALL.map(|algorithm| signs.algorithms.contains(&algorithm));
        let kind = has.iter().fold(usize::from(signs.shows_keys), |kind, has| kind * 2 + usize::from(*has));
        let write = || Bytes::from(document(issuer, signs).to_string());
        self.0.get(kind).map_or_else(write, |written| written.get_or_init(write).clone())
    }
}

async fn get(oauth: web::Data<OAuth>, written: web::Data<Written>, context: Context) -> HttpResponse {
    // While the keys are not read yet, there is nothing to point at.
    let signs = Signs {
        shows_keys: oauth.keys.key_set(context.now).is_ok_and(|set| set.is_some()),
        algorithms: oauth.keys.algorithms(context.now),
    };
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")))
        // A public document, the same for all; there is nothing to steal by reading it across origins.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(written.of(&signs, &oauth.issuer))
}

/// The document (RFC 8414 §2). Every URL is made of the issuer in the settings, never of the request.
fn document(issuer: &str, signs: &Signs) -> Value {
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
    if let Some(members) = document.as_object_mut() {
        if signs.shows_keys {
            members.insert("jwks_uri".into(), format!("{issuer}/oauth/jwks").into());
        }
        if !signs.algorithms.is_empty() {
            // RFC 9701 §7.
            let names: Vec<&str> = signs.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
            members.insert("introspection_signing_alg_values_supported".into(), names.into());
        }
    }
    document
}
