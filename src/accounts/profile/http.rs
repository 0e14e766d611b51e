//! The page of a person's account.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::accounts::Accounts;
use crate::accounts::profile::flow::{self, MOST_SESSIONS, Profile};
use crate::accounts::sessions::Session;
use crate::kernel::{Denial, DisplayText, DisplayTextProblem, SessionId};
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::{Form, Params};
use crate::platform::moment::Moment;
use crate::platform::{csrf, html, notice};

const ACCOUNT: &str = "/account";

/// Adds the routes of this page.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(ACCOUNT).route(web::get().to(show)).default_service(only("GET, HEAD")))
        .service(web::resource("/account/name").route(web::post().to(rename)).default_service(only("POST")))
        .service(
            web::resource("/account/sessions/{session}/end")
                .route(web::post().to(end_session))
                .default_service(only("POST")),
        );
}

#[derive(Template)]
#[template(path = "accounts/account.html")]
struct AccountPage {
    csrf: String,
    account: String,
    identifier: String,
    email: Option<String>,
    /// What stands in the field: the name, or what was typed and cannot be one.
    name: String,
    problem: Option<String>,
    notice: Option<&'static str>,
    password_changed: Option<Moment>,
    sessions: Vec<SessionRow>,
    more_sessions: bool,
}

struct SessionRow {
    id: String,
    device: String,
    ip: Option<String>,
    is_this: bool,
    last_seen: Moment,
    signed_in: Moment,
}

async fn show(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let query = Params::parse(request.query_string().as_bytes())?;
    let mut page = page(&accounts, &context, &request).await?;
    let known = accounts.jar.known(&request);
    page.notice = match known.and_then(|browser| notice::heard(&query, browser.secret(), context.now)) {
        Some("name") => Some("Your name is changed."),
        Some("password") => {
            Some("Your password is changed. Every other browser is signed out, and apps must ask you again.")
        }
        Some("session") => Some("That browser is signed out."),
        _ => None,
    };
    Ok(html::page(HttpResponse::Ok(), &page, None))
}

async fn page(
    accounts: &Accounts,
    context: &Context,
    request: &HttpRequest,
) -> Result<AccountPage, PageFace> {
    let browser = accounts.jar.known(request).ok_or(Denial::LoginRequired)?;
    let csrf = csrf::token(browser.secret());
    let Profile { signed_in, sessions } = flow::profile(accounts, context, browser).await??;
    let (user, here) = (signed_in.user, signed_in.session.id);
    let more_sessions = i64::try_from(sessions.len()).is_ok_and(|count| count >= MOST_SESSIONS);
    let rows = sessions.into_iter().map(|session| row(&session, here, context));
    Ok(AccountPage {
        csrf,
        account: user.name.clone(),
        identifier: user.identifier,
        email: user.email,
        name: user.name,
        problem: None,
        notice: None,
        password_changed: user.password_changed_at.map(|at| Moment::new(at, context.now)),
        sessions: rows.collect(),
        more_sessions,
    })
}

fn row(session: &Session, here: SessionId, context: &Context) -> SessionRow {
    SessionRow {
        id: session.id.to_string(),
        device: session.device(),
        ip: session.ip.clone(),
        is_this: session.id == here,
        last_seen: Moment::new(session.last_seen_at, context.now),
        signed_in: Moment::new(session.authenticated_at, context.now),
    }
}

async fn rename(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let typed = form.params.get("name").unwrap_or_default();
    match DisplayText::parse(typed, DisplayText::MOST_OF_A_NAME) {
        Ok(name) => {
            let next = notice::link(ACCOUNT, "name", browser.secret(), context.now);
            flow::rename(&accounts, &context, browser, name).await??;
            Ok(html::see_other(&next))
        }
        Err(problem) => {
            let page = AccountPage {
                name: typed.to_owned(),
                problem: Some(in_words(problem)),
                ..page(&accounts, &context, &request).await?
            };
            Ok(html::page(HttpResponse::build(StatusCode::BAD_REQUEST), &page, None))
        }
    }
}

fn in_words(problem: DisplayTextProblem) -> String {
    match problem {
        DisplayTextProblem::Empty => "Enter a name.".to_owned(),
        DisplayTextProblem::TooLong { max_chars } => format!("A name has at most {max_chars} characters."),
        DisplayTextProblem::BadCharacter => "A name is one line, without invisible characters.".to_owned(),
    }
}

async fn end_session(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    path: web::Path<String>,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let session = SessionId::parse(&path).ok_or(Denial::NotFound)?;
    let next = notice::link(ACCOUNT, "session", browser.secret(), context.now);
    flow::end_session(&accounts, &context, browser, session).await??;
    Ok(html::see_other(&next))
}
