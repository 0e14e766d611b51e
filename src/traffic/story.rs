//! The story of one call: who asked for what, what was looked at in which order, and how it ended.
//!
//! [`crate::decision`] tells it while it decides, and a face that answers with another status completes it. Texts are kept short, and
//! what looks like a secret is masked (`texts.rs`), whoever wrote it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{CredentialId, PrincipalId, RequestId, ServiceId, TokenId};
use crate::platform::context::Context;
use crate::platform::trace::TraceId;
use crate::traffic::Step;

/// Who asks, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Whose plan pays.
    pub account: Option<PrincipalId>,
    /// Who acts.
    pub principal: Option<PrincipalId>,
    /// With which key or personal token.
    pub credential: Option<CredentialId>,
    /// Or with which access token.
    pub token: Option<TokenId>,
    /// Through which client.
    pub client: Option<PrincipalId>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The service it goes to.
    pub service: Option<ServiceId>,
    /// The HTTP method.
    pub method: String,
    /// The path; what follows a `?` is not kept.
    pub path: String,
    /// The route of the service that it matches.
    pub route: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It held.
    Passed,
    /// It did not, and that ended the call.
    Refused,
    /// There was nothing to check.
    Skipped,
}

/// A check, in the order of the decision. Its members are declared as they are digested, by their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at, see [`Step`].
    pub check: Cow<'static, str>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, or why it ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Cow<'static, str>>,
}

/// A limit as it stood at that moment; declared likewise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitState {
    /// Whether this one refused the call.
    #[serde(default)]
    pub exceeded: bool,
    /// Its name, such as `minute`.
    pub name: String,
    /// What it allows in a window; absent: whatever is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u64>,
    /// What was left, this call taken off.
    pub remaining: u64,
    /// Seconds until there is more.
    pub reset_in: u64,
    /// The window, in seconds.
    pub window: u64,
}

/// How the call was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It may go ahead.
    Allow,
    /// 401 or 403: who is it, or it may not.
    Deny,
    /// 429: too much.
    Limit,
    /// 503: it cannot be known.
    Error,
}

impl Ruling {
    /// Every way to decide.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Deny, Self::Limit, Self::Error];

    /// Its word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Limit => "limit",
            Self::Error => "error",
        }
    }
}

