//! Whether a call is within its limits: the leases of this node, then the store, then what each limit says about a store
//! that does not answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, oneshot};
use tokio::time::timeout;

use crate::kernel::Fault;
use crate::limits::alone::Alone;
use crate::limits::asked::{Asked, Use, ask};
use crate::limits::circuit::Circuit;
use crate::limits::errand::{Errand, Hand, Taken};
use crate::limits::leases::{Drawn, Leases};
use crate::limits::limit::OnError;
use crate::limits::owner::Counter;
use crate::limits::returns::Return;
use crate::limits::rules::Applied;
use crate::limits::stores::{Answer, Ask, LimitStore, NotGivenBack};
use crate::limits::verdict::{Held, Verdict, Warning};
use crate::platform::clock::Clock;

/// How long the end may take to give back what is on lease.
const FAREWELL: Duration = Duration::from_secs(5);

/// How a node counts.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How many nodes share the store.
    pub nodes: u32,
    /// Whether this one takes some of what is left beforehand.
    pub leases: bool,
    /// How long the store may take to answer.
    pub patience: Duration,
}

/// How an answer of the store's came about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// Somebody looked.
    Seen,
    /// Somebody was refused.
    Refused,
    /// Somebody took something, and what came besides is on lease.
    Kept,
}

/// Decides whether calls are within their limits.
pub struct Limits {
    circuit: Circuit,
    leases: Arc<Leases>,
    alone: Alone,
    /// Held by everybody who gives something back; the end waits for them.
    giving: Arc<RwLock<()>>,
}

impl Limits {
    /// Over this store.
    pub fn new(store: Arc<dyn LimitStore>, manner: Manner, clock: Clock) -> Self {
        Self {
            circuit: Circuit::new(store, manner.patience),
            leases: Arc::new(Leases::new(manner.nodes, manner.leases)),
            alone: Alone::new(manner.nodes, clock),
            giving: Arc::default(),
        }
    }

    /// Whether a call that costs so much is within all of these limits. `consume`: it counts, if it is.
    ///
    /// A fault: nobody can know, and a limit says that it must not go ahead then.
    pub async fn decide(&self, applied: &[Applied], consume: bool, cost: u64) -> Result<Verdict, Fault> {
        let call = Use { requests: 1, cost };
        if consume { self.take(applied, call).await } else { self.look(applied, call).await }
    }

    /// Whether the store answers: without it nobody knows how limits stand on other nodes.
    pub async fn answers(&self) -> Result<(), Fault> {
        self.circuit.ask(self.circuit.store().peek(&[])).await.map(drop)
    }

    /// How these limits stand.
    pub async fn status(&self, applied: &[Applied]) -> Result<Verdict, Fault> {
        self.look(applied, Use { requests: 0, cost: 0 }).await
    }

    /// Forgets what was used of these limits. What other nodes have on lease stays theirs until it ends.
    pub async fn reset(&self, applied: &[Applied]) -> Result<(), Fault> {
        let asks: Vec<Ask> = applied.iter().map(|applied| ask(applied, 0)).collect();
        for ask in &asks {
            self.leases.forget(ask.counter);
        }
        self.alone.reset(&asks).await?;
        self.circuit.ask(self.circuit.store().reset(&asks)).await
    }

    /// Lets go of what an allowed call held; if that fails, it is tried again with what is left of leases. What is not let
    /// go of leaves by itself, with its deadline.
    pub async fn release(&self, held: Held) -> Result<(), Fault> {
        self.alone.release(&held.on_this_node).await?;
        let now = Instant::now();
        let giving = Arc::clone(&self.giving).read_owned().await;
        let returns = held.in_store.into_iter().map(|unused| Return::of(unused, now)).collect();
        self.give_back(returns, giving).await
    }

    /// Gives back what leases that are over had left, and what calls took and did not use. To be called every second or
    /// so; what fails is tried again. While the store is away, nothing is.
    pub async fn tend(&self) -> Result<(), Fault> {
        if self.circuit.is_open() {
            return Ok(());
        }
        let giving = Arc::clone(&self.giving).read_owned().await;
        self.give_back(self.leases.unused(Some(Instant::now())), giving).await
    }

