//! The door to a transaction. Whatever is written passes here, and leaves its events in the same commit.

use std::sync::{Arc, OnceLock};

use diesel::{Connection as _, result::Error as DieselError};

use crate::audit::lane::{Group, Job, Lane, Repeats, Run};
use crate::audit::metrics::LaneMetrics;
use crate::audit::work::Trail;
use crate::audit::{Event, Work, claims, store};
use crate::kernel::{Denial, Fault, Outcome, Stale};
use crate::platform::context::Context;
use crate::platform::db::{Connection, Db, announce};
use crate::platform::entropy::Entropy;
use crate::platform::invalidation::Invalidation;
use crate::platform::metrics::Metrics;

/// Opens transactions. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    db: Db,
    lanes: Arc<Lanes>,
}

/// What is read and written for many at once. The lanes start when they are first used: commands need none.
#[derive(Default)]
struct Lanes {
    writes: OnceLock<Lane<Trails>>,
    reads: OnceLock<Lane<()>>,
    counts: OnceLock<Lane<()>>,
    count_metrics: Arc<LaneMetrics>,
    write_metrics: Arc<LaneMetrics>,
    read_metrics: Arc<LaneMetrics>,
    invalidation: Arc<Invalidation>,
}

/// A hot act, decided beforehand over what was loaded: the rows to change, the conditions under which, and
/// the events that go with each verdict. Many are executed in one statement, which is why it takes a slice
/// and gives one verdict a row, in order.
pub trait WriteValue: Send + Sized + 'static {
    /// What became of it.
    type Verdict: Send + 'static;

    /// Writes the rows; each row's conditions decide for that row alone.
    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Verdict>, Fault>;

    /// The events that go with the verdict.
    fn events(&self, verdict: &Self::Verdict) -> Vec<Event>;

    /// What the caches of every node must forget, whatever the verdict: this one may not have heard of it yet.
    fn stale(&self) -> Option<Stale>;
}

/// Something to be found by its key, of which many are found in one statement.
pub trait Lookup: Send + Sized + 'static {
    /// What is found.
    type Found: Send + 'static;

    /// Finds them; one answer a key, in order.
    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault>;
}

impl Ledger {
    /// A ledger over the pool.
    pub fn new(db: Db) -> Self {
        Self { db, lanes: Arc::default() }
    }

    /// Reads outside any act.
    pub async fn read<T, F>(&self, load: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.db.run(load).await
    }

