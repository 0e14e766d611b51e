//! PKCE (RFC 7636), S256 only: `plain` protects nothing once the request is seen (RFC 9700 §2.1.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::kernel::secret::PlainSecret;

/// A challenge or verifier of the wrong length or alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a well-formed PKCE value")]
pub struct MalformedPkce;

/// What the client sends first: `BASE64URL(SHA256(verifier))`, so always 43 characters (RFC 7636 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads a `code_challenge`. The method is the caller's to check: anything but `S256` is refused.
    pub fn parse(text: &str) -> Result<CodeChallenge, MalformedPkce> {
        let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let sound = text.len() == 43 && text.bytes().all(base64url);
        if sound { Ok(CodeChallenge(text.to_owned())) } else { Err(MalformedPkce) }
    }

    /// The text to store beside the code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// RFC 7636 §4.6: does this verifier hash to the challenge? In constant time.
    pub fn is_answered_by(&self, verifier: &CodeVerifier) -> bool {
        self.0.as_bytes().ct_eq(verifier.challenge().0.as_bytes()).into()
    }
}

/// What the client proves itself by afterwards: `43*128unreserved` (RFC 7636 §4.1). A secret until redeemed.
#[derive(Debug)]
pub struct CodeVerifier(PlainSecret);

impl CodeVerifier {
    /// Reads a `code_verifier`.
    pub fn parse(text: &str) -> Result<CodeVerifier, MalformedPkce> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let sound = (43..=128).contains(&text.len()) && text.bytes().all(unreserved);
        if sound { Ok(CodeVerifier(PlainSecret::new(text.to_owned()))) } else { Err(MalformedPkce) }
    }

    /// The S256 challenge that this verifier answers.
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        let verifier = CodeVerifier::parse(VERIFIER).unwrap();
        assert!(CodeChallenge::parse(CHALLENGE).unwrap().is_answered_by(&verifier));
        assert_eq!(verifier.challenge().as_str(), CHALLENGE);
    }

    #[test]
    fn p09_the_challenge_does_not_answer_itself() {
        let verifier = CodeVerifier::parse(CHALLENGE).unwrap();
        assert!(!CodeChallenge::parse(CHALLENGE).unwrap().is_answered_by(&verifier));
    }

    #[test]
    fn p08_length_and_alphabet_are_held() {
        for bad in ["", &"a".repeat(42), &"a".repeat(129), &format!("{}\0", "a".repeat(43)), &"é".repeat(43)]
        {
            assert_eq!(CodeVerifier::parse(bad).err(), Some(MalformedPkce), "{bad:?}");
        }
        assert!(CodeVerifier::parse(&"~".repeat(128)).is_ok());
        for bad in ["", &"a".repeat(42), &"a".repeat(44), &"~".repeat(43), &"+".repeat(43)] {
            assert_eq!(CodeChallenge::parse(bad), Err(MalformedPkce), "{bad:?}");
        }
    }

    #[test]
    fn the_verifier_is_not_printed() {
        assert!(!format!("{:?}", CodeVerifier::parse(VERIFIER)).contains(VERIFIER));
    }

    proptest! {
        #[test]
        fn a_verifier_answers_its_own_challenge_and_no_other(
            a in "[A-Za-z0-9._~-]{43,128}",
            b in "[A-Za-z0-9._~-]{43,128}",
        ) {
            let (va, vb) = (CodeVerifier::parse(&a).unwrap(), CodeVerifier::parse(&b).unwrap());
            let challenge = CodeChallenge::parse(va.challenge().as_str()).unwrap();
            prop_assert!(challenge.is_answered_by(&va));
            prop_assert_eq!(challenge.is_answered_by(&vb), a == b);
        }
    }
}
