//! Without the store: what this node knows by itself.
//!
//! Nobody tells it what the others use, so it counts its share of a quota anew. And together with what it let through
//! while the store answered, it lets through no more than the quota: a store that is slow for a moment opens nothing
//! where there is one node.

use crate::kernel::Fault;
use crate::limits::asked::Asked;
use crate::limits::limit::OnError;
use crate::limits::stores::measure::Level;
use crate::limits::stores::memory::MemoryStore;
use crate::limits::stores::{Answer, Ask, LimitStore as _, Unused};
use crate::platform::clock::Clock;

/// What a node counts for itself.
pub(super) struct Alone {
    /// All that it let through.
    seen: MemoryStore,
    /// What of that without the store.
    shares: MemoryStore,
    nodes: u64,
}

/// How a limit stands, as far as this node knows.
pub(super) struct Standing {
    pub(super) level: Level,
    pub(super) fits: bool,
    /// What it is held under, if it is held and not used up.
    pub(super) holds: Option<Unused>,
}

impl Alone {
    /// One of so many nodes.
    pub(super) fn new(nodes: u32, clock: Clock) -> Self {
        Self {
            seen: MemoryStore::new(clock.clone()),
            shares: MemoryStore::new(clock),
            nodes: u64::from(nodes.max(1)),
        }
    }

    /// A call goes ahead, by the word of the store or what was had of it.
    pub(super) fn saw<'a>(&self, asked: impl IntoIterator<Item = &'a Asked<'a>>) {
        let local = asked.into_iter().filter(|asked| {
            asked.amount > 0 && !asked.is_concurrent() && asked.applied.terms.on_error() == OnError::Local
        });
        self.seen.note(local.map(|asked| asked.on_this_node(1).ask));
    }

    /// How these limits stand; all of them are taken from, if there is enough of each.
    pub(super) async fn decide(&self, asked: &[&Asked<'_>], consume: bool) -> Result<Vec<Standing>, Fault> {
        let whole: Vec<Asked<'_>> =
            asked.iter().filter(|asked| !asked.is_concurrent()).map(|asked| asked.on_this_node(1)).collect();
        let shares: Vec<Asked<'_>> = asked.iter().map(|asked| asked.on_this_node(self.nodes)).collect();
        // What goes back into a bucket is lost, so nothing is taken that is not to be had of both; but for two at once.
        let may_take = consume && all_fit(&self.shares.ask(&asks(&shares), false)?);
        // Where there is no room to know what was let through, the share alone decides.
        let seen = self.seen.ask(&asks(&whole), may_take).unwrap_or_default();
        let takes = may_take && all_fit(&seen);
        let own = self.shares.ask(&asks(&shares), takes)?;
        if takes && !all_fit(&own) {
            let unused: Vec<Unused> =
                whole.iter().zip(&seen).map(|(whole, answer)| whole.ask.taken(answer)).collect();
            self.seen.give_back(&unused).await.map_err(|not| not.why)?;
        }
        let mut seen = whole.iter().zip(&seen);
        let standing = |(share, answer): (&Asked<'_>, &Answer)| {
            let own = Standing::of(share, answer);
            // What is held is let go of, and so is no part of what was seen.
            let known = if share.is_concurrent() { None } else { seen.next() };
            match known {
                Some((whole, answer)) => own.and(Standing::of(whole, answer)),
                None => own,
            }
        };
        Ok(shares.iter().zip(&own).map(standing).collect())
    }

    /// Forgets what was used of these.
    pub(super) async fn reset(&self, asks: &[Ask]) -> Result<(), Fault> {
        self.seen.reset(asks).await?;
        self.shares.reset(asks).await
    }

    /// Lets go of what was held here.
    pub(super) async fn release(&self, held: &[Unused]) -> Result<(), Fault> {
        self.shares.give_back(held).await.map_err(|not| not.why)
    }

    /// Forgets what counts no more.
    pub(super) async fn tidy(&self) -> Result<(), Fault> {
        self.seen.tidy().await?;
        self.shares.tidy().await
    }
}

impl Standing {
    fn of(asked: &Asked<'_>, answer: &Answer) -> Self {
        Self { level: asked.level(answer), fits: answer.fits, holds: asked.holds(answer) }
    }

    /// As it stands by both: the one that leaves less tells how.
    fn and(self, other: Self) -> Self {
        let leaves = |standing: &Self| (standing.fits, standing.level.remaining);
        let level = if leaves(&other) < leaves(&self) { other.level } else { self.level };
        Self { level, fits: self.fits && other.fits, holds: self.holds }
    }
}

fn asks(asked: &[Asked<'_>]) -> Vec<Ask> {
    asked.iter().map(|asked| asked.ask).collect()
}

fn all_fit(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| answer.fits)
}
