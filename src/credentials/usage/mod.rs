//! When and from where a credential was last used, and how often. What a use is, `decision::calls` says.
//!
//! Noted in memory and written every few seconds, so that one key at full rate locks no row. The count is a report and
//! no account: what a dying process had noted is lost, and what was written without our learning of it counts twice.

mod store;

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::audit::{Ledger, Notes};
use crate::kernel::{CredentialId, Fault};

/// How one was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// When last.
    pub last_used_at: DateTime<Utc>,
    /// From where then.
    pub last_used_ip: Option<IpAddr>,
    /// How often.
    pub count: i64,
}

impl Use {
    fn and(self, other: Self) -> Self {
        let latest = if other.last_used_at >= self.last_used_at { other } else { self };
        Self { count: self.count.saturating_add(other.count), ..latest }
    }
}

/// The uses that are not written yet.
pub struct Usage(Notes<CredentialId, Use>);

impl Default for Usage {
    fn default() -> Self {
        Self(Notes::new(Use::and))
    }
}

impl Usage {
    /// Notes that a credential is used now, from there.
    pub fn note(&self, credential: CredentialId, ip: Option<IpAddr>, now: DateTime<Utc>) {
        let last_used_ip = ip.map(|ip| ip.to_canonical());
        self.0.note(credential, Use { last_used_at: now, last_used_ip, count: 1 });
    }

    /// Writes the notes.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        self.0.flush(ledger, now, store::write).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_use_tells_from_where_and_all_are_counted() {
        let used = |seconds, ip: &str, count| Use {
            last_used_at: DateTime::from_timestamp(seconds, 0).unwrap(),
            last_used_ip: Some(ip.parse().unwrap()),
            count,
        };
        let (early, late) = (used(1, "192.0.2.1", 2), used(5, "192.0.2.2", 3));
        assert_eq!(early.and(late), used(5, "192.0.2.2", 5));
        assert_eq!(late.and(early), used(5, "192.0.2.2", 5));
    }
}
