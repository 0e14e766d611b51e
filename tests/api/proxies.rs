//! Forward-auth through real proxies, by the configurations of `docs/forward-auth`, word for word.

use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, App, Echo, Scratch, eventually, free_addresses};

/// A proxy before an API, with a server to ask.
struct Proxied {
    app: App,
    proxy: Child,
    address: String,
    _dir: Scratch,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        // Asked, and not killed: nginx would leave its workers behind.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.proxy.id()).expect("a pid"));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.proxy.wait();
    }
}

impl Proxied {
    /// Writes a configuration, with the addresses of this test, and starts what reads it.
    async fn start(configuration: &str, command: impl FnOnce(&Scratch, &str) -> Command) -> Self {
        let (app, echo, dir) = (App::for_proxies().await, Echo::start().await, Scratch::new());
        let [address] = free_addresses::<1>();
        let grantor = app.address.trim_start_matches("http://");
        let path = format!("{}/docs/forward-auth/{configuration}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the configuration");
        let places =
            [("127.0.0.1:8080", grantor), ("127.0.0.1:9000", &echo.address), ("127.0.0.1:8088", &address)];
        let text = places.into_iter().fold(text, |text, (place, own)| {
            assert!(text.contains(place), "{configuration} names {place}");
            // Envoy takes the port apart from the address.
            let apart =
                |address: &str| format!("port_value: {} ", address.rsplit(':').next().expect("a port"));
            text.replace(place, own).replace(&apart(place), &apart(own))
        });
        let file = dir.join(configuration);
        std::fs::write(&file, text).expect("a file");
        let mut command = command(&dir, &file);
        let proxy = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let proxy = proxy.expect("nginx, caddy and envoy, as `make test` sees to them");
        let proxied = Self { app, proxy, address: format!("http://{address}"), _dir: dir };
        let answers = || async { proxied.app.http.get(&proxied.address).send().await.is_ok() };
        eventually("does the proxy answer", answers).await;
        proxied
    }

    async fn nginx() -> Self {
        Self::start("nginx.conf", |dir, file| {
            let own = format!("daemon off; pid {}; error_log stderr;", dir.join("pid"));
            let mut command = Command::new("nginx");
            command.args(["-p", &dir.join(""), "-c", file, "-g", &own, "-e", "stderr"]);
            command
        })
        .await
    }

    async fn caddy() -> Self {
        Self::start("Caddyfile", |dir, file| {
            let mut command = Command::new("caddy");
            command.args(["run", "--adapter", "caddyfile", "--config", file]);
            command
                .env("HOME", dir.join(""))
                .env("XDG_DATA_HOME", dir.join(""))
                .env("XDG_CONFIG_HOME", dir.join(""));
            command
        })
        .await
    }

    /// That of `scripts/ensure-envoy`; where there is none `make test` leaves this out, and says so.
    async fn envoy() -> Self {
        Self::start("envoy.yaml", |_, file| {
            let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin/envoy"));
            // Without what lets one hand its sockets to the next: there is one.
            command.args(["-c", file, "--disable-hot-restart", "--concurrency", "1", "-l", "off"]);
            command
        })
        .await
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.app.http.request(method, format!("{}{path}", self.address))
    }

    async fn call(&self, method: &str, path: &str, key: &str) -> Answer {
        Answer::to(self.request(method, path).bearer_auth(key)).await
    }

    /// The status line of an answer to a path that no client library would send.
    async fn as_it_stands(&self, path: &str, key: &str) -> String {
        let host = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await.expect("the proxy");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }

    /// Yes and every no, as callers see them; and what the API gets to see.
    async fn holds(mut self) {
        let key = self.app.reading_key();
        self.lets_through(&key).await;
        self.refuses(&key).await;
        self.ends_at_the_limit().await;
        let key = self.app.reading_key();
        self.app.end().await;
        let refused = self.call("GET", "/orders/7", &key).await;
        assert!(refused.status >= 500 && !refused.body.contains("get /orders"), "{refused:?}");
    }

    /// A forged identity never reaches the API, in no spelling, and the true one is not taken away; neither does the key.
    async fn lets_through(&self, key: &str) {
        let forged = [
            "X-Auth-Sub",
            "x_auth_sub",
            "X-Auth_Sub",
            "X_Auth-Sub",
            "X.Auth.Sub",
            "X-Auth-JWT",
            "X-Auth-Client",
        ];
        let mut request = self.request("GET", "/orders/7?x=%2F..").bearer_auth(key);
        request = request.header("Connection", "X-Auth-Sub, X-Auth-Plan, X-Auth-Scope, X-Auth-Kind");
        for name in forged {
            request = request.header(name, "forged");
        }
        let answer = Answer::to(request).await;
        answer.is_ok();
        let seen = &answer.body;
        assert!(seen.starts_with("get /orders/7?x=%2f.. http/1."), "{seen}");
        for part in [
            "x-auth-sub: ",
            "x-request-id: ",
            "x-auth-plan: free",
            "x-auth-scope: orders:read",
            "x-auth-kind: api_key",
        ] {
            assert!(seen.contains(part), "{part}: {seen}");
        }
        for part in ["forged", "authorization", &key.to_lowercase()] {
            assert!(!seen.contains(part), "{part}: {seen}");
        }
        let by_header = self.request("GET", "/orders/7").header("x-api-key", key);
        let answer = Answer::to(by_header).await;
        answer.is_ok();
        assert!(!answer.body.contains("x-api-key"), "{}", answer.body);
    }

    async fn refuses(&self, key: &str) {
        let nobody = Answer::to(self.request("GET", "/orders/7").header("X-Auth-Sub", "forged")).await;
        assert_eq!(nobody.status, 401, "{nobody:?}");
        let wrong = self.call("GET", "/orders/7", "nonsense").await;
        assert_eq!(wrong.status, 401, "{wrong:?}");
        assert!(wrong.header("www-authenticate").contains(r#"error="invalid_token""#), "{wrong:?}");
        let write = self.call("POST", "/orders/7", key).await;
        assert_eq!(write.status, 403, "{write:?}");
        assert!(write.header("www-authenticate").contains(r#"scope="orders:write""#), "{write:?}");
        // The caller says what the proxy should have asked.
        for (name, value) in [("X-Original-Method", "GET"), ("X-Forwarded-Method", "GET")] {
            let forged = self.request("POST", "/orders/7").bearer_auth(key).header(name, value);
            assert_eq!(Answer::to(forged).await.status, 403, "{name}");
        }
        for path in ["/orders/%2e%2e/admin", "/orders//7", "/orders/a%2fb", "/orders/a;b"] {
            assert_eq!(self.as_it_stands(path, key).await, "HTTP/1.1 403 Forbidden", "{path}");
        }
    }

    async fn ends_at_the_limit(&self) {
        let key = self.app.reading_key();
        for call in 1..=10 {
            assert_eq!(self.call("GET", "/orders/7", &key).await.status, 200, "{call}");
        }
        let limited = self.call("GET", "/orders/7", &key).await;
        assert_eq!(limited.status, 429, "{limited:?}");
        assert!(limited.header("ratelimit").contains(r#""minute";r=0"#), "{limited:?}");
        assert!(limited.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0), "{limited:?}");
    }
}

#[tokio::test]
async fn nginx_lets_through_what_it_may_and_nothing_else() {
    Proxied::nginx().await.holds().await;
}

#[tokio::test]
async fn envoy_lets_through_what_it_may_and_nothing_else() {
    Proxied::envoy().await.holds().await;
}

#[tokio::test]
async fn caddy_lets_through_what_it_may_and_nothing_else() {
    Proxied::caddy().await.holds().await;
}
