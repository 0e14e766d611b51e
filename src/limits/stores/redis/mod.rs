//! In Redis: for as many nodes as share one, or a cluster, by its clock. Each call is one script.

mod connection;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all, try_join_all};
use redis::{Script, cmd};

pub use self::connection::RedisAddress;
use self::connection::Way;
use crate::kernel::Fault;
use crate::limits::owner::Counter;
use crate::limits::stores::measure::{Measure, Reading};
use crate::limits::stores::{Answer, Ask, LimitStore, Milestone, NotGivenBack, Unused};

/// So many are given back at once.
const AT_ONCE: usize = 100;

/// A store in a Redis.
pub struct RedisStore {
    way: Way,
    take: Script,
    give_back: Script,
}

impl RedisStore {
    /// At this address. It is reached when it is first needed.
    pub fn new(address: RedisAddress) -> Self {
        Self {
            way: Way::to(address),
            take: Script::new(include_str!("take.lua")),
            give_back: Script::new(include_str!("give_back.lua")),
        }
    }

    async fn ask(&self, asks: &[Ask], takes: bool) -> Result<Vec<Answer>, Fault> {
        if asks.is_empty() {
            return self.try_to_write().await.map(|()| Vec::new());
        }
        let mut call = self.take.prepare_invoke();
        call.arg(i32::from(takes));
        for ask in asks {
            call.key(key(ask.counter));
            let (kind, unit_us) = match ask.measure {
                Measure::Cells { unit_us, .. } => ("c", unit_us),
                Measure::Months => ("m", 0),
                Measure::Bucket { unit_us, .. } => ("b", unit_us),
            };
            call.arg(kind).arg(unit_us).arg(ask.measure.before()).arg(ask.quota).arg(ask.amount);
            call.arg(ask.at_most).arg(ask.share).arg(i32::from(ask.warns)).arg(lasts_ms(ask.measure));
            let (from, amount, born) = ask.back.map_or((0, 0, 0), |back| (back.cell, back.amount, back.born));
            call.arg(from).arg(amount).arg(born);
        }
        let mut redis = self.way.connection().await?;
        let rows: Vec<Vec<i64>> = self.way.heard(call.invoke_async(&mut redis).await).await?;
        let answers: Option<Vec<Answer>> = rows.iter().map(|row| answer(row)).collect();
        answers
            .filter(|answers| answers.len() == asks.len())
            .ok_or_else(|| Fault::lost_connection("Redis answered what was not asked"))
    }

    /// A replica answers, too.
    async fn try_to_write(&self) -> Result<(), Fault> {
        let mut redis = self.way.connection().await?;
        let mut write = cmd("SET");
        write.arg("limits:written").arg(1).arg("PX").arg(1000);
        self.way.heard(write.query_async(&mut redis).await).await
    }

    async fn take_back(&self, unused: &Unused) -> Result<(), NotGivenBack> {
        let mut call = self.give_back.prepare_invoke();
        call.key(key(unused.counter)).arg(unused.cell).arg(unused.amount).arg(unused.born);
        let taken_back = async {
            let mut redis = self.way.connection().await?;
            self.way.heard(call.invoke_async(&mut redis).await).await
        };
        taken_back.await.map_err(|why| NotGivenBack::all(&[*unused], why))
    }

    async fn forget(&self, counter: Counter) -> Result<(), Fault> {
        let mut redis = self.way.connection().await?;
        self.way.heard(cmd("DEL").arg(key(counter)).query_async(&mut redis).await).await
    }
}

/// What stands in braces picks the node of a cluster: the account.
fn key(counter: Counter) -> String {
    format!("limits:{{{}}}:{}", counter.account.simple(), counter.key.simple())
}

/// As long as anything counts, and a second for clocks that are not together.
fn lasts_ms(measure: Measure) -> i64 {
    measure.lasts_us() / 1000 + 1000
}

fn answer(row: &[i64]) -> Option<Answer> {
    let [fits, beyond, milestone, born, now_us, cells @ ..] = row else { return None };
    let pairs = cells.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
    Some(Answer {
        fits: *fits == 1,
        beyond: u64::try_from(*beyond).ok()?,
        milestone: Milestone::of_percent(i32::try_from(*milestone).ok()?),
        born: *born,
        reading: Reading { now_us: *now_us, cells: pairs.collect() },
    })
}

impl LimitStore for RedisStore {
    fn take<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        self.ask(asks, true).boxed()
    }

    fn peek<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        self.ask(asks, false).boxed()
    }

    /// Some at a time: they share a connection with those who are waited for.
    fn give_back<'a>(&'a self, unused: &'a [Unused]) -> BoxFuture<'a, Result<(), NotGivenBack>> {
        async move {
            let mut failed: Option<NotGivenBack> = None;
            for some in unused.chunks(AT_ONCE) {
                let given = join_all(some.iter().map(|unused| self.take_back(unused))).await;
                given.into_iter().filter_map(Result::err).for_each(|not| not.add_to(&mut failed));
            }
            failed.map_or(Ok(()), Err)
        }
        .boxed()
    }

    fn reset<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<(), Fault>> {
        try_join_all(asks.iter().map(|ask| self.forget(ask.counter))).map(|done| done.map(|_| ())).boxed()
    }

    /// Keys that count no more leave by themselves.
    fn tidy(&self) -> BoxFuture<'_, Result<(), Fault>> {
        async { Ok(()) }.boxed()
    }
}
