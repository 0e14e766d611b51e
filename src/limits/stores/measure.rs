//! How use is measured, the same in every store: a store reads and adds, and what that means is worked out here.
//!
//! Time is cut into cells, and a cell knows what was used in it. A sliding window is the cell at hand and the twelve
//! before it, the oldest counted whole, which is never less than what the window holds. What is held is counted like
//! that too: it leaves when it is given back, or with its cell. A calendar's period is one cell. A bucket is one number:
//! when it would be full again.

use chrono::{DateTime, Datelike as _, NaiveDate};

use crate::limits::limit::{Kind, Period};

/// Into how many cells a window is cut.
const CELLS: i64 = 12;

const SECOND_US: i64 = 1_000_000;

/// What is known of somebody's use: cells by their number, or a bucket's one number.
pub type Cells = Vec<(i64, i64)>;

/// How a limit's use is measured. Times are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Cells of this length; so many before the one at hand count too.
    Cells {
        /// The length.
        unit_us: i64,
        /// How many before.
        before: i64,
    },
    /// Cells that are months.
    Months,
    /// A bucket into which a unit falls this often, and that holds so many.
    Bucket {
        /// How often.
        unit_us: i64,
        /// How many.
        holds: i64,
    },
}

/// What a store saw, what it took included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When, by the store's clock.
    pub now_us: i64,
    /// What counts then.
    pub cells: Cells,
}

/// What a reading means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// What is left.
    pub remaining: u64,
    /// When there will be more of it; zero if there is all of it.
    pub rises_in_us: i64,
    /// When there will be as much as was asked for; `None`: never.
    pub fits_in_us: Option<i64>,
}

impl Measure {
    /// Of this kind of limit, for this quota.
    pub fn of(kind: Kind, quota: u64) -> Self {
        let us = |seconds: u32| i64::from(seconds) * SECOND_US;
        match kind {
            // Rounded up, so that the cells are never less than the window.
            Kind::Sliding(seconds) | Kind::Concurrent(seconds) => {
                Self::Cells { unit_us: (us(seconds) + CELLS - 1) / CELLS, before: CELLS }
            }
            Kind::Calendar(Period::Month) => Self::Months,
            Kind::Calendar(period) => Self::Cells { unit_us: us(period.seconds()), before: 0 },
            Kind::Bucket(seconds) => {
                let holds = i64::try_from(quota).unwrap_or(i64::MAX).max(1);
                Self::Bucket { unit_us: (us(seconds) + holds - 1) / holds, holds }
            }
        }
    }

    /// The cell of a moment.
    pub fn cell(self, at_us: i64) -> i64 {
        match self {
            Self::Cells { unit_us, .. } => at_us.div_euclid(unit_us),
            Self::Months => {
                let at = DateTime::from_timestamp_micros(at_us).unwrap_or_default();
                i64::from(at.year()) * 12 + i64::from(at.month0())
            }
            Self::Bucket { .. } => 0,
        }
    }

    /// When a cell begins.
    pub fn begins_us(self, cell: i64) -> i64 {
        match self {
            Self::Cells { unit_us, .. } => cell * unit_us,
            Self::Months => {
                let year = i32::try_from(cell.div_euclid(12)).unwrap_or_default();
                let month = u32::try_from(cell.rem_euclid(12) + 1).unwrap_or(1);
                let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
                first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
            }
            Self::Bucket { .. } => 0,
        }
    }

    /// Whether a cell counts when this one is at hand. As many to come count as there were, for a clock that went back:
    /// what was used is not free again at once, nor held against anybody for ever.
    pub fn counts(self, cell: i64, at_hand: i64) -> bool {
        (cell - at_hand).abs() <= self.before()
    }

    /// How many cells before the one at hand count.
    pub fn before(self) -> i64 {
        match self {
            Self::Cells { before, .. } => before,
            Self::Months | Self::Bucket { .. } => 0,
        }
    }

    /// How long what is used now is remembered at most.
    pub fn lasts_us(self) -> i64 {
        match self {
            Self::Cells { unit_us, before } => unit_us * (before + 1),
            Self::Months => 31 * 86_400 * SECOND_US,
            Self::Bucket { unit_us, holds } => unit_us * holds,
        }
    }

    /// What is used, of what counts at a moment; of a bucket, what has not fallen into it again.
    pub fn used(self, cells: &Cells, now_us: i64) -> i64 {
        let at_hand = self.cell(now_us);
        match self {
            Self::Bucket { unit_us, .. } => {
                let full_in = cells.first().map_or(0, |(_, full_at)| (full_at - now_us).max(0));
                (full_in + unit_us - 1) / unit_us
            }
            _ => cells.iter().filter(|(cell, _)| self.counts(*cell, at_hand)).map(|(_, used)| used).sum(),
        }
    }

    /// Whether so much more fits.
    pub fn fits(self, cells: &Cells, now_us: i64, quota: i64, amount: i64) -> bool {
        self.fits_in(cells, now_us, quota, amount) == Some(0)
    }

