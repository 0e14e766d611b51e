//! The story of a sign-in, and of a sign-out.

use crate::accounts::Accounts;
use crate::accounts::interactions::{self, Interaction};
use crate::accounts::sessions::{self, Browser, SignedIn, recognise};
use crate::accounts::sign_in::proof::{Attempt, Guesser, prove};
use crate::accounts::sign_in::seat::{NewSeat, Opened};
use crate::audit::{Actor, Event, Kind};
use crate::kernel::{Denial, InteractionId, Outcome};
use crate::platform::context::Context;
use crate::settle;

/// Signs somebody in. Wrong, unknown and disabled get the same answer, after the same work.
pub async fn sign_in(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    attempt: Attempt,
) -> Outcome<Opened> {
    let proof = settle!(prove(accounts, context, attempt, Guesser::Anybody).await?);
    let seat = NewSeat::new(accounts, context);
    accounts
        .ledger
        .act(context, move |work| {
            settle!(proof.confirm(work)?);
            let opened = seat.take(work, &browser, proof.user.id)?;
            let event = Event::new(Kind::UserSignedIn, Actor::User(proof.user.id));
            work.tell(event.on("session", opened.session.id));
            Ok(Ok(opened))
        })
        .await
}

/// Signs this browser out: its session ends, and it goes on under a new id. An interaction it was in the middle
/// of goes with it, so that somebody else can sign in and continue.
pub async fn sign_out(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    interaction: Option<InteractionId>,
) -> Outcome<Browser> {
    let renewed = accounts.jar.renewed(context.now + accounts.sessions.interaction());
    let settings = accounts.sessions.clone();
    accounts
        .ledger
        .act(context, move |work| {
            work.nothing_to_tell("nobody may have been signed in");
            let signed_in = recognise(work, &browser, &settings)?;
            sessions::store::end(work, browser.bearer())?;
            if let Some(id) = interaction {
                interactions::store::rebind(work, id, browser.hash(), renewed.hash())?;
            }
            if let Some(SignedIn { session, user }) = signed_in {
                work.tell(Event::new(Kind::UserSignedOut, Actor::User(user.id)).on("session", session.id));
            }
            Ok(Ok(renewed))
        })
        .await
}

/// Who is signed in here, and which request waits for them, if it is still open to this browser.
pub async fn situation(
    accounts: &Accounts,
    context: &Context,
    browser: Option<Browser>,
    interaction: Option<InteractionId>,
) -> Outcome<(Option<SignedIn>, Option<Interaction>)> {
    let Some(browser) = browser else {
        return Ok(if interaction.is_some() { Err(Denial::InteractionGone) } else { Ok((None, None)) });
    };
    let settings = accounts.sessions.clone();
    accounts
        .ledger
        .act(context, move |work| {
            work.nothing_to_tell("a look at the own session");
            let signed_in = recognise(work, &browser, &settings)?;
            let Some(id) = interaction else {
                return Ok(Ok((signed_in, None)));
            };
            let waiting = interactions::store::find(work, id)?;
            let waiting = settle!(waiting.ok_or(Denial::InteractionGone));
            settle!(waiting.is_open_to(browser.hash(), work.now()));
            Ok(Ok((signed_in, Some(waiting))))
        })
        .await
}
