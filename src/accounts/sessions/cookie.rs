//! The cookie of a browser.

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};

use crate::kernel::{Bearer, DatedTag, PlainSecret, SecretHash, Tag};
use crate::platform::entropy::Entropy;

/// How this server's cookies look: `__Host-` and `Secure` on https; on a loopback http issuer neither, since
/// plain clients would not send them back.
#[derive(Clone, Debug)]
pub struct CookieJar {
    secure: bool,
}

/// A browser, known by its cookie.
pub struct Browser {
    secret: PlainSecret,
    bearer: Bearer,
    /// The browser came without a cookie of ours, so the answer must bring one.
    is_new: bool,
}

impl Browser {
    /// Whether it came without a cookie of ours.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The cookie's text, for the form token.
    pub fn secret(&self) -> &PlainSecret {
        &self.secret
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        self.bearer.hash()
    }

    /// The cookie, read.
    pub fn bearer(&self) -> &Bearer {
        &self.bearer
    }
}

impl CookieJar {
    /// Cookies for an issuer on https or not.
    pub fn new(secure: bool) -> Self {
        Self { secure }
    }

    fn name(&self) -> &'static str {
        if self.secure { "__Host-grantor" } else { "grantor" }
    }

    /// The browser that sent this request, if it has a cookie that we could have given. Cookies that others set
    /// beside ours, of whatever bytes and even of our name, do not hide it.
    pub fn known(&self, request: &HttpRequest) -> Option<Browser> {
        let headers = request.headers().get_all(COOKIE);
        let pairs = headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
        pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('=')).find_map(
            |(name, value)| {
                let secret = PlainSecret::new((name == self.name()).then_some(value)?.to_owned());
                let bearer = Bearer::parse(secret.expose()).ok()?;
                (bearer.tag() == Tag::BrowserSession).then_some(Browser { secret, bearer, is_new: false })
            },
        )
    }

    /// The browser that sent this request, or a new one.
    pub fn browser(&self, request: &HttpRequest, now: DateTime<Utc>) -> Browser {
        self.known(request).unwrap_or_else(|| self.renewed(now))
    }

    /// A browser under a new id, valid for row and cookie until `until`.
    pub fn renewed(&self, until: DateTime<Utc>) -> Browser {
        loop {
            let secret = Entropy.dated_bearer(DatedTag::BrowserSession, until.date_naive());
            // What we mint parses; the loop only spares a panic.
            if let Ok(bearer) = Bearer::parse(secret.expose()) {
                return Browser { secret, bearer, is_new: true };
            }
        }
    }

    /// Puts the cookie on the answer, if the browser does not hold it yet. `until`: for a signed-in browser.
    pub fn give(
        &self,
        mut response: HttpResponse,
        browser: &Browser,
        until: Option<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> HttpResponse {
        if !browser.is_new {
            return response;
        }
        let mut cookie = Cookie::build(self.name(), browser.secret.expose())
            .path("/")
            .secure(self.secure)
            .http_only(true)
            .same_site(SameSite::Lax);
        if let Some((now, until)) = until {
            cookie = cookie.max_age(CookieDuration::seconds((until - now).num_seconds()));
        }
        if let Err(error) = response.add_cookie(&cookie.finish()) {
            log::error!("setting the cookie: {error}");
        }
        response
    }
}
