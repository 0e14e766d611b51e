//! The tables `rate_counters` and `quota_counters`, which are only touched by functions of the database: each call is
//! one statement, for however many requests.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Bool, Integer, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use uuid::Uuid;

use crate::audit::Lookup;
use crate::kernel::Fault;
use crate::limits::owner::Counter;
use crate::limits::stores::measure::{Cells, Measure, Reading, signed};
use crate::limits::stores::{Answer, Ask, Milestone, Unused};
use crate::platform::db::{Connection, Statement};

/// Counters of longer windows are kept when Postgres crashes.
const LONG_US: i64 = 3900 * 1_000_000;

/// What one call asks of its limits.
pub(super) struct Call {
    pub(super) asks: Vec<Ask>,
    pub(super) takes: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bool)]
    fits: bool,
    #[diesel(sql_type = BigInt)]
    beyond: i64,
    #[diesel(sql_type = BigInt)]
    used: i64,
    #[diesel(sql_type = Integer)]
    milestone: i32,
    #[diesel(sql_type = BigInt)]
    born: i64,
    #[diesel(sql_type = BigInt)]
    now_us: i64,
    #[diesel(sql_type = Text)]
    cells: String,
}

impl Lookup for Call {
    type Found = Vec<Answer>;

    fn find(calls: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<Answer>>, Fault> {
        let asks: Vec<(i32, &Call, &Ask)> = (0..)
            .zip(calls)
            .flat_map(|(number, call)| call.asks.iter().map(move |ask| (number, *call, ask)))
            .collect();
        // By their keys, so that each is read and written once; the numbers of arrays begin with 1.
        let mut counters: BTreeMap<Uuid, (i32, Measure)> =
            asks.iter().map(|(_, _, ask)| (ask.counter.key, (0, ask.measure))).collect();
        (1..).zip(counters.values_mut()).for_each(|(number, counter)| counter.0 = number);
        let number_of = |ask: &Ask| counters.get(&ask.counter.key).map_or(0, |(number, _)| *number);
        let measures: Vec<Measure> = counters.values().map(|(_, measure)| *measure).collect();
        let backs =
            together(asks.iter().filter(|(_, call, _)| call.takes).filter_map(|(_, _, ask)| ask.back));
        let rows: Vec<Row> =
            Statement::new("SELECT * FROM take_limits(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind::<Array<SqlUuid>, _>(counters.keys().copied().collect::<Vec<_>>())
                .bind::<Array<Text>, _>(each(&measures, |measure| kind(*measure)))
                .bind::<Array<BigInt>, _>(each(&measures, |measure| unit_us(*measure)))
                .bind::<Array<BigInt>, _>(each(&measures, |measure| measure.before()))
                .bind::<Array<Bool>, _>(each(&measures, |measure| measure.lasts_us() > LONG_US))
                .bind::<Array<Integer>, _>(each(&asks, |(call, _, _)| *call))
                .bind::<Array<Integer>, _>(each(&asks, |(_, _, ask)| number_of(ask)))
                .bind::<Array<BigInt>, _>(each(&asks, |(_, _, ask)| signed(ask.quota)))
                .bind::<Array<BigInt>, _>(each(&asks, |(_, _, ask)| signed(ask.amount)))
                .bind::<Array<BigInt>, _>(each(&asks, |(_, _, ask)| signed(ask.at_most)))
                .bind::<Array<BigInt>, _>(each(&asks, |(_, _, ask)| signed(ask.share)))
                .bind::<Array<Bool>, _>(each(&asks, |(_, _, ask)| ask.warns))
                .bind::<Array<Bool>, _>(each(&asks, |(_, call, _)| call.takes))
                .bind::<Array<SqlUuid>, _>(each(&backs, |back| back.counter.key))
                .bind::<Array<BigInt>, _>(each(&backs, |back| back.cell))
                .bind::<Array<BigInt>, _>(each(&backs, |back| back.born))
                .bind::<Array<BigInt>, _>(each(&backs, |back| signed(back.amount)))
                .load(connection)?;
        let mut rows = rows.into_iter();
        let answers =
            |call: &&Call| call.asks.iter().zip(rows.by_ref()).map(|(ask, row)| row.answer(ask)).collect();
        Ok(calls.iter().map(answers).collect())
    }
}

fn each<T, V>(rows: &[T], column: impl Fn(&T) -> V) -> Vec<V> {
    rows.iter().map(column).collect()
}

fn kind(measure: Measure) -> &'static str {
    match measure {
        Measure::Cells { .. } => "c",
        Measure::Months => "m",
        Measure::Bucket { .. } => "b",
    }
}

fn unit_us(measure: Measure) -> i64 {
    match measure {
        Measure::Cells { unit_us, .. } | Measure::Bucket { unit_us, .. } => unit_us,
        Measure::Months => 0,
    }
}

impl Row {
    fn answer(self, ask: &Ask) -> Answer {
        Answer {
            fits: self.fits,
            beyond: u64::try_from(self.beyond).unwrap_or(0),
            milestone: Milestone::of_percent(self.milestone),
            born: self.born,
            reading: Reading { now_us: self.now_us, cells: self.cells(ask.measure) },
        }
    }

