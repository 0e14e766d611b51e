//! E-mail addresses: the sane part of RFC 5321 §4.1.2 and RFC 6531.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use super::visible::is_deceptive;

/// RFC 5321 §4.5.3.1.3: a path of 256 octets, less its angle brackets.
const MAX_BYTES: usize = 254;
/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;

/// Not an address we would write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an e-mail address")]
pub struct InvalidEmailAddress;

/// An address: the local part as typed, since its case belongs to the receiver; the domain in lower case.
///
/// Two addresses are the same person's if their [`key`](Self::key) is: no provider in use tells `Ann` from `ann`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address; quoted local parts, comments and address literals are refused.
    pub fn parse(text: &str) -> Result<EmailAddress, InvalidEmailAddress> {
        if text.len() > MAX_BYTES {
            return Err(InvalidEmailAddress);
        }
        let (local, domain) = text.split_once('@').ok_or(InvalidEmailAddress)?;
        let address = EmailAddress(format!("{local}@{}", fold(domain)));
        // Checked as kept and as folded: `⑴` is harmless until it becomes `(1)`.
        if is_sane(&address.0) && is_sane(&address.key()) { Ok(address) } else { Err(InvalidEmailAddress) }
    }

    /// The address to show and to write to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What to look it up by and to keep unique: NFKC, all in lower case.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// One `@`; around it dotted words of RFC 5322 §3.2.3 `atext`, and of letters, digits and hyphens.
fn is_sane(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else {
        return false;
    };
    let letter = |c: char| c.is_alphanumeric() && !is_deceptive(c);
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| letter(c) || "!#$%&'*+-/=?^_`{|}~".contains(c));
    let label = |label: &str| {
        let hyphen_at_an_end = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && !hyphen_at_an_end && label.chars().all(|c| letter(c) || c == '-')
    };
    address.len() <= MAX_BYTES
        && local.len() <= MAX_LOCAL_BYTES
        && local.split('.').all(word)
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_local_part_stays_and_the_key_is_folded() {
        let address = EmailAddress::parse("Ann.B+x@Example.COM").unwrap();
        assert_eq!(
            (address.as_str(), address.key().as_str()),
            ("Ann.B+x@example.com", "ann.b+x@example.com")
        );
        assert!(EmailAddress::parse("o'neil@bücher.example").is_ok());
        assert!(EmailAddress::parse("dev@localhost").is_ok());
    }

    #[test]
    fn l18_two_ats_line_breaks_and_hidden_characters_are_refused() {
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "admin@evil@corp.com",
            "admin＠evil@corp.com",
            "a b@c.d",
            " a@c.d",
            "a@c.d\r\nBcc: x@y.z",
            "a\0@c.d",
            "\"a\"@c.d",
            "a,b@c.d",
            "<a@c.d>",
            "a@[127.0.0.1]",
            ".a@c.d",
            "a..b@c.d",
            "a@c..d",
            "a@-c.d",
            "a@c_d.e",
            "a\u{202e}@c.d",
            "a\u{200b}@c.d",
            "⑴@c.d",
            "a@c.d.",
        ] {
            assert_eq!(EmailAddress::parse(bad), Err(InvalidEmailAddress), "{bad:?}");
        }
        assert!(EmailAddress::parse(&format!("{}@b.c", "a".repeat(65))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}c", "b.".repeat(127))).is_err());
    }

    proptest! {
        #[test]
        fn what_parses_parses_again_and_has_one_at(text in "[a-zA-Zé⑴.+-]{1,9}[@＠][a-zA-Z0-9é．.-]{1,9}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address.clone()));
                prop_assert_eq!(address.key().matches('@').count(), 1);
                prop_assert_eq!(EmailAddress::parse(&address.key()).unwrap().key(), address.key());
            }
        }
    }
}
