//! Parcel's start: its settings, where Grantor answers what, and its routes.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpResponse, HttpServer, web};
use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, ClientSecret, RedirectUrl, TokenUrl};

use super::browsers::{home, own_forms_only};
use super::{App, Metadata, callback, connect, disconnect, look, pages, place, refresh};

/// Starts Parcel, and serves until it is stopped.
pub async fn run() -> Result<(), String> {
    let app = web::Data::new(App::new().await?);
    let at = setting("APP_LISTEN", "127.0.0.1:9000");
    let (url, policy) = (app.url.clone(), pages::policy(&app.grantor.issuer));
    let server = HttpServer::new(move || {
        let headers = DefaultHeaders::new()
            .add(("content-security-policy", policy.as_str()))
            .add(("referrer-policy", "same-origin"))
            .add(("x-content-type-options", "nosniff"))
            .add(("cache-control", "no-store"));
        let style = || async { HttpResponse::Ok().content_type("text/css").body(pages::STYLE) };
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(own_forms_only))
            .wrap(headers)
            .route("/", web::get().to(home))
            .route("/parcel.css", web::get().to(style))
            .route("/connect", web::post().to(connect))
            .route("/callback", web::get().to(callback))
            .service(web::resource("/orders").get(look).post(place))
            .route("/refresh", web::post().to(refresh))
            .route("/disconnect", web::post().to(disconnect))
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
        let url = setting("APP_URL", "http://localhost:9000");
        // Short, since somebody waits for us; and our secrets follow nobody elsewhere.
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
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
        Ok(Self { http, client, client_id, client_secret, grantor, url, api, visits: Mutex::default() })
    }
}

fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
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
