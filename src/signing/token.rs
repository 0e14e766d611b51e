//! Access tokens as JWTs (RFC 9068): their claims, out and in.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{ClientId, Fault, PlainSecret, Scope, SecretHash, TokenId};

/// What says that a JWT is an access token, and nothing else (RFC 9068 §2.1).
pub(super) const TYPE: &str = "at+jwt";
/// Bytes of the longest JWT that is looked at.
const LONGEST: usize = 8 * 1024;

/// What an access token says (RFC 9068 §2.2), but for its issuer, who is us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: a person's principal, or the client's own id.
    pub subject: String,
    /// The client it was given to.
    pub client: ClientId,
    /// For whom it is. Empty stands for ourselves, since a JWT must be for somebody.
    pub audience: Vec<String>,
    /// What it carries.
    pub scope: Scope,
    /// `jti`
    pub id: TokenId,
    /// Since when, to the second.
    pub issued_at: DateTime<Utc>,
    /// Until when, to the second.
    pub expires_at: DateTime<Utc>,
}

/// A JWT that was just made.
pub struct Signed {
    /// Its text.
    pub text: PlainSecret,
    /// What its row is found by. Of an ECDSA signature there are several forms, so it is not part of it.
    pub hash: SecretHash,
    /// Whether it can be presented: what is longer than any server takes was made in vain.
    pub is_presentable: bool,
}

impl Signed {
    pub(super) fn new(text: String, end: usize) -> Self {
        let hash = SecretHash::of(text.get(..end).unwrap_or_default());
        Self { is_presentable: text.len() <= LONGEST, text: PlainSecret::new(text), hash }
    }
}

/// A JWT that we signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// What its row is found by, if it has one.
    pub hash: SecretHash,
}

/// The claims as they travel. A member that comes twice is an error.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    iss: Cow<'a, str>,
    sub: Cow<'a, str>,
    aud: Audience,
    client_id: Cow<'a, str>,
    exp: i64,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    scope: Scope,
}

/// One audience is a text, several are a list (RFC 7519 §4.1.3).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// The text that is signed.
    pub(super) fn text(&self, issuer: &str) -> Result<String, Fault> {
        let wire = Wire {
            iss: issuer.into(),
            sub: self.subject.as_str().into(),
            aud: match self.audience.as_slice() {
                [] => Audience::One(issuer.to_owned()),
                [one] => Audience::One(one.clone()),
                several => Audience::Several(several.to_vec()),
            },
            client_id: self.client.as_str().into(),
            exp: self.expires_at.timestamp(),
            iat: self.issued_at.timestamp(),
            nbf: None,
            jti: self.id.to_string().into(),
            scope: self.scope.clone(),
        };
        serde_json::to_string(&wire).map_err(Fault::internal)
    }

    fn read(text: &[u8], issuer: &str) -> Option<Self> {
        let wire: Wire<'_> = serde_json::from_slice(text).ok()?;
        let is_usable = wire.iss == issuer && wire.nbf.is_none();
        let audience = match wire.aud {
            Audience::One(one) if one == issuer => Vec::new(),
            Audience::One(one) => vec![one],
            Audience::Several(several) => several,
        };
        is_usable.then_some(Self {
            subject: wire.sub.into_owned(),
            client: ClientId::parse(&wire.client_id).ok()?,
            audience,
            scope: wire.scope,
            id: TokenId::parse(&wire.jti)?,
            issued_at: DateTime::from_timestamp(wire.iat, 0)?,
            expires_at: DateTime::from_timestamp(wire.exp, 0)?,
        })
    }
}

/// The header of an access token of ours: these three members, and none besides. So `crit`, `b64`, and keys that a
/// stranger brings along (`jwk`, `jku`, `x5u`, `x5c`) are refused before anybody looks at them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    typ: String,
    pub(super) alg: String,
    pub(super) kid: String,
}

/// A JWT, taken apart. Nobody has vouched for it yet.
pub(super) struct Presented<'a> {
    pub(super) header: Header,
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    payload: &'a str,
}

