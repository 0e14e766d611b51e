//! What the request log is told of a call: every check in its order, and the one that refused it.

use std::borrow::Cow;

use crate::credentials::rules::NotGood as NotGoodKey;
use crate::decision::NotGood;
use crate::decision::calls::{Bearer, Call, Calls, Cause, Decision, Holder};
use crate::kernel::Fault;
use crate::limits::verdict::Verdict;
use crate::platform::context::Context;
use crate::traffic::{self, LimitState, Step, Story, Who};

/// What is asked of a bearer, before any call.
const OF_THE_BEARER: [Step; 5] = [Step::Bearer, Step::Known, Step::Life, Step::Standing, Step::Address];

impl Calls {
    /// Has a call logged whose bearer was good.
    pub(super) async fn log(
        &self,
        context: &Context,
        holder: &Holder,
        call: &Call,
        decision: &Decision,
    ) -> Result<(), Fault> {
        let Some(mut story) = begun(context, call) else { return Ok(()) };
        story.who = who(holder);
        story.call.service = decision.service;
        story.call.route.clone_from(&decision.route);
        for step in OF_THE_BEARER {
            story.passed(step);
        }
        let is_shut_out = decision.verdict.as_ref().is_err_and(|refusal| refusal.cause == Cause::ShutOut);
        if self.penalties.are_on() && !is_shut_out {
            story.passed(Step::Penalty);
        }
        end(&mut story, call, decision);
        self.traffic.record(story).await
    }

    /// Has a call logged of which it could not be known whether it may go ahead.
    pub(super) async fn log_broken(
        &self,
        context: &Context,
        holder: &Holder,
        call: &Call,
        fault: &Fault,
    ) -> Result<(), Fault> {
        let Some(mut story) = begun(context, call) else { return Ok(()) };
        story.who = who(holder);
        for step in OF_THE_BEARER {
            story.passed(step);
        }
        story.unknowable(Step::Limits, "temporarily_unavailable", fault.to_string());
        self.traffic.record(story).await
    }

