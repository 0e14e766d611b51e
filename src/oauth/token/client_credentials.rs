//! Client credentials (RFC 6749 §4.4): a client acts for itself. No refresh token (§4.4.3).

use crate::clients::Client;
use crate::grants::NewAccessToken;
use crate::grants::access_tokens::store::Issue;
use crate::kernel::{DatedTag, Denial, Outcome, PlainSecret, Scope, TokenId};
use crate::oauth::token::mint::{TokenResponse, key};
use crate::oauth::{OAuth, engine};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::settle;

/// Issues an access token to the client itself.
pub(super) async fn issue(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    asked: Option<Scope>,
) -> Outcome<PlainSecret> {
    let now = context.now;
    let scope = asked.unwrap_or_else(|| client.scope.clone());
    let expires_at = now + oauth.tokens.access_lifetime(client);
    let mut mint = || Entropy.dated_bearer(DatedTag::AccessToken, expires_at.date_naive());
    let access = settle!(engine::client_credentials(client, &scope, &mut mint));

    let catalogue = oauth.bearers.services.catalogue().await?;
    let token = NewAccessToken {
        key: key(&access, expires_at),
        id: TokenId::from_uuid(Entropy.id(now)),
        subject: client.principal,
        client: client.principal,
        family: None,
        audience: catalogue.audience(&scope),
        scope: scope.clone(),
        issued_at: now,
        expires_at,
    };
    if !oauth.ledger.write(context, Issue(token)).await? {
        return Ok(Err(Denial::ClientDisabled));
    }
    TokenResponse::new(&access, &scope, now, expires_at).text().map(Ok)
}
