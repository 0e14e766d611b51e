//! Whatever is sent, the server answers what it must and goes on: a bounded fuzz with a fixed seed, over raw TCP.
//!
//! U03, U05, U06, U11, C09, T08, T14: never a 5xx, nothing reflected unescaped, no header split, and afterwards a
//! normal request works.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{ADA, App, ISSUER, PASSWORD, TestClient, pkce};

/// Long enough that only a server that hangs takes it.
const HANGS: Duration = Duration::from_secs(60);

/// A small generator (SplitMix64), the same at every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("a small number")
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn of<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[self.below(choices.len())]
    }
}

/// A path and the parameters that it reads.
const ENDPOINTS: [(&str, &str); 21] = [
    (
        "/oauth/token",
        "grant_type code redirect_uri code_verifier client_id client_secret refresh_token scope resource",
    ),
    ("/oauth/token", "grant_type refresh_token client_id client_secret scope"),
    ("/oauth/token", "grant_type client_id client_secret scope"),
    ("/oauth/introspect", "token token_type_hint client_id client_secret"),
    ("/oauth/revoke", "token token_type_hint client_id client_secret"),
    (
        "/oauth/authorize",
        "response_type client_id redirect_uri scope state code_challenge code_challenge_method prompt response_mode nonce",
    ),
    ("/oauth/consent", "interaction csrf answer scope"),
    ("/login", "interaction csrf identifier password"),
    ("/logout", "csrf interaction"),
    ("/account/apps", "x"),
    ("/account/apps/018f0000-0000-7000-8000-000000000000/revoke", "csrf scope"),
    ("/account", "done"),
    ("/account/name", "csrf name"),
    ("/account/password", "csrf current new again"),
    ("/account/sessions/018f0000-0000-7000-8000-000000000000/end", "csrf"),
    ("/account/sign-out-everywhere", "csrf"),
    ("/.well-known/oauth-authorization-server", "x"),
    ("/readyz", "x"),
    ("/static/grantor.css", "x"),
    ("/", "x"),
    ("/no/such/%2e%2e/page", "x"),
];

/// Text that has broken servers before. What has a `fz` in it must not come back as it is.
const NASTY: [&str; 24] = [
    "",
    " ",
    "\0",
    "a\0b",
    "é",
    "\u{202e}fz",
    "😀",
    "\u{fffd}",
    "%00",
    "%",
    "%zz",
    "'; DROP TABLE events; --",
    "\"><script>fz()</script>",
    "<img src=fz onerror=fz>",
    "{{7*7}}",
    "${jndi:ldap://fz}",
    "a\r\nSet-Cookie: fz=1",
    "a\nfz: 1",
    "../../etc/passwd",
    "-1",
    "18446744073709551616",
    "true",
    "[]",
    "{\"a\":{\"b\":[]}}",
];

/// Bytes that are no text at all, as they come percent-encoded or raw.
const NO_TEXT: [&[u8]; 6] =
    [b"%ff%fe", b"%c0%80", b"%ed%a0%80", b"\xff\xfe", b"\xc0\x80", b"%f8%88%80%80%80"];

/// What a run sends.
struct Fuzz {
    dice: Dice,
    /// Values that would be right somewhere.
    good: Vec<String>,
    basic: Vec<String>,
    /// A browser's cookie, and the id and token of the form it was shown.
    cookie: String,
    form: [String; 2],
}

impl Fuzz {
    fn value(&mut self) -> Vec<u8> {
        match self.dice.below(12) {
            0..=5 => encoded(self.dice.of(&self.good).as_bytes()),
            6 | 7 => encoded(self.dice.of(&NASTY).as_bytes()),
            8 => self.dice.of(&NO_TEXT).to_vec(),
            // A good one with a character changed, cut off or added.
            9 => {
                let mut bytes = self.dice.of(&self.good).as_bytes().to_vec();
                let at = self.dice.below(bytes.len());
                match self.dice.below(3) {
                    0 => bytes[at] ^= 1 << self.dice.below(7),
                    1 => bytes.truncate(at),
                    _ => bytes.insert(at, b'A'),
                }
                encoded(&bytes)
            }
            10 => vec![b'a'; 1 + self.dice.below(9000)],
            _ => {
                (0..self.dice.below(40)).flat_map(|_| encoded(&[self.dice.next().to_le_bytes()[0]])).collect()
            }
        }
    }

