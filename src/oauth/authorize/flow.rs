//! The story of an authorization: who asks and where to return to, what is asked, who is here, what they
//! allowed or say, and then a page, a code or a no.

use std::sync::Arc;

use crate::accounts::interactions::{self, Card, Interaction};
use crate::accounts::sessions::{Browser, SessionSettings, SignedIn, recognise};
use crate::audit::{Actor, Event, Kind, Work};
use crate::clients;
use crate::grants::{self, TokenSettings};
use crate::kernel::{Denial, Fault, InteractionId, Outcome, Scope, with_params};
use crate::oauth::OAuth;
use crate::oauth::authorize::request::{Asked, PARAMETERS, Target, client_id, target};
use crate::oauth::authorize::rules::{self, Answer, Next, Person};
use crate::oauth::authorize::{code, remembered};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::platform::form::Params;
use crate::services::{self, Catalogue};
use crate::settle;

/// How a request gets here.
pub enum Entry {
    /// From the app.
    Fresh(Params),
    /// From the interaction in which it waited.
    Resumed(InteractionId),
    /// From there, with the person's answer.
    Answered(InteractionId, Answer),
}

/// What to do with the browser.
pub enum Step {
    /// To the sign-in page.
    SignIn(InteractionId),
    /// To the consent page.
    Ask(InteractionId),
    /// Show the consent page.
    Show(Box<Consent>),
    /// Back to the app, with a code or an error.
    Return(String),
}

/// What the consent page shows.
pub struct Consent {
    pub(super) interaction: InteractionId,
    pub(super) target: Target,
    pub(super) scope: Scope,
    pub(super) remembered: Scope,
    pub(super) catalogue: Catalogue,
    pub(super) signed_in: SignedIn,
}

/// What the story takes from the settings.
#[derive(Clone)]
pub(super) struct House {
    pub(super) issuer: String,
    pub(super) sessions: SessionSettings,
    pub(super) tokens: TokenSettings,
}

/// Decides an authorization request, in one transaction; or at once, for somebody who need see no page.
pub async fn begin(
    oauth: &OAuth,
    context: &Context,
    browser: Browser,
    entry: Entry,
) -> Outcome<(Step, Browser)> {
    let house = House {
        issuer: oauth.issuer.clone(),
        sessions: oauth.accounts.sessions.clone(),
        tokens: oauth.tokens.clone(),
    };
    if let Entry::Fresh(params) = &entry
        && let Some(code) = remembered::code(oauth, context, &browser, params).await?
    {
        return Ok(Ok((Step::Return(code), browser)));
    }
    oauth
        .ledger
        .act(context, move |work| {
            work.nothing_to_tell("only a code or a refusal is an event");
            let step = settle!(decide(work, &house, &browser, entry)?);
            Ok(Ok((step, browser)))
        })
        .await
}

/// A request and the interaction in which it waited, if it did.
struct Request {
    params: Params,
    waiting: Option<Interaction>,
    answer: Option<Answer>,
}

fn decide(work: &mut Work<'_>, house: &House, browser: &Browser, entry: Entry) -> Outcome<Step> {
    let request = settle!(load(work, browser, entry)?);
    let target = settle!(settle_target(work, &request.params)?);
    let catalogue = services::store::catalogue(work)?;
    let asked = match Asked::read(&request.params, &target.client, &catalogue) {
        Ok(asked) => asked,
        Err(denial) => return Ok(Ok(refuse(house, &target, &request.params, &denial))),
    };
    let signed_in = recognise(work, browser, &house.sessions)?;
    let remembered = match &signed_in {
        Some(signed_in) => {
            let grant = grants::store::find_living(work, signed_in.user.id, target.client.principal)?;
            grant.map(|grant| grant.scope)
        }
        None => None,
    };
    let person = signed_in.as_ref().map(|signed_in| Person {
        remembered: remembered.as_ref(),
        signed_in_for_this: request
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.signed_in_as == Some(signed_in.session.id)),
    });
    let next = rules::next(&asked, &target, &catalogue, person.as_ref(), request.answer.as_ref());
    match (next, signed_in) {
        (Next::Give(scope), Some(signed_in)) => {
            settle!(finish(work, browser, request.waiting.as_ref())?);
            let code = settle!(code::issue(work, house, &target, &asked, &signed_in, &scope)?);
            Ok(Ok(Step::Return(back(&house.issuer, &target, &request.params, &[("code", code.expose())]))))
        }
        (Next::Ask, Some(signed_in)) => match request.waiting {
            Some(waiting) => Ok(Ok(Step::Show(Box::new(Consent {
                interaction: waiting.id,
                target,
                scope: asked.scope,
                remembered: remembered.unwrap_or_default(),
                catalogue,
                signed_in,
            })))),
            None => open(work, house, browser, &target, request.params).map(|id| Ok(Step::Ask(id))),
        },
        (Next::Refuse(denial), signed_in) => {
            settle!(finish(work, browser, request.waiting.as_ref())?);
            if let (Denial::AccessDenied, Some(signed_in)) = (&denial, signed_in) {
                work.tell(
                    Event::new(Kind::GrantRefused, Actor::User(signed_in.user.id))
                        .on("client", target.client.principal)
                        .about(target.client.principal),
                );
            }
            Ok(Ok(refuse(house, &target, &request.params, &denial)))
        }
        (Next::SignIn | Next::Ask | Next::Give(_), _) => match request.waiting {
            Some(waiting) => Ok(Ok(Step::SignIn(waiting.id))),
            None => open(work, house, browser, &target, request.params).map(|id| Ok(Step::SignIn(id))),
        },
    }
}

