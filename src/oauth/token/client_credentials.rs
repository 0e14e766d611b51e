//! Client credentials (RFC 6749 §4.4): a client acts for itself. No refresh token (§4.4.3).

use crate::clients::Client;
use crate::grants::access_tokens::store::Issue;
use crate::kernel::{DatedTag, Denial, Outcome, PlainSecret, Scope};
use crate::oauth::token::mint::{Draft, TokenResponse, is_jwt};
use crate::oauth::{OAuth, engine};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::settle;

/// Issues an access token to the client itself. A JWT is not stored: its signature and its client's standing are all
/// there is to know, until it is revoked.
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
    let minted = settle!(engine::client_credentials(client, &scope, &mut mint));

    let catalogue = oauth.bearers.services.catalogue().await?;
    let audience = catalogue.audience(&scope);
    let is_jwt = is_jwt(client, &catalogue, &audience);
    let draft = Draft { client, of: None, scope: &scope, audience, now, expires_at };
    let access = settle!(draft.finish(oauth, minted, is_jwt)?);
    if !access.is_jwt && !oauth.ledger.write(context, Issue(access.row)).await? {
        return Ok(Err(Denial::ClientDisabled));
    }
    TokenResponse::new(&access.text, &scope, now, expires_at).text().map(Ok)
}
