//! Who calls the management API: told by whoever judged the bearer, read by whoever answers.

use crate::kernel::{CredentialId, PrincipalId, PrincipalKind, Scope};

/// A caller whose bearer is good, and who may act.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For whom the bearer speaks.
    pub principal: PrincipalId,
    /// What that is.
    pub kind: PrincipalKind,
    /// The account it belongs to; often the same.
    pub account: PrincipalId,
    /// Its name, as people read it.
    pub name: String,
    /// What the bearer may do.
    pub scope: Scope,
    /// The key or personal token, if the bearer is one.
    pub credential: Option<CredentialId>,
    /// A person who may do here whatever an operator may.
    pub is_administrator: bool,
}

impl Caller {
    /// Whether the bearer carries what an endpoint needs, such as `keys:read`: that word, or the whole resource,
    /// `keys:*`.
    pub fn has_scope(&self, needed: &str) -> bool {
        let resource = needed.split(':').next().unwrap_or_default();
        let carries = |own: &str| own == needed || own.strip_suffix(":*") == Some(resource);
        self.scope.iter().any(|word| carries(word.as_str()))
    }

    /// Whether the bearer carries every word of our own management in this scope: nobody hands on what they lack.
    pub fn may_hand_on(&self, scope: &Scope) -> bool {
        scope.iter().filter(|word| word.is_management()).all(|word| self.has_scope(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scope: &str) -> Caller {
        let id = PrincipalId::from_uuid(uuid::Uuid::nil());
        Caller {
            principal: id,
            kind: PrincipalKind::User,
            account: id,
            name: "Ada".into(),
            scope: Scope::parse(scope).unwrap(),
            credential: None,
            is_administrator: false,
        }
    }

    #[test]
    fn a_word_or_its_whole_resource_is_enough_and_nothing_else_is() {
        for good in ["keys:read", "keys:*", "orders:read keys:read"] {
            assert!(caller(good).has_scope("keys:read"), "{good}");
        }
        for bad in ["", "keys", "keys:write", "*", ":*", "key:*", "keys:reads", "pats:*", "admin"] {
            assert!(!caller(bad).has_scope("keys:read"), "{bad}");
        }
    }

    #[test]
    fn nobody_hands_on_what_they_lack() {
        let may = |own: &str, other: &str| caller(own).may_hand_on(&Scope::parse(other).unwrap());
        assert!(may("keys:write", "orders:read") && may("keys:*", "keys:write keys:*") && may("", ""));
        assert!(!may("keys:write", "keys:*") && !may("keys:*", "orgs:read") && !may("orders:read", "admin"));
    }
}
