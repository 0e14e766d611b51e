//! The secrets by which confidential clients prove who they are (RFC 6749 §2.3.1).

pub mod store;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{CredentialId, Fault, PlainSecret, SecretHash};

/// A secret that exists, without itself.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Its id.
    pub id: CredentialId,
    /// What it is compared with.
    pub hash: SecretHash,
    /// Its first characters, for finding it in a list.
    pub prefix: String,
    /// Its last four characters.
    pub last4: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends, if it does; a rotated one lives on until the overlap is over.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ClientSecret {
    /// Whether it is good at this moment.
    pub fn lives(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Takes back whatever client's secret has this text: somebody found it where it does not belong. It ends at once, as a
/// rotated one does after its overlap; a client that has no other proves nothing until it is given one.
pub fn leaked(work: &mut Work<'_>, found: &PlainSecret, by: Actor) -> Result<(), Fault> {
    work.nothing_to_tell("it is nobody's, or was revoked before");
    for (id, client) in store::revoke_client_secret(work, found, "leaked")? {
        let event = Event::new(Kind::ClientSecretLeaked, by).on("client", client).about(client);
        work.tell(event.with(json!({ "secret": id })));
    }
    Ok(())
}
