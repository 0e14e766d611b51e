//! What a caller may see of what was done, as middleware left it in the request: who belongs to whom is known on a
//! higher floor than the log of it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::Uuid;

use crate::kernel::Denial;
use crate::platform::problem::ProblemFace;

/// What an endpoint shows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// How much was asked.
    Usage,
    /// Every call.
    Calls,
    /// Every event.
    Events,
}

/// What a caller may see of it; nothing said: all.
#[derive(Clone, Debug)]
pub struct Sight(Option<Seen>);

/// Some of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The accounts whose own it is.
    pub accounts: Vec<Uuid>,
    /// Accounts that the caller sees, but not this of them.
    pub barred: Vec<Uuid>,
    /// Of events: the principals of those accounts, and their keys and personal tokens.
    pub ids: Vec<Uuid>,
}

impl Sight {
    /// All of it.
    pub fn all() -> Self {
        Self(None)
    }

    /// This, and no more.
    pub fn of(seen: Seen) -> Self {
        Self(Some(seen))
    }

    /// The accounts to look at, where one is wanted or any will do; `None`: every one. One that the caller does not see
    /// is nobody's.
    pub fn accounts(&self, wanted: Option<Uuid>) -> Result<Option<Vec<Uuid>>, Denial> {
        match (&self.0, wanted) {
            (None, wanted) => Ok(wanted.map(|id| vec![id])),
            (Some(seen), None) => Ok(Some(seen.accounts.clone())),
            (Some(seen), Some(id)) if seen.barred.contains(&id) => Err(Denial::Forbidden),
            (Some(seen), Some(id)) => {
                Ok(Some(seen.accounts.iter().copied().filter(|own| *own == id).collect()))
            }
        }
    }

    /// Whether the caller may see something of this account, or of nobody's. What they may not see does not exist.
    pub fn allow(&self, account: Option<Uuid>) -> Result<(), Denial> {
        let Some(seen) = &self.0 else { return Ok(()) };
        match account {
            Some(id) if seen.accounts.contains(&id) => Ok(()),
            Some(id) if seen.barred.contains(&id) => Err(Denial::Forbidden),
            _ => Err(Denial::NotFound),
        }
    }

    /// Whom an event must concern; `None`: anybody.
    pub fn ids(&self) -> Option<&[Uuid]> {
        self.0.as_ref().map(|seen| seen.ids.as_slice())
    }
}

impl FromRequest for Sight {
    type Error = ProblemFace;
    type Future = Ready<Result<Self, ProblemFace>>;

    /// An endpoint that did not say what it shows is shown to nobody.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sight = request.extensions().get::<Self>().cloned();
        ready(sight.ok_or_else(|| Denial::Forbidden.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_does_not_exist_and_what_is_barred_is_forbidden() {
        let id = Uuid::from_u128;
        let some = Sight::of(Seen { accounts: vec![id(1), id(2)], barred: vec![id(3)], ids: Vec::new() });
        assert_eq!(some.accounts(None), Ok(Some(vec![id(1), id(2)])));
        assert_eq!(some.accounts(Some(id(2))), Ok(Some(vec![id(2)])));
        assert_eq!(some.accounts(Some(id(3))), Err(Denial::Forbidden));
        assert_eq!(some.accounts(Some(id(4))), Ok(Some(Vec::new())));
        assert_eq!(some.allow(Some(id(1))), Ok(()));
        assert_eq!(some.allow(Some(id(3))), Err(Denial::Forbidden));
        assert_eq!(
            [some.allow(Some(id(4))), some.allow(None)],
            [Err(Denial::NotFound), Err(Denial::NotFound)]
        );
        let all = Sight::all();
        assert_eq!((all.accounts(None), all.accounts(Some(id(4)))), (Ok(None), Ok(Some(vec![id(4)]))));
        assert_eq!((all.allow(None), all.ids()), (Ok(()), None));
    }
}
