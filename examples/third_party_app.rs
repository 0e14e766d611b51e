//! Parcel: a small web app of somebody else's, which asks people for access by way of Grantor.
//!
//! It has no passwords and never sees one. It sends the browser to Grantor with a question ([`connect`]), gets a
//! code back ([`callback`]), exchanges that for tokens, and calls an API with them ([`App::call`]). Those three
//! are what to read. The tokens stay in this process; the browser holds nothing but a cookie with a random name.
//!
//! `grantor demo` starts it. To run it by hand beside a Grantor of yours (with the other example as the API,
//! which says how it is registered):
//!
//! ```sh
//! grantor client add Parcel --publisher "Parcel Ltd" \
//!     --redirect-uri http://localhost:9000/callback --scope "orders:read orders:write"
//! APP_CLIENT_ID=… APP_CLIENT_SECRET=… cargo run --example third_party_app
//! ```
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `APP_CLIENT_ID` | | who this app is to Grantor |
//! | `APP_CLIENT_SECRET` | none | its secret; a public client has none |
//! | `APP_ISSUER` | `http://127.0.0.1:8080` | the Grantor that is asked (reqwest is built without TLS here) |
//! | `APP_API` | `http://127.0.0.1:9001` | the API that is called |
//! | `APP_LISTEN` | `127.0.0.1:9000` | where it listens |
//! | `APP_URL` | `http://localhost:9000` | how browsers call it: by another name than Grantor, since cookies know no ports |
//! | `APP_STOP_WITH_STDIN` | | if set, it ends when its standard input does, so with whoever started it |

#![allow(clippy::disallowed_methods, reason = "a program of its own, which reads its own environment")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its words to whoever started it")]

#[path = "third_party_app/browsers.rs"]
mod browsers;
#[path = "third_party_app/pages.rs"]
mod pages;
#[path = "third_party_app/setup.rs"]
mod setup;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse};
use oauth2::{
    AccessToken, AuthorizationCode, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest as Question,
    HttpResponse as Reply, PkceCodeChallenge, PkceCodeVerifier, RefreshToken, RequestTokenError, Scope,
    TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use browsers::Visit;

/// What Parcel asks for, and what it calls that.
const SCOPES: [(&str, &str); 2] =
    [("orders:read", "Read your orders"), ("orders:write", "Place orders for you")];
const TAKEN_BACK: &str =
    "Grantor no longer lets us act for you (access was taken back). You can connect again, if you like.";

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What the app works with.
struct App {
    http: reqwest::Client,
    client: Client,
    client_id: String,
    client_secret: Option<String>,
    grantor: Metadata,
    url: String,
    api: String,
    /// By the name that the browser's cookie holds.
    visits: Mutex<HashMap<String, Visit>>,
}

/// Where Grantor answers what (RFC 8414); the part that is needed here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
}

#[derive(Clone)]
struct Tokens {
    access: AccessToken,
    refresh: Option<RefreshToken>,
    scopes: Vec<String>,
    ends: Instant,
}

impl Tokens {
    /// What was answered; what the answer leaves out is as it was (RFC 6749 §5.1, §6).
    fn new(answer: &BasicTokenResponse, before: Option<Self>) -> Self {
        let scopes = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect());
        let (refresh, known) = before.map(|before| (before.refresh, before.scopes)).unzip();
        Self {
            access: answer.access_token().clone(),
            refresh: answer.refresh_token().cloned().or(refresh.flatten()),
            scopes: scopes.or(known).unwrap_or_else(|| SCOPES.map(|(scope, _)| scope.to_owned()).into()),
            ends: Instant::now() + answer.expires_in().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize, Serialize)]
struct Order {
    #[serde(default)]
    number: usize,
    item: String,
}

// ---- Connecting -----------------------------------------------------------------------------------------

