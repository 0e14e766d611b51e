//! Cross-origin calls of browser apps (fetch specification, CORS protocol).
//!
//! A preflight names no client, so it is answered for the union of registered origins; the request itself is
//! answered for its own client's origins only. Credentials are never allowed: our cookies are not for others.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};

use crate::clients::{Client, store};
use crate::oauth::OAuth;
use crate::platform::faces::OAuthFace;

/// The origins of the client that made this request, once it is known.
struct Origins(Vec<String>);

/// Notes which origins may read the answer.
pub fn identified(request: &HttpRequest, client: &Client) {
    request.extensions_mut().insert(Origins(client.origins.clone()));
}

/// Lets the identified client's own origin read the answer, also when it is an error.
pub async fn answer<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let origin = response.request().headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| {
        let extensions = response.request().extensions();
        let own = extensions.get::<Origins>();
        own.is_some_and(|own| own.0.iter().any(|own| own.as_bytes() == origin.as_bytes()))
    });
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("WWW-Authenticate, Retry-After, X-Request-Id"),
        );
    }
    Ok(response)
}

/// Answers a preflight.
pub async fn preflight(oauth: web::Data<OAuth>, request: HttpRequest) -> Result<HttpResponse, OAuthFace> {
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::VARY, "Origin")).insert_header((header::ALLOW, "POST, OPTIONS"));
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let Some(origin) = origin.map(str::to_owned) else {
        return Ok(response.finish());
    };
    let asked = origin.clone();
    let known = oauth.ledger.read(move |connection| store::is_registered_origin(connection, &asked)).await?;
    if known {
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin))
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
    }
    Ok(response.finish())
}
