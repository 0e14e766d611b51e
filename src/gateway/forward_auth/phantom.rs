//! The phantom token: what an upstream is told of a call that was let through, as a JWT that it verifies by itself and
//! that is of no use anywhere else. So it never needs to see the caller's own bearer.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::gateway::forward_auth::flow::Allowed;
use crate::kernel::Fault;
use crate::platform::entropy::Entropy;
use crate::signing::Keys;

/// What says that it is this, and no access token: we would not take it for one (RFC 8725 §3.11).
const TYPE: &str = "authz+jwt";
const LIFETIME_S: i64 = 60;

/// Makes one, for the upstream of this audience.
pub(super) fn jwt(
    keys: &Keys,
    issuer: &str,
    audience: &str,
    allowed: &Allowed,
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let claims = json!({
        "iss": issuer, "aud": audience, "sub": allowed.subject, "client_id": allowed.client,
        "scope": allowed.holder.scope(), "account": allowed.holder.account.id,
        "plan": allowed.holder.account.plan, "kind": allowed.kind, "jti": Entropy.id(now),
        "iat": now.timestamp(), "exp": (now + TimeDelta::seconds(LIFETIME_S)).timestamp(),
    });
    let signed = keys.sign_as(TYPE, &claims.to_string(), now)?;
    signed.map(|(text, _)| text).ok_or_else(off)
}

/// An upstream that was promised a JWT must not be called without one.
pub(super) fn off() -> Fault {
    Fault::unavailable("a proxy asks for jwt=1, and signing is off")
}
