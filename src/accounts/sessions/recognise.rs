//! Who is signed in at this browser?

use chrono::Duration;

use crate::accounts::sessions::{Browser, Session, SessionSettings, store};
use crate::accounts::store::{User, find_user, hold_user};
use crate::audit::Work;
use crate::kernel::{Fault, Standing};

/// A busy browser does not write at every click.
const AT_MOST_EVERY: Duration = Duration::minutes(1);

/// Somebody who is signed in and may act.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The person.
    pub user: User,
}

/// Finds who is signed in at this browser and notes that they were seen. A session that ended, rested too long,
/// or whose person may not act counts as none.
pub fn recognise(
    work: &mut Work<'_>,
    browser: &Browser,
    settings: &SessionSettings,
) -> Result<Option<SignedIn>, Fault> {
    let Some(session) = store::find(work, browser.bearer())? else {
        return Ok(None);
    };
    let Some(user) = find_user(work, session.user_id)? else {
        return Ok(None);
    };
    let standing = Standing {
        client_disabled_at: None,
        user: Some(user.standing()),
        grant: None,
        family: None,
        session: Some(session.standing(settings)),
    };
    if standing.may_act(work.now()).is_err() {
        return Ok(None);
    }
    if session.last_seen_at < work.now() - AT_MOST_EVERY {
        // The person first, then what is theirs: see `grants::ending`.
        hold_user(work, session.user_id)?;
        store::touch(work, browser.bearer())?;
    }
    Ok(Some(SignedIn { session, user }))
}
