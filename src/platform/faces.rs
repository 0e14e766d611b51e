//! The faces of an error: how a denial or a fault looks to whoever asked.
//!
//! A handler chooses its face by its signature. [`OAuthFace`] is RFC 6749 §5.2 JSON for machines, [`PageFace`]
//! a page for a person; `problem.rs` has the one of the management API. (Another, the redirect of RFC 6749 §4.1.2.1, is no error but an answer, made by the
//! authorization endpoint once it has proven where to.) A fault is logged here, once, and nowhere else.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use askama::Template;
use serde_json::json;

use crate::kernel::{Denial, Fault, FaultKind};
use crate::platform::{html, request_id};

/// What went against the caller.
#[derive(Debug)]
pub enum Failure {
    /// The protocol says no.
    Denial(Denial),
    /// Something of ours broke.
    Fault(Fault),
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        let code = match self {
            Self::Denial(denial) => denial.status(),
            Self::Fault(fault) if fault.kind() == FaultKind::Unavailable => 503,
            Self::Fault(_) => 500,
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Denial(denial) => denial.retry_after(),
            Self::Fault(fault) => (fault.kind() == FaultKind::Unavailable).then_some(1),
        }
    }

    fn log(&self) {
        let id = request_id::current().map(|id| id.to_string()).unwrap_or_default();
        match self {
            Self::Denial(denial) => log::debug!(request_id = id; "denied: {denial:?}"),
            // Strangers can bring a busy server to say this; an error is what somebody should look into.
            Self::Fault(fault) if fault.kind() == FaultKind::Unavailable => {
                log::warn!(request_id = id; "{fault}");
            }
            Self::Fault(fault) => log::error!(request_id = id; "{fault}"),
        }
    }

    pub(super) fn respond(&self, status: StatusCode) -> HttpResponseBuilder {
        self.log();
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after() {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        response
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denial(denial) => write!(f, "{denial:?}"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        Self::Denial(denial)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// JSON for machines (RFC 6749 §5.2).
#[derive(Debug)]
pub struct OAuthFace(Failure);

impl<T: Into<Failure>> From<T> for OAuthFace {
    fn from(failure: T) -> Self {
        Self(failure.into())
    }
}

impl fmt::Display for OAuthFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for OAuthFace {
    fn status_code(&self) -> StatusCode {
        self.0.status()
    }

    fn error_response(&self) -> HttpResponse {
        let (error, description) = match &self.0 {
            Failure::Denial(denial) => (denial.code(), denial.description()),
            Failure::Fault(fault) => match fault.kind() {
                FaultKind::Unavailable => {
                    ("temporarily_unavailable", "the server cannot answer now, try again shortly".to_owned())
                }
                FaultKind::Internal => {
                    let id = request_id::current().map(|id| id.to_string()).unwrap_or_default();
                    ("server_error", format!("something broke on our side, quote request {id}"))
                }
            },
        };
        let mut response = self.0.respond(self.status_code());
        if self.status_code() == StatusCode::UNAUTHORIZED {
            // RFC 6749 §5.2, RFC 7617 §2: the challenge names the scheme.
            response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="grantor", charset="UTF-8""#));
        }
        no_store(&mut response).json(json!({ "error": error, "error_description": description }))
    }
}

/// Marks an answer as one nobody may keep (RFC 6749 §5.1).
pub fn no_store(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"))
}

/// A page for a person: what happened, what to do, which request to quote.
#[derive(Debug)]
pub struct PageFace(Failure);

impl<T: Into<Failure>> From<T> for PageFace {
    fn from(failure: T) -> Self {
        Self(failure.into())
    }
}

impl fmt::Display for PageFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a person goes whose page needs somebody signed in.
const SIGN_IN: &str = "/login";

impl PageFace {
    fn needs_sign_in(&self) -> bool {
        matches!(self.0, Failure::Denial(Denial::LoginRequired))
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    title: String,
    message: String,
    next: String,
    request_id: String,
}

impl ResponseError for PageFace {
    /// What is 401 to a machine is a bad request to a person: a page challenges nobody to authenticate
    /// (RFC 9110 §15.5.2), and whoever sent it is not the client. Who must sign in first is sent there.
    fn status_code(&self) -> StatusCode {
        if self.needs_sign_in() {
            return StatusCode::SEE_OTHER;
        }
        match self.0.status() {
            StatusCode::UNAUTHORIZED => StatusCode::BAD_REQUEST,
            other => other,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if self.needs_sign_in() {
            self.0.log();
            return html::see_other(SIGN_IN);
        }
        let (title, message, next) = words(&self.0);
        let page = ErrorPage {
            title: title.into(),
            message,
            next: next.into(),
            request_id: request_id::current().map(|id| id.to_string()).unwrap_or_default(),
        };
        html::page(self.0.respond(self.status_code()), &page, None)
    }
}

/// What a person is told: the cause in plain words, and what to do next.
fn words(failure: &Failure) -> (&'static str, String, &'static str) {
    const BACK: &str = "Go back to the app you came from and start again.";
    const TELL: &str = "Tell the people who make the app. They can pass the number below on to the people who run this server.";
    let denial = match failure {
        Failure::Denial(denial) => denial,
        Failure::Fault(fault) if fault.kind() == FaultKind::Unavailable => {
            return (
                "We cannot answer right now",
                "Something we depend on is away for a moment.".into(),
                "Nothing was changed. Wait a little and reload this page.",
            );
        }
        Failure::Fault(_) => {
            return (
                "Something broke on our side",
                "This should not have happened, and we have noted it.".into(),
                "Try again. If it happens again, tell the operator and quote the request below.",
            );
        }
    };
    match denial {
        Denial::ClientUnknown | Denial::ClientDisabled | Denial::ClientMissing => (
            "We do not know this app",
            "The app that sent you here is not registered, or may no longer be used.".into(),
            TELL,
        ),
        Denial::RedirectUnregistered | Denial::RedirectMissing => (
            "This app asked to send you somewhere it may not",
            "The address it wants you to return to is not one it registered, so we stopped here.".into(),
            TELL,
        ),
        Denial::InteractionGone => (
            "This page is no longer valid",
            "The sign-in was finished already, took too long, or was opened in another browser.".into(),
            BACK,
        ),
        Denial::FormForeign => (
            "We could not be sure that this came from you",
            "The form was too old, or did not come from our own page.".into(),
            "Go back, reload the page and try again. Make sure that cookies are allowed.",
        ),
        Denial::Inactive(_) => ("You are signed out", "Your sign-in ended in the meantime.".into(), BACK),
        Denial::NotFound => {
            ("There is nothing here", "The page does not exist.".into(), "Check the address.")
        }
        Denial::TooManyFailures(_) | Denial::SignInPaused(_) => (
            "Too many attempts",
            "There were too many failed attempts from your network.".into(),
            "Wait a few minutes and try again.",
        ),
        other => {
            ("The app's request cannot be read", format!("The server says: {}.", other.description()), TELL)
        }
    }
}

/// The answer to a method that a resource does not have (RFC 9110 §15.5.6).
pub fn only(allow: &'static str) -> actix_web::Route {
    actix_web::web::to(move || async move {
        HttpResponse::MethodNotAllowed().insert_header((actix_web::http::header::ALLOW, allow)).finish()
    })
}
