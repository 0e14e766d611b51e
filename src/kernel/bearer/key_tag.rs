//! What API keys begin with, where the operator would rather have something else than `gak`.

use serde::Deserialize;
use thiserror::Error;

use super::Tag;

/// Letters, few enough that the eight characters that are shown of a key hold some of its own.
const MOST: usize = 6;

/// Not a tag for API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an API key begins with 2 to {MOST} letters a-z or A-Z, and not with those of another kind")]
pub struct InvalidKeyTag;

/// What API keys begin with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyTag(String);

impl KeyTag {
    /// Reads a tag: letters only, so that the underscore after it is the first.
    pub fn parse(text: &str) -> Result<KeyTag, InvalidKeyTag> {
        let is_sound = (2..=MOST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic());
        let is_free = Tag::parse(text).is_none_or(|tag| tag == Tag::ApiKey);
        if is_sound && is_free { Ok(KeyTag(text.to_owned())) } else { Err(InvalidKeyTag) }
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What kind of bearer begins with these letters. `gak` stays what it is: keys may be older than the choice.
    pub(super) fn read(&self, text: &str) -> Option<Tag> {
        if text == self.0 { Some(Tag::ApiKey) } else { Tag::parse(text) }
    }
}

impl Default for KeyTag {
    fn default() -> Self {
        Self(Tag::ApiKey.as_str().to_owned())
    }
}

impl TryFrom<String> for KeyTag {
    type Error = InvalidKeyTag;

    fn try_from(text: String) -> Result<KeyTag, InvalidKeyTag> {
        KeyTag::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_few_letters_that_nothing_else_begins_with() {
        for good in ["gak", "ak", "ax", "Acme"] {
            assert_eq!(KeyTag::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a", "acmecorp", "a_k", "a1", "é", "gat", "gap", "gcs", "gbs"] {
            assert_eq!(KeyTag::parse(bad), Err(InvalidKeyTag), "{bad}");
        }
    }
}
