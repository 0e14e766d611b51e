//! The page of personal tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use crate::accounts::Accounts;
use crate::credentials::lifetime::Lifetime;
use crate::credentials::making::Made;
use crate::credentials::tokens::flow::{self, NotMade, Overview};
use crate::credentials::usage::Use;
use crate::credentials::wish::{MOST_OF_A_NAME, Wish};
use crate::credentials::{Credential, CredentialSettings, Credentials};
use crate::kernel::{CredentialId, Denial, DisplayText, DisplayTextProblem, Scope};
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::{Form, Params};
use crate::platform::moment::Moment;
use crate::platform::{csrf, html, notice};
use crate::services::Catalogue;

const TOKENS: &str = "/account/tokens";

/// Lifetimes that are offered, in days, as far as the settings allow them.
const OFFERED: [u32; 4] = [7, 30, 90, 365];

/// Adds the routes of this page.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(TOKENS)
                .route(web::get().to(show))
                .route(web::post().to(make))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            web::resource("/account/tokens/{token}/revoke")
                .route(web::post().to(take_back))
                .default_service(only("POST")),
        );
}

#[derive(Template)]
#[template(path = "credentials/tokens.html")]
struct TokensPage<'a> {
    account: String,
    csrf: String,
    notice: Option<&'static str>,
    made: Option<&'a Made>,
    problem: Option<Problem>,
    typed: Typed,
    groups: Vec<ScopeGroup>,
    lifetimes: Vec<Choice>,
    tokens: Vec<TokenRow>,
}

/// What stands in the form: nothing, or what was typed and cannot be.
#[derive(Default)]
struct Typed {
    name: String,
    scopes: Vec<String>,
    lifetime: Option<String>,
}

/// What is wrong, and with which field.
struct Problem {
    field: &'static str,
    words: String,
}

struct ScopeGroup {
    service: String,
    scopes: Vec<ScopeLine>,
}

struct ScopeLine {
    value: String,
    sentence: String,
    is_ticked: bool,
}

struct Choice {
    value: String,
    words: String,
    is_chosen: bool,
}

struct TokenRow {
    id: String,
    name: String,
    shown: String,
    sentences: Vec<String>,
    made: Moment,
    ends: Option<Moment>,
    has_ended: bool,
    /// When it was taken back, and why.
    revoked: Option<(Moment, String)>,
    /// What came before it and after it.
    remarks: Vec<&'static str>,
    /// There is something to take back, or to remove. What ended and was renewed goes by itself, since whatever it made of
    /// itself would go with it.
    may_end: bool,
    last_used: Option<Moment>,
    last_used_from: Option<String>,
    count: i64,
}

async fn show(
    accounts: web::Data<Accounts>,
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let query = Params::parse(request.query_string().as_bytes())?;
    let browser = accounts.jar.known(&request).ok_or(Denial::LoginRequired)?;
    let is_revoked = notice::heard(&query, browser.secret(), context.now) == Some("revoked");
    let page = page(&accounts, &credentials.settings, &context, &request, Typed::default()).await?;
    let notice = is_revoked.then_some("The token is revoked. Whatever used it is cut off.");
    Ok(html::page(HttpResponse::Ok(), &TokensPage { notice, ..page }, None))
}

async fn page<'a>(
    accounts: &Accounts,
    settings: &CredentialSettings,
    context: &Context,
    request: &HttpRequest,
    typed: Typed,
) -> Result<TokensPage<'a>, PageFace> {
    let browser = accounts.jar.known(request).ok_or(Denial::LoginRequired)?;
    let csrf = csrf::token(browser.secret());
    let Overview { signed_in, tokens, catalogue } = flow::overview(accounts, context, browser).await??;
    let row = |(token, used): &(Credential, Option<Use>)| row(token, used.as_ref(), &catalogue, context.now);
    Ok(TokensPage {
        account: signed_in.user.name,
        csrf,
        notice: None,
        made: None,
        problem: None,
        groups: groups(&catalogue, &typed.scopes),
        lifetimes: lifetimes(settings, typed.lifetime.as_deref()),
        tokens: tokens.iter().map(row).collect(),
        typed,
    })
}

