//! What queues for the database, executed many at once.
//!
//! A lane is a thread with a connection of its own. It takes what has queued while it was busy, executes all of one
//! kind in one statement, and answers each once all are done. So the slower the database, the larger the batch, and
//! nobody waits for a batch to fill.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::audit::metrics::LaneMetrics;
use crate::kernel::Fault;
use crate::platform::db::{Connection, Db};

/// What is executed at once, at most.
const BATCH: usize = 256;

/// A connection that rested this long is asked whether it lives before it is trusted.
const RESTED: Duration = Duration::from_secs(1);

/// The pauses between attempts to connect.
const BACK_OFF: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_secs(1);

/// Something to be done with the database, of which many can be done in one statement.
pub(super) trait Job: Send + Sized + 'static {
    /// What it is answered.
    type Answer: Send + 'static;

    /// What it leaves to be done for all kinds together.
    type Trail: Default;

    /// Does them all; one answer a job, in order.
    fn execute(
        jobs: &[Self],
        connection: &mut Connection,
        trail: &mut Self::Trail,
    ) -> Result<Vec<Self::Answer>, Fault>;
}

/// Does a batch of groups with a connection: all of it, or nothing.
pub(super) type Run<T> =
    Arc<dyn Fn(&mut Connection, &mut [Box<dyn Group<T>>]) -> Result<(), Fault> + Send + Sync>;

/// Whether what a lane did may be done again if its connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It changed nothing.
    Freely,
    /// It may have been committed.
    Never,
}

/// Jobs of one kind, and whoever waits for them.
pub(super) trait Group<T>: Send {
    /// Does them; the answers are kept until [`Group::answer`].
    fn execute(&mut self, connection: &mut Connection, trail: &mut T) -> Result<(), Fault>;
    /// Tells everybody.
    fn answer(self: Box<Self>);
    /// Tells everybody that it failed.
    fn fail(self: Box<Self>, fault: &Fault);
    /// Each by itself.
    fn apart(self: Box<Self>) -> Vec<Box<dyn Group<T>>>;
    /// Forgets those whose asker gave up: they were told that nothing is certain; better that nothing happens.
    fn drop_abandoned(&mut self);
    /// How many they are.
    fn len(&self) -> usize;
    /// Takes one more of its kind.
    fn take(&mut self, waiting: Box<dyn Any + Send>);
}

/// A job in the queue.
struct Queued<T> {
    kind: TypeId,
    open: fn() -> Box<dyn Group<T>>,
    waiting: Box<dyn Any + Send>,
}

struct Waiting<J: Job> {
    job: J,
    asker: oneshot::Sender<Result<J::Answer, Fault>>,
}

struct Jobs<J: Job> {
    todo: Vec<J>,
    askers: Vec<oneshot::Sender<Result<J::Answer, Fault>>>,
    answers: Vec<J::Answer>,
}

impl<J: Job> Jobs<J> {
    fn none() -> Self {
        Self { todo: Vec::new(), askers: Vec::new(), answers: Vec::new() }
    }

    fn open() -> Box<dyn Group<J::Trail>> {
        Box::new(Self::none())
    }
}

impl<J: Job> Group<J::Trail> for Jobs<J> {
    fn execute(&mut self, connection: &mut Connection, trail: &mut J::Trail) -> Result<(), Fault> {
        self.answers = J::execute(&self.todo, connection, trail)?;
        if self.answers.len() == self.todo.len() {
            Ok(())
        } else {
            Err(Fault::internal("not one answer a job"))
        }
    }

    fn answer(self: Box<Self>) {
        for (asker, answer) in self.askers.into_iter().zip(self.answers) {
            // Whoever has gone needs no answer.
            let _ = asker.send(Ok(answer));
        }
    }

    fn fail(self: Box<Self>, fault: &Fault) {
        for asker in self.askers {
            let _ = asker.send(Err(fault.clone()));
        }
    }

    fn apart(self: Box<Self>) -> Vec<Box<dyn Group<J::Trail>>> {
        let alone = |(job, asker)| -> Box<dyn Group<J::Trail>> {
            Box::new(Self { todo: vec![job], askers: vec![asker], answers: Vec::new() })
        };
        self.todo.into_iter().zip(self.askers).map(alone).collect()
    }

    fn drop_abandoned(&mut self) {
        let waiting = std::mem::take(&mut self.todo).into_iter().zip(std::mem::take(&mut self.askers));
        (self.todo, self.askers) = waiting.filter(|(_, asker)| !asker.is_closed()).unzip();
    }

    fn len(&self) -> usize {
        self.todo.len()
    }

    fn take(&mut self, waiting: Box<dyn Any + Send>) {
        let Ok(waiting) = waiting.downcast::<Waiting<J>>() else { return };
        self.todo.push(waiting.job);
        self.askers.push(waiting.asker);
    }
}

/// The way into a lane. Its thread ends when the last of them is gone and the queue is empty.
pub(super) struct Lane<T> {
    queue: mpsc::Sender<Queued<T>>,
    longest: Duration,
    metrics: Arc<LaneMetrics>,
}

