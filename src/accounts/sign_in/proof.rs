//! Who are you? A password is asked for at sign-in and before it is changed, and guesses at either count together.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use crate::accounts::Accounts;
use crate::accounts::passwords::Place;
use crate::accounts::sessions::{Browser, SessionSettings, recognise};
use crate::accounts::sign_in::{rules, store};
use crate::accounts::store::{User, find_user_by_name, hold_user};
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{Denial, Outcome, Password, PrincipalId, SecretHash, Standing};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::settle;

/// What somebody typed.
pub struct Attempt {
    /// An identifier or e-mail address.
    pub name: String,
    /// The password.
    pub password: Password,
}

/// Who is at it.
pub enum Guesser {
    /// Anybody, at the sign-in page.
    Anybody,
    /// Whoever is signed in at this browser. If nobody is when it is their turn, nothing is tried or counted.
    SignedIn(Arc<Browser>),
}

/// Somebody who knew the password a moment ago.
pub struct Proof {
    /// The person, as they were then.
    pub user: User,
    /// Their place at the password threads, for a new hash.
    pub place: Place,
    key: Key,
    /// The next attempt waits until the act that relies on this one has it.
    _turn: OwnedMutexGuard<()>,
}

/// Checks a password. Every attempt counts, but for one that finds no place: it is told to try again.
pub async fn prove(
    accounts: &Accounts,
    context: &Context,
    attempt: Attempt,
    guesser: Guesser,
) -> Outcome<Proof> {
    let name = attempt.name.clone();
    let named = accounts.ledger.read(move |connection| find_user_by_name(connection, &name)).await?;
    // Whichever of their names is typed, it is one account.
    let counted_as = named.map_or_else(|| attempt.name.clone(), |user| user.identifier);
    let key = Key::of(&counted_as, context);
    let turn = accounts.turns.take(key.account, key.network).await?;
    let place = accounts.passwords.place()?;
    let settings = accounts.sessions.clone();
    let counted = accounts.ledger.act(context, move |work| count_attempt(work, key, &guesser, &settings));
    let (count, actor) = settle!(counted.await?);

    // Once more, now that it is their turn: the attempt before may have changed the password.
    let found = accounts.ledger.read(move |connection| find_user_by_name(connection, &attempt.name)).await?;
    let hash =
        found.as_ref().filter(|user| may_sign_in(user, context)).and_then(|user| user.password_hash.clone());
    let is_right = accounts.passwords.verify(place.clone(), attempt.password, hash).await?;

    let whose = found.as_ref().map(|user| user.id);
    let Some(user) = found.filter(|_| is_right) else {
        if rules::is_worth_an_event(count) {
            settle!(tell_failures(accounts, context, actor, whose, count).await?);
        }
        // Here and not where it is answered: whoever hangs up is counted, too.
        accounts.wrong_password(context);
        return Ok(Err(Denial::SignInWrong));
    };
    Ok(Ok(Proof { user, place, key, _turn: turn }))
}

impl Proof {
    /// Whether it still holds inside the act that relies on it: the password was checked outside of its
    /// transaction. If so, the wrong ones before it are forgiven.
    pub fn confirm(&self, work: &mut Work<'_>) -> Outcome<()> {
        let held = hold_user(work, self.user.id)?;
        let unchanged = held
            .is_some_and(|held| held.password_hash == self.user.password_hash && held.disabled_at.is_none());
        if !unchanged {
            return Ok(Err(Denial::SignInWrong));
        }
        store::set(work, self.key.account, self.key.network, 0)?;
        Ok(Ok(()))
    }
}

/// Under which guesses are counted: whose account, or what was typed where there is none, and from where.
#[derive(Clone, Copy)]
struct Key {
    account: SecretHash,
    network: Network,
}

impl Key {
    fn of(name: &str, context: &Context) -> Self {
        let ip = context.ip.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        Self { account: rules::account(name), network: Network::of(ip) }
    }
}

/// Counts the attempt as failed before it is made: of many at once, none escapes the count.
fn count_attempt(
    work: &mut Work<'_>,
    key: Key,
    guesser: &Guesser,
    settings: &SessionSettings,
) -> Outcome<(i32, Actor)> {
    work.nothing_to_tell("failures become one event past a threshold");
    let actor = match guesser {
        Guesser::Anybody => Actor::Anonymous,
        Guesser::SignedIn(browser) => {
            let signed_in = recognise(work, browser, settings)?;
            Actor::User(settle!(signed_in.ok_or(Denial::LoginRequired)).user.id)
        }
    };
    let failures = store::hold(work, key.account, key.network)?;
    if let Some(seconds) = rules::pause(failures, work.now()) {
        return Ok(Err(Denial::SignInPaused(seconds)));
    }
    store::set(work, key.account, key.network, failures.count + 1)?;
    Ok(Ok((failures.count + 1, actor)))
}

async fn tell_failures(
    accounts: &Accounts,
    context: &Context,
    actor: Actor,
    whose: Option<PrincipalId>,
    count: i32,
) -> Outcome<()> {
    let event = Event::new(Kind::UserSignInFailed, actor).with(json!({ "failures": count }));
    let event = whose.into_iter().fold(event, |event, user| event.on("user", user));
    accounts
        .ledger
        .act(context, move |work| {
            work.tell(event);
            Ok(Ok(()))
        })
        .await
}

fn may_sign_in(user: &User, context: &Context) -> bool {
    let standing = Standing { user: Some(user.standing()), ..Standing::default() };
    standing.may_act(context.now).is_ok()
}
