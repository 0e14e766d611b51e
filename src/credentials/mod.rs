//! Long-lived secrets of principals: API keys, personal tokens, and the secrets of clients.

pub mod access;
pub mod api;
pub mod client_secrets;
mod directory;
pub mod expiring;
pub mod lifetime;
pub mod making;
pub mod revoking;
mod reuse;
pub mod rules;
pub mod shown;
pub mod store;
mod strength;
pub mod tokens;
pub mod usage;
pub mod wish;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

pub use self::directory::Directory;
pub use self::reuse::Reuses;

use crate::audit::Ledger;
use crate::credentials::rules::NotGood;
use crate::credentials::usage::Usage;
use crate::kernel::{CredentialId, Fault, KeyTag, PrincipalId, Scope, SecretHash};
use crate::platform::context::Context;

/// Section `credentials` of the settings.
#[derive(Clone, Debug, Deserialize)]
pub struct CredentialSettings {
    /// What API keys begin with.
    pub key_tag: KeyTag,
    /// Days that an API key lives if nobody says how long; 0: for ever.
    pub key_days: u32,
    /// Days that a personal token lives if nobody says how long; 0: for ever.
    pub token_days: u32,
    /// Days that either lives at most; 0: as long as is wanted.
    pub most_days: u32,
}

impl CredentialSettings {
    /// What is wrong with them, if anything is.
    pub fn complaint(&self) -> Option<&'static str> {
        let days = [self.key_days, self.token_days, self.most_days];
        let fits = days.iter().all(|days| *days <= 36_500);
        (!fits).then_some("credentials.key_days, token_days and most_days must be 0 to 36500")
    }
}

/// The bearers among the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// Of an org or a client.
    ApiKey,
    /// Of a person.
    PersonalToken,
}

impl CredentialKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ApiKey, Self::PersonalToken];

    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::PersonalToken => "pat",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What people call it for short.
    pub fn word(self) -> &'static str {
        match self {
            Self::ApiKey => "key",
            Self::PersonalToken => "token",
        }
    }

    /// What people call it.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::PersonalToken => "personal token",
        }
    }
}

/// Whether it is in earnest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Environment {
    /// It is.
    #[default]
    Live,
    /// It is for trying things out; what that means is for the API to say.
    Test,
}

impl Environment {
    /// The word in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The environment of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Live, Self::Test].into_iter().find(|own| own.as_str() == word)
    }
}

/// An API key or a personal token, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Which of the two it is.
    pub kind: CredentialKind,
    /// For whom it speaks.
    pub owner: PrincipalId,
    /// What it is found by.
    pub hash: SecretHash,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters, for finding it in a list; none, if only its hash was ever known.
    pub prefix: String,
    /// Its last characters.
    pub last4: String,
    /// What it may do.
    pub scope: Scope,
    /// Whether it is in earnest.
    pub environment: Environment,
    /// From where it may come; from everywhere, if nothing is said.
    pub ip_allow: Vec<IpNet>,
    /// It was brought along from elsewhere.
    pub imported: bool,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// Who made it, if it was no operator.
    pub created_by: Option<PrincipalId>,
    /// Until when it is good, if it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoke_reason: Option<String>,
    /// When it got a successor.
    pub rotated_at: Option<DateTime<Utc>>,
    /// Whose successor it is.
    pub rotated_from: Option<CredentialId>,
    /// That one was presented to make it: whoever found that one may have made it.
    pub rotated_by_itself: bool,
}

/// What is wrong with what somebody wants of a credential, in words for whoever typed it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct CredentialProblem(String);

impl CredentialProblem {
    pub(crate) fn new(words: impl ToString) -> Self {
        Self(words.to_string())
    }
}

/// What an act makes of a wish: a result, what is wrong with the wish, or a fault.
pub type Making<T> = Result<Result<T, CredentialProblem>, Fault>;

/// What whoever judges bearers needs of this slice.
#[derive(Clone)]
pub struct Credentials {
    /// The door to the database.
    pub ledger: Ledger,
    /// What API keys begin with, and how long they live.
    pub settings: CredentialSettings,
    /// Who knows the credentials.
    pub directory: Directory,
    /// How they are used.
    pub usage: Arc<Usage>,
    /// Which came again after their end.
    pub reuses: Arc<Reuses>,
}

impl Credentials {
    /// Judges a bearer by itself. `None`: it is no API key and no personal token.
    ///
    /// Whether its owner may act is not asked here, nor [from where](rules::judge_address) it came; that it was used is
    /// for the caller to [note](Self::used).
    pub async fn judge(
        &self,
        presented: &str,
        context: &Context,
    ) -> Result<Option<Result<Arc<Credential>, NotGood>>, Fault> {
        let Some(hash) = rules::hash_to_find(presented, &self.settings.key_tag) else { return Ok(None) };
        let Some(credential) = self.directory.find(hash).await? else { return Ok(None) };
        let judged = rules::judge(&credential, context.now);
        if judged == Err(NotGood::RotatedAndOver) {
            self.reuses.tell(&self.ledger, context, &credential).await?;
        }
        Ok(Some(judged.map(|()| credential)))
    }

    /// Notes that a credential was used, from there.
    pub fn used(&self, credential: &Credential, ip: Option<IpAddr>, now: DateTime<Utc>) {
        self.usage.note(credential.id, ip, now);
    }
}

/// The first and the last characters of a secret, to tell it from others: of a short one, which may have been brought
/// along, never more than a third.
pub(super) fn glimpse(secret: &str) -> (String, String) {
    let characters: Vec<char> = secret.chars().collect();
    let shown = characters.len() / 3;
    let first = characters.iter().take(shown.min(8)).collect();
    let last = characters.iter().skip(characters.len().saturating_sub(shown.min(4))).collect();
    (first, last)
}
