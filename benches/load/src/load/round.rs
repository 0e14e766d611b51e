//! One round: the visitors do one thing for a while, and what it cost is counted.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::cast::{MACHINE, SIGNED};
use crate::cpu::Used;
use crate::figures::Figures;
use crate::target::Target;
use crate::visitor::Visitor;
use crate::workload::Workload;

/// How long a round may hang after its time.
const GRACE: Duration = Duration::from_secs(60);
/// After an error, so that a server that refuses everything is not drowned.
const PAUSE: Duration = Duration::from_millis(10);
/// Errors whose words are kept.
const KEPT: usize = 3;

/// How a round goes.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How many visitors work at once.
    pub connections: usize,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub counted: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    WarmUp,
    Counted,
    Over,
}

/// What the visitors share.
struct Stage<'a> {
    workload: Workload,
    document: &'a str,
    live: &'a [String],
    /// The API key; none where nothing is decided about calls.
    key: Option<&'a str>,
    /// Tokens to take back, made beforehand.
    fresh: RefCell<Vec<String>>,
    phase: Cell<Phase>,
    used_up: Notify,
    dice: Cell<u64>,
}

#[derive(Default)]
struct Tally {
    latencies: Vec<u32>,
    errors: u64,
    words: Vec<String>,
}

/// Measures one workload at one server.
pub async fn measure(target: &mut Target, workload: Workload, plan: Plan) -> Result<Figures> {
    target.prepare(workload, plan.connections).await?;
    let is_revoke = workload == Workload::Revoke;
    let fresh = if is_revoke { target.issue(usize::MAX, plan.counted).await? } else { Vec::new() };
    let (host, server, postgres) = (target.host, target.server, target.postgres);
    let mut visitors = std::mem::take(&mut target.visitors);
    let stage = Stage {
        workload,
        document: target.offers.document(workload),
        live: &target.live,
        key: target.key.as_deref(),
        fresh: RefCell::new(fresh),
        phase: Cell::new(Phase::WarmUp),
        used_up: Notify::new(),
        dice: Cell::new(0x9E37_79B9_7F4A_7C15),
    };
    // Making the tokens has warmed up everything.
    let warm_up = if is_revoke { Duration::ZERO } else { plan.warm_up };
    let working = visitors.iter_mut().take(plan.connections).map(|visitor| stage.work(visitor, host));
    let clock = stage.count(warm_up, plan.counted, || Used::until_now(server, postgres));
    let most = warm_up + plan.counted + GRACE;
    let both = timeout(most, futures_util::future::join(join_all(working), clock)).await;
    let (tallies, clock) = both.with_context(|| format!("{}: a server does not answer", workload.name()))?;
    target.visitors = visitors;
    let (used, elapsed) = clock?;
    Ok(figures(tallies, used, elapsed))
}

impl Stage<'_> {
    /// Lets time pass, and says what was used in the time that counts, and how long that was.
    async fn count(
        &self,
        warm_up: Duration,
        counted: Duration,
        used: impl Fn() -> Result<Used>,
    ) -> Result<(Used, Duration)> {
        sleep(warm_up).await;
        let (before, started) = (used(), Instant::now());
        self.phase.set(Phase::Counted);
        // The tokens to take back may be gone before the time is.
        let _ = timeout(counted, self.used_up.notified()).await;
        self.phase.set(Phase::Over);
        let elapsed = started.elapsed();
        Ok((used()?.since(before?), elapsed))
    }

    /// One visitor, until the end.
    async fn work(&self, visitor: &mut Visitor, host: std::net::SocketAddr) -> Tally {
        let mut tally = Tally::default();
        while self.phase.get() != Phase::Over {
            let counts = self.phase.get() == Phase::Counted;
            let started = Instant::now();
            match self.operate(visitor).await {
                Ok(true) if counts && self.phase.get() == Phase::Counted => {
                    tally.latencies.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok(true) => {}
                Ok(false) => {
                    self.used_up.notify_one();
                    break;
                }
                Err(error) => {
                    tally.note(error);
                    sleep(PAUSE).await;
                    if let Err(error) = visitor.come_back(host).await {
                        tally.note(error);
                    }
                }
            }
        }
        tally
    }

    /// One operation; whether there was anything to do.
    async fn operate(&self, visitor: &mut Visitor) -> Result<bool> {
        match (self.workload, self.key) {
            (Workload::Opaque, _) => visitor.client_credentials(&MACHINE).await.map(drop)?,
            (Workload::Signed, _) => visitor.client_credentials(&SIGNED).await.map(drop)?,
            (Workload::Consume, Some(_)) => visitor.ask_to_call(self.any_token()).await?,
            (Workload::Authz, Some(key)) => visitor.pass(key).await?,
            (Workload::Introspect | Workload::Consume | Workload::Authz, _) => {
                visitor.introspect(self.any_token()).await?;
            }
            (Workload::Refresh, _) => visitor.refresh().await?,
            (Workload::Flow, _) => visitor.code_flow().await?,
            (Workload::Metadata | Workload::Jwks, _) => visitor.fetch(self.document).await?,
            (Workload::Revoke, _) => {
                let Some(token) = self.fresh.borrow_mut().pop() else { return Ok(false) };
                visitor.revoke(&token).await?;
            }
        }
        Ok(true)
    }

    /// One of the live tokens, each as likely as any other (xorshift: nothing hangs on it).
    fn any_token(&self) -> &str {
        let mut dice = self.dice.get();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice.set(dice);
        let index = usize::try_from(dice >> 32).unwrap_or_default() % self.live.len().max(1);
        self.live.get(index).map_or("", String::as_str)
    }
}

impl Tally {
    fn note(&mut self, error: anyhow::Error) {
        self.errors += 1;
        if self.words.len() < KEPT {
            self.words.push(format!("{error:#}"));
        }
    }
}

fn figures(tallies: Vec<Tally>, used: Used, elapsed: Duration) -> Figures {
    let (mut latencies, mut errors, mut words) = (Vec::new(), 0, Vec::new());
    for tally in tallies {
        latencies.extend(tally.latencies);
        errors += tally.errors;
        words.extend(tally.words);
    }
    words.truncate(KEPT);
    Figures::of(latencies, used, elapsed, errors, words)
}