    /// Gives back all that is on lease, when this node ends.
    pub async fn end(&self) -> Result<(), Fault> {
        let end = async {
            // What is under way may come back.
            drop(self.giving.write().await);
            let giving = Arc::clone(&self.giving).read_owned().await;
            self.give_back(self.leases.unused(None), giving).await
        };
        timeout(FAREWELL, end).await.map_err(|_| Fault::unavailable("the store of limits did not answer"))?
    }

    /// Has the store let go of what counts no more. To be called every few minutes.
    pub async fn tidy(&self) -> Result<(), Fault> {
        self.alone.tidy().await?;
        self.circuit.store().tidy().await
    }

    /// To its end, whoever waits for it.
    async fn give_back(&self, returns: Vec<Return>, giving: OwnedRwLockReadGuard<()>) -> Result<(), Fault> {
        if returns.is_empty() {
            return Ok(());
        }
        let (store, leases) = (Arc::clone(self.circuit.store()), Arc::clone(&self.leases));
        let given = tokio::spawn(async move {
            let unused: Vec<_> = returns.iter().map(|one| one.unused).collect();
            let given = store.give_back(&unused).await.map_err(|NotGivenBack { unused, why }| {
                let unused: HashSet<_> = unused.into_iter().collect();
                leases.keep_unused(returns.into_iter().filter(|one| unused.contains(&one.unused)));
                why
            });
            drop(giving);
            given
        });
        given.await.map_err(Fault::internal)?
    }

    async fn look(&self, applied: &[Applied], call: Use) -> Result<Verdict, Fault> {
        let asked: Vec<Asked<'_>> = applied.iter().map(|applied| Asked::of(applied, call)).collect();
        let asks: Vec<Ask> = asked.iter().map(|asked| asked.ask).collect();
        let mut verdict = Verdict::yes();
        if asks.is_empty() {
            return Ok(verdict);
        }
        match self.circuit.ask(self.circuit.store().peek(&asks)).await {
            Ok(answers) => asked
                .iter()
                .zip(&answers)
                .for_each(|(asked, answer)| self.note(&mut verdict, asked, answer, Came::Seen)),
            Err(fault) => self.decide_alone(&mut verdict, &asked, fault, false).await?,
        }
        Ok(verdict)
    }

    async fn take(&self, applied: &[Applied], call: Use) -> Result<Verdict, Fault> {
        let (mut whole, mut parts) = (Hand::of(&self.leases), Hand::of(&self.leases));
        let draw = |applied| self.draw(applied, call, &mut whole, &mut parts);
        let (drawn, lacking): (Vec<_>, Vec<_>) =
            applied.iter().map(draw).partition(|asked| asked.drawn.is_some());
        let mut verdict = Verdict::yes();
        if !lacking.is_empty() {
            self.take_from_store(&mut verdict, &lacking, parts).await?;
        }
        for asked in &drawn {
            asked.note_drawn(&mut verdict);
        }
        if verdict.allowed {
            whole.spend();
            self.alone.saw(&drawn);
        }
        verdict.policies.sort_by_key(|policy| applied.iter().position(|one| one.label == policy.name));
        Ok(verdict)
    }

