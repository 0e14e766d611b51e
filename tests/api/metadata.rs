//! Metadata (checks group M).
