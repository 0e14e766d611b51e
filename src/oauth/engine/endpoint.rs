//! Registrar, authorizer and issuer of one request, over what was loaded for it.

use std::borrow::Cow;
use std::cell::RefCell;

use oxide_auth::code_grant::{accesstoken, authorization, client_credentials, refresh};
use oxide_auth::endpoint::PreGrant;
use oxide_auth::primitives::authorizer::Authorizer;
use oxide_auth::primitives::grant::{Extensions, Grant};
use oxide_auth::primitives::issuer::{IssuedToken, Issuer, RefreshedToken, TokenType};
use oxide_auth::primitives::registrar::{
    BoundClient, ClientUrl, ExactUrl, RegisteredUrl, Registrar, RegistrarError,
};
use oxide_auth::primitives::scope::Scope as EngineScope;
use url::Url;

use crate::kernel::{ClientId, Denial, Scope};
use crate::oauth::engine::time;

/// Stands where the engine wants an address and the flow has none.
const NOWHERE: &str = "urn:grantor:none";

/// All the primitives of one request.
pub(super) struct Engine<'a> {
    client: &'a ClientId,
    redirect_uri: String,
    allowed: Scope,
    held: Option<Held>,
    issued: bool,
    refusal: RefCell<Option<Denial>>,
    nothing: (),
}

/// What was loaded for the bearer presented.
struct Held {
    issued_to: String,
    owner: String,
    scope: Scope,
}

impl<'a> Engine<'a> {
    pub(super) fn new(client: &'a ClientId) -> Self {
        Self {
            client,
            redirect_uri: NOWHERE.to_owned(),
            allowed: Scope::empty(),
            held: None,
            issued: false,
            refusal: RefCell::new(None),
            nothing: (),
        }
    }

    pub(super) fn allowing(mut self, scope: &Scope) -> Self {
        self.allowed = scope.clone();
        self
    }

    pub(super) fn redirecting(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.redirect_uri);
        self
    }

    pub(super) fn holding(mut self, issued_to: &ClientId, owner: &str, scope: &Scope) -> Self {
        self.held =
            Some(Held { issued_to: issued_to.to_string(), owner: owner.to_owned(), scope: scope.clone() });
        self
    }

    /// Whether the engine found nothing to refuse, and had something issued.
    pub(super) fn has_issued(&self) -> bool {
        self.issued
    }

    /// Why one of us said no, where the engine's own error would lose it.
    pub(super) fn refusal(&self) -> Option<Denial> {
        self.refusal.borrow_mut().take()
    }

    fn refuse(&self, denial: Denial) -> RegistrarError {
        *self.refusal.borrow_mut() = Some(denial);
        RegistrarError::Unspecified
    }

    fn loaded(&self) -> Option<Grant> {
        let held = self.held.as_ref()?;
        Some(Grant {
            owner_id: held.owner.clone(),
            client_id: held.issued_to.clone(),
            scope: held.scope.to_string().parse().ok()?,
            redirect_uri: Url::parse(&self.redirect_uri).ok()?,
            until: time::not_past(),
            extensions: Extensions::new(),
        })
    }
}

impl Registrar for Engine<'_> {
    fn bound_redirect<'b>(&self, bound: ClientUrl<'b>) -> Result<BoundClient<'b>, RegistrarError> {
        // Settled by our rules before anything could redirect.
        let url: ExactUrl =
            self.redirect_uri.parse().map_err(|_| self.refuse(Denial::RedirectUnregistered))?;
        Ok(BoundClient { client_id: bound.client_id, redirect_uri: Cow::Owned(RegisteredUrl::Exact(url)) })
    }

    fn negotiate(
        &self,
        client: BoundClient<'_>,
        asked: Option<EngineScope>,
    ) -> Result<PreGrant, RegistrarError> {
        let allowed: EngineScope =
            self.allowed.to_string().parse().map_err(|_| self.refuse(Denial::ScopeMalformed))?;
        let scope = asked.unwrap_or_else(|| allowed.clone());
        if !allowed.priviledged_to(&scope) {
            return Err(self.refuse(Denial::ScopeNotAllowed));
        }
        Ok(PreGrant {
            client_id: client.client_id.into_owned(),
            redirect_uri: client.redirect_uri.into_owned(),
            scope,
        })
    }

    fn check(&self, client_id: &str, _: Option<&[u8]>) -> Result<(), RegistrarError> {
        // The client was authenticated by `clients::authentication`; here it only must be the same one.
        if client_id == self.client.as_str() { Ok(()) } else { Err(self.refuse(Denial::ClientUnknown)) }
    }
}

impl Authorizer for Engine<'_> {
    fn authorize(&mut self, _: Grant) -> Result<String, ()> {
        self.issued = true;
        // What is issued never enters the engine, which would put it into texts of its own.
        Ok(String::new())
    }

    fn extract(&mut self, _: &str) -> Result<Option<Grant>, ()> {
        Ok(self.loaded())
    }
}

impl Issuer for Engine<'_> {
    fn issue(&mut self, _: Grant) -> Result<IssuedToken, ()> {
        self.issued = true;
        Ok(IssuedToken {
            token: String::new(),
            refresh: None,
            until: time::not_past(),
            token_type: TokenType::Bearer,
        })
    }

    fn refresh(&mut self, _: &str, _: Grant) -> Result<RefreshedToken, ()> {
        self.issued = true;
        Ok(RefreshedToken {
            token: String::new(),
            refresh: None,
            until: time::not_past(),
            token_type: TokenType::Bearer,
        })
    }

    fn recover_token<'t>(&'t self, _: &'t str) -> Result<Option<Grant>, ()> {
        // Whether a bearer is good is `decision`'s to say, never the engine's.
        Ok(None)
    }

    fn recover_refresh<'t>(&'t self, _: &'t str) -> Result<Option<Grant>, ()> {
        Ok(self.loaded())
    }
}

impl authorization::Endpoint for Engine<'_> {
    fn registrar(&self) -> &dyn Registrar {
        self
    }

    fn authorizer(&mut self) -> &mut dyn Authorizer {
        self
    }

    fn extension(&mut self) -> &mut dyn authorization::Extension {
        &mut self.nothing
    }
}

impl accesstoken::Endpoint for Engine<'_> {
    fn registrar(&self) -> &dyn Registrar {
        self
    }

    fn authorizer(&mut self) -> &mut dyn Authorizer {
        self
    }

    fn issuer(&mut self) -> &mut dyn Issuer {
        self
    }

    fn extension(&mut self) -> &mut dyn accesstoken::Extension {
        &mut self.nothing
    }
}

impl refresh::Endpoint for Engine<'_> {
    fn registrar(&self) -> &dyn Registrar {
        self
    }

    fn issuer(&mut self) -> &mut dyn Issuer {
        self
    }
}

impl client_credentials::Endpoint for Engine<'_> {
    fn registrar(&self) -> &dyn Registrar {
        self
    }

    fn issuer(&mut self) -> &mut dyn Issuer {
        self
    }

    fn extension(&mut self) -> &mut dyn client_credentials::Extension {
        &mut self.nothing
    }
}
