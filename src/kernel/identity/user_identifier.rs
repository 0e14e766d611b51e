//! What a person types to say who they are.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use super::visible::is_deceptive;

const MAX_CHARS: usize = 64;
/// Before normalising: sixty-four characters of four bytes, since normalising a megabyte is work.
const MAX_RAW_BYTES: usize = 4 * MAX_CHARS;

/// Not a user identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a user name is 1 to 64 letters, digits, dots, underscores or hyphens")]
pub struct InvalidUserIdentifier;

/// A user name: NFKC, lower case, 1 to 64 letters, digits, `.`, `_`, `-`.
///
/// Compatibility forms and case are folded (`Ａlice` is `alice`), so the unique index sees one name. No `@`:
/// a user name is never mistaken for an address. Look-alikes of other scripts stay distinct names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserIdentifier(String);

impl UserIdentifier {
    /// Normalises, then checks. Nothing is trimmed.
    pub fn parse(text: &str) -> Result<UserIdentifier, InvalidUserIdentifier> {
        if text.len() > MAX_RAW_BYTES {
            return Err(InvalidUserIdentifier);
        }
        // Lower-casing can undo the normal form, hence twice.
        let name: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
        let allowed = |c: char| (c.is_alphanumeric() || matches!(c, '.' | '_' | '-')) && !is_deceptive(c);
        let sound = (1..=MAX_CHARS).contains(&name.chars().count()) && name.chars().all(allowed);
        if sound { Ok(UserIdentifier(name)) } else { Err(InvalidUserIdentifier) }
    }

    /// The normal form: what is stored, compared and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn l18_spellings_of_one_name_are_one_name() {
        for (sent, name) in [
            ("Alice", "alice"),
            ("Ａｌｉｃｅ", "alice"),
            ("zoe\u{308}", "zoë"),
            ("J.Doe_7-x", "j.doe_7-x"),
            ("ΜΆΪΟΣ", "μάϊοσ"),
        ] {
            assert_eq!(UserIdentifier::parse(sent).unwrap().as_str(), name);
        }
    }

    #[test]
    fn l18_what_hides_or_confuses_is_refused() {
        for bad in [
            "",
            " alice",
            "a b",
            "a@b",
            "admin@evil@corp.com",
            "a\0",
            "a\n",
            "a\u{200b}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "\u{3164}",
            "a＠b",
            "a/b",
            "a⁄b",
            "😀",
            "a\u{ad}b",
            "<script>",
            "a\u{a0}b",
            "\u{fdfa}",
        ] {
            assert_eq!(UserIdentifier::parse(bad), Err(InvalidUserIdentifier), "{bad:?}");
        }
        assert!(UserIdentifier::parse(&"é".repeat(64)).is_ok());
        assert!(UserIdentifier::parse(&"é".repeat(65)).is_err());
    }

    proptest! {
        #[test]
        fn the_normal_form_is_its_own_normal_form(text in "[\\pL\\pN._-]{1,20}") {
            if let Ok(name) = UserIdentifier::parse(&text) {
                prop_assert_eq!(UserIdentifier::parse(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn whatever_parses_has_no_character_outside_the_rule(text in ".{0,20}") {
            if let Ok(name) = UserIdentifier::parse(&text) {
                prop_assert!(name.as_str().chars().all(|c| c.is_alphanumeric() || "._-".contains(c)));
            }
        }
    }
}
