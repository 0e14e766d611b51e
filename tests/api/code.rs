//! Authorization codes (checks group C).
