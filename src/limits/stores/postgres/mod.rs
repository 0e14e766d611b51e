//! In Postgres: for as many nodes as share a database, by its clock. What is asked at the same moment is one call.

mod store;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::audit::Ledger;
use crate::kernel::Fault;
use crate::limits::stores::{Answer, Ask, LimitStore, NotGivenBack, Unused};

/// So many are given back in one statement: each holds a lock, of which a database has few thousands for all.
const AT_ONCE: usize = 100;

/// A store in the database of this ledger.
pub struct PostgresStore {
    ledger: Ledger,
}

impl PostgresStore {
    /// Over this ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }
}

impl LimitStore for PostgresStore {
    fn take<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        self.ledger.count(store::Call { asks: asks.to_vec(), takes: true }).boxed()
    }

    fn peek<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        self.ledger.count(store::Call { asks: asks.to_vec(), takes: false }).boxed()
    }

    fn give_back<'a>(&'a self, unused: &'a [Unused]) -> BoxFuture<'a, Result<(), NotGivenBack>> {
        async move {
            let mut failed: Option<NotGivenBack> = None;
            for some in unused.chunks(AT_ONCE) {
                let Err(why) = self.ledger.count(store::GiveBack(some.to_vec())).await else { continue };
                NotGivenBack::all(some, why).add_to(&mut failed);
            }
            failed.map_or(Ok(()), Err)
        }
        .boxed()
    }

    fn reset<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<(), Fault>> {
        self.ledger.count(store::Reset(asks.iter().map(|ask| ask.counter).collect())).boxed()
    }

    /// Not where it is counted, where everybody would wait for it.
    fn tidy(&self) -> BoxFuture<'_, Result<(), Fault>> {
        self.ledger.read(store::tidy).boxed()
    }
}