/// Sends the browser to Grantor with our question, and remembers what the answer must bring along.
async fn connect(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let question = app.client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
    let (address, state) = question.add_scopes(SCOPES.map(|(scope, _)| Scope::new(scope.to_owned()))).url();
    app.begin(&request, Visit { asked: Some((state, verifier)), ..Visit::default() }, address.as_str())
}

/// What Grantor has the browser bring (RFC 6749 §4.1.2, RFC 9207).
#[derive(Deserialize)]
struct Answer {
    state: Option<String>,
    iss: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// Takes the answer: first whether it is one to our own question, then what it says.
async fn callback(app: web::Data<App>, request: HttpRequest, answer: web::Query<Answer>) -> HttpResponse {
    let answer = answer.into_inner();
    let verifier = match app.recognise(&request, &answer) {
        Ok(verifier) => verifier,
        Err(words) => return pages::trouble(StatusCode::BAD_REQUEST, words),
    };
    match (answer.code, answer.error.as_deref()) {
        (Some(code), None) => app.exchange(&request, code, verifier).await,
        (_, Some("access_denied")) => {
            app.say(&request, "You pressed Deny. Parcel has no access, and nothing has changed.")
        }
        (_, error) => {
            let error = error.unwrap_or("no code and no error");
            app.say(&request, &format!("Grantor could not connect you ({error})."))
        }
    }
}

impl App {
    /// Whether an answer is to a question that this very browser was sent with, and from whom we asked. Without the
    /// first, somebody could have it bring an answer of theirs; without the second, another server's.
    fn recognise(&self, request: &HttpRequest, answer: &Answer) -> Result<PkceCodeVerifier, &'static str> {
        let asked = self.visit(request, |visit| {
            visit.asked.take_if(|(state, _)| answer.state.as_ref() == Some(state.secret()))
        });
        let Some((_, verifier)) = asked.flatten() else {
            return Err("This is no answer to anything that this browser asked for. Please start again.");
        };
        if answer.iss.as_ref() != Some(&self.grantor.issuer) {
            return Err("This answer is not from the Grantor that was asked. Please start again.");
        }
        Ok(verifier)
    }

    /// Exchanges the code for tokens. The verifier shows that we are the ones who asked (PKCE).
    async fn exchange(
        &self,
        request: &HttpRequest,
        code: String,
        verifier: PkceCodeVerifier,
    ) -> HttpResponse {
        let exchange = self.client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(verifier);
        match exchange.request_async(&|question| send(self.http.clone(), question)).await {
            Ok(answer) => {
                let tokens = Some(Tokens::new(&answer, None));
                let notice = Some("You allowed it. Try what Parcel may do now.".to_owned());
                self.begin(request, Visit { tokens, notice, asked: None }, "/")
            }
            Err(error) => self.say(request, &format!("Grantor did not exchange the code: {error}.")),
        }
    }
}

