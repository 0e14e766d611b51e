//! The token endpoint (checks group T).
