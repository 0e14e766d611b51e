//! Who calls the management API: one bearer, in one header, judged by the functions that judge bearers everywhere.

use std::sync::Arc;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage, HttpRequest, web};
use chrono::{DateTime, Utc};

use crate::accounts::{Account, Accounts};
use crate::credentials::rules::NotGood as NoGoodCredential;
use crate::credentials::{Credential, Credentials};
use crate::decision::{Active, BearerKind, NotGood};
use crate::kernel::{Caller, Denial, Fault, Outcome, PrincipalId, PrincipalKind, Scope, Standing};
use crate::limits::guard::{Failed, Guard};
use crate::oauth::OAuth;
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

/// What judges bearers.
struct Judge {
    credentials: web::Data<Credentials>,
    accounts: web::Data<Accounts>,
    oauth: web::Data<OAuth>,
    guard: web::Data<Guard>,
    context: Context,
}

/// Who made this request.
pub(super) async fn recognise(request: &HttpRequest) -> Result<Caller, ProblemFace> {
    let judge = Judge::of(request)?;
    let presented = presented(request)?;
    let network = judge.context.ip.map(Network::of);
    if let Some(network) = network {
        judge.guard.check(Failed::UnknownBearer, network, judge.context.now)?;
    }
    let judged = judge.judge(&presented).await?;
    if let (Err(Denial::BearerWrong), Some(network)) = (&judged, network) {
        judge.guard.failed(Failed::UnknownBearer, network, judge.context.now);
    }
    Ok(judged?)
}

/// The one bearer of a request. A cookie is none, nor is what stands in the address.
fn presented(request: &HttpRequest) -> Result<String, Denial> {
    let in_header = |name: &str| request.headers().get_all(name).collect::<Vec<_>>();
    let (authorization, key) = (in_header(AUTHORIZATION.as_str()), in_header("X-API-Key"));
    let text = |value: &actix_web::http::header::HeaderValue| {
        value.to_str().map(str::to_owned).map_err(|_| Denial::BearerWrong)
    };
    match (authorization.as_slice(), key.as_slice()) {
        ([], []) => Err(Denial::BearerMissing),
        ([value], []) => bearer_of(&text(value)?),
        ([], [value]) => text(value),
        _ => Err(Denial::Unfit("present one bearer, and once".to_owned())),
    }
}

fn bearer_of(authorization: &str) -> Result<String, Denial> {
    let (scheme, bearer) = authorization.split_once(' ').ok_or(Denial::BearerMissing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(bearer.trim().to_owned())
    } else {
        Err(Denial::BearerMissing)
    }
}

impl Judge {
    fn of(request: &HttpRequest) -> Result<Self, Fault> {
        fn shared<T: 'static>(request: &HttpRequest) -> Result<web::Data<T>, Fault> {
            let found = request.app_data::<web::Data<T>>().cloned();
            found.ok_or_else(|| Fault::internal("what judges bearers was left out"))
        }
        let context = request.extensions().get::<Context>().cloned();
        Ok(Self {
            credentials: shared(request)?,
            accounts: shared(request)?,
            oauth: shared(request)?,
            guard: shared(request)?,
            context: context.ok_or_else(|| Fault::internal("the door was left out"))?,
        })
    }

    async fn judge(&self, presented: &str) -> Outcome<Caller> {
        let (ip, now) = (self.context.ip, self.context.now);
        match self.credentials.judge(presented, ip, &self.context).await? {
            Some(Ok(credential)) => self.by_credential(&credential).await,
            Some(Err(NoGoodCredential::Expired | NoGoodCredential::RotatedAndOver)) => {
                Ok(Err(Denial::BearerExpired))
            }
            Some(Err(_)) => Ok(Err(Denial::BearerWrong)),
            None => match self.oauth.bearers.decide(presented, now).await? {
                Ok(token) => self.by_token(&token).await,
                Err(NotGood::Expired) => Ok(Err(Denial::BearerExpired)),
                Err(_) => Ok(Err(Denial::BearerWrong)),
            },
        }
    }

    /// A key or personal token speaks for its owner, if that one may act.
    async fn by_credential(&self, credential: &Arc<Credential>) -> Outcome<Caller> {
        let caller = settle!(self.caller(credential.owner, &credential.scope).await?);
        self.credentials.used(credential, self.context.ip, self.context.now);
        Ok(Ok(Caller { credential: Some(credential.id), ..caller }))
    }

    /// A token speaks here only if it was issued for this server (RFC 9068 §4): those for an API are no business of
    /// ours, and whoever got one must not become somebody here.
    async fn by_token(&self, token: &Active) -> Outcome<Caller> {
        let is_meant = token.audience.contains(&self.oauth.issuer);
        if token.kind != BearerKind::AccessToken || !is_meant {
            return Ok(Err(Denial::BearerWrong));
        }
        self.caller(token.user.unwrap_or(token.client.principal), &token.scope).await
    }

    async fn caller(&self, principal: PrincipalId, scope: &Scope) -> Outcome<Caller> {
        let account = self.accounts.directory.of(principal).await?;
        let (kind, name, standing) = self.standing(principal, &account).await?;
        if standing.may_act(self.context.now).is_err() {
            return Ok(Err(Denial::BearerWrong));
        }
        let is_administrator =
            kind == PrincipalKind::User && self.accounts.directory.is_administrator(principal).await?;
        let (account, scope) = (account.id, scope.clone());
        Ok(Ok(Caller { principal, kind, account, name, scope, credential: None, is_administrator }))
    }

    /// What a principal is, what it is called, and all that decides whether it may act.
    async fn standing(
        &self,
        principal: PrincipalId,
        account: &Account,
    ) -> Result<(PrincipalKind, String, Standing), Fault> {
        let disabled = |at: Option<DateTime<Utc>>| Standing { client_disabled_at: at, ..Standing::default() };
        if account.id != principal || account.kind == PrincipalKind::Client {
            let client = self.oauth.bearers.clients.find_by_principal(principal).await?;
            let client = client.ok_or_else(|| Fault::internal("a bearer of nobody"))?;
            let disabled_at = client.disabled_at.or(account.disabled_at);
            return Ok((PrincipalKind::Client, client.name.clone(), disabled(disabled_at)));
        }
        if account.kind == PrincipalKind::User {
            let user = self.oauth.bearers.standings.of(principal).await?;
            let standing = Standing { user: Some(user), ..disabled(account.disabled_at) };
            return Ok((PrincipalKind::User, account.name.clone(), standing));
        }
        Ok((PrincipalKind::Org, account.name.clone(), disabled(account.disabled_at)))
    }
}
