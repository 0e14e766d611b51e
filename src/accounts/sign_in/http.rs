//! `/login` and `/logout`.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::accounts::Accounts;
use crate::accounts::interactions::Interaction;
use crate::accounts::sessions::{Browser, SignedIn};
use crate::accounts::sign_in::proof::Attempt;
use crate::accounts::sign_in::refusal::refused;
use crate::accounts::sign_in::{flow, rules};
use crate::kernel::{Denial, InteractionId, Password};
use crate::limits;
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::{Form, Params};
use crate::platform::to_its_end::to_its_end;
use crate::platform::{csrf, html};

/// Where a person goes who signed in for nothing in particular.
const HOME: &str = "/account/apps";

/// Adds the routes of this verb.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/login")
                .wrap(from_fn(limits::http::sign_in))
                .route(web::get().to(show))
                .route(web::post().to(submit))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            web::resource("/logout")
                .route(web::get().to(ask))
                .route(web::post().to(leave))
                .default_service(only("GET, HEAD, POST")),
        );
}

#[derive(Template)]
#[template(path = "accounts/login.html")]
struct LoginPage {
    app: Option<AppCard>,
    identifier: String,
    problem: Option<String>,
    interaction: Option<String>,
    csrf: String,
}

struct AppCard {
    name: String,
    publisher: Option<String>,
    verified: bool,
    returns_to: String,
}

#[derive(Template)]
#[template(path = "accounts/logout.html")]
struct LogoutPage {
    csrf: String,
    account: String,
}

/// What is left to say.
#[derive(Template)]
#[template(path = "accounts/signed_out.html")]
pub struct SignedOutPage {
    /// Not in this browser alone.
    pub everywhere: bool,
}

async fn show(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let query = Params::parse(request.query_string().as_bytes())?;
    let interaction = interaction_of(&query)?;
    let known = accounts.jar.known(&request);
    let (signed_in, waiting) = flow::situation(&accounts, &context, known, interaction).await??;
    if let Some(SignedIn { session, .. }) = &signed_in {
        match &waiting {
            None => return Ok(html::see_other(HOME)),
            // Somebody signed in for it already, in another tab.
            Some(waiting) if waiting.signed_in_as == Some(session.id) => {
                return Ok(html::see_other(&onward(waiting.id)));
            }
            Some(_) => {}
        }
    }
    let browser = accounts.jar.browser(&request, context.now);
    let page = login_page(&browser, waiting.as_ref(), String::new(), None);
    let response = answer(StatusCode::OK, &page, waiting.as_ref());
    Ok(accounts.jar.give(response, &browser, None))
}

/// The sign-in page of a request that waits.
fn back_to(id: InteractionId) -> String {
    format!("/login?interaction={id}")
}

/// Where the request goes on that waited for a sign-in.
fn onward(id: InteractionId) -> String {
    format!("/oauth/consent?interaction={id}")
}

