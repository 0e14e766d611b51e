//! What a client presents: header and form, read together.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use crate::clients::AuthMethod;
use crate::kernel::{BasicCredentials, ClientId, Denial, PlainSecret};
use crate::platform::form::Params;

/// The names that must never stand in a query string (RFC 6749 §2.3.1, RFC 6750 §5.3).
const SECRETS: [&str; 9] = [
    "client_secret",
    "client_id",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "grant_type",
    "client_assertion",
    "password",
];

/// Who a client says it is, and with what proof.
#[derive(Debug)]
pub struct Presented {
    /// The id it goes by.
    pub client_id: ClientId,
    /// Its secret, if it sent one.
    pub secret: Option<PlainSecret>,
    /// How it sent it.
    pub method: AuthMethod,
}

impl Presented {
    /// Reads client authentication out of a request to a machine's endpoint.
    pub fn read(request: &HttpRequest, form: &Params) -> Result<Self, Denial> {
        let query = Params::parse(request.query_string().as_bytes())?;
        if let Some(name) = query.first_of(&SECRETS) {
            return Err(Denial::InQuery(name));
        }
        match basic(request)? {
            Some(basic) => Self::from_basic(basic, form),
            None => Self::from_form(form),
        }
    }

    fn from_basic(basic: BasicCredentials, form: &Params) -> Result<Self, Denial> {
        if form.get("client_secret").is_some() {
            return Err(Denial::ClientAuthenticatedTwice);
        }
        if form.get("client_id").is_some_and(|id| id != basic.client_id) {
            return Err(Denial::ClientAuthenticatedTwice);
        }
        let client_id = ClientId::parse(&basic.client_id).map_err(|_| Denial::ClientUnknown)?;
        // Some libraries send a public client's id as Basic with an empty password.
        if basic.secret.expose().is_empty() {
            return Ok(Self { client_id, secret: None, method: AuthMethod::None });
        }
        Ok(Self { client_id, secret: Some(basic.secret), method: AuthMethod::ClientSecretBasic })
    }

    fn from_form(form: &Params) -> Result<Self, Denial> {
        let client_id = form.get("client_id").ok_or(Denial::ClientMissing)?;
        let client_id = ClientId::parse(client_id).map_err(|_| Denial::ClientUnknown)?;
        let secret = form.get("client_secret").map(|secret| PlainSecret::new(secret.to_owned()));
        let method = if secret.is_some() { AuthMethod::ClientSecretPost } else { AuthMethod::None };
        Ok(Self { client_id, secret, method })
    }
}

fn basic(request: &HttpRequest) -> Result<Option<BasicCredentials>, Denial> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(Denial::ClientAuthenticatedTwice);
    }
    let header = header.to_str().map_err(|_| Denial::ClientBasicMalformed)?;
    // Another scheme is an attempt to authenticate, and not one we know.
    BasicCredentials::parse(header)
        .map_err(|_| Denial::ClientBasicMalformed)?
        .map(Some)
        .ok_or(Denial::ClientBasicMalformed)
}
