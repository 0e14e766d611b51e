//! The life of tokens: they come for a code, are refreshed, and are given back.
//!
//! Who changes the tokens of a visit holds its lock all the while, so one thing happens to them after the other:
//! two tabs do not use up one refresh token, and what is disconnected is not brought back by a late refresh.

use std::sync::Arc;
use std::time::Instant;

use oauth2::basic::{BasicErrorResponseType, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AccessToken, AuthorizationCode, PkceCodeVerifier, RefreshToken, RequestTokenError, TokenResponse as _,
};

use super::browsers::Visit;
use super::{App, NOT_CONNECTED, SCOPES};

const TAKEN_BACK: &str =
    "Grantor no longer lets us act for you (access was taken back). You can connect again, if you like.";

#[derive(Clone)]
pub struct Tokens {
    pub access: AccessToken,
    pub refresh: Option<RefreshToken>,
    pub scopes: Vec<String>,
    /// When the access token ends, if Grantor said.
    pub ends: Option<Instant>,
}

impl Tokens {
    /// What was answered; what the answer leaves out is as it was (RFC 6749 §5.1, §6).
    fn new(answer: &BasicTokenResponse, before: Option<&Self>) -> Result<Self, String> {
        if !matches!(answer.token_type(), BasicTokenType::Bearer) {
            return Err("Grantor gave a kind of token that Parcel does not know.".to_owned());
        }
        let scopes = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect());
        let known = || before.map(|before| before.scopes.clone());
        let refresh = answer.refresh_token().or(before.and_then(|before| before.refresh.as_ref()));
        Ok(Self {
            access: answer.access_token().clone(),
            refresh: refresh.cloned(),
            scopes: scopes.or_else(known).unwrap_or_else(|| SCOPES.map(|(scope, _)| scope.to_owned()).into()),
            // No clock counts as far as some answers could say.
            ends: answer.expires_in().and_then(|lifetime| Instant::now().checked_add(lifetime)),
        })
    }
}

/// Runs what must not be cut short. A browser that hangs up ends its handler and all that this waits for; tokens
/// that Grantor has given out by then, and that nobody stored, would be lost.
pub async fn to_its_end<T: 'static>(
    work: impl Future<Output = Result<T, String>> + 'static,
) -> Result<T, String> {
    let done = actix_web::rt::spawn(work).await;
    done.unwrap_or_else(|_| Err("Parcel stumbled. Please try again.".to_owned()))
}

impl App {
    /// Exchanges the code for tokens, and begins a visit with them. The verifier shows that we are the ones who
    /// asked (PKCE). What the browser had before is given back only now that there is something better.
    pub async fn exchange(
        &self,
        code: String,
        verifier: PkceCodeVerifier,
        before: Option<Arc<Visit>>,
    ) -> Result<Arc<Visit>, String> {
        let exchange = self.client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(verifier);
        let answer = exchange.request_async(&|question| send(self.http.clone(), question)).await;
        let answer = answer.map_err(|error| format!("Grantor did not exchange the code: {error}."))?;
        let visit = self.begin(Tokens::new(&answer, None)?);
        if let Some(before) = before {
            self.forget(&before);
            if let Some(old) = before.tokens.lock().await.take() {
                // Where this fails, they end by themselves.
                let _ = self.revoke(&old).await;
            }
        }
        Ok(visit)
    }

    /// Exchanges the refresh token, which is good for one use, for a new pair; or forgets what is over. Whoever
    /// waited here while another did so has the new pair already.
    pub async fn refresh(&self, visit: &Visit, old: &Tokens) -> Result<Tokens, String> {
        let mut held = visit.tokens.lock().await;
        let now = held.clone().ok_or(NOT_CONNECTED)?;
        if now.access.secret() != old.access.secret() {
            return Ok(now);
        }
        let Some(token) = &now.refresh else {
            *held = None;
            return Err(TAKEN_BACK.to_owned());
        };
        let exchange = self.client.exchange_refresh_token(token);
        match exchange.request_async(&|question| send(self.http.clone(), question)).await {
            Ok(answer) => {
                let new = Tokens::new(&answer, Some(&now))?;
                *held = Some(new.clone());
                Ok(new)
            }
            Err(RequestTokenError::ServerResponse(refusal))
                if *refusal.error() == BasicErrorResponseType::InvalidGrant =>
            {
                *held = None;
                Err(TAKEN_BACK.to_owned())
            }
            Err(error) => Err(format!("Grantor did not refresh: {error}.")),
        }
    }

    /// Gives the tokens back. They are kept until Grantor has taken them, so that one can try again.
    pub async fn give_back(&self, visit: &Visit) -> Result<(), String> {
        let mut held = visit.tokens.lock().await;
        let tokens = held.as_ref().ok_or(NOT_CONNECTED)?;
        let lost = |_| "Grantor did not take the tokens back now, so Parcel is still connected. Try again.";
        self.revoke(tokens).await.map_err(lost)?;
        *held = None;
        Ok(())
    }

    /// Revokes tokens (RFC 7009): with the refresh token ends all that came of this connection. By hand, since the
    /// crate does it over https only, which on this machine would be for show.
    async fn revoke(&self, tokens: &Tokens) -> Result<(), reqwest::Error> {
        let token = tokens.refresh.as_ref().map_or(tokens.access.secret(), |refresh| refresh.secret());
        let question = self.http.post(&self.grantor.revocation_endpoint);
        let question = match &self.client_secret {
            Some(secret) => {
                question.basic_auth(encoded(&self.client_id), Some(encoded(secret))).form(&[("token", token)])
            }
            None => question.form(&[("token", token), ("client_id", &self.client_id)]),
        };
        question.send().await?.error_for_status().map(drop)
    }
}

/// The HTTP of the crate `oauth2`, by way of ours.
async fn send(
    http: reqwest::Client,
    question: oauth2::HttpRequest,
) -> Result<oauth2::HttpResponse, reqwest::Error> {
    let answer = http.execute(question.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut reply = oauth2::HttpResponse::new(answer.bytes().await?.to_vec());
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    Ok(reply)
}

/// Basic has both parts encoded as forms are (RFC 6749 §2.3.1).
fn encoded(text: &str) -> String {
    oauth2::url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