impl<'a> Presented<'a> {
    /// Takes apart what has the form of an access token of ours.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.').filter(|_| text.len() <= LONGEST)?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        (header.typ == TYPE && !payload.contains('.')).then_some(Self { header, signed, signature, payload })
    }

    /// Its claims, once the signature is known to be ours.
    pub(super) fn verified(&self, issuer: &str) -> Option<Verified> {
        let claims = Claims::read(&URL_SAFE_NO_PAD.decode(self.payload).ok()?, issuer)?;
        Some(Verified { claims, hash: SecretHash::of(self.signed) })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ISSUER: &str = "https://id.test";

    fn claims() -> Claims {
        Claims {
            subject: "somebody".into(),
            client: ClientId::parse("app").unwrap(),
            audience: vec!["https://orders.test".into()],
            scope: Scope::parse("orders:read").unwrap(),
            id: TokenId::from_uuid(Uuid::from_u128(7)),
            issued_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::from_timestamp(600, 0).unwrap(),
        }
    }

    #[test]
    fn claims_are_read_as_they_are_written() {
        let several = vec!["a".to_owned(), "b".to_owned()];
        for audience in [Vec::new(), vec!["a".to_owned()], several] {
            let claims = Claims { audience, ..claims() };
            let text = claims.text(ISSUER).unwrap();
            assert_eq!(Claims::read(text.as_bytes(), ISSUER), Some(claims), "{text}");
        }
        let text = Claims { audience: Vec::new(), scope: Scope::empty(), ..claims() }.text(ISSUER).unwrap();
        assert!(text.contains(r#""aud":"https://id.test""#) && !text.contains("scope"), "{text}");
    }

    /// J09, J10
    #[test]
    fn claims_that_are_not_what_they_must_be_are_refused() {
        let good = claims().text(ISSUER).unwrap();
        assert!(Claims::read(good.as_bytes(), ISSUER).is_some(), "{good}");
        for (part, other) in [
            (r#""exp":600"#, r#""exp":"600""#),
            (r#""exp":600"#, r#""exp":1e400"#),
            (r#""exp":600"#, r#""exp":600.5"#),
            (r#""exp":600"#, r#""exp":9223372036854775807"#),
            (r#""exp":600,"#, ""),
            (r#""exp":600"#, r#""exp":600,"exp":601"#),
            (r#""iat":0"#, r#""iat":"0""#),
            (r#""iat":0"#, r#""iat":0,"nbf":"0""#),
            (r#""iat":0"#, r#""iat":0,"nbf":5000000000"#),
            (r#""iss":"https://id.test""#, r#""iss":"https://id.test/""#),
            (r#""iss":"https://id.test""#, r#""iss":["https://id.test"]"#),
            (r#""sub":"somebody","#, ""),
            (r#""sub":"somebody""#, r#""sub":"somebody","sub":"another""#),
            (r#""aud":"https://orders.test""#, r#""aud":null"#),
            (r#""aud":"https://orders.test""#, r#""aud":[1]"#),
            (r#""client_id":"app""#, r#""client_id":"""#),
            (r#""jti":""#, r#""jti":"x"#),
            (r#""scope":"orders:read""#, r#""scope":["orders:read"]"#),
        ] {
            let bad = good.replace(part, other);
            assert_ne!(bad, good, "{part}");
            assert_eq!(Claims::read(bad.as_bytes(), ISSUER), None, "{bad}");
        }
    }

    fn jwt(header: &str) -> String {
        format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header))
    }

    /// J06, J07, J10
    #[test]
    fn a_header_has_its_three_members_and_no_other() {
        assert!(Presented::parse(&jwt(r#"{"typ":"at+jwt","alg":"ES256","kid":"k"}"#)).is_some());
        for header in [
            r#"{"typ":"JWT","alg":"ES256","kid":"k"}"#,
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"typ":"at+jwt","alg":"ES256"}"#,
            r#"{"typ":"at+jwt","alg":["ES256"],"kid":"k"}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"k","kid":"l"}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"k","crit":["exp"]}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"k","b64":false}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"k","jku":"https://evil.example/"}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"k","jwk":{}}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"k"} "x""#,
            "[]",
            "",
        ] {
            assert!(Presented::parse(&jwt(header)).is_none(), "{header}");
        }
    }

    #[test]
    fn a_jwt_has_three_parts_in_one_spelling_and_an_end() {
        let good = jwt(r#"{"typ":"at+jwt","alg":"ES256","kid":"k"}"#);
        let header = good.split('.').next().unwrap();
        for bad in [
            header.to_owned(),
            format!("{header}.e30"),
            format!("{good}.c2ln"),
            format!("{header}=.e30.c2ln"),
            format!(" {good}"),
            format!("{header}.{}.c2ln", "A".repeat(LONGEST)),
            ".".repeat(LONGEST),
            format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode("[".repeat(3000))),
        ] {
            assert!(Presented::parse(&bad).is_none(), "{bad:.80}");
        }
    }

    /// One token has one text up to its signature, or a revoked one would have twins.
    #[test]
    fn a_payload_has_one_spelling() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"ES256","kid":"k"}"#);
        let subjects = ["x", "xx", "xxx"].map(str::to_owned);
        let texts = subjects.map(|subject| Claims { subject, ..claims() }.text(ISSUER).unwrap());
        let text = texts.iter().find(|text| text.len() % 3 == 1).unwrap();
        let payload = URL_SAFE_NO_PAD.encode(text);
        let verified = |payload: &str| {
            let jwt = format!("{header}.{payload}.c2ln");
            Presented::parse(&jwt).unwrap().verified(ISSUER)
        };
        assert!(verified(&payload).is_some());
        // `}` and four bits of nothing, of which one is set.
        let twin = format!("{}R", payload.strip_suffix('Q').unwrap());
        assert!(verified(&twin).is_none());
    }
}
