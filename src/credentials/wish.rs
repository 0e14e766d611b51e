//! What somebody wants of a new credential: checked as a whole, before anything is made.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::accounts::store::{find_kind, lock_principal};
use crate::audit::{Actor, Work};
use crate::credentials::lifetime::Lifetime;
use crate::credentials::making::Maker;
use crate::credentials::store::count_living;
use crate::credentials::{Credential, CredentialKind, CredentialProblem, Environment, Making};
use crate::kernel::{CredentialId, DisplayText, Fault, PrincipalId, PrincipalKind, Scope, SecretHash};
use crate::platform::entropy::Entropy;
use crate::services::Catalogue;
use crate::services::store::catalogue;

/// Characters that a name has at most.
pub const MOST_OF_A_NAME: usize = 100;
/// Living tokens that a person has at most.
const MOST_TOKENS: i64 = 50;
/// Networks that a credential may be confined to, at most.
const MOST_NETWORKS: usize = 100;

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
    /// The credential with which it is wished for: what it makes ends no later, and comes from nowhere else.
    pub with: Option<Credential>,
}

impl Wish {
    /// The same, wished for with this credential.
    pub fn within(self, with: Option<Credential>) -> Self {
        Self { with, ..self }
    }
}

/// What was wished for, checked as a whole; its text is put in by whoever has it.
pub(super) fn draft(
    work: &mut Work<'_>,
    maker: Maker<'_>,
    kind: CredentialKind,
    owner: PrincipalId,
    wish: &Wish,
) -> Making<Credential> {
    if let Err(problem) = check_owner(work, kind, owner)? {
        return Ok(Err(problem));
    }
    if kind == CredentialKind::PersonalToken {
        // Of two who make the last one at once, the second finds the first one's.
        lock_principal(work, owner)?;
    }
    if !has_room(work, kind, owner)? {
        return Ok(Err(CredentialProblem::new(format!(
            "a person has {MOST_TOKENS} personal tokens at most; revoke one first"
        ))));
    }
    let known = catalogue(work)?;
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
            scope: scope(kind, maker.actor, &wish.scope, &known)?,
            environment: environment(wish.environment.as_deref())?,
            ip_allow: confined(networks(&wish.ip_allow)?, wish.with.as_ref())?,
            imported: false,
            created_at: now,
            created_by: maker.actor.id(),
            expires_at: maker
                .settings
                .end(kind, wish.lifetime, now)?
                .into_iter()
                .chain(wish.with.as_ref().and_then(|with| with.expires_at))
                .min(),
            revoked_at: None,
            revoke_reason: None,
            rotated_at: None,
            rotated_from: None,
            rotated_by_itself: false,
        })
    };
    Ok(check())
}

/// Whether its owner may have one more of this kind. Tokens that have a successor are on their way out, and not counted.
pub(super) fn has_room(work: &mut Work<'_>, kind: CredentialKind, owner: PrincipalId) -> Result<bool, Fault> {
    let now = work.now();
    Ok(kind != CredentialKind::PersonalToken || count_living(work, kind, owner, now)? < MOST_TOKENS)
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

/// Scopes of our own management are given to a personal token by an operator alone: no person gives them to themselves.
/// A key gets them from whoever has them.
fn scope(
    kind: CredentialKind,
    by: Actor,
    typed: &str,
    known: &Catalogue,
) -> Result<Scope, CredentialProblem> {
    let say = |words: String| Err(CredentialProblem::new(words));
    let scope = Scope::parse(typed).map_err(CredentialProblem::new)?;
    let is_token = kind == CredentialKind::PersonalToken;
    let is_self_made = is_token && by != Actor::Operator;
    if is_token && scope.is_empty() {
        return say("a personal token needs something that it may do".to_owned());
    }
    if let Some(management) = scope.iter().find(|token| is_self_made && token.is_management()) {
        return say(format!("{management} is a scope of this server's own management"));
    }
    let unknown = scope.iter().find(|token| !known.understands(token) && !token.is_management()).cloned();
    match unknown {
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

/// A credential that may come from some networks only makes none that may come from others.
fn confined(wanted: Vec<IpNet>, with: Option<&Credential>) -> Result<Vec<IpNet>, CredentialProblem> {
    let Some(own) = with.map(|with| &with.ip_allow).filter(|own| !own.is_empty()) else { return Ok(wanted) };
    if wanted.is_empty() {
        return Ok(own.clone());
    }
    let beyond = wanted.iter().find(|wanted| !own.iter().any(|own| own.contains(*wanted)));
    match beyond {
        None => Ok(wanted),
        Some(beyond) => {
            let words = format!("{beyond} is outside of where the credential that asks may come from");
            Err(CredentialProblem::new(words))
        }
    }
}

fn network(text: &str) -> Result<IpNet, CredentialProblem> {
    let parsed = text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_known_by_its_own_address() {
        for (typed, meant) in [
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(network(typed).unwrap().to_string(), meant, "{typed}");
        }
        for bad in ["", "x", "192.0.2.0/33", "192.0.2", "::ffff:0.0.0.0/90", "192.0.2.1 "] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
