//! Odd input, by the thousand: never a 5xx.