/// The story of one call. Until somebody says how it ended, it is one that broke off: an error, 500.
#[derive(Clone, Debug)]
pub struct Story {
    /// Who asks.
    pub who: Who,
    /// For what.
    pub call: Call,
    /// The trace it is a part of, as the caller names it.
    pub trace: Option<TraceId>,
    pub(super) request: RequestId,
    pub(super) when: DateTime<Utc>,
    pub(super) ip: Option<IpAddr>,
    pub(super) user_agent: Option<Arc<str>>,
    pub(super) checks: Vec<Check>,
    pub(super) limits: Vec<LimitState>,
    pub(super) ruling: Ruling,
    pub(super) status: u16,
    pub(super) error_code: Option<&'static str>,
    pub(super) policy: Option<String>,
    pub(super) cost: u64,
    pub(super) began: Instant,
    pub(super) took: Option<Duration>,
    pub(super) upstream: Option<Duration>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Story {
    /// The story of this request begins. Its id and the context's `now` were made together, at the door: by the moment
    /// in the id the story is found again.
    pub fn of(request: RequestId, context: &Context) -> Self {
        Self {
            who: Who::default(),
            call: Call::default(),
            request,
            when: context.now,
            ip: context.ip,
            user_agent: context.user_agent.clone(),
            checks: Vec::new(),
            limits: Vec::new(),
            ruling: Ruling::Error,
            status: 500,
            error_code: None,
            policy: None,
            cost: 0,
            trace: context.trace,
            began: context.began,
            took: None,
            upstream: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// The caller's address, where it is another than that of who asks us: a proxy asks in its callers' names.
    pub fn came_from(&mut self, ip: Option<IpAddr>, user_agent: Option<&str>) {
        self.ip = ip;
        self.user_agent = user_agent.map(Arc::from);
    }

    /// A check held.
    pub fn passed(&mut self, step: Step) {
        self.note(step, Outcome::Passed, None);
    }

    /// A check held, and this was seen.
    pub fn passed_since(&mut self, step: Step, why: impl Into<Cow<'static, str>>) {
        self.note(step, Outcome::Passed, Some(why.into()));
    }

    /// There was nothing to check, since …
    pub fn skipped(&mut self, step: Step, why: impl Into<Cow<'static, str>>) {
        self.note(step, Outcome::Skipped, Some(why.into()));
    }

    /// The state of the limits at this moment.
    pub fn measured(&mut self, limits: Vec<LimitState>) {
        self.limits = limits;
    }

    /// It may go ahead, and took this much from the limits: 0 of a mere question.
    pub fn allowed(&mut self, cost: u64, policy: Option<String>) {
        (self.ruling, self.status, self.error_code) = (Ruling::Allow, 200, None);
        (self.cost, self.policy) = (cost, policy);
    }

    /// A check did not hold: 401 or 403, or 429 to whoever is not heard for a while; with a code for programs and the reason
    /// for people.
    pub fn denied(&mut self, step: Step, status: u16, code: &'static str, why: impl Into<Cow<'static, str>>) {
        let ruling = if status == 429 { Ruling::Limit } else { Ruling::Deny };
        self.refused(step, ruling, status, code, why.into());
    }

    /// The limit of this name refused it: 429.
    pub fn limited(&mut self, limit: impl Into<String>, why: impl Into<Cow<'static, str>>) {
        self.policy = Some(limit.into());
        self.refused(Step::Limits, Ruling::Limit, 429, "rate_limited", why.into());
    }

    /// What a check needs is not to be had: 503.
    pub fn unknowable(&mut self, step: Step, code: &'static str, why: impl Into<Cow<'static, str>>) {
        self.refused(step, Ruling::Error, 503, code, why.into());
    }

    /// What the caller was answered in the end, if it is another status than that of the decision.
    pub fn answered(&mut self, status: u16) {
        self.status = status;
    }

    /// How long the answer took, if that is not until now, and what of it the service behind us.
    pub fn took(&mut self, all: Duration, upstream: Option<Duration>) {
        (self.took, self.upstream) = (Some(all), upstream);
    }

    /// It is about to be answered.
    pub(super) fn ends(&mut self) {
        self.took.get_or_insert(self.began.elapsed());
    }

    /// How many bytes of a body went in and out.
    pub fn carried(&mut self, bytes_in: u64, bytes_out: u64) {
        (self.bytes_in, self.bytes_out) = (bytes_in, bytes_out);
    }

    /// The request that it is about.
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// How it was decided.
    pub fn ruling(&self) -> Ruling {
        self.ruling
    }

    /// The checks so far.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn refused(
        &mut self,
        step: Step,
        ruling: Ruling,
        status: u16,
        code: &'static str,
        why: Cow<'static, str>,
    ) {
        self.note(step, Outcome::Refused, Some(why));
        (self.ruling, self.status, self.error_code) = (ruling, status, Some(code));
        self.cost = 0;
    }

    fn note(&mut self, step: Step, outcome: Outcome, why: Option<Cow<'static, str>>) {
        self.checks.push(Check { check: step.as_str().into(), outcome, why });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn story() -> Story {
        let request = RequestId::from_uuid(Uuid::from_u128(7));
        Story::of(request, &Context::operator(DateTime::UNIX_EPOCH))
    }

    #[test]
    fn a_story_that_nobody_ended_broke_off() {
        let story = story();
        assert_eq!((story.ruling(), story.status, story.cost), (Ruling::Error, 500, 0));
    }

    #[test]
    fn checks_are_told_in_order_and_the_one_that_refused_says_why() {
        let mut story = story();
        story.passed(Step::Bearer);
        story.skipped(Step::Address, "any address will do");
        story.denied(Step::Scope, 403, "insufficient_scope", "orders:write is missing");
        let told: Vec<_> = story.checks().iter().map(|check| (&*check.check, check.outcome)).collect();
        let expected =
            [("bearer", Outcome::Passed), ("address", Outcome::Skipped), ("scope", Outcome::Refused)];
        assert_eq!(told, expected);
        assert_eq!((story.ruling(), story.status), (Ruling::Deny, 403));
        assert_eq!(story.error_code, Some("insufficient_scope"));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let mut story = story();
        story.allowed(3, None);
        assert_eq!((story.ruling(), story.cost), (Ruling::Allow, 3));
        story.limited("minute", "10 of 10 are taken");
        assert_eq!((story.ruling(), story.status, story.cost), (Ruling::Limit, 429, 0));
        assert_eq!(story.policy.as_deref(), Some("minute"));
    }
}
