//! The short way: who is signed in, and allowed all of it before, sees no page.
//!
//! It decides by the rules of the long way (`flow.rs`) over what is looked up together with others, and holds nothing
//! while it does; so all that it decided by is a condition of what it writes. Whatever is in doubt goes the long way.

use crate::accounts::sessions::store::{Find, Seat};
use crate::accounts::sessions::{Browser, Session};
use crate::grants::codes::store::Give;
use crate::grants::store::FindLiving;
use crate::kernel::{Fault, Standing};
use crate::oauth::OAuth;
use crate::oauth::authorize::request::{Asked, client_id, target};
use crate::oauth::authorize::rules::{self, Next, Person};
use crate::oauth::authorize::{code, flow};
use crate::platform::context::Context;
use crate::platform::form::Params;

/// Where to return to with a code, if that is all there is to do.
pub(super) async fn code(
    oauth: &OAuth,
    context: &Context,
    browser: &Browser,
    params: &Params,
) -> Result<Option<String>, Fault> {
    let Some(session) = signed_in(oauth, context, browser).await? else { return Ok(None) };
    let Ok(client) = client_id(params) else { return Ok(None) };
    let Some(known) = oauth.bearers.clients.find(&client).await? else { return Ok(None) };
    let Ok(target) = target(known.client.clone(), params, context.now) else { return Ok(None) };
    let catalogue = oauth.bearers.services.catalogue().await?;
    let Ok(asked) = Asked::read(params, &target.client, &catalogue) else { return Ok(None) };
    let living = FindLiving { user: session.user_id, client: target.client.principal };
    let Some(grant) = oauth.ledger.look_up(living).await? else { return Ok(None) };

    let person = Person { remembered: Some(&grant.scope), signed_in_for_this: false };
    let scope = match rules::next(&asked, &target, &catalogue, Some(&person), None) {
        Next::Give(scope) if grant.scope.contains_all(&scope) => scope,
        _ => return Ok(None),
    };
    let draft = code::draft(&oauth.tokens, &target, &asked, session.user_id, &scope, context.now);
    let Ok(draft) = draft else { return Ok(None) };
    let give = Give {
        code: draft.code,
        family: draft.family,
        grant: grant.id,
        client: target.client.principal,
        seat: Seat {
            cookie: *browser.bearer(),
            user: session.user_id,
            now: context.now,
            idle: oauth.accounts.sessions.idle(),
        },
    };
    let given = oauth.ledger.write(context, give).await?;
    let answer = [("code", draft.secret.expose())];
    Ok(given.then(|| flow::back(&oauth.issuer, &target, params, &answer)))
}

/// The session of this browser, unless there is something to be done about it.
async fn signed_in(oauth: &OAuth, context: &Context, browser: &Browser) -> Result<Option<Session>, Fault> {
    if browser.is_new() {
        return Ok(None);
    }
    let Some((session, user)) = oauth.ledger.look_up(Find(*browser.bearer())).await? else { return Ok(None) };
    let standing = Standing {
        user: Some(user),
        session: Some(session.standing(&oauth.accounts.sessions)),
        ..Standing::default()
    };
    let may_act = standing.may_act(context.now).is_ok();
    Ok((may_act && !session.is_to_be_noted(context.now)).then_some(session))
}
