//! The page of connected apps.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use crate::accounts::Accounts;
use crate::grants::apps::flow::{self, Connected, Overview};
use crate::kernel::{Denial, GrantId, ScopeToken};
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::{Form, Params};
use crate::platform::moment::Moment;
use crate::platform::{csrf, html, notice};
use crate::services::Catalogue;

const APPS: &str = "/account/apps";

/// Adds the routes of these pages.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/").route(web::get().to(home)).default_service(only("GET, HEAD")))
        .service(web::resource(APPS).route(web::get().to(show)).default_service(only("GET, HEAD")))
        .service(
            web::resource("/account/apps/{grant}/revoke")
                .route(web::post().to(revoke))
                .default_service(only("POST")),
        );
}

#[derive(Template)]
#[template(path = "grants/apps.html")]
struct AppsPage {
    account: String,
    csrf: String,
    apps: Vec<AppRow>,
    notice: Option<&'static str>,
}

struct AppRow {
    grant_id: String,
    name: String,
    publisher: Option<String>,
    verified: bool,
    granted: Moment,
    in_use: bool,
    last_used: Option<Moment>,
    calls: i64,
    groups: Vec<ScopeGroup>,
}

struct ScopeGroup {
    service: String,
    scopes: Vec<ScopeLine>,
}

struct ScopeLine {
    value: String,
    sentence: String,
}

async fn home() -> HttpResponse {
    html::see_other(APPS)
}

async fn show(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let query = Params::parse(request.query_string().as_bytes())?;
    let browser = accounts.jar.known(&request).ok_or(Denial::LoginRequired)?;
    let token = csrf::token(browser.secret());
    let done = notice::heard(&query, browser.secret(), context.now);
    let overview = flow::overview(&accounts, &context, browser).await??;
    let page = page(overview, token, done, context.now);
    Ok(html::page(HttpResponse::Ok(), &page, None))
}

fn page(overview: Overview, csrf: String, done: Option<&str>, now: DateTime<Utc>) -> AppsPage {
    let Overview { signed_in, apps, catalogue } = overview;
    let notice = match done {
        Some("disconnected") => Some("The app is disconnected. It can no longer act for you."),
        Some("removed") => Some("The permission is taken back."),
        _ => None,
    };
    let apps = apps.into_iter().map(|app| row(app, &catalogue, now)).collect();
    AppsPage { account: signed_in.user.name, csrf, apps, notice }
}

fn row(app: Connected, catalogue: &Catalogue, now: DateTime<Utc>) -> AppRow {
    let groups = catalogue.grouped(&app.grant.scope).map(|(service, scopes)| ScopeGroup {
        service: service.display_name.clone(),
        scopes: scopes
            .iter()
            .map(|scope| ScopeLine { value: scope.value.to_string(), sentence: scope.sentence.clone() })
            .collect(),
    });
    AppRow {
        grant_id: app.grant.id.to_string(),
        groups: groups.collect(),
        name: app.client.name,
        publisher: app.client.publisher,
        verified: app.client.verified || app.client.first_party,
        granted: Moment::new(app.grant.granted_at, now),
        in_use: app.in_use,
        last_used: app.used.map(|used| Moment::new(used.last_at, now)),
        calls: app.used.map_or(0, |used| used.calls),
    }
}

async fn revoke(
    accounts: web::Data<Accounts>,
    context: Context,
    request: HttpRequest,
    path: web::Path<String>,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = accounts.own_browser(&request, &form.params)?;
    let grant = GrantId::parse(&path).ok_or(Denial::NotFound)?;
    let scope = form.params.get("scope").map(ScopeToken::parse).transpose().map_err(|_| Denial::NotFound)?;
    let done = if scope.is_some() { "removed" } else { "disconnected" };
    let next = notice::link(APPS, done, browser.secret(), context.now);
    flow::revoke(&accounts, &context, browser, grant, scope).await??;
    Ok(html::see_other(&next))
}
