//! PKCE (checks group P).