fn load(work: &mut Work<'_>, browser: &Browser, entry: Entry) -> Outcome<Request> {
    let (id, answer) = match entry {
        Entry::Fresh(params) => {
            return Ok(Ok(Request { params, waiting: None, answer: None }));
        }
        Entry::Resumed(id) => (id, None),
        Entry::Answered(id, answer) => (id, Some(answer)),
    };
    let waiting = settle!(interactions::store::find(work, id)?.ok_or(Denial::InteractionGone));
    settle!(waiting.is_open_to(browser.hash(), work.now()));
    let params = Params::from_pairs(waiting.request.clone());
    Ok(Ok(Request { params, waiting: Some(waiting), answer }))
}

/// The redirect target first: an unknown client or an unregistered address is a page, never a redirect.
fn settle_target(work: &mut Work<'_>, params: &Params) -> Outcome<Target> {
    let id = settle!(client_id(params));
    let client = settle!(clients::store::find(work, &id)?.ok_or(Denial::ClientUnknown));
    Ok(target(Arc::new(client), params, work.now()))
}

/// Keeps the request until the person has done what it waits for.
fn open(
    work: &mut Work<'_>,
    house: &House,
    browser: &Browser,
    target: &Target,
    params: Params,
) -> Result<InteractionId, Fault> {
    let now = work.now();
    let id = InteractionId::from_uuid(Entropy.id(now));
    let interaction = Interaction {
        id,
        browser: browser.hash(),
        request: params.into_pairs(&PARAMETERS),
        card: Card {
            name: target.client.name.clone(),
            publisher: target.client.publisher.clone(),
            verified: target.client.verified || target.client.first_party,
            returns_to: target.registered.shown_host(),
            form_action: target.registered.form_action_source(),
        },
        signed_in_as: None,
        opened_at: now,
        expires_at: now + house.sessions.interaction(),
        finished_at: None,
    };
    interactions::store::insert(work, &interaction)?;
    Ok(id)
}

/// Answers the interaction, once: of two posts of one form, the second finds it gone.
fn finish(work: &mut Work<'_>, browser: &Browser, waiting: Option<&Interaction>) -> Outcome<()> {
    let Some(waiting) = waiting else { return Ok(Ok(())) };
    let finished = interactions::store::finish(work, waiting.id, browser.hash())?;
    Ok(if finished { Ok(()) } else { Err(Denial::InteractionGone) })
}

/// The error as the app is told it (RFC 6749 §4.1.2.1).
fn refuse(house: &House, target: &Target, params: &Params, denial: &Denial) -> Step {
    let description = denial.description();
    let error = [("error", denial.code()), ("error_description", description.as_str())];
    Step::Return(back(&house.issuer, target, params, &error))
}

/// The address to return to: the answer, `state` exactly as it came (§4.1.2), and who answers (RFC 9207 §2).
pub(super) fn back(issuer: &str, target: &Target, params: &Params, answer: &[(&str, &str)]) -> String {
    let mut answer = answer.to_vec();
    if let Some(state) = params.get("state").filter(|_| !params.is_repeated("state")) {
        answer.push(("state", state));
    }
    answer.push(("iss", issuer));
    with_params(&target.uri, &answer)
}
