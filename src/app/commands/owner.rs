//! Who is meant, where a command is about a principal of one kind or another.

use crate::accounts::store::find_user_by_name;
use crate::app::commands::{Open, Refusal, org};
use crate::clients;
use crate::kernel::{ClientId, PrincipalId};

/// A principal, as typed: one of these, or none.
#[derive(Default)]
pub(super) struct Owner {
    /// An organization, by its name.
    pub(super) org: Option<String>,
    /// A client, by the id it goes by on the wire.
    pub(super) client: Option<String>,
    /// A person, by identifier or e-mail address.
    pub(super) user: Option<String>,
    /// Any principal, by its id.
    pub(super) id: Option<String>,
}

impl Owner {
    /// The principal, if one was named.
    pub(super) fn find(&self, open: &Open) -> Result<Option<PrincipalId>, Refusal> {
        let found = [
            self.org.as_deref().map(|name| org::named(open, name).map(|org| org.id)),
            self.client.as_deref().map(|id| client(open, id)),
            self.user.as_deref().map(|name| person(open, name)),
            self.id.as_deref().map(|id| {
                PrincipalId::parse(id).ok_or_else(|| Refusal(format!("{id} is no principal's id")))
            }),
        ];
        found.into_iter().flatten().next().transpose()
    }
}

fn client(open: &Open, id: &str) -> Result<PrincipalId, Refusal> {
    let parsed = ClientId::parse(id).map_err(|problem| Refusal(format!("{id}: {problem}")))?;
    let found = open.ledger.read_here(|connection| clients::store::find(connection, &parsed))?;
    found.map(|client| client.principal).ok_or_else(|| Refusal(format!("there is no client {id}")))
}

/// A person, by identifier or e-mail address.
pub(super) fn person(open: &Open, name: &str) -> Result<PrincipalId, Refusal> {
    let found = open.ledger.read_here(|connection| find_user_by_name(connection, name))?;
    found.map(|user| user.id).ok_or_else(|| Refusal(format!("there is no user {name}")))
}
