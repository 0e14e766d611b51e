//! What a key may do, by its timestamps, and when the next one is due. Pure: every node comes to the same answer.

use chrono::{DateTime, Duration, Utc};

/// Seconds that the key set may be kept by whoever fetched it.
pub const JWKS_MAX_AGE: i64 = 300;
/// The longest that a node goes without looking for what others changed, with room for a slow database.
const RELOAD: i64 = 5;
/// How far clocks may be apart.
const SKEW: i64 = 120;
/// The longest that an access token lives (the bound of the setting, and of each client's own).
const LONGEST_TOKEN: i64 = 86_400;

/// How long a key is published before it signs: until everybody who keeps the key set has fetched it anew.
pub fn lead() -> Duration {
    Duration::seconds(JWKS_MAX_AGE + RELOAD + SKEW)
}

/// The moments of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Published from here.
    pub created_at: DateTime<Utc>,
    /// Signs from here,
    pub signs_from: DateTime<Utc>,
    /// until here.
    pub signs_until: DateTime<Utc>,
    /// Gone from here.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Where in its life a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, so that all know it when it signs.
    Waiting,
    /// It signs.
    Signing,
    /// What it signed may still be verified.
    Verifying,
    /// Nothing that it signed lives.
    Retired,
    /// Gone, with everything it signed.
    Revoked,
}

impl State {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

impl Life {
    /// Where in its life it is.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        match self {
            Self { revoked_at: Some(_), .. } => State::Revoked,
            _ if now < self.signs_from => State::Waiting,
            _ if now < self.signs_until => State::Signing,
            _ if now < self.published_until() => State::Verifying,
            _ => State::Retired,
        }
    }

    /// Until when something it signed may be alive somewhere.
    pub fn published_until(&self) -> DateTime<Utc> {
        self.signs_until + Duration::seconds(LONGEST_TOKEN + SKEW)
    }

    /// Of several keys the one that signs last counts; its successor follows it.
    pub(super) fn rank(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.signs_until, self.signs_from)
    }

    /// Whether it is in the key set, and what it signed is good.
    pub fn is_published(&self, now: DateTime<Utc>) -> bool {
        !matches!(self.state(now), State::Retired | State::Revoked)
    }
}

/// What is to be done about the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// A key that signs at once: nobody keeps a key set of ours that lacks it.
    First,
    /// A key that signs from this moment on; the latest one signs until then.
    Successor(DateTime<Utc>),
}

/// What is due by the schedule. A key whose successor comes late signs on meanwhile.
pub fn due(lives: &[Life], now: DateTime<Utc>) -> Due {
    match latest(lives, now) {
        None => Due::First,
        Some(latest) if now + lead() + lead() < latest.signs_until => Due::Nothing,
        Some(latest) => Due::Successor(latest.signs_until.max(now + lead())),
    }
}

/// What is due when a successor is asked for: as soon as may be. `None`: one is waiting already.
pub fn asked_for(lives: &[Life], now: DateTime<Utc>) -> Option<Due> {
    match latest(lives, now) {
        None => Some(Due::First),
        Some(latest) if latest.state(now) == State::Waiting => None,
        Some(_) => Some(Due::Successor(now + lead())),
    }
}

/// The key that signs last of those that count.
fn latest(lives: &[Life], now: DateTime<Utc>) -> Option<&Life> {
    lives.iter().filter(|life| life.is_published(now)).max_by_key(|life| life.rank())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: i64 = 86_400;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn life(created: i64, from: i64, until: i64) -> Life {
        Life { created_at: at(created), signs_from: at(from), signs_until: at(until), revoked_at: None }
    }

    #[test]
    fn a_key_waits_signs_verifies_and_retires() {
        let key = life(0, 1000, 2000);
        for (now, state) in [
            (0, State::Waiting),
            (999, State::Waiting),
            (1000, State::Signing),
            (1999, State::Signing),
            (2000, State::Verifying),
            (2000 + 86_400 + 119, State::Verifying),
            (2000 + 86_400 + 120, State::Retired),
        ] {
            assert_eq!(key.state(at(now)), state, "{now}");
            assert_eq!(key.is_published(at(now)), state != State::Retired, "{now}");
        }
        let revoked = Life { revoked_at: Some(at(1500)), ..key };
        assert_eq!(revoked.state(at(1500)), State::Revoked);
        assert!(!revoked.is_published(at(1500)));
    }

    #[test]
    fn the_first_key_signs_at_once_and_so_does_one_after_a_revocation() {
        assert_eq!(due(&[], at(5)), Due::First);
        let revoked = Life { revoked_at: Some(at(4)), ..life(0, 0, PERIOD) };
        assert_eq!(due(&[revoked], at(5)), Due::First);
        assert_eq!(asked_for(&[], at(5)), Some(Due::First));
    }

    /// M06: published for as long as anybody keeps the key set, before it signs.
    #[test]
    fn a_successor_is_published_ahead_and_follows_without_a_gap() {
        let lead = lead().num_seconds();
        let key = life(0, 0, PERIOD);
        assert_eq!(due(&[key], at(PERIOD - 2 * lead - 1)), Due::Nothing);
        assert_eq!(due(&[key], at(PERIOD - 2 * lead)), Due::Successor(at(PERIOD)));
        let successor = life(PERIOD - 2 * lead, PERIOD, 2 * PERIOD);
        assert_eq!(due(&[key, successor], at(PERIOD)), Due::Nothing);
    }

    #[test]
    fn a_late_successor_waits_all_the_same() {
        let key = life(0, 0, PERIOD);
        for now in [PERIOD - 10, PERIOD + 10, PERIOD + 86_400] {
            assert_eq!(due(&[key], at(now)), Due::Successor(at(now) + lead()), "{now}");
        }
        assert_eq!(due(&[key], at(PERIOD + 86_400 + 120)), Due::First, "nobody keeps anything of ours");
    }

    #[test]
    fn one_successor_at_a_time() {
        let key = life(0, 0, PERIOD);
        assert_eq!(asked_for(&[key], at(10)), Some(Due::Successor(at(10) + lead())));
        let waiting = life(10, 500, PERIOD + 500);
        assert_eq!(asked_for(&[key, waiting], at(20)), None);
        assert_eq!(asked_for(&[key, waiting], at(500)), Some(Due::Successor(at(500) + lead())));
    }
}
