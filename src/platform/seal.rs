//! Sealing what must be recoverable under a key that only the holder of a bearer can derive.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::kernel::PlainSecret;
use crate::platform::entropy::Entropy;

const NONCE: usize = 12;

/// A text that only the holder of the bearer it was sealed for can read.
#[derive(Clone, Debug)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Seals `text` for whoever holds `holder`. `purpose` keeps seals of different kinds apart.
    pub fn seal(text: &str, holder: &PlainSecret, purpose: &'static str, entropy: Entropy) -> Option<Self> {
        let nonce = entropy.bytes::<NONCE>();
        let payload = Payload { msg: text.as_bytes(), aad: purpose.as_bytes() };
        let sealed = cipher(holder, purpose)?.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some(Self([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens the seal, or `None` if `holder` is not who it was sealed for.
    pub fn open(&self, holder: &PlainSecret, purpose: &'static str) -> Option<PlainSecret> {
        let (nonce, sealed) = self.0.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        let text = cipher(holder, purpose)?.decrypt(&Nonce::from(*nonce), payload).ok()?;
        String::from_utf8(text).ok().map(PlainSecret::new)
    }

    /// From storage.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A bearer is random enough to be key material as it is (RFC 5869 §3.3).
fn cipher(holder: &PlainSecret, purpose: &str) -> Option<ChaCha20Poly1305> {
    let mut key = Key::default();
    Hkdf::<Sha256>::new(None, holder.expose().as_bytes()).expand(purpose.as_bytes(), &mut key).ok()?;
    Some(ChaCha20Poly1305::new(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_holder_opens_a_seal() {
        let holder = PlainSecret::new("grt_mine".into());
        let sealed = Sealed::seal("the answer", &holder, "test", Entropy).unwrap();
        assert_eq!(sealed.open(&holder, "test").unwrap().expose(), "the answer");
        assert!(sealed.open(&PlainSecret::new("grt_other".into()), "test").is_none());
        assert!(sealed.open(&holder, "another purpose").is_none());
        assert!(Sealed::from_bytes(vec![1, 2, 3]).open(&holder, "test").is_none());
        assert!(!String::from_utf8_lossy(sealed.as_bytes()).contains("answer"));
    }
}
