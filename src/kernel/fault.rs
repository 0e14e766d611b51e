//! What broke. Its cause is for the log, never for the caller.

use std::fmt;

/// Something that failed on our side. Logged once, at the face that answers it.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: FaultKind,
    cause: String,
    is_lost_connection: bool,
    is_of_the_values: bool,
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
        let cause = cause.to_string();
        Self { kind: FaultKind::Unavailable, cause, is_lost_connection: false, is_of_the_values: false }
    }

    /// The connection to the database is gone: likewise, and others may be gone with it.
    pub fn lost_connection(cause: impl fmt::Display) -> Self {
        Self { is_lost_connection: true, ..Self::unavailable(cause) }
    }

    /// Something that cannot happen happened.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self { kind: FaultKind::Internal, ..Self::unavailable(cause) }
    }

    /// The database will never have what it was given, such as a value that a rule of its table forbids.
    pub fn of_the_values(cause: impl fmt::Display) -> Self {
        Self { is_of_the_values: true, ..Self::internal(cause) }
    }

    /// Whether it lies in what the database was given, and in nothing else.
    pub fn is_of_the_values(&self) -> bool {
        self.is_of_the_values
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
