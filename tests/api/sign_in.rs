//! Sign-in, sessions, sign-out (checks group L).
