//! What caches must forget: named where it is changed, told to every node with the commit that changed it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::kernel::{FamilyId, GrantId, PrincipalId, SecretHash};

/// Something that a cache may hold and that is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stale {
    /// A client: its registration, its secrets, whether it may act.
    Client(PrincipalId),
    /// Whether a person may act.
    User(PrincipalId),
    /// An account: its name, its plan, whether it may act.
    Account(PrincipalId),
    /// What a person is to an organization.
    Membership {
        /// The organization.
        org: PrincipalId,
        /// The person.
        user: PrincipalId,
    },
    /// What a person allowed a client.
    Grant(GrantId),
    /// Whether a family lives.
    Family(FamilyId),
    /// Whether an access token was revoked.
    AccessToken(SecretHash),
    /// An API key or a personal token: whether it is good.
    Credential(SecretHash),
    /// Services and their scopes.
    Catalogue,
    /// Which services a principal may call.
    ServiceGrants(PrincipalId),
    /// The limits of plans and services.
    Limits,
    /// Those of one principal or credential.
    LimitsOf(Uuid),
    /// The signing keys: which there are, and what each may do.
    SigningKeys,
    /// All of it: more than is worth naming.
    Everything,
}

impl Stale {
    /// As it is told to other nodes: one letter, and what it is about.
    pub fn encode(&self) -> String {
        match self {
            Self::Client(id) => format!("c{}", id.uuid().simple()),
            Self::User(id) => format!("u{}", id.uuid().simple()),
            Self::Account(id) => format!("a{}", id.uuid().simple()),
            Self::Membership { org, user } => format!("m{}", pair(*org, *user)),
            Self::Grant(id) => format!("g{}", id.uuid().simple()),
            Self::Family(id) => format!("f{}", id.uuid().simple()),
            Self::AccessToken(hash) => format!("t{}", URL_SAFE_NO_PAD.encode(hash.as_bytes())),
            Self::Credential(hash) => format!("b{}", URL_SAFE_NO_PAD.encode(hash.as_bytes())),
            Self::Catalogue => "s".to_owned(),
            Self::ServiceGrants(id) => format!("p{}", id.uuid().simple()),
            Self::Limits => "l".to_owned(),
            Self::LimitsOf(owner) => format!("o{}", owner.simple()),
            Self::SigningKeys => "k".to_owned(),
            Self::Everything => "*".to_owned(),
        }
    }

    /// What another node tells. What is not understood, since a newer node may say it, is everything.
    pub fn decode(text: &str) -> Self {
        Self::read(text).unwrap_or(Self::Everything)
    }

    fn read(text: &str) -> Option<Self> {
        let (what, about) = text.split_at_checked(1)?;
        let id = || Uuid::try_parse(about).ok();
        let hash = || {
            let bytes = URL_SAFE_NO_PAD.decode(about).ok()?;
            Some(SecretHash::from_bytes(bytes.try_into().ok()?))
        };
        match what {
            "c" => id().map(|id| Self::Client(PrincipalId::from_uuid(id))),
            "u" => id().map(|id| Self::User(PrincipalId::from_uuid(id))),
            "a" => id().map(|id| Self::Account(PrincipalId::from_uuid(id))),
            "m" => paired(about).map(|(org, user)| Self::Membership { org, user }),
            "g" => id().map(|id| Self::Grant(GrantId::from_uuid(id))),
            "f" => id().map(|id| Self::Family(FamilyId::from_uuid(id))),
            "p" => id().map(|id| Self::ServiceGrants(PrincipalId::from_uuid(id))),
            "t" => hash().map(Self::AccessToken),
            "b" => hash().map(Self::Credential),
            "s" if about.is_empty() => Some(Self::Catalogue),
            "l" if about.is_empty() => Some(Self::Limits),
            "o" => id().map(Self::LimitsOf),
            "k" if about.is_empty() => Some(Self::SigningKeys),
            _ => None,
        }
    }
}

/// Two ids in one short text.
fn pair(one: PrincipalId, other: PrincipalId) -> String {
    URL_SAFE_NO_PAD.encode([one.uuid().into_bytes(), other.uuid().into_bytes()].concat())
}

fn paired(text: &str) -> Option<(PrincipalId, PrincipalId)> {
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (one, other) = bytes.split_at(16);
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok().map(PrincipalId::from_uuid);
    Some((id(one)?, id(other)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood_and_the_unknown_is_everything() {
        let id = Uuid::from_u128(7);
        for stale in [
            Stale::Client(PrincipalId::from_uuid(id)),
            Stale::User(PrincipalId::from_uuid(id)),
            Stale::Account(PrincipalId::from_uuid(id)),
            Stale::Membership {
                org: PrincipalId::from_uuid(id),
                user: PrincipalId::from_uuid(Uuid::from_u128(8)),
            },
            Stale::Grant(GrantId::from_uuid(id)),
            Stale::Family(FamilyId::from_uuid(id)),
            Stale::AccessToken(SecretHash::of("gat")),
            Stale::Credential(SecretHash::of("gak")),
            Stale::Catalogue,
            Stale::ServiceGrants(PrincipalId::from_uuid(id)),
            Stale::Limits,
            Stale::LimitsOf(id),
            Stale::SigningKeys,
            Stale::Everything,
        ] {
            assert_eq!(Stale::decode(&stale.encode()), stale);
        }
        for text in ["", "x", "c", "c7", "t!", "m!", "maaaa", "sx", "é"] {
            assert_eq!(Stale::decode(text), Stale::Everything, "{text}");
        }
    }
}