    fn form(&mut self, names: &str) -> Vec<u8> {
        let mut pairs: Vec<Vec<u8>> = Vec::new();
        for name in names.split(' ') {
            if self.dice.one_in(8) {
                continue;
            }
            let value = match name {
                // Mostly right, so that what comes after it is reached.
                "grant_type" | "response_type" | "code_challenge_method" | "answer"
                    if !self.dice.one_in(6) =>
                {
                    let right: &[&str] = match name {
                        "grant_type" => &["authorization_code", "refresh_token", "client_credentials"],
                        "response_type" => &["code"],
                        "answer" => &["allow", "deny"],
                        _ => &["S256"],
                    };
                    self.dice.of(right).as_bytes().to_vec()
                }
                "client_id" if !self.dice.one_in(3) => encoded(self.good[0].as_bytes()),
                "csrf" | "interaction" if !self.dice.one_in(4) => {
                    let right = &self.form[usize::from(name == "csrf")];
                    encoded(right.as_bytes())
                }
                "client_secret" if !self.dice.one_in(3) => encoded(self.good[1].as_bytes()),
                _ => self.value(),
            };
            let pair = [name.as_bytes(), b"=", &value].concat();
            if self.dice.one_in(25) {
                pairs.push(pair.clone());
            }
            pairs.push(pair);
        }
        if self.dice.one_in(15) {
            let odd: [&[u8]; 6] = [b"", b"=", b"=x", b"scope", b"%00=1", b"a[b]=c;d"];
            pairs.push(self.dice.of(&odd).to_vec());
        }
        if self.dice.one_in(60) {
            pairs.extend((0..200).map(|number| format!("p{number}=1").into_bytes()));
        }
        pairs.join(&b'&')
    }

    fn header_value(&mut self) -> Vec<u8> {
        let mut value = match self.dice.below(4) {
            0 => self.dice.of(&self.good).clone().into_bytes(),
            1 => self.dice.of(&NASTY).as_bytes().to_vec(),
            2 => (0..self.dice.below(60)).map(|_| self.dice.next().to_le_bytes()[0]).collect(),
            _ => vec![b'a'; self.dice.below(5000)],
        };
        // A header ends at its line; breaking that is for the other test.
        value.retain(|byte| {
            ![b'\r', b'\n', 0].contains(byte) && (*byte >= b' ' || *byte == b'\t') && *byte != 127
        });
        value
    }

    /// Headers that endpoints read, mostly oddly filled.
    fn headers(&mut self) -> Vec<u8> {
        let mut headers = Vec::new();
        for name in [
            "authorization",
            "cookie",
            "origin",
            "x-forwarded-for",
            "user-agent",
            "accept",
            "sec-fetch-site",
            "range",
            "if-none-match",
            "if-modified-since",
            "accept-encoding",
            "x-request-id",
            "forwarded",
        ] {
            if !self.dice.one_in(5) {
                continue;
            }
            for _ in 0..=usize::from(self.dice.one_in(6)) {
                let value = self.header_value();
                let prefixes: &[&str] = match name {
                    "authorization" => &["Basic ", "basic\t", "Bearer ", "Basic", ""],
                    "cookie" => &["__Host-grantor=", "=", "a; __Host-grantor", ""],
                    _ => &[""],
                };
                let prefix = self.dice.of(prefixes).as_bytes();
                headers.extend([name.as_bytes(), b": ", prefix, &value, b"\r\n"].concat());
            }
        }
        headers
    }

