//! The database stopped, killed and restarted under load.
