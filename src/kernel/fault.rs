//! What broke. Its cause is for the log, never for the caller.

use std::fmt;

/// Something that failed on our side. Logged once, at the face that answers it.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: FaultKind,
    cause: String,
    is_lost_connection: bool,
}

/// Whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The database or a bounded queue cannot serve now: 503 with `Retry-After`.
    Unavailable,
    /// A defect of ours: 500.
    Internal,
}

impl Fault {
    /// Something we depend on is away or full; the same request may succeed later.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self { kind: FaultKind::Unavailable, cause: cause.to_string(), is_lost_connection: false }
    }

    /// The connection to the database is gone: likewise, and others may be gone with it.
    pub fn lost_connection(cause: impl fmt::Display) -> Self {
        Self { is_lost_connection: true, ..Self::unavailable(cause) }
    }

    /// Something that cannot happen happened.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self { kind: FaultKind::Internal, cause: cause.to_string(), is_lost_connection: false }
    }

    /// Whether a connection was lost.
    pub fn is_lost_connection(&self) -> bool {
        self.is_lost_connection
    }

    /// Whether trying again helps.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Fault {}
