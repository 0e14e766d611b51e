//! Bearers, their hashes, and signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

/// What a bearer is stored by.
pub type Hash = [u8; 32];

/// A way in which the crypto can fail that never happens.
#[derive(Debug)]
pub struct Broken;

/// The SHA-256 of a text.
pub fn hash(text: &[u8]) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, text).as_ref());
    hash
}

/// Makes bearers and signs.
pub struct Mint {
    random: SystemRandom,
    key: EcdsaKeyPair,
}

impl Mint {
    /// One with a new key.
    pub fn new() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random);
        let document = document.map_err(|_| anyhow::anyhow!("no key could be made"))?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
        let key = key.map_err(|rejected| anyhow::anyhow!("the key just made is rejected: {rejected}"))?;
        Ok(Self { random, key })
    }

    /// A new bearer, and its hash.
    pub fn bearer(&self) -> Result<(String, Hash), Broken> {
        let text = URL_SAFE_NO_PAD.encode(self.bytes::<32>()?);
        let hash = hash(text.as_bytes());
        Ok((text, hash))
    }

    /// A signed token (ES256), as long as a real one.
    pub fn jwt(&self, client: &str, now: i64) -> Result<String, Broken> {
        let id = URL_SAFE_NO_PAD.encode(self.bytes::<16>()?);
        let claims = serde_json::json!({
            "iss": "http://127.0.0.1:8080", "sub": client, "client_id": client, "aud": "orders",
            "scope": "orders:read", "iat": now, "exp": now + 3600, "jti": id,
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"at+jwt","kid":"the-only-one"}"#);
        let mut token = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&self.random, token.as_bytes()).map_err(|_| Broken)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn bytes<const N: usize>(&self) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| Broken)?;
        Ok(bytes)
    }
}
