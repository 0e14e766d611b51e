//! The keys of this node: looked after every second, asked for at each signature. Who signs or verifies
//! asks for what this node may still trust of them, so that a key that was taken back is good for nothing anywhere.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::audit::Ledger;
use crate::kernel::{AccessTokenFormat, Denial, Fault, FaultKind, Stale};
use crate::platform::cache::{Cache, Caches};
use crate::platform::context::Context;
use crate::signing::life::{self, Due};
use crate::signing::ring::{KeySet, Ring};
use crate::signing::rotation::{self, Maker};
use crate::signing::store::{self, StoredKey};
use crate::signing::token::{Claims, Presented, Signed, Verified};
use crate::signing::{Algorithm, MasterKey, SigningSettings};

/// What signs, verifies and shows keys.
pub struct Keys {
    ledger: Ledger,
    settings: SigningSettings,
    issuer: String,
    master: Option<MasterKey>,
    /// `None`: the database has not answered yet.
    ring: RwLock<Option<Arc<Ring>>>,
    /// The same, as long as nobody changed them.
    remembered: Arc<Cache<(), Arc<Ring>>>,
}

impl Keys {
    /// Keys over the database. Without a master key nothing is signed.
    pub fn new(
        ledger: Ledger,
        settings: SigningSettings,
        issuer: String,
        master: Option<MasterKey>,
        caches: &Caches,
    ) -> Self {
        let remembered = caches.open("signing_keys", |stale| (*stale == Stale::SigningKeys).then_some(()));
        Self { ledger, settings, issuer, master, ring: RwLock::new(None), remembered }
    }

    /// The first look. A database that is away is waited for; a master key that does not open the keys is not.
    pub async fn start(&self, now: DateTime<Utc>) -> Result<(), Fault> {
        match self.tend(now).await {
            Err(fault) if fault.kind() == FaultKind::Unavailable => {
                log::warn!("reading the signing keys: {fault}");
                return Ok(());
            }
            tended => tended?,
        }
        match self.closed() {
            closed if closed.is_empty() || !self.is_on() => Ok(()),
            closed => Err(Fault::internal(rotation::wrong_master_key(&closed))),
        }
    }

    /// Looks at the keys, and makes the one that is due.
    pub async fn tend(&self, now: DateTime<Utc>) -> Result<(), Fault> {
        let lives = self.look(now).await?.lives();
        let Some(master) = self.master.clone().filter(|_| life::due(&lives, now) != Due::Nothing) else {
            return Ok(());
        };
        let settings = self.settings.clone();
        let made = self
            .ledger
            .act(&Context::operator(now), move |work| {
                let maker = Maker { settings: &settings, master: &master, by: "schedule" };
                rotation::on_schedule(work, &maker).map(Ok)
            })
            .await?;
        made.map_err(|denial| Fault::internal(format!("{denial:?}")))?;
        self.look(now).await.map(drop)
    }

    /// The keys as they are now, as far as that is promised.
    async fn current(&self, now: DateTime<Utc>) -> Result<Arc<Ring>, Fault> {
        match self.remembered.get(&()) {
            Some(ring) => Ok(ring),
            None => self.look(now).await,
        }
    }

    /// The keys as the database has them.
    async fn look(&self, now: DateTime<Utc>) -> Result<Arc<Ring>, Fault> {
        let claim = self.remembered.claim();
        let stored = self.ledger.look_up(store::FindAll).await?;
        let ring = self.hold(&stored, now)?;
        self.remembered.put(claim, (), Arc::clone(&ring));
        Ok(ring)
    }

    fn hold(&self, stored: &[StoredKey], now: DateTime<Utc>) -> Result<Arc<Ring>, Fault> {
        let before = self.ring();
        if let Some(ring) = before.clone().filter(|ring| ring.is_of(stored, now)) {
            return Ok(ring);
        }
        let ring = Arc::new(Ring::hold(stored, before.as_deref(), self.master.as_ref(), now)?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ring));
        if self.is_on() {
            for kid in self.closed() {
                log::error!("the master key of this node does not open the signing key {kid}");
            }
        }
        Ok(ring)
    }

    /// Whether this node can sign, as far as that is its operator's choice.
    pub fn is_on(&self) -> bool {
        self.master.is_some()
    }

    /// Our name, as tokens say it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Refuses to promise tokens of a form that this node cannot issue: a JWT needs a key, and that a master key.
    pub fn can_issue(&self, format: Option<&str>) -> Result<(), Denial> {
        let is_jwt = format.and_then(AccessTokenFormat::parse) == Some(AccessTokenFormat::Jwt);
        if is_jwt && !self.is_on() {
            let words = "access_token_format: there are no JWTs, since this server has no master key";
            return Err(Denial::Unfit(words.to_owned()));
        }
        Ok(())
    }

    /// The keys as they were last seen.
    pub fn ring(&self) -> Option<Arc<Ring>> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key set; `None`: there are no keys, and none will come.
    pub fn key_set(&self, now: DateTime<Utc>) -> Result<Option<Arc<KeySet>>, Fault> {
        match self.ring() {
            Some(ring) if self.is_on() || !ring.is_empty() => ring.key_set(now).map(Some),
            None if self.is_on() => self.read().map(|_| None),
            _ => Ok(None),
        }
    }

    /// Makes a JWT of the claims. Without a key that signs now this is a fault: nothing goes out unsigned.
    pub async fn sign(&self, claims: &Claims, now: DateTime<Utc>) -> Result<Signed, Fault> {
        let claims = claims.text(&self.issuer)?;
        let (text, end) = self.current(now).await?.sign(&claims, now)?;
        Ok(Signed::new(text, end))
    }

    /// Whether what is asked to be signed now will be: `false` by the operator's choice, a fault where a key is missing.
    pub fn can_sign(&self, now: DateTime<Utc>) -> Result<bool, Fault> {
        if self.is_on() { self.read()?.can_sign(now).map(|()| true) } else { Ok(false) }
    }

    /// By which algorithms this node signs, now or with the key that waits.
    pub fn algorithms(&self, now: DateTime<Utc>) -> Vec<Algorithm> {
        let ring = self.ring().filter(|_| self.is_on());
        ring.map(|ring| ring.algorithms(now)).unwrap_or_default()
    }

    /// Signs what is no token, as a JWS of another type; its text, and the name of the key. `None`: nothing is signed, by
    /// the operator's choice.
    pub fn sign_as(
        &self,
        typ: &str,
        payload: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<(String, String)>, Fault> {
        if self.is_on() { self.read()?.sign_as(typ, payload, now).map(Some) } else { Ok(None) }
    }

    /// The claims of a JWT, if we signed it and its key still counts. Whether its time is over is not judged here.
    pub async fn verified(&self, presented: &str, now: DateTime<Utc>) -> Result<Option<Verified>, Fault> {
        let Some(jwt) = Presented::parse(presented) else { return Ok(None) };
        let is_ours =
            self.current(now).await?.verifies(&jwt.header, jwt.signature, jwt.signed.as_bytes(), now);
        Ok(is_ours.then(|| jwt.verified(&self.issuer)).flatten())
    }

    fn read(&self) -> Result<Arc<Ring>, Fault> {
        self.ring().ok_or_else(|| Fault::unavailable("the signing keys are not read yet"))
    }

    /// The keys that this node sees, and cannot sign with.
    fn closed(&self) -> Vec<String> {
        self.ring().iter().flat_map(|ring| ring.closed().map(str::to_owned).collect::<Vec<_>>()).collect()
    }
}
