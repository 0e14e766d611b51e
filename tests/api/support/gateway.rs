//! An API behind a proxy: a key that may call it, and an upstream that says what reached it.

use grantor::audit::Actor;
use grantor::credentials::CredentialKind;
use grantor::credentials::making::{Maker, create};
use grantor::credentials::wish::Wish;
use grantor::kernel::{PrincipalId, RequestId};
use grantor::services::access::let_call;
use grantor::traffic::store::{Logged, find};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Answer, App, eventually};

impl App {
    /// A server whose limits count by the clock of the test.
    pub async fn for_proxies() -> Self {
        Self::with(|settings| settings.limits.store = "memory".into()).await
    }

    /// A key of this owner's, with these scopes.
    pub fn api_key_of(&self, owner: PrincipalId, wish: &Wish) -> String {
        let maker = Maker { actor: Actor::Operator, settings: &self.settings.credentials };
        let made = self.operator(|work| create(work, maker, CredentialKind::ApiKey, owner, wish).map(Ok));
        made.expect("a key").secret.expose().to_owned()
    }

    /// A key that may read orders, of somebody on the plan `free`: ten calls a minute.
    pub fn reading_key(&self) -> String {
        let owner = self.resource_server().principal;
        self.operator(|work| let_call(work, Actor::Operator, "orders", owner));
        let wish = Wish { name: "ci".into(), scope: "orders:read".into(), ..Wish::default() };
        self.api_key_of(owner, &wish)
    }

    /// What was logged of an answered request, once it was.
    pub async fn story_of(&self, answer: &Answer) -> Logged {
        let id = RequestId::parse(&answer.header("x-request-id")).expect("an id");
        let look = || self.db.run_here(|connection| find(connection, id)).expect("a database");
        eventually("logged", async || look().is_some()).await;
        look().expect("it was there")
    }
}

/// An API that answers with the head of the request that reached it, in lower case.
pub struct Echo {
    pub address: String,
}

impl Echo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream));
            }
        });
        Self { address }
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let body = String::from_utf8_lossy(&head).to_lowercase();
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}
