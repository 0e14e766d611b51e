//! What of a stranger's text goes into the log: its beginning, without what looks like a secret.

/// The least that the random part of a bearer has, of any tag.
const RANDOM: usize = 30;

/// A text for the log: at most so many bytes, no control characters, and of what looks like a bearer or a JWT only the
/// beginning.
pub(super) fn fit(text: &str, most: usize) -> String {
    let mut fitting = String::with_capacity(text.len().min(most));
    for piece in text.split_inclusive(|c: char| !is_of_word(c)) {
        let word = piece.trim_end_matches(|c: char| !is_of_word(c));
        let kept = if is_secret(word) { beginning(word) } else { word };
        fitting.push_str(kept);
        if kept.len() < word.len() {
            fitting.push('…');
        }
        fitting.extend(piece.chars().skip(word.chars().count()).map(visible));
        if fitting.len() > most {
            return cut(&fitting, most);
        }
    }
    fitting
}

/// A path without its query.
pub(super) fn path(text: &str, most: usize) -> String {
    fit(text.split(['?', '#']).next().unwrap_or_default(), most)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// `<tag>_<random>`, whatever the tag; or a JWT, which begins with `{"` in base64.
fn is_secret(word: &str) -> bool {
    let is_jwt = word.starts_with("eyJ") && word.bytes().filter(|b| *b == b'.').count() >= 2;
    is_jwt || word.split(['_', '.', '-']).skip(1).any(|part| part.len() >= RANDOM && is_mixed(part))
}

/// A random text of letters and digits has capitals; a hexadecimal number has none.
fn is_mixed(part: &str) -> bool {
    part.bytes().any(|b| b.is_ascii_uppercase()) && part.bytes().any(|b| b.is_ascii_lowercase())
}

fn beginning(word: &str) -> &str {
    word.get(..8).unwrap_or(word)
}

fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

fn cut(text: &str, most: usize) -> String {
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::kernel::{Bearer, LastingTag};

    #[test]
    fn what_looks_like_a_secret_is_cut_to_its_beginning() {
        let key = "gak_3fA9bcDEfghIJklmnoPQrstuvWXyz0123456789";
        for (text, kept) in [
            (format!("/keys/{key}/rotate"), "/keys/gak_3fA9…/rotate"),
            (format!("/a,{key}"), "/a,gak_3fA9…"),
            ("/t/eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln/x".to_owned(), "/t/eyJhbGci…/x"),
            (
                "/orders/0190163d-8694-739b-aea5-966c26f8ad91".to_owned(),
                "/orders/0190163d-8694-739b-aea5-966c26f8ad91",
            ),
            (
                "/blobs/sha256_0f343b0931126a20f133d67c2b018a3b".to_owned(),
                "/blobs/sha256_0f343b0931126a20f133d67c2b018a3b",
            ),
            ("a\0b\nc".to_owned(), "a\u{fffd}b\u{fffd}c"),
        ] {
            assert_eq!(fit(&text, 1000), kept);
        }
    }

    #[test]
    fn a_path_is_kept_without_its_query() {
        assert_eq!(path("/orders?access_token=s3cret", 100), "/orders");
        assert_eq!(path("/orders#s3cret", 100), "/orders");
    }

    proptest! {
        #[test]
        fn whatever_comes_fits_and_has_no_control_characters(text in ".{0,60}\\PC{0,20}", most in 3..40_usize) {
            let fitting = fit(&text, most);
            prop_assert!(fitting.len() <= most);
            prop_assert!(!fitting.contains(char::is_control));
        }

        #[test]
        fn no_bearer_of_ours_passes(seed: u64) {
            let bearer = Bearer::mint(LastingTag::ClientSecret, &mut StdRng::seed_from_u64(seed));
            let fitting = fit(&format!("/x/{}", bearer.expose()), 200);
            prop_assert_eq!(fitting, format!("/x/{}…", &bearer.expose()[..8]));
        }
    }
}