fn groups(catalogue: &Catalogue, ticked: &[String]) -> Vec<ScopeGroup> {
    let all = catalogue.scope();
    let groups = catalogue.grouped(&all).map(|(service, scopes)| ScopeGroup {
        service: service.display_name.clone(),
        scopes: scopes
            .iter()
            .map(|scope| ScopeLine {
                value: scope.value.to_string(),
                sentence: scope.sentence.clone(),
                is_ticked: ticked.iter().any(|one| one == scope.value.as_str()),
            })
            .collect(),
    });
    groups.collect()
}

/// What is offered: as far as the settings allow it, and chosen as they have it unless somebody chose.
fn lifetimes(settings: &CredentialSettings, typed: Option<&str>) -> Vec<Choice> {
    let (usual, most) = (settings.token_days, settings.most_days);
    let usual = if most > 0 && (usual == 0 || usual > most) { most } else { usual };
    let mut days: Vec<u32> = OFFERED.into_iter().filter(|days| most == 0 || *days <= most).collect();
    days.extend((usual > 0).then_some(usual));
    days.sort_unstable();
    days.dedup();
    let usual = if usual == 0 { "never".to_owned() } else { format!("{usual}d") };
    let finite = days.into_iter().map(|days| (format!("{days}d"), in_words(days)));
    let endless = (most == 0).then(|| ("never".to_owned(), "No end".to_owned()));
    let choice = |(value, words): (String, String)| {
        let is_chosen = typed.unwrap_or(&usual) == value;
        Choice { value, words, is_chosen }
    };
    finite.chain(endless).map(choice).collect()
}

fn in_words(days: u32) -> String {
    match days {
        1 => "1 day".to_owned(),
        365 => "1 year".to_owned(),
        _ => format!("{days} days"),
    }
}

fn row(token: &Credential, used: Option<&Use>, catalogue: &Catalogue, now: DateTime<Utc>) -> TokenRow {
    let has_ended = token.expires_at.is_some_and(|end| end <= now);
    TokenRow {
        id: token.id.to_string(),
        name: token.name.clone(),
        shown: format!("{}…{}", token.prefix, token.last4),
        sentences: sentences(&token.scope, catalogue),
        made: Moment::new(token.created_at, now),
        ends: token.expires_at.map(|end| Moment::new(end, now)),
        has_ended,
        revoked: token.revoked_at.map(|at| (Moment::new(at, now), why(token))),
        remarks: remarks(token),
        may_end: token.revoked_at.is_none() && (token.rotated_at.is_none() || !has_ended),
        last_used: used.map(|used| Moment::new(used.last_used_at, now)),
        last_used_from: used.and_then(|used| used.last_used_ip).map(|ip| ip.to_string()),
        count: used.map_or(0, |used| used.count),
    }
}

/// What its owner should know of what came before it and after it.
fn remarks(token: &Credential) -> Vec<&'static str> {
    let is_renewed = token.rotated_at.is_some() && token.revoked_at.is_none();
    [
        (is_renewed, "Renewed: there is a newer one of this name."),
        (token.rotated_by_itself, "Made by the token before it, to go on in its place."),
    ]
    .into_iter()
    .filter_map(|(is_so, words)| is_so.then_some(words))
    .collect()
}

/// Why it was taken back, as goes on from "Revoked: ".
fn why(token: &Credential) -> String {
    match token.revoke_reason.as_deref() {
        None => "nobody said why".to_owned(),
        Some("leaked") => "reported as leaked".to_owned(),
        Some(reason) => reason.strip_prefix("revoked ").unwrap_or(reason).to_owned(),
    }
}

fn sentences(scope: &Scope, catalogue: &Catalogue) -> Vec<String> {
    let groups = catalogue.grouped(scope).flat_map(|(_, scopes)| scopes);
    groups.map(|scope| scope.sentence.clone()).collect()
}

