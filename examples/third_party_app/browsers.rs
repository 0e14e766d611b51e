//! What Parcel remembers of each browser, and which requests it takes from one.

use std::sync::PoisonError;

use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{LOCATION, ORIGIN};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use oauth2::{CsrfToken, PkceCodeVerifier};

use super::{App, Order, Tokens, pages};

const COOKIE: &str = "parcel";
/// The most browsers that are remembered, since it is in memory.
const MOST_VISITS: usize = 1000;

/// What is remembered of a browser.
#[derive(Default)]
pub struct Visit {
    /// What must come back with the answer to our question: `state`, and the secret that only we can show (PKCE).
    pub asked: Option<(CsrfToken, PkceCodeVerifier)>,
    pub tokens: Option<Tokens>,
    /// What the next page says first.
    pub notice: Option<String>,
}

/// The start page.
pub async fn home(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    // Its cookie goes with the name in the address bar, so there is one name for it.
    if !app.url.ends_with(&format!("://{}", request.connection_info().host())) {
        return HttpResponse::Found().insert_header((LOCATION, format!("{}/", app.url))).finish();
    }
    app.home(&request, None)
}

impl App {
    /// The page that fits what is known of the browser; a notice is shown once.
    pub fn home(&self, request: &HttpRequest, orders: Option<&[Order]>) -> HttpResponse {
        let known = self.visit(request, |visit| (visit.tokens.clone(), visit.notice.take()));
        match known.unwrap_or_default() {
            (Some(tokens), notice) => pages::connected(&tokens, notice.as_deref(), orders),
            (None, notice) => pages::start(notice.as_deref()),
        }
    }

    /// Says something on the next page.
    pub fn say(&self, request: &HttpRequest, words: &str) -> HttpResponse {
        self.visit(request, |visit| visit.notice = Some(words.to_owned()));
        HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish()
    }

    /// Does something with what is remembered of this browser, if anything is.
    pub fn visit<T>(&self, request: &HttpRequest, act: impl FnOnce(&mut Visit) -> T) -> Option<T> {
        let name = request.cookie(COOKIE)?;
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name.value()).map(act)
    }

    /// Remembers a browser anew, under a name that nobody knew before, and sends it on.
    pub fn begin(&self, request: &HttpRequest, visit: Visit, address: &str) -> HttpResponse {
        let name = CsrfToken::new_random_len(32).into_secret();
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        request.cookie(COOKIE).and_then(|old| visits.remove(old.value()));
        if visits.len() >= MOST_VISITS {
            visits.clear();
        }
        visits.insert(name.clone(), visit);
        // An app that is reached by https adds `secure(true)`, and `__Host-` to the name.
        let cookie = Cookie::build(COOKIE, name).path("/").http_only(true).same_site(SameSite::Lax);
        HttpResponse::SeeOther().insert_header((LOCATION, address)).cookie(cookie.finish()).finish()
    }
}

/// Another site's form would act with this browser's cookie: forms are taken from our own pages only.
pub async fn own_forms_only(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let is_own = request.headers().get(ORIGIN).is_some_and(|origin| origin.as_bytes() == app.url.as_bytes());
    if request.method() != Method::GET && !is_own {
        let refusal = pages::trouble(StatusCode::FORBIDDEN, "This form is not from a page of ours.");
        return Ok(request.into_response(refusal).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}
