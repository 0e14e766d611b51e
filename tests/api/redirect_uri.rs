//! Redirect URI matching (checks group R).
