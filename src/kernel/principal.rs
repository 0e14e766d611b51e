//! Who acts and what they hold, by id. One type an id, so that a grant's id is never passed for a family's.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this number; ids are made in `platform/entropy.rs`.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The number.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            /// Reads the form that `Display` writes, and none of the others that a UUID has (RFC 9562 §4).
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    )+};
}

uuid_id! {
    /// A principal: a user, client or org.
    PrincipalId;
    /// What a person has allowed one client.
    GrantId;
    /// One authorization under a grant, and every token that descends from it.
    FamilyId;
    /// A short-lived OAuth token; in a JWT, its `jti`.
    TokenId;
    /// A long-lived secret of a principal.
    CredentialId;
    /// An upstream API.
    ServiceId;
    /// A limit on what somebody may do.
    LimitId;
    /// A person's session in one browser.
    SessionId;
    /// One authorization request that waits for a person to sign in or to consent.
    InteractionId;
    /// An entry of the audit log.
    EventId;
    /// One HTTP request, as its answer and the logs name it.
    RequestId;
    /// One try at exchanging a code or a refresh token.
    AttemptId;
}

/// The kinds of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// An OAuth client (RFC 6749 §2).
    Client,
    /// An organisation, which owns and pays.
    Org,
}

impl PrincipalKind {
    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalKind::User => "user",
            PrincipalKind::Client => "client",
            PrincipalKind::Org => "org",
        }
    }

    /// The kind of this word.
    pub fn parse(text: &str) -> Option<PrincipalKind> {
        [PrincipalKind::User, PrincipalKind::Client, PrincipalKind::Org]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Not a client identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a client_id is 1 to 128 letters, digits, or . _ ~ -")]
pub struct InvalidClientId;

/// A `client_id` (RFC 6749 §2.2): 1 to 128 unreserved characters of RFC 3986 §2.3, narrower than RFC 6749's
/// `*VSCHAR`, so that it needs no encoding in a query, a form, a header or a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Reads a `client_id`; case counts.
    pub fn parse(text: &str) -> Result<ClientId, InvalidClientId> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~');
        let sound = (1..=128).contains(&text.len()) && text.bytes().all(unreserved);
        if sound { Ok(ClientId(text.to_owned())) } else { Err(InvalidClientId) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_has_one_written_form() {
        let text = "0190163d-8694-739b-aea5-966c26f8ad91";
        let id = PrincipalId::parse(text).unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        let simple = text.replace('-', "");
        for other in
            ["", &simple, &format!("{{{text}}}"), &format!("urn:uuid:{text}"), &format!("{simple}    ")]
        {
            assert_eq!(PrincipalId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn kinds_read_back() {
        for kind in [PrincipalKind::User, PrincipalKind::Client, PrincipalKind::Org] {
            assert_eq!(PrincipalKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(PrincipalKind::parse("User"), None);
    }

    #[test]
    fn a_client_id_needs_no_encoding_anywhere() {
        for bad in ["", "a b", "a:b", "a/b", "a%20", "é", "a\0", "a\"", &"x".repeat(129)] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId), "{bad:?}");
        }
        assert!(ClientId::parse(&"x".repeat(128)).is_ok());
    }

    proptest! {
        #[test]
        fn ids_round_trip(number: u128) {
            let id = GrantId::from_uuid(Uuid::from_u128(number));
            prop_assert_eq!(GrantId::parse(&id.to_string()), Some(id));
            prop_assert_eq!(id.uuid().as_u128(), number);
        }

        #[test]
        fn client_ids_are_kept_as_sent(text in "[A-Za-z0-9._~-]{1,128}") {
            let id = ClientId::parse(&text).unwrap();
            prop_assert_eq!((id.as_str(), id.to_string()), (text.as_str(), text.clone()));
        }
    }
}
