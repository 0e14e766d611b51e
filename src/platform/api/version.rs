//! Versions of what may be changed (RFC 9110 §8.8.3, §13.1.1): whoever says what they saw overwrites nothing else.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::kernel::Denial;
use crate::platform::api::ok;
use crate::platform::problem::ProblemFace;

/// Says which version of something an answer shows.
pub fn versioned(mut response: HttpResponse, version: i64) -> HttpResponse {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The version of what keeps no number of its own: it is another as soon as something that is shown is.
pub fn version_of(shown: &Value) -> i64 {
    let hash: [u8; 32] = Sha256::digest(shown.to_string()).into();
    hash.iter().take(7).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// What was asked for, with the version that it is by what is shown.
pub fn current(shown: &Value) -> HttpResponse {
    versioned(ok(shown), version_of(shown))
}

/// The versions that a change may be made to; any, if nothing is said.
#[derive(Clone, Debug, Default)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Refuses to change another version.
    pub fn check(&self, version: i64) -> Result<(), Denial> {
        let Some(seen) = &self.0 else { return Ok(()) };
        let own = format!("\"{version}\"");
        if seen.iter().any(|tag| *tag == own || tag == "*") { Ok(()) } else { Err(Denial::Changed) }
    }
}

impl FromRequest for IfMatch {
    type Error = ProblemFace;
    type Future = Ready<Result<Self, ProblemFace>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(header::IF_MATCH).peekable();
        if values.peek().is_none() {
            return ready(Ok(Self(None)));
        }
        // A header that cannot be read names no version of ours.
        let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        ready(Ok(Self(Some(tags.map(|tag| tag.trim().to_owned()).collect()))))
    }
}
