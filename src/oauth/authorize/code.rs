//! Giving a code: the grant, the family and the code, in one act.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::accounts::sessions::SignedIn;
use crate::audit::{Actor, Event, Kind, Work};
use crate::grants::codes::{self, Code};
use crate::grants::{BearerKey, Family, FamilyKey, Grant, TokenSettings, store};
use crate::kernel::{DatedTag, Denial, FamilyId, Fault, GrantId, Outcome, PlainSecret, PrincipalId, Scope};
use crate::oauth::authorize::flow::House;
use crate::oauth::authorize::request::{Asked, Target};
use crate::oauth::engine::{self, Authorization};
use crate::platform::entropy::Entropy;
use crate::settle;

/// A code that is promised to nobody yet, and the family it opens.
pub(super) struct Draft {
    pub(super) secret: PlainSecret,
    pub(super) code: Code,
    pub(super) family: Family,
}

/// Makes a code for `scope`, in this person's name.
pub(super) fn draft(
    tokens: &TokenSettings,
    target: &Target,
    asked: &Asked,
    user: PrincipalId,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<Draft, Denial> {
    let client = &target.client;
    engine::authorize(&Authorization { client, redirect_uri: &target.uri, scope, owner: &user.to_string() })?;
    let expires_at = now + tokens.family_lifetime(client);
    let family = Family {
        key: FamilyKey { day: expires_at.date_naive(), id: FamilyId::from_uuid(Entropy.id(now)) },
        expires_at,
        revoked_at: None,
        resources: asked.resources.clone(),
    };
    let secret = Entropy.dated_bearer(DatedTag::AuthorizationCode, family.key.day);
    let code = Code {
        key: BearerKey { day: family.key.day, hash: secret.hash() },
        redirect_uri: target.uri.clone(),
        redirect_uri_sent: target.was_sent,
        challenge: asked.challenge.clone(),
        scope: scope.clone(),
        expires_at: now + tokens.code_lifetime(),
    };
    Ok(Draft { secret, code, family })
}

/// Gives a code for `scope`, in the name of the person who is signed in (and held: see `recognise`).
pub(super) fn issue(
    work: &mut Work<'_>,
    house: &House,
    target: &Target,
    asked: &Asked,
    signed_in: &SignedIn,
    scope: &Scope,
) -> Outcome<PlainSecret> {
    let user = signed_in.user.id;
    let draft = settle!(draft(&house.tokens, target, asked, user, scope, work.now()));
    let grant = allow(work, target, signed_in, scope)?;
    store::open_family(work, &draft.family, &grant, scope)?;
    codes::store::insert(work, &draft.code, draft.family.key)?;
    work.tell(codes::store::code_issued(user, target.client.principal, draft.family.key.id));
    Ok(Ok(draft.secret))
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
