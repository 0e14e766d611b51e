//! Who is signed in at this browser?

use crate::accounts::sessions::{Browser, Session, SessionSettings, store};
use crate::accounts::store::{User, find_user, hold_user, lock_user};
use crate::audit::Work;
use crate::kernel::{Fault, Standing};

/// Somebody who is signed in and may act.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The person.
    pub user: User,
}

/// Finds who is signed in at this browser, and notes that they were seen. A session that ended, rested too long,
/// or whose person may not act counts as none.
///
/// The person's row is held until the act ends: what takes access away ([`recognise_alone`], a new password, a
/// disabling) comes before and is seen here, or waits until this act's doing can be found and ended.
pub fn recognise(
    work: &mut Work<'_>,
    browser: &Browser,
    settings: &SessionSettings,
) -> Result<Option<SignedIn>, Fault> {
    let Some(session) = store::find(work, browser.bearer())? else { return Ok(None) };
    let Some(user) = hold_user(work, session.user_id)? else { return Ok(None) };
    seen(work, browser, settings, user)
}

/// The same for an act that takes access away: it waits for every act that holds the person, and they for it.
pub fn recognise_alone(
    work: &mut Work<'_>,
    browser: &Browser,
    settings: &SessionSettings,
) -> Result<Option<SignedIn>, Fault> {
    let Some(session) = store::find(work, browser.bearer())? else { return Ok(None) };
    lock_user(work, session.user_id)?;
    let Some(user) = find_user(work, session.user_id)? else { return Ok(None) };
    seen(work, browser, settings, user)
}

/// Looks at the session once more, now that nobody can end it behind our back.
fn seen(
    work: &mut Work<'_>,
    browser: &Browser,
    settings: &SessionSettings,
    user: User,
) -> Result<Option<SignedIn>, Fault> {
    let Some(session) = store::find(work, browser.bearer())? else { return Ok(None) };
    let standing = Standing {
        user: Some(user.standing()),
        session: Some(session.standing(settings)),
        ..Standing::default()
    };
    if standing.may_act(work.now()).is_err() {
        return Ok(None);
    }
    if session.is_to_be_noted(work.now()) {
        store::touch(work, browser.bearer())?;
    }
    Ok(Some(SignedIn { session, user }))
}
