//! `/account/password` and `/account/sign-out-everywhere`.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::accounts::Accounts;
use crate::accounts::sessions::SignedIn;
use crate::accounts::sign_in::http::{refused, to_its_end};
use crate::grants::ending::flow;
use crate::kernel::{Denial, Password, PasswordProblem};
use crate::limits;
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::{Form, Params};
use crate::platform::{csrf, html};

/// Adds the routes of these acts.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/account/password")
                .wrap(from_fn(limits::http::sign_in))
                .route(web::get().to(show))
                .route(web::post().to(change))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            web::resource("/account/sign-out-everywhere")
                .route(web::post().to(sign_out_everywhere))
                .default_service(only("POST")),
        );
}

#[derive(Template)]
#[template(path = "grants/password.html")]
struct PasswordPage {
    csrf: String,
    account: String,
    identifier: String,
    min_chars: usize,
    problem: Option<Problem>,
}

/// What is wrong with what was typed, and into which field.
struct Problem {
    field: &'static str,
    words: String,
    status: StatusCode,
    retry_after: Option<u32>,
}

impl Problem {
    fn of_new(field: &'static str, words: impl Into<String>) -> Self {
        Self { field, words: words.into(), status: StatusCode::BAD_REQUEST, retry_after: None }
    }

    fn of_current(denial: &Denial) -> Self {
        let (status, words) = refused(denial, "This is not your current password.");
        Self { field: "current", words, status, retry_after: denial.retry_after() }
    }
}

impl PasswordPage {
    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == field)
    }
}

async fn show(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.jar.known(&request).ok_or(Denial::LoginRequired)?;
    let csrf = csrf::token(browser.secret());
    let signed_in = flow::whose(&accounts, &context, browser).await??;
    Ok(answer(&accounts, csrf, &signed_in, None))
}

fn answer(accounts: &Accounts, csrf: String, signed_in: &SignedIn, problem: Option<Problem>) -> HttpResponse {
    let status = problem.as_ref().map_or(StatusCode::OK, |problem| problem.status);
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = problem.as_ref().and_then(|problem| problem.retry_after) {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    let page = PasswordPage {
        csrf,
        account: signed_in.user.name.clone(),
        identifier: signed_in.user.identifier.clone(),
        min_chars: accounts.passwords.min_chars(),
        problem,
    };
    html::page(response, &page, None)
}

async fn change(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let csrf = csrf::token(browser.secret());
    let known = accounts.jar.known(&request).ok_or(Denial::LoginRequired)?;
    let signed_in = flow::whose(&accounts, &context, known).await??;
    let typed = match chosen(&form.params, accounts.passwords.min_chars()) {
        Ok(typed) => typed,
        Err(problem) => return Ok(answer(&accounts, csrf, &signed_in, Some(problem))),
    };
    let act = {
        let (accounts, context, signed_in) = (accounts.clone(), context.clone(), signed_in.clone());
        async move { flow::change_password(&accounts, &context, browser, signed_in, typed).await }
    };
    match to_its_end(act).await? {
        Ok(opened) => {
            let until = (context.now, opened.session.expires_at);
            let next = html::see_other("/account?done=password");
            Ok(accounts.jar.give(next, &opened.browser, Some(until)))
        }
        Err(denial @ (Denial::SignInWrong | Denial::SignInPaused(_))) => {
            accounts.wrong_password(&context, &denial);
            Ok(answer(&accounts, csrf, &signed_in, Some(Problem::of_current(&denial))))
        }
        Err(denial) => Err(denial.into()),
    }
}

/// The old password and the new one, as far as the form alone can tell.
fn chosen(form: &Params, min_chars: usize) -> Result<(Password, Password), Problem> {
    let typed = |field| form.get(field).unwrap_or_default().to_owned();
    let current = Password::parse(typed("current")).map_err(|_| Problem::of_current(&Denial::SignInWrong))?;
    let new = Password::choose(typed("new"), min_chars).map_err(|problem| {
        let words = match problem {
            PasswordProblem::TooShort { min_chars } => {
                format!("The new password needs at least {min_chars} characters.")
            }
            PasswordProblem::TooLong => "The new password is too long: 1024 bytes at most.".to_owned(),
            PasswordProblem::HasNul => "The new password has a character that no keyboard types.".to_owned(),
        };
        Problem::of_new("new", words)
    })?;
    if new.expose() == current.expose() {
        return Err(Problem::of_new("new", "This is the password you have. Choose another one."));
    }
    let again = Password::parse(typed("again")).ok();
    if again.is_none_or(|again| again.expose() != new.expose()) {
        return Err(Problem::of_new("again", "The two new passwords differ. Type both again."));
    }
    Ok((current, new))
}

async fn sign_out_everywhere(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let renewed = flow::sign_out_everywhere(&accounts, &context, browser).await??;
    Ok(accounts.jar.give(html::see_other("/login"), &renewed, None))
}
