//! Why a proxy is told no, and how that reads: a status, a word, a sentence, a challenge.

use serde_json::{Value, json};

use crate::decision::calls::{self, Cause};
use crate::kernel::{Fault, FaultKind};
use crate::limits::verdict::Verdict;
use crate::traffic::Step;

/// Why.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Whoever asks is no proxy of the operator's.
    NotAProxy,
    /// The proxy asks in a way that nobody understands.
    Misconfigured(String),
    /// What is to be let through can be understood in two ways.
    Unclear(String),
    /// Nothing was presented.
    NoBearer,
    /// Two bearers, and who is it then?
    TwoBearers,
    /// What was presented is not good.
    NotGood {
        /// It was, until its time was over.
        expired: bool,
    },
    /// Too many bad ones from that network; seconds to wait.
    MustWait(u32),
    /// Whoever holds it may not make this call.
    Call(calls::Refusal, Option<Box<Verdict>>),
    /// Nobody can know now.
    Broken(Fault),
}

impl Refusal {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::NotAProxy | Self::Unclear(_) => 403,
            Self::Misconfigured(_) | Self::TwoBearers => 400,
            Self::NoBearer | Self::NotGood { .. } => 401,
            Self::MustWait(_) => 429,
            Self::Call(refusal, _) => refusal.status(),
            Self::Broken(fault) if fault.kind() == FaultKind::Unavailable => 503,
            Self::Broken(_) => 500,
        }
    }

    /// The word for programs.
    pub(super) fn error(&self) -> &'static str {
        match self {
            Self::NotAProxy => "untrusted_proxy",
            Self::Misconfigured(_) => "misconfigured_proxy",
            Self::Unclear(_) => "ambiguous_request",
            Self::NoBearer => "missing_token",
            Self::TwoBearers => "invalid_request",
            Self::NotGood { .. } => "invalid_token",
            Self::MustWait(_) => "too_many_failures",
            Self::Call(refusal, _) if refusal.cause == Cause::WrongKind => "invalid_token",
            Self::Call(refusal, _) => refusal.cause.as_str(),
            Self::Broken(fault) if fault.kind() == FaultKind::Unavailable => "temporarily_unavailable",
            Self::Broken(_) => "server_error",
        }
    }

    /// What was looked at when it was refused, if that was before anybody looked at a bearer. (Whoever is no proxy asked
    /// about no call.)
    pub(super) fn before_the_bearer(&self) -> Option<Step> {
        match self {
            Self::Misconfigured(_) | Self::Unclear(_) => Some(Step::Request),
            Self::NoBearer | Self::TwoBearers => Some(Step::Bearer),
            _ => None,
        }
    }

    /// The sentence for people.
    pub(super) fn detail(&self) -> &str {
        match self {
            Self::NotAProxy => "only the proxies in server.trusted_proxies are answered here",
            Self::Misconfigured(words) | Self::Unclear(words) => words,
            Self::NoBearer => "send a bearer in Authorization, or an API key in X-API-Key",
            Self::TwoBearers => "send one bearer, once",
            Self::NotGood { expired: true } => "the bearer has expired",
            Self::NotGood { expired: false } => "the bearer is not good",
            Self::MustWait(_) => "too many bad bearers came from this network, try again later",
            Self::Call(refusal, _) => match refusal.cause {
                Cause::WrongKind => "a bearer of this kind opens nothing",
                Cause::NoSuchService => "there is no such service",
                Cause::ServiceDisabled => "the service is shut",
                Cause::NotGranted => "the bearer is not for this service",
                Cause::InsufficientScope => "the bearer does not carry what this call asks for",
                Cause::RateLimited => "too much was asked for, try again later",
                Cause::ShutOut => "too many calls were refused, and more are not looked at for a while",
            },
            Self::Broken(_) => "the server cannot answer now, try again shortly",
        }
    }

    /// Seconds to wait, where that helps and no limit says it.
    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::MustWait(seconds) => Some(*seconds),
            Self::Call(refusal, _) => refusal.retry_after_s,
            Self::Broken(fault) => (fault.kind() == FaultKind::Unavailable).then_some(1),
            _ => None,
        }
    }

    /// What is missing (RFC 6750 §3). Whoever presented nothing is told no error, and that it has expired is told to
    /// whoever held it.
    pub(super) fn challenge(&self) -> Option<String> {
        const REALM: &str = r#"Bearer realm="grantor""#;
        match self {
            Self::NoBearer => Some(REALM.to_owned()),
            Self::NotGood { expired: true } => {
                Some(format!(r#"{REALM}, error="invalid_token", error_description="expired""#))
            }
            Self::Call(refusal, _) if refusal.cause == Cause::InsufficientScope => {
                let scope = refusal.scope.as_deref().unwrap_or_default();
                Some(format!(r#"{REALM}, error="insufficient_scope", scope="{scope}""#))
            }
            Self::TwoBearers => Some(format!(r#"{REALM}, error="invalid_request""#)),
            other => (other.status() == 401).then(|| format!(r#"{REALM}, error="invalid_token""#)),
        }
    }

    /// How the limits stand, if it came so far.
    pub(super) fn limits(&self) -> Option<&Verdict> {
        match self {
            Self::Call(_, verdict) => verdict.as_deref(),
            _ => None,
        }
    }

    /// The body (RFC 9457).
    pub(super) fn problem(&self, request_id: &str) -> Value {
        let (title, status, detail, error) =
            (title(self.status()), self.status(), self.detail(), self.error());
        match self {
            Self::Call(calls::Refusal { cause: Cause::RateLimited, .. }, Some(verdict)) => json!({
                "type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "title": title,
                "status": status, "detail": detail, "error": error, "request_id": request_id,
                "violated-policies": verdict.violated, "retry_after": verdict.retry_after_s,
            }),
            Self::Call(calls::Refusal { cause: Cause::ShutOut, retry_after_s, .. }, _) => json!({
                "type": "https://iana.org/assignments/http-problem-types#abnormal-usage-detected", "title": title,
                "status": status, "detail": detail, "error": error, "request_id": request_id,
                "retry_after": retry_after_s,
            }),
            _ => json!({
                "type": "about:blank", "title": title, "status": status, "detail": detail, "error": error,
                "request_id": request_id,
            }),
        }
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}
