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
    /// What a person allowed a client.
    Grant(GrantId),
    /// Whether a family lives.
    Family(FamilyId),
    /// Whether an access token was revoked.
    AccessToken(SecretHash),
    /// Services and their scopes.
    Catalogue,
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
            Self::Grant(id) => format!("g{}", id.uuid().simple()),
            Self::Family(id) => format!("f{}", id.uuid().simple()),
            Self::AccessToken(hash) => format!("t{}", URL_SAFE_NO_PAD.encode(hash.as_bytes())),
            Self::Catalogue => "s".to_owned(),
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
        match what {
            "c" => id().map(|id| Self::Client(PrincipalId::from_uuid(id))),
            "u" => id().map(|id| Self::User(PrincipalId::from_uuid(id))),
            "g" => id().map(|id| Self::Grant(GrantId::from_uuid(id))),
            "f" => id().map(|id| Self::Family(FamilyId::from_uuid(id))),
            "t" => {
                let bytes = URL_SAFE_NO_PAD.decode(about).ok()?;
                Some(Self::AccessToken(SecretHash::from_bytes(bytes.try_into().ok()?)))
            }
            "s" if about.is_empty() => Some(Self::Catalogue),
            "l" if about.is_empty() => Some(Self::Limits),
            "o" => id().map(Self::LimitsOf),
            "k" if about.is_empty() => Some(Self::SigningKeys),
            _ => None,
        }
    }
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
            Stale::Grant(GrantId::from_uuid(id)),
            Stale::Family(FamilyId::from_uuid(id)),
            Stale::AccessToken(SecretHash::of("gat")),
            Stale::Catalogue,
            Stale::Limits,
            Stale::LimitsOf(id),
            Stale::SigningKeys,
            Stale::Everything,
        ] {
            assert_eq!(Stale::decode(&stale.encode()), stale);
        }
        for text in ["", "x", "c", "c7", "t!", "sx", "é"] {
            assert_eq!(Stale::decode(text), Stale::Everything, "{text}");
        }
    }
}
