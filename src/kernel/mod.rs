//! Floor 0: pure values. No clock, no database, no HTTP, no environment.
//!
//! Text from outside becomes one of these types or is refused ("parse, don't validate"): a `Scope` in a
//! signature means that somebody has already read RFC 6749 §3.3 for you. Whatever needs `now` or
//! randomness takes it as an argument.

pub mod secret;
pub mod bearer;
pub mod principal;
pub mod identity;
pub mod scope;
pub mod pkce;
mod authority;
pub mod redirect_uri;
pub mod origin;
mod resources;
pub mod path;
mod plan;
pub mod basic;
pub mod standing;
pub mod format;
mod stale;
mod caller;
pub mod denial;
pub mod fault;

pub use basic::{BasicCredentials, MalformedBasic};
pub use bearer::{Bearer, DatedTag, InvalidKeyTag, KeyTag, LastingTag, MalformedBearer, Tag};
pub use caller::Caller;
pub use denial::{Denial, Outcome, UNNAMED};
pub use fault::{Fault, FaultKind};
pub use format::AccessTokenFormat;
pub use identity::{
    DisplayText, DisplayTextProblem, EmailAddress, InvalidEmailAddress, InvalidUserIdentifier, Password,
    PasswordProblem, UserIdentifier,
};
pub use origin::{InvalidOrigin, Origin};
pub use path::{AmbiguousPath, RequestPath};
pub use pkce::{CodeChallenge, CodeVerifier, MalformedPkce};
pub use plan::{InvalidPlanId, PlanId};
pub use principal::{
    AttemptId, ClientId, CredentialId, EventId, FamilyId, GrantId, InteractionId, InvalidClientId, LimitId,
    PrincipalId, PrincipalKind, RequestId, ServiceId, SessionId, TokenId,
};
pub use redirect_uri::{RedirectUri, RedirectUriProblem, with_params};
pub use resources::Resources;
pub use scope::{InvalidScope, Scope, ScopeToken};
pub use secret::{PlainSecret, SecretHash};
pub use stale::Stale;
pub use standing::{FamilyStanding, GrantStanding, Inactive, SessionStanding, Standing, UserStanding};
