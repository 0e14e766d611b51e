//! The keys as one node holds them in memory, and the key set it shows.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::kernel::Fault;
use crate::signing::key_pair::{KeyPair, PublicKey};
use crate::signing::store::StoredKey;
use crate::signing::token::{Header, TYPE};
use crate::signing::{Algorithm, Life, MasterKey, State};

/// The keys that count, of one moment.
pub struct Ring {
    keys: Vec<Held>,
    /// What it was made of.
    seen: Vec<(String, Life)>,
    shown: Shown,
}

#[derive(Clone)]
struct Held {
    key: Arc<Key>,
    life: Life,
}

/// A key: what does not change in its life.
struct Key {
    public: PublicKey,
    /// `None`: we cannot open it.
    pair: Option<KeyPair>,
    /// The first part of an access token that it signs.
    header: String,
}

/// The key set (RFC 7517 §5), ready to be sent.
#[derive(Debug)]
pub struct KeySet {
    /// Its text.
    pub body: String,
    /// What it is told apart by (RFC 9110 §8.8.3), in its quotes.
    pub etag: String,
}

/// The key set as it stays until a key retires.
struct Shown {
    set: Arc<KeySet>,
    until: Option<DateTime<Utc>>,
}

impl Ring {
    /// Holds these keys, without reading anew what is held already.
    pub(super) fn hold(
        stored: &[StoredKey],
        before: Option<&Self>,
        master: Option<&MasterKey>,
        now: DateTime<Utc>,
    ) -> Result<Self, Fault> {
        let (mut keys, mut seen) = (Vec::new(), Vec::new());
        for stored in stored.iter().filter(|key| key.life.is_published(now)) {
            let known =
                before.and_then(|ring| ring.keys.iter().find(|held| held.key.public.kid == stored.kid));
            let key =
                known.map(|held| Arc::clone(&held.key)).or_else(|| Key::read(stored, master).map(Arc::new));
            if let Some(key) = key {
                keys.push(Held { key, life: stored.life });
            } else {
                log::error!("the signing key {} was altered in the database: it is left out", stored.kid);
            }
            seen.push((stored.kid.clone(), stored.life));
        }
        let shown = Shown::of(&keys, now)?;
        Ok(Self { keys, seen, shown })
    }

    /// Whether these are the keys, and the moments of the keys, that it was made of.
    pub(super) fn is_of(&self, stored: &[StoredKey], now: DateTime<Utc>) -> bool {
        let counting = stored.iter().filter(|key| key.life.is_published(now));
        counting.map(|key| (&key.kid, key.life)).eq(self.seen.iter().map(|(kid, life)| (kid, *life)))
    }

    /// The moments of its keys.
    pub(super) fn lives(&self) -> Vec<Life> {
        self.seen.iter().map(|(_, life)| *life).collect()
    }

