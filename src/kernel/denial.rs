//! What the protocol decides against a caller.
//!
//! Which error to use where: a rule that says no returns a [`Denial`]; something that broke is a
//! [`Fault`](crate::kernel::Fault). A denial commits what the refusal itself requires (a replayed code
//! kills its family), a fault rolls everything back.
//!
//! The public sees [`Denial::code`] and [`Denial::description`]; the variant itself goes to the log and the
//! audit trail. Variants that would tell an attacker apart what must look the same share their words.

use crate::kernel::Inactive;

/// Stands for a parameter whose name is a stranger's own word, which is not repeated.
pub const UNNAMED: &str = "";

/// Why a request is refused. Each variant names its section and maps to one error code of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    // -- the request itself (RFC 6749 §3.1, §3.2, §5.2) --
    /// A parameter came more than once.
    Repeated(&'static str),
    /// A required parameter is absent or empty.
    Missing(&'static str),
    /// A parameter does not have the form its grammar asks for.
    Malformed(&'static str),
    /// A secret, code or token came in the query string, where it would be logged (§2.3.1).
    InQuery(&'static str),
    /// The body is not `application/x-www-form-urlencoded`.
    NotAForm,
    /// The body did not arrive in time.
    TooSlow,
    /// The body is larger than this server reads.
    TooLarge,

    // -- the client (RFC 6749 §2.3, §5.2) --
    /// No client identification at all.
    ClientMissing,
    /// No such client.
    ClientUnknown,
    /// The client is disabled.
    ClientDisabled,
    /// A confidential client came without its secret.
    ClientSecretMissing,
    /// The secret is not one of the client's living ones.
    ClientSecretWrong,
    /// A public client has no secret, so one that comes with one is not who it says.
    ClientHasNoSecret,
    /// The registration pins another method; the name of the expected one.
    ClientMethod(&'static str),
    /// The `Authorization` header is not a readable Basic one.
    ClientBasicMalformed,
    /// Two ways of authenticating in one request (§2.3).
    ClientAuthenticatedTwice,
    /// The client is not registered for this grant type or response type.
    ClientNotAllowed,
    /// The client may not introspect (RFC 7662 §2.1: the permission is the server's to give).
    IntrospectionNotAllowed,
    /// A JWT is wanted and nothing else, and nothing is signed here (RFC 9701 §4, RFC 9110 §15.5.7).
    NotAcceptable,

    // -- grants (RFC 6749 §5.2) --
    /// Not a grant type of this server.
    GrantTypeUnsupported,
    /// The scope does not follow the grammar of §3.3.
    ScopeMalformed,
    /// A scope that does not exist, or that this client or this grant does not have.
    ScopeNotAllowed,
    /// So much is asked for that the JWT which says it would be longer than anybody takes.
    TokenTooLong,
    /// A resource that does not exist, or that neither the scope nor the grant reaches (RFC 8707 §2).
    ResourceNotAllowed,
    /// No such code.
    CodeUnknown,
    /// The code's minute is over.
    CodeExpired,
    /// The code was used before: its family dies (§4.1.2).
    CodeReplayed,
    /// The code was given to another client.
    CodeOfAnotherClient,
    /// `redirect_uri` differs from the authorization request's, or is missing although that named it (§4.1.3).
    CodeRedirectDiffers,
    /// The verifier does not answer the challenge, or is missing (RFC 7636 §4.6).
    CodeVerifierWrong,
    /// No such refresh token.
    RefreshUnknown,
    /// The refresh token belongs to another client.
    RefreshOfAnotherClient,
    /// A consumed refresh token came back after its grace: the family dies (RFC 9700 §4.14.2).
    RefreshReused,
    /// A consumed refresh token came back within its grace, with other parameters: no answer, no harm.
    RefreshDiffers,
    /// All that the code or token could do was taken back.
    NothingLeft,
    /// Somebody or something it depends on may no longer act.
    Inactive(Inactive),

    // -- revocation (RFC 7009 §2.2.1) --
    /// A kind of bearer this endpoint does not revoke.
    TokenTypeUnsupported,

    // -- authorization (RFC 6749 §4.1.2.1, RFC 7636 §4.4.1) --
    /// Not `response_type=code`.
    ResponseTypeUnsupported,
    /// Not `response_mode=query`.
    ResponseModeUnsupported,
    /// No PKCE challenge, or not by S256.
    ChallengeMissing,
    /// A challenge by `plain`, or by a method nobody knows.
    ChallengeMethod,
    /// A request object, which this server does not read (RFC 9101 §6.2).
    RequestObjectUnsupported,
    /// A reference to one (RFC 9101 §6.2).
    RequestUriUnsupported,
    /// `prompt=none` although nobody is signed in.
    LoginRequired,
    /// `prompt=none` although the person must be asked.
    ConsentRequired,
    /// The person said no.
    AccessDenied,

    // -- pages --
    /// The redirect URI is not one of the client's: shown to the person, never followed (§3.1.2.4).
    RedirectUnregistered,
    /// The client registered several redirect URIs and the request names none (§3.1.2.3).
    RedirectMissing,
    /// A sign-in or consent that is finished, too old, or was opened in another browser.
    InteractionGone,
    /// A form without our token, or from another origin.
    FormForeign,
    /// Name or password are wrong, or the account may not sign in: one answer for all.
    SignInWrong,
    /// Too many wrong passwords from this network for this account; seconds to wait.
    SignInPaused(u32),
    /// Too many failures from this network; seconds to wait.
    TooManyFailures(u32),
    /// What the page asks for does not exist, or is not this person's.
    NotFound,
    /// It does not go with what is there: taken, the last of its kind, changed meanwhile.
    Conflict(&'static str),

    // -- the management API (RFC 6750 §3.1, RFC 9110) --
    /// No bearer at all.
    BearerMissing,
    /// A bearer that is not good, or not good here.
    BearerWrong,
    /// A bearer that was good, and whose time is over: told to whoever held it.
    BearerExpired,
    /// A bearer that does not carry this scope.
    ScopeMissing(&'static str),
    /// What the caller is to the account does not allow it.
    Forbidden,
    /// What is wanted cannot be; in words for the caller.
    Unfit(String),
    /// The body is not `application/json`.
    NotJson,
    /// It was changed since the caller saw it (RFC 9110 §13.1.1).
    Changed,
    /// What was sent with this idempotency key before was something else.
    KeyReused,
    /// What was sent with this idempotency key is under way, or was done and its answer lost.
    KeyInUse,
    /// The resource does not have this method; those it has.
    NoMethod(String),
}

impl Denial {
    /// The error code on the wire.
    pub fn code(&self) -> &'static str {
        use Denial as D;
        match self {
            D::Repeated(_)
            | D::Missing(_)
            | D::Malformed(_)
            | D::InQuery(_)
            | D::NotAForm
            | D::TooLarge
            | D::TooSlow
            | D::ClientAuthenticatedTwice
            | D::ResponseModeUnsupported
            | D::ChallengeMissing
            | D::ChallengeMethod
            | D::RedirectUnregistered
            | D::RedirectMissing
            | D::InteractionGone
            | D::FormForeign
            | D::NotJson
            | D::NotAcceptable
            | D::Unfit(_)
            | D::BearerMissing
            | D::NoMethod(_)
            | D::NotFound => "invalid_request",
            D::BearerWrong | D::BearerExpired => "invalid_token",
            D::ScopeMissing(_) => "insufficient_scope",
            D::Forbidden => "forbidden",
            D::Changed => "precondition_failed",
            D::KeyReused => "idempotency_key_reused",
            D::KeyInUse => "idempotency_key_in_use",
            D::ClientMissing
            | D::ClientUnknown
            | D::ClientDisabled
            | D::ClientSecretMissing
            | D::ClientSecretWrong
            | D::ClientHasNoSecret
            | D::ClientMethod(_)
            | D::ClientBasicMalformed
            | D::Inactive(Inactive::ClientDisabled) => "invalid_client",
            D::ClientNotAllowed | D::IntrospectionNotAllowed => "unauthorized_client",
            D::GrantTypeUnsupported => "unsupported_grant_type",
            D::ScopeMalformed | D::ScopeNotAllowed | D::TokenTooLong => "invalid_scope",
            D::ResourceNotAllowed => "invalid_target",
            D::CodeUnknown
            | D::CodeExpired
            | D::CodeReplayed
            | D::CodeOfAnotherClient
            | D::CodeRedirectDiffers
            | D::CodeVerifierWrong
            | D::RefreshUnknown
            | D::RefreshOfAnotherClient
            | D::RefreshReused
            | D::RefreshDiffers
            | D::NothingLeft
            | D::Inactive(_) => "invalid_grant",
            D::TokenTypeUnsupported => "unsupported_token_type",
            D::ResponseTypeUnsupported => "unsupported_response_type",
            D::RequestObjectUnsupported => "request_not_supported",
            D::RequestUriUnsupported => "request_uri_not_supported",
            D::LoginRequired => "login_required",
            D::ConsentRequired => "consent_required",
            D::Conflict(_) => "conflict",
            D::AccessDenied | D::SignInWrong => "access_denied",
            D::SignInPaused(_) | D::TooManyFailures(_) => "temporarily_unavailable",
        }
    }

    /// The HTTP status at an endpoint that answers machines.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooSlow => 408,
            Self::TooLarge => 413,
            Self::BearerMissing | Self::BearerWrong | Self::BearerExpired => 401,
            Self::IntrospectionNotAllowed | Self::FormForeign | Self::ScopeMissing(_) | Self::Forbidden => {
                403
            }
            Self::NoMethod(_) => 405,
            Self::NotAcceptable => 406,
            Self::Changed => 412,
            Self::NotJson => 415,
            Self::NotFound => 404,
            Self::Conflict(_) | Self::KeyInUse => 409,
            Self::KeyReused => 422,
            Self::SignInPaused(_) | Self::TooManyFailures(_) => 429,
            _ if self.code() == "invalid_client" => 401,
            _ => 400,
        }
    }

    /// Seconds after which the same request may be tried again, where waiting helps.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::SignInPaused(seconds) | Self::TooManyFailures(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// A sentence for the developer on the other side; ASCII without quotes or backslash (RFC 6749 §5.2).
    pub fn description(&self) -> String {
        use Denial as D;
        let words = match self {
            D::Repeated(name) => return format!("{} must not be repeated", parameter(name)),
            D::Missing(name) => return format!("the parameter {name} is required"),
            D::Malformed(name) => return format!("{} is malformed", parameter(name)),
            D::InQuery(name) => return format!("send {name} in the request body, never in the query string"),
            D::ClientMethod(method) => {
                return format!("this client must authenticate with {method}");
            }
            D::NotAForm => "the body must be application/x-www-form-urlencoded in UTF-8",
            D::TooSlow => "the request body did not arrive in time",
            D::TooLarge => "the request body is too large",
            D::ClientMissing => "client authentication is required",
            D::ClientUnknown
            | D::ClientDisabled
            | D::ClientSecretMissing
            | D::ClientSecretWrong
            | D::ClientHasNoSecret
            | D::ClientBasicMalformed
            | D::Inactive(Inactive::ClientDisabled) => "client authentication failed",
            D::ClientAuthenticatedTwice => "use one method of client authentication only",
            D::ClientNotAllowed => "this client is not registered for this grant",
            D::IntrospectionNotAllowed => "this client is not registered to introspect tokens",
            D::NotAcceptable => "answers are not signed here, accept application/json",
            D::GrantTypeUnsupported => "this grant type is not supported",
            D::ScopeMalformed => "the scope is malformed",
            D::TokenTooLong => "the token would be too long, ask for a smaller scope",
            D::ScopeNotAllowed => "the scope is unknown, or exceeds what was granted or registered",
            D::ResourceNotAllowed => "a resource is unknown, or neither the scope nor the grant reaches it",
            D::CodeUnknown
            | D::CodeExpired
            | D::CodeReplayed
            | D::CodeOfAnotherClient
            | D::CodeRedirectDiffers
            | D::CodeVerifierWrong => {
                "the authorization code is invalid, expired, used, or was issued for another client, redirect_uri or code_challenge"
            }
            D::RefreshUnknown | D::RefreshOfAnotherClient | D::RefreshReused | D::RefreshDiffers => {
                "the refresh token is invalid, expired, used, or was issued to another client"
            }
            D::NothingLeft | D::Inactive(_) => "the authorization is no longer valid",
            D::TokenTypeUnsupported => "this kind of token cannot be revoked here",
            D::ResponseTypeUnsupported => "only response_type=code is supported",
            D::ResponseModeUnsupported => "only response_mode=query is supported",
            D::ChallengeMissing => "PKCE is required: send code_challenge with code_challenge_method=S256",
            D::ChallengeMethod => "only code_challenge_method=S256 is supported",
            D::RequestObjectUnsupported | D::RequestUriUnsupported => "request objects are not supported",
            D::LoginRequired => "nobody is signed in",
            D::ConsentRequired => "the person must be asked",
            D::AccessDenied => "the person refused",
            D::RedirectUnregistered => "the redirect_uri is not registered for this client",
            D::RedirectMissing => "the redirect_uri is required",
            D::InteractionGone => "this sign-in is finished, too old, or belongs to another browser",
            D::FormForeign => "the form did not come from this page",
            D::SignInWrong => "the name or the password is wrong",
            D::SignInPaused(_) | D::TooManyFailures(_) => "too many failed attempts, try again later",
            D::NotFound => "there is nothing here",
            D::Conflict(words) => words,
            D::BearerMissing => {
                "send an API key or a personal token as Authorization: Bearer, or as X-API-Key"
            }
            D::BearerWrong => "the bearer is not good, or not good here",
            D::BearerExpired => "the bearer has expired",
            D::ScopeMissing(scope) => return format!("the bearer needs the scope {scope}"),
            D::Forbidden => "the caller may not do this",
            D::Unfit(words) => words.as_str(),
            D::NotJson => "the body must be application/json in UTF-8",
            D::Changed => "it was changed meanwhile: get it again, and look",
            D::KeyReused => "this idempotency key was sent with another request: use one key a request",
            D::KeyInUse => {
                "a request with this idempotency key is under way, or was done and its answer lost: look what is there before you send it with another key"
            }
            D::NoMethod(_) => "there is no such method here",
        };
        words.to_owned()
    }
}

fn parameter(name: &str) -> String {
    if name == UNNAMED { "a parameter".to_owned() } else { format!("the parameter {name}") }
}

/// What a decision is: an answer or a denial, and beside them a fault.
///
/// `Ok(Err(denial))` commits, `Err(fault)` rolls back.
pub type Outcome<T> = Result<Result<T, Denial>, crate::kernel::Fault>;

/// Takes the value out of a decision, or returns the denial from the flow.
#[macro_export]
macro_rules! settle {
    ($decision:expr) => {
        match $decision {
            Ok(value) => value,
            Err(denial) => return Ok(Err(denial.into())),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_to_the_character_set_of_rfc6749_5_2() {
        for denial in [
            Denial::Repeated("state"),
            Denial::CodeUnknown,
            Denial::ClientMethod("client_secret_basic"),
            Denial::SignInPaused(3),
        ] {
            let words = denial.description();
            assert!(words.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~')), "{words}");
        }
    }

    #[test]
    fn what_must_look_the_same_shares_its_words() {
        let same = [Denial::ClientUnknown, Denial::ClientDisabled, Denial::ClientSecretWrong];
        for denial in &same {
            assert_eq!(
                (denial.code(), denial.status(), denial.description()),
                ("invalid_client", 401, "client authentication failed".into())
            );
        }
    }
}
