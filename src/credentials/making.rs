//! Making API keys and personal tokens, bringing keys along from elsewhere, and giving them successors.

use chrono::{DateTime, Duration, Utc};
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::accounts::store::find_kind;
use crate::audit::{Actor, Event, Kind, Work};
use crate::credentials::lifetime::{Lifetime, Overlap};
use crate::credentials::strength::looks_random;
use crate::credentials::{
    Credential, CredentialKind, CredentialProblem, CredentialSettings, Environment, Making, glimpse, rules,
    store,
};
use crate::kernel::{
    Bearer, CredentialId, DisplayText, Fault, LastingTag, PlainSecret, PrincipalId, PrincipalKind, Scope,
    SecretHash, Tag,
};
use crate::platform::entropy::Entropy;
use crate::services::store::catalogue;

/// Characters that a name has at most.
pub const MOST_OF_A_NAME: usize = 100;
/// Networks that a credential may be confined to, at most.
const MOST_NETWORKS: usize = 100;
/// How long a secret that is easy to guess lives, in days.
const WEAK_DAYS: i64 = 90;

/// What somebody wants of a new credential, as typed.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scope: String,
    /// `live` or `test`; live, if nothing is said.
    pub environment: Option<String>,
    /// The networks it may come from, or single addresses; everywhere, if none.
    pub ip_allow: Vec<String>,
    /// How long it shall live.
    pub lifetime: Lifetime,
}

/// Who makes it, and by which settings.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    /// Who.
    pub actor: Actor,
    /// By which settings.
    pub settings: &'a CredentialSettings,
}

/// A credential that was made, with the one showing of its text.
pub struct Made {
    /// The credential.
    pub credential: Credential,
    /// Its text.
    pub secret: PlainSecret,
}

/// What is brought along.
pub enum Imported {
    /// The text itself.
    Literal(PlainSecret),
    /// Its SHA-256.
    Hash(SecretHash),
}

/// Unwraps what may be a problem, or answers with it.
macro_rules! sound {
    ($result:expr) => {
        match $result {
            Ok(sound) => sound,
            Err(problem) => return Ok(Err(problem)),
        }
    };
}

/// Makes a credential for somebody.
pub fn create(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    kind: CredentialKind,
    owner: PrincipalId,
    wish: &Wish,
) -> Making<Made> {
    let secret = mint(maker, kind);
    let (prefix, last4) = glimpse(secret.expose());
    let draft = sound!(draft(work, maker, kind, owner, wish)?);
    let credential = Credential { hash: secret.hash(), prefix, last4, ..draft };
    if !store::insert(work, &credential)? {
        return Err(Fault::internal("a new credential that was there before"));
    }
    tell(work, Kind::CredentialCreated, maker.actor, &credential, json!({}));
    Ok(Ok(Made { credential, secret }))
}

/// Brings an API key along from elsewhere; with it comes what its owner should know.
pub fn import(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    owner: PrincipalId,
    wish: &Wish,
    secret: &Imported,
) -> Making<(Credential, Option<String>)> {
    let mut draft = sound!(draft(work, maker, CredentialKind::ApiKey, owner, wish)?);
    draft.imported = true;
    let mut warning = None;
    match secret {
        Imported::Hash(hash) => draft.hash = *hash,
        Imported::Literal(text) => {
            sound!(check_shape(text, maker.settings));
            draft.hash = text.hash();
            (draft.prefix, draft.last4) = glimpse(text.expose());
            if !looks_random(text.expose()) {
                warning = Some(confine(&mut draft));
            }
        }
    }
    if !store::insert(work, &draft)? {
        return Ok(Err(CredentialProblem::new("there is this very key already")));
    }
    tell(work, Kind::CredentialImported, maker.actor, &draft, json!({ "is_weak": warning.is_some() }));
    Ok(Ok((draft, warning)))
}

