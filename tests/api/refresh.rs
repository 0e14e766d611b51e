//! Refresh (checks group F).
