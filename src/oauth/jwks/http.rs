//! `/oauth/jwks`.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header as _, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::kernel::Denial;
use crate::oauth::OAuth;
use crate::oauth::metadata::http::preflight;
use crate::platform::context::Context;
use crate::platform::faces::{OAuthFace, only};
use crate::signing::JWKS_MAX_AGE;

/// How long the key set may be kept, by anybody.
static KEPT: LazyLock<String> = LazyLock::new(|| format!("public, max-age={JWKS_MAX_AGE}"));

/// Adds the route of this verb.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/oauth/jwks")
            .route(web::get().to(get))
            .route(web::method(Method::OPTIONS).to(preflight))
            .default_service(only("GET, HEAD, OPTIONS")),
    );
}

/// The public keys, from memory. Whoever keeps them for `max-age` knows every key before it signs.
async fn get(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, OAuthFace> {
    let set = oauth.keys.key_set(context.now)?.ok_or(Denial::NotFound)?;
    let is_known = knows(&request, &set.etag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, KEPT.as_str()))
        .insert_header((ETAG, set.etag.as_str()))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.insert_header((CONTENT_TYPE, "application/json")).body(set.body.clone()))
}

/// Whether the caller has this very set (RFC 9110 §13.1.2). What cannot be read as tags is not there.
fn knows(request: &HttpRequest, etag: &str) -> bool {
    let Ok(ours) = etag.parse::<EntityTag>() else { return false };
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&ours)),
        Err(_) => false,
    }
}
