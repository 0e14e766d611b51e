//! The README's walk, run.