/// Gives a credential a successor that may do the same; it lives on until the overlap is over. Of two who do it at once,
/// one does.
pub fn rotate(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    id: CredentialId,
    overlap: Overlap,
) -> Making<(Made, DateTime<Utc>)> {
    let Some(old) = store::find(work, id)? else {
        return Ok(Err(CredentialProblem::new("there is no such credential")));
    };
    let now = work.now();
    sound!(rules::may_rotate(&old, now));
    let end = overlap.end(&old, now);
    if !store::retire(work, &old, end)? {
        return Ok(Err(CredentialProblem::new("somebody else has just rotated or revoked it")));
    }
    let secret = mint(maker, old.kind);
    let (prefix, last4) = glimpse(secret.expose());
    let credential = Credential {
        id: CredentialId::from_uuid(Entropy.id(now)),
        hash: secret.hash(),
        prefix,
        last4,
        imported: false,
        created_at: now,
        created_by: maker.actor.id(),
        expires_at: maker.settings.renewed_end(&old, now),
        rotated_from: Some(old.id),
        ..old.clone()
    };
    if !store::insert(work, &credential)? {
        return Err(Fault::internal("a new credential that was there before"));
    }
    let data = json!({ "successor": credential.id, "old_ends_at": end });
    tell(work, Kind::CredentialRotated, maker.actor, &old, data);
    Ok(Ok((Made { credential, secret }, end)))
}

fn mint(maker: Maker<'_>, kind: CredentialKind) -> PlainSecret {
    match kind {
        CredentialKind::ApiKey => Entropy.api_key(&maker.settings.key_tag),
        CredentialKind::PersonalToken => Entropy.bearer(LastingTag::PersonalToken),
    }
}

/// What was wished for, checked as a whole; its text is put in by whoever has it.
fn draft(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    kind: CredentialKind,
    owner: PrincipalId,
    wish: &Wish,
) -> Making<Credential> {
    sound!(check_owner(work, kind, owner)?);
    let known = catalogue(work)?.scope();
    let now = work.now();
    let check = || {
        Ok(Credential {
            id: CredentialId::from_uuid(Entropy.id(now)),
            kind,
            owner,
            hash: SecretHash::from_bytes([0; 32]),
            name: name(&wish.name)?,
            prefix: String::new(),
            last4: String::new(),
            scope: scope(kind, &wish.scope, &known)?,
            environment: environment(wish.environment.as_deref())?,
            ip_allow: networks(&wish.ip_allow)?,
            imported: false,
            created_at: now,
            created_by: maker.actor.id(),
            expires_at: maker.settings.end(kind, wish.lifetime, now)?,
            revoked_at: None,
            revoke_reason: None,
            rotated_at: None,
            rotated_from: None,
        })
    };
    Ok(check())
}

/// API keys are of orgs and clients, personal tokens of people; all of them may act.
fn check_owner(work: &mut Work<'_>, kind: CredentialKind, owner: PrincipalId) -> Making<()> {
    let say = |words: &str| Ok(Err(CredentialProblem::new(words)));
    match (kind, find_kind(work, owner)?) {
        (_, None) => say("there is no such principal"),
        (_, Some((_, false))) => say("its owner is disabled"),
        (CredentialKind::ApiKey, Some((PrincipalKind::User, _))) => {
            say("an API key is of an org or a client; a person has personal tokens")
        }
        (CredentialKind::PersonalToken, Some((PrincipalKind::Client | PrincipalKind::Org, _))) => {
            say("a personal token is of a person; an org or a client has API keys")
        }
        _ => Ok(Ok(())),
    }
}

fn name(typed: &str) -> Result<String, CredentialProblem> {
    DisplayText::parse(typed, MOST_OF_A_NAME)
        .map(|name| name.as_str().to_owned())
        .map_err(|problem| CredentialProblem::new(format!("name: {problem}")))
}

