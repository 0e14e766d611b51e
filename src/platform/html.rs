//! Pages: rendered, and sent with the headers that keep them ours (RFC 9700 §4.2.4, §4.16).

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

/// Answers with a page. `form_action` is where else its form may lead: Chromium applies `form-action` to the
/// redirect that follows a form, so the app's own address must be named for its person to return there.
pub fn page(
    mut response: HttpResponseBuilder,
    template: &impl Template,
    form_action: Option<&str>,
) -> HttpResponse {
    match template.render() {
        Ok(body) => dress(&mut response, form_action).body(body),
        Err(error) => {
            log::error!("rendering a page: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// The headers of every page, also of one that only redirects.
fn dress<'r>(
    response: &'r mut HttpResponseBuilder,
    form_action: Option<&str>,
) -> &'r mut HttpResponseBuilder {
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, policy(form_action)))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        // `no-referrer` would make a page's own form carry `Origin: null`, which the Origin check refuses.
        .insert_header((REFERRER_POLICY, "same-origin"))
}

fn policy(form_action: Option<&str>) -> HeaderValue {
    const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                          object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
    // A registered redirect URI has no character that could end the directive; what cannot be a header
    // value is left out, and the stricter policy stands.
    form_action
        .filter(|source| !source.contains([';', ',', ' ']))
        .and_then(|source| HeaderValue::from_str(&format!("{POLICY} {source}")).ok())
        .unwrap_or(HeaderValue::from_static(POLICY))
}

/// Sends the browser on, by GET whatever it came with (RFC 9700 §4.12: never 307).
pub fn see_other(location: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header(("Location", location));
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .finish()
}
