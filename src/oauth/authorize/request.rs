//! The authorization request, typed (RFC 6749 §4.1.1, RFC 7636 §4.3).

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clients::{Client, GrantType};
use crate::kernel::{ClientId, CodeChallenge, Denial, RedirectUri, Resources, Scope, Standing};
use crate::platform::form::Params;
use crate::services::Catalogue;

/// All that an authorization request is read for; only these are kept while it waits.
pub(super) const PARAMETERS: [&str; 12] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Where the answer will go, proven before anything can redirect.
pub(super) struct Target {
    /// Who asks.
    pub(super) client: Arc<Client>,
    /// The registered address it stands for.
    pub(super) registered: RedirectUri,
    /// The address as it was sent (or the only one registered).
    pub(super) uri: String,
    /// Whether it was sent.
    pub(super) was_sent: bool,
}

/// Who says that they ask.
pub(super) fn client_id(params: &Params) -> Result<ClientId, Denial> {
    if params.is_repeated("client_id") {
        return Err(Denial::Repeated("client_id"));
    }
    let id = params.get("client_id").ok_or(Denial::ClientMissing)?;
    ClientId::parse(id).map_err(|_| Denial::ClientUnknown)
}

/// Finds where to return to (RFC 6749 §3.1.2.3). What fails here is shown to the person, never redirected.
pub(super) fn target(client: Arc<Client>, params: &Params, now: DateTime<Utc>) -> Result<Target, Denial> {
    let standing = Standing { client_disabled_at: client.disabled_at, ..Standing::default() };
    standing.may_act(now).map_err(|_| Denial::ClientDisabled)?;
    if params.is_repeated("redirect_uri") {
        return Err(Denial::Repeated("redirect_uri"));
    }
    if let Some(sent) = params.get("redirect_uri") {
        let registered = client.redirect_uri(sent).ok_or(Denial::RedirectUnregistered)?.clone();
        return Ok(Target { client, registered, uri: sent.to_owned(), was_sent: true });
    }
    match client.redirect_uris.as_slice() {
        [only] => {
            let registered = only.clone();
            Ok(Target { client, uri: registered.as_str().to_owned(), registered, was_sent: false })
        }
        _ => Err(Denial::RedirectMissing),
    }
}

/// What the app wants of the conversation with the person (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prompt {
    /// No page at all.
    pub(super) none: bool,
    /// A sign-in, also if somebody is signed in.
    pub(super) login: bool,
    /// The consent page, also if it was answered before.
    pub(super) consent: bool,
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, Denial> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return Err(Denial::Malformed("prompt")),
            }
        }
        // "If this parameter contains none with any other value, an error is returned."
        if prompt.none && (prompt.login || prompt.consent) {
            return Err(Denial::Malformed("prompt"));
        }
        Ok(prompt)
    }
}

/// What is asked, once it is known to be well-formed and within what the client may ask.
pub(super) struct Asked {
    /// The scope; if the request names none, all that is registered (RFC 6749 §3.3).
    pub(super) scope: Scope,
    /// Where it is to be used (RFC 8707 §2.1).
    pub(super) resources: Resources,
    /// The challenge.
    pub(super) challenge: CodeChallenge,
    /// How to talk to the person.
    pub(super) prompt: Prompt,
}

impl Asked {
    /// Reads and checks a request whose target is settled; what fails here is told to the app.
    pub(super) fn read(params: &Params, client: &Client, catalogue: &Catalogue) -> Result<Self, Denial> {
        params.refuse_repeated(&["resource"])?;
        if params.get("request").is_some() {
            return Err(Denial::RequestObjectUnsupported);
        }
        if params.get("request_uri").is_some() {
            return Err(Denial::RequestUriUnsupported);
        }
        if params.required("response_type")? != "code" {
            return Err(Denial::ResponseTypeUnsupported);
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(Denial::ResponseModeUnsupported);
        }
        if !client.may_use(GrantType::AuthorizationCode) {
            return Err(Denial::ClientNotAllowed);
        }
        let challenge = challenge(params)?;
        let prompt = params.get("prompt").map(Prompt::parse).transpose()?.unwrap_or_default();
        let resources = Resources::named(params.all("resource"));
        let scope = scope(params, client)?;
        // Nobody is asked to allow what could not be used there.
        let meant = catalogue.meant(&scope, &resources).ok_or(Denial::ResourceNotAllowed)?;
        Ok(Self { scope: meant.scope, resources, challenge, prompt })
    }
}

/// S256 for every client (RFC 9700 §2.1.1, OAuth 2.1 §7.5.2). Without a method the RFC means `plain`.
fn challenge(params: &Params) -> Result<CodeChallenge, Denial> {
    let challenge = params.get("code_challenge").ok_or(Denial::ChallengeMissing)?;
    if params.get("code_challenge_method") != Some("S256") {
        return Err(Denial::ChallengeMethod);
    }
    CodeChallenge::parse(challenge).map_err(|_| Denial::Malformed("code_challenge"))
}

fn scope(params: &Params, client: &Client) -> Result<Scope, Denial> {
    let Some(text) = params.get("scope") else {
        return Ok(client.scope.clone());
    };
    let scope = Scope::requested(text).map_err(|_| Denial::ScopeMalformed)?;
    // No registration holds a scope of our own management, so none can be granted by a person.
    if client.scope.contains_all(&scope) { Ok(scope) } else { Err(Denial::ScopeNotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_none_stands_alone() {
        assert!(Prompt::parse("none").unwrap().none);
        assert_eq!(
            Prompt::parse("login consent").unwrap(),
            Prompt { none: false, login: true, consent: true }
        );
        for bad in ["none login", "foo", "login foo", "None"] {
            assert_eq!(Prompt::parse(bad), Err(Denial::Malformed("prompt")), "{bad}");
        }
    }
}
