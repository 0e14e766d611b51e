//! The network guard: strangers who fail too often are made to wait.
//!
//! It counts failures, never work: a busy resource server's honest calls do not touch it. It lives in memory,
//! a node for itself; what must survive a restart (guesses at one account) is counted by `accounts`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::audit::{Actor, Event, Kind};
use crate::kernel::Denial;
use crate::limits::blocks::{Blocks, Shut};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;

/// Settings of the section `guard`: failures a minute that one network may cause.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardSettings {
    /// Wrong passwords, for any accounts.
    pub sign_in: u32,
    /// Failed client authentications.
    pub client_authentication: u32,
    /// Unknown codes and tokens from callers that proved nothing.
    pub unknown_bearer: u32,
    /// Authorization requests of browsers in which nobody is signed in.
    pub interactions: u32,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failed {
    /// A password.
    SignIn,
    /// A client's authentication.
    ClientAuthentication,
    /// A bearer that nobody issued, from a caller that proved nothing.
    UnknownBearer,
    /// An authorization request that had to be kept for somebody to sign in. No failure yet, but a row that a
    /// stranger had us write.
    Interaction,
}

impl Failed {
    /// Its word in the log of events.
    fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::ClientAuthentication => "client_authentication",
            Self::UnknownBearer => "unknown_bearer",
            Self::Interaction => "interaction",
        }
    }
}

/// Windows kept at once; a million strangers cannot take more memory than this many.
const MOST_WINDOWS: usize = 65_536;

#[derive(Clone, Copy)]
struct Window {
    opened_at: DateTime<Utc>,
    failures: u32,
}

/// The counts of this node.
pub struct Guard {
    settings: GuardSettings,
    blocks: Arc<Blocks>,
    windows: Mutex<HashMap<(Failed, Network), Window>>,
    /// When the last of the windows is over, in microseconds. Most of the time that is past, and nobody has to look.
    quiet_from: AtomicI64,
}

impl Guard {
    /// A guard that has seen nothing yet.
    pub fn new(settings: GuardSettings, blocks: Arc<Blocks>) -> Self {
        Self { settings, blocks, windows: Mutex::default(), quiet_from: AtomicI64::new(i64::MIN) }
    }

    /// Refuses a network that failed too often within the minute.
    pub fn check(&self, what: Failed, network: Network, now: DateTime<Utc>) -> Result<(), Denial> {
        if now.timestamp_micros() >= self.quiet_from.load(Ordering::Acquire) {
            return Ok(());
        }
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(window) = windows.get(&(what, network)) else {
            return Ok(());
        };
        let wait = (window.opened_at + minute() - now).num_seconds();
        if window.failures < self.quota(what) || wait <= 0 {
            return Ok(());
        }
        Err(Denial::TooManyFailures(u32::try_from(wait).unwrap_or(60).clamp(1, 60)))
    }

    /// Counts a failure of this request's. The one from which on the network must wait is noted, to be told.
    pub fn failed(&self, what: Failed, network: Network, context: &Context) {
        if self.count(what, network, context.now) {
            let event = || {
                let event = Event::new(Kind::NetworkBlocked, Actor::Anonymous).on("network", network);
                event.with(json!({ "failed": what.as_str() }))
            };
            self.blocks.note(Shut::Network(what, network), context, event);
        }
    }

    /// Whether the network must wait from now on.
    fn count(&self, what: Failed, network: Network, now: DateTime<Utc>) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_WINDOWS && !windows.contains_key(&(what, network)) {
            windows.retain(|_, window| !window.is_over(now));
            if windows.len() >= MOST_WINDOWS {
                // More strangers in a minute than we count: those who must wait stay, the others are forgotten.
                windows.retain(|(what, _), window| window.failures >= self.quota(*what));
            }
            if windows.len() >= MOST_WINDOWS {
                windows.clear();
            }
        }
        let window = windows.entry((what, network)).or_insert(Window { opened_at: now, failures: 0 });
        if window.is_over(now) {
            *window = Window { opened_at: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
        let over = (window.opened_at + minute()).timestamp_micros();
        self.quiet_from.fetch_max(over, Ordering::Release);
        window.failures == self.quota(what).max(1)
    }

    fn quota(&self, what: Failed) -> u32 {
        match what {
            Failed::SignIn => self.settings.sign_in,
            Failed::ClientAuthentication => self.settings.client_authentication,
            Failed::UnknownBearer => self.settings.unknown_bearer,
            Failed::Interaction => self.settings.interactions,
        }
    }
}

impl Window {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.opened_at + minute()
    }
}

fn minute() -> Duration {
    Duration::seconds(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let settings =
            GuardSettings { sign_in: 2, client_authentication: 2, unknown_bearer: 2, interactions: 2 };
        Guard::new(settings, Arc::default())
    }

    fn network(ip: &str) -> Network {
        Network::of(ip.parse().unwrap())
    }

    #[test]
    fn a_network_that_fails_too_often_waits_and_others_do_not() {
        let (guard, now) = (guard(), DateTime::<Utc>::UNIX_EPOCH);
        let (bad, good) = (network("192.0.2.1"), network("192.0.2.2"));
        for _ in 0..2 {
            assert_eq!(guard.check(Failed::SignIn, bad, now), Ok(()));
            guard.failed(Failed::SignIn, bad, &Context::operator(now));
        }
        let later = now + Duration::seconds(20);
        assert_eq!(guard.check(Failed::SignIn, bad, later), Err(Denial::TooManyFailures(40)));
        assert_eq!(guard.check(Failed::SignIn, good, later), Ok(()));
        assert_eq!(guard.check(Failed::ClientAuthentication, bad, later), Ok(()));
        assert_eq!(guard.check(Failed::SignIn, bad, now + Duration::seconds(60)), Ok(()));
    }

    #[test]
    fn a_million_strangers_take_bounded_memory() {
        let (guard, now) = (guard(), DateTime::<Utc>::UNIX_EPOCH);
        for ip in 0..u32::try_from(MOST_WINDOWS).unwrap() + 1000 {
            guard.count(Failed::SignIn, Network::of(std::net::Ipv4Addr::from(ip).into()), now);
        }
        assert!(guard.windows.lock().unwrap().len() <= MOST_WINDOWS);
    }
}