async fn submit(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = match accounts.own_browser(&request, &form.params) {
        Ok(browser) => browser,
        Err(denial) => return stale(&accounts, &context, &request, &form.params, denial).await,
    };
    let interaction = interaction_of(&form.params)?;
    let name = form.params.get("identifier").unwrap_or_default().to_owned();
    // A password that cannot be one is wrong like any other.
    let typed = form.params.get("password").unwrap_or_default().to_owned();
    let attempt = Password::parse(typed).map(|password| Attempt { name: name.clone(), password });
    let decision = if let Ok(attempt) = attempt {
        let (accounts, context) = (accounts.clone(), context.clone());
        to_its_end(async move { flow::sign_in(&accounts, &context, browser, attempt).await }).await?
    } else {
        accounts.wrong_password(&context);
        Err(Denial::SignInWrong)
    };
    match decision {
        Ok(opened) => {
            let next = interaction.map_or(HOME.to_owned(), onward);
            let until = (context.now, opened.session.expires_at);
            Ok(accounts.jar.give(html::see_other(&next), &opened.browser, Some(until)))
        }
        Err(denial @ (Denial::SignInWrong | Denial::SignInPaused(_))) => {
            let told = refused(&denial, "The name or the password is wrong.");
            let mut response = again(&accounts, &context, &request, interaction, name, told).await?;
            if let Some(seconds) = denial.retry_after() {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
        Err(denial) => Err(denial.into()),
    }
}

/// A form of our own from before this browser got another id, by a sign-in or sign-out in another tab. Whoever signed in
/// there is led on by GET, which acts on nothing; everybody else is asked again. What is foreign is refused.
async fn stale(
    accounts: &Accounts,
    context: &Context,
    request: &HttpRequest,
    form: &Params,
    denial: Denial,
) -> Result<HttpResponse, PageFace> {
    // Without a cookie the next form would be as foreign as this one: then cookies are what is wrong.
    let known =
        accounts.jar.known(request).filter(|_| csrf::says_own_origin(request.headers(), &accounts.origin));
    let known = known.ok_or(denial)?;
    let interaction = interaction_of(form)?;
    let name = form.get("identifier").unwrap_or_default();
    let (signed_in, _) = flow::situation(accounts, context, Some(known), None).await??;
    let problem = match signed_in.map(|signed_in| signed_in.user) {
        Some(user) if rules::names(name, &user.identifier, user.email.as_deref()) => {
            return Ok(html::see_other(&interaction.map_or(HOME.to_owned(), back_to)));
        }
        Some(user) => {
            format!("{} has signed in in this browser meanwhile. Sign in again to go on as you.", user.name)
        }
        None => "This page was too old. Type your password again.".to_owned(),
    };
    again(accounts, context, request, interaction, name.to_owned(), (StatusCode::FORBIDDEN, problem)).await
}

/// The same page again, with what is wrong and what was typed, but for the password.
async fn again(
    accounts: &Accounts,
    context: &Context,
    request: &HttpRequest,
    interaction: Option<InteractionId>,
    name: String,
    (status, problem): (StatusCode, String),
) -> Result<HttpResponse, PageFace> {
    let (_, waiting) = flow::situation(accounts, context, accounts.jar.known(request), interaction).await??;
    let browser = accounts.jar.browser(request, context.now);
    let page = login_page(&browser, waiting.as_ref(), name, Some(problem));
    Ok(answer(status, &page, waiting.as_ref()))
}

async fn ask(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let (signed_in, _) = flow::situation(&accounts, &context, accounts.jar.known(&request), None).await??;
    let signed_in = signed_in.ok_or(Denial::LoginRequired)?;
    let browser = accounts.jar.browser(&request, context.now);
    let page = LogoutPage { csrf: csrf::token(browser.secret()), account: signed_in.user.name };
    Ok(html::page(HttpResponse::Ok(), &page, None))
}

async fn leave(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let interaction = interaction_of(&form.params)?;
    let renewed = flow::sign_out(&accounts, &context, browser, interaction).await??;
    let response = match interaction {
        Some(id) => html::see_other(&back_to(id)),
        None => html::page(HttpResponse::Ok(), &SignedOutPage { everywhere: false }, None),
    };
    Ok(accounts.jar.give(response, &renewed, None))
}

fn interaction_of(params: &Params) -> Result<Option<InteractionId>, Denial> {
    match params.get("interaction") {
        None => Ok(None),
        Some(text) => InteractionId::parse(text).map(Some).ok_or(Denial::InteractionGone),
    }
}

fn login_page(
    browser: &Browser,
    waiting: Option<&Interaction>,
    identifier: String,
    problem: Option<String>,
) -> LoginPage {
    LoginPage {
        app: waiting.map(|waiting| AppCard {
            name: waiting.card.name.clone(),
            publisher: waiting.card.publisher.clone(),
            verified: waiting.card.verified,
            returns_to: waiting.card.returns_to.clone(),
        }),
        identifier,
        problem,
        interaction: waiting.map(|waiting| waiting.id.to_string()),
        csrf: csrf::token(browser.secret()),
    }
}

fn answer(status: StatusCode, page: &LoginPage, waiting: Option<&Interaction>) -> HttpResponse {
    html::page(HttpResponse::build(status), page, waiting.map(|waiting| waiting.card.form_action.as_str()))
}
