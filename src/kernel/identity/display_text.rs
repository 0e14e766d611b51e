//! Names and sentences that somebody else will read: an app's name on the consent page, a key's label.

use std::fmt;

use thiserror::Error;

use super::visible::is_deceptive;

/// Why a text may not be shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DisplayTextProblem {
    /// Nothing but white space.
    #[error("text is empty")]
    Empty,
    /// Longer than its place allows, in characters.
    #[error("text is longer than {max_chars} characters")]
    TooLong {
        /// The length allowed.
        max_chars: usize,
    },
    /// A control, a line break, or a character that hides or reorders others.
    #[error("text has a line break or an invisible character")]
    BadCharacter,
}

/// One line of visible text. Still to be escaped where it is shown: `<script>` is a fine name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisplayText(String);

impl DisplayText {
    /// Characters that a person's name has at most.
    pub const MOST_OF_A_NAME: usize = 80;

    /// Trims, then checks. A right-to-left override could turn "moc.live" into a name people trust, so bidi
    /// controls and zero-width characters are refused, not dropped.
    pub fn parse(text: &str, max_chars: usize) -> Result<DisplayText, DisplayTextProblem> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DisplayTextProblem::Empty);
        }
        if text.chars().nth(max_chars).is_some() {
            return Err(DisplayTextProblem::TooLong { max_chars });
        }
        if text.contains(is_deceptive) {
            return Err(DisplayTextProblem::BadCharacter);
        }
        Ok(DisplayText(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn g06_text_that_deceives_is_refused() {
        for bad in [
            "a\nb",
            "a\rb",
            "a\0b",
            "a\u{1b}[31m",
            "\u{202e}moc",
            "a\u{2066}b",
            "a\u{200d}b",
            "a\u{2028}b",
            "x\u{feff}y",
        ] {
            assert_eq!(DisplayText::parse(bad, 80), Err(DisplayTextProblem::BadCharacter), "{bad:?}");
        }
        assert_eq!(DisplayText::parse(" \u{3000}\n", 80), Err(DisplayTextProblem::Empty));
        assert_eq!(DisplayText::parse("éé", 1), Err(DisplayTextProblem::TooLong { max_chars: 1 }));
    }

    #[test]
    fn ordinary_names_pass_trimmed() {
        for (sent, kept) in [("  Café Ω ", "Café Ω"), ("日本語 <b>", "日本語 <b>"), ("😀", "😀")]
        {
            assert_eq!(DisplayText::parse(sent, 10).unwrap().as_str(), kept);
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_one_visible_line_within_its_length(text in ".{0,30}", max in 0_usize..20) {
            if let Ok(kept) = DisplayText::parse(&text, max) {
                prop_assert!((1..=max).contains(&kept.as_str().chars().count()));
                prop_assert!(!kept.as_str().contains(is_deceptive));
                prop_assert_eq!(DisplayText::parse(kept.as_str(), max), Ok(kept));
            }
        }
    }
}
