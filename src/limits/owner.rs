//! Whom a limit binds, where, and under which key its use is counted.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::kernel::{CredentialId, PrincipalId, ServiceId};
use crate::limits::limit::Terms;

/// Whom a limit binds, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitOwner {
    /// Whom.
    pub whose: Whose,
    /// Where.
    pub place: Place,
}

/// Whom a limit binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Each account that calls the service it stands on.
    Everyone,
    /// Each account of this plan.
    Plan(String),
    /// An account, or one person or client of it.
    Principal(PrincipalId),
    /// One key or token.
    Credential(CredentialId),
}

/// Where a limit binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At every call.
    Anywhere,
    /// At the calls of one service.
    Service(ServiceId),
    /// At the calls of one of its routes.
    Route(ServiceId, Uuid),
}

impl LimitOwner {
    /// `None`: it would bind everybody everywhere, which is nobody's limit.
    pub fn new(whose: Whose, place: Place) -> Option<Self> {
        let is_nobodys = whose == Whose::Everyone && place == Place::Anywhere;
        (!is_nobodys).then_some(Self { whose, place })
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the account pays for.
    pub plan: Option<String>,
    /// Who pays.
    pub account: PrincipalId,
    /// Who acts; often the same.
    pub principal: PrincipalId,
    /// By which key or token, if it has a row.
    pub credential: Option<CredentialId>,
}

/// What is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target {
    /// The service.
    pub service: Option<ServiceId>,
    /// Its route.
    pub route: Option<Uuid>,
}

/// Under which key somebody's use is counted, the same in every store. Of one account all are kept together, so that a
/// cluster has them on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    /// The account.
    pub account: Uuid,
    /// Who and what.
    pub key: Uuid,
}

impl Counter {
    /// Of what this subject uses there. It outlives the limit's row: whoever changes plans has used what they used.
    pub fn of(account: PrincipalId, subject: Uuid, place: Place, terms: &Terms) -> Self {
        let (service, route) = match place {
            Place::Anywhere => (Uuid::nil(), Uuid::nil()),
            Place::Service(service) => (service.uuid(), Uuid::nil()),
            Place::Route(service, route) => (service.uuid(), route),
        };
        let mut hash = Sha256::new();
        for id in [account.uuid(), subject, service, route] {
            hash.update(id.as_bytes());
        }
        hash.update(terms.kind().window_s().to_be_bytes());
        for word in [terms.kind().as_str(), terms.unit().as_str(), terms.name().as_str()] {
            hash.update(word);
            hash.update([0]);
        }
        let mut key = [0; 16];
        key.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        Self { account: account.uuid(), key: Uuid::from_bytes(key) }
    }
}