    /// A request that is good HTTP, whatever it asks.
    fn request(&mut self, oddness: Oddness) -> Vec<u8> {
        let &(path, names) = self.dice.of(&ENDPOINTS);
        let form = self.form(names);
        let method = match self.dice.below(20) {
            0 => *self.dice.of(&["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "PROPFIND", "get"]),
            1..=6 => "GET",
            _ => "POST",
        };
        let in_query = method == "GET" || self.dice.one_in(12);
        let mut request = [method.as_bytes(), b" ", path.as_bytes()].concat();
        if in_query {
            // A target is visible characters only; the rest of it stays as odd as it is.
            let query: Vec<u8> = form.iter().copied().filter(|byte| byte.is_ascii_graphic()).collect();
            request.extend([b"?", &query[..]].concat());
        }
        request.extend(b" HTTP/1.1\r\nHost: id.test\r\nConnection: close\r\n");
        match oddness {
            Oddness::OfForms => {
                request.extend(b"content-type: application/x-www-form-urlencoded\r\n");
                if self.dice.one_in(2) {
                    let basic = self.dice.of(&self.basic).clone();
                    request.extend([b"authorization: Basic ", basic.as_bytes(), b"\r\n"].concat());
                }
                if !self.dice.one_in(3) {
                    request.extend(format!("cookie: {}\r\n", self.cookie).as_bytes());
                }
                let ip = format!("x-forwarded-for: 203.0.113.{}\r\n", self.dice.below(250));
                request.extend(ip.as_bytes());
            }
            Oddness::OfHeaders => {
                let kinds = [
                    "application/x-www-form-urlencoded",
                    "application/x-www-form-urlencoded; charset=UTF-8",
                    "application/x-www-form-urlencoded; charset=utf-7",
                    "APPLICATION/X-WWW-FORM-URLENCODED",
                    "application/json",
                    "text/plain",
                    "multipart/form-data; boundary=x",
                    "x",
                    "",
                ];
                let kind = format!("content-type: {}\r\n", self.dice.of(&kinds));
                request.extend(kind.as_bytes());
                request.extend(self.headers());
            }
        }
        if method == "POST" {
            request.extend(format!("content-length: {}\r\n\r\n", form.len()).as_bytes());
            request.extend(form);
        } else {
            request.extend(b"\r\n");
        }
        request
    }

    /// A request that was good HTTP before something happened to it.
    fn broken(&mut self) -> Vec<u8> {
        let mut request = self.request(Oddness::OfHeaders);
        let end_of_line = request.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let lines: [&[u8]; 14] = [
            b"transfer-encoding: chunked\r\n",
            b"transfer-encoding: chunked, identity\r\n",
            b"transfer-encoding: gzip\r\n",
            b"content-length: 5\r\ncontent-length: 6\r\n",
            b"content-length: -1\r\n",
            b"content-length: 99999999999999999999\r\n",
            b"content-length: +4\r\n",
            b"expect: 100-continue\r\n",
            b"upgrade: websocket\r\nconnection: upgrade\r\n",
            b"no colon\r\n",
            b" folded: 1\r\n",
            b"nul: \0\r\n",
            b"bad name: 1\r\n",
            b"host: other.example\r\n",
        ];
        for _ in 0..=self.dice.below(3) {
            match self.dice.below(6) {
                0 => request.truncate(self.dice.below(request.len())),
                1 => {
                    let at = self.dice.below(request.len());
                    request[at] = self.dice.next().to_le_bytes()[0];
                }
                2 => {
                    let at = self.dice.below(request.len());
                    request.insert(at, *self.dice.of(b"\r\n\0 :%"));
                }
                3 => {
                    let line = self.dice.of(&lines).to_vec();
                    let at = end_of_line.min(request.len());
                    request.splice(at..at, line);
                }
                4 => request.retain(|byte| *byte != b'\r'),
                _ => request.extend(
                    (0..self.dice.below(50)).map(|_| self.dice.next().to_le_bytes()[0]).collect::<Vec<_>>(),
                ),
            }
            if request.is_empty() {
                break;
            }
        }
        request
    }
}

#[derive(Clone, Copy)]
enum Oddness {
    OfForms,
    OfHeaders,
}

fn encoded(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => vec![*byte],
            other => format!("%{other:02X}").into_bytes(),
        })
        .collect()
}

/// A server that lets everybody fail as often as they like, and what would be right there.
async fn ground(seed: u64) -> (App, TestClient, Fuzz) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let app = App::with(|settings| {
        settings.guard.sign_in = u32::MAX;
        settings.guard.client_authentication = u32::MAX;
        settings.guard.unknown_bearer = u32::MAX;
    })
    .await;
    let (client, public, server) = (app.web_client(), app.public_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let codes = [
        client.code_from(&mut browser, "orders:read").await,
        client.code_from(&mut browser, "orders:read").await,
        public.code_from(&mut browser, "orders:read").await,
    ];
    let tokens = client.tokens_of_ada(&app, "orders:read orders:write").await;
    let page = browser.get(&client.authorize_path(&[("prompt", "consent")])).await;
    let consent = page.form("/oauth/consent");
    let form = ["interaction", "csrf"].map(|name| consent.field(name).expect("a field").to_owned());
    let (verifier, challenge) = pkce();
    let secret = |client: &TestClient| client.secret.clone().expect("a secret");
    let mut good =
        vec![client.id.clone(), secret(&client), public.id.clone(), server.id.clone(), secret(&server)];
    good.extend(codes);
    good.extend([tokens.text("access_token"), tokens.text("refresh_token"), challenge]);
    good.extend(form.clone());
    good.extend(browser.cookies.values().cloned());
    good.extend(
        [
            verifier,
            "orders:read",
            "orders:read orders:write",
            "S256",
            "code",
            "none",
            "login consent",
            "query",
            &client.redirect_uri,
            &public.redirect_uri,
            ISSUER,
            "ada",
            PASSWORD,
            "127.0.0.1",
            "access_token",
        ]
        .map(str::to_owned),
    );
    let pair = |client: &TestClient| STANDARD.encode(format!("{}:{}", client.id, secret(client)));
    let basic =
        vec![pair(&client), pair(&server), STANDARD.encode("a:b"), STANDARD.encode(b"\xff:\x00"), "=".into()];
    let (name, value) = browser.cookies.iter().next().expect("a cookie");
    let cookie = format!("{name}={value}");
    let dice = Dice(seed);
    let fuzz = Fuzz { dice, good, basic, cookie, form };
    (app, client, fuzz)
}

