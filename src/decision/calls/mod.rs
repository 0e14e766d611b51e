//! May this bearer make this call, now? Asked by introspection and by forward-auth, answered here alone.
//!
//! In this order: is the bearer good, may its holder act, is it shut out for a while, is there such a service, may the holder call it, does the
//! bearer carry what the call asks for, and is there still enough of every limit.

mod rules;
mod story;
mod warnings;

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::accounts::{self, Account};
use crate::audit::{Actor, Event, Kind};
use crate::credentials::rules::judge_address;
use crate::credentials::{Credential, CredentialKind, Credentials};
use crate::decision::{Active, BearerKind, Bearers, NotGood};
use crate::grants::usage::Usage;
use crate::kernel::{Fault, PrincipalId, RequestPath, Scope, ServiceId, Standing};
use crate::limits::owner::{Caller, Target};
use crate::limits::verdict::Verdict;
use crate::limits::{Blocks, LimitDirectory, Limits, Penalties, Shut};
use crate::platform::context::Context;
use crate::services::{Catalogue, Service};
use crate::traffic::RequestLog;

pub use self::rules::{Cause, Refusal};
pub use self::warnings::{Teller, Warnings};

/// Who decides, and where they learn of it.
#[derive(Clone)]
pub struct Calls {
    /// Who judges tokens.
    pub bearers: Bearers,
    /// Who judges API keys and personal tokens.
    pub credentials: Credentials,
    /// Where it is noted that what a person allowed was used.
    pub usage: Arc<Usage>,
    /// Who knows whose account it is.
    pub accounts: accounts::Directory,
    /// Who knows the limits.
    pub limit_directory: LimitDirectory,
    /// Who counts.
    pub limits: Arc<Limits>,
    /// Who is shut out for going on after too many refusals.
    pub penalties: Arc<Penalties>,
    /// Where it is noted that somebody is shut out.
    pub blocks: Arc<Blocks>,
    /// Where it is told that a quota runs out.
    pub warnings: Warnings,
    /// Where calls are logged.
    pub traffic: RequestLog,
}

/// A call, as it is asked about.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The service it is for; none: only whether the bearer is good, and within its limits.
    pub service: Option<String>,
    /// Its method and path; none: any, and no scope is asked for.
    pub target: Option<(String, RequestPath)>,
    /// Scopes that are asked for on top.
    pub scope: Option<Scope>,
    /// From where the bearer came.
    pub ip: Option<IpAddr>,
    /// What it costs, if that is not what its route says.
    pub cost: Option<u64>,
    /// It is about to be made, and counts.
    pub consume: bool,
}

/// A bearer that is good, of whatever kind.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// A token.
    Token(Active),
    /// An API key or a personal token.
    Credential(Arc<Credential>),
}

/// A bearer that is good, and who holds it.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What was presented.
    pub bearer: Bearer,
    /// Who acts: a person, or the client or organization itself.
    pub principal: PrincipalId,
    /// Who pays.
    pub account: Arc<Account>,
}

/// What is decided of a call.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether it may go ahead.
    pub verdict: Result<(), Refusal>,
    /// The services its holder may call, by name,
    pub allowed_services: Vec<String>,
    /// and their audiences.
    pub audience: Vec<String>,
    /// How the limits stand, if it came so far.
    pub limits: Option<Verdict>,
    /// The service it is for.
    pub service: Option<ServiceId>,
    /// The pattern of the route that it takes.
    pub route: Option<String>,
    /// What it costs.
    pub cost: u64,
}

