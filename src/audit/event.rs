//! The catalogue of events. Adding one is adding a line here.
//!
//! Events are what people and operators do, and what is done to tokens. Issuing by client credentials and
//! refreshing are traffic: the token rows are their record.

use serde_json::Value;

use crate::kernel::{Caller, PrincipalId, PrincipalKind};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $outcome:literal;)*) => {
        /// What happened, as `object.verb`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[doc = $doc])* $variant,)* }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in the log.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether it tells of a success, a failure or a denial.
            pub fn outcome(self) -> &'static str {
                match self { $(Self::$variant => $outcome,)* }
            }
        }
    };
}

kinds! {
    /// A user was made.
    UserCreated = "user.created", "success";
    /// A user was disabled; sessions and families end with it.
    UserDisabled = "user.disabled", "success";
    /// A disabled user may act again.
    UserEnabled = "user.enabled", "success";
    /// A password was set; sessions and families end with it.
    UserPasswordChanged = "user.password_changed", "success";
    /// A person signed in.
    UserSignedIn = "user.signed_in", "success";
    /// Wrong passwords for one account from one network went past the threshold; `data.failures` counts.
    UserSignInFailed = "user.sign_in_failed", "failure";
    /// A person signed out of this browser.
    UserSignedOut = "user.signed_out", "success";
    /// A person ended one of their sessions in another browser.
    UserSessionEnded = "user.session_ended", "success";
    /// A person gave themselves another name.
    UserRenamed = "user.renamed", "success";
    /// A person ended every session and every app's access.
    UserSignedOutEverywhere = "user.signed_out_everywhere", "success";
    /// An operator made a person an administrator of this server.
    UserPromoted = "user.promoted", "success";
    /// An operator took that back.
    UserDemoted = "user.demoted", "success";
    /// An organization was made.
    OrgCreated = "org.created", "success";
    /// An organization got another name.
    OrgUpdated = "org.updated", "success";
    /// An organization was disabled; its clients and keys are refused with it.
    OrgDisabled = "org.disabled", "success";
    /// A disabled organization may act again.
    OrgEnabled = "org.enabled", "success";
    /// A person became a member of an organization; `data.role` says as what.
    MembershipAdded = "membership.added", "success";
    /// A member of an organization got another role.
    MembershipChanged = "membership.changed", "success";
    /// A person is no longer a member of an organization.
    MembershipRemoved = "membership.removed", "success";
    /// An operator made a plan.
    PlanCreated = "plan.created", "success";
    /// An operator closed a plan: no account may change to it.
    PlanDisabled = "plan.disabled", "success";
    /// An operator opened a plan again.
    PlanEnabled = "plan.enabled", "success";
    /// An account has another plan from now on.
    AccountPlanChanged = "account.plan_changed", "success";
    /// A service was made.
    ServiceCreated = "service.created", "success";
    /// A service was shut: nobody may call it.
    ServiceDisabled = "service.disabled", "success";
    /// A service that was shut may be called again.
    ServiceEnabled = "service.enabled", "success";
    /// A principal was let to call a service with its keys; `data.principal` says which.
    ServiceGranted = "service.granted", "success";
    /// That was taken back.
    ServiceWithdrawn = "service.withdrawn", "success";
    /// A part of a service asks for something of its own from now on.
    RouteAdded = "service.route_added", "success";
    /// Such a part was removed.
    RouteRemoved = "service.route_removed", "success";
    /// A client was registered.
    ClientCreated = "client.created", "success";
    /// A client got a new secret; the old one ends after the overlap.
    ClientSecretRotated = "client.secret_rotated", "success";
    /// A secret of a client was found where it does not belong; it is revoked.
    ClientSecretLeaked = "client.secret_leaked", "success";
    /// A client was disabled.
    ClientDisabled = "client.disabled", "success";
    /// A disabled client may act again.
    ClientEnabled = "client.enabled", "success";
    /// An API key or a personal token was made; `data` says for whom, and what it may do.
    CredentialCreated = "credential.created", "success";
    /// An operator brought an API key along from elsewhere.
    CredentialImported = "credential.imported", "success";
    /// An API key or a personal token got a successor; it ends after the overlap.
    CredentialRotated = "credential.rotated", "success";
    /// An API key or a personal token was taken back.
    CredentialRevoked = "credential.revoked", "success";
    /// Somebody found an API key or a personal token where it does not belong; it is revoked.
    CredentialLeaked = "credential.leaked", "success";
    /// An API key or a personal token ends soon; `data.days` says within how many days.
    CredentialExpiring = "credential.expiring", "success";
    /// An API key or a personal token that has a successor came again after its end.
    CredentialReused = "credential.reused", "denied";
    /// Most of a quota of a day or month is used; `data` says of which.
    QuotaWarning = "quota.warning", "success";
    /// A quota of a day or month is used up.
    QuotaExceeded = "quota.exceeded", "denied";
    /// A caller went on far beyond their limits and is shut out for a while; `data.times` counts since it was last told.
    CallerShutOut = "caller.shut_out", "denied";
    /// A network failed too often and must wait; `data` says at what, and counts since it was last told.
    NetworkBlocked = "network.blocked", "denied";
    /// A limit was set, anew or instead of what it said before; `data` says whose it is and what it says.
    LimitSet = "limit.set", "success";
    /// What was used of the limits that bind somebody was given back; `data` says where, and of which.
    LimitReset = "limit.reset", "success";
    /// A limit was deleted; `data` says what it said.
    LimitDeleted = "limit.deleted", "success";
    /// A signing key was made, by schedule or by an operator; `data` says when it signs.
    KeyCreated = "key.created", "success";
    /// A signing key got a successor, and signs until that one does.
    KeyRotated = "key.rotated", "success";
    /// An operator revoked a signing key; everything it signed is refused.
    KeyRevoked = "key.revoked", "success";
    /// A person gave a client access for the first time.
    GrantGiven = "grant.given", "success";
    /// A person gave a client more access than before.
    GrantExtended = "grant.extended", "success";
    /// A person took one scope back.
    GrantNarrowed = "grant.narrowed", "success";
    /// A person took a client's access back.
    GrantWithdrawn = "grant.withdrawn", "success";
    /// A person refused what an app asked for.
    GrantRefused = "grant.refused", "denied";
    /// A code was issued.
    CodeIssued = "code.issued", "success";
    /// A code was exchanged for tokens.
    CodeRedeemed = "code.redeemed", "success";
    /// A code came with a wrong client, redirect URI or verifier, and is used up.
    CodeBurned = "code.burned", "denied";
    /// A used code came again; its family is revoked.
    CodeReplayed = "code.replayed", "denied";
    /// A used refresh token came again after its grace; its family is revoked.
    RefreshReused = "refresh.reused", "denied";
    /// An access token was revoked.
    TokenRevoked = "token.revoked", "success";
    /// A refresh token was revoked, and its family with it.
    FamilyRevoked = "family.revoked", "success";
    /// Somebody found an access or refresh token where it does not belong; it is revoked, a refresh token with its family.
    TokenLeaked = "token.leaked", "success";
    /// Somebody took a copy of the log; `data` says of what and in which form.
    AuditExported = "audit.exported", "success";
    /// What was written to the request log lately, vouched for by a digest over it; `data` has both.
    TrafficSealed = "traffic.sealed", "success";
    /// Calls are missing in the request log, which could not keep up; `data` counts them.
    TrafficDropped = "traffic.dropped", "failure";
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(PrincipalId),
    /// A client, authenticated or (if public) identified.
    Client(PrincipalId),
    /// An organization, by a key of its own.
    Org(PrincipalId),
    /// Whoever sits at the server's terminal.
    Operator,
    /// Nobody we know.
    Anonymous,
}

