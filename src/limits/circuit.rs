//! A store that may be dead: nobody waits long for it, and soon nobody waits at all until it lives again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};

use crate::kernel::Fault;
use crate::limits::stores::LimitStore;

/// After so many failures in a row the store is not asked any more.
const FAILURES: u32 = 5;

/// How often it is looked whether it lives again, and how long that may take.
const PROBE_EVERY: Duration = Duration::from_millis(200);
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to a store.
pub(super) struct Circuit {
    store: Arc<dyn LimitStore>,
    patience: Duration,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    failures: AtomicU32,
    is_open: AtomicBool,
}

impl Circuit {
    pub(super) fn new(store: Arc<dyn LimitStore>, patience: Duration) -> Self {
        Self { store, patience, state: Arc::default() }
    }

    /// Waits for the store, unless it is known not to answer.
    pub(super) async fn ask<T>(&self, call: BoxFuture<'_, Result<T, Fault>>) -> Result<T, Fault> {
        if self.is_open() {
            return Err(Fault::unavailable("the store of limits is away"));
        }
        let late = || Fault::unavailable("the store of limits did not answer in time");
        let answer = timeout(self.patience, call).await.unwrap_or_else(|_| Err(late()));
        match &answer {
            Ok(_) => self.state.failures.store(0, Ordering::Relaxed),
            Err(fault) => self.failed(fault),
        }
        answer
    }

    /// The store itself.
    pub(super) fn store(&self) -> &Arc<dyn LimitStore> {
        &self.store
    }

    /// Whether the store is not asked at the moment.
    pub(super) fn is_open(&self) -> bool {
        self.state.is_open.load(Ordering::Acquire)
    }

    fn failed(&self, fault: &Fault) {
        log::debug!("the store of limits: {fault}");
        let failures = self.state.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= FAILURES && !self.state.is_open.swap(true, Ordering::AcqRel) {
            log::warn!("the store of limits is away, and each limit does as its on_error says: {fault}");
            tokio::spawn(probe(Arc::clone(&self.store), Arc::downgrade(&self.state)));
        }
    }
}

/// Looks whether the store lives again, for as long as anybody wants to know.
async fn probe(store: Arc<dyn LimitStore>, state: std::sync::Weak<State>) {
    while state.strong_count() > 0 {
        sleep(PROBE_EVERY).await;
        if !matches!(timeout(PROBE_TIMEOUT, store.peek(&[])).await, Ok(Ok(_))) {
            continue;
        }
        if let Some(state) = state.upgrade() {
            log::info!("the store of limits answers again");
            state.failures.store(0, Ordering::Relaxed);
            state.is_open.store(false, Ordering::Release);
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::limits::stores::{Answer, Ask, NotGivenBack, Unused};

    /// A store that never answers while it is dead.
    #[derive(Default)]
    struct Mortal {
        is_dead: AtomicBool,
    }

    impl Mortal {
        fn answer<'a, T: Send + 'a, E: 'a>(&self, answer: T) -> BoxFuture<'a, Result<T, E>> {
            if self.is_dead.load(Ordering::SeqCst) {
                return Box::pin(pending());
            }
            Box::pin(async { Ok(answer) })
        }
    }

    impl LimitStore for Mortal {
        fn take<'a>(&'a self, _: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
            self.answer(Vec::new())
        }

        fn peek<'a>(&'a self, _: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
            self.answer(Vec::new())
        }

        fn give_back<'a>(&'a self, _: &'a [Unused]) -> BoxFuture<'a, Result<(), NotGivenBack>> {
            self.answer(())
        }

        fn reset<'a>(&'a self, _: &'a [Ask]) -> BoxFuture<'a, Result<(), Fault>> {
            self.answer(())
        }

        fn tidy(&self) -> BoxFuture<'_, Result<(), Fault>> {
            self.answer(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_store_is_soon_not_asked_and_later_again() {
        let store = Arc::new(Mortal::default());
        let circuit = Circuit::new(Arc::clone(&store) as Arc<dyn LimitStore>, Duration::from_millis(20));
        let ask = async || circuit.ask(circuit.store().take(&[])).await;
        assert!(ask().await.is_ok());
        store.is_dead.store(true, Ordering::SeqCst);
        let began = tokio::time::Instant::now();
        for _ in 0..100 {
            assert!(ask().await.is_err());
        }
        // The clock stands still but for what somebody waits for.
        assert!(
            began.elapsed() < Duration::from_millis(20) * (FAILURES + 1),
            "the others waited for nothing"
        );
        store.is_dead.store(false, Ordering::SeqCst);
        while circuit.is_open() {
            sleep(PROBE_EVERY).await;
        }
        assert!(ask().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_not_in_a_row_change_nothing() {
        let store = Arc::new(Mortal::default());
        let circuit = Circuit::new(Arc::clone(&store) as Arc<dyn LimitStore>, Duration::from_millis(20));
        for round in 0..FAILURES * 3 {
            store.is_dead.store(round % FAILURES != 0, Ordering::SeqCst);
            let answer = circuit.ask(circuit.store().take(&[])).await;
            assert_eq!(answer.is_ok(), round % FAILURES == 0);
        }
        assert!(!circuit.is_open());
    }
}
