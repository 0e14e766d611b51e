//! The story of a call that a proxy asks about: is the bearer good, may it make the call, what is the upstream told?

use crate::decision::calls::{Bearer, Call, Holder};
use crate::gateway::forward_auth::refusal::Refusal;
use crate::gateway::forward_auth::{ForwardAuth, phantom};
use crate::kernel::{Fault, PlainSecret};
use crate::limits::guard::Failed;
use crate::limits::verdict::Verdict;
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::traffic::{self, Step};

/// A call that may go ahead, and has been counted.
pub(super) struct Allowed {
    pub(super) holder: Holder,
    /// Whom it is made for: a person, a client, an organization.
    pub(super) subject: String,
    /// The app that makes it, if it is one.
    pub(super) client: Option<String>,
    /// What kind of bearer it came with.
    pub(super) kind: &'static str,
    pub(super) limits: Option<Verdict>,
    /// What the upstream is told besides, if that was asked for.
    pub(super) jwt: Option<String>,
}

/// Decides about a call, and counts it.
pub(super) async fn authorize(
    face: &ForwardAuth,
    context: &Context,
    presented: PlainSecret,
    call: Call,
    wants_jwt: bool,
) -> Result<Allowed, Refusal> {
    let call = Call { ip: context.ip, ..call };
    if wants_jwt && !face.keys.is_on() {
        return Err(unheard(face, context, call.told(), Step::Request, phantom::off().into()).await);
    }
    let holder = match holder(face, context, &presented, &call).await {
        Err(refusal @ (Refusal::MustWait(_) | Refusal::Broken(_))) => {
            return Err(unheard(face, context, call.told(), Step::Known, refusal).await);
        }
        holder => holder?,
    };
    let decision = face.calls.decide(&holder, &call, context).await?;
    if let Err(refusal) = decision.verdict {
        return Err(Refusal::Call(refusal, decision.limits.map(Box::new)));
    }
    let allowed = Allowed::new(holder, decision.limits);
    let jwt = if wants_jwt { Some(jwt(face, context, &call, &allowed).await?) } else { None };
    Ok(Allowed { jwt, ..allowed })
}

/// Has a call logged that is refused before anybody knows whose it is.
pub(super) async fn unheard(
    face: &ForwardAuth,
    context: &Context,
    call: traffic::Call,
    step: Step,
    refusal: Refusal,
) -> Refusal {
    let end = (step, refusal.status(), refusal.error());
    let why = match &refusal {
        Refusal::Broken(fault) => fault.to_string(),
        other => other.detail().to_owned(),
    };
    match face.calls.log_unheard(context, call, end, why).await {
        Ok(()) => refusal,
        Err(fault) => fault.into(),
    }
}

async fn holder(
    face: &ForwardAuth,
    context: &Context,
    presented: &PlainSecret,
    call: &Call,
) -> Result<Holder, Refusal> {
    let bearer = good(face, context, presented, call).await?;
    Ok(face.calls.holder(bearer).await?)
}

/// The bearer, if it is good. Whoever sends too many that nobody issued has to wait, with a good one too: the answer
/// would tell which one is.
async fn good(
    face: &ForwardAuth,
    context: &Context,
    presented: &PlainSecret,
    call: &Call,
) -> Result<Bearer, Refusal> {
    let network = context.ip.map(Network::of);
    if let Some(network) = network
        && let Err(denial) = face.guard.check(Failed::UnknownBearer, network, context.now)
    {
        return Err(Refusal::MustWait(denial.retry_after().unwrap_or(1)));
    }
    let reason = match face.calls.good(presented.expose(), context.ip, context).await? {
        Ok(bearer) => return Ok(bearer),
        Err(reason) => reason,
    };
    log::debug!("a proxy asked about a bearer that is not good: {reason:?}");
    face.calls.log_stranger(context, call, reason).await?;
    if let (true, Some(network)) = (reason.is_strange(), network) {
        face.guard.failed(Failed::UnknownBearer, network, context);
    }
    Err(Refusal::NotGood { expired: reason.is_expired() })
}

async fn jwt(
    face: &ForwardAuth,
    context: &Context,
    call: &Call,
    allowed: &Allowed,
) -> Result<String, Refusal> {
    let catalogue = face.calls.bearers.services.catalogue().await?;
    let service = call.service.as_deref().and_then(|name| catalogue.named(name));
    let service = service.ok_or_else(|| Fault::internal("a call of no service was allowed"))?;
    Ok(phantom::jwt(&face.keys, &face.issuer, &service.audience, allowed, context.now)?)
}

impl Allowed {
    fn new(holder: Holder, limits: Option<Verdict>) -> Self {
        let (subject, client, kind) = match &holder.bearer {
            Bearer::Token(active) => {
                let client = active.client.id.to_string();
                let subject = active.user.map_or_else(|| client.clone(), |user| user.to_string());
                (subject, Some(client), "access_token")
            }
            Bearer::Credential(credential) => (credential.owner.to_string(), None, credential.kind.as_str()),
        };
        Self { holder, subject, client, kind, limits, jwt: None }
    }

    /// The API key or personal token, if it came with one.
    pub(super) fn credential(&self) -> Option<String> {
        match &self.holder.bearer {
            Bearer::Credential(credential) => Some(credential.id.to_string()),
            Bearer::Token(_) => None,
        }
    }
}
