//! The example of an API, beside a Grantor that answers as it is told to: README's table, row by row.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::{Answer, free_addresses};

/// A Grantor that says of every token what it was told to; and what it was asked last.
struct Script {
    issuer: String,
    says: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<String>>,
}

impl Script {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let (says, asked) = (Arc::new(Mutex::new((500, String::new()))), Arc::new(Mutex::new(String::new())));
        let script = Self { issuer: issuer.clone(), says: Arc::clone(&says), asked: Arc::clone(&asked) };
        let metadata = json!({ "issuer": issuer, "introspection_endpoint": format!("{issuer}/introspect") });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let question = read_request(&stream);
                let (status, body) = if question.starts_with("GET /.well-known/oauth-authorization-server ") {
                    (200, metadata.to_string())
                } else {
                    *asked.lock().expect("a question") = question;
                    says.lock().expect("words").clone()
                };
                answer(stream, status, &body);
            }
        });
        script
    }

    fn will_say(&self, status: u16, body: impl ToString) {
        *self.says.lock().expect("words") = (status, body.to_string());
    }
}

/// A request: its head and body as they came.
fn read_request(mut stream: &TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        text.push(char::from(byte[0]));
    }
    let length = text
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    text + &String::from_utf8(body).expect("text")
}

/// One answer a connection. Status 0 stands for none.
fn answer(mut stream: TcpStream, status: u16, body: &str) {
    if status != 0 {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        let _ = stream.write_all((head + body).as_bytes());
    }
}

/// The example, which Cargo builds beside the binary; it ends with us.
fn example(name: &str) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_grantor")).with_file_name("examples").join(name);
    assert!(path.is_file(), "{} is not built: cargo build --examples", path.display());
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Api {
    orders: String,
    http: reqwest::Client,
    _child: Child,
}

impl Api {
    fn start(script: &Script) -> Self {
        let [at] = free_addresses();
        let mut child = example("resource_server")
            .env("API_ISSUER", &script.issuer)
            .env("API_CLIENT_ID", "the api")
            .env("API_CLIENT_SECRET", "a:b+c")
            .env("API_LISTEN", &at)
            .env("API_STOP_WITH_STDIN", "1")
            .spawn()
            .expect("a process");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        assert_eq!(line, format!("The Orders API listens at http://{at}/\n"));
        Self { orders: format!("http://{at}/orders"), http: reqwest::Client::new(), _child: child }
    }

    async fn place(&self, authorization: Option<&str>, body: &str) -> (u16, String) {
        let request = self.http.post(&self.orders).body(body.to_owned());
        let request =
            authorization.iter().fold(request, |request, value| request.header("authorization", *value));
        let answer = Answer::to(request).await;
        (answer.status, answer.header("www-authenticate"))
    }
}