    /// Whether it holds no key at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that it can show, and not sign with.
    pub fn closed(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|held| held.key.pair.is_none()).map(|held| held.key.public.kid.as_str())
    }

    /// The key set at this moment.
    pub fn key_set(&self, now: DateTime<Utc>) -> Result<Arc<KeySet>, Fault> {
        match self.shown.until {
            Some(until) if now >= until => Ok(Shown::of(&self.keys, now)?.set),
            _ => Ok(Arc::clone(&self.shown.set)),
        }
    }

    /// The key that signs at this moment. Where none does, the one that waits was to sign at once, by a clock that is
    /// ahead of ours.
    fn signer(&self, now: DateTime<Utc>) -> Option<&Held> {
        let are = |state| self.keys.iter().filter(move |held| held.life.state(now) == state);
        let signing = are(State::Signing).max_by_key(|held| held.life.rank());
        signing.or_else(|| are(State::Waiting).min_by_key(|held| held.life.signs_from))
    }

    /// Signs the claims of an access token; the text, and the end of what is signed within it.
    pub(super) fn sign(&self, claims: &str, now: DateTime<Utc>) -> Result<(String, usize), Fault> {
        let key = self.signing_key(now)?;
        key.sign(&key.header, claims)
    }

    /// Signs what is no token, as a JWS of another type; its text, and the name of the key.
    pub(super) fn sign_as(
        &self,
        typ: &str,
        payload: &str,
        now: DateTime<Utc>,
    ) -> Result<(String, String), Fault> {
        let key = self.signing_key(now)?;
        let (text, _) = key.sign(&key.public.header(typ), payload)?;
        Ok((text, key.public.kid.clone()))
    }

    /// Whether there is a key that signs now, and opens.
    pub(super) fn can_sign(&self, now: DateTime<Utc>) -> Result<(), Fault> {
        self.signing_key(now)?.pair().map(drop)
    }

    /// The algorithms of the keys that sign now or later.
    pub(super) fn algorithms(&self, now: DateTime<Utc>) -> Vec<Algorithm> {
        let signs = |held: &&Held| {
            held.key.pair.is_some() && matches!(held.life.state(now), State::Signing | State::Waiting)
        };
        let used: Vec<Algorithm> =
            self.keys.iter().filter(signs).map(|held| held.key.public.algorithm).collect();
        Algorithm::ALL.into_iter().filter(|algorithm| used.contains(algorithm)).collect()
    }

    fn signing_key(&self, now: DateTime<Utc>) -> Result<&Key, Fault> {
        let signer = self.signer(now).ok_or_else(|| Fault::unavailable("there is no key that signs now"))?;
        Ok(&signer.key)
    }

    /// Whether a key of ours that counts now has this name, this algorithm, and made this signature.
    pub(super) fn verifies(
        &self,
        header: &Header,
        signature: &str,
        message: &[u8],
        now: DateTime<Utc>,
    ) -> bool {
        let known =
            self.keys.iter().find(|held| held.key.public.kid == header.kid && held.life.is_published(now));
        known.is_some_and(|held| {
            let public = &held.key.public;
            public.algorithm.as_str() == header.alg && public.verifies(signature, message)
        })
    }
}

impl Key {
    /// `None`: its public part is not what its name says.
    fn read(stored: &StoredKey, master: Option<&MasterKey>) -> Option<Self> {
        let (kid, algorithm) = (&stored.kid, stored.algorithm);
        let public = PublicKey::read(kid, algorithm, stored.public_jwk.clone())?;
        let private = master.and_then(|master| master.open(kid, algorithm, &stored.private_key));
        let pair = private
            .and_then(|private| KeyPair::read(algorithm, &private))
            .filter(|pair| pair.public().is_ok_and(|public| public.kid == *kid));
        let header = public.header(TYPE);
        Some(Self { public, pair, header })
    }

    fn pair(&self) -> Result<&KeyPair, Fault> {
        self.pair.as_ref().ok_or_else(|| Fault::unavailable("the key that signs now cannot be opened"))
    }

    fn sign(&self, header: &str, payload: &str) -> Result<(String, usize), Fault> {
        let pair = self.pair()?;
        let mut text = format!("{header}.");
        URL_SAFE_NO_PAD.encode_string(payload, &mut text);
        let end = text.len();
        let signature = pair.sign(text.as_bytes())?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok((text, end))
    }
}

impl Shown {
    fn of(keys: &[Held], now: DateTime<Utc>) -> Result<Self, Fault> {
        let shown: Vec<&Held> = keys.iter().filter(|held| held.life.is_published(now)).collect();
        let jwks: Vec<_> = shown.iter().map(|held| &held.key.public.jwk).collect();
        let body = serde_json::to_string(&json!({ "keys": jwks })).map_err(Fault::internal)?;
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes())));
        let until = shown.iter().map(|held| held.life.published_until()).min();
        Ok(Self { set: Arc::new(KeySet { body, etag }), until })
    }
}
