//! `/oauth/authorize` and `/oauth/consent`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::accounts::sessions::Browser;
use crate::kernel::{Denial, InteractionId, Scope, ScopeToken};
use crate::limits::guard::Failed;
use crate::oauth::OAuth;
use crate::oauth::authorize::flow::{self, Entry, Step};
use crate::oauth::authorize::page::ConsentPage;
use crate::oauth::authorize::rules::Answer;
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::faces::{PageFace, only};
use crate::platform::form::{Form, Params};
use crate::platform::{csrf, html};

/// Adds the routes of this verb.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/oauth/authorize")
                .route(web::get().to(authorize))
                .route(web::post().to(authorize_by_post))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            web::resource("/oauth/consent")
                .route(web::get().to(resume))
                .route(web::post().to(answer))
                .default_service(only("GET, HEAD, POST")),
        );
}

/// Bytes of a query; a request that waits is kept, and a stranger can send many.
const MOST_OF_A_QUERY: usize = 8192;

/// The authorization request (RFC 6749 §4.1.1).
async fn authorize(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let network = context.ip.map(Network::of);
    if let Some(network) = network {
        oauth.accounts.guard.check(Failed::Interaction, network, context.now)?;
    }
    let query = request.query_string();
    if query.len() > MOST_OF_A_QUERY {
        return Err(Denial::TooLarge.into());
    }
    let params = Params::parse(query.as_bytes())?;
    let browser = oauth.accounts.jar.browser(&request, context.now);
    proceed(&oauth, &context, browser, Entry::Fresh(params)).await
}

/// The same by POST (§3.1: "MAY support"). It goes on by GET: a form that another site posted comes without
/// our cookie, and answering it here would put a new one over that of whoever is signed in.
async fn authorize_by_post(form: Form<PageFace>) -> HttpResponse {
    html::see_other(&format!("/oauth/authorize?{}", form.params.encoded()))
}

/// A request that waited, after a sign-in or a reload.
async fn resume(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
) -> Result<HttpResponse, PageFace> {
    let query = Params::parse(request.query_string().as_bytes())?;
    let id = interaction(&query)?;
    let browser = oauth.accounts.jar.known(&request).ok_or(Denial::InteractionGone)?;
    proceed(&oauth, &context, browser, Entry::Resumed(id)).await
}

/// The person's answer.
async fn answer(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
    form: Form<PageFace>,
) -> Result<HttpResponse, PageFace> {
    let browser = oauth.accounts.own_browser(&request, &form.params)?;
    let id = interaction(&form.params)?;
    let answer = match form.params.required("answer")? {
        "allow" => Answer::Allow(ticked(&form.params)?),
        "deny" => Answer::Deny,
        _ => return Err(Denial::Malformed("answer").into()),
    };
    proceed(&oauth, &context, browser, Entry::Answered(id, answer)).await
}

fn interaction(params: &Params) -> Result<InteractionId, Denial> {
    params.get("interaction").and_then(InteractionId::parse).ok_or(Denial::InteractionGone)
}

fn ticked(form: &Params) -> Result<Scope, Denial> {
    let tokens = form.all("scope").map(ScopeToken::parse).collect::<Result<Scope, _>>();
    tokens.map_err(|_| Denial::Malformed("scope"))
}

async fn proceed(
    oauth: &OAuth,
    context: &Context,
    browser: Browser,
    entry: Entry,
) -> Result<HttpResponse, PageFace> {
    let (step, browser) = flow::begin(oauth, context, browser, entry).await??;
    let response = match step {
        // The app learns nothing of the browser, so it gets no cookie for it either.
        Step::Return(location) => return Ok(html::see_other(&location)),
        Step::SignIn(id) => {
            if let Some(ip) = context.ip {
                oauth.accounts.guard.failed(Failed::Interaction, Network::of(ip), context);
            }
            html::see_other(&format!("/login?interaction={id}"))
        }
        Step::Ask(id) => html::see_other(&format!("/oauth/consent?interaction={id}")),
        Step::Show(consent) => {
            let form_action = consent.target.registered.form_action_source();
            let page = ConsentPage::new(&consent, &oauth.tokens, csrf::token(browser.secret()));
            html::page(HttpResponse::Ok(), &page, Some(&form_action))
        }
    };
    Ok(oauth.accounts.jar.give(response, &browser, None))
}