/// The HTTP of the crate `oauth2`, by way of ours.
async fn send(http: reqwest::Client, question: Question) -> Result<Reply, reqwest::Error> {
    let answer = http.execute(question.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut reply = Reply::new(answer.bytes().await?.to_vec());
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    Ok(reply)
}

// ---- Using what was allowed -----------------------------------------------------------------------------

impl App {
    /// Calls the API in the person's name; with `order`, places it. Where the access token is refused (401), it
    /// has ended or was taken back: one refresh tells which. In words, why there is no answer.
    async fn call(&self, request: &HttpRequest, order: Option<&Order>) -> Result<reqwest::Response, String> {
        let tokens = self.visit(request, |visit| visit.tokens.clone()).flatten();
        let tokens = tokens.ok_or("Parcel is not connected.")?;
        let answer = self.call_with(&tokens, order).await?;
        let answer = match answer.status().as_u16() {
            401 => self.call_with(&self.refresh(request, tokens).await?, order).await?,
            _ => answer,
        };
        match answer.status().as_u16() {
            200..=299 => Ok(answer),
            403 => Err("The Orders API refused: you did not allow Parcel to do this.".to_owned()),
            status => Err(format!("The Orders API does not do it now ({status}).")),
        }
    }

    async fn call_with(&self, tokens: &Tokens, order: Option<&Order>) -> Result<reqwest::Response, String> {
        let address = format!("{}/orders", self.api);
        let call = match order {
            Some(order) => self.http.post(address).json(order),
            None => self.http.get(address),
        };
        let answer = call.bearer_auth(tokens.access.secret()).send().await;
        answer.map_err(|_| "The Orders API does not answer.".to_owned())
    }

    /// Exchanges the refresh token, which is good for one use, for a new pair; or forgets what is over.
    async fn refresh(&self, request: &HttpRequest, tokens: Tokens) -> Result<Tokens, String> {
        let over = || {
            self.visit(request, |visit| visit.tokens = None);
            Err(TAKEN_BACK.to_owned())
        };
        let Some(refresh) = &tokens.refresh else { return over() };
        let exchange = self.client.exchange_refresh_token(refresh);
        match exchange.request_async(&|question| send(self.http.clone(), question)).await {
            Ok(answer) => {
                let tokens = Tokens::new(&answer, Some(tokens.clone()));
                self.visit(request, |visit| visit.tokens = Some(tokens.clone()));
                Ok(tokens)
            }
            Err(RequestTokenError::ServerResponse(refusal))
                if *refusal.error() == BasicErrorResponseType::InvalidGrant =>
            {
                over()
            }
            Err(error) => Err(format!("Grantor did not refresh: {error}.")),
        }
    }
}

async fn look(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let orders = match app.call(&request, None).await {
        Ok(answer) => {
            answer.json::<Vec<Order>>().await.map_err(|_| "The Orders API speaks in riddles.".into())
        }
        Err(words) => Err(words),
    };
    match orders {
        Ok(orders) => app.home(&request, Some(&orders)),
        Err(words) => app.say(&request, &words),
    }
}

async fn place(app: web::Data<App>, request: HttpRequest, order: web::Form<Order>) -> HttpResponse {
    match app.call(&request, Some(&order)).await {
        Ok(_) => app.say(&request, &format!("Ordered: {}.", order.item)),
        Err(words) => app.say(&request, &words),
    }
}

async fn refresh(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let Some(tokens) = app.visit(&request, |visit| visit.tokens.clone()).flatten() else {
        return app.say(&request, "Parcel is not connected.");
    };
    let words = app.refresh(&request, tokens).await.map(|_| "Refreshed: the tokens are new.".to_owned());
    app.say(&request, &words.unwrap_or_else(|words| words))
}

/// Gives the access back (RFC 7009): revoking the refresh token ends all that came of this consent's connection.
async fn disconnect(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let Some(tokens) = app.visit(&request, |visit| visit.tokens.clone()).flatten() else {
        return app.say(&request, "Parcel is not connected.");
    };
    let token = tokens.refresh.as_ref().map_or(tokens.access.secret(), |refresh| refresh.secret());
    // By hand: the crate does it over https only, which on this machine would be for show.
    let question = app.http.post(&app.grantor.revocation_endpoint);
    let question = match &app.client_secret {
        Some(secret) => {
            question.basic_auth(encoded(&app.client_id), Some(encoded(secret))).form(&[("token", token)])
        }
        None => question.form(&[("token", token), ("client_id", &app.client_id)]),
    };
    match question.send().await.and_then(reqwest::Response::error_for_status) {
        Ok(_) => {
            app.visit(&request, |visit| visit.tokens = None);
            app.say(&request, "Disconnected: Parcel has given its access back.")
        }
        Err(_) => app.say(&request, "Grantor does not answer, so Parcel is still connected. Try again."),
    }
}

/// Basic has both parts encoded as forms are (RFC 6749 §2.3.1).
fn encoded(text: &str) -> String {
    oauth2::url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[actix_web::main]
async fn main() -> ExitCode {
    match setup::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("third_party_app: {words}");
            ExitCode::FAILURE
        }
    }
}
