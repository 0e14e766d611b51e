//! Interactions: authorization requests that wait for a person.
//!
//! The forms carry only the id and an answer; what was asked stands here. An interaction belongs to the
//! browser that opened it, is used once, and is short-lived, so a copied link fails elsewhere and a double
//! post yields one code.

pub mod store;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{Denial, InteractionId, SecretHash, SessionId};

/// A request that waits.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// Its id, which the forms carry.
    pub id: InteractionId,
    /// The browser it belongs to.
    pub browser: SecretHash,
    /// The authorization request exactly as it came.
    pub request: BTreeMap<String, String>,
    /// Which app asks, for the sign-in page.
    pub card: Card,
    /// The session that was opened by signing in after this request came, which is what `prompt=login` asks for.
    pub signed_in_as: Option<SessionId>,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// When it was answered.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What the sign-in page shows of the app that asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Card {
    /// The app's name.
    pub name: String,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// Whether somebody here has checked that.
    #[serde(default)]
    pub verified: bool,
    /// Where it returns to, in a person's words.
    pub returns_to: String,
    /// Where else the form may lead, for the page's policy.
    pub form_action: String,
}

impl Interaction {
    /// Whether this browser may still answer it.
    pub fn is_open_to(&self, browser: SecretHash, now: DateTime<Utc>) -> Result<(), Denial> {
        if self.browser.matches(&browser) && self.finished_at.is_none() && now < self.expires_at {
            Ok(())
        } else {
            Err(Denial::InteractionGone)
        }
    }
}
