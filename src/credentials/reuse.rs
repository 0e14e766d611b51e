//! Credentials that have a successor and come again after their end: told, at most once an hour each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::audit::{Actor, Event, Kind, Ledger};
use crate::credentials::Credential;
use crate::credentials::store::mark_reuse;
use crate::kernel::{CredentialId, Fault};
use crate::platform::context::Context;

/// How long nothing more is told of one.
const QUIET: Duration = Duration::hours(1);

/// Credentials of which this process remembers when it told; beyond them the database is asked.
const MOST: usize = 10_000;

/// When this process last told of which.
#[derive(Default)]
pub struct Reuses(Mutex<HashMap<CredentialId, DateTime<Utc>>>);

impl Reuses {
    /// Tells that a credential came again, unless that was told within the hour: here, which costs nothing, or by
    /// another node, which its row knows.
    pub async fn tell(
        &self,
        ledger: &Ledger,
        context: &Context,
        credential: &Credential,
    ) -> Result<(), Fault> {
        if !self.is_due(credential.id, context.now) {
            return Ok(());
        }
        let id = credential.id;
        let data = json!({
            "kind": credential.kind.as_str(), "owner": credential.owner, "name": credential.name,
            "ended_at": credential.expires_at,
        });
        let told = ledger.act(context, move |work| {
            if mark_reuse(work, id, work.now() - QUIET)? {
                let event = Event::new(Kind::CredentialReused, Actor::Anonymous);
                work.tell(event.on("credential", id).with(data));
            } else {
                work.nothing_to_tell("another node did");
            }
            Ok(Ok(()))
        });
        told.await.map(drop)?;
        self.told(id, context.now);
        Ok(())
    }

    fn is_due(&self, id: CredentialId, now: DateTime<Utc>) -> bool {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&id).is_none_or(|at| now - *at >= QUIET)
    }

    fn told(&self, id: CredentialId, now: DateTime<Utc>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST {
            told.retain(|_, at| now - *at < QUIET);
        }
        if told.len() < MOST {
            told.insert(id, now);
        }
    }
}
