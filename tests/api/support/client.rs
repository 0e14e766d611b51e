//! A registered client, as a test knows it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor::kernel::PrincipalId;
use sha2::{Digest as _, Sha256};

use super::{Answer, App, Browser};

#[derive(Clone, Debug)]
pub struct TestClient {
    pub id: String,
    pub principal: PrincipalId,
    pub secret: Option<String>,
    pub redirect_uri: String,
}

/// The verifier every test uses.
pub const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-1";

/// A verifier and its S256 challenge (RFC 7636 §4.2).
pub fn pkce() -> (&'static str, String) {
    (VERIFIER, URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)))
}

impl TestClient {
    /// The address of an authorization request: the usual parameters, with `changes` over them. An empty
    /// value leaves a parameter out.
    pub fn authorize_path(&self, changes: &[(&str, &str)]) -> String {
        let (_, challenge) = pkce();
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", "orders:read"),
            ("state", "the-state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            params.retain(|(own, _)| own != name);
            if !value.is_empty() {
                params.push((name, value));
            }
        }
        format!("/oauth/authorize?{}", grantor::platform::form::encode(&params))
    }

    /// The code that a browser brings back after its person allowed everything.
    pub async fn code_from(&self, browser: &mut Browser<'_>, scope: &str) -> String {
        let page = browser.get(&self.authorize_path(&[("scope", scope)])).await;
        let page = browser.allow(page).await;
        page.returned("code").unwrap_or_else(|| panic!("no code in {}: {}", page.location(), page.body))
    }

    /// Exchanges a code.
    pub async fn redeem(&self, app: &App, code: &str) -> Answer {
        self.redeem_with(app, code, VERIFIER).await
    }

    /// Exchanges a code with some verifier.
    pub async fn redeem_with(&self, app: &App, code: &str, verifier: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ];
        app.token(self, &form).await
    }

    /// Refreshes.
    pub async fn refresh(&self, app: &App, token: &str) -> Answer {
        app.token(self, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Revokes.
    pub async fn revoke(&self, app: &App, token: &str) -> Answer {
        app.machine("/oauth/revoke", self, &[("token", token)]).await
    }

    /// A token by client credentials.
    pub async fn own_token(&self, app: &App, scope: &str) -> Answer {
        let mut form = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            form.push(("scope", scope));
        }
        app.token(self, &form).await
    }

    /// The whole flow in Ada's name: access and refresh token.
    pub async fn tokens_of_ada(&self, app: &App, scope: &str) -> Answer {
        let mut browser = app.browser();
        browser.sign_in(super::ADA).await;
        let code = self.code_from(&mut browser, scope).await;
        let answer = self.redeem(app, &code).await;
        answer.is_ok();
        answer
    }
}
