//! Giving a code: the grant, the family and the code, in one act.

use serde_json::json;

use crate::accounts::sessions::SignedIn;
use crate::audit::{Actor, Event, Kind, Work};
use crate::grants::codes::{self, Code};
use crate::grants::{BearerKey, Family, FamilyKey, Grant, store};
use crate::kernel::{DatedTag, FamilyId, Fault, GrantId, Outcome, PlainSecret, Scope};
use crate::oauth::authorize::flow::House;
use crate::oauth::authorize::request::{Asked, Target};
use crate::oauth::engine::{self, Authorization};
use crate::platform::entropy::Entropy;
use crate::settle;

/// Gives a code for `scope`, in the name of the person who is signed in (and held: see `recognise`).
pub(super) fn issue(
    work: &mut Work<'_>,
    house: &House,
    target: &Target,
    asked: &Asked,
    signed_in: &SignedIn,
    scope: &Scope,
) -> Outcome<PlainSecret> {
    let now = work.now();
    let (client, user) = (&target.client, &signed_in.user);
    let expires_at = now + house.tokens.family_lifetime(client);
    let family = Family {
        key: FamilyKey { day: expires_at.date_naive(), id: FamilyId::from_uuid(Entropy.id(now)) },
        expires_at,
        revoked_at: None,
        resources: asked.resources.clone(),
    };
    let authorization =
        Authorization { client, redirect_uri: &target.uri, scope, owner: &user.id.to_string() };
    settle!(engine::authorize(&authorization));
    let secret = Entropy.dated_bearer(DatedTag::AuthorizationCode, family.key.day);

    let grant = allow(work, target, signed_in, scope)?;
    store::open_family(work, &family, &grant)?;
    let code = Code {
        key: BearerKey { day: family.key.day, hash: secret.hash() },
        redirect_uri: target.uri.clone(),
        redirect_uri_sent: target.was_sent,
        challenge: asked.challenge.clone(),
        scope: scope.clone(),
        expires_at: now + house.tokens.code_lifetime(),
    };
    codes::store::insert(work, &code, family.key)?;
    work.tell(
        Event::new(Kind::CodeIssued, Actor::User(user.id))
            .on("family", family.key.id)
            .about(client.principal),
    );
    Ok(Ok(secret))
}

/// Remembers what is allowed; an event only if it is more than before.
fn allow(work: &mut Work<'_>, target: &Target, signed_in: &SignedIn, scope: &Scope) -> Result<Grant, Fault> {
    let (user, client) = (signed_in.user.id, target.client.principal);
    let before = store::find_living(work, user, client)?;
    let new = scope.difference(before.as_ref().map_or(&Scope::empty(), |grant| &grant.scope));
    let kind = match before {
        Some(grant) if new.is_empty() => return Ok(grant),
        Some(_) => Kind::GrantExtended,
        None => Kind::GrantGiven,
    };
    let id = GrantId::from_uuid(Entropy.id(work.now()));
    let grant = store::allow(work, id, user, client, scope)?;
    work.tell(
        Event::new(kind, Actor::User(user))
            .on("grant", grant.id)
            .about(client)
            .with(json!({ "scope": scope, "first_party": target.client.first_party })),
    );
    Ok(grant)
}
