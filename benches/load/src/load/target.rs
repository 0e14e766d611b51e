//! A server that is measured, and what was made beforehand so that it can be: sessions, refresh tokens, live tokens.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;

use crate::cast::{self, MACHINE};
use crate::grantor::{Grantor, free_address};
use crate::process::Process;
use crate::visitor::Visitor;
use crate::workload::Workload;

/// Tokens that introspection is asked about.
pub const LIVE: usize = 10_000;
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// A server with its visitors.
pub struct Target {
    /// What it is called.
    pub name: String,
    /// Where it answers.
    pub host: SocketAddr,
    /// Its pid.
    pub server: u32,
    /// That of its Postgres.
    pub postgres: u32,
    /// Those who send requests.
    pub visitors: Vec<Visitor>,
    /// Tokens that are good.
    pub live: Vec<String>,
    documents: Documents,
    /// People who can sign in; none at the limit, which asks for no session.
    people: usize,
    signed_in: usize,
    // The limit itself; it ends before its Postgres does.
    _limit: Option<Process>,
    /// Grantor itself, or the one that owns the limit's Postgres.
    pub grantor: Grantor,
}

/// Where the public documents are, or why there is none.
struct Documents {
    metadata: String,
    jwks: Result<String, String>,
    signed: Result<(), String>,
}

impl Target {
    /// Grantor, furnished and with visitors.
    pub async fn grantor(name: &str, program: &Path, data: &Path, visitors: usize) -> Result<Self> {
        let grantor = Grantor::start(program, data).await?;
        let signed = grantor.furnish(visitors)?;
        let mut first = Visitor::arrive(grantor.host).await?;
        let documents = Documents {
            metadata: METADATA.to_owned(),
            jwks: jwks(&first.read(METADATA).await?)?,
            signed: signed.map_or(Ok(()), Err),
        };
        let (host, server) = (grantor.host, grantor.pid());
        Self { people: visitors, ..Self::of(name, (host, server), grantor, documents)? }
            .welcome(visitors)
            .await
    }

    /// The limit, over a private Postgres that an idle Grantor owns, so that both have the same settings.
    pub async fn limit(limit: &Path, grantor: &Path, data: &Path, visitors: usize) -> Result<Self> {
        let owner = Grantor::start(grantor, data).await?;
        let host = free_address()?;
        let mut command = Command::new(limit);
        command.args([
            "--listen",
            &host.to_string(),
            "--database",
            &owner.database()?,
            "--secret",
            cast::SECRET,
        ]);
        let mut process = Process::start(&mut command, &data.with_extension("limit.log"))?;
        process.says("the limit serves").await?;
        let hello = || "/hello".to_owned();
        let documents = Documents { metadata: hello(), jwks: Ok(hello()), signed: Ok(()) };
        let target = Self::of("limit", (host, process.id()), owner, documents)?;
        Self { _limit: Some(process), ..target }.welcome(visitors).await
    }

    fn of(
        name: &str,
        (host, server): (SocketAddr, u32),
        grantor: Grantor,
        documents: Documents,
    ) -> Result<Self> {
        let postgres = grantor.postgres_pid()?;
        let (visitors, live) = (Vec::new(), Vec::new());
        let name = name.to_owned();
        Ok(Self {
            name,
            host,
            server,
            postgres,
            visitors,
            live,
            documents,
            people: 0,
            signed_in: 0,
            _limit: None,
            grantor,
        })
    }

    async fn welcome(mut self, visitors: usize) -> Result<Self> {
        self.visitors = try_join_all((0..visitors).map(|_| Visitor::arrive(self.host))).await?;
        Ok(self)
    }

    /// The public document that a workload reads.
    pub fn document(&self, workload: Workload) -> &str {
        match (&self.documents.jwks, workload) {
            (Ok(jwks), Workload::Jwks) => jwks,
            _ => &self.documents.metadata,
        }
    }

    /// Why a workload cannot be measured here.
    pub fn lacks(&self, workload: Workload) -> Option<&str> {
        match workload {
            Workload::Signed => self.documents.signed.as_ref().err().map(String::as_str),
            Workload::Jwks => self.documents.jwks.as_ref().err().map(String::as_str),
            _ => None,
        }
    }

    /// Makes what a workload takes for granted.
    pub async fn prepare(&mut self, workload: Workload, visitors: usize) -> Result<()> {
        match workload {
            Workload::Introspect if self.live.len() < LIVE => {
                let made = self.issue(LIVE - self.live.len(), Duration::MAX).await?;
                self.live.extend(made);
            }
            Workload::Flow => self.sign_in(visitors).await?,
            Workload::Refresh => {
                self.sign_in(visitors).await?;
                for visitor in self.visitors.iter_mut().take(visitors) {
                    visitor.have_refresh_token(self.host).await?;
                }
            }
            _ => {}
        }
        self.reconnect().await
    }

    async fn sign_in(&mut self, visitors: usize) -> Result<()> {
        let people = visitors.min(self.people);
        for (number, visitor) in self.visitors.iter_mut().enumerate().take(people).skip(self.signed_in) {
            let signed_in = visitor.sign_in(self.host, &cast::identifier(number)).await;
            signed_in.with_context(|| format!("visitor {number} signs in"))?;
            self.signed_in += 1;
        }
        Ok(())
    }

    /// A connection that is not used soon is closed by the server.
    pub async fn reconnect(&mut self) -> Result<()> {
        for visitor in &mut self.visitors {
            visitor.come_back(self.host).await?;
        }
        Ok(())
    }

    /// Makes tokens: so many, or as many as there is time for.
    pub async fn issue(&mut self, most: usize, within: Duration) -> Result<Vec<String>> {
        self.reconnect().await?;
        let tokens = RefCell::new(Vec::new());
        let started = Instant::now();
        let issue = async |visitor: &mut Visitor| {
            while tokens.borrow().len() < most && started.elapsed() < within {
                let token = visitor.client_credentials(&MACHINE).await?.to_owned();
                tokens.borrow_mut().push(token);
            }
            anyhow::Ok(())
        };
        try_join_all(self.visitors.iter_mut().map(issue)).await.context("tokens made beforehand")?;
        Ok(tokens.into_inner())
    }
}

/// The path of the keys, if the metadata names one.
fn jwks(metadata: &str) -> Result<Result<String, String>> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).context("the metadata")?;
    let Some(uri) = metadata.get("jwks_uri").and_then(|uri| uri.as_str()) else {
        return Ok(Err("the metadata names no jwks_uri".to_owned()));
    };
    let path = uri.splitn(4, '/').last().context("jwks_uri has a path")?;
    Ok(Ok(format!("/{path}")))
}

#[cfg(test)]
mod tests {
    use super::jwks;

    #[test]
    fn the_keys_are_where_the_metadata_says() {
        let there = jwks(r#"{"jwks_uri":"http://127.0.0.1:8080/oauth/jwks"}"#).unwrap();
        assert_eq!(there.as_deref(), Ok("/oauth/jwks"));
        assert!(jwks("{}").unwrap().is_err());
        assert!(jwks("no JSON").is_err());
    }
}
