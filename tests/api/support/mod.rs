//! What every test stands on: a server at a port of its own, a database of its own, a clock that stands still,
//! and actors who know how to talk to it.

#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(unused_imports, reason = "each test uses what it needs")]

mod app;
mod balancer;
mod browser;
mod client;
mod cluster;
mod crowd;
mod demo;
mod fleet;
mod gateway;
pub mod history;
mod html;
mod jwt;
mod node;
mod told;
mod own_postgres;
mod ports;
mod redis;
mod relay;
mod rows;
mod traveller;

pub use app::{ADA, App, BOB, ISSUER, PASSWORD, Person, START, furnish, settings, web_registration};
pub use balancer::Balancer;
pub use browser::{Browser, Page};
pub use client::{TestClient, VERIFIER, pkce};
pub use cluster::{Database, database, private_cluster};
pub use crowd::{all_at_once, eventually, statuses, within};
pub use demo::{Demo, demo_command, pid, temp_path};
pub use fleet::Fleet;
pub use gateway::Echo;
pub use html::{Form, forms};
pub use jwt::{Forger, MASTER_KEY, claims_of, header_of, parts, signing, verifies};
pub use node::Node;
pub use own_postgres::{OwnPostgres, Scratch};
pub use ports::free_addresses;
pub use redis::{Redis, RedisCluster};
pub use relay::Relay;
pub use rows::{Told, count, dump, execute, hash_of, hexadecimal, told};
pub use traveller::Traveller;

use serde_json::{Value, json};

/// The endpoints that authenticate clients, each with a form that `app.machine_client()` may send.
pub const MACHINE_ENDPOINTS: [(&str, (&str, &str)); 3] = [
    ("/oauth/token", ("grant_type", "client_credentials")),
    ("/oauth/introspect", ("token", "no-such-token")),
    ("/oauth/revoke", ("token", "no-such-token")),
];

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.text().await.expect("a body that is text");
        Self { status, headers, body }
    }

    /// The answer to a request.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        Self::of(request.send().await.expect("an answer")).await
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("not JSON ({}): {}", self.status, self.body))
    }

    /// A header, or the empty string.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name);
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
    }

    /// The OAuth error code in the body.
    #[track_caller]
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {}", self.body)).to_owned()
    }

    /// Asserts the status and the OAuth error code.
    #[track_caller]
    pub fn is_error(&self, status: u16, error: &str) {
        assert_eq!((self.status, self.error().as_str()), (status, error), "{}", self.body);
    }

    /// Asserts a refusal of the OAuth face, whole: body and headers (RFC 6749 §5.2).
    #[track_caller]
    pub fn is_refusal(&self, status: u16, error: &str, description: &str) {
        let body = json!({ "error": error, "error_description": description });
        assert_eq!((self.status, self.json()), (status, body));
        let challenge = if status == 401 { r#"Basic realm="grantor", charset="UTF-8""# } else { "" };
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("pragma", "no-cache"),
            ("www-authenticate", challenge),
            ("x-content-type-options", "nosniff"),
            ("set-cookie", ""),
        ] {
            assert_eq!(self.header(name), value, "{name}");
        }
        assert!(uuid::Uuid::try_parse(&self.header("x-request-id")).is_ok());
    }

    /// Asserts success.
    #[track_caller]
    pub fn is_ok(&self) {
        assert_eq!(self.status, 200, "{}", self.body);
    }

    /// A text member of the body.
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.body)).to_owned()
    }
}
