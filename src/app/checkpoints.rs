//! Checkpoints of the audit log: signed with the signing keys, and known again.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::app::settings::Settings;
use crate::audit::Ledger;
use crate::audit::chain::{Checkpoint, Sealer, Signature, Signer};
use crate::platform::clock::Clock;
use crate::platform::metrics::Metrics;
use crate::signing::store::StoredKey;
use crate::signing::{Keys, MasterKey};

/// What says that a JWS is a checkpoint, and no token.
const TYPE: &str = "grantor-checkpoint+jwt";

/// Nodes hear of a revocation a little later, and their clocks may be apart.
const APART: TimeDelta = TimeDelta::minutes(1);

/// Who seals, and signs with these keys.
pub(super) fn sealer(
    settings: &Settings,
    ledger: &Ledger,
    clock: &Clock,
    keys: &Arc<Keys>,
    metrics: &Metrics,
) -> Sealer {
    let keys = Arc::clone(keys);
    let signer: Signer = Arc::new(move |text, now| {
        let signed = keys.sign_as(TYPE, text, now)?;
        Ok(signed.map(|(jws, kid)| Signature { jws, kid }))
    });
    let every = TimeDelta::seconds(settings.audit.checkpoint_s.into());
    Sealer::new(ledger.clone(), clock.clone(), signer, every, metrics)
}

/// Whether one of our keys signed a checkpoint. A key is ours if our master key opens it, which no one who writes into
/// the database can bring about; without the master key, and of a key that was taken back, nobody can vouch for it.
pub(super) fn is_signed(
    checkpoint: &Checkpoint,
    keys: &[StoredKey],
    master: Option<&MasterKey>,
) -> Result<bool, String> {
    let Some(key) = keys.iter().find(|key| key.kid == checkpoint.kid) else {
        return Err(format!("there is no key {}", checkpoint.kid));
    };
    if !key.signed(TYPE, &checkpoint.signature) {
        return Err("its signature is wrong".to_owned());
    }
    if key.life.revoked_at.is_some_and(|revoked_at| checkpoint.created_at > revoked_at + APART) {
        return Err(format!("it is of after the key {} was revoked", key.kid));
    }
    match master.filter(|_| key.life.revoked_at.is_none()) {
        Some(master) if !key.opens_under(master) => {
            Err(format!("the master key does not open the key {} that signed it", key.kid))
        }
        vouching => Ok(vouching.is_some()),
    }
}
