//! The commands, with the server up and down.
