//! The filters of a query, read strictly: what cannot be meant is refused, by the name of the filter.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::Denial;
use crate::platform::form::Params;
use crate::platform::problem::ProblemFace;

/// The parameters of a query.
#[derive(Clone, Debug)]
pub struct Filters(pub(super) Params);

/// From when, and until before when.
pub type Times = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

impl Deref for Filters {
    type Target = Params;

    fn deref(&self) -> &Params {
        &self.0
    }
}

impl Filters {
    /// An id.
    pub fn id(&self, name: &str) -> Result<Option<Uuid>, Denial> {
        let read = |text: &str| (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
        self.read(name, read, "an id")
    }

    /// A moment (RFC 3339).
    pub fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, Denial> {
        let read = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
        self.read(name, read, "a moment like 2026-11-21T12:00:00Z")
    }

    /// One of some words, by what it means.
    pub fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Denial> {
        let read = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.read(name, read, &format!("one of {}", known.join(", ")))
    }

    /// Anything that can be read, and in words what that is.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Result<Option<T>, Denial> {
        let value = self.get(name).map(|text| read(text).ok_or_else(|| format!("{name} is {what}")));
        value.transpose().map_err(Denial::Unfit)
    }

    /// `since` and `until`, in this order.
    pub fn times(&self) -> Result<Times, Denial> {
        match (self.moment("since")?, self.moment("until")?) {
            (Some(since), Some(until)) if since > until => {
                Err(Denial::Unfit("since is later than until".to_owned()))
            }
            times => Ok(times),
        }
    }
}

impl FromRequest for Filters {
    type Error = ProblemFace;
    type Future = Ready<Result<Self, ProblemFace>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Params::parse(request.query_string().as_bytes()).map(Self).map_err(ProblemFace::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(query: &str) -> Filters {
        Filters(Params::parse(query.as_bytes()).unwrap())
    }

    fn words<T: std::fmt::Debug>(read: Result<T, Denial>) -> String {
        read.unwrap_err().description()
    }

    #[test]
    fn what_can_be_meant_is_read() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        let all = filters(&format!(
            "account={id}&since=2026-11-21T12:00:00Z&until=2026-11-21T14:00:00%2B02:00&by="
        ));
        assert_eq!(all.id("account"), Ok(Some(id.parse().unwrap())));
        let (since, until) = all.times().unwrap();
        assert_eq!((since, since.is_some()), (until, true));
        assert_eq!((all.id("credential"), all.one_of("by", &[("a", 1)])), (Ok(None), Ok(None)));
        assert_eq!(filters("by=b").one_of("by", &[("a", 1), ("b", 2)]), Ok(Some(2)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_name() {
        for bad in ["7", "0190163d8694739baea5966c26f8ad91", "%7B0190163d-8694-739b-aea5-966c26f8ad91%7D"] {
            assert_eq!(words(filters(&format!("account={bad}")).id("account")), "account is an id", "{bad}");
        }
        for bad in ["yesterday", "2026-11-21", "2026-11-21T12:00:00", "2026-13-21T12:00:00Z", "24h", "0"] {
            assert!(
                words(filters(&format!("since={bad}")).times()).starts_with("since is a moment like"),
                "{bad}"
            );
        }
        let turned = filters("since=2026-11-21T12:00:01Z&until=2026-11-21T12:00:00Z");
        assert_eq!(words(turned.times()), "since is later than until");
        assert_eq!(words(filters("by=c").one_of("by", &[("a", 1), ("b", 2)])), "by is one of a, b");
    }
}
