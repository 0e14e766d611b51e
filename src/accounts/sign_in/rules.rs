//! How guessing is bounded: by account and network, so that a stranger cannot lock the owner out.

use chrono::{DateTime, Duration, Utc};

use crate::kernel::{EmailAddress, SecretHash, UserIdentifier};

/// Wrong passwords that cost nothing.
const FREE: i32 = 5;
/// The first pause, in seconds; it doubles with each further failure.
const FIRST_PAUSE: i64 = 30;
/// The longest pause, in seconds.
const LONGEST_PAUSE: i64 = 900;

/// Failures of one account from one network.
#[derive(Clone, Copy, Debug)]
pub struct Failures {
    /// How many in a row.
    pub count: i32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
}

/// The account that guesses at this name are counted for: the form in which names are compared, so that no other
/// spelling of it (`Ａda`, `ADA`) begins a count of its own. What is no name counts as it was typed.
pub fn account(typed: &str) -> SecretHash {
    if let Ok(email) = EmailAddress::parse(typed) {
        SecretHash::of(&email.key())
    } else if let Ok(identifier) = UserIdentifier::parse(typed) {
        SecretHash::of(identifier.as_str())
    } else {
        SecretHash::of(typed)
    }
}

/// Whether what was typed names this person, in whatever spelling.
pub fn names(typed: &str, identifier: &str, email: Option<&str>) -> bool {
    let typed = account(typed);
    std::iter::once(identifier).chain(email).any(|name| account(name).matches(&typed))
}

/// Seconds to wait before the next attempt, or `None` if it may be made now.
pub fn pause(failures: Failures, now: DateTime<Utc>) -> Option<u32> {
    let doublings = u32::try_from(failures.count - FREE).ok()?.min(5);
    let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
    let wait = (failures.last_at + Duration::seconds(pause) - now).num_seconds();
    u32::try_from(wait).ok().filter(|wait| *wait > 0)
}

/// Whether this many failures are worth an event: at the threshold, and at each doubling after it, so that a
/// flood of guesses is a few lines with a count.
pub fn is_worth_an_event(count: i32) -> bool {
    count >= FREE && (count == FREE || (count % FREE == 0 && (count / FREE).count_ones() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(count: i32, seconds: i64) -> Option<u32> {
        let last_at = DateTime::UNIX_EPOCH;
        pause(Failures { count, last_at }, last_at + Duration::seconds(seconds))
    }

    #[test]
    fn pauses_double_and_end() {
        assert_eq!(after(4, 0), None);
        assert_eq!(after(5, 0), Some(30));
        assert_eq!(after(5, 30), None);
        assert_eq!(after(6, 0), Some(60));
        assert_eq!(after(40, 0), Some(900));
        assert_eq!(after(40, 900), None);
    }

    #[test]
    fn l18_spellings_of_one_name_are_one_count() {
        for spelling in ["ADA", "Ａｄａ", "𝐚da"] {
            assert_eq!(account(spelling), account("ada"), "{spelling}");
        }
        assert_eq!(account("Ada@Example.com"), account("ada@example.com"));
        for other in ["аda", "ada@example.com", "ada ", ""] {
            assert_ne!(account(other), account("ada"), "{other}");
        }
    }

    #[test]
    fn a_person_is_named_by_either_name_however_it_is_spelled() {
        let is_ada = |typed| names(typed, "ada", Some("Ada@Example.com"));
        assert!(["ada", "ADA", "ada@example.com", "Ada@EXAMPLE.com"].into_iter().all(is_ada));
        assert!(!["bob", "", "ada@example.org", "ada "].into_iter().any(is_ada));
        assert!(!names("ada@example.com", "ada", None));
    }

    #[test]
    fn a_flood_of_guesses_is_a_few_events() {
        let told: Vec<i32> = (0..1000).filter(|count| is_worth_an_event(*count)).collect();
        assert_eq!(told, [5, 10, 20, 40, 80, 160, 320, 640]);
    }
}
