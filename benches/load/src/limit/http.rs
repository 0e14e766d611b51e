//! The requests that Grantor answers, with as little as can be done for each.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::batch::{Act, Writer, now};
use crate::store::{Found, Rotation, Store};
use crate::tokens::{Broken, Hash, Mint, hash};

/// The client whose tokens are signed.
const SIGNED: &str = "bench-jwt";

/// All that a request needs.
pub struct Limit {
    mint: Mint,
    secret: Hash,
    writer: Writer,
    reader: Store,
    cache: RwLock<HashMap<Hash, Found>>,
}

impl Limit {
    /// Connects to the database.
    pub async fn start(database: &str, secret: &str) -> Result<Self> {
        Ok(Self {
            mint: Mint::new()?,
            secret: hash(secret.as_bytes()),
            writer: Writer::start(database).await?,
            reader: Store::open(database).await?,
            cache: RwLock::default(),
        })
    }

    /// The client that a request names and proves to be.
    fn client(&self, request: &HttpRequest) -> Option<String> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let (client, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        (hash(secret.as_bytes()) == self.secret).then(|| client.to_owned())
    }

    /// What is known of a token: from memory, and only the first time from the database.
    async fn look_up(&self, hash: Hash) -> Option<Found> {
        let known = self.cache.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        if known.is_some() {
            return known;
        }
        let found = self.reader.find(&hash).await.ok()??;
        self.cache.write().unwrap_or_else(PoisonError::into_inner).insert(hash, found.clone());
        Some(found)
    }

    fn forget(&self, hash: &Hash) {
        self.cache.write().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}

type Shared = web::Data<Limit>;

/// Adds the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/hello", web::get().to(hello))
        .route("/oauth/authorize", web::get().to(authorize))
        .route("/oauth/token", web::post().to(token))
        .route("/oauth/introspect", web::post().to(introspect))
        .route("/oauth/revoke", web::post().to(revoke));
}

async fn hello() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "hello": "world" }))
}

async fn authorize(limit: Shared) -> Result<HttpResponse, Failed> {
    let (code, hash) = limit.mint.bearer()?;
    if !limit.writer.commit(Act::Insert(hash)).await {
        return Err(Failed);
    }
    let location = format!("https://bench.example/callback?code={code}");
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
}

async fn token(request: HttpRequest, limit: Shared, body: web::Bytes) -> Result<HttpResponse, Failed> {
    let Some(client) = limit.client(&request) else { return Ok(HttpResponse::Unauthorized().finish()) };
    match field(&body, "grant_type") {
        Some("client_credentials") if client == SIGNED => {
            Ok(answer(&json!({ "access_token": limit.mint.jwt(&client, now())?, "expires_in": 3600 })))
        }
        Some("client_credentials") => issue(&limit).await,
        Some("authorization_code") => rotate(&limit, field(&body, "code")).await,
        Some("refresh_token") => rotate(&limit, field(&body, "refresh_token")).await,
        _ => Ok(HttpResponse::BadRequest().finish()),
    }
}

async fn issue(limit: &Limit) -> Result<HttpResponse, Failed> {
    let (token, hash) = limit.mint.bearer()?;
    if !limit.writer.commit(Act::Insert(hash)).await {
        return Err(Failed);
    }
    Ok(answer(&json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "orders:read",
    })))
}

async fn rotate(limit: &Limit, old: Option<&str>) -> Result<HttpResponse, Failed> {
    let old = hash(old.unwrap_or_default().as_bytes());
    let (access_token, access) = limit.mint.bearer()?;
    let (refresh_token, refresh) = limit.mint.bearer()?;
    if !limit.writer.commit(Act::Rotate(Rotation { old, access, refresh })).await {
        return Ok(HttpResponse::BadRequest().body("invalid_grant"));
    }
    Ok(answer(&json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "scope": "orders:read",
        "refresh_token": refresh_token,
    })))
}

async fn introspect(request: HttpRequest, limit: Shared, body: web::Bytes) -> HttpResponse {
    if limit.client(&request).is_none() {
        return HttpResponse::Unauthorized().finish();
    }
    let token = field(&body, "token").unwrap_or_default();
    match limit.look_up(hash(token.as_bytes())).await {
        Some(found) if found.expires_at > now() => answer(&json!({
            "active": true, "client_id": "bench-machine", "scope": found.scope, "exp": found.expires_at,
            "token_type": "Bearer",
        })),
        _ => answer(&json!({ "active": false })),
    }
}

async fn revoke(request: HttpRequest, limit: Shared, body: web::Bytes) -> Result<HttpResponse, Failed> {
    if limit.client(&request).is_none() {
        return Ok(HttpResponse::Unauthorized().finish());
    }
    let hash = hash(field(&body, "token").unwrap_or_default().as_bytes());
    if !limit.writer.commit(Act::Revoke(hash)).await {
        return Err(Failed);
    }
    limit.forget(&hash);
    Ok(HttpResponse::Ok().finish())
}

fn answer(value: &serde_json::Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(value)
}

/// A field of a form whose values need no decoding.
fn field<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Something broke: 500.
#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("it failed")
    }
}

impl actix_web::ResponseError for Failed {}

impl From<Broken> for Failed {
    fn from(_: Broken) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let body = b"refresh_token=r&token=t";
        assert_eq!((field(body, "token"), field(body, "refresh_token")), (Some("t"), Some("r")));
        assert_eq!(field(body, "code"), None);
    }
}
