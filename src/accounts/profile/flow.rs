//! Looking at oneself, taking another name, ending a session of one's own.

use crate::accounts::Accounts;
use crate::accounts::sessions::{self, Browser, Session, SignedIn};
use crate::accounts::store::rename_principal;
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{Denial, DisplayText, Outcome, PrincipalId, SessionId};
use crate::platform::context::Context;
use crate::settle;

/// Sessions that are shown, the last seen first.
pub(super) const MOST_SESSIONS: i64 = 50;

/// What the page shows.
pub(super) struct Profile {
    /// Whose it is.
    pub(super) signed_in: SignedIn,
    /// Where they are signed in.
    pub(super) sessions: Vec<Session>,
}

/// Who is signed in here, and where else.
pub(super) async fn profile(accounts: &Accounts, context: &Context, browser: Browser) -> Outcome<Profile> {
    let seen_since = context.now - accounts.sessions.idle();
    accounts
        .act(context, browser, move |work, signed_in| {
            work.nothing_to_tell("a look at the own page");
            let user = signed_in.user.id;
            let sessions = sessions::store::list_living(work, user, seen_since, MOST_SESSIONS)?;
            Ok(Ok(Profile { signed_in, sessions }))
        })
        .await
}

/// Gives oneself another name.
pub(super) async fn rename(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    name: DisplayText,
) -> Outcome<()> {
    accounts
        .act_alone(context, browser, move |work, signed_in| {
            let user = signed_in.user.id;
            if rename_principal(work, user, name.as_str())? {
                work.tell(Event::new(Kind::UserRenamed, Actor::User(user)).on("user", user));
            } else {
                work.nothing_to_tell("it is their name already");
            }
            Ok(Ok(()))
        })
        .await
}

/// Ends one of one's own sessions; its browser is signed out at its next request. Apps stay connected.
pub(super) async fn end_session(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    session: SessionId,
) -> Outcome<()> {
    accounts
        .act_alone(context, browser, move |work, signed_in| {
            let user = signed_in.user.id;
            // One's own ends by signing out, with a new id for this browser.
            let found = sessions::store::find_of(work, user, session)?;
            end_one_of(work, user, found.filter(|found| found.id != signed_in.session.id))
        })
        .await
}

/// Ends a session of a person's; it may have ended.
pub(super) fn end_one_of(work: &mut Work<'_>, user: PrincipalId, found: Option<Session>) -> Outcome<()> {
    let session = settle!(found.ok_or(Denial::NotFound));
    if sessions::store::end_one(work, &session)? {
        work.tell(Event::new(Kind::UserSessionEnded, Actor::User(user)).on("session", session.id));
    } else {
        work.nothing_to_tell("it had ended");
    }
    Ok(Ok(()))
}
