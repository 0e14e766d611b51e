//! Browser sessions: who is signed in at this browser.
//!
//! Every browser holds one cookie, a random bearer. Before sign-in it names no row and only binds forms and
//! interactions to the browser; at sign-in and sign-out it is replaced, so an id that somebody planted or
//! copied is worth nothing afterwards.

mod cookie;
mod device;
mod recognise;
pub mod store;

pub use cookie::{Browser, CookieJar};
pub use recognise::{SignedIn, recognise, recognise_alone};

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use crate::kernel::{PrincipalId, SessionId, SessionStanding};
use crate::platform::context::Context;

const AT_MOST_EVERY: Duration = Duration::seconds(20);

/// Settings of the section `sessions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Seconds without a request after which a session ends.
    pub idle_s: u32,
    /// Seconds after which a session ends in any case; at most 90 days.
    pub absolute_s: u32,
    /// Seconds a person has to sign in and to consent.
    pub interaction_s: u32,
}

impl SessionSettings {
    /// How long a session may rest.
    pub fn idle(&self) -> Duration {
        Duration::seconds(self.idle_s.into())
    }

    /// How long a session may last.
    pub fn absolute(&self) -> Duration {
        Duration::seconds(self.absolute_s.into())
    }

    /// How long an interaction waits.
    pub fn interaction(&self) -> Duration {
        Duration::seconds(self.interaction_s.into())
    }
}

/// Somebody signed in at a browser.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, for lists and events; worth nothing as a cookie.
    pub id: SessionId,
    /// Who.
    pub user_id: PrincipalId,
    /// When the password was typed.
    pub authenticated_at: DateTime<Utc>,
    /// When a request last came with it.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends in any case.
    pub expires_at: DateTime<Utc>,
    /// When it was ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// From which address it was last seen.
    pub ip: Option<String>,
    /// What its browser called itself at sign-in.
    pub user_agent: Option<String>,
}

impl Session {
    /// Somebody who has just typed their password.
    pub fn opened(id: SessionId, user: PrincipalId, context: &Context, settings: &SessionSettings) -> Self {
        Self {
            id,
            user_id: user,
            authenticated_at: context.now,
            last_seen_at: context.now,
            expires_at: context.now + settings.absolute(),
            ended_at: None,
            ip: context.ip.map(|ip| ip.to_string()),
            user_agent: context.user_agent.as_deref().map(str::to_owned),
        }
    }

    /// The device, in its owner's words.
    pub fn device(&self) -> String {
        device::device(self.user_agent.as_deref())
    }

    /// Whether it is to be written that it was seen: a busy browser does not write at every click.
    pub fn is_to_be_noted(&self, now: DateTime<Utc>) -> bool {
        self.last_seen_at < now - AT_MOST_EVERY
    }

    /// For the eligibility rule.
    pub fn standing(&self, settings: &SessionSettings) -> SessionStanding {
        SessionStanding {
            ended_at: self.ended_at,
            expires_at: self.expires_at,
            idle_expires_at: self.last_seen_at + settings.idle(),
        }
    }
}
