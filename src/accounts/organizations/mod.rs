//! Organizations: principals that own and pay, and the people who act for them.

mod flow;
pub mod http;
pub mod members;
pub mod rules;
pub mod store;

use chrono::{DateTime, Utc};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::accounts::plans::PlanProblem;
use crate::kernel::{Denial, DisplayText, DisplayTextProblem, Fault, PlanId, PrincipalId};

pub use flow::{NewOrganization, create, rename, set_disabled};
pub use rules::{Action, Role};

/// An organization; its own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The principal it is.
    pub id: PrincipalId,
    /// Its name, as people read it; no two have the same.
    pub name: OrganizationName,
    /// What it may use.
    pub plan: PlanId,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// One more with every change.
    pub version: i64,
    /// Since when nothing of it may act.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// A person who acts for an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: PrincipalId,
    /// What they type to sign in.
    pub identifier: String,
    /// Their name, as people read it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Since when they are a member.
    pub created_at: DateTime<Utc>,
    /// When that last changed.
    pub updated_at: DateTime<Utc>,
    /// One more with every change.
    pub version: i64,
}

/// The name of an organization: visible text, unlike any other's but for case, width and spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationName(String);

impl OrganizationName {
    /// Checks what was typed; many spaces between words become one.
    pub fn parse(text: &str) -> Result<Self, DisplayTextProblem> {
        let text = DisplayText::parse(text, DisplayText::MOST_OF_A_NAME)?;
        Ok(Self(text.as_str().split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// As people read it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared.
    pub fn key(&self) -> String {
        // Lower-casing can undo the normal form, hence twice.
        self.0.nfkc().flat_map(char::to_lowercase).nfkc().collect()
    }

    pub(super) fn from_stored(name: String) -> Self {
        Self(name)
    }
}

/// Why something is not done to an organization or its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OrganizationProblem {
    /// The name cannot be shown.
    #[error("name: {0}")]
    Name(#[from] DisplayTextProblem),
    /// Its plan is none that it may have.
    #[error(transparent)]
    Plan(#[from] PlanProblem),
    /// There is no organization of this id.
    #[error("there is no such organization")]
    Unknown,
    /// There is no person of this id.
    #[error("there is no such user")]
    NoUser,
    /// The person is no member.
    #[error("this user is no member")]
    NoMember,
    /// Another organization has the name.
    #[error("{}", TAKEN)]
    NameTaken,
    /// The person is a member.
    #[error("{}", MEMBER)]
    MemberAlready,
    /// There would be no owner left.
    #[error("{}", LAST)]
    LastOwner,
}

/// What becomes of an organization, what is wrong with that, or a fault.
pub type Organizing<T> = Result<Result<T, OrganizationProblem>, Fault>;

const TAKEN: &str = "there is an organization of that name already";
const MEMBER: &str = "this user is a member already";
const LAST: &str = "this user is the last owner: make somebody else an owner first";

impl From<OrganizationProblem> for Denial {
    fn from(problem: OrganizationProblem) -> Self {
        use OrganizationProblem as P;
        match problem {
            P::Name(_) => Denial::Malformed("name"),
            P::Plan(problem) => problem.into(),
            P::Unknown | P::NoUser | P::NoMember => Denial::NotFound,
            P::NameTaken => Denial::Conflict(TAKEN),
            P::MemberAlready => Denial::Conflict(MEMBER),
            P::LastOwner => Denial::Conflict(LAST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_typed_and_compared_without_case_width_and_spaces() {
        let name = |text| OrganizationName::parse(text).unwrap();
        assert_eq!(name("  Acme   Ltd ").as_str(), "Acme Ltd");
        for same in ["acme ltd", "ACME LTD", "Ａｃｍｅ Ltd", "Acme\u{a0}Ltd"] {
            assert_eq!(name(same).key(), name("Acme Ltd").key(), "{same}");
        }
        assert_ne!(name("Acme").key(), name("Acme Ltd").key());
        for bad in ["", "  ", "Ac\nme", "Ac\u{202e}me", &"x".repeat(81)] {
            assert!(OrganizationName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_does_not_go_with_what_is_there_is_a_conflict() {
        use OrganizationProblem as P;
        for problem in [P::NameTaken, P::MemberAlready, P::LastOwner, P::Plan(PlanProblem::Closed)] {
            let denial = Denial::from(problem);
            assert_eq!((denial.status(), denial.description()), (409, problem.to_string()));
        }
        for problem in [P::Unknown, P::NoUser, P::NoMember, P::Plan(PlanProblem::Unknown)] {
            assert_eq!(Denial::from(problem).status(), 404);
        }
        assert_eq!(Denial::from(P::Name(DisplayTextProblem::Empty)).status(), 400);
    }
}