impl Calls {
    /// The bearer that is presented, if it is good now and its holder may act.
    pub async fn good(
        &self,
        presented: &str,
        ip: Option<IpAddr>,
        context: &Context,
    ) -> Result<Result<Bearer, NotGood>, Fault> {
        match self.bearers.decide(presented, context.now).await? {
            Ok(active) => Ok(Ok(Bearer::Token(active))),
            Err(reason @ (NotGood::Malformed | NotGood::NotABearer)) => {
                match self.credentials.judge(presented, context).await? {
                    None => Ok(Err(reason)),
                    Some(Err(reason)) => Ok(Err(NotGood::Credential(reason))),
                    Some(Ok(credential)) => {
                        let standing = self.standing(&credential).await?.may_act(context.now);
                        let judged = standing
                            .map_err(NotGood::Inactive)
                            .and_then(|()| judge_address(&credential, ip).map_err(NotGood::Credential));
                        Ok(judged.map(|()| Bearer::Credential(credential)))
                    }
                }
            }
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// A key lives as long as whoever it speaks for may act.
    async fn standing(&self, credential: &Credential) -> Result<Standing, Fault> {
        let owner = credential.owner;
        let account_disabled_at = self.accounts.of(owner).await?.disabled_at;
        let mut standing = Standing { account_disabled_at, ..Standing::default() };
        match credential.kind {
            CredentialKind::PersonalToken => standing.user = Some(self.bearers.standings.of(owner).await?),
            CredentialKind::ApiKey => {
                let client = self.bearers.clients.find_by_principal(owner).await?;
                standing.client_disabled_at = client.and_then(|client| client.disabled_at);
            }
        }
        Ok(standing)
    }

    /// Who holds a bearer, and who pays for it.
    pub async fn holder(&self, bearer: Bearer) -> Result<Holder, Fault> {
        let principal = match &bearer {
            Bearer::Token(active) => active.user.unwrap_or(active.client.principal),
            Bearer::Credential(credential) => credential.owner,
        };
        Ok(Holder { account: self.accounts.of(principal).await?, bearer, principal })
    }

    /// Notes that a good bearer, which came from there, was let through in its own right: by a plain introspection that
    /// says it is active, a question about a call that is allowed, forward-auth, the management API. That is what *used*
    /// means, of every kind of bearer; what is refused is no use.
    pub fn used(&self, bearer: &Bearer, ip: Option<IpAddr>, context: &Context) {
        match bearer {
            Bearer::Token(active) => self.used_token(active, context),
            Bearer::Credential(credential) => self.credentials.used(credential, ip, context.now),
        }
    }

    /// The same of a token, by which what a person allowed was used. A refresh token opens nothing but its own exchange:
    /// that is its use, and asking about it is none.
    pub fn used_token(&self, active: &Active, context: &Context) {
        if let (Some(grant), BearerKind::AccessToken) = (active.grant, active.kind) {
            self.usage.note_call(grant, context.now);
        }
    }

    /// Decides whether a call may go ahead; if so, its bearer was used, and if it is about to be made, it counts. Either
    /// way it is logged.
    pub async fn decide(&self, holder: &Holder, call: &Call, context: &Context) -> Result<Decision, Fault> {
        let decided = self.judge(holder, call, context).await;
        match &decided {
            Ok(decision) => {
                self.log(context, holder, call, decision).await?;
                if decision.verdict.is_ok() {
                    self.used(&holder.bearer, call.ip, context);
                }
            }
            Err(fault) => self.log_broken(context, holder, call, fault).await?,
        }
        decided
    }

    async fn judge(&self, holder: &Holder, call: &Call, context: &Context) -> Result<Decision, Fault> {
        let catalogue = self.bearers.services.catalogue().await?;
        let granted = self.granted(holder, &catalogue).await?;
        let asked = match self.penalties.left(holder.watched(), context.now) {
            Some(seconds) if !holder.is_refresh_token() => rules::shut_out(seconds),
            _ => rules::asked(holder, call, &catalogue, &granted),
        };
        let open = || granted.iter().filter(|service| service.disabled_at.is_none());
        let mut decision = Decision {
            verdict: asked.verdict,
            allowed_services: open().map(|service| service.name.clone()).collect(),
            audience: open().map(|service| service.audience.clone()).collect(),
            limits: None,
            service: asked.service.map(|service| service.id),
            route: asked.need.as_ref().and_then(|need| need.pattern).map(str::to_owned),
            cost: call.cost.or_else(|| asked.need.as_ref().map(|need| need.cost)).unwrap_or(1),
        };
        if decision.verdict.is_ok() {
            let target = Target {
                service: asked.service.map(|service| service.id),
                route: asked.need.as_ref().and_then(|need| need.route),
            };
            self.limit(holder, call.consume, target, &mut decision, context).await?;
        }
        Ok(decision)
    }

    /// The services that a holder may call while they are not shut: by a key those that are open, or granted to its owner or
    /// the owner's account; by a token those of its audience, which for a client of an organization are to be open or
    /// granted likewise. (Any other client an operator registered for the scopes that it has: that is its grant.)
    pub async fn granted<'a>(
        &self,
        holder: &Holder,
        catalogue: &'a Catalogue,
    ) -> Result<Vec<&'a Service>, Fault> {
        let services: Vec<&Service> =
            catalogue.services().filter(|service| holder.is_meant_for(service)).collect();
        let (caller, account) = match &holder.bearer {
            Bearer::Credential(_) => (holder.principal, holder.account.id),
            Bearer::Token(active) => {
                let client = active.client.principal;
                (client, self.accounts.of(client).await?.id)
            }
        };
        let is_registered_for = matches!(holder.bearer, Bearer::Token(_)) && caller == account;
        if is_registered_for || services.iter().all(|service| service.is_open) {
            return Ok(services);
        }
        let own = self.bearers.services.granted(caller).await?;
        let shared = self.bearers.services.granted(account).await?;
        let is_granted = |id: &ServiceId| own.contains(id) || shared.contains(id);
        Ok(services.into_iter().filter(|service| service.is_open || is_granted(&service.id)).collect())
    }

