//! Who calls the management API: one bearer, in one header, judged by the functions that judge bearers everywhere.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage, HttpRequest, web};

use crate::accounts::{Account, Accounts};
use crate::decision::calls::{Bearer, Calls};
use crate::decision::{Active, BearerKind};
use crate::kernel::{Caller, Denial, Fault, Outcome, PrincipalId, PrincipalKind};
use crate::limits::guard::{Failed, Guard};
use crate::oauth::OAuth;
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;

/// Who made this request, and what they presented.
pub(super) async fn recognise(request: &HttpRequest) -> Result<(Caller, Bearer), ProblemFace> {
    let (oauth, accounts) = (shared::<OAuth>(request)?, shared::<Accounts>(request)?);
    let guard = shared::<Guard>(request)?;
    let context = context(request)?;
    let presented = presented(request)?;
    let network = context.ip.map(Network::of);
    if let Some(network) = network {
        guard.check(Failed::UnknownBearer, network, context.now)?;
    }
    match oauth.calls.good(&presented, context.ip, &context).await? {
        Ok(bearer) => Ok((caller(&oauth, &accounts, &bearer).await??, bearer)),
        Err(reason) => {
            if let (true, Some(network)) = (reason.is_strange(), network) {
                guard.failed(Failed::UnknownBearer, network, &context);
            }
            Err(if reason.is_expired() { Denial::BearerExpired } else { Denial::BearerWrong }.into())
        }
    }
}

/// Notes that they were let through with it.
pub(super) fn used(request: &HttpRequest, bearer: &Bearer) -> Result<(), Fault> {
    let (oauth, context) = (shared::<OAuth>(request)?, context(request)?);
    oauth.calls.used(bearer, context.ip, &context);
    Ok(())
}

fn context(request: &HttpRequest) -> Result<Context, Fault> {
    let context = request.extensions().get::<Context>().cloned();
    context.ok_or_else(|| Fault::internal("the door was left out"))
}

fn shared<T: 'static>(request: &HttpRequest) -> Result<web::Data<T>, Fault> {
    let found = request.app_data::<web::Data<T>>().cloned();
    found.ok_or_else(|| Fault::internal("what judges bearers was left out"))
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

/// For whom a good bearer speaks. A key or personal token speaks for its owner. A token speaks here only if it was issued
/// for this server (RFC 9068 §4): those for an API are no business of ours, and whoever got one must not become somebody
/// here.
async fn caller(oauth: &OAuth, accounts: &Accounts, bearer: &Bearer) -> Outcome<Caller> {
    let (principal, scope, credential) = match bearer {
        Bearer::Credential(credential) => (credential.owner, &credential.scope, Some(credential.id)),
        Bearer::Token(token) if is_for_us(oauth, token) => {
            (token.user.unwrap_or(token.client.principal), &token.scope, None)
        }
        Bearer::Token(_) => return Ok(Err(Denial::BearerWrong)),
    };
    let account = accounts.directory.of(principal).await?;
    let (kind, name) = named(&oauth.calls, principal, &account).await?;
    let is_administrator =
        kind == PrincipalKind::User && accounts.directory.is_administrator(principal).await?;
    let (account, scope) = (account.id, scope.clone());
    Ok(Ok(Caller { principal, kind, account, name, scope, credential, is_administrator }))
}

fn is_for_us(oauth: &OAuth, token: &Active) -> bool {
    token.kind == BearerKind::AccessToken && token.audience.contains(&oauth.issuer)
}

/// What a principal is, and what it is called.
async fn named(
    calls: &Calls,
    principal: PrincipalId,
    account: &Account,
) -> Result<(PrincipalKind, String), Fault> {
    if account.id == principal && account.kind != PrincipalKind::Client {
        return Ok((account.kind, account.name.clone()));
    }
    let client = calls.bearers.clients.find_by_principal(principal).await?;
    let client = client.ok_or_else(|| Fault::internal("a bearer of nobody"))?;
    Ok((PrincipalKind::Client, client.name.clone()))
}
