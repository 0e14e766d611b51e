//! Which calls are logged, row by row. All of them count.

use chrono::{DateTime, Utc};

use crate::traffic::{Ruling, Story};

/// Refusals of callers whom nobody knows that are logged in a second. Anybody can be refused as often as they like, and
/// the log is not theirs to fill.
const STRANGERS: u32 = 50;

/// Which calls are logged: shares of the allowed ones, in percent, and what was refused or broke.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    calls: u32,
    questions: u32,
    /// The second under way, and how many strangers of it are logged.
    strangers: (i64, u32),
}

impl Sampling {
    /// These shares of the calls that took something from the limits, and of those that took nothing, such as a
    /// question without `consume`.
    pub(super) fn new(calls: u32, questions: u32) -> Self {
        Self { calls, questions, strangers: (0, 0) }
    }

    /// Whether this one is logged. An allowed one by the random part of its id: so it is the same wherever it is asked.
    pub(super) fn takes(&mut self, story: &Story, now: DateTime<Utc>) -> bool {
        let percent = match story.ruling {
            Ruling::Allow if story.cost > 0 => self.calls,
            Ruling::Allow => self.questions,
            Ruling::Deny | Ruling::Limit | Ruling::Error => {
                return story.who.account.is_some() || self.takes_stranger(now);
            }
        };
        story.request.uuid().as_u128() % 100 < u128::from(percent)
    }

    /// By the clock of whoever writes: calls come by when they ended, not by when they began.
    fn takes_stranger(&mut self, now: DateTime<Utc>) -> bool {
        let second = now.timestamp();
        if self.strangers.0 != second {
            self.strangers = (second, 0);
        }
        self.strangers.1 += 1;
        self.strangers.1 <= STRANGERS
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::{PrincipalId, RequestId};
    use crate::platform::context::Context;
    use crate::traffic::Step;

    fn story(number: u128, account: Option<u128>) -> Story {
        let request = RequestId::from_uuid(Uuid::from_u128(number));
        let mut story = Story::of(request, &Context::operator(DateTime::UNIX_EPOCH));
        story.who.account = account.map(|id| PrincipalId::from_uuid(Uuid::from_u128(id)));
        story
    }

    fn taken(mut sampling: Sampling, end: impl Fn(&mut Story)) -> usize {
        let stories = (0..1000).map(|number| {
            let mut story = story(number, Some(1));
            end(&mut story);
            story
        });
        stories.filter(|story| sampling.takes(story, DateTime::UNIX_EPOCH)).count()
    }

    #[test]
    fn a_share_of_the_allowed_is_logged_and_all_that_was_refused() {
        let sampling = Sampling::new(20, 0);
        assert_eq!(taken(sampling, |story| story.allowed(1, None)), 200);
        assert_eq!(taken(sampling, |story| story.allowed(0, None)), 0);
        assert_eq!(taken(sampling, |story| story.limited("minute", "none left")), 1000);
        assert_eq!(taken(sampling, |story| story.denied(Step::Known, 401, "invalid_token", "unknown")), 1000);
        assert_eq!(taken(sampling, |_| ()), 1000);
        let all = Sampling::new(100, 100);
        assert_eq!(taken(all, |story| story.allowed(0, None)), 1000);
    }

    #[test]
    fn strangers_do_not_fill_the_log() {
        let mut sampling = Sampling::new(100, 0);
        let mut taken_at = |second| {
            let now = DateTime::UNIX_EPOCH + Duration::seconds(second);
            (0..1000).filter(|number| sampling.takes(&story(*number, None), now)).count()
        };
        assert_eq!([taken_at(7), taken_at(8)], [50, 50]);
    }
}