    /// `parts`: what leases had of it.
    async fn take_from_store(
        &self,
        verdict: &mut Verdict,
        lacking: &[Asked<'_>],
        parts: Hand,
    ) -> Result<(), Fault> {
        let errand = Errand::new(&self.leases, lacking.iter().map(|asked| asked.ask).collect());
        let (fate, told) = oneshot::channel();
        match self.send(errand, told).await {
            Ok(Taken { answers, hand }) => {
                let allowed = answers.iter().all(|answer| answer.fits);
                if allowed {
                    parts.spend();
                    self.alone.saw(lacking);
                } else {
                    drop(parts);
                }
                let came = if allowed { Came::Kept } else { Came::Refused };
                for (asked, answer) in lacking.iter().zip(&answers) {
                    self.note(verdict, asked, answer, came);
                    verdict.held.in_store.extend(asked.holds(answer).filter(|_| allowed));
                }
                hand.spend();
                Ok(())
            }
            Err(fault) => {
                self.decide_alone(verdict, lacking, fault, true).await?;
                if verdict.allowed {
                    let used = lacking.iter().filter(|asked| !asked.is_concurrent());
                    // If the store never was asked, nobody wants to know.
                    let _ = fate.send(used.map(|asked| asked.ask.counter).collect());
                    parts.spend();
                }
                Ok(())
            }
        }
    }

    /// Nobody waits for it longer than the store may take; who does not, has it done all the same. `used`: of which
    /// counters the call went ahead without it.
    async fn send(&self, errand: Errand, used: oneshot::Receiver<Vec<Counter>>) -> Result<Taken, Fault> {
        let store = Arc::clone(self.circuit.store());
        let sent = async move {
            let (teller, told) = oneshot::channel();
            tokio::spawn(async move {
                // What nobody waits for goes back, but for what was used all the same.
                if let Err(Ok(late)) = teller.send(errand.run(store).await)
                    && let Ok(used) = used.await
                {
                    late.hand.spend_unheard(&used);
                }
            });
            told.await
                .unwrap_or_else(|_| Err(Fault::lost_connection("an errand to the store of limits broke")))
        };
        self.circuit.ask(sent.boxed()).await
    }

    /// Without the store. What is closed then, is for all.
    async fn decide_alone(
        &self,
        verdict: &mut Verdict,
        asked: &[Asked<'_>],
        fault: Fault,
        consume: bool,
    ) -> Result<(), Fault> {
        let does = |asked: &&Asked<'_>, mode: OnError| asked.applied.terms.on_error() == mode;
        if asked.iter().any(|asked| does(&asked, OnError::Closed)) {
            return Err(Fault::unavailable(format!("a limit is closed without its store: {fault}")));
        }
        let local: Vec<&Asked<'_>> = asked.iter().filter(|asked| does(asked, OnError::Local)).collect();
        let standings = self.alone.decide(&local, consume).await?;
        for (asked, standing) in local.iter().zip(&standings) {
            verdict.note(asked.applied, standing.level, standing.fits);
        }
        if consume && verdict.allowed {
            verdict.held.on_this_node.extend(standings.iter().filter_map(|standing| standing.holds));
        }
        Ok(())
    }

    fn draw<'a>(&self, applied: &'a Applied, call: Use, whole: &mut Hand, parts: &mut Hand) -> Asked<'a> {
        let mut asked = Asked::of(applied, call);
        match self.leases.draw(&mut asked.ask, Instant::now()) {
            Drawn::All(level, unused) => {
                asked.drawn = Some(level);
                whole.take_up(unused);
            }
            Drawn::Part(part) => part.into_iter().for_each(|unused| parts.take_up(unused)),
        }
        asked
    }

    /// What is on lease is left, too, and what is on its way back. A store that is only looked at does not know that it
    /// suffices.
    fn note(&self, verdict: &mut Verdict, asked: &Asked<'_>, answer: &Answer, came: Came) {
        let looks = came == Came::Seen;
        let (counter, mut level) = (asked.ask.counter, asked.level(answer));
        let cell = asked.ask.measure.cell(answer.reading.now_us);
        let left = self.leases.left(counter);
        // Others may have been answered meanwhile: what they brought is in one and not yet in the other.
        let kept = (came == Came::Kept).then(|| self.leases.left_in_all(counter, cell, answer.born));
        level.remaining = kept.flatten().unwrap_or(level.remaining + left).min(asked.ask.quota);
        let fits = answer.fits || (looks && left > 0 && level.remaining >= asked.amount);
        if !fits && let Some(us) = self.leases.may_come_back_in_us(&asked.ask, asked.amount, level.remaining)
        {
            level.fits_in_us = level.fits_in_us.map(|fits_in_us| fits_in_us.min(us)).or(Some(us));
        }
        verdict.note(asked.applied, level, fits);
        if looks {
            return;
        }
        if let Some(used) = self.leases.told(counter, cell, answer.milestone) {
            let (name, quota) = (asked.applied.label.clone(), asked.applied.quota);
            verdict.warnings.push(Warning { name, quota, used });
        }
    }
}
