//! Scopes (RFC 6749 §3.3): `scope = scope-token *( SP scope-token )`, a set without order.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

const MAX_TOKEN_BYTES: usize = 128;
const MAX_TOKENS: usize = 100;

/// Resources of Grantor itself: a scope on one of them is for operators, not for apps.
const MANAGEMENT: [&str; 13] = [
    "orgs", "users", "clients", "keys", "pats", "plans", "limits", "services", "audit", "usage", "webhooks",
    "events", "admin",
];

/// The text breaks the grammar or is too long: `invalid_scope` (RFC 6749 §4.1.2.1, §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("scope must be at most 100 words, each of at most 128 printable ASCII characters without \" or \\")]
pub struct InvalidScope;

/// One word of a scope: `1*( %x21 / %x23-5B / %x5D-7E )`, at most 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeToken(String);

impl ScopeToken {
    /// Reads one word.
    pub fn parse(text: &str) -> Result<ScopeToken, InvalidScope> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let sound = (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(allowed);
        if sound { Ok(ScopeToken(text.to_owned())) } else { Err(InvalidScope) }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it speaks of Grantor's own resources (`users:write`, `admin`), so that no ordinary client may
    /// be granted it.
    pub fn is_management(&self) -> bool {
        let resource = self.0.split(':').next().unwrap_or_default();
        MANAGEMENT.contains(&resource)
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of scope words; its text form is sorted, so equal scopes are equal strings. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(Arc<BTreeSet<ScopeToken>>);

impl Scope {
    /// Reads the `scope` parameter of a request. Its grammar wants one word at least (RFC 6749 §3.3), so that
    /// one of nothing but spaces is malformed, and no wish for a token that permits nothing.
    pub fn requested(text: &str) -> Result<Scope, InvalidScope> {
        Scope::parse(text).and_then(|scope| if scope.is_empty() { Err(InvalidScope) } else { Ok(scope) })
    }

    /// Reads a list of words. Spaces too many are forgiven; any other separator is not. An empty text is the
    /// empty scope.
    pub fn parse(text: &str) -> Result<Scope, InvalidScope> {
        let words = || text.split(' ').filter(|word| !word.is_empty());
        if words().nth(MAX_TOKENS).is_some() {
            return Err(InvalidScope);
        }
        words().map(ScopeToken::parse).collect()
    }

    /// A scope read back from the database. A word that no longer parses is dropped: it then permits nothing.
    pub fn from_stored(words: Vec<String>) -> Scope {
        words.into_iter().filter_map(|word| ScopeToken::parse(&word).ok()).collect()
    }

    /// The scope that permits nothing.
    pub fn empty() -> Scope {
        Scope::default()
    }

    /// Whether it permits nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many words.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this word is in it. Words are compared whole and by case (RFC 6749 §3.3).
    pub fn contains(&self, token: &ScopeToken) -> bool {
        self.0.contains(token)
    }

    /// Whether every word of `other` is in it.
    pub fn contains_all(&self, other: &Scope) -> bool {
        self.0.is_superset(&other.0)
    }

    /// The words of both: how a token, its grant and its client narrow each other.
    pub fn intersection(&self, other: &Scope) -> Scope {
        if other.contains_all(self) { self.clone() } else { Scope(Arc::new(&*self.0 & &*other.0)) }
    }

    /// The words of this one that `other` lacks: what still has to be asked for.
    pub fn difference(&self, other: &Scope) -> Scope {
        Scope(Arc::new(&*self.0 - &*other.0))
    }

    /// The words of either.
    pub fn union(&self, other: &Scope) -> Scope {
        Scope(Arc::new(&*self.0 | &*other.0))
    }

    /// The words in their order.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }

    /// The words to store.
    pub fn to_vec(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl FromIterator<ScopeToken> for Scope {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(words: I) -> Scope {
        Scope(Arc::new(words.into_iter().collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { " " })?;
            f.write_str(word.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Scope, InvalidScope> {
        Scope::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a13_text_outside_the_grammar_is_refused() {
        for bad in ["a\tb", "a\nb", "a\"b", "a\\b", "é", "a\u{a0}b", "a\0", "\u{7f}"] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
        assert!(Scope::parse(&"x".repeat(128)).is_ok());
        assert!(Scope::parse(&"x".repeat(129)).is_err());
        assert!(Scope::parse(&"x ".repeat(100)).is_ok());
        assert!(Scope::parse(&"x ".repeat(101)).is_err());
    }

    #[test]
    fn extra_spaces_and_order_and_repetition_do_not_matter() {
        assert_eq!(Scope::parse("  b a  b ").unwrap().to_string(), "a b");
        assert!(Scope::parse("   ").unwrap().is_empty());
        assert_eq!(Scope::requested("   "), Err(InvalidScope));
        assert_eq!(Scope::requested(" a "), Scope::parse("a"));
    }

    #[test]
    fn s10_management_is_told_by_the_whole_resource_word() {
        let is = |text| ScopeToken::parse(text).unwrap().is_management();
        assert!(is("users:write") && is("admin") && is("audit:read:all"));
        assert!(!is("users.read") && !is("my-users:write") && !is("reports:users") && !is(":admin"));
    }

    #[test]
    fn stored_words_that_no_longer_parse_permit_nothing() {
        assert_eq!(Scope::from_stored(vec!["a b".into(), "c".into(), String::new()]).to_vec(), ["c"]);
    }

    proptest! {
        #[test]
        fn text_and_json_round_trip(text in "([!#-\\[\\]-~]{1,9} {0,2}){0,9}") {
            let scope = Scope::parse(&text).unwrap();
            prop_assert_eq!(&Scope::parse(&scope.to_string()).unwrap(), &scope);
            prop_assert_eq!(&Scope::from_stored(scope.to_vec()), &scope);
            let json = serde_json::to_string(&scope).unwrap();
            prop_assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
        }

        #[test]
        fn narrowing_never_adds(a in "([a-e] ){0,5}", b in "([a-e] ){0,5}") {
            let (a, b) = (Scope::parse(&a).unwrap(), Scope::parse(&b).unwrap());
            let both = a.intersection(&b);
            prop_assert!(a.contains_all(&both) && b.contains_all(&both));
            prop_assert_eq!(both.union(&a.difference(&b)), a.clone());
            prop_assert!(a.union(&b).contains_all(&a) && a.contains_all(&Scope::empty()));
            prop_assert!(a.iter().all(|word| a.contains(word)) && a.len() == a.to_vec().len());
        }

        #[test]
        fn whatever_parses_is_ascii_without_quotes(text in ".{0,40}") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert!(scope.to_string().bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'));
            }
        }
    }
}
