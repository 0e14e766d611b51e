//! Who takes part: the clients that both servers know, and the people that Grantor signs in.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The secret of every client: nobody but this machine can reach the servers, and they are gone at the end.
pub const SECRET: &str = "a-secret-of-the-bench-that-is-as-long-as-a-real-one";
/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";
/// Where the app is answered, and the same in a form.
pub const REDIRECT_URI: &str = "https://bench.example/callback";
pub const REDIRECT_URI_ENCODED: &str = "https%3A%2F%2Fbench.example%2Fcallback";
/// The audience, and what may be asked for.
pub const AUDIENCE: &str = "orders";
pub const SCOPE: &str = "orders:read";
pub const SCOPE_ENCODED: &str = "orders%3Aread";
/// The organization that has the key.
pub const ORG: &str = "Bench";
/// Seconds that access tokens live: longer than any run.
pub const LIFETIME_S: &str = "86400";

/// A confidential client.
pub struct Client {
    /// Its `client_id`.
    pub id: &'static str,
    /// Its `Authorization` header, a whole line.
    pub basic: String,
}

/// Gets tokens for itself.
pub static MACHINE: LazyLock<Client> = LazyLock::new(|| client("bench-machine"));
/// The same, with signed tokens.
pub static SIGNED: LazyLock<Client> = LazyLock::new(|| client("bench-jwt"));
/// Acts for people.
pub static APP: LazyLock<Client> = LazyLock::new(|| client("bench-app"));
/// Asks whether tokens are good.
pub static API: LazyLock<Client> = LazyLock::new(|| client("bench-api"));

fn client(id: &'static str) -> Client {
    let basic = STANDARD.encode(format!("{id}:{SECRET}"));
    Client { id, basic: format!("authorization: Basic {basic}\r\n") }
}

/// What a visitor types to sign in.
pub fn identifier(visitor: usize) -> String {
    format!("person{visitor}")
}
