//! A browser's place under a new id, once somebody has proven who they are.

use chrono::Duration;

use crate::accounts::Accounts;
use crate::accounts::interactions;
use crate::accounts::sessions::{self, Browser, Session, SessionSettings};
use crate::audit::Work;
use crate::kernel::{Fault, PrincipalId, SessionId};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;

/// How long after a sign-in the same form still means the same sign-in.
const SECOND_CLICK: Duration = Duration::minutes(1);

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
        let here = self.browser.hash();
        sessions::store::end(work, from.bearer())?;
        // A second click: the browser shows what the second answer leads to, so that is the sign-in that counts.
        let twins = sessions::store::end_opened_from(work, user, from.hash(), work.now() - SECOND_CLICK)?;
        sessions::store::insert(work, here, from.hash(), &session)?;
        for waiting_under in twins.into_iter().chain([from.hash()]) {
            interactions::store::rebind_all(work, waiting_under, here, session.id)?;
        }
        Ok(Opened { browser: self.browser, session })
    }
}