impl<T: 'static> Lane<T> {
    /// Starts the thread of a lane: one, since two would make twice as many batches of half the size, and each costs.
    pub(super) fn start(
        name: &'static str,
        db: &Db,
        run: Run<T>,
        repeats: Repeats,
        metrics: Arc<LaneMetrics>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(db.queue());
        let worker = Worker {
            db: db.clone(),
            run,
            repeats,
            jobs,
            metrics: Arc::clone(&metrics),
            connection: None,
            not_before: Instant::now(),
            pause: BACK_OFF.start,
        };
        let started = std::thread::Builder::new().name(name.into()).spawn(move || worker.work());
        if let Err(error) = started {
            // Whoever asks is told: nobody takes from the queue.
            log::error!("the thread {name} cannot start: {error}");
        }
        Self { queue, longest: db.longest(), metrics }
    }

    /// Queues a job and waits for its answer.
    pub(super) async fn ask<J: Job<Trail = T>>(&self, job: J) -> Result<J::Answer, Fault> {
        let (asker, answer) = oneshot::channel();
        let waiting = Box::new(Waiting { job, asker });
        let queued = Queued { kind: TypeId::of::<J>(), open: Jobs::<J>::open, waiting };
        self.metrics.queued();
        if self.queue.try_send(queued).is_err() {
            self.metrics.taken(1);
            return Err(Fault::unavailable("too much waits for the database"));
        }
        match tokio::time::timeout(self.longest, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Fault::lost_connection("what executes for all broke")),
            // It may still be done.
            Err(_) => Err(Fault::lost_connection("the database did not answer in time")),
        }
    }
}

struct Worker<T> {
    db: Db,
    run: Run<T>,
    repeats: Repeats,
    jobs: mpsc::Receiver<Queued<T>>,
    metrics: Arc<LaneMetrics>,
    connection: Option<(Connection, Instant)>,
    not_before: Instant,
    pause: Duration,
}

type Groups<T> = Vec<Box<dyn Group<T>>>;

impl<T> Worker<T> {
    fn work(mut self) {
        while let Some(groups) = self.next_batch() {
            let began = Instant::now();
            let size = groups.iter().map(|group| group.len()).sum();
            self.execute(groups, false);
            self.metrics.executed(size, began.elapsed());
        }
    }

    /// Waits for a job, and takes along whatever else has queued, by kind.
    fn next_batch(&mut self) -> Option<Groups<T>> {
        let mut kinds: Vec<TypeId> = Vec::new();
        let mut groups: Groups<T> = Vec::new();
        let mut next = Some(self.jobs.blocking_recv()?);
        let mut taken = 0;
        while let Some(queued) = next {
            taken += 1;
            if !kinds.contains(&queued.kind) {
                kinds.push(queued.kind);
                groups.push((queued.open)());
            }
            let place = kinds.iter().position(|kind| *kind == queued.kind);
            if let Some(group) = place.and_then(|place| groups.get_mut(place)) {
                group.take(queued.waiting);
            }
            next = if taken < BATCH { self.jobs.try_recv().ok() } else { None };
        }
        self.metrics.taken(taken);
        Some(groups)
    }

    /// Does a batch as a whole. What the server refuses is done again one by one, so that a bad row fails alone; what
    /// became of it when the connection was lost nobody knows, and nobody may do again.
    fn execute(&mut self, mut groups: Groups<T>, again: bool) {
        for group in &mut groups {
            group.drop_abandoned();
        }
        groups.retain(|group| group.len() > 0);
        let many = groups.iter().map(|group| group.len()).sum::<usize>() > 1;
        match self.attempt(&mut groups) {
            Ok(()) => groups.into_iter().for_each(|group| group.answer()),
            Err(fault) if fault.is_lost_connection() && self.repeats == Repeats::Freely && !again => {
                log::debug!("a batch is done again: {fault}");
                self.execute(groups, true);
            }
            Err(fault) if many && self.connection.is_some() => {
                log::warn!("a batch is done again one by one: {fault}");
                self.hurry(true);
                for alone in groups.into_iter().flat_map(|group| group.apart()) {
                    self.execute(vec![alone], again);
                }
                self.hurry(false);
            }
            Err(fault) => groups.into_iter().for_each(|group| group.fail(&fault)),
        }
    }

    /// A connection that cannot be told is not used again: it may wait for too long, or not long enough.
    fn hurry(&mut self, hurries: bool) {
        if let Some((mut connection, used_at)) = self.connection.take()
            && self.db.hurry(&mut connection, hurries).is_ok()
        {
            self.connection = Some((connection, used_at));
        }
    }

    fn attempt(&mut self, groups: &mut Groups<T>) -> Result<(), Fault> {
        if groups.is_empty() {
            return Ok(());
        }
        let mut connection = self.connected()?;
        let done =
            catch_unwind(AssertUnwindSafe(|| (self.run)(&mut connection, groups))).unwrap_or_else(|_| {
                Err(Fault::lost_connection("a statement panicked, and its connection went with it"))
            });
        match done {
            Err(fault) if fault.is_lost_connection() => {
                self.db.distrust();
                Err(fault)
            }
            other => {
                self.connection = Some((connection, Instant::now()));
                other
            }
        }
    }

    fn connected(&mut self) -> Result<Connection, Fault> {
        if let Some((mut connection, used_at)) = self.connection.take()
            && (used_at.elapsed() < RESTED || self.db.is_alive(&mut connection))
        {
            return Ok(connection);
        }
        if Instant::now() < self.not_before {
            return Err(Fault::unavailable("the database is away"));
        }
        let connected = self.db.connect_for_lookups();
        if connected.is_ok() {
            self.pause = BACK_OFF.start;
        } else {
            self.not_before = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(BACK_OFF.end);
        }
        connected
    }
}
