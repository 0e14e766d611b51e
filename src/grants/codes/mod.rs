//! Authorization codes (RFC 6749 §4.1.2). A code carries the day its family ends, so that a consumed one is
//! remembered, and its replay noticed, as long as anything of the family lives.

pub mod store;

use chrono::{DateTime, Utc};

use crate::grants::{BearerKey, Lineage};
use crate::kernel::{AttemptId, CodeChallenge, Scope};

/// A code to be stored, or as it was stored.
#[derive(Clone, Debug)]
pub struct Code {
    /// Where it is found.
    pub key: BearerKey,
    /// Where the person was sent with it.
    pub redirect_uri: String,
    /// Whether the authorization request named that address (§4.1.3).
    pub redirect_uri_sent: bool,
    /// What the verifier must answer (RFC 7636 §4.4).
    pub challenge: CodeChallenge,
    /// What it carries.
    pub scope: Scope,
    /// Until when it may be used.
    pub expires_at: DateTime<Utc>,
}

/// A code that was found.
#[derive(Clone, Debug)]
pub struct FoundCode {
    /// As it was stored.
    pub code: Code,
    /// When it was used.
    pub consumed_at: Option<DateTime<Utc>>,
    /// By which attempt.
    pub consumed_by: Option<AttemptId>,
    /// Its family and grant.
    pub lineage: Lineage,
}
