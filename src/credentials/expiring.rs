//! Telling that credentials end soon, so that nobody learns of it by their failing.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::audit::{Actor, Event, Kind, Ledger, Work};
use crate::credentials::store::mark_expiring;
use crate::kernel::{CredentialId, Fault, PrincipalId};
use crate::platform::context::Context;

/// How many days before the end it is told, the nearest first: one that nobody looked at in time is told of once.
const DAYS: [i16; 3] = [1, 3, 14];

/// Credentials of one transaction.
const AT_ONCE: i64 = 500;

/// A credential that ends soon.
pub struct Expiring {
    /// Which.
    pub(super) id: CredentialId,
    /// Of which kind.
    pub(super) kind: String,
    /// Whose.
    pub(super) owner: PrincipalId,
    /// What its owner calls it.
    pub(super) name: String,
    /// When it ends.
    pub(super) expires_at: DateTime<Utc>,
    /// Within how many days that is.
    pub(super) days: i16,
}

/// Tells of every credential that ends within 14, 3 or 1 days, once each, whichever node comes first; of how many.
pub async fn tell_expiring(ledger: &Ledger, now: DateTime<Utc>) -> Result<usize, Fault> {
    let mut told = 0;
    for days in DAYS {
        loop {
            let some = ledger.act(&Context::operator(now), move |work| tell_some(work, days).map(Ok)).await?;
            let some = some.map_err(|denial| Fault::internal(denial.description()))?;
            told += some;
            if i64::try_from(some).unwrap_or_default() < AT_ONCE {
                break;
            }
        }
    }
    Ok(told)
}

fn tell_some(work: &mut Work<'_>, days: i16) -> Result<usize, Fault> {
    let expiring = mark_expiring(work, days, AT_ONCE)?;
    if expiring.is_empty() {
        work.nothing_to_tell("nothing ends");
    }
    for one in &expiring {
        let data = json!({
            "kind": one.kind, "owner": one.owner, "name": one.name, "expires_at": one.expires_at, "days": one.days,
        });
        work.tell(Event::new(Kind::CredentialExpiring, Actor::Operator).on("credential", one.id).with(data));
    }
    Ok(expiring.len())
}
