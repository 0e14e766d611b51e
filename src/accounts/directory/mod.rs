//! Whose account it is, who is a member of what, and who administers this server: as every call asks.

mod store;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::store::{FindAccount, FindAdministrator};
use crate::accounts::organizations::Role;
use crate::accounts::organizations::members::store::FindRole;
use crate::audit::Ledger;
use crate::kernel::{Fault, PlanId, PrincipalId, PrincipalKind, Stale};
use crate::platform::cache::{Cache, Caches};

pub use store::{find_account, hold_account};

/// The principal that a principal belongs to, and whose plan pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The principal it is.
    pub id: PrincipalId,
    /// An organization, a person, or a client of its own.
    pub kind: PrincipalKind,
    /// Its name, as people read it.
    pub name: String,
    /// What it may use.
    pub plan: PlanId,
    /// Since when nothing of it may act.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// Knows the accounts.
#[derive(Clone)]
pub struct Directory {
    ledger: Ledger,
    /// Which account a principal belongs to; that never changes.
    ids: Arc<Cache<PrincipalId, PrincipalId>>,
    accounts: Arc<Cache<PrincipalId, Arc<Account>>>,
    roles: Arc<Cache<(PrincipalId, PrincipalId), Role>>,
    administrators: Arc<Cache<PrincipalId, bool>>,
}

impl Directory {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let ids = caches.open("account_ids", |_| None);
        let accounts = caches.open("accounts", |stale| match stale {
            Stale::Account(id) => Some(*id),
            _ => None,
        });
        let roles = caches.open("memberships", |stale| match stale {
            Stale::Membership { org, user } => Some((*org, *user)),
            _ => None,
        });
        let administrators = caches.open("administrators", |stale| match stale {
            Stale::User(id) => Some(*id),
            _ => None,
        });
        Self { ledger, ids, accounts, roles, administrators }
    }

    /// The account that a principal belongs to.
    pub async fn of(&self, principal: PrincipalId) -> Result<Arc<Account>, Fault> {
        if let Some(account) = self.ids.get(&principal).and_then(|id| self.accounts.get(&id)) {
            return Ok(account);
        }
        let claim = self.accounts.claim();
        let found = self.ledger.look_up(FindAccount(principal)).await?;
        let account = found.ok_or_else(|| Fault::internal("nobody has this id"))?;
        self.ids.put(claim, principal, account.id);
        self.accounts.put(claim, account.id, Arc::clone(&account));
        Ok(account)
    }

    /// What a person is to an organization; `None`: no member.
    pub async fn membership(&self, org: PrincipalId, user: PrincipalId) -> Result<Option<Role>, Fault> {
        if let Some(role) = self.roles.get(&(org, user)) {
            return Ok(Some(role));
        }
        let claim = self.roles.claim();
        let found = self.ledger.look_up(FindRole { org, user }).await?;
        if let Some(role) = found {
            self.roles.put(claim, (org, user), role);
        }
        Ok(found)
    }

    /// Whether this is a person who may do here whatever an operator may. Nobody is who is disabled.
    pub async fn is_administrator(&self, user: PrincipalId) -> Result<bool, Fault> {
        if let Some(is_one) = self.administrators.get(&user) {
            return Ok(is_one);
        }
        let claim = self.administrators.claim();
        let found = self.ledger.look_up(FindAdministrator(user)).await?;
        if let Some(is_one) = found {
            self.administrators.put(claim, user, is_one);
        }
        Ok(found.unwrap_or(false))
    }
}
