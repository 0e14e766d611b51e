//! Many at once, and waiting for what will come.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::Answer;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(45);

/// Sends this many requests at once and waits for all their answers.
pub async fn all_at_once<F: Future<Output = Answer>>(
    many: usize,
    request: impl Fn(usize) -> F,
) -> Vec<Answer> {
    join_all((0..many).map(request)).await
}

/// How often each status came.
pub fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

/// Asks again and again until it is so. Whoever asks later than `bound` from now must find it so: that is a promise of
/// the server's, and not a measure of its speed.
#[track_caller]
pub fn within<F: Future<Output = bool>>(
    bound: Duration,
    what: &str,
    is_so: impl Fn() -> F,
) -> impl Future<Output = ()> {
    let asked_at = std::panic::Location::caller();
    let since = Instant::now();
    async move {
        loop {
            let began = since.elapsed();
            if is_so().await {
                return;
            }
            assert!(began < bound, "not {what} within {bound:?} ({asked_at})");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Asks again and again until it is so, with a bound.
#[track_caller]
pub fn eventually<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) -> impl Future<Output = ()> {
    let asked_at = std::panic::Location::caller();
    let since = Instant::now();
    async move {
        while !is_so().await {
            assert!(since.elapsed() < PATIENCE, "never {what} ({asked_at})");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
