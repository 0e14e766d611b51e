//! What was found, and what is done about it.

use crate::credentials::rules::hash_to_find;
use crate::kernel::{Bearer, KeyTag, Tag};

/// What a found text is, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An access token of our own form.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An API key or a personal token.
    Credential,
    /// The secret of a client.
    ClientSecret,
    /// Not of our form: a JWT, or a key that was brought along from elsewhere.
    Foreign,
    /// Nothing that is ended here. A code lies in addresses, histories and logs by design (RFC 6749 §4.1.2), lives for a
    /// minute, opens nothing without its verifier (RFC 7636 §4.6), and comes once: whoever reads a used one in a log must
    /// not end what it was exchanged for. A browser session is ended by signing out.
    Nothing,
}

/// Tells what was found.
pub(super) fn found(text: &str, key_tag: &KeyTag) -> Found {
    match Bearer::parse_with(text, key_tag).map(|bearer| bearer.tag()) {
        Ok(Tag::AccessToken) => Found::AccessToken,
        Ok(Tag::RefreshToken) => Found::RefreshToken,
        Ok(Tag::ApiKey | Tag::PersonalToken) => Found::Credential,
        Ok(Tag::ClientSecret) => Found::ClientSecret,
        Ok(Tag::AuthorizationCode | Tag::BrowserSession) => Found::Nothing,
        Err(_) => Found::Foreign,
    }
}

/// Whether it counts against the network it came from: what has our form nobody guesses, but a key that was brought along
/// may be a word. (A report without such a text counts once even so.)
pub(super) fn may_be_guessed(text: &str, key_tag: &KeyTag) -> bool {
    found(text, key_tag) == Found::Foreign && hash_to_find(text, key_tag).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{DatedTag, LastingTag};
    use crate::platform::entropy::Entropy;

    #[test]
    fn what_is_found_is_told_by_its_form() {
        let (tag, day) = (KeyTag::default(), chrono::NaiveDate::default());
        let dated = |tag| Entropy.dated_bearer(tag, day).expose().to_owned();
        for (text, what) in [
            (dated(DatedTag::AccessToken), Found::AccessToken),
            (dated(DatedTag::RefreshToken), Found::RefreshToken),
            (dated(DatedTag::AuthorizationCode), Found::Nothing),
            (dated(DatedTag::BrowserSession), Found::Nothing),
            (Entropy.bearer(LastingTag::ClientSecret).expose().to_owned(), Found::ClientSecret),
            (Entropy.bearer(LastingTag::PersonalToken).expose().to_owned(), Found::Credential),
            (Entropy.api_key(&tag).expose().to_owned(), Found::Credential),
            ("premium-api-key-12345".to_owned(), Found::Foreign),
        ] {
            assert_eq!(found(&text, &tag), what, "{text}");
        }
    }

    #[test]
    fn a_word_can_be_guessed_and_what_has_our_form_cannot() {
        let tag = KeyTag::default();
        let ours = Entropy.api_key(&tag);
        for (text, may_be) in
            [(ours.expose(), false), ("gak_mistyped", false), ("", false), ("premium-1", true)]
        {
            assert_eq!(may_be_guessed(text, &tag), may_be, "{text}");
        }
    }
}
