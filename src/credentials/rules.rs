//! Whether a credential is good, and what may be done with it: decided over what was loaded.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::credentials::{Credential, CredentialProblem};
use crate::kernel::{Bearer, KeyTag, SecretHash, Tag};

/// Lengths of a bearer that can have been brought along: shorter ones are no secret, longer ones no header.
const IMPORTABLE: std::ops::RangeInclusive<usize> = 8..=512;

/// Why a credential is not good. For the log, and for whoever held it once: never for strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGood {
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// It may not come from there.
    WrongAddress,
    /// It has a successor, and its overlap is over: somebody missed it, or has what is not theirs.
    RotatedAndOver,
}

/// What a presented bearer is to be looked up by, if it can be an API key or a personal token.
///
/// One that begins like ours and is none was mistyped, and is nothing to ask the database about. Any other may have
/// been brought along from elsewhere, if a bearer can look like that at all.
pub fn hash_to_find(presented: &str, key_tag: &KeyTag) -> Option<SecretHash> {
    match Bearer::parse_with(presented, key_tag) {
        Ok(bearer) => matches!(bearer.tag(), Tag::ApiKey | Tag::PersonalToken).then(|| bearer.hash()),
        Err(_) => is_importable(presented, key_tag).then(|| SecretHash::of(presented)),
    }
}

/// Whether this can be brought along although it is not of our form.
pub fn is_importable(text: &str, key_tag: &KeyTag) -> bool {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    IMPORTABLE.contains(&text.len()) && is_visible && !Bearer::is_meant(text, key_tag)
}

/// Decides whether a credential is good at this moment, from wherever it may come.
pub fn judge(credential: &Credential, now: DateTime<Utc>) -> Result<(), NotGood> {
    if credential.revoked_at.is_some() {
        return Err(NotGood::Revoked);
    }
    if credential.expires_at.is_some_and(|end| end <= now) {
        let has_successor = credential.rotated_at.is_some();
        return Err(if has_successor { NotGood::RotatedAndOver } else { NotGood::Expired });
    }
    Ok(())
}

/// Decides whether a credential may come from this address. A caller whose address is not known is not one of those that
/// were named. An IPv4 address is the same when it comes dressed as IPv6 (RFC 4291 §2.5.5.2).
pub fn judge_address(credential: &Credential, ip: Option<IpAddr>) -> Result<(), NotGood> {
    let allowed = &credential.ip_allow;
    let is_named = |ip: IpAddr| allowed.iter().any(|network| network.contains(&ip.to_canonical()));
    if allowed.is_empty() || ip.is_some_and(is_named) { Ok(()) } else { Err(NotGood::WrongAddress) }
}

