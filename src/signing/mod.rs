//! Signing keys and what is signed with them.
//!
//! What a key may do at a moment is told by its timestamps alone (`life.rs`), so all nodes agree without talking. A key
//! is published from its creation, signs only when everybody who keeps the key set must have fetched it anew, and stays
//! published until nothing that it signed can be alive. Private parts rest in the database sealed under the master key,
//! which is not there; without one nothing is signed, and what others signed is verified all the same.

mod algorithm;
mod key_pair;
mod keys;
mod life;
mod master_key;
mod ring;
mod token;
pub mod rotation;
pub mod store;

use serde::Deserialize;

pub use algorithm::Algorithm;
pub use keys::Keys;
pub use life::{JWKS_MAX_AGE, Life, State, lead};
pub use master_key::MasterKey;
pub use ring::{KeySet, Ring};
pub use token::{Claims, Signed, Verified};

/// Section `signing`.
#[derive(Clone, Debug, Deserialize)]
pub struct SigningSettings {
    /// The algorithm of keys that are made from now on.
    pub algorithm: Algorithm,
    /// Seconds that a key signs before its successor does.
    pub rotation_s: u32,
    /// The master key, if an operator gives one.
    #[serde(deserialize_with = "MasterKey::setting")]
    pub master_key: Option<MasterKey>,
}
