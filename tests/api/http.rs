//! HTTP in general: methods, limits, odd input.
