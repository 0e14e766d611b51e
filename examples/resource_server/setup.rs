//! The API's start: its settings, and where Grantor answers what.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::{App, HttpServer, web};

use super::{Api, Metadata, routes};

/// Starts the API, and serves until it is stopped.
pub async fn run() -> Result<(), String> {
    let of = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let needed = |name: &str| std::env::var(name).map_err(|_| format!("set {name}"));
    // Short, since somebody waits for us. Our credentials follow nobody elsewhere, nor go to whoever `http_proxy`
    // names, which reqwest would heed.
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())?;
    let grantor = discover(&http, &of("API_ISSUER", "http://127.0.0.1:8080")).await?;
    let api = web::Data::new(Api {
        http,
        grantor,
        client_id: needed("API_CLIENT_ID")?,
        client_secret: needed("API_CLIENT_SECRET")?,
        audience: of("API_AUDIENCE", "orders"),
        orders: Mutex::default(),
        complained: Mutex::default(),
    });
    let at = of("API_LISTEN", "127.0.0.1:9001");
    let server = HttpServer::new(move || App::new().app_data(api.clone()).configure(routes));
    let server = server.workers(1).shutdown_timeout(1).bind(&at);
    let server = server.map_err(|error| format!("cannot listen at {at} (API_LISTEN): {error}"))?;
    println!("The Orders API listens at http://{at}/");
    if std::env::var("API_STOP_WITH_STDIN").is_ok() {
        std::thread::spawn(stop_with_stdin);
    }
    server.run().await.map_err(|error| error.to_string())
}

/// Finds out where Grantor answers what, and that it is the one we mean (RFC 8414 §3.3).
async fn discover(http: &reqwest::Client, issuer: &str) -> Result<Metadata, String> {
    let address = format!("{issuer}/.well-known/oauth-authorization-server");
    let lost = |error: reqwest::Error| format!("{address} does not answer as a Grantor does: {error}");
    let answer = http.get(&address).send().await.and_then(reqwest::Response::error_for_status);
    let metadata: Metadata = answer.map_err(lost)?.json().await.map_err(lost)?;
    if metadata.issuer != issuer {
        return Err(format!("{issuer} calls itself {}: set API_ISSUER to that", metadata.issuer));
    }
    Ok(metadata)
}

fn stop_with_stdin() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(0)
}