    /// Has a call logged that ended before anybody knew whose it is: in nobody's name, or since nobody could know.
    pub async fn log_unheard(
        &self,
        context: &Context,
        call: traffic::Call,
        (step, status, code): (Step, u16, &'static str),
        why: String,
    ) -> Result<(), Fault> {
        let Some(request) = context.request_id else { return Ok(()) };
        let mut story = Story::of(request, context);
        story.call = call;
        if status < 500 {
            story.denied(step, status, code, why);
        } else {
            story.unknowable(step, code, why);
        }
        self.traffic.record(story).await
    }

    /// Has a call logged of whose bearer nothing could be known: in nobody's name.
    pub async fn log_unknowable(&self, context: &Context, call: &Call, fault: &Fault) -> Result<(), Fault> {
        let Some(mut story) = begun(context, call) else { return Ok(()) };
        story.unknowable(Step::Known, "temporarily_unavailable", fault.to_string());
        self.traffic.record(story).await
    }

    /// Has a call logged whose bearer was not good, or not to whoever asked: in nobody's name, so that neither they nor
    /// its holder learn of each other by it.
    pub async fn log_stranger(&self, context: &Context, call: &Call, reason: NotGood) -> Result<(), Fault> {
        let Some(mut story) = begun(context, call) else { return Ok(()) };
        let (step, code, why) = refused_at(reason);
        OF_THE_BEARER
            .into_iter()
            .take_while(|passed| *passed != step)
            .for_each(|passed| story.passed(passed));
        story.denied(step, 401, code, why);
        self.traffic.record(story).await
    }
}

/// A command of the operator's makes no call.
fn begun(context: &Context, call: &Call) -> Option<Story> {
    let mut story = Story::of(context.request_id?, context);
    story.came_from(call.ip.or(context.ip), context.user_agent.as_deref());
    story.call = call.told();
    Some(story)
}

impl Call {
    /// As it is told to the log.
    pub fn told(&self) -> traffic::Call {
        let (method, path) =
            self.target.as_ref().map_or(("", ""), |(method, path)| (method.as_str(), path.as_str()));
        traffic::Call { method: method.to_owned(), path: path.to_owned(), ..traffic::Call::default() }
    }
}

fn who(holder: &Holder) -> Who {
    let known = Who { account: Some(holder.account.id), principal: Some(holder.principal), ..Who::default() };
    match &holder.bearer {
        Bearer::Token(active) => Who { token: active.id, client: Some(active.client.principal), ..known },
        Bearer::Credential(credential) => Who { credential: Some(credential.id), ..known },
    }
}

fn end(story: &mut Story, call: &Call, decision: &Decision) {
    let refusal = decision.verdict.as_ref().err();
    let refused_at = refusal.map(|refusal| step_of(refusal.cause));
    // What opens nothing, and whoever is shut out, is not asked about any further.
    let asked: &[Step] = match refused_at {
        Some(Step::Bearer | Step::Penalty) => &[],
        _ => &[Step::Service, Step::Grant, Step::Scope],
    };
    for &step in asked {
        if refused_at == Some(step) {
            break;
        }
        match (&call.service, &call.target, step) {
            (None, ..) => story.skipped(step, "no service was named"),
            (_, None, Step::Scope) => story.skipped(step, "no method and path were named"),
            _ => story.passed(step),
        }
    }
    story.measured(decision.limits.as_ref().map(states).unwrap_or_default());
    match refusal {
        None => {
            story.passed(Step::Limits);
            story.allowed(if call.consume { decision.cost } else { 0 }, None);
        }
        Some(refusal) if refusal.cause == Cause::RateLimited => {
            let violated =
                decision.limits.as_ref().map(|verdict| verdict.violated.join(", ")).unwrap_or_default();
            let why = format!("too much for {violated}");
            story.limited(violated, why);
        }
        Some(refusal) => {
            let code = refusal.cause.as_str();
            let why = refusal.scope.as_ref().map_or(Cow::Borrowed(in_words(refusal.cause)), |scope| {
                format!("it asks for {scope}").into()
            });
            story.denied(step_of(refusal.cause), refusal.status(), code, why);
        }
    }
}

fn states(verdict: &Verdict) -> Vec<LimitState> {
    let state = |policy: &crate::limits::verdict::Policy| LimitState {
        name: policy.name.clone(),
        quota: Some(policy.quota),
        window: policy.window_s.into(),
        remaining: policy.remaining,
        reset_in: policy.reset_in_s,
        exceeded: verdict.violated.contains(&policy.name),
    };
    verdict.policies.iter().map(state).collect()
}

fn step_of(cause: Cause) -> Step {
    match cause {
        Cause::WrongKind => Step::Bearer,
        Cause::NoSuchService | Cause::ServiceDisabled => Step::Service,
        Cause::NotGranted => Step::Grant,
        Cause::InsufficientScope => Step::Scope,
        Cause::RateLimited => Step::Limits,
        Cause::ShutOut => Step::Penalty,
    }
}

fn in_words(cause: Cause) -> &'static str {
    match cause {
        Cause::WrongKind => "a refresh token opens nothing",
        Cause::NoSuchService => "there is no such service",
        Cause::ServiceDisabled => "an operator shut the service",
        Cause::NotGranted => "its holder may not call this service",
        Cause::InsufficientScope => "it does not carry what the call asks for",
        Cause::RateLimited => "too much",
        Cause::ShutOut => "its holder went on after too many refusals",
    }
}

/// Which check a bearer that is not good does not pass, the word for it, and why.
fn refused_at(reason: NotGood) -> (Step, &'static str, &'static str) {
    match reason {
        NotGood::Malformed | NotGood::NotABearer => {
            (Step::Bearer, "malformed", "it is none of ours, or mistyped")
        }
        NotGood::Unknown => (Step::Known, "unknown", "nobody issued it"),
        NotGood::Expired | NotGood::Credential(NotGoodKey::Expired) => {
            (Step::Life, "expired", "its time is over")
        }
        NotGood::Revoked | NotGood::Credential(NotGoodKey::Revoked) => {
            (Step::Life, "revoked", "it was taken back")
        }
        NotGood::Consumed => (Step::Life, "consumed", "it was used, and has a successor"),
        NotGood::Credential(NotGoodKey::RotatedAndOver) => {
            (Step::Life, "rotated", "it has a successor, and its overlap is over")
        }
        NotGood::NothingLeft => (Step::Standing, "nothing_left", "all that it could do was taken back"),
        NotGood::Inactive(inactive) => {
            (Step::Standing, inactive.as_str(), "something it stands on may not act")
        }
        NotGood::Credential(NotGoodKey::WrongAddress) => {
            (Step::Address, "wrong_address", "it may not come from this address")
        }
        NotGood::NotTheirs => {
            (Step::Grant, "not_theirs", "it is good, and for no service that whoever asked stands for")
        }
    }
}