    async fn limit(
        &self,
        holder: &Holder,
        consume: bool,
        target: Target,
        decision: &mut Decision,
        context: &Context,
    ) -> Result<(), Fault> {
        let caller = holder.caller();
        let applied = self.limit_directory.applied(&caller, target).await?;
        let verdict = self.limits.decide(&applied, consume, decision.cost).await?;
        self.warnings.tell(context, holder.account.id, &verdict.warnings);
        if !verdict.allowed {
            decision.verdict = Err(Refusal::limited());
            if consume {
                self.refused(holder, context);
            }
        }
        decision.limits = Some(verdict);
        Ok(())
    }

    /// Counts a call that was too much. The one from which on its caller is shut out is noted, to be told.
    fn refused(&self, holder: &Holder, context: &Context) {
        if self.penalties.refused(holder.watched(), context.now) {
            self.blocks.note(Shut::Caller(holder.watched()), context, || holder.shut_out());
        }
    }
}

impl Holder {
    /// What the bearer carries.
    pub fn scope(&self) -> &Scope {
        match &self.bearer {
            Bearer::Token(active) => &active.scope,
            Bearer::Credential(credential) => &credential.scope,
        }
    }

    /// Whether the bearer can open this service at all.
    fn is_meant_for(&self, service: &Service) -> bool {
        match &self.bearer {
            Bearer::Token(active) => active.audience.contains(&service.audience),
            Bearer::Credential(_) => true,
        }
    }

    /// Whether it is a token that opens nothing but its own exchange.
    pub fn is_refresh_token(&self) -> bool {
        matches!(&self.bearer, Bearer::Token(active) if active.kind == BearerKind::RefreshToken)
    }

    /// Whose refusals are counted: the key's own, or else those of whoever acts through this client. (What one app does is
    /// no matter of a person's others.)
    fn watched(&self) -> Uuid {
        match &self.bearer {
            Bearer::Credential(credential) => credential.id.uuid(),
            Bearer::Token(active) => {
                let (principal, client) = (self.principal.uuid(), active.client.principal.uuid());
                // A client that acts for itself is both.
                let other = if client == principal { Uuid::nil() } else { client };
                Uuid::from_u128(principal.as_u128() ^ other.as_u128())
            }
        }
    }

    fn shut_out(&self) -> Event {
        let event = Event::new(Kind::CallerShutOut, Actor::Anonymous);
        match &self.bearer {
            Bearer::Credential(credential) => event.on("credential", credential.id),
            Bearer::Token(active) => event.on("principal", self.principal).about(active.client.principal),
        }
    }

    fn caller(&self) -> Caller {
        Caller {
            plan: Some(self.account.plan.as_str().to_owned()),
            account: self.account.id,
            principal: self.principal,
            credential: match &self.bearer {
                Bearer::Credential(credential) => Some(credential.id),
                Bearer::Token(_) => None,
            },
        }
    }
}
