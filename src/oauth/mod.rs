//! The protocol's verbs, an endpoint each. They own no tables.

pub mod authorize;
pub mod cors;
pub mod introspect;
pub mod metadata;
pub mod revoke;
pub mod token;

mod engine;

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::audit::Ledger;
use crate::clients::authentication::Clients;
use crate::grants::TokenSettings;

/// What the verbs need.
pub struct OAuth {
    /// Our name: byte for byte what metadata, `iss` and every URL say (RFC 8414 §2).
    pub issuer: String,
    /// The door to a transaction.
    pub ledger: Ledger,
    /// How clients prove who they are.
    pub clients: Clients,
    /// Who is signed in.
    pub accounts: Arc<Accounts>,
    /// How long things live.
    pub tokens: TokenSettings,
}
