//! The face of an error at the management API: `application/problem+json` (RFC 9457), with the code and the request.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::kernel::{Denial, Fault, FaultKind};
use crate::platform::faces::{Failure, no_store};
use crate::platform::request_id;

/// A problem, for a program and for whoever wrote it.
#[derive(Debug)]
pub struct ProblemFace(Failure);

impl<T: Into<Failure>> From<T> for ProblemFace {
    fn from(failure: T) -> Self {
        Self(failure.into())
    }
}

impl fmt::Display for ProblemFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ProblemFace {
    fn code(&self) -> &'static str {
        match &self.0 {
            Failure::Denial(Denial::NotFound) => "not_found",
            Failure::Denial(denial) => denial.code(),
            Failure::Fault(fault) if fault.kind() == FaultKind::Unavailable => "temporarily_unavailable",
            Failure::Fault(_) => "server_error",
        }
    }

    fn detail(&self) -> String {
        match &self.0 {
            Failure::Denial(Denial::Malformed(name)) => format!("{name} is malformed"),
            Failure::Denial(denial) => denial.description(),
            Failure::Fault(fault) => detail_of(fault).to_owned(),
        }
    }

    /// RFC 6750 §3: without a bearer there is a challenge and no error.
    fn challenge(&self) -> Option<String> {
        let Failure::Denial(denial) = &self.0 else { return None };
        let (code, words) = (denial.code(), denial.description());
        match denial {
            Denial::BearerMissing => Some(r#"Bearer realm="grantor""#.to_owned()),
            Denial::BearerWrong | Denial::BearerExpired => {
                Some(format!(r#"Bearer realm="grantor", error="{code}", error_description="{words}""#))
            }
            Denial::ScopeMissing(scope) => {
                Some(format!(r#"Bearer realm="grantor", error="{code}", scope="{scope}""#))
            }
            _ => None,
        }
    }
}

fn detail_of(fault: &Fault) -> &'static str {
    match fault.kind() {
        FaultKind::Unavailable => "the server cannot answer now, try again shortly",
        FaultKind::Internal => "something broke on our side, quote the request",
    }
}

impl ResponseError for ProblemFace {
    fn status_code(&self) -> StatusCode {
        self.0.status()
    }

    #[allow(clippy::indexing_slicing, reason = "a JSON object that was just made takes any member")]
    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = self.0.respond(status);
        if let Some(challenge) = self.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Failure::Denial(Denial::NoMethod(allow)) = &self.0 {
            response.insert_header((ALLOW, allow.as_str()));
        }
        let mut body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Problem"),
            "status": status.as_u16(),
            "detail": self.detail(),
            "error": self.code(),
            "request_id": request_id::current(),
        });
        if let Failure::Denial(Denial::ScopeMissing(scope)) = &self.0 {
            body["scope"] = json!(scope);
        }
        no_store(&mut response).content_type("application/problem+json").body(body.to_string())
    }
}
