//! The optional parameters, by which a resource server asks about a call, and what it is answered.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clients::Client;
use crate::credentials::Credential;
use crate::decision::calls::{Bearer, Call, Decision, Holder};
use crate::kernel::{CredentialId, Denial, PrincipalId, RequestPath};
use crate::limits::headers::tightest;
use crate::limits::verdict::{Policy, Verdict};
use crate::oauth::introspect::rules;
use crate::platform::form::Params;

/// A call may not cost more than this.
const MOST: u64 = 1_000_000;

/// The call that is asked about, if one is.
pub(super) fn call(caller: &Client, params: &Params) -> Result<Option<Call>, Denial> {
    const NAMES: [&str; 6] = ["service", "method", "path", "ip", "cost", "consume"];
    if !NAMES.iter().any(|name| params.get(name).is_some()) {
        return Ok(None);
    }
    Ok(Some(Call {
        service: params.get("service").map(str::to_owned),
        target: target(params)?,
        scope: None,
        ip: read(params, "ip")?,
        cost: read::<u64>(params, "cost")?
            .map(|cost| if cost > MOST { Err(Denial::Malformed("cost")) } else { Ok(cost) })
            .transpose()?,
        consume: rules::consumes(caller, params.get("service").is_some(), said(params)?),
    }))
}

fn target(params: &Params) -> Result<Option<(String, RequestPath)>, Denial> {
    let (method, path) = (params.get("method"), params.get("path"));
    if params.get("service").is_none() {
        return if method.or(path).is_some() { Err(Denial::Missing("service")) } else { Ok(None) };
    }
    match (method, path) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Denial::Missing("path")),
        (None, Some(_)) => Err(Denial::Missing("method")),
        (Some(method), Some(path)) => {
            let is_method = (1..=32).contains(&method.len())
                && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
            if !is_method {
                return Err(Denial::Malformed("method"));
            }
            let path = RequestPath::parse(path).map_err(|_| Denial::Malformed("path"))?;
            Ok(Some((method.to_owned(), path)))
        }
    }
}

fn read<T: std::str::FromStr>(params: &Params, name: &'static str) -> Result<Option<T>, Denial> {
    params.get(name).map(|text| text.parse().map_err(|_| Denial::Malformed(name))).transpose()
}

/// What the caller says of whether it counts, if it does.
fn said(params: &Params) -> Result<Option<bool>, Denial> {
    match params.get("consume") {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(Denial::Malformed("consume")),
    }
}

/// What is answered of a bearer about which more was asked, or which is a key.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    active: bool,
    token_type: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    sub: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aud: &'a [String],
    iss: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<crate::kernel::TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Key<'a>>,
    account: Payer<'a>,
    #[serde(flatten)]
    decided: Option<Decided<'a>>,
}

/// What is answered of the call.
#[derive(Serialize)]
struct Decided<'a> {
    allowed_services: &'a [String],
    authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<RateLimit<'a>>,
}

#[derive(Serialize)]
struct Key<'a> {
    id: CredentialId,
    kind: &'static str,
    name: &'a str,
    prefix: &'a str,
    environment: &'static str,
}

#[derive(Serialize)]
struct Payer<'a> {
    id: PrincipalId,
    name: &'a str,
    plan: &'a str,
}

#[derive(Serialize)]
struct RateLimit<'a> {
    allowed: bool,
    limit: u64,
    remaining: u64,
    /// Epoch seconds.
    reset: i64,
    retry_after: u64,
    policies: Vec<Standing<'a>>,
}

#[derive(Serialize)]
struct Standing<'a> {
    name: &'a str,
    quota: u64,
    window: u32,
    remaining: u64,
    reset_in: u64,
}

impl<'a> Told<'a> {
    /// Of a bearer about which a call was asked.
    pub(super) fn of_call(
        holder: &'a Holder,
        decision: &'a Decision,
        issuer: &'a str,
        now: DateTime<Utc>,
    ) -> Self {
        Self { decided: Some(Decided::of(decision, now)), ..Self::of(holder, &decision.audience, issuer) }
    }

    /// Of a bearer about which nothing more was asked; `audience` are the services of a key.
    pub(super) fn of(holder: &'a Holder, audience: &'a [String], issuer: &'a str) -> Self {
        let common = Self {
            active: true,
            token_type: "Bearer",
            scope: holder.scope().to_string(),
            client_id: None,
            sub: holder.principal.to_string(),
            aud: &[],
            iss: issuer,
            iat: 0,
            exp: None,
            jti: None,
            credential: None,
            account: Payer {
                id: holder.account.id,
                name: &holder.account.name,
                plan: holder.account.plan.as_str(),
            },
            decided: None,
        };
        match &holder.bearer {
            Bearer::Token(active) => Self {
                client_id: Some(active.client.id.as_str()),
                sub: active.user.map_or_else(|| active.client.id.to_string(), |user| user.to_string()),
                aud: &active.audience,
                iat: active.issued_at.timestamp(),
                exp: Some(active.expires_at.timestamp()),
                jti: active.id,
                token_type: if holder.is_refresh_token() { "refresh_token" } else { "Bearer" },
                ..common
            },
            Bearer::Credential(credential) => Self {
                token_type: credential.kind.as_str(),
                aud: audience,
                iat: credential.created_at.timestamp(),
                exp: credential.expires_at.map(|end| end.timestamp()),
                credential: Some(Key::of(credential)),
                ..common
            },
        }
    }
}

impl<'a> Decided<'a> {
    fn of(decision: &'a Decision, now: DateTime<Utc>) -> Self {
        let refusal = decision.verdict.as_ref().err();
        Self {
            allowed_services: &decision.allowed_services,
            authorized: refusal.is_none(),
            reason: refusal.map(|refusal| refusal.cause.as_str()),
            required_scope: refusal.and_then(|refusal| refusal.scope.as_deref()),
            retry_after: refusal.and_then(|refusal| refusal.retry_after_s),
            rate_limit: decision.limits.as_ref().and_then(|verdict| RateLimit::of(verdict, now)),
        }
    }
}

impl<'a> Key<'a> {
    fn of(credential: &'a Credential) -> Self {
        Self {
            id: credential.id,
            kind: credential.kind.as_str(),
            name: &credential.name,
            prefix: &credential.prefix,
            environment: credential.environment.as_str(),
        }
    }
}

impl<'a> RateLimit<'a> {
    /// Nothing, where there are no limits.
    fn of(verdict: &'a Verdict, now: DateTime<Utc>) -> Option<Self> {
        let tightest = tightest(verdict)?;
        let standing = |policy: &'a Policy| Standing {
            name: &policy.name,
            quota: policy.quota,
            window: policy.window_s,
            remaining: policy.remaining,
            reset_in: policy.reset_in_s,
        };
        Some(Self {
            allowed: verdict.allowed,
            limit: tightest.quota,
            remaining: tightest.remaining,
            reset: now.timestamp().saturating_add_unsigned(tightest.reset_in_s),
            retry_after: verdict.retry_after_s.unwrap_or_default(),
            policies: verdict.policies.iter().map(standing).collect(),
        })
    }
}