    /// Runs an act in one transaction. `Ok(Ok)` commits; `Ok(Err(denial))` rolls the act back but commits its
    /// trail, unless the act said [`Work::keep`]; `Err(fault)` rolls everything back.
    pub async fn act<T, F>(&self, context: &Context, act: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Outcome<T> + Send + 'static,
    {
        let (context, caches) = (context.clone(), Arc::clone(&self.lanes.invalidation));
        self.db.run(move |connection| transact(connection, &context, &caches, act)).await
    }

    /// The same on the calling thread, for commands.
    pub fn act_here<T>(
        &self,
        context: &Context,
        act: impl FnOnce(&mut Work<'_>) -> Outcome<T>,
    ) -> Outcome<T> {
        self.db.run_here(|connection| transact(connection, context, self.invalidation(), act))
    }

    /// Reads on the calling thread, for commands.
    pub fn read_here<T>(&self, load: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.db.run_here(load)
    }

    /// Reads what takes long on the calling thread, with a connection of its own: for commands.
    pub fn read_apart<T>(&self, load: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.db.run_apart_here(load)
    }

    /// Finds something by its key, together with whatever others look for at the moment.
    pub async fn look_up<L: Lookup>(&self, key: L) -> Result<L::Found, Fault> {
        let start = || {
            let metrics = Arc::clone(&self.lanes.read_metrics);
            Lane::start("grantor-reads", &self.db, Arc::new(find_all), Repeats::Freely, metrics)
        };
        self.lanes.reads.get_or_init(start).ask(Looked(key)).await
    }

    /// Counts something, in a lane of its own: such a lookup leaves a mark, and is not done again when a connection is
    /// lost.
    pub async fn count<L: Lookup>(&self, key: L) -> Result<L::Found, Fault> {
        let start = || {
            let metrics = Arc::clone(&self.lanes.count_metrics);
            Lane::start("grantor-counts", &self.db, Arc::new(find_all), Repeats::Never, metrics)
        };
        self.lanes.counts.get_or_init(start).ask(Looked(key)).await
    }

    /// Executes a write value and its events in one commit, shared with whatever others write at the moment; the
    /// answer comes after it.
    pub async fn write<W: WriteValue>(&self, context: &Context, value: W) -> Result<W::Verdict, Fault> {
        let start = || {
            let (metrics, caches) =
                (Arc::clone(&self.lanes.write_metrics), Arc::clone(&self.lanes.invalidation));
            let write: Run<Trails> =
                Arc::new(move |connection, groups| write_all(&caches, connection, groups));
            Lane::start("grantor-writes", &self.db, write, Repeats::Never, metrics)
        };
        self.lanes.writes.get_or_init(start).ask(Written { context: context.clone(), value }).await
    }

    /// Who must hear what is stale.
    pub fn invalidation(&self) -> &Arc<Invalidation> {
        &self.lanes.invalidation
    }

    /// Shows how the lanes do.
    pub fn register(&self, metrics: &Metrics) {
        self.lanes.write_metrics.register("writes", metrics);
        self.lanes.read_metrics.register("lookups", metrics);
        self.lanes.count_metrics.register("counts", metrics);
    }
}

struct Looked<L>(L);

impl<L: Lookup> Job for Looked<L> {
    type Answer = L::Found;
    type Trail = ();

    fn execute(jobs: &[Self], connection: &mut Connection, (): &mut ()) -> Result<Vec<L::Found>, Fault> {
        let keys: Vec<&L> = jobs.iter().map(|Self(key)| key).collect();
        L::find(&keys, connection)
    }
}

fn find_all(connection: &mut Connection, groups: &mut [Box<dyn Group<()>>]) -> Result<(), Fault> {
    groups.iter_mut().try_for_each(|group| group.execute(connection, &mut ()))
}

struct Written<W> {
    context: Context,
    value: W,
}

/// What a batch leaves in the log, and what it makes stale.
#[derive(Default)]
struct Trails {
    events: Vec<(Context, Vec<Event>)>,
    stale: Vec<Stale>,
}

impl<W: WriteValue> Job for Written<W> {
    type Answer = W::Verdict;
    type Trail = Trails;

    fn execute(
        jobs: &[Self],
        connection: &mut Connection,
        trails: &mut Trails,
    ) -> Result<Vec<W::Verdict>, Fault> {
        let rows: Vec<&W> = jobs.iter().map(|job| &job.value).collect();
        let verdicts = W::execute(&rows, connection)?;
        for (job, verdict) in jobs.iter().zip(&verdicts) {
            let events = job.value.events(verdict);
            if !events.is_empty() {
                trails.events.push((job.context.clone(), events));
            }
            trails.stale.extend(job.value.stale());
        }
        Ok(verdicts)
    }
}

fn write_all(
    caches: &Invalidation,
    connection: &mut Connection,
    groups: &mut [Box<dyn Group<Trails>>],
) -> Result<(), Fault> {
    let mut trails = Trails::default();
    let end = connection.transaction(|connection| {
        groups.iter_mut().try_for_each(|group| group.execute(connection, &mut trails))?;
        store::append(connection, &trails.events, Entropy)?;
        announce(connection, &trails.stale)
    });
    // Whether or not it is known that it is committed.
    caches.apply(&trails.stale);
    end
}

fn transact<T>(
    connection: &mut Connection,
    context: &Context,
    caches: &Invalidation,
    act: impl FnOnce(&mut Work<'_>) -> Outcome<T>,
) -> Outcome<T> {
    let mut trail = Trail::default();
    let end = connection.transaction(|connection| {
        let decision = in_savepoint(connection, context, &mut trail, act)?;
        if decision.is_ok() && trail.events.is_empty() && !trail.silent {
            return Err(Fault::internal("an act without a trail"));
        }
        store::append(connection, &[(context.clone(), std::mem::take(&mut trail.events))], Entropy)?;
        announce(connection, &trail.stale)?;
        Ok(decision)
    });
    caches.apply(&trail.stale);
    if let (Some(claim), Ok(decision)) = (&context.claim, &end)
        && !claim.is_lost()
        && (decision.is_ok() || trail.keep)
    {
        claim.take();
    }
    end
}

/// Has an act done once, if it is to be: the claim is committed with it, and goes if it is rolled back.
fn claim(connection: &mut Connection, context: &Context) -> Outcome<()> {
    let Some(claim) = context.claim.as_ref().filter(|claim| !claim.is_taken()) else { return Ok(Ok(())) };
    if claims::store::take(connection, claim, context.now)? {
        return Ok(Ok(()));
    }
    claim.lose();
    Ok(Err(Denial::KeyInUse))
}

/// How the act's savepoint ends.
enum End {
    Denied(Denial),
    Broke(Fault),
}

impl From<DieselError> for End {
    fn from(error: DieselError) -> Self {
        Self::Broke(error.into())
    }
}

fn in_savepoint<T>(
    connection: &mut Connection,
    context: &Context,
    trail: &mut Trail,
    act: impl FnOnce(&mut Work<'_>) -> Outcome<T>,
) -> Outcome<T> {
    let end = connection.transaction(|connection| {
        let decision = match claim(connection, context) {
            Ok(Ok(())) => act(&mut Work::new(connection, context, trail)),
            Ok(Err(denial)) => Ok(Err(denial)),
            Err(fault) => Err(fault),
        };
        match decision {
            Ok(Err(denial)) if !trail.keep => Err(End::Denied(denial)),
            Ok(decision) => Ok(decision),
            Err(fault) => Err(End::Broke(fault)),
        }
    });
    match end {
        Ok(decision) => Ok(decision),
        Err(End::Denied(denial)) => Ok(Err(denial)),
        Err(End::Broke(fault)) => Err(fault),
    }
}
