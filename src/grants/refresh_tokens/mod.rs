//! Refresh tokens: rotated at every use, with a grace for replies that were lost.
//!
//! A consumed token that comes back within the grace, with the same parameters, gets the very same answer,
//! sealed under a key that only its holder can derive. Once its successor has been used the answer is wiped,
//! and coming back is reuse.

pub mod store;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::grants::{BearerKey, Lineage};
use crate::kernel::{AttemptId, Resources, Scope, SecretHash};

/// What a seal of ours is for.
pub const ANSWER: &str = "grantor refresh answer";

/// A refresh token that was found.
#[derive(Clone, Debug)]
pub struct FoundRefreshToken {
    /// Where.
    pub key: BearerKey,
    /// What it carries.
    pub scope: Scope,
    /// Since when.
    pub issued_at: DateTime<Utc>,
    /// When it was used.
    pub consumed_at: Option<DateTime<Utc>>,
    /// By which attempt.
    pub consumed_by: Option<AttemptId>,
    /// Whether its successor was used too.
    pub successor_used: bool,
    /// The one it replaced.
    pub predecessor: Option<SecretHash>,
    /// Its family and grant.
    pub lineage: Lineage,
}

/// The parameters of a refresh that decide its answer, as a digest: the same token with others is another
/// request.
pub fn parameters(scope: Option<&Scope>, resources: &Resources) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix(scope.map(ToString::to_string).unwrap_or_default());
    for resource in resources.iter() {
        digest.update("\n");
        digest.update(resource);
    }
    digest.finalize().into()
}
