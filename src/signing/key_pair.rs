//! Key pairs: made, read, used. The one file that knows how keys look inside.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{DecodingKey, crypto};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::kernel::Fault;
use crate::signing::Algorithm;

/// A private key, held ready to sign.
pub(super) enum KeyPair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl KeyPair {
    /// A new one. The cryptographic library draws its randomness itself.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, Fault> {
        let made = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Self::EdDsa),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256),
        };
        made.map_err(|_| Fault::internal("a signing key cannot be made"))
    }

    /// Reads one from its stored form (PKCS #8).
    pub(super) fn read(algorithm: Algorithm, stored: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, stored).ok().map(Self::Es256)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(stored).ok().map(Self::EdDsa),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(stored).ok().map(Self::Rs256),
        }
    }

    /// Its form for storage, to be sealed.
    pub(super) fn stored(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let written = match self {
            Self::Es256(pair) => pair.to_pkcs8v1().map(|text| text.as_ref().to_vec()),
            Self::EdDsa(pair) => pair.to_pkcs8v1().map(|text| text.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let written: Result<Pkcs8V1Der<'_>, _> = pair.as_der();
                written.map(|text| text.as_ref().to_vec())
            }
        };
        written.map(Zeroizing::new).map_err(|_| Fault::internal("a signing key cannot be written down"))
    }

    /// Signs.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let failed = |_| Fault::internal("a signature failed");
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => {
                pair.sign(&random, message).map(|signed| signed.as_ref().to_vec()).map_err(failed)
            }
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signed).map_err(failed)?;
                Ok(signed)
            }
        }
    }

    /// What others may know of it.
    pub(super) fn public(&self) -> Result<PublicKey, Fault> {
        let (algorithm, key) = match self {
            Self::Es256(pair) => (Algorithm::Es256, DecodingKey::from_ec_der(pair.public_key().as_ref())),
            Self::EdDsa(pair) => (Algorithm::EdDsa, DecodingKey::from_ed_der(pair.public_key().as_ref())),
            Self::Rs256(pair) => (Algorithm::Rs256, DecodingKey::from_rsa_der(pair.public_key().as_ref())),
        };
        let mut jwk = Jwk::from_decoding_key(&key, Some(algorithm.into())).map_err(Fault::internal)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(Fault::internal)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let jwk = serde_json::to_value(&jwk).map_err(Fault::internal)?;
        Ok(PublicKey { kid, algorithm, jwk, key })
    }
}

/// A public key, as it is published and as it verifies.
pub(super) struct PublicKey {
    /// The thumbprint of its required members (RFC 7638).
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    /// As it stands in the key set.
    pub(super) jwk: Value,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads one back; what is not its own thumbprint, or of another algorithm, is none.
    pub(super) fn read(kid: &str, algorithm: Algorithm, jwk: Value) -> Option<Self> {
        let read: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let is_itself = read.thumbprint(ThumbprintHash::SHA256).is_ok_and(|thumbprint| thumbprint == kid);
        let is_for = read.common.key_algorithm? == jsonwebtoken::Algorithm::from(algorithm).into();
        let key = DecodingKey::from_jwk(&read).ok()?;
        let is_of_family = key.family() == jsonwebtoken::Algorithm::from(algorithm).family();
        (is_itself && is_for && is_of_family).then(|| Self { kid: kid.to_owned(), algorithm, jwk, key })
    }

    /// The first part of a JWS of this type that it signs.
    pub(super) fn header(&self, typ: &str) -> String {
        let header = json!({ "typ": typ, "alg": self.algorithm.as_str(), "kid": self.kid });
        URL_SAFE_NO_PAD.encode(header.to_string())
    }

    /// Whether a signature is this key's, by this key's algorithm and no other.
    pub(super) fn verifies(&self, signature: &str, message: &[u8]) -> bool {
        crypto::verify(signature, message, &self.key, self.algorithm.into()).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn pair_and_key(algorithm: Algorithm) -> (KeyPair, PublicKey) {
        let pair = KeyPair::generate(algorithm).unwrap();
        let key = pair.public().unwrap();
        (pair, key)
    }

    /// Each algorithm's own signature, by each algorithm's key: alike only where both are.
    #[test]
    fn a_key_verifies_what_it_signed_by_its_own_algorithm() {
        let pairs = Algorithm::ALL.map(pair_and_key);
        for (pair, own) in &pairs {
            let signature = URL_SAFE_NO_PAD.encode(pair.sign(b"message").unwrap());
            for (_, key) in &pairs {
                assert_eq!(key.verifies(&signature, b"message"), key.kid == own.kid, "{}", key.kid);
            }
            assert!(!own.verifies(&signature, b"another"));
            assert!(!own.verifies("", b"message") && !own.verifies("!", b"message"));
            assert!(!pair_and_key(own.algorithm).1.verifies(&signature, b"message"), "another key");
        }
    }

    #[test]
    fn a_pair_is_the_same_after_it_was_stored() {
        for algorithm in Algorithm::ALL {
            let (pair, key) = pair_and_key(algorithm);
            let stored = pair.stored().unwrap();
            let again = KeyPair::read(algorithm, &stored).unwrap();
            let signature = URL_SAFE_NO_PAD.encode(again.sign(b"message").unwrap());
            assert!(key.verifies(&signature, b"message"));
            for other in Algorithm::ALL {
                assert_eq!(KeyPair::read(other, &stored).is_some(), other == algorithm);
            }
        }
    }

    /// M05
    #[test]
    fn a_public_key_has_public_members_only_and_says_what_it_is_for() {
        for (algorithm, members) in [
            (Algorithm::Es256, ["alg", "crv", "kid", "kty", "use", "x", "y"].as_slice()),
            (Algorithm::EdDsa, &["alg", "crv", "kid", "kty", "use", "x"]),
            (Algorithm::Rs256, &["alg", "e", "kid", "kty", "n", "use"]),
        ] {
            let (_, key) = pair_and_key(algorithm);
            let mut names: Vec<&str> = key.jwk.as_object().unwrap().keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, members);
            assert_eq!((&key.jwk["use"], &key.jwk["alg"]), (&"sig".into(), &algorithm.as_str().into()));
            assert_eq!(key.kid.len(), 43);
        }
    }

    #[test]
    fn a_stored_public_key_that_was_altered_is_none() {
        let (_, key) = pair_and_key(Algorithm::Es256);
        let read = |kid: &str, algorithm, jwk: &Value| PublicKey::read(kid, algorithm, jwk.clone()).is_some();
        assert!(read(&key.kid, Algorithm::Es256, &key.jwk));
        assert!(!read(&key.kid, Algorithm::EdDsa, &key.jwk));
        assert!(!read("another", Algorithm::Es256, &key.jwk));
        let (_, other) = pair_and_key(Algorithm::Es256);
        assert!(!read(&key.kid, Algorithm::Es256, &other.jwk));
        let mut without = key.jwk.clone();
        without["alg"] = "ES384".into();
        assert!(!read(&key.kid, Algorithm::Es256, &without));
    }
}
