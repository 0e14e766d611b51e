//! Whether a call is within its limits: the leases of this node, then the store, then what each limit says about a store
//! that does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kernel::Fault;
use crate::limits::asked::{Asked, Use, ask};
use crate::limits::circuit::Circuit;
use crate::limits::leases::{Drawn, Leases};
use crate::limits::limit::OnError;
use crate::limits::rules::Applied;
use crate::limits::stores::memory::MemoryStore;
use crate::limits::stores::{Answer, Ask, LimitStore, Unused};
use crate::limits::verdict::{Held, Verdict, Warning};
use crate::platform::clock::Clock;

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

/// Decides whether calls are within their limits.
pub struct Limits {
    circuit: Circuit,
    leases: Option<Leases>,
    local: MemoryStore,
    nodes: u64,
}

impl Limits {
    /// Over this store.
    pub fn new(store: Arc<dyn LimitStore>, manner: Manner, clock: Clock) -> Self {
        Self {
            circuit: Circuit::new(store, manner.patience),
            leases: manner.leases.then(|| Leases::new(manner.nodes)),
            local: MemoryStore::new(clock),
            nodes: u64::from(manner.nodes.max(1)),
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
        for (ask, leases) in asks.iter().filter_map(|ask| Some((ask, self.leases.as_ref()?))) {
            leases.forget(ask.counter);
        }
        self.local.reset(&asks).await?;
        self.circuit.ask(self.circuit.store().reset(&asks)).await
    }

    /// Lets go of what an allowed call held. What is not let go of leaves by itself, with its deadline.
    pub async fn release(&self, held: Held) -> Result<(), Fault> {
        self.local.give_back(&held.on_this_node).await?;
        self.give_back(held.in_store).await
    }

    /// Gives back what leases that are over had left. To be called every second or so.
    pub async fn tend(&self) -> Result<(), Fault> {
        self.give_back_leases(Some(Instant::now())).await
    }

    /// Gives back all that is on lease, when this node ends.
    pub async fn end(&self) -> Result<(), Fault> {
        self.give_back_leases(None).await
    }

    /// Has the store let go of what counts no more. To be called every few minutes.
    pub async fn tidy(&self) -> Result<(), Fault> {
        self.local.tidy().await?;
        self.circuit.store().tidy().await
    }

    async fn give_back_leases(&self, over_at: Option<Instant>) -> Result<(), Fault> {
        let unused = self.leases.as_ref().map(|leases| leases.unused(over_at));
        self.give_back(unused.unwrap_or_default()).await
    }

    async fn give_back(&self, unused: Vec<Unused>) -> Result<(), Fault> {
        if unused.is_empty() {
            return Ok(());
        }
        self.circuit.ask(self.circuit.store().give_back(&unused)).await
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
                .for_each(|(asked, answer)| self.note(&mut verdict, asked, answer, true)),
            Err(fault) => self.decide_alone(&mut verdict, &asked, fault, false).await?,
        }
        Ok(verdict)
    }

    async fn take(&self, applied: &[Applied], call: Use) -> Result<Verdict, Fault> {
        let asked: Vec<Asked<'_>> = applied.iter().map(|applied| self.draw(applied, call)).collect();
        let (drawn, lacking): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|asked| matches!(asked.drawn, Drawn::All(..)));
        let mut verdict = Verdict::yes();
        if !lacking.is_empty() {
            let taken = self.take_from_store(&mut verdict, &lacking).await;
            if taken.is_err() || !verdict.allowed {
                self.put_back(&drawn);
            }
            taken?;
        }
        for asked in &drawn {
            asked.note_drawn(&mut verdict);
        }
        verdict.policies.sort_by_key(|policy| applied.iter().position(|one| one.label == policy.name));
        Ok(verdict)
    }

    async fn take_from_store(&self, verdict: &mut Verdict, lacking: &[Asked<'_>]) -> Result<(), Fault> {
        let asks: Vec<Ask> = lacking.iter().map(|asked| asked.ask).collect();
        let asked_at = Instant::now();
        let answered = self.circuit.ask(self.circuit.store().take(&asks)).await;
        let allowed = answered.as_ref().is_ok_and(|answers| answers.iter().all(|answer| answer.fits));
        for (place, ask) in asks.iter().enumerate() {
            let answer = answered.as_ref().ok().and_then(|answers| answers.get(place)).filter(|_| allowed);
            match (&self.leases, answer) {
                (Some(leases), Some(answer)) => leases.keep(ask, answer, asked_at),
                (Some(leases), None) => leases.come_back(ask),
                (None, _) => {}
            }
        }
        match answered {
            Ok(answers) => {
                for (asked, answer) in lacking.iter().zip(&answers) {
                    self.note(verdict, asked, answer, false);
                    if allowed {
                        verdict.held.in_store.extend(asked.holds(answer));
                    }
                }
                Ok(())
            }
            Err(fault) => self.decide_alone(verdict, lacking, fault, true).await,
        }
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
        let local: Vec<Asked<'_>> = asked
            .iter()
            .filter(|asked| does(asked, OnError::Local))
            .map(|asked| asked.on_this_node(self.nodes))
            .collect();
        let asks: Vec<Ask> = local.iter().map(|asked| asked.ask).collect();
        let answers = if consume { self.local.take(&asks).await? } else { self.local.peek(&asks).await? };
        for (asked, answer) in local.iter().zip(&answers) {
            let level = asked.level(answer);
            verdict.note(asked.applied, level, answer.fits);
        }
        if consume && verdict.allowed {
            let held = local.iter().zip(&answers).filter_map(|(asked, answer)| asked.holds(answer));
            verdict.held.on_this_node.extend(held);
        }
        Ok(())
    }

    fn draw<'a>(&self, applied: &'a Applied, call: Use) -> Asked<'a> {
        let mut asked = Asked::of(applied, call);
        if let Some(leases) = &self.leases {
            asked.drawn = leases.draw(&mut asked.ask, Instant::now());
        }
        asked
    }

    fn put_back(&self, drawn: &[Asked<'_>]) {
        let Some(leases) = &self.leases else { return };
        for asked in drawn {
            if let Drawn::All(_, cell) = asked.drawn {
                leases.put_back(&asked.ask, cell);
            }
        }
    }

    /// What is on lease is left, too. A store that is only looked at does not know that it suffices.
    fn note(&self, verdict: &mut Verdict, asked: &Asked<'_>, answer: &Answer, looks: bool) {
        let mut level = asked.level(answer);
        let at_hand = |leases: &Leases| leases.left(asked.ask.counter, Instant::now());
        let left = self.leases.as_ref().map_or(0, at_hand);
        level.remaining += left;
        verdict.note(asked.applied, level, answer.fits || (looks && left >= asked.ask.amount));
        if let Some(used) = answer.milestone {
            let (name, quota) = (asked.applied.label.clone(), asked.applied.quota);
            verdict.warnings.push(Warning { name, quota, used });
        }
    }
}
