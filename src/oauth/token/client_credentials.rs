//! Client credentials (RFC 6749 §4.4): a client acts for itself. No refresh token (§4.4.3).

use crate::clients::Client;
use crate::grants::access_tokens::store::Issue;
use crate::kernel::{Denial, Outcome, PlainSecret, Resources};
use crate::oauth::token::flow::Asked;
use crate::oauth::token::{mint, rules};
use crate::oauth::{OAuth, engine};
use crate::platform::context::Context;
use crate::settle;

/// Issues an access token to the client itself. A JWT is not stored: its signature and its client's standing are all
/// there is to know, until it is revoked.
pub(super) async fn issue(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    asked: Asked,
) -> Outcome<PlainSecret> {
    let scope = asked.scope.unwrap_or_else(|| client.scope.clone());
    settle!(engine::client_credentials(client, &scope));
    let catalogue = oauth.bearers.services.catalogue().await?;
    let meant = settle!(rules::meant(&catalogue, &scope, &asked.resources, &Resources::default()));
    let access = settle!(mint::access_token(oauth, client, None, meant, context.now).await?);
    let answer = mint::answer(&access, None)?;
    if access.is_jwt || oauth.ledger.write(context, Issue(access.row)).await? {
        Ok(Ok(answer))
    } else {
        Ok(Err(Denial::ClientDisabled))
    }
}
