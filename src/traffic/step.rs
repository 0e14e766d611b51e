//! The checks that a decision is made of, in their order.

macro_rules! steps {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $question:literal;)*) => {
        /// A check of the decision.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Step { $($(#[doc = $doc])* $variant,)* }

        impl Step {
            /// Every check there is, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in the log.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it asks, in plain words.
            pub fn question(self) -> &'static str {
                match self { $(Self::$variant => $question,)* }
            }
        }
    };
}

steps! {
    /// What is to be called can be read in one way only. Told where it cannot.
    Request = "request", "Can the call be read in one way only?";
    /// There is a bearer, and it is well-formed.
    Bearer = "bearer", "Is there a bearer, and is it whole?";
    /// We know it.
    Known = "known", "Do we know it?";
    /// It is neither revoked nor expired.
    Life = "life", "Is it neither revoked nor expired?";
    /// Whoever it acts for, and their account, may act.
    Standing = "standing", "May its owner and their account act?";
    /// It may be used from this address.
    Address = "address", "May it be used from this address?";
    /// Its owner was not shut out for going on after too many refusals.
    Penalty = "penalty", "Is its owner free of a penalty?";
    /// The service is there and takes calls.
    Service = "service", "Is the service there, and active?";
    /// The owner was given that service.
    Grant = "grant", "May its owner call this service?";
    /// The bearer's scope covers the call.
    Scope = "scope", "Does its scope cover this call?";
    /// No limit is exceeded.
    Limits = "limits", "Is there room within the limits?";
}

impl Step {
    /// The check of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| step.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for step in Step::ALL {
            assert_eq!(Step::parse(step.as_str()), Some(*step));
        }
        assert_eq!(Step::parse("mood"), None);
    }
}
