//! What an account may use, by name.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// Not the id of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a plan is 1 to 63 characters a-z, 0-9, - and _, and starts with a letter")]
pub struct InvalidPlanId;

/// The id of a plan, as it is stored. Operators may add plans to the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PlanId(String);

/// What the built-in plans are called besides, in lower case.
const ALIASES: [(&str, &str); 1] = [("ent", "enterprise")];

impl PlanId {
    /// The plan that accounts begin with.
    pub const FIRST: &'static str = "free";

    /// Reads what was typed: `PRO` is `pro`, and `ENT` is `enterprise`.
    pub fn parse(text: &str) -> Result<PlanId, InvalidPlanId> {
        let id = text.to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        let is_sound = (1..=63).contains(&id.len())
            && id.bytes().all(allowed)
            && id.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let meant = ALIASES.iter().find(|(alias, _)| *alias == id).map(|(_, meant)| (*meant).to_owned());
        if is_sound { Ok(PlanId(meant.unwrap_or(id))) } else { Err(InvalidPlanId) }
    }

    /// The plan that accounts begin with.
    pub fn first() -> PlanId {
        PlanId(Self::FIRST.to_owned())
    }

    /// One from the database.
    pub fn from_stored(id: String) -> PlanId {
        PlanId(id)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_plans_go_by_their_aliases_too() {
        for (typed, meant) in [
            ("free", "free"),
            ("FREE", "free"),
            ("PRO", "pro"),
            ("ENT", "enterprise"),
            ("Ent", "enterprise"),
            ("ENTERPRISE", "enterprise"),
            ("partner", "partner"),
            ("gold-2026", "gold-2026"),
        ] {
            assert_eq!(PlanId::parse(typed).unwrap().as_str(), meant, "{typed}");
        }
        assert_eq!(PlanId::parse(PlanId::FIRST).unwrap(), PlanId::first());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", " ", "2gold", "-gold", "go ld", "gold!", "göld", "\u{212a}old", &"x".repeat(64)] {
            assert_eq!(PlanId::parse(bad), Err(InvalidPlanId), "{bad:?}");
        }
        assert!(PlanId::parse(&"x".repeat(63)).is_ok());
    }
}
