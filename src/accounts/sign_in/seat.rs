//! A browser's place under a new id, once somebody has proven who they are.

use crate::accounts::Accounts;
use crate::accounts::interactions;
use crate::accounts::sessions::{self, Browser, Session, SessionSettings};
use crate::audit::Work;
use crate::kernel::{Fault, PrincipalId, SessionId};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;

/// A browser under its new id, and the session it has.
pub struct Opened {
    /// The new id.
    pub browser: Browser,
    /// The session.
    pub session: Session,
}

/// A browser's new id, and the session it will have.
pub struct NewSeat {
    browser: Browser,
    id: SessionId,
    context: Context,
    settings: SessionSettings,
}

impl NewSeat {
    /// Made before the act, which may take it.
    pub fn new(accounts: &Accounts, context: &Context) -> Self {
        Self {
            browser: accounts.jar.renewed(context.now + accounts.sessions.absolute()),
            id: SessionId::from_uuid(Entropy.id(context.now)),
            context: context.clone(),
            settings: accounts.sessions.clone(),
        }
    }

    /// The session that it will be, for the log.
    pub fn session(&self) -> SessionId {
        self.id
    }

    /// Opens the session. What waits in this browser's tabs goes on under its new id, and its old one ends.
    pub fn take(self, work: &mut Work<'_>, from: &Browser, user: PrincipalId) -> Result<Opened, Fault> {
        let session = Session::opened(self.id, user, &self.context, &self.settings);
        sessions::store::end(work, from.bearer())?;
        sessions::store::insert(work, self.browser.hash(), &session)?;
        interactions::store::rebind_all(work, from.hash(), self.browser.hash(), session.id)?;
        Ok(Opened { browser: self.browser, session })
    }
}