async fn make(
    accounts: web::Data<Accounts>,
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let typed = Typed::read(&form.params);
    let settings = &credentials.settings;
    let made = match typed.wish() {
        Err(problem) => Err(problem),
        Ok(wish) => flow::make(&accounts, settings.clone(), &context, browser, wish).await??.map_err(told),
    };
    match made {
        Ok(made) => {
            let page = page(&accounts, settings, &context, &request, Typed::default()).await?;
            Ok(html::page(HttpResponse::Ok(), &TokensPage { made: Some(&made), ..page }, None))
        }
        Err(problem) => {
            let page = page(&accounts, settings, &context, &request, typed).await?;
            let page = TokensPage { problem: Some(problem), ..page };
            Ok(html::page(HttpResponse::build(StatusCode::BAD_REQUEST), &page, None))
        }
    }
}

impl Typed {
    fn read(params: &Params) -> Self {
        Self {
            name: params.get("name").unwrap_or_default().to_owned(),
            scopes: params.all("scope").map(str::to_owned).collect(),
            lifetime: params.get("lifetime").map(str::to_owned),
        }
    }

    fn wish(&self) -> Result<Wish, Problem> {
        let name = DisplayText::parse(&self.name, MOST_OF_A_NAME)
            .map_err(|problem| at("name", name_in_words(problem)))?;
        if self.scopes.is_empty() {
            return Err(at("scopes", "Tick at least one thing that it may do."));
        }
        let lifetime = self.lifetime.as_deref().map(Lifetime::typed).transpose();
        let lifetime = lifetime.map_err(|_| at("lifetime", "Choose one of these."))?;
        Ok(Wish {
            name: name.as_str().to_owned(),
            scope: self.scopes.join(" "),
            lifetime: lifetime.unwrap_or_default(),
            ..Wish::default()
        })
    }
}

fn name_in_words(problem: DisplayTextProblem) -> String {
    match problem {
        DisplayTextProblem::Empty => "Enter a name.".to_owned(),
        DisplayTextProblem::TooLong { max_chars } => format!("A name has at most {max_chars} characters."),
        DisplayTextProblem::BadCharacter => "A name is one line, without invisible characters.".to_owned(),
    }
}

fn told(why: NotMade) -> Problem {
    match why {
        NotMade::NameTaken => {
            at("name", "You have a token of this name. Choose another, or revoke that one first.")
        }
        NotMade::TooMany => at("name", "You have as many tokens as you may have. Revoke one first."),
        // Only a form that was tampered with, or one that is older than what may be chosen now, asks for that.
        NotMade::Wrong(problem) => at("scopes", format!("This cannot be: {problem}.")),
    }
}

fn at(field: &'static str, words: impl Into<String>) -> Problem {
    Problem { field, words: words.into() }
}

async fn take_back(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    path: web::Path<String>,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let token = CredentialId::parse(&path).ok_or(Denial::NotFound)?;
    let next = notice::link(TOKENS, "revoked", browser.secret(), context.now);
    flow::take_back(&accounts, &context, browser, token).await??;
    Ok(html::see_other(&next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::KeyTag;

    #[test]
    fn the_lifetimes_that_are_offered_keep_to_the_settings() {
        let offered = |token_days, most_days| {
            let settings =
                CredentialSettings { key_tag: KeyTag::default(), key_days: 0, token_days, most_days };
            let mark =
                |choice: &Choice| format!("{}{}", choice.value, if choice.is_chosen { "*" } else { "" });
            lifetimes(&settings, None).iter().map(mark).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(offered(90, 0), "7d 30d 90d* 365d never");
        assert_eq!(offered(0, 0), "7d 30d 90d 365d never*");
        assert_eq!(offered(60, 0), "7d 30d 60d* 90d 365d never");
        assert_eq!(offered(90, 31), "7d 30d 31d*");
        assert_eq!(offered(0, 5), "5d*");
    }
}
