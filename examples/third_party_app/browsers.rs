//! What Parcel knows a browser by, what it remembers of it, and which requests it takes from it.
//!
//! An app that is reached by https adds `secure(true)` to its cookies, and `__Host-` to the name of the visit's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, ORIGIN, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use oauth2::{CsrfToken, PkceCodeVerifier};

use super::tokens::Tokens;
use super::{App, Order, pages};

/// Holds the name of the browser's visit.
const VISIT: &str = "parcel";
/// Holds what the next page says first. No link can put words there, as it could into an address.
const NOTICE: &str = "parcel_says";
/// The most that is remembered of each, since it is in memory; then the oldest makes room.
const MOST: usize = 1000;
/// How long a question waits for its answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// A question that waits for its answer: the secret that only we can show (PKCE).
pub struct Question {
    verifier: PkceCodeVerifier,
    since: Instant,
}

/// A browser that has connected.
pub struct Visit {
    name: String,
    since: Instant,
    /// Held over a whole exchange with Grantor, hence a lock that can be waited for.
    pub tokens: tokio::sync::Mutex<Option<Tokens>>,
}

/// The start page.
pub async fn home(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    // Its cookie goes with the name in the address bar, so there is one name for it.
    if !app.url.ends_with(&format!("://{}", request.connection_info().host())) {
        return HttpResponse::Found().insert_header((LOCATION, format!("{}/", app.url))).finish();
    }
    app.page(&request, None).await
}

/// Says something on the next page.
pub fn say(words: &str) -> HttpResponse {
    go("/", &[cookie(NOTICE, words)])
}

fn go(address: &str, cookies: &[Cookie<'_>]) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    for cookie in cookies {
        response.append_header((SET_COOKIE, cookie.encoded().to_string()));
    }
    response.insert_header((LOCATION, address)).finish()
}

fn cookie(name: impl Into<String>, value: &str) -> Cookie<'_> {
    Cookie::build(name.into(), value).path("/").http_only(true).same_site(SameSite::Lax).finish()
}

/// Each question has a cookie of its own, so that two tabs can ask at once.
fn asked(state: &str) -> String {
    format!("{VISIT}_asked_{state}")
}

impl Visit {
    /// Gives the browser its name, and says something on the next page.
    pub fn welcome(&self, words: &str) -> HttpResponse {
        go("/", &[cookie(VISIT, &self.name), cookie(NOTICE, words)])
    }

    /// Notes that these tokens may no longer do this.
    pub async fn lost(&self, tokens: &Tokens, scope: &str) {
        let mut held = self.tokens.lock().await;
        if let Some(held) = held.as_mut().filter(|held| held.access.secret() == tokens.access.secret()) {
            held.scopes.retain(|known| known != scope);
        }
    }
}

impl App {
    /// The page that fits what is known of the browser; a notice is shown once.
    pub async fn page(&self, request: &HttpRequest, orders: Option<&[Order]>) -> HttpResponse {
        let notice = request.cookie(NOTICE).filter(|notice| !notice.value().is_empty());
        let words = notice.as_ref().map(|notice| notice.value());
        let mut page = match self.held(request).await {
            Some((_, tokens)) => pages::connected(&tokens, words, orders),
            None => pages::start(words),
        };
        if notice.is_some() {
            // It fails for what is no header, which this is.
            let _ = page.add_removal_cookie(&cookie(NOTICE, ""));
        }
        page
    }

    /// Sends the browser to Grantor, and remembers with what.
    pub fn ask(&self, state: CsrfToken, verifier: PkceCodeVerifier, address: &str) -> HttpResponse {
        let state = state.into_secret();
        let mut cookie = cookie(asked(&state), "1");
        cookie.set_path("/callback");
        cookie.set_max_age(actix_web::cookie::time::Duration::try_from(PATIENCE).ok());
        let mut questions = locked(&self.questions);
        questions.retain(|_, question| question.since.elapsed() < PATIENCE);
        make_room(&mut questions, |question| question.since);
        questions.insert(state, Question { verifier, since: Instant::now() });
        go(address, &[cookie])
    }

    /// The question that this browser was sent with, once.
    pub fn take_question(&self, request: &HttpRequest, state: &str) -> Option<PkceCodeVerifier> {
        request.cookie(&asked(state))?;
        let question = locked(&self.questions).remove(state)?;
        (question.since.elapsed() < PATIENCE).then_some(question.verifier)
    }

    /// Begins a visit under a name that nobody knew before: not even who could plant a cookie in the browser.
    pub fn begin(&self, tokens: Tokens) -> Arc<Visit> {
        let name = CsrfToken::new_random_len(32).into_secret();
        let tokens = tokio::sync::Mutex::new(Some(tokens));
        let visit = Arc::new(Visit { name: name.clone(), since: Instant::now(), tokens });
        let mut visits = locked(&self.visits);
        make_room(&mut visits, |visit| visit.since);
        visits.insert(name, Arc::clone(&visit));
        visit
    }

    /// The visit of this browser, if it has one.
    pub fn visit(&self, request: &HttpRequest) -> Option<Arc<Visit>> {
        locked(&self.visits).get(request.cookie(VISIT)?.value()).cloned()
    }

    /// The visit of a browser that is connected, and what is held for it now.
    pub async fn held(&self, request: &HttpRequest) -> Option<(Arc<Visit>, Tokens)> {
        let visit = self.visit(request)?;
        let tokens = visit.tokens.lock().await.clone()?;
        Some((visit, tokens))
    }

    /// Forgets a visit in whose place there is another.
    pub fn forget(&self, visit: &Visit) {
        locked(&self.visits).remove(&visit.name);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for one more, at the cost of the oldest.
fn make_room<T>(known: &mut HashMap<String, T>, since: impl Fn(&T) -> Instant) {
    if known.len() >= MOST {
        let oldest = known.iter().min_by_key(|(_, one)| since(one)).map(|(name, _)| name.clone());
        oldest.and_then(|name| known.remove(&name));
    }
}

/// Another site's form would act with this browser's cookie: forms are taken from our own pages only.
pub async fn own_forms_only(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let is_own = request.headers().get(ORIGIN).is_some_and(|origin| origin.as_bytes() == app.url.as_bytes());
    if !request.method().is_safe() && !is_own {
        let refusal = pages::trouble(StatusCode::FORBIDDEN, "This form is not from a page of ours.");
        return Ok(request.into_response(refusal).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}
