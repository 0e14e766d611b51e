//! `/account/password` and `/account/sign-out-everywhere`.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::accounts::Accounts;
use crate::accounts::sign_in::http::SignedOutPage;
use crate::accounts::sign_in::refusal::refused;
use crate::grants::ending::flow;
use crate::grants::ending::rules::{Unfit, chosen};
use crate::kernel::{Denial, PasswordProblem};
use crate::limits;
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::Form;
use crate::platform::to_its_end::to_its_end;
use crate::platform::{csrf, html, notice};

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
    fn of_new(unfit: &Unfit) -> Self {
        let (field, words) = match unfit {
            Unfit::New(PasswordProblem::TooShort { min_chars }) => {
                ("new", format!("The new password needs at least {min_chars} characters."))
            }
            Unfit::New(PasswordProblem::TooLong) => {
                ("new", "The new password is too long: 1024 bytes at most.".to_owned())
            }
            Unfit::New(PasswordProblem::HasNul) => {
                ("new", "The new password has a character that no keyboard types.".to_owned())
            }
            Unfit::Same => {
                ("new", "This is what you typed as your current password. Choose another.".to_owned())
            }
            Unfit::Again => ("again", "The two new passwords differ. Type both again.".to_owned()),
            Unfit::Current => return Self::of_current(&Denial::SignInWrong),
        };
        Self { field, words, status: StatusCode::BAD_REQUEST, retry_after: None }
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
    page(&accounts, &context, &request, None).await
}

/// The page, to whoever is signed in.
async fn page(
    accounts: &Accounts,
    context: &Context,
    request: &HttpRequest,
    problem: Option<Problem>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.jar.known(request).ok_or(Denial::LoginRequired)?;
    let csrf = csrf::token(browser.secret());
    let user = flow::whose(accounts, context, &Arc::new(browser)).await??.user;
    let status = problem.as_ref().map_or(StatusCode::OK, |problem| problem.status);
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = problem.as_ref().and_then(|problem| problem.retry_after) {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    let min_chars = accounts.passwords.min_chars();
    let page = PasswordPage { csrf, account: user.name, identifier: user.identifier, min_chars, problem };
    Ok(html::page(response, &page, None))
}

async fn change(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let typed = |field| form.params.get(field).unwrap_or_default().to_owned();
    let min_chars = accounts.passwords.min_chars();
    let decision = match chosen(typed("current"), typed("new"), typed("again"), min_chars) {
        Ok(passwords) => {
            let (accounts, context) = (accounts.clone(), context.clone());
            to_its_end(async move { flow::change_password(&accounts, &context, browser, passwords).await })
                .await?
        }
        // A password that cannot be one is wrong like any other.
        Err(Unfit::Current) => {
            accounts.wrong_password(&context);
            Err(Denial::SignInWrong)
        }
        Err(unfit) => return page(&accounts, &context, &request, Some(Problem::of_new(&unfit))).await,
    };
    match decision {
        Ok(opened) => {
            let until = (context.now, opened.session.expires_at);
            let next = notice::link("/account", "password", opened.browser.secret(), context.now);
            Ok(accounts.jar.give(html::see_other(&next), &opened.browser, Some(until)))
        }
        Err(denial @ (Denial::SignInWrong | Denial::SignInPaused(_))) => {
            page(&accounts, &context, &request, Some(Problem::of_current(&denial))).await
        }
        Err(denial) => Err(denial.into()),
    }
}

async fn sign_out_everywhere(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let renewed = flow::sign_out_everywhere(&accounts, &context, browser).await??;
    let page = html::page(HttpResponse::Ok(), &SignedOutPage { everywhere: true }, None);
    Ok(accounts.jar.give(page, &renewed, None))
}
