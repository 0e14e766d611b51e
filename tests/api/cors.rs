//! Cross-origin calls.
