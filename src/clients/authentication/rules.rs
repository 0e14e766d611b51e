//! Who is who, decided over what was loaded.

use chrono::{DateTime, Utc};

use crate::clients::authentication::Presented;
use crate::clients::{AuthMethod, Client};
use crate::credentials::client_secrets::ClientSecret;
use crate::kernel::{Denial, Standing};

/// Decides whether a client proved who it is (RFC 6749 §2.3, §3.2.1).
pub fn authenticate(
    client: &Client,
    secrets: &[ClientSecret],
    presented: &Presented,
    now: DateTime<Utc>,
) -> Result<(), Denial> {
    expected_method(client, presented)?;
    match (&presented.secret, client.confidential) {
        // A public client has no secret (§2.3.1); one that comes with one is not who it says.
        (Some(_), false) => return Err(Denial::ClientHasNoSecret),
        (None, true) => return Err(Denial::ClientSecretMissing),
        (None, false) => {}
        (Some(secret), true) => {
            let sent = secret.hash();
            // Every living secret is compared, so that time tells nothing of which.
            let matching = secrets.iter().filter(|own| own.lives(now) & own.hash.matches(&sent)).count();
            if matching == 0 {
                return Err(Denial::ClientSecretWrong);
            }
        }
    }
    let standing = Standing { client_disabled_at: client.disabled_at, ..Standing::default() };
    standing.may_act(now).map_err(|_| Denial::ClientDisabled)
}

/// A pinned method is never downgraded; the denial names it, since libraries differ in which they send.
fn expected_method(client: &Client, presented: &Presented) -> Result<(), Denial> {
    match client.auth_method {
        Some(pinned) if pinned != AuthMethod::None && pinned != presented.method => {
            Err(Denial::ClientMethod(pinned.as_str()))
        }
        _ => Ok(()),
    }
}
