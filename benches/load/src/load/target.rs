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
use crate::offers::{METADATA, Offers};
use crate::process::Process;
use crate::visitor::Visitor;
use crate::workload::Workload;

/// Tokens that introspection is asked about.
pub const LIVE: usize = 10_000;

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
    /// A good API key, where there are any.
    pub key: Option<String>,
    /// What may be measured.
    pub offers: Offers,
    /// People who can sign in; none at the limit, which asks for no session.
    people: usize,
    signed_in: usize,
    // The limit itself; it ends before its Postgres does.
    _limit: Option<Process>,
    /// Grantor itself, or the one that owns the limit's Postgres.
    pub grantor: Grantor,
}

impl Target {
    /// Grantor, furnished and with visitors.
    pub async fn grantor(name: &str, program: &Path, data: &Path, visitors: usize) -> Result<Self> {
        let grantor = Grantor::start(program, data).await?;
        let refused = grantor.furnish(visitors)?;
        let key = Some(grantor.make_key()?);
        let metadata = Visitor::arrive(grantor.host).await?.read(METADATA).await?;
        let offers = Offers::of_grantor(&metadata, refused)?;
        let (host, server) = (grantor.host, grantor.pid());
        let target = Self::over(grantor, name, host, server, offers)?;
        Self { people: visitors, key, ..target }.welcome(visitors).await
    }

    /// The limit, over a private Postgres that an idle Grantor owns, so that both have the same settings.
    pub async fn limit(limit: &Path, grantor: &Path, data: &Path, visitors: usize) -> Result<Self> {
        let owner = Grantor::start(grantor, data).await?;
        let host = free_address()?;
        let mut command = Command::new(limit);
        command.args(["--listen", &host.to_string(), "--database", &owner.database()?]);
        command.args(["--secret", cast::SECRET]);
        let mut process = Process::start(&mut command, &data.with_extension("limit.log"))?;
        process.says("the limit serves").await?;
        let target = Self::over(owner, "limit", host, process.id(), Offers::of_the_limit())?;
        Self { _limit: Some(process), ..target }.welcome(visitors).await
    }

    fn over(grantor: Grantor, name: &str, host: SocketAddr, server: u32, offers: Offers) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            host,
            server,
            postgres: grantor.postgres_pid()?,
            visitors: Vec::new(),
            live: Vec::new(),
            key: None,
            offers,
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

    /// Makes what a workload takes for granted.
    pub async fn prepare(&mut self, workload: Workload, visitors: usize) -> Result<()> {
        match workload {
            Workload::Introspect | Workload::Consume | Workload::Authz if self.live.len() < LIVE => {
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