/// A key may be given scopes of our own management by an operator; a person can give those to nobody.
fn scope(kind: CredentialKind, typed: &str, known: &Scope) -> Result<Scope, CredentialProblem> {
    let say = |words: String| Err(CredentialProblem::new(words));
    let scope = Scope::parse(typed).map_err(CredentialProblem::new)?;
    let is_token = kind == CredentialKind::PersonalToken;
    if is_token && scope.is_empty() {
        return say("a personal token needs something that it may do".to_owned());
    }
    if let Some(management) = scope.iter().find(|token| is_token && token.is_management()) {
        return say(format!("{management} is a scope of this server's own management"));
    }
    match scope.difference(known).iter().find(|token| !token.is_management()) {
        Some(unknown) => say(format!("no service has the scope {unknown}; make the service first")),
        None => Ok(scope),
    }
}

fn environment(typed: Option<&str>) -> Result<Environment, CredentialProblem> {
    let Some(word) = typed else { return Ok(Environment::default()) };
    Environment::parse(word)
        .ok_or_else(|| CredentialProblem::new(format!("{word} is no environment; there are live and test")))
}

/// Networks by their own addresses: `192.0.2.7/24` is `192.0.2.0/24`, and an address alone is a network of one.
fn networks(typed: &[String]) -> Result<Vec<IpNet>, CredentialProblem> {
    if typed.len() > MOST_NETWORKS {
        return Err(CredentialProblem::new(format!("there can be {MOST_NETWORKS} networks at most")));
    }
    let mut networks: Vec<IpNet> = typed.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
    networks.sort_unstable();
    networks.dedup();
    Ok(networks)
}

fn network(text: &str) -> Result<IpNet, CredentialProblem> {
    let parsed =
        text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
    let network = parsed.ok_or_else(|| {
        CredentialProblem::new(format!("{text} is no network: write it like 192.0.2.0/24 or 2001:db8::/32"))
    })?;
    canonical(network).ok_or_else(|| {
        CredentialProblem::new(format!("{text} is wider than IPv4 dressed as IPv6: write the IPv4 network"))
    })
}

/// IPv4 dressed as IPv6 is IPv4, as it is where addresses are compared.
fn canonical(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = network else { return Some(network.trunc()) };
    let Some(v4) = v6.addr().to_ipv4_mapped() else { return Some(network.trunc()) };
    let length = v6.prefix_len().checked_sub(96)?;
    IpNet::new(v4.into(), length).ok().map(|network| network.trunc())
}

/// A key that is brought along has to look like one when it is presented.
fn check_shape(text: &PlainSecret, settings: &CredentialSettings) -> Result<(), CredentialProblem> {
    let is_key =
        Bearer::parse_with(text.expose(), &settings.key_tag).is_ok_and(|own| own.tag() == Tag::ApiKey);
    if is_key || rules::is_importable(text.expose(), &settings.key_tag) {
        return Ok(());
    }
    Err(CredentialProblem::new(
        "a key has 8 to 512 visible ASCII characters, and does not begin like one of this server's unless it is one",
    ))
}

/// Confines a secret that is easy to guess to a short life; what its owner should know.
fn confine(draft: &mut Credential) -> String {
    let end = draft.created_at + Duration::days(WEAK_DAYS);
    let end = draft.expires_at.map_or(end, |own| own.min(end));
    draft.expires_at = Some(end);
    let day = end.format("%Y-%m-%d");
    format!("this key is easy to guess, so it ends on {day}; rotate it before, and use the successor")
}

/// Tells what was done to a credential: whose it is and what it may do, and never a character of it.
fn tell(work: &mut Work<'_>, kind: Kind, actor: Actor, credential: &Credential, more: Value) {
    let mut data = json!({
        "kind": credential.kind.as_str(), "owner": credential.owner, "name": credential.name,
        "scope": credential.scope, "environment": credential.environment.as_str(),
        "ip_allow": credential.ip_allow, "expires_at": credential.expires_at,
    });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    work.tell(Event::new(kind, actor).on("credential", credential.id).with(data));
}