    /// Adds to the cell at hand.
    pub fn add(self, cells: &mut Cells, now_us: i64, amount: i64) {
        let at_hand = self.cell(now_us);
        if !cells.iter().any(|(cell, _)| *cell == at_hand) {
            cells.push((at_hand, 0));
        }
        for (_, used) in cells.iter_mut().filter(|(cell, _)| *cell == at_hand) {
            *used = match self {
                Self::Bucket { unit_us, .. } => (*used).max(now_us) + amount * unit_us,
                _ => *used + amount,
            };
        }
    }

    /// When the cell at hand ends.
    pub fn ends_in_us(self, now_us: i64) -> i64 {
        self.begins_us(self.cell(now_us) + 1) - now_us
    }

    /// What a reading means to who asks for so much.
    pub fn level(self, reading: &Reading, quota: u64, amount: u64) -> Level {
        let (quota, amount) = (signed(quota), signed(amount));
        let (cells, now_us) = (&reading.cells, reading.now_us);
        let used = self.used(cells, now_us);
        Level {
            remaining: u64::try_from(quota - used).unwrap_or(0),
            rises_in_us: self.fits_in(cells, now_us, used, 1).unwrap_or(0),
            fits_in_us: self.fits_in(cells, now_us, quota, amount),
        }
    }

    fn fits_in(self, cells: &Cells, now_us: i64, quota: i64, amount: i64) -> Option<i64> {
        if let Self::Bucket { unit_us, .. } = self {
            let full_in = cells.first().map_or(0, |(_, full_at)| (full_at - now_us).max(0));
            return (amount <= quota).then(|| (full_in - (quota - amount) * unit_us).max(0));
        }
        let at_hand = self.cell(now_us);
        let mut left = quota - self.used(cells, now_us);
        if left >= amount {
            return Some(0);
        }
        let mut counted: Cells =
            cells.iter().copied().filter(|(cell, _)| self.counts(*cell, at_hand)).collect();
        counted.sort_unstable();
        for (cell, used) in counted {
            left += used;
            if left >= amount {
                return Some(self.begins_us(cell + self.before() + 1) - now_us);
            }
        }
        None
    }
}

/// As the stores count: no quota and no amount is too great for it.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_262_400 * SECOND_US;

    fn read(measure: Measure, cells: &[(i64, i64)], quota: u64, amount: u64) -> (u64, i64, Option<i64>) {
        let at_hand = measure.cell(NOON);
        let cells = cells.iter().map(|(cell, used)| (at_hand + cell, *used)).collect();
        let level = measure.level(&Reading { now_us: NOON, cells }, quota, amount);
        (level.remaining, level.rises_in_us / SECOND_US, level.fits_in_us.map(|us| us / SECOND_US))
    }

    #[test]
    fn a_sliding_window_frees_its_oldest_cell_first() {
        let minute = Measure::of(Kind::Sliding(60), 10);
        assert_eq!(read(minute, &[], 10, 1), (10, 0, Some(0)));
        assert_eq!(read(minute, &[(0, 4)], 10, 6), (6, 65, Some(0)));
        assert_eq!(read(minute, &[(0, 4)], 10, 7), (6, 65, Some(65)));
        assert_eq!(read(minute, &[(-12, 4), (-1, 6)], 10, 1), (0, 5, Some(5)));
        assert_eq!(read(minute, &[(-12, 4), (-1, 6)], 10, 5), (0, 5, Some(60)));
        assert_eq!(read(minute, &[(-13, 9), (13, 9)], 10, 11), (10, 0, None));
        assert_eq!(read(minute, &[(12, 4)], 10, 11), (6, 125, None));
    }

    #[test]
    fn a_calendar_begins_anew_at_midnight_and_on_the_first() {
        let day = Measure::of(Kind::Calendar(Period::Day), 10);
        assert_eq!(read(day, &[(-1, 10), (0, 4)], 10, 7), (6, 43_200, Some(43_200)));
        let month = Measure::of(Kind::Calendar(Period::Month), 10);
        assert_eq!(month.cell(NOON), 2026 * 12 + 10);
        // It is the 21st of November, at noon.
        let left = 9 * 86_400 + 43_200;
        assert_eq!(read(month, &[(0, 10)], 10, 1), (0, left, Some(left)));
    }

    #[test]
    fn a_bucket_refills_evenly() {
        let bucket = Measure::of(Kind::Bucket(60), 6);
        let after = |taken: i64| Reading { now_us: NOON, cells: vec![(0, NOON + taken * 10 * SECOND_US)] };
        let level = |taken, amount| bucket.level(&after(taken), 6, amount);
        assert_eq!(level(0, 6), Level { remaining: 6, rises_in_us: 0, fits_in_us: Some(0) });
        let ten = 10 * SECOND_US;
        assert_eq!(level(6, 1), Level { remaining: 0, rises_in_us: ten, fits_in_us: Some(ten) });
        assert_eq!(level(4, 3), Level { remaining: 2, rises_in_us: ten, fits_in_us: Some(ten) });
        assert_eq!(level(1, 7).fits_in_us, None);
    }
}