/// Sends bytes and reads the first answer to its end; `None` if the server hung up without one.
async fn exchange(app: &App, request: &[u8], hang_up: bool) -> Option<String> {
    let address = app.address.strip_prefix("http://").expect("an address");
    let answer = async {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        // A server that refuses early may close before it has read everything.
        let sent = stream.write_all(request).await;
        if hang_up && sent.is_ok() {
            let _ = stream.shutdown().await;
        }
        let (mut answer, mut part) = (Vec::new(), vec![0; 16_384]);
        while !is_whole(&answer, request.starts_with(b"HEAD ")) {
            match stream.read(&mut part).await {
                Ok(read) if read > 0 => answer.extend(&part[..read]),
                _ => break,
            }
        }
        answer
    };
    let answer = tokio::time::timeout(HANGS, answer).await.expect("the server does not hang");
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}

/// Whether an answer is there to its end. The server may keep a connection for a while whose body it did not
/// read, so that its answer is not lost (RFC 9112 §9.6): that is not waited for.
fn is_whole(answer: &[u8], without_body: bool) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: Option<usize> = length.and_then(|length| length.trim().parse().ok());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let empty = without_body || ["204", "304"].iter().any(|status| head[9..].starts_with(status));
    empty || length.is_some_and(|length| answer.len() >= end + length)
}

/// What no answer may be.
fn check(number: usize, request: &[u8], answer: &str) -> u16 {
    let shown = || format!("request {number}:\n{}\n\nanswer:\n{answer}", String::from_utf8_lossy(request));
    let status = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    let status: u16 = status
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .unwrap_or_else(|| panic!("no status in the answer to {}", shown()));
    assert!((100..500).contains(&status), "{}", shown());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    assert!(!head.to_lowercase().contains("\r\nset-cookie: fz"), "{}", shown());
    assert!(!head.to_lowercase().contains("\r\nfz:"), "{}", shown());
    for raw in ["<script>fz", "<img src=fz"] {
        assert!(!body.contains(raw), "{}", shown());
    }
    for word in ["panicked", "diesel", "postgres", "SELECT "] {
        assert!(!body.contains(word), "{}", shown());
    }
    status
}

/// The server that was shouted at serves on.
async fn serves(app: &App, client: &TestClient) {
    client.own_token(app, "orders:read").await.is_ok();
    let tokens = client.tokens_of_ada(app, "orders:read").await;
    assert!(app.is_active(&app.resource_server(), &tokens.text("access_token")).await);
    assert_eq!(app.get("/readyz").await.status, 200);
}

async fn good_http(seed: u64, oddness: Oddness, requests: usize) {
    let (app, client, mut fuzz) = ground(seed).await;
    serves(&app, &client).await;
    let mut reached = std::collections::BTreeMap::<u16, usize>::new();
    for number in 0..requests {
        let request = fuzz.request(oddness);
        let answer = exchange(&app, &request, false).await;
        let answer = answer.unwrap_or_else(|| {
            panic!("request {number} got no answer:\n{}", String::from_utf8_lossy(&request))
        });
        *reached.entry(check(number, &request, &answer)).or_default() += 1;
    }
    serves(&app, &client).await;
    // A fuzz that is stopped at the door finds nothing.
    for status in [200, 303, 400, 401] {
        assert!(reached.contains_key(&status), "never answered {status}: {reached:?}");
    }
}

#[tokio::test]
async fn odd_forms_never_break_the_server() {
    good_http(0x5eed_0001, Oddness::OfForms, 1500).await;
}

#[tokio::test]
async fn odd_headers_never_break_the_server() {
    good_http(0x5eed_0002, Oddness::OfHeaders, 1000).await;
}

/// What is no HTTP is refused or dropped, and whatever was smuggled behind it is no 5xx either.
#[tokio::test]
async fn broken_http_never_breaks_the_server() {
    let (app, client, mut fuzz) = ground(0x5eed_0003).await;
    serves(&app, &client).await;
    let mut answered = 0;
    for number in 0..1000 {
        let request = fuzz.broken();
        if let Some(answer) = exchange(&app, &request, true).await {
            check(number, &request, &answer);
            answered += 1;
        }
    }
    assert!(answered > 100, "only {answered} were answered at all");
    serves(&app, &client).await;
}
