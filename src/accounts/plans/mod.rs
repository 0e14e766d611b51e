//! Plans: what accounts may use. The limits that a plan sets are rows of `limits`.

mod flow;
pub mod http;
pub mod store;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::kernel::{Denial, DisplayTextProblem, InvalidPlanId, PlanId};

pub(in crate::accounts) use flow::hold_open;
pub use flow::{add, give, set_disabled};

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Its name, as people read it.
    pub name: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// Since when no account may change to it.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// Why a plan is not made, changed or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlanProblem {
    /// The id is none.
    #[error(transparent)]
    Id(#[from] InvalidPlanId),
    /// The name cannot be shown.
    #[error("name: {0}")]
    Name(#[from] DisplayTextProblem),
    /// There is no plan of this id.
    #[error("there is no such plan")]
    Unknown,
    /// Who is to have it does not exist.
    #[error("there is no such account")]
    NoAccount,
    /// Who is to have it goes by the plan of another account.
    #[error("{}", BELONGS)]
    Belongs,
    /// There is one of this id.
    #[error("{}", TAKEN)]
    Taken,
    /// It was disabled.
    #[error("{}", CLOSED)]
    Closed,
    /// Every new account begins with it.
    #[error("{}", STAYS)]
    Stays,
}

const BELONGS: &str = "it belongs to another account, and goes by that one's plan";
const TAKEN: &str = "there is a plan of that name already";
const CLOSED: &str = "the plan is disabled: no account can change to it";
const STAYS: &str = "accounts begin with this plan: it cannot be disabled";

impl From<PlanProblem> for Denial {
    fn from(problem: PlanProblem) -> Self {
        match problem {
            PlanProblem::Id(_) => Denial::Malformed("plan"),
            PlanProblem::Name(_) => Denial::Malformed("name"),
            PlanProblem::Unknown | PlanProblem::NoAccount => Denial::NotFound,
            PlanProblem::Belongs => Denial::Conflict(BELONGS),
            PlanProblem::Taken => Denial::Conflict(TAKEN),
            PlanProblem::Closed => Denial::Conflict(CLOSED),
            PlanProblem::Stays => Denial::Conflict(STAYS),
        }
    }
}
