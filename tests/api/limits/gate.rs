//! A store that does as a test wants: it refuses, or keeps everybody waiting at its gate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use grantor::kernel::Fault;
use grantor::limits::stores::{Answer, Ask, LimitStore, NotGivenBack, Unused};
use tokio::sync::Semaphore;

/// In front of another store.
pub struct Gate {
    store: Arc<dyn LimitStore>,
    refuses: AtomicBool,
    /// How many came to take something, ever.
    came: AtomicUsize,
    is_shut: AtomicBool,
    passes: Semaphore,
}

impl Gate {
    pub fn before(store: &Arc<dyn LimitStore>) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            refuses: AtomicBool::new(false),
            came: AtomicUsize::new(0),
            is_shut: AtomicBool::new(false),
            passes: Semaphore::new(0),
        })
    }

    /// From now on nothing reaches the store, and everybody is told so.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// From now on who takes something has it, and is told so when the gate opens.
    pub fn shut(&self) {
        self.is_shut.store(true, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.is_shut.store(false, Ordering::SeqCst);
        self.passes.add_permits(1000);
    }

    pub fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn refusal(&self) -> Result<(), Fault> {
        let refuses = self.refuses.load(Ordering::SeqCst);
        if refuses { Err(Fault::unavailable("nobody passes")) } else { Ok(()) }
    }
}

impl LimitStore for Gate {
    fn take<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        async move {
            self.refusal()?;
            let taken = self.store.take(asks).await;
            self.came.fetch_add(1, Ordering::SeqCst);
            if self.is_shut.load(Ordering::SeqCst) {
                self.passes.acquire().await.expect("a pass").forget();
            }
            taken
        }
        .boxed()
    }

    fn peek<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        async move {
            self.refusal()?;
            self.store.peek(asks).await
        }
        .boxed()
    }

    fn give_back<'a>(&'a self, unused: &'a [Unused]) -> BoxFuture<'a, Result<(), NotGivenBack>> {
        async move {
            self.refusal().map_err(|why| NotGivenBack::all(unused, why))?;
            self.store.give_back(unused).await
        }
        .boxed()
    }

    fn reset<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<(), Fault>> {
        self.store.reset(asks)
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), Fault>> {
        self.store.tidy()
    }
}