#[tokio::test]
async fn the_api_answers_as_the_readme_has_it() {
    let script = Script::start();
    let api = Api::start(&script);
    let good =
        json!({ "active": true, "scope": "orders:read orders:write", "sub": "ada", "aud": ["orders"] });
    let with = |name: &str, value: serde_json::Value| {
        let mut token = good.clone();
        token[name] = value;
        token
    };
    let (bad, lacks) =
        (r#"Bearer error="invalid_token""#, r#"Bearer error="insufficient_scope", scope="orders:write""#);
    for (status, said, expected, challenge) in [
        (200, good.clone(), 201, ""),
        (200, with("aud", json!("orders")), 201, ""),
        (200, json!({ "active": false }), 401, bad),
        (200, with("aud", json!(["profile", "orders2"])), 401, bad),
        (200, with("aud", json!(null)), 503, ""),
        (200, json!({ "active": true, "scope": "orders:write", "sub": "ada" }), 401, bad),
        (200, with("sub", json!("")), 401, bad),
        (200, with("sub", json!(null)), 401, bad),
        (200, with("scope", json!("orders:read orders:writes")), 403, lacks),
        (200, json!("nonsense"), 503, ""),
        (400, json!({ "error": "invalid_request" }), 500, ""),
        (401, json!({ "error": "invalid_client" }), 500, ""),
        (403, json!({ "error": "unauthorized_client" }), 500, ""),
        (429, json!({}), 503, ""),
        (500, json!({}), 503, ""),
        (503, json!({}), 503, ""),
        (0, json!({}), 503, ""),
    ] {
        script.will_say(status, &said);
        let answer = api.place(Some("Bearer the-token"), r#"{"item":"Pens"}"#).await;
        assert_eq!(answer, (expected, challenge.to_owned()), "{status} {said}");
    }
    // The token goes in the body, and the credentials as RFC 6749 §2.3.1 has them.
    let asked = script.asked.lock().expect("a question").clone();
    assert!(asked.ends_with("\r\n\r\ntoken=the-token"), "{asked}");
    assert!(asked.contains("authorization: Basic dGhlK2FwaTphJTNBYiUyQmM=\r\n"), "{asked}");

    script.will_say(200, &good);
    for nothing in [None, Some("Bearer "), Some("Basic eDp5"), Some("Bearer")] {
        let strangers = api.place(nothing, "not even JSON").await;
        assert_eq!(strangers, (401, "Bearer".to_owned()), "{nothing:?}");
    }
    // What cannot be a token, Grantor is not asked about; the longest that can be is.
    script.asked.lock().expect("a question").clear();
    for no_token in [format!("Bearer {}", "a".repeat(4097)), "Bearer a b".into(), "Bearer =".into()] {
        let answer = api.place(Some(&no_token), "{}").await;
        assert_eq!(answer, (401, bad.to_owned()), "{no_token}");
    }
    assert_eq!(*script.asked.lock().expect("a question"), "");
    let longest = format!("Bearer {}", "a".repeat(4096));
    assert_eq!(api.place(Some(&longest), r#"{"item":"Pens"}"#).await.0, 201);
    for unusable in
        ["not even JSON", "{}", r#"{"item":"  "}"#, &json!({ "item": "x".repeat(81) }).to_string()]
    {
        assert_eq!(api.place(Some("bearer the-token"), unusable).await.0, 400, "{unusable}");
    }
}

/// Each person has their own.
#[tokio::test]
async fn the_api_shows_each_person_their_own_orders() {
    let script = Script::start();
    let api = Api::start(&script);
    let as_person = |sub: &str| {
        script.will_say(
            200,
            json!({ "active": true, "scope": "orders:read orders:write", "sub": sub, "aud": ["orders"] }),
        );
    };
    let items = async || {
        let answer = Answer::to(api.http.get(&api.orders).bearer_auth("the-token")).await;
        let orders = answer.json();
        let items = orders.as_array().expect("a list").iter().map(|order| order["item"].to_string());
        items.collect::<Vec<_>>().join(" ")
    };
    as_person("ada");
    assert_eq!(api.place(Some("Bearer the-token"), r#"{"item":"Pens"}"#).await.0, 201);
    assert!(items().await.ends_with(r#""Pens""#));
    as_person("bob");
    assert!(!items().await.contains("Pens"));
    for _ in 0..48 {
        assert_eq!(api.place(Some("Bearer the-token"), r#"{"item":"Ink"}"#).await.0, 201);
    }
    assert_eq!(api.place(Some("Bearer the-token"), r#"{"item":"Ink"}"#).await.0, 409, "50 are the most");
}

/// What is missing or wrong is said in words, by both.
#[test]
fn an_example_says_what_it_lacks() {
    let script = Script::start();
    let ends = |command: &mut Command, words: &str| {
        let output = command.stdin(Stdio::null()).output().expect("a process");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
    };
    let localhost = script.issuer.replace("127.0.0.1", "localhost");
    ends(example("resource_server").env("API_ISSUER", &script.issuer), "set API_CLIENT_ID");
    ends(
        example("resource_server").env("API_ISSUER", &localhost),
        &format!("{localhost} calls itself {}: set API_ISSUER to that", script.issuer),
    );
    let [nobody] = free_addresses();
    ends(
        example("third_party_app").env("APP_CLIENT_ID", "x").env("APP_ISSUER", format!("http://{nobody}")),
        "does not answer as a Grantor does",
    );
    ends(&mut example("third_party_app"), "set APP_CLIENT_ID");
    ends(
        example("third_party_app").env("APP_CLIENT_ID", "x").env("APP_URL", "http://localhost:9000/parcel"),
        "set APP_URL to scheme, host and port",
    );
}
