//! The bare limit: what a Rust server over Postgres can do on this machine, with the same HTTP library, crypto and
//! durability as Grantor, and no protocol. It answers the requests that Grantor answers, and checks next to nothing:
//! a figure to compare with, never a server to use.

mod batch;
mod http;
mod store;
mod tokens;

use std::io::Write as _;
use std::net::SocketAddr;

use actix_web::{App, HttpServer, web};
use anyhow::{Context as _, Result};
use clap::Parser;

use crate::http::Limit;

#[derive(Parser)]
struct Options {
    /// Where to listen: a loopback address.
    #[arg(long)]
    listen: SocketAddr,
    /// The Postgres, as a connection string.
    #[arg(long)]
    database: String,
    /// The secret of every client.
    #[arg(long)]
    secret: String,
}

#[actix_web::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    anyhow::ensure!(options.listen.ip().is_loopback(), "the limit listens on loopback only");
    store::create(&options.database).await.context("the limit's tables")?;
    let limit = web::Data::new(Limit::start(&options.database, &options.secret).await?);
    let server = HttpServer::new(move || App::new().app_data(limit.clone()).configure(http::routes))
        .bind(options.listen)
        .with_context(|| format!("cannot listen at {}", options.listen))?;
    writeln!(std::io::stdout(), "the limit serves {}", options.listen)?;
    server.run().await?;
    Ok(())
}
