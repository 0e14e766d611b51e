//! A new password, and signing out everywhere: what a person does who lost a device, or fears a thief.

use serde_json::json;

use crate::accounts::Accounts;
use crate::accounts::sessions::{Browser, SignedIn, recognise, recognise_alone};
use crate::accounts::sign_in::flow::{Attempt, NewSeat, Opened, prove};
use crate::accounts::store::set_password;
use crate::audit::{Actor, Event, Kind, Work};
use crate::grants::ending::end_everywhere;
use crate::kernel::{Denial, Fault, Outcome, Password, PrincipalId};
use crate::platform::context::Context;
use crate::settle;

/// Who is signed in here.
pub(super) async fn whose(accounts: &Accounts, context: &Context, browser: Browser) -> Outcome<SignedIn> {
    let settings = accounts.sessions.clone();
    accounts
        .ledger
        .act(context, move |work| {
            work.nothing_to_tell("a look at the own session");
            Ok(recognise(work, &browser, &settings)?.ok_or(Denial::LoginRequired))
        })
        .await
}

/// Sets a new password for whoever knows the old one. All that acted for the person ends, but for this browser,
/// which goes on under a new id.
pub(super) async fn change_password(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    signed_in: SignedIn,
    (current, new): (Password, Password),
) -> Outcome<Opened> {
    let attempt = Attempt { name: signed_in.user.identifier, password: current };
    let proven = settle!(prove(accounts, context, attempt).await?);
    let hash = accounts.passwords.hash(new).await?;
    let (proof, seat) = (proven.proof(), NewSeat::new(accounts, context));
    let settings = accounts.sessions.clone();
    accounts
        .ledger
        .act(context, move |work| {
            // Nobody else changes anything of this person's until it is done.
            let here = settle!(recognise_alone(work, &browser, &settings)?.ok_or(Denial::LoginRequired));
            if here.user.id != proof.user.id {
                return Ok(Err(Denial::LoginRequired));
            }
            settle!(proof.confirm(work)?);
            set_password(work, proof.user.id, &hash)?;
            end(work, proof.user.id, Kind::UserPasswordChanged, "password_changed")?;
            Ok(Ok(seat.take(work, &browser, proof.user.id)?))
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
    let settings = accounts.sessions.clone();
    accounts
        .ledger
        .act(context, move |work| {
            let signed_in = settle!(recognise_alone(work, &browser, &settings)?.ok_or(Denial::LoginRequired));
            end(work, signed_in.user.id, Kind::UserSignedOutEverywhere, "signed_out_everywhere")?;
            Ok(Ok(renewed))
        })
        .await
}

/// Ends all that acts for the person, and tells so.
fn end(work: &mut Work<'_>, user: PrincipalId, kind: Kind, reason: &str) -> Result<(), Fault> {
    let ended = end_everywhere(work, user, reason)?;
    let data = json!({ "sessions": ended.sessions, "families": ended.families });
    work.tell(Event::new(kind, Actor::User(user)).on("user", user).with(data));
    Ok(())
}
