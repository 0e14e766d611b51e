//! The authorization endpoint (checks group A).
