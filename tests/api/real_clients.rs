//! A client that nobody here wrote drives every grant.
