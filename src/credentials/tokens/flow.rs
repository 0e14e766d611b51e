//! Looking at, making and taking back one's own tokens.

use chrono::Duration;

use crate::accounts::Accounts;
use crate::accounts::sessions::{Browser, SignedIn};
use crate::audit::{Actor, Work};
use crate::credentials::making::{Made, Maker, create};
use crate::credentials::revoking::{BY_OWNER, revoke};
use crate::credentials::shown::state;
use crate::credentials::store::{find, list};
use crate::credentials::usage::Use;
use crate::credentials::wish::{Wish, has_room};
use crate::credentials::{Credential, CredentialKind, CredentialProblem, CredentialSettings};
use crate::kernel::{CredentialId, Denial, Fault, Outcome};
use crate::platform::context::Context;
use crate::services::Catalogue;
use crate::services::store::catalogue;
use crate::settle;

const KIND: CredentialKind = CredentialKind::PersonalToken;

/// How long one that has ended or was taken back is still shown, so that nobody wonders why it stopped, in days.
const REMEMBERED_DAYS: i64 = 30;

/// What the page shows.
pub(super) struct Overview {
    /// Whose it is.
    pub(super) signed_in: SignedIn,
    /// The tokens, and how each was used; the newest first.
    pub(super) tokens: Vec<(Credential, Option<Use>)>,
    /// What a token may do, and what that means.
    pub(super) catalogue: Catalogue,
}

/// One's own tokens.
pub(super) async fn overview(accounts: &Accounts, context: &Context, browser: Browser) -> Outcome<Overview> {
    accounts
        .act(context, browser, |work, signed_in| {
            work.nothing_to_tell("a look at the own page");
            let tokens = shown(work, &signed_in)?;
            let catalogue = catalogue(work)?;
            Ok(Ok(Overview { signed_in, tokens, catalogue }))
        })
        .await
}

/// Those that did not end long ago, however they ended; but not what their owner took back here, or removed.
fn shown(work: &mut Work<'_>, signed_in: &SignedIn) -> Result<Vec<(Credential, Option<Use>)>, Fault> {
    let since = work.now() - Duration::days(REMEMBERED_DAYS);
    let mut tokens = list(work, KIND, Some(signed_in.user.id))?;
    tokens.retain(|(token, _)| match token.revoked_at {
        Some(at) => at > since && token.revoke_reason.as_deref() != Some(BY_OWNER),
        None => token.expires_at.is_none_or(|end| end > since),
    });
    Ok(tokens)
}

/// Why no token was made.
pub(super) enum NotMade {
    /// There is a living one of this name. So a form that is sent twice makes one token.
    NameTaken,
    /// There are too many.
    TooMany,
    /// The wish cannot be.
    Wrong(CredentialProblem),
}

/// Makes a token of one's own.
pub(super) async fn make(
    accounts: &Accounts,
    settings: CredentialSettings,
    context: &Context,
    browser: Browser,
    wish: Wish,
) -> Outcome<Result<Made, NotMade>> {
    accounts
        .act_alone(context, browser, move |work, signed_in| {
            let user = signed_in.user.id;
            let refused = |work: &mut Work<'_>, why: NotMade| {
                work.nothing_to_tell("no token was made");
                Ok(Ok(Err(why)))
            };
            if let Some(why) = in_the_way(work, &signed_in, &wish)? {
                return refused(work, why);
            }
            let maker = Maker { actor: Actor::User(user), settings: &settings };
            match create(work, maker, KIND, user, &wish)? {
                Ok(made) => Ok(Ok(Ok(made))),
                Err(problem) => refused(work, NotMade::Wrong(problem)),
            }
        })
        .await
}

/// What of the tokens that there are stands in the way of one more.
fn in_the_way(work: &mut Work<'_>, signed_in: &SignedIn, wish: &Wish) -> Result<Option<NotMade>, Fault> {
    let now = work.now();
    let is_taken = |(token, _): &(Credential, Option<Use>)| {
        token.name == wish.name.trim() && state(token, now) == "active"
    };
    if shown(work, signed_in)?.iter().any(is_taken) {
        return Ok(Some(NotMade::NameTaken));
    }
    let has_room = has_room(work, KIND, signed_in.user.id)?;
    Ok((!has_room).then_some(NotMade::TooMany))
}

/// Takes a token of one's own back.
pub(super) async fn take_back(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    id: CredentialId,
) -> Outcome<()> {
    accounts
        .act_alone(context, browser, move |work, signed_in| {
            let user = signed_in.user.id;
            let mine = find(work, id)?.filter(|token| token.owner == user && token.kind == KIND);
            let mine = settle!(mine.ok_or(Denial::NotFound));
            revoke(work, Actor::User(user), &mine, None, BY_OWNER)?;
            Ok(Ok(()))
        })
        .await
}
