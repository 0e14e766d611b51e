//! A limit: so much, of what, within which time. What is parsed here makes sense.

use thiserror::Error;

use crate::kernel::LimitId;
use crate::limits::owner::LimitOwner;

/// The longest window that slides, refills or is held: a week.
const LONGEST_S: u32 = 7 * 86_400;

/// The greatest quota, small enough that no arithmetic of any store loses a digit of it.
const MOST: u64 = 1_000_000_000;

/// How finely a bucket refills at most: so many units a second.
const FINEST: u64 = 100_000;

/// A limit and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its id.
    pub id: LimitId,
    /// Whom and what it binds.
    pub owner: LimitOwner,
    /// What it says.
    pub terms: Terms,
}

/// What a limit says. Made by [`Terms::read`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    name: LimitName,
    kind: Kind,
    quota: Option<u64>,
    unit: Unit,
    on_error: OnError,
}

/// What a limit says, as somebody wrote it.
#[derive(Clone, Debug)]
pub struct Wording<'a> {
    /// Such as `minute`.
    pub name: &'a str,
    /// `sliding`, `calendar`, `bucket` or `concurrent`.
    pub kind: &'a str,
    /// How much; `None`: as much as one likes.
    pub quota: Option<i64>,
    /// Seconds.
    pub window_s: i64,
    /// `requests` or `cost`.
    pub unit: &'a str,
    /// `local`, `open` or `closed`.
    pub on_error: &'a str,
}

/// Why a wording is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Nonsense {
    /// Its name.
    #[error("the name of a limit is 1 to 32 of a-z, 0-9, - and _, and begins with a letter")]
    Name,
    /// Its kind.
    #[error("a limit is sliding, calendar, bucket or concurrent")]
    Kind,
    /// Its window.
    #[error("the window of a limit is 1 second to 7 days")]
    Window,
    /// Its window, which no calendar has.
    #[error(
        "the window of a calendar limit is a minute (60), an hour (3600), a day (86400) or a month (2592000)"
    )]
    Period,
    /// Its quota.
    #[error("a quota is 0 to 1000000000, or none")]
    Quota,
    /// Its quota, for a bucket.
    #[error("the quota of a bucket is 1 to 100000 a second")]
    Rate,
    /// Its unit.
    #[error("the unit of a limit is requests or cost")]
    Unit,
    /// Its unit, for what is held.
    #[error("a concurrent limit counts requests")]
    Held,
    /// What it does without its store.
    #[error("on_error is local, open or closed")]
    OnError,
}

/// How a limit is called, in headers too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitName(String);

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Never more than the quota in any stretch of this many seconds.
    Sliding(u32),
    /// The quota anew with each minute, hour, day or month, in UTC.
    Calendar(Period),
    /// The quota at once, and then as it refills evenly over this many seconds.
    Bucket(u32),
    /// As many at the same time, each for this many seconds at most.
    Concurrent(u32),
}

/// What a calendar divides time into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// Sixty seconds.
    Minute,
    /// Sixty minutes.
    Hour,
    /// From midnight to midnight, UTC.
    Day,
    /// From the first to the first, UTC. Written as thirty days.
    Month,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Each request as one.
    Requests,
    /// Each request as what it costs.
    Cost,
}

/// What becomes of a request while the store that counts does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Each node counts for itself, up to its share of the quota.
    Local,
    /// It goes ahead.
    Open,
    /// It does not: nobody can know whether it may.
    Closed,
}

impl Terms {
    /// Reads a wording.
    pub fn read(wording: &Wording<'_>) -> Result<Self, Nonsense> {
        let terms = Self {
            name: LimitName::parse(wording.name).ok_or(Nonsense::Name)?,
            kind: Kind::read(wording.kind, wording.window_s)?,
            quota: wording
                .quota
                .map(|quota| u64::try_from(quota).map_err(|_| Nonsense::Quota))
                .transpose()?,
            unit: Unit::parse(wording.unit).ok_or(Nonsense::Unit)?,
            on_error: OnError::parse(wording.on_error).ok_or(Nonsense::OnError)?,
        };
        let quota = terms.quota.unwrap_or(1);
        match terms.kind {
            _ if quota > MOST => Err(Nonsense::Quota),
            Kind::Bucket(window_s) if quota == 0 || quota > FINEST * u64::from(window_s) => {
                Err(Nonsense::Rate)
            }
            Kind::Concurrent(_) if terms.unit == Unit::Cost => Err(Nonsense::Held),
            _ => Ok(terms),
        }
    }

