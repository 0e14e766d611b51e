//! What may be revoked here, and by whom.

use crate::clients::Client;
use crate::kernel::{Bearer, Denial, PrincipalId, Tag};

/// What a presented bearer asks to have revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One access token.
    AccessToken,
    /// A refresh token, and its family with it (RFC 7009 §2.1).
    RefreshToken,
    /// An API key or a personal token, or what may have been brought along as one: whoever holds it may end it.
    Credential,
}

/// Tells what is presented.
pub(super) fn target(bearer: Option<&Bearer>) -> Result<Target, Denial> {
    match bearer.map(Bearer::tag) {
        Some(Tag::AccessToken) => Ok(Target::AccessToken),
        Some(Tag::RefreshToken) => Ok(Target::RefreshToken),
        None | Some(Tag::ApiKey | Tag::PersonalToken) => Ok(Target::Credential),
        Some(Tag::AuthorizationCode | Tag::ClientSecret | Tag::BrowserSession) => {
            Err(Denial::TokenTypeUnsupported)
        }
    }
}

/// "verifies whether the token was issued to the client making the revocation request" (§2.1). If not, it
/// stays as it is, and the answer tells nothing.
pub(super) fn is_own(client: &Client, issued_to: PrincipalId) -> bool {
    client.principal == issued_to
}
