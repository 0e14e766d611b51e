//! Which resource servers a token is to be for (RFC 8707).

use std::collections::BTreeSet;

/// The resources that a request names, each by its audience; none named: whatever the scope reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(BTreeSet<String>);

impl Resources {
    /// Those named by the values of `resource`. An empty value counts as none (RFC 6749 §3.1); whether there is
    /// such a resource is for whoever knows the services to say.
    pub fn named<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        values.into_iter().filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a token for this audience is wanted.
    pub fn include(&self, audience: &str) -> bool {
        self.0.is_empty() || self.0.contains(audience)
    }

    /// Whether everything named here was named there, or nothing was.
    pub fn are_within(&self, granted: &Resources) -> bool {
        self.0.iter().all(|resource| granted.include(resource))
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromIterator<String> for Resources {
    fn from_iter<I: IntoIterator<Item = String>>(resources: I) -> Self {
        Self(resources.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_bounds_what_may_be_asked_rfc8707_2_2() {
        let named = |values: &[&str]| Resources::named(values.iter().copied());
        for (asked, granted, is_within) in [
            (named(&[]), named(&["a"]), true),
            (named(&["a"]), named(&[]), true),
            (named(&["a"]), named(&["a", "b"]), true),
            (named(&["a", "c"]), named(&["a", "b"]), false),
        ] {
            assert_eq!(asked.are_within(&granted), is_within, "{asked:?} {granted:?}");
        }
        assert!(named(&[""]).is_empty());
        assert!(named(&[]).include("a") && named(&["a"]).include("a") && !named(&["a"]).include("b"));
    }
}
