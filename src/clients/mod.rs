//! OAuth clients: their registration, and how they prove who they are.

pub mod api;
pub mod authentication;
mod directory;
pub mod registration;
pub mod store;

use chrono::{DateTime, Utc};

pub use directory::{Directory, Known};

use crate::kernel::{AccessTokenFormat, ClientId, PrincipalId, RedirectUri, Scope};

/// A grant type (RFC 6749 §1.3, §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// §4.1
    AuthorizationCode,
    /// §6
    RefreshToken,
    /// §4.4
    ClientCredentials,
}

impl GrantType {
    /// Every grant type of this server.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// The grant type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }
}

/// How a client authenticates at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// HTTP Basic.
    ClientSecretBasic,
    /// Id and secret in the form.
    ClientSecretPost,
    /// A public client: its id alone.
    None,
}

impl AuthMethod {
    /// Every method of this server.
    pub const ALL: [Self; 3] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::None];

    /// Its registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }

    /// The method of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// A registered client.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is said by itself when it is registered")]
pub struct Client {
    /// The principal it is.
    pub principal: PrincipalId,
    /// The account it belongs to: its own, or that of an organization or person.
    pub account: PrincipalId,
    /// `client_id` on the wire.
    pub id: ClientId,
    /// Its name, as people read it.
    pub name: String,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// An operator has checked that.
    pub verified: bool,
    /// It can keep a secret (RFC 6749 §2.1).
    pub confidential: bool,
    /// It belongs to the operator: the consent page is skipped.
    pub first_party: bool,
    /// The one method it may authenticate with; without one, basic or post.
    pub auth_method: Option<AuthMethod>,
    /// What it may ask for tokens with.
    pub grant_types: Vec<GrantType>,
    /// The most it may be given.
    pub scope: Scope,
    /// Where it may have people sent back to.
    pub redirect_uris: Vec<RedirectUri>,
    /// Web origins it may call from (CORS).
    pub origins: Vec<String>,
    /// What its access tokens look like; without a word from it, as the services want that they are for.
    pub access_token_format: Option<AccessTokenFormat>,
    /// Seconds its access tokens live, if not the server's default.
    pub access_token_lifetime: Option<u32>,
    /// Seconds its families live, if not the server's default.
    pub refresh_token_lifetime: Option<u32>,
    /// Audiences whose tokens it may introspect.
    pub introspection_audiences: Vec<String>,
    /// What it asks about a call counts, if it does not say otherwise.
    pub introspection_consumes: bool,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// Since when it may not act: because it is disabled itself, or its account is.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Client {
    /// Whether it is registered for this grant type.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// The registered URI that `sent` stands for.
    pub fn redirect_uri(&self, sent: &str) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|registered| registered.matches(sent))
    }

    /// Whether it may introspect tokens at all (http-api: never by a scope, none by default).
    pub fn may_introspect(&self) -> bool {
        self.confidential && !self.introspection_audiences.is_empty()
    }

    /// Whether it may learn about a token for this audience.
    pub fn may_introspect_audience(&self, audience: &[String]) -> bool {
        self.introspection_audiences.iter().any(|own| own == "*" || audience.contains(own))
    }
}
