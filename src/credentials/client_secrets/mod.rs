//! The secrets by which confidential clients prove who they are (RFC 6749 §2.3.1).

pub mod store;

use chrono::{DateTime, Utc};

use crate::kernel::{CredentialId, SecretHash};

/// A secret that exists, without itself.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Its id.
    pub id: CredentialId,
    /// What it is compared with.
    pub hash: SecretHash,
    /// Its first characters, for finding it in a list.
    pub prefix: String,
    /// Its last four characters.
    pub last4: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends, if it does; a rotated one lives on until the overlap is over.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ClientSecret {
    /// Whether it is good at this moment.
    pub fn lives(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
