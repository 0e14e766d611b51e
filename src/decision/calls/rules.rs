//! What a call asks of its bearer, and whether the bearer has it: decided over what was loaded.

use crate::decision::calls::{Bearer, Call, Holder};
use crate::kernel::Scope;
use crate::services::routes::{Access, Need};
use crate::services::{Catalogue, Service};

/// Why a call may not go ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// The scope that is missing, if that is why.
    pub scope: Option<String>,
    /// Seconds after which it may be tried again, if that is known beforehand.
    pub retry_after_s: Option<u32>,
}

/// Why, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The bearer is of a kind that opens nothing.
    WrongKind,
    /// There is no such service.
    NoSuchService,
    /// An operator shut the service.
    ServiceDisabled,
    /// The holder may not call it.
    NotGranted,
    /// The bearer does not carry what the call asks for.
    InsufficientScope,
    /// Too much.
    RateLimited,
    /// Its holder went on after too many refusals, and is shut out for a while.
    ShutOut,
}

impl Cause {
    /// The word in answers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongKind => "wrong_kind",
            Self::NoSuchService => "no_such_service",
            Self::ServiceDisabled => "service_disabled",
            Self::NotGranted => "not_granted",
            Self::InsufficientScope => "insufficient_scope",
            Self::RateLimited => "rate_limited",
            Self::ShutOut => "abnormal_usage",
        }
    }
}

impl Refusal {
    fn of(cause: Cause) -> Self {
        Self { cause, scope: None, retry_after_s: None }
    }

    /// Too much of something.
    pub(super) fn limited() -> Self {
        Self::of(Cause::RateLimited)
    }

    /// What an HTTP face answers: who is 401, may not is 403, too much is 429 (RFC 6750 §3.1, RFC 6585 §4).
    pub fn status(&self) -> u16 {
        match self.cause {
            Cause::WrongKind => 401,
            Cause::RateLimited | Cause::ShutOut => 429,
            Cause::NoSuchService | Cause::ServiceDisabled | Cause::NotGranted | Cause::InsufficientScope => {
                403
            }
        }
    }
}

/// What a call asks for, as far as that was found out, and whether its holder has it.
pub(super) struct Asked<'a> {
    pub(super) service: Option<&'a Service>,
    pub(super) need: Option<Need<'a>>,
    pub(super) verdict: Result<(), Refusal>,
}

/// Nothing is asked of whom nothing is let through.
pub(super) fn shut_out<'a>(seconds: u32) -> Asked<'a> {
    let refusal = Refusal { retry_after_s: Some(seconds), ..Refusal::of(Cause::ShutOut) };
    Asked { service: None, need: None, verdict: Err(refusal) }
}

/// Everything but the limits, in the order in which it is told.
pub(super) fn asked<'a>(
    holder: &Holder,
    call: &Call,
    catalogue: &'a Catalogue,
    granted: &[&'a Service],
) -> Asked<'a> {
    let service = call.service.as_deref().and_then(|name| catalogue.named(name));
    let need = service.zip(call.target.as_ref()).map(|(service, (method, path))| service.need(method, path));
    let verdict =
        may_call(holder, call, service, granted).and_then(|()| carries(holder, call, service, need.as_ref()));
    Asked { service, need, verdict }
}

fn may_call(
    holder: &Holder,
    call: &Call,
    service: Option<&Service>,
    granted: &[&Service],
) -> Result<(), Refusal> {
    if holder.is_refresh_token() {
        return Err(Refusal::of(Cause::WrongKind));
    }
    if call.service.is_none() {
        return Ok(());
    }
    let service = service.ok_or_else(|| Refusal::of(Cause::NoSuchService))?;
    if service.disabled_at.is_some() {
        return Err(Refusal::of(Cause::ServiceDisabled));
    }
    let is_granted = granted.iter().any(|granted| granted.id == service.id);
    if is_granted { Ok(()) } else { Err(Refusal::of(Cause::NotGranted)) }
}

fn carries(
    holder: &Holder,
    call: &Call,
    service: Option<&Service>,
    need: Option<&Need<'_>>,
) -> Result<(), Refusal> {
    let missing =
        |scope: String| Err(Refusal { scope: Some(scope), ..Refusal::of(Cause::InsufficientScope) });
    if let Some(asked) = &call.scope
        && !holder.scope().contains_all(asked)
    {
        return missing(asked.to_string());
    }
    let Some((service, need)) = service.zip(need) else { return Ok(()) };
    if need.access.is_met_by(&counting(holder, service, &need.access)) {
        Ok(())
    } else {
        missing(need.access.as_scope())
    }
}

/// What counts of what a bearer carries. A key's `read` is meant for every service that it may call; a person who let an
/// app `read` had the sentence of one service before them, and it counts for that one.
fn counting(holder: &Holder, service: &Service, access: &Access<'_>) -> Scope {
    let is_own = |value: &crate::kernel::ScopeToken| service.scopes.iter().any(|own| own.value == *value);
    match (&holder.bearer, access) {
        (Bearer::Token(active), Access::To(..)) => {
            active.scope.iter().filter(|value| is_own(value)).cloned().collect()
        }
        _ => holder.scope().clone(),
    }
}
