//! A new password, and signing out everywhere: what a person does who lost a device, or fears a thief.

use std::sync::Arc;

use serde_json::json;

use crate::accounts::Accounts;
use crate::accounts::sessions::{Browser, SignedIn};
use crate::accounts::sign_in::proof::{Attempt, Guesser, prove};
use crate::accounts::sign_in::seat::{NewSeat, Opened};
use crate::accounts::store::set_password;
use crate::audit::{Actor, Event, Kind, Work};
use crate::grants::ending::{Ended, end_everywhere};
use crate::kernel::{Denial, Outcome, Password, PrincipalId, SessionId};
use crate::platform::context::Context;
use crate::settle;

/// Who is signed in here.
pub(super) async fn whose(
    accounts: &Accounts,
    context: &Context,
    browser: &Arc<Browser>,
) -> Outcome<SignedIn> {
    accounts
        .act(context, Arc::clone(browser), |work, signed_in| {
            work.nothing_to_tell("a look at the own session");
            Ok(Ok(signed_in))
        })
        .await
}

/// Sets a new password for whoever knows the current one. All that acted for the person ends, but for this browser,
/// which goes on under a new id.
pub(super) async fn change_password(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    (current, new): (Password, Password),
) -> Outcome<Opened> {
    let browser = Arc::new(browser);
    let name = settle!(whose(accounts, context, &browser).await?).user.identifier;
    let guesser = Guesser::SignedIn(Arc::clone(&browser));
    let proof = settle!(prove(accounts, context, Attempt { name, password: current }, guesser).await?);
    let hash = accounts.passwords.hash(proof.place.clone(), new).await?;
    let seat = NewSeat::new(accounts, context);
    accounts
        .act_alone(context, Arc::clone(&browser), move |work, signed_in| {
            let user = signed_in.user.id;
            if user != proof.user.id {
                return Ok(Err(Denial::LoginRequired));
            }
            settle!(proof.confirm(work)?);
            set_password(work, user, &hash)?;
            let ended = end_everywhere(work, user, "password_changed")?;
            tell(work, Kind::UserPasswordChanged, user, ended, Some(seat.session()));
            Ok(Ok(seat.take(work, &browser, user)?))
        })
        .await
}

/// Ends every session and every app's tokens; what was allowed stays remembered. This browser goes on under a new
/// id, as after every sign-out.
pub(super) async fn sign_out_everywhere(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
) -> Outcome<Browser> {
    let renewed = accounts.jar.renewed(context.now + accounts.sessions.interaction());
    accounts
        .act_alone(context, browser, move |work, signed_in| {
            let user = signed_in.user.id;
            let ended = end_everywhere(work, user, "signed_out_everywhere")?;
            tell(work, Kind::UserSignedOutEverywhere, user, ended, None);
            Ok(Ok(renewed))
        })
        .await
}

/// Tells what was ended, and which session went on in its place.
fn tell(work: &mut Work<'_>, kind: Kind, user: PrincipalId, ended: Ended, session: Option<SessionId>) {
    let mut data = json!({ "sessions": ended.sessions, "families": ended.families });
    if let (Some(session), Some(data)) = (session, data.as_object_mut()) {
        data.insert("session".to_owned(), session.to_string().into());
    }
    work.tell(Event::new(kind, Actor::User(user)).on("user", user).with(data));
}