impl Actor {
    /// Whoever calls the management API.
    pub fn of(caller: &Caller) -> Self {
        match caller.kind {
            PrincipalKind::User => Self::User(caller.principal),
            PrincipalKind::Client => Self::Client(caller.principal),
            PrincipalKind::Org => Self::Org(caller.principal),
        }
    }

    /// The word in the log.
    pub fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Org(_) => "org",
            Self::Operator => "operator",
            Self::Anonymous => "anonymous",
        }
    }

    /// The principal, where there is one.
    pub fn id(self) -> Option<PrincipalId> {
        match self {
            Self::User(id) | Self::Client(id) | Self::Org(id) => Some(id),
            Self::Operator | Self::Anonymous => None,
        }
    }
}

/// One event. Never holds a secret, a code or a token: ids and words only.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Who did it.
    pub actor: Actor,
    /// To what: the kind of thing and its id.
    pub target: Option<(&'static str, String)>,
    /// The client concerned, if the actor is another.
    pub client: Option<PrincipalId>,
    /// What else is worth knowing.
    pub data: Value,
}

impl Event {
    /// An event without a target.
    pub fn new(kind: Kind, actor: Actor) -> Self {
        Self { kind, actor, target: None, client: None, data: Value::Object(serde_json::Map::new()) }
    }

    /// What it was done to.
    pub fn on(mut self, kind: &'static str, id: impl ToString) -> Self {
        self.target = Some((kind, id.to_string()));
        self
    }

    /// The client concerned.
    pub fn about(mut self, client: PrincipalId) -> Self {
        self.client = Some(client);
        self
    }

    /// What else is worth knowing.
    pub fn with(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}
