//! The story of a sign-in: count the attempt, check the password, open a session under a new id.

use serde_json::json;

use crate::accounts::Accounts;
use crate::accounts::interactions::{self, Interaction};
use crate::accounts::sessions::{self, Browser, Session, SignedIn, recognise};
use crate::accounts::sign_in::{rules, store};
use crate::accounts::store::{User, find_user_by_name, hold_user};
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{Denial, InteractionId, Outcome, Password, PrincipalId, SecretHash, SessionId, Standing};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::settle;

/// What somebody typed.
pub struct Attempt {
    /// An identifier or e-mail address.
    pub name: String,
    /// The password.
    pub password: Password,
}

/// A browser under its new id, and the session it has.
pub struct Opened {
    /// The new id.
    pub browser: Browser,
    /// The session.
    pub session: Session,
}

/// Signs somebody in. Wrong, unknown and disabled get the same answer, after the same work.
pub async fn sign_in(
    accounts: &Accounts,
    context: &Context,
    browser: Browser,
    attempt: Attempt,
) -> Outcome<Opened> {
    let key = Key::of(&attempt.name, context);
    let _turn = accounts.turns.take(key.account, key.network).await?;
    let place = accounts.passwords.place()?;
    let count = settle!(accounts.ledger.act(context, move |work| count_attempt(work, key)).await?);

    let name = attempt.name;
    let found = accounts.ledger.read(move |connection| find_user_by_name(connection, &name)).await?;
    let hash =
        found.as_ref().filter(|user| may_sign_in(user, context)).and_then(|user| user.password_hash.clone());
    let is_right = accounts.passwords.verify(place, attempt.password, hash).await?;

    let whose = found.as_ref().map(|user| user.id);
    let Some(user) = found.filter(|_| is_right) else {
        if rules::is_worth_an_event(count) {
            settle!(tell_failures(accounts, context, whose, count).await?);
        }
        return Ok(Err(Denial::SignInWrong));
    };
    let renewed = accounts.jar.renewed(context.now + accounts.sessions.absolute());
    let session = Session {
        id: SessionId::from_uuid(Entropy.id(context.now)),
        user_id: user.id,
        authenticated_at: context.now,
        last_seen_at: context.now,
        expires_at: context.now + accounts.sessions.absolute(),
        ended_at: None,
    };
    let opening = Opening { user, session, key };
    accounts.ledger.act(context, move |work| open_session(work, &browser, renewed, opening)).await
}

/// Under which guesses are counted: whose name was typed, and from where.
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
fn count_attempt(work: &mut Work<'_>, key: Key) -> Outcome<i32> {
    work.nothing_to_tell("failures become one event past a threshold");
    let failures = store::hold(work, key.account, key.network)?;
    if let Some(seconds) = rules::pause(failures, work.now()) {
        return Ok(Err(Denial::SignInPaused(seconds)));
    }
    store::set(work, key.account, key.network, failures.count + 1)?;
    Ok(Ok(failures.count + 1))
}

async fn tell_failures(
    accounts: &Accounts,
    context: &Context,
    whose: Option<PrincipalId>,
    count: i32,
) -> Outcome<()> {
    let event = Event::new(Kind::UserSignInFailed, Actor::Anonymous).with(json!({ "failures": count }));
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
    let standing = Standing {
        client_disabled_at: None,
        user: Some(user.standing()),
        grant: None,
        family: None,
        session: None,
    };
    standing.may_act(context.now).is_ok()
}

struct Opening {
    user: User,
    session: Session,
    key: Key,
}

fn open_session(
    work: &mut Work<'_>,
    browser: &Browser,
    renewed: Browser,
    opening: Opening,
) -> Outcome<Opened> {
    let Opening { user, session, key } = opening;
    // The password was checked outside this transaction: it must still be the one, and its owner may still act.
    let held = hold_user(work, user.id)?;
    let unchanged =
        held.is_some_and(|held| held.password_hash == user.password_hash && held.disabled_at.is_none());
    if !unchanged {
        return Ok(Err(Denial::SignInWrong));
    }
    store::set(work, key.account, key.network, 0)?;
    sessions::store::end(work, browser.bearer())?;
    sessions::store::insert(work, renewed.hash(), &session)?;
    interactions::store::rebind_all(work, browser.hash(), renewed.hash(), session.id)?;
    work.tell(Event::new(Kind::UserSignedIn, Actor::User(user.id)).on("session", session.id));
    Ok(Ok(Opened { browser: renewed, session }))
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
