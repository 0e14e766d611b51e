//! Introspection (checks group I).
