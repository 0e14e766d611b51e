//! Sealing what must be recoverable under a key that only the holder of a bearer, or of the master key, can derive.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::kernel::PlainSecret;
use crate::platform::entropy::Entropy;

const NONCE: usize = 12;

/// What only the holder of the secret it was sealed for can read.
#[derive(Clone, Debug)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Seals `text` for whoever holds `holder`. `purpose` keeps seals of different kinds apart.
    pub fn seal(text: &str, holder: &PlainSecret, purpose: &'static str, entropy: Entropy) -> Option<Self> {
        Self::seal_bytes(text.as_bytes(), holder, purpose, purpose, entropy)
    }

    /// Opens the seal, or `None` if `holder` is not who it was sealed for.
    pub fn open(&self, holder: &PlainSecret, purpose: &'static str) -> Option<PlainSecret> {
        let bytes = self.open_bytes(holder, purpose, purpose)?;
        String::from_utf8(bytes.to_vec()).ok().map(PlainSecret::new)
    }

    /// Seals bytes that belong to what `bound_to` names: beside another name the seal does not open.
    pub fn seal_bytes(
        bytes: &[u8],
        holder: &PlainSecret,
        purpose: &'static str,
        bound_to: &str,
        entropy: Entropy,
    ) -> Option<Self> {
        let nonce = entropy.bytes::<NONCE>();
        let payload = Payload { msg: bytes, aad: bound_to.as_bytes() };
        let sealed = cipher(holder, purpose)?.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some(Self([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a seal over bytes.
    pub fn open_bytes(
        &self,
        holder: &PlainSecret,
        purpose: &'static str,
        bound_to: &str,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = self.0.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: bound_to.as_bytes() };
        cipher(holder, purpose)?.decrypt(&Nonce::from(*nonce), payload).ok().map(Zeroizing::new)
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
    fn a_seal_opens_beside_its_own_name_only() {
        let holder = PlainSecret::new("the master key".into());
        let sealed = Sealed::seal_bytes(&[0, 255], &holder, "test", "key one", Entropy).unwrap();
        assert_eq!(sealed.open_bytes(&holder, "test", "key one").unwrap().as_slice(), [0, 255]);
        assert!(sealed.open_bytes(&holder, "test", "key two").is_none());
        assert!(sealed.open_bytes(&holder, "another purpose", "key one").is_none());
    }

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
