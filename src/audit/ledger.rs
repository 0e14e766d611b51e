//! The door to a transaction. Whatever is written passes here, and leaves its events in the same commit.

use diesel::{Connection as _, result::Error as DieselError};

use crate::audit::work::Trail;
use crate::audit::{Event, Work, store};
use crate::kernel::{Denial, Fault, Outcome};
use crate::platform::context::Context;
use crate::platform::db::{Connection, Db};
use crate::platform::entropy::Entropy;

/// Opens transactions. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    db: Db,
}

/// A hot act, decided beforehand over what was loaded: the rows to change, the conditions under which, and
/// the events that go with each verdict. Many can be executed in one statement, which is why it takes a slice
/// and gives one verdict a row, in order.
pub trait WriteValue: Send + Sized + 'static {
    /// What became of it.
    type Verdict: Send + 'static;

    /// Writes the rows; each row's conditions decide for that row alone.
    fn execute(rows: &[Self], connection: &mut Connection) -> Result<Vec<Self::Verdict>, Fault>;

    /// The events that go with the verdict.
    fn events(&self, verdict: &Self::Verdict) -> Vec<Event>;
}

impl Ledger {
    /// A ledger over the pool.
    pub fn new(db: Db) -> Self {
        Self { db }
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
        let context = context.clone();
        self.db.run(move |connection| transact(connection, &context, act)).await
    }

    /// The same on the calling thread, for commands.
    pub fn act_here<T>(
        &self,
        context: &Context,
        act: impl FnOnce(&mut Work<'_>) -> Outcome<T>,
    ) -> Outcome<T> {
        self.db.run_here(|connection| transact(connection, context, act))
    }

    /// Reads on the calling thread, for commands.
    pub fn read_here<T>(&self, load: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.db.run_here(load)
    }

    /// Executes a write value and its events in one commit; the answer comes after it.
    pub async fn write<W: WriteValue>(&self, context: &Context, value: W) -> Result<W::Verdict, Fault> {
        let context = context.clone();
        self.db
            .run(move |connection| {
                connection.transaction(|connection| {
                    let verdicts = W::execute(std::slice::from_ref(&value), connection)?;
                    let verdict = verdicts
                        .into_iter()
                        .next()
                        .ok_or_else(|| Fault::internal("a write value without a verdict"))?;
                    store::append(connection, &context, &value.events(&verdict), Entropy)?;
                    Ok(verdict)
                })
            })
            .await
    }
}

fn transact<T>(
    connection: &mut Connection,
    context: &Context,
    act: impl FnOnce(&mut Work<'_>) -> Outcome<T>,
) -> Outcome<T> {
    connection.transaction(|connection| {
        let mut trail = Trail::default();
        let decision = in_savepoint(connection, context, &mut trail, act)?;
        if decision.is_ok() && trail.events.is_empty() && !trail.silent {
            return Err(Fault::internal("an act without a trail"));
        }
        store::append(connection, context, &trail.events, Entropy)?;
        Ok(decision)
    })
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
    let end = connection.transaction(|connection| match act(&mut Work::new(connection, context, trail)) {
        Ok(Err(denial)) if !trail.keep => Err(End::Denied(denial)),
        Ok(decision) => Ok(decision),
        Err(fault) => Err(End::Broke(fault)),
    });
    match end {
        Ok(decision) => Ok(decision),
        Err(End::Denied(denial)) => Ok(Err(denial)),
        Err(End::Broke(fault)) => Err(fault),
    }
}