    /// Its name.
    pub fn name(&self) -> &LimitName {
        &self.name
    }

    /// How it is measured.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How much; `None`: as much as one likes.
    pub fn quota(&self) -> Option<u64> {
        self.quota
    }

    /// What is counted.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// What becomes of a request without the store.
    pub fn on_error(&self) -> OnError {
        self.on_error
    }
}

impl LimitName {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let is_name = text.len() <= 32 && text.starts_with(|c: char| c.is_ascii_lowercase());
        (is_name && text.chars().all(is_known)).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Kind {
    fn read(kind: &str, window_s: i64) -> Result<Self, Nonsense> {
        let seconds = u32::try_from(window_s).ok().filter(|seconds| (1..=LONGEST_S).contains(seconds));
        match kind {
            "sliding" => seconds.map(Self::Sliding).ok_or(Nonsense::Window),
            "bucket" => seconds.map(Self::Bucket).ok_or(Nonsense::Window),
            "concurrent" => seconds.map(Self::Concurrent).ok_or(Nonsense::Window),
            "calendar" => Period::of_seconds(window_s).map(Self::Calendar).ok_or(Nonsense::Period),
            _ => Err(Nonsense::Kind),
        }
    }

    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sliding(_) => "sliding",
            Self::Calendar(_) => "calendar",
            Self::Bucket(_) => "bucket",
            Self::Concurrent(_) => "concurrent",
        }
    }

    /// How long its window is, in seconds.
    pub fn window_s(self) -> u32 {
        match self {
            Self::Sliding(seconds) | Self::Bucket(seconds) | Self::Concurrent(seconds) => seconds,
            Self::Calendar(period) => period.seconds(),
        }
    }
}

impl Period {
    const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Month];

    fn of_seconds(seconds: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|period| i64::from(period.seconds()) == seconds)
    }

    /// How it is written: a month as thirty days, however long it is.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Month => 30 * 86_400,
        }
    }
}

impl Unit {
    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Requests, Self::Cost].into_iter().find(|unit| unit.as_str() == text)
    }

    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Cost => "cost",
        }
    }
}

impl OnError {
    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Local, Self::Open, Self::Closed].into_iter().find(|mode| mode.as_str() == text)
    }

    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_sense_is_read_and_what_does_not_is_not() {
        let sound = Wording {
            name: "minute",
            kind: "sliding",
            quota: Some(60),
            window_s: 60,
            unit: "requests",
            on_error: "local",
        };
        let cases: [(Wording<'_>, Option<Nonsense>); 20] = [
            (sound.clone(), None),
            (Wording { quota: None, ..sound.clone() }, None),
            (Wording { quota: Some(0), ..sound.clone() }, None),
            (Wording { kind: "calendar", window_s: 2_592_000, ..sound.clone() }, None),
            (Wording { kind: "bucket", unit: "cost", ..sound.clone() }, None),
            (Wording { kind: "concurrent", on_error: "closed", ..sound.clone() }, None),
            (Wording { name: "", ..sound.clone() }, Some(Nonsense::Name)),
            (Wording { name: "Minute", ..sound.clone() }, Some(Nonsense::Name)),
            (Wording { name: "a\"b", ..sound.clone() }, Some(Nonsense::Name)),
            (Wording { kind: "fixed", ..sound.clone() }, Some(Nonsense::Kind)),
            (Wording { window_s: 0, ..sound.clone() }, Some(Nonsense::Window)),
            (Wording { window_s: 604_801, ..sound.clone() }, Some(Nonsense::Window)),
            (Wording { kind: "calendar", window_s: 61, ..sound.clone() }, Some(Nonsense::Period)),
            (Wording { quota: Some(-1), ..sound.clone() }, Some(Nonsense::Quota)),
            (Wording { quota: Some(1_000_000_001), ..sound.clone() }, Some(Nonsense::Quota)),
            (Wording { kind: "bucket", quota: Some(0), ..sound.clone() }, Some(Nonsense::Rate)),
            (
                Wording { kind: "bucket", window_s: 1, quota: Some(100_001), ..sound.clone() },
                Some(Nonsense::Rate),
            ),
            (Wording { unit: "bytes", ..sound.clone() }, Some(Nonsense::Unit)),
            (Wording { kind: "concurrent", unit: "cost", ..sound.clone() }, Some(Nonsense::Held)),
            (Wording { on_error: "panic", ..sound }, Some(Nonsense::OnError)),
        ];
        for (wording, nonsense) in cases {
            assert_eq!(Terms::read(&wording).err(), nonsense, "{wording:?}");
        }
    }
}
