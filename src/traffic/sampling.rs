//! Which calls are logged, row by row. All of them count.

use crate::traffic::{Ruling, Story};

/// Shares of the allowed calls that are logged, in percent. What was refused and what broke always is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    /// Of those that took something from the limits.
    pub(super) calls: u32,
    /// Of those that took nothing, such as plain introspection.
    pub(super) questions: u32,
}

impl Sampling {
    /// Whether this one is logged. By the random part of its id: so it is the same wherever it is asked.
    pub(super) fn takes(self, story: &Story) -> bool {
        let percent = match story.ruling {
            Ruling::Allow if story.cost > 0 => self.calls,
            Ruling::Allow => self.questions,
            Ruling::Deny | Ruling::Limit | Ruling::Error => 100,
        };
        story.request.uuid().as_u128() % 100 < u128::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::RequestId;
    use crate::platform::context::Context;
    use crate::traffic::Step;

    fn taken(sampling: Sampling, end: impl Fn(&mut Story)) -> usize {
        let stories = (0..1000).map(|number| {
            let request = RequestId::from_uuid(Uuid::from_u128(number));
            let mut story = Story::of(request, &Context::operator(DateTime::UNIX_EPOCH));
            end(&mut story);
            story
        });
        stories.filter(|story| sampling.takes(story)).count()
    }

    #[test]
    fn a_share_of_the_allowed_is_logged_and_all_that_was_refused() {
        let sampling = Sampling { calls: 20, questions: 0 };
        assert_eq!(taken(sampling, |story| story.allowed(1, None)), 200);
        assert_eq!(taken(sampling, |story| story.allowed(0, None)), 0);
        assert_eq!(taken(sampling, |story| story.limited("minute", "none left")), 1000);
        assert_eq!(taken(sampling, |story| story.denied(Step::Known, 401, "invalid_token", "unknown")), 1000);
        assert_eq!(taken(sampling, |_| ()), 1000);
        let all = Sampling { calls: 100, questions: 100 };
        assert_eq!(taken(all, |story| story.allowed(0, None)), 1000);
    }
}
