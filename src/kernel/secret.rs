//! Secrets: the plain text, which must not travel, and its hash, which is all we keep.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret in plain text: a bearer just minted or just received, a password.
///
/// It has no `Display`, `Serialize`, `Clone` or `PartialEq`, so that printing, storing, copying and
/// leaking through a comparison all need the word [`expose`](Self::expose). Wiped when dropped.
pub struct PlainSecret(Zeroizing<String>);

impl PlainSecret {
    /// Takes the text over; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the one answer that shows it, and for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What we store and look up by.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSecret(…)")
    }
}

/// SHA-256 of a bearer: the only form of it that a store accepts.
///
/// Unsalted and fast on purpose: our bearers are random, so there is nothing to guess, and the hash must
/// serve as the key of an index. People's passwords never become one of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes the whole text, tag and checksum included, so that imported keys of any shape work too.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A hash read back from the database.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A hash as programs print it: 64 hexadecimal digits.
    pub fn from_hexadecimal(text: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time; use it wherever a sent secret meets a stored one.
    pub fn matches(&self, other: &SecretHash) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

/// The first four bytes only: enough to tell two apart in a log, useless for a lookup.
impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth, ..] = self.0;
        let start = u32::from_be_bytes([first, second, third, fourth]);
        write!(f, "SecretHash({start:08x}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn debug_never_shows_the_secret() {
        assert_eq!(format!("{:?}", PlainSecret::new("hunter2".into())), "PlainSecret(…)");
    }

    #[test]
    fn the_hash_is_sha256_and_debug_shows_four_bytes_of_it() {
        assert_eq!(format!("{:?}", SecretHash::of("abc")), "SecretHash(ba7816bf…)");
    }

    proptest! {
        #[test]
        fn equal_texts_match_and_others_do_not(a in ".*", b in ".*") {
            let (ha, hb) = (PlainSecret::new(a.clone()).hash(), SecretHash::of(&b));
            prop_assert_eq!(ha.matches(&hb), a == b);
            prop_assert!(ha.matches(&SecretHash::from_bytes(*ha.as_bytes())));
        }
    }
}
