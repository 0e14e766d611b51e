//! Passwords that people type: normalised as RFC 8265 §4.2 asks, never cut short.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::kernel::secret::PlainSecret;

/// Far beyond any passphrase, and small enough that hashing one is no attack.
const MAX_BYTES: usize = 1024;

/// Why a password cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordProblem {
    /// Refused rather than truncated.
    #[error("password is longer than 1024 bytes")]
    TooLong,
    /// A NUL would end the password early in other programs.
    #[error("password must not contain a NUL character")]
    HasNul,
    /// A new password below the length asked for, in characters.
    #[error("password must have at least {min_chars} characters")]
    TooShort {
        /// The length asked for.
        min_chars: usize,
    },
}

/// A password as typed at sign-in or chosen anew: NFC, so that one typed on a Mac opens the same account as
/// one typed on Windows. Redacted when printed, wiped when dropped.
pub struct Password(PlainSecret);

impl Password {
    /// Reads a password to be verified. It may be short or empty: then it is merely wrong.
    pub fn parse(text: String) -> Result<Password, PasswordProblem> {
        let text = Zeroizing::new(text);
        if text.len() > MAX_BYTES {
            return Err(PasswordProblem::TooLong);
        }
        if text.contains('\0') {
            return Err(PasswordProblem::HasNul);
        }
        // NFC makes UTF-8 at most three times longer; room for it now means no copy is left by growing.
        let mut normal = String::with_capacity(3 * text.len());
        normal.extend(text.nfc());
        let password = Password(PlainSecret::new(normal));
        if password.expose().len() > MAX_BYTES { Err(PasswordProblem::TooLong) } else { Ok(password) }
    }

    /// Reads a new password, which must have at least `min_chars` characters (NIST SP 800-63B §3.1.1.2);
    /// its composition is nobody's business.
    pub fn choose(text: String, min_chars: usize) -> Result<Password, PasswordProblem> {
        let password = Password::parse(text)?;
        let long_enough = password.expose().chars().count() >= min_chars;
        if long_enough { Ok(password) } else { Err(PasswordProblem::TooShort { min_chars }) }
    }

    /// The normalised text, for the hash.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn l12_nfc_and_nfd_are_the_same_password() {
        let (nfc, nfd) = (Password::parse("caf\u{e9}".into()), Password::parse("cafe\u{301}".into()));
        assert_eq!(nfc.unwrap().expose(), nfd.unwrap().expose());
    }

    #[test]
    fn l12_too_long_is_said_and_not_cut() {
        assert_eq!(Password::parse("x".repeat(1024)).unwrap().expose().len(), 1024);
        assert_eq!(Password::parse("x".repeat(1025)).err(), Some(PasswordProblem::TooLong));
        // U+1D160 is four bytes and twelve in NFC.
        assert_eq!(Password::parse("\u{1D160}".repeat(256)).err(), Some(PasswordProblem::TooLong));
        assert_eq!(Password::parse("a\0b".into()).err(), Some(PasswordProblem::HasNul));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Password::choose("éééééééé".into(), 8).is_ok());
        assert_eq!(Password::choose("ééé".into(), 8).err(), Some(PasswordProblem::TooShort { min_chars: 8 }));
        assert!(Password::parse(String::new()).is_ok());
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", Password::parse("hunter2".into()).unwrap()), "Password(…)");
    }

    proptest! {
        #[test]
        fn l12_either_normal_form_reads_alike(text in "\\PC{0,40}") {
            let nfd: String = text.nfd().collect();
            if let (Ok(a), Ok(b)) = (Password::parse(text), Password::parse(nfd)) {
                prop_assert_eq!(a.expose(), b.expose());
            }
        }
    }
}