    /// What stood there before, and in the cell at hand what was added since.
    fn cells(&self, measure: Measure) -> Cells {
        let at_hand = measure.cell(self.now_us);
        let read = |text: &str| {
            let (cell, used) = text.split_once(':')?;
            Some((cell.parse().ok()?, used.parse().ok()?))
        };
        let mut cells: Cells = self
            .cells
            .split(',')
            .filter_map(read)
            .filter(|(cell, _): &(i64, i64)| *cell != at_hand)
            .collect();
        let elsewhere: i64 = cells.iter().map(|(_, used)| used).sum();
        cells.push((at_hand, self.used - elsewhere));
        cells
    }
}

/// What is given back.
pub(super) struct GiveBack(pub(super) Vec<Unused>);

impl Lookup for GiveBack {
    type Found = ();

    fn find(jobs: &[&Self], connection: &mut Connection) -> Result<Vec<()>, Fault> {
        let unused = together(jobs.iter().flat_map(|job| &job.0).copied());
        Statement::new("SELECT give_back_limits(?, ?, ?, ?)")
            .bind::<Array<SqlUuid>, _>(each(&unused, |unused| unused.counter.key))
            .bind::<Array<BigInt>, _>(each(&unused, |unused| unused.cell))
            .bind::<Array<BigInt>, _>(each(&unused, |unused| unused.born))
            .bind::<Array<BigInt>, _>(each(&unused, |unused| signed(unused.amount)))
            .execute(connection)?;
        Ok(jobs.iter().map(|_| ()).collect())
    }
}

/// Each counter and cell once: of rows that join twice, an update heeds one.
fn together(unused: impl IntoIterator<Item = Unused>) -> Vec<Unused> {
    let mut sums = BTreeMap::<(Uuid, i64, i64), Unused>::new();
    for one in unused {
        let sum = sums.entry((one.counter.key, one.cell, one.born));
        sum.and_modify(|sum| sum.amount += one.amount).or_insert(one);
    }
    sums.into_values().collect()
}

/// What is forgotten.
pub(super) struct Reset(pub(super) Vec<Counter>);

impl Lookup for Reset {
    type Found = ();

    fn find(jobs: &[&Self], connection: &mut Connection) -> Result<Vec<()>, Fault> {
        let keys: Vec<Uuid> = jobs.iter().flat_map(|job| &job.0).map(|counter| counter.key).collect();
        Statement::new("SELECT reset_limits(?)").bind::<Array<SqlUuid>, _>(keys).execute(connection)?;
        Ok(jobs.iter().map(|_| ()).collect())
    }
}

/// Lets go of what counts no more.
pub(super) fn tidy(connection: &mut Connection) -> Result<(), Fault> {
    sql_query("SELECT tidy_counters()").execute(connection)?;
    Ok(())
}
