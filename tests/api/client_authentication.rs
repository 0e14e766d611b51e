//! Client authentication (checks group T).