/// Decides whether a credential may get a successor: one that is good still, and has none.
pub fn may_rotate(credential: &Credential, now: DateTime<Utc>) -> Result<(), CredentialProblem> {
    let kind = credential.kind.in_words();
    let why = if credential.revoked_at.is_some() {
        "is revoked"
    } else if credential.rotated_at.is_some() {
        "was rotated already; rotate its successor"
    } else if credential.expires_at.is_some_and(|end| end <= now) {
        "has expired"
    } else {
        return Ok(());
    };
    Err(CredentialProblem::new(format!("this {kind} {why}")))
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use uuid::Uuid;

    use super::*;
    use crate::credentials::{CredentialKind, Environment};
    use crate::kernel::{CredentialId, LastingTag, PrincipalId, Scope};

    fn credential() -> Credential {
        Credential {
            id: CredentialId::from_uuid(Uuid::from_u128(1)),
            kind: CredentialKind::ApiKey,
            owner: PrincipalId::from_uuid(Uuid::from_u128(2)),
            hash: SecretHash::of("a key"),
            name: "ci".into(),
            prefix: String::new(),
            last4: String::new(),
            scope: Scope::empty(),
            environment: Environment::Live,
            ip_allow: Vec::new(),
            imported: false,
            created_at: DateTime::UNIX_EPOCH,
            created_by: None,
            expires_at: None,
            revoked_at: None,
            revoke_reason: None,
            rotated_at: None,
            rotated_from: None,
            rotated_by_itself: false,
        }
    }

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn it_is_good_until_the_moment_of_its_end() {
        let ending = |end| Credential { expires_at: Some(end), ..credential() };
        let moment = Duration::microseconds(1);
        assert_eq!(judge(&credential(), NOW), Ok(()));
        assert_eq!(judge(&ending(NOW + moment), NOW), Ok(()));
        assert_eq!(judge(&ending(NOW), NOW), Err(NotGood::Expired));
        let rotated = |end| Credential { rotated_at: Some(NOW), ..ending(end) };
        assert_eq!(judge(&rotated(NOW + moment), NOW), Ok(()));
        assert_eq!(judge(&rotated(NOW), NOW), Err(NotGood::RotatedAndOver));
        let revoked = Credential { revoked_at: Some(NOW), ..rotated(NOW) };
        assert_eq!(judge(&revoked, NOW), Err(NotGood::Revoked));
    }

    #[test]
    fn b08_it_comes_from_where_it_may() {
        let ip_allow = ["192.0.2.0/24", "2001:db8::/32"].map(|network| network.parse().unwrap()).into();
        let credential = Credential { ip_allow, ..credential() };
        let from = |ip: &str| judge_address(&credential, Some(ip.parse().unwrap()));
        for good in ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7", "2001:db8:1::1"] {
            assert_eq!(from(good), Ok(()), "{good}");
        }
        for bad in ["192.0.3.0", "::ffff:192.0.3.1", "::192.0.2.7", "2001:db9::1", "::1"] {
            assert_eq!(from(bad), Err(NotGood::WrongAddress), "{bad}");
        }
        assert_eq!(judge_address(&credential, None), Err(NotGood::WrongAddress));
    }

    #[test]
    fn only_what_is_good_and_has_no_successor_gets_one() {
        let refused = |credential: Credential| may_rotate(&credential, NOW).unwrap_err().to_string();
        assert_eq!(may_rotate(&credential(), NOW), Ok(()));
        let revoked = Credential { revoked_at: Some(NOW), ..credential() };
        assert_eq!(refused(revoked), "this API key is revoked");
        let rotated = Credential { rotated_at: Some(NOW), ..credential() };
        assert_eq!(refused(rotated), "this API key was rotated already; rotate its successor");
        let expired = Credential { expires_at: Some(NOW), ..credential() };
        assert_eq!(refused(expired), "this API key has expired");
    }

    #[test]
    fn what_is_looked_up_is_ours_or_may_have_been_brought_along() {
        let (ours, theirs) = (KeyTag::default(), KeyTag::parse("ak").unwrap());
        let mut rng = StdRng::seed_from_u64(1);
        let key = Bearer::mint_key(&theirs, &mut rng);
        let token = Bearer::mint(LastingTag::PersonalToken, &mut rng);
        let secret = Bearer::mint(LastingTag::ClientSecret, &mut rng);
        for found in [key.expose(), token.expose(), "premium-api-key-12345", "sk_live_4eC39Hq"] {
            assert_eq!(hash_to_find(found, &theirs), Some(SecretHash::of(found)), "{found}");
        }
        // Without its tag it is a stranger's.
        assert_eq!(hash_to_find(key.expose(), &ours), Some(key.hash()));
        let (long, short) = ("x".repeat(513), "1234567");
        for nothing in ["", short, &long, "two words", "schlüssel", "gak_mistyped", secret.expose()] {
            assert_eq!(hash_to_find(nothing, &theirs), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn b03_a_typo_of_our_own_form_is_refused_without_looking(seed: u64, at in 4usize..40, wrong in "[0-9A-Za-z]") {
            let tag = KeyTag::default();
            let minted = Bearer::mint(LastingTag::ApiKey, &mut StdRng::seed_from_u64(seed));
            let mut text = minted.expose().to_owned();
            text.replace_range(at..=at, &wrong);
            prop_assert_eq!(hash_to_find(&text, &tag).is_some(), text == minted.expose());
        }
    }
}
