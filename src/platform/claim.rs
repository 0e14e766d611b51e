//! A request that is to be done once, however often it is sent (draft-ietf-httpapi-idempotency-key-header). Its claim
//! travels with its context to whatever transaction does it, and is written there.

use std::sync::atomic::{AtomicU8, Ordering};

use uuid::Uuid;

use crate::kernel::PrincipalId;

/// What a request claims to be the first to do.
#[derive(Debug)]
pub struct Claim {
    /// Who asks.
    pub caller: PrincipalId,
    /// What they call it.
    pub key: String,
    /// What they ask: the same key for anything else is a mistake.
    pub fingerprint: [u8; 32],
    /// This very request.
    pub attempt: Uuid,
    fate: AtomicU8,
}

const OPEN: u8 = 0;
const TAKEN: u8 = 1;
const LOST: u8 = 2;

impl Claim {
    /// A claim that nobody decided yet.
    pub fn new(caller: PrincipalId, key: String, fingerprint: [u8; 32], attempt: Uuid) -> Self {
        Self { caller, key, fingerprint, attempt, fate: AtomicU8::new(OPEN) }
    }

    /// It is committed, with what was done.
    pub fn take(&self) {
        self.fate.store(TAKEN, Ordering::Release);
    }

    /// Somebody else has it.
    pub fn lose(&self) {
        self.fate.store(LOST, Ordering::Release);
    }

    /// Whether this request did it.
    pub fn is_taken(&self) -> bool {
        self.fate.load(Ordering::Acquire) == TAKEN
    }

    /// Whether another request did it, or is about to.
    pub fn is_lost(&self) -> bool {
        self.fate.load(Ordering::Acquire) == LOST
    }
}
