//! What the RFCs ask of a token request, as decisions over what was loaded.

use chrono::{DateTime, Duration, Utc};

use crate::clients::{Client, GrantType};
use crate::grants::codes::FoundCode;
use crate::grants::refresh_tokens::FoundRefreshToken;
use crate::kernel::{CodeVerifier, Denial, PlainSecret, Resources, Scope};
use crate::services::{Catalogue, Meant};

/// "The authenticated client is not authorized to use this authorization grant type" (RFC 6749 §5.2).
pub(super) fn may_use(client: &Client, grant: GrantType) -> Result<(), Denial> {
    if client.may_use(grant) { Ok(()) } else { Err(Denial::ClientNotAllowed) }
}

/// What a code is presented with.
pub(super) struct CodeProof<'a> {
    pub(super) redirect_uri: Option<&'a str>,
    pub(super) verifier: Option<&'a PlainSecret>,
}

/// Whether a code may be exchanged (RFC 6749 §4.1.3, RFC 7636 §4.6).
pub(super) fn redeemable(
    found: &FoundCode,
    client: &Client,
    proof: &CodeProof<'_>,
    now: DateTime<Utc>,
) -> Result<(), Denial> {
    let code = &found.code;
    if found.consumed_at.is_some() {
        return Err(Denial::CodeReplayed);
    }
    // "ensure that the authorization code was issued to the authenticated [...] client"
    if found.lineage.grant.client_id != client.principal {
        return Err(Denial::CodeOfAnotherClient);
    }
    if now >= code.expires_at {
        return Err(Denial::CodeExpired);
    }
    // "ensure that the redirect_uri parameter is present if [it] was included in the initial authorization
    // request [...], and if included ensure that their values are identical"
    match proof.redirect_uri {
        Some(uri) if uri == code.redirect_uri => {}
        None if !code.redirect_uri_sent => {}
        _ => return Err(Denial::CodeRedirectDiffers),
    }
    let verifier = proof.verifier.and_then(|text| CodeVerifier::parse(text.expose()).ok());
    if !verifier.is_some_and(|verifier| code.challenge.is_answered_by(&verifier)) {
        return Err(Denial::CodeVerifierWrong);
    }
    Ok(())
}

/// Whether a refused code must die for it: whoever presented it held it, and should not have.
pub(super) fn burns(denial: &Denial) -> bool {
    matches!(
        denial,
        Denial::CodeReplayed
            | Denial::CodeOfAnotherClient
            | Denial::CodeRedirectDiffers
            | Denial::CodeVerifierWrong
    )
}

/// What a refresh token that was presented is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// The living one: rotate it.
    Living,
    /// Used a moment ago, and its successor not yet: whoever presents it may have lost the answer.
    WithinGrace,
}

/// Tells a retry from a theft (RFC 9700 §4.14.2).
pub(super) fn refreshable(
    found: &FoundRefreshToken,
    client: &Client,
    grace: Duration,
    now: DateTime<Utc>,
) -> Result<Presented, Denial> {
    if found.lineage.grant.client_id != client.principal {
        return Err(Denial::RefreshOfAnotherClient);
    }
    match found.consumed_at {
        None => Ok(Presented::Living),
        Some(at) if !grace.is_zero() && now < at + grace && !found.successor_used => {
            Ok(Presented::WithinGrace)
        }
        Some(_) => Err(Denial::RefreshReused),
    }
}

/// "The requested scope MUST NOT include any scope not originally granted" (RFC 6749 §6), nor one that was
/// taken back since.
pub(super) fn narrowed(effective: &Scope, asked: Option<&Scope>) -> Result<Scope, Denial> {
    match asked {
        None => Ok(effective.clone()),
        Some(asked) if effective.contains_all(asked) => Ok(asked.clone()),
        Some(_) => Err(Denial::ScopeNotAllowed),
    }
}

/// What a token is to carry, and where: what the client asks for now, within what its authorization named
/// (RFC 8707 §2.2: "a subset of [...] the resources [...] granted").
pub(super) fn meant(
    catalogue: &Catalogue,
    scope: &Scope,
    asked: &Resources,
    granted: &Resources,
) -> Result<Meant, Denial> {
    if !asked.are_within(granted) {
        return Err(Denial::ResourceNotAllowed);
    }
    if !asked.is_empty() || granted.is_empty() {
        return catalogue.meant(scope, asked).ok_or(Denial::ResourceNotAllowed);
    }
    // Of what was named once, whatever is still in reach.
    let reached = catalogue.within_reach(scope, granted);
    if reached.is_empty() {
        return Err(Denial::NothingLeft);
    }
    catalogue.meant(scope, &reached).ok_or(Denial::NothingLeft)
}
