//! May this still act? The one eligibility rule, asked by every grant type, every page and introspection.
//!
//! Servers forget a check on one path: a locked user who can still refresh, a withdrawn grant that still
//! introspects as active. So no path has checks of its own: each loads what stands behind the request and
//! asks [`Standing::may_act`].

use chrono::{DateTime, Utc};
use thiserror::Error;

/// Everything that a token, code or session stands on. What a kind of request does not have is `None`: a
/// client acting for itself has no user, grant or session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// When an operator disabled the client, if one did.
    pub client_disabled_at: Option<DateTime<Utc>>,
    /// When an operator disabled the account that it belongs to, where that is not told with the above.
    pub account_disabled_at: Option<DateTime<Utc>>,
    /// The person it acts for.
    pub user: Option<UserStanding>,
    /// What that person has allowed the client.
    pub grant: Option<GrantStanding>,
    /// The authorization it descends from.
    pub family: Option<FamilyStanding>,
    /// The browser session it is done in.
    pub session: Option<SessionStanding>,
}

/// How a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserStanding {
    /// When they were disabled, if they are.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// How a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantStanding {
    /// When the person took it back, if they did.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// How a family stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyStanding {
    /// When it was revoked, by the person, the client (RFC 7009) or our reuse detection.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it ends however often it is refreshed (RFC 9700 §4.14.2).
    pub expires_at: DateTime<Utc>,
}

/// How a browser session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStanding {
    /// When the person signed out or was signed out.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it ends however busy it is.
    pub expires_at: DateTime<Utc>,
    /// When it ends if nothing more happens.
    pub idle_expires_at: DateTime<Utc>,
}

/// Why something may not act any more: for the log and the audit, never for the client, who learns
/// `invalid_grant`, `invalid_token` or `"active": false` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{}", self.as_str())]
pub enum Inactive {
    /// The client is disabled.
    ClientDisabled,
    /// The account is disabled.
    AccountDisabled,
    /// The person is disabled.
    UserDisabled,
    /// The person took the grant back.
    GrantWithdrawn,
    /// The family was revoked.
    FamilyRevoked,
    /// The family reached its end.
    FamilyExpired,
    /// The session was signed out.
    SessionEnded,
    /// The session reached its end, or was idle too long.
    SessionExpired,
}

impl Inactive {
    /// The reason as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Inactive::ClientDisabled => "client_disabled",
            Inactive::AccountDisabled => "account_disabled",
            Inactive::UserDisabled => "user_disabled",
            Inactive::GrantWithdrawn => "grant_withdrawn",
            Inactive::FamilyRevoked => "family_revoked",
            Inactive::FamilyExpired => "family_expired",
            Inactive::SessionEnded => "session_ended",
            Inactive::SessionExpired => "session_expired",
        }
    }
}

impl Standing {
    /// Whether all that it stands on still stands at `now`; if not, the first reason, from the client down.
    ///
    /// An expiry is exclusive: at `expires_at` it is over. A disabling counts as soon as it is written,
    /// whatever its time says, since the clocks of two nodes differ.
    pub fn may_act(&self, now: DateTime<Utc>) -> Result<(), Inactive> {
        let Standing { client_disabled_at, account_disabled_at, user, grant, family, session } = self;
        let refusals = [
            (client_disabled_at.is_some(), Inactive::ClientDisabled),
            (account_disabled_at.is_some(), Inactive::AccountDisabled),
            (user.is_some_and(|user| user.disabled_at.is_some()), Inactive::UserDisabled),
            (grant.is_some_and(|grant| grant.withdrawn_at.is_some()), Inactive::GrantWithdrawn),
            (family.is_some_and(|family| family.revoked_at.is_some()), Inactive::FamilyRevoked),
            (family.is_some_and(|family| now >= family.expires_at), Inactive::FamilyExpired),
            (session.is_some_and(|session| session.ended_at.is_some()), Inactive::SessionEnded),
            (session.is_some_and(|session| session.is_over(now)), Inactive::SessionExpired),
        ];
        let first = refusals.into_iter().find(|(refused, _)| *refused);
        first.map_or(Ok(()), |(_, reason)| Err(reason))
    }
}

impl SessionStanding {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires_at || now >= self.idle_expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    /// Everything present and good for ever.
    fn good() -> Standing {
        let end = DateTime::<Utc>::MAX_UTC;
        Standing {
            client_disabled_at: None,
            account_disabled_at: None,
            user: Some(UserStanding { disabled_at: None }),
            grant: Some(GrantStanding { withdrawn_at: None }),
            family: Some(FamilyStanding { revoked_at: None, expires_at: end }),
            session: Some(SessionStanding { ended_at: None, expires_at: end, idle_expires_at: end }),
        }
    }

    fn user(disabled_at: Option<DateTime<Utc>>) -> Standing {
        Standing { user: Some(UserStanding { disabled_at }), ..good() }
    }

    fn grant(withdrawn_at: Option<DateTime<Utc>>) -> Standing {
        Standing { grant: Some(GrantStanding { withdrawn_at }), ..good() }
    }

    fn family(revoked_at: Option<DateTime<Utc>>, end: i64) -> Standing {
        Standing { family: Some(FamilyStanding { revoked_at, expires_at: at(end) }), ..good() }
    }

    fn session(ended_at: Option<DateTime<Utc>>, end: i64, idle: i64) -> Standing {
        let session = SessionStanding { ended_at, expires_at: at(end), idle_expires_at: at(idle) };
        Standing { session: Some(session), ..good() }
    }

    #[test]
    fn l05_each_thing_it_stands_on_can_stop_it() {
        let (then, later) = (Some(at(1)), Some(at(101)));
        let client = |client_disabled_at| Standing { client_disabled_at, ..good() };
        for (standing, verdict) in [
            (good(), Ok(())),
            (Standing::default(), Ok(())),
            (client(then), Err(Inactive::ClientDisabled)),
            (client(later), Err(Inactive::ClientDisabled)),
            (user(then), Err(Inactive::UserDisabled)),
            (grant(then), Err(Inactive::GrantWithdrawn)),
            (family(then, 50), Err(Inactive::FamilyRevoked)),
            (family(None, 100), Err(Inactive::FamilyExpired)),
            (family(None, 101), Ok(())),
            (session(then, 50, 50), Err(Inactive::SessionEnded)),
            (session(None, 100, 101), Err(Inactive::SessionExpired)),
            (session(None, 101, 100), Err(Inactive::SessionExpired)),
            (session(None, 101, 101), Ok(())),
        ] {
            assert_eq!(standing.may_act(at(100)), verdict, "{standing:?}");
        }
    }

    #[test]
    fn the_reason_is_one_snake_case_word() {
        assert_eq!(Inactive::GrantWithdrawn.to_string(), "grant_withdrawn");
    }

    proptest! {
        #[test]
        fn what_may_not_act_never_may_again(
            family_end in 0_i64..99, end in 0_i64..99, idle in 0_i64..99, now in 0_i64..99, later in 0_i64..99,
        ) {
            let standing = Standing { family: family(None, family_end).family, ..session(None, end, idle) };
            prop_assert_eq!(standing.may_act(at(now)).is_ok(), now < family_end.min(end).min(idle));
            if standing.may_act(at(now)).is_err() {
                prop_assert!(standing.may_act(at(now + later)).is_err());
            }
        }
    }
}
