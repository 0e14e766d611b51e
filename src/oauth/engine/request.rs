//! The request as the engine reads it: settled and typed by us beforehand, and without a secret.

use std::borrow::Cow;

use oxide_auth::code_grant::{accesstoken, authorization, client_credentials, refresh};

use crate::kernel::{ClientId, Scope};

/// What the engine is told of the bearer: that there is one. What it is was looked up already.
const LOADED: &str = "loaded";

/// One request, for all four flows.
#[derive(Default)]
pub(super) struct EngineRequest {
    client_id: String,
    grant_type: &'static str,
    redirect_uri: Option<String>,
    scope: Option<String>,
}

impl EngineRequest {
    pub(super) fn authorize(client: &ClientId, redirect_uri: &str, scope: &Scope) -> Self {
        Self {
            client_id: client.to_string(),
            redirect_uri: Some(redirect_uri.to_owned()),
            scope: Some(scope.to_string()),
            ..Self::default()
        }
    }

    pub(super) fn code(client: &ClientId, redirect_uri: &str) -> Self {
        Self {
            client_id: client.to_string(),
            grant_type: "authorization_code",
            redirect_uri: Some(redirect_uri.to_owned()),
            ..Self::default()
        }
    }

    pub(super) fn refresh(client: &ClientId, scope: Option<&Scope>) -> Self {
        Self {
            client_id: client.to_string(),
            grant_type: "refresh_token",
            scope: scope.map(ToString::to_string),
            ..Self::default()
        }
    }

    pub(super) fn client_credentials(client: &ClientId, scope: &Scope) -> Self {
        Self {
            client_id: client.to_string(),
            grant_type: "client_credentials",
            scope: Some(scope.to_string()),
            ..Self::default()
        }
    }

    fn identified(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.client_id)
    }

    fn asked(&self) -> Option<Cow<'_, str>> {
        self.scope.as_deref().map(Cow::Borrowed)
    }

    fn redirect(&self) -> Option<Cow<'_, str>> {
        self.redirect_uri.as_deref().map(Cow::Borrowed)
    }
}

impl authorization::Request for EngineRequest {
    fn valid(&self) -> bool {
        true
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(self.identified())
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.asked()
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.redirect()
    }

    fn state(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn response_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("code"))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl accesstoken::Request for EngineRequest {
    fn valid(&self) -> bool {
        true
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(LOADED))
    }

    fn authorization(&self) -> accesstoken::Authorization<'_> {
        accesstoken::Authorization::Username(self.identified())
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.redirect()
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.grant_type))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl refresh::Request for EngineRequest {
    fn valid(&self) -> bool {
        true
    }

    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(LOADED))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.asked()
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.grant_type))
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.identified(), Cow::Borrowed(&[])))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl client_credentials::Request for EngineRequest {
    fn valid(&self) -> bool {
        true
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.identified(), Cow::Borrowed(&[])))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.asked()
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.grant_type))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}
