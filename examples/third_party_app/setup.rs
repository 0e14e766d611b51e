//! Parcel's start: its settings, and where Grantor answers what.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpServer, web};
use oauth2::basic::BasicClient;
use oauth2::url::{Origin, Url};
use oauth2::{AuthUrl, ClientId, ClientSecret, RedirectUrl, TokenUrl};

use super::browsers::own_forms_only;
use super::{App, Metadata, pages, routes};

/// Starts Parcel, and serves until it is stopped.
pub async fn run() -> Result<(), String> {
    let app = web::Data::new(App::new().await?);
    let at = setting("APP_LISTEN", "127.0.0.1:9000");
    let (url, policy) = (app.url.clone(), pages::policy(&app.grantor.issuer));
    let server = HttpServer::new(move || {
        let headers = DefaultHeaders::new()
            .add(("content-security-policy", policy.as_str()))
            // Not `no-referrer`, by which a browser would hide the origin of our own forms, too.
            .add(("referrer-policy", "same-origin"))
            .add(("x-content-type-options", "nosniff"))
            .add(("cache-control", "no-store"));
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(own_forms_only))
            .wrap(headers)
            .configure(routes)
    });
    let server = server.workers(1).shutdown_timeout(1).bind(&at);
    let server = server.map_err(|error| format!("cannot listen at {at} (APP_LISTEN): {error}"))?;
    println!("Parcel: open {url}/");
    if std::env::var("APP_STOP_WITH_STDIN").is_ok() {
        std::thread::spawn(stop_with_stdin);
    }
    server.run().await.map_err(|error| error.to_string())
}

impl App {
    async fn new() -> Result<Self, String> {
        let client_id = std::env::var("APP_CLIENT_ID").map_err(|_| "set APP_CLIENT_ID")?;
        let client_secret = std::env::var("APP_CLIENT_SECRET").ok();
        let url = origin(&setting("APP_URL", "http://localhost:9000"))?;
        // Short, since somebody waits for us. Our secrets follow nobody elsewhere, nor go to whoever `http_proxy`
        // names, which reqwest would heed.
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        let grantor = discover(&http, &setting("APP_ISSUER", "http://127.0.0.1:8080")).await?;
        let wrong = |error: oauth2::url::ParseError| error.to_string();
        let mut client = BasicClient::new(ClientId::new(client_id.clone()))
            .set_auth_uri(AuthUrl::new(grantor.authorization_endpoint.clone()).map_err(wrong)?)
            .set_token_uri(TokenUrl::new(grantor.token_endpoint.clone()).map_err(wrong)?)
            .set_redirect_uri(RedirectUrl::new(format!("{url}/callback")).map_err(wrong)?);
        if let Some(secret) = &client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.clone()));
        }
        let api = setting("APP_API", "http://127.0.0.1:9001");
        let (questions, visits) = (Mutex::default(), Mutex::default());
        Ok(Self { http, client, client_id, client_secret, grantor, url, api, questions, visits })
    }
}

fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// An address as browsers write it in `Origin`, with which it is compared.
fn origin(address: &str) -> Result<String, String> {
    let url = Url::parse(address).ok().filter(|url| url.path() == "/" && url.query().is_none());
    match url.map(|url| url.origin()) {
        Some(origin @ Origin::Tuple(..)) => Ok(origin.ascii_serialization()),
        _ => Err(format!("set APP_URL to scheme, host and port, as http://localhost:9000, not {address}")),
    }
}

/// Finds out where Grantor answers what, and that it is the one we mean (RFC 8414 §3.3).
async fn discover(http: &reqwest::Client, issuer: &str) -> Result<Metadata, String> {
    let address = format!("{issuer}/.well-known/oauth-authorization-server");
    let lost = |error: reqwest::Error| format!("{address} does not answer as a Grantor does: {error}");
    let answer = http.get(&address).send().await.and_then(reqwest::Response::error_for_status);
    let metadata: Metadata = answer.map_err(lost)?.json().await.map_err(lost)?;
    if metadata.issuer != issuer {
        return Err(format!("{issuer} calls itself {}: set APP_ISSUER to that", metadata.issuer));
    }
    Ok(metadata)
}

fn stop_with_stdin() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(0)
}
