//! Revocation (checks group V).
