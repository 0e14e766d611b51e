//! The protocol's verbs, an endpoint each. They own no tables.

pub mod authorize;
pub mod cors;
pub mod introspect;
pub mod jwks;
pub mod leaks;
pub mod metadata;
pub mod revoke;
pub mod token;

mod engine;

use std::sync::Arc;

use actix_web::HttpRequest;

use crate::accounts::Accounts;
use crate::audit::Ledger;
use crate::clients::Client;
use crate::clients::authentication::{Clients, Presented};
use crate::decision::Bearers;
use crate::decision::calls::Calls;
use crate::grants::TokenSettings;
use crate::grants::usage::Usage;
use crate::platform::context::Context;
use crate::platform::faces::OAuthFace;
use crate::platform::form::Params;
use crate::signing::Keys;
use crate::traffic::Introspections;

/// What the verbs need.
pub struct OAuth {
    /// Our name: byte for byte what metadata, `iss` and every URL say (RFC 8414 §2).
    pub issuer: String,
    /// The door to a transaction.
    pub ledger: Ledger,
    /// Is a bearer good?
    pub bearers: Bearers,
    /// May a bearer make a call?
    pub calls: Calls,
    /// How clients prove who they are.
    pub clients: Clients,
    /// Who is signed in.
    pub accounts: Arc<Accounts>,
    /// How long things live.
    pub tokens: TokenSettings,
    /// Where it is noted that an app used what it was allowed.
    pub usage: Arc<Usage>,
    /// Where it is noted that somebody asked whether a token is good.
    pub introspections: Arc<Introspections>,
    /// What signs.
    pub keys: Arc<Keys>,
}

impl OAuth {
    /// The client that sent this form, once it has proven so: the first line of every endpoint for machines.
    pub async fn client(
        &self,
        context: &Context,
        request: &HttpRequest,
        form: &Params,
    ) -> Result<Arc<Client>, OAuthFace> {
        let client = self.clients.authenticate(context, Presented::read(request, form)).await??;
        cors::identified(request, &client);
        Ok(client)
    }
}
