//! The story of a sign-in: count the attempt, check the password, open a session under a new id.

use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use crate::accounts::Accounts;
use crate::accounts::interactions::{self, Interaction};
use crate::accounts::sessions::{self, Browser, Session, SessionSettings, SignedIn, recognise};
use crate::accounts::sign_in::{rules, store};
use crate::accounts::store::{User, find_user_by_name, hold_user};
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{
    Denial, Fault, InteractionId, Outcome, Password, PrincipalId, SecretHash, SessionId, Standing,
};
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
    let proven = settle!(prove(accounts, context, attempt).await?);
    let (proof, seat) = (proven.proof(), NewSeat::new(accounts, context));
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

/// Somebody who knew the password a moment ago. It is their turn as long as this lives: until the act that relies
/// on it is over.
pub struct Proven {
    proof: Proof,
    _turn: OwnedMutexGuard<()>,
}

impl Proven {
    /// What the act takes along.
    pub fn proof(&self) -> Proof {
        self.proof.clone()
    }
}

/// Checks a password, for a sign-in or for a change of it: every attempt counts, wherever it is made.
pub async fn prove(accounts: &Accounts, context: &Context, attempt: Attempt) -> Outcome<Proven> {
    let key = Key::of(&attempt.name, context);
    let turn = accounts.turns.take(key.account, key.network).await?;
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
    Ok(Ok(Proven { proof: Proof { user, key }, _turn: turn }))
}

/// Whose password was right, as they were when it was checked.
#[derive(Clone)]
pub struct Proof {
    /// The person.
    pub user: User,
    key: Key,
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

    /// Opens the session for a person who has just proven who they are. What waits in this browser's tabs goes on
    /// under its new id, and its old one ends.
    pub fn take(self, work: &mut Work<'_>, from: &Browser, user: PrincipalId) -> Result<Opened, Fault> {
        let session = Session::opened(self.id, user, &self.context, &self.settings);
        sessions::store::end(work, from.bearer())?;
        sessions::store::insert(work, self.browser.hash(), &session)?;
        interactions::store::rebind_all(work, from.hash(), self.browser.hash(), session.id)?;
        Ok(Opened { browser: self.browser, session })
    }
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
