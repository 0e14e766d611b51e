//! oxide-auth, at arm's length: it orders and checks the flows of RFC 6749; we take its verdict and write our
//! own answers. This folder is the only one that knows it.
//!
//! It is driven at its sans-IO level (`code_grant`), over what was already loaded. Our rules run before it,
//! which corrects its known faults: it would answer `invalid_request` where the RFC says `invalid_grant`, want
//! a `redirect_uri` at the token endpoint always, read only Basic credentials as they stand, swallow repeated
//! parameters, and judge expiry by a clock of its own.

#![allow(clippy::result_large_err, reason = "the engine's errors are as large as they are")]

mod endpoint;
mod request;
mod time;

use oxide_auth::code_grant::{accesstoken, authorization, client_credentials, refresh};

use crate::clients::Client;
use crate::kernel::{ClientId, Denial, Scope};
use crate::oauth::engine::endpoint::Engine;
use crate::oauth::engine::request::EngineRequest;

/// An authorization that is asked for, settled so far.
pub struct Authorization<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Where the person is sent.
    pub redirect_uri: &'a str,
    /// What is asked for.
    pub scope: &'a Scope,
    /// For whom.
    pub owner: &'a str,
}

/// Runs the authorization endpoint's flow (RFC 6749 §4.1.1) up to a code; the code itself is ours to make.
pub fn authorize(asked: &Authorization<'_>) -> Result<(), Denial> {
    let request = EngineRequest::authorize(&asked.client.id, asked.redirect_uri, asked.scope);
    let mut engine =
        Engine::new(&asked.client.id).allowing(&asked.client.scope).redirecting(asked.redirect_uri);
    let pending = authorization::authorization_code(&mut engine, &request);
    let done = pending.and_then(|pending| pending.authorize(&mut engine, asked.owner.into()));
    match (done, engine.has_issued()) {
        (Ok(_), true) => Ok(()),
        _ => Err(engine.refusal().unwrap_or(Denial::ScopeNotAllowed)),
    }
}

/// A code that was loaded and that our rules found nothing against.
pub struct Redemption<'a> {
    /// Who presents it.
    pub client: &'a ClientId,
    /// To whom it was given.
    pub issued_to: &'a ClientId,
    /// Where the person was sent with it.
    pub redirect_uri: &'a str,
    /// What it carries.
    pub scope: &'a Scope,
    /// For whom.
    pub owner: &'a str,
}

/// Runs the token endpoint's flow for a code (RFC 6749 §4.1.3) up to an access token; the token is ours to make.
pub fn redeem(code: &Redemption<'_>) -> Result<(), Denial> {
    let request = EngineRequest::code(code.client, code.redirect_uri);
    let mut engine = Engine::new(code.client).redirecting(code.redirect_uri).holding(
        code.issued_to,
        code.owner,
        code.scope,
    );
    match (accesstoken::access_token(&mut engine, &request), engine.has_issued()) {
        (Ok(_), true) => Ok(()),
        _ => Err(engine.refusal().unwrap_or(Denial::CodeUnknown)),
    }
}

/// A refresh token that was loaded and that our rules found nothing against.
pub struct Refreshment<'a> {
    /// Who presents it.
    pub client: &'a ClientId,
    /// To whom it was given.
    pub issued_to: &'a ClientId,
    /// What it carries.
    pub scope: &'a Scope,
    /// What is asked for, if less.
    pub asked: Option<&'a Scope>,
    /// For whom.
    pub owner: &'a str,
}

/// Runs the token endpoint's flow for a refresh token (RFC 6749 §6) up to an access token; the token is ours to make.
pub fn refresh(token: &Refreshment<'_>) -> Result<(), Denial> {
    let request = EngineRequest::refresh(token.client, token.asked);
    let mut engine = Engine::new(token.client).holding(token.issued_to, token.owner, token.scope);
    match (refresh::refresh(&mut engine, &request), engine.has_issued()) {
        (Ok(_), true) => Ok(()),
        // The engine refuses here what exceeds the scope originally granted.
        (Err(_), _) if token.asked.is_some_and(|asked| !token.scope.contains_all(asked)) => {
            Err(Denial::ScopeNotAllowed)
        }
        _ => Err(engine.refusal().unwrap_or(Denial::RefreshUnknown)),
    }
}

/// Runs the token endpoint's flow for client credentials (RFC 6749 §4.4) up to an access token; the token is ours to make.
pub fn client_credentials(client: &Client, asked: &Scope) -> Result<(), Denial> {
    let request = EngineRequest::client_credentials(&client.id, asked);
    let mut engine = Engine::new(&client.id).allowing(&client.scope);
    let pending = client_credentials::client_credentials(&mut engine, &request);
    let done = pending.and_then(|pending| pending.issue(&mut engine, client.id.to_string(), false));
    match (done, engine.has_issued()) {
        (Ok(_), true) => Ok(()),
        _ => Err(engine.refusal().unwrap_or(Denial::ScopeNotAllowed)),
    }
}
