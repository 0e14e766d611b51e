//! What makes a change of password, as far as what was typed can tell.

use crate::kernel::{Password, PasswordProblem};

/// What is wrong with what was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The current password cannot be one.
    Current,
    /// The new one cannot be one.
    New(PasswordProblem),
    /// The new one is the current one.
    Same,
    /// The new one was typed differently the second time.
    Again,
}

/// The current password and the new one.
pub(super) fn chosen(
    current: String,
    new: String,
    again: String,
    min_chars: usize,
) -> Result<(Password, Password), Unfit> {
    let current = Password::parse(current).map_err(|_| Unfit::Current)?;
    let new = Password::choose(new, min_chars).map_err(Unfit::New)?;
    if new.expose() == current.expose() {
        return Err(Unfit::Same);
    }
    match Password::parse(again) {
        Ok(again) if again.expose() == new.expose() => Ok((current, new)),
        _ => Err(Unfit::Again),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfit(current: &str, new: &str, again: &str) -> Option<Unfit> {
        chosen(current.into(), new.into(), again.into(), 10).err()
    }

    #[test]
    fn a_new_password_is_long_enough_new_and_typed_twice() {
        assert_eq!(unfit("anything", "a better one", "a better one"), None);
        // L12: whichever normal form a keyboard sends.
        assert_eq!(unfit("anything", "caf\u{e9} au lait", "cafe\u{301} au lait"), None);
        assert_eq!(unfit("a\0b", "a better one", "a better one"), Some(Unfit::Current));
        let too_short = PasswordProblem::TooShort { min_chars: 10 };
        assert_eq!(unfit("anything", "short", "short"), Some(Unfit::New(too_short)));
        assert_eq!(unfit("a better one", "a better one", "a better one"), Some(Unfit::Same));
        assert_eq!(unfit("anything", "a better one", "a better two"), Some(Unfit::Again));
        assert_eq!(unfit("anything", "a better one", ""), Some(Unfit::Again));
    }
}
