//! The consent page and remembered grants (checks group N).
