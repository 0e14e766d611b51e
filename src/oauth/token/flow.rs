//! The story of a token request: may this client use this grant? Then the grant's own file tells the rest.

use crate::clients::{Client, GrantType};
use crate::kernel::{Outcome, PlainSecret, Resources, Scope};
use crate::oauth::OAuth;
use crate::oauth::token::{client_credentials, code, refresh, rules};
use crate::platform::context::Context;
use crate::settle;

/// What is asked of the endpoint, by grant.
pub enum Ask {
    /// RFC 6749 §4.1.3, RFC 7636 §4.5
    Code {
        /// The code.
        code: PlainSecret,
        /// Where the code was sent, if the client says.
        redirect_uri: Option<String>,
        /// The answer to the challenge.
        verifier: Option<PlainSecret>,
        /// Where the token is to be used, if the client says (RFC 8707 §2.2).
        resources: Resources,
    },
    /// RFC 6749 §6
    Refresh {
        /// The refresh token.
        token: PlainSecret,
        /// Less than it carries, if the client says.
        asked: Asked,
    },
    /// RFC 6749 §4.4.2
    ClientCredentials {
        /// What is asked for, if the client says.
        asked: Asked,
    },
}

/// What a client says of the token it wants.
pub struct Asked {
    /// What it is to carry.
    pub scope: Option<Scope>,
    /// Where it is to be used (RFC 8707 §2.2).
    pub resources: Resources,
}

impl Ask {
    fn grant_type(&self) -> GrantType {
        match self {
            Self::Code { .. } => GrantType::AuthorizationCode,
            Self::Refresh { .. } => GrantType::RefreshToken,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
        }
    }
}

/// The answer's text: kept as a secret, since it holds some.
pub async fn answer(oauth: &OAuth, context: &Context, client: &Client, ask: Ask) -> Outcome<PlainSecret> {
    settle!(rules::may_use(client, ask.grant_type()));
    match ask {
        Ask::Code { code, redirect_uri, verifier, resources } => {
            let presented = code::Presented { code, redirect_uri, verifier, resources };
            code::redeem(oauth, context, client, presented).await
        }
        Ask::Refresh { token, asked } => refresh::refresh(oauth, context, client, token, asked).await,
        Ask::ClientCredentials { asked } => client_credentials::issue(oauth, context, client, asked).await,
    }
}
