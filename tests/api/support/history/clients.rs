//! Clients at work: machines that take tokens for themselves, apps that go through whole flows. Each writes down what it
//! asked and what it was told, and asks again where it was told nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{Asked, Entry, Heard, History, Report, World, check};
use crate::support::{ADA, Answer, App, TestClient, VERIFIER, eventually};

/// How many of each kind are at work.
const WORKERS: usize = 4;

/// How long a client rests that was told nothing.
const REST: Duration = Duration::from_millis(20);

/// The longest that a client asks for the same.
const PATIENCE: Duration = Duration::from_secs(45);

pub struct Load {
    pub history: History,
    app: App,
    http: reqwest::Client,
    client: TestClient,
    api: TestClient,
    cookies: String,
    is_over: AtomicBool,
}

impl Load {
    /// Clients of this server, and Ada signed in, who allowed what they ask for.
    pub async fn on(app: App) -> Self {
        let (client, api) = (app.web_client(), app.resource_server());
        let mut browser = app.browser();
        browser.sign_in(ADA).await;
        client.code_from(&mut browser, "orders:read").await;
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // A connection for each request, so that each meets the node whose turn it is.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE);
        Self {
            history: History::new(),
            http: http.build().expect("a client"),
            client,
            api,
            cookies: cookies.join("; "),
            is_over: AtomicBool::new(false),
            app,
        }
    }

    /// All are at work until the story is over.
    pub async fn during(&self, story: impl Future<Output = ()>) {
        let story = async {
            self.goes_on(40).await;
            story.await;
            self.is_over.store(true, Ordering::SeqCst);
        };
        let machines = join_all((0..WORKERS).map(|_| self.machine()));
        let apps = join_all((0..WORKERS).map(|_| self.app()));
        tokio::join!(machines, apps, story);
    }

    /// Waits until so many more requests were answered in earnest.
    pub async fn goes_on(&self, many: usize) {
        let before = self.history.acknowledged();
        eventually("at work", || async { self.history.acknowledged() >= before + many }).await;
    }

    /// Holds what they were told against what there is, and prints it.
    pub async fn report(&self) -> Report {
        eventually("a database", || async { self.app.db.ping().await.is_ok() }).await;
        let entries = self.history.entries();
        let world = World::read(&self.app, &self.client, &self.api, &entries).await;
        let report = check(&entries, &world);
        println!("{report}");
        report
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    async fn machine(&self) {
        let mut turn = 0;
        while !self.is_over() {
            turn += 1;
            let Heard::Tokens(access, _) = self.ask(Asked::Issue).await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            self.ask(Asked::Introspect(access.clone())).await;
            if turn % 3 == 0 {
                self.ask_until_told(Asked::Revoke(access.clone())).await;
                self.ask(Asked::Introspect(access)).await;
            }
        }
    }

    async fn app(&self) {
        let mut turn = 0;
        while !self.is_over() {
            let Some(code) = self.code().await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            turn += 1;
            self.flow(code, turn % 2 == 0).await;
        }
    }

    /// A whole flow, until it is refused.
    async fn flow(&self, code: String, revokes: bool) {
        let mut heard = self.ask_until_told(Asked::Redeem(code)).await;
        for _ in 0..3 {
            let Heard::Tokens(access, Some(refresh)) = heard else { return };
            self.ask(Asked::Introspect(access)).await;
            heard = self.ask_until_told(Asked::Refresh(refresh)).await;
        }
        if let (Heard::Tokens(access, Some(refresh)), true) = (heard, revokes) {
            self.ask_until_told(Asked::Revoke(refresh)).await;
            self.ask(Asked::Introspect(access)).await;
        }
    }

    /// A code that Ada's browser brings, who allowed everything before.
    async fn code(&self) -> Option<String> {
        let address = format!("{}{}", self.app.address, self.client.authorize_path(&[]));
        let response = self.http.get(address).header("cookie", &self.cookies).send().await.ok()?;
        let status = response.status();
        let Some(location) = response.headers().get("location") else {
            assert_eq!(status, 503, "neither a code nor a reason");
            return None;
        };
        let location = url::Url::parse(location.to_str().expect("text")).expect("the app's address");
        let (_, code) = location.query_pairs().find(|(name, _)| name == "code").expect("a code");
        Some(code.into_owned())
    }

    async fn ask_until_told(&self, asked: Asked) -> Heard {
        let since = Instant::now();
        loop {
            match self.ask(asked.clone()).await {
                Heard::Unknown => tokio::time::sleep(REST).await,
                told => return told,
            }
            assert!(since.elapsed() < PATIENCE, "nobody says what became of {asked:?}");
        }
    }

    async fn ask(&self, asked: Asked) -> Heard {
        let began = self.history.now();
        let heard = match self.send(&asked).await {
            Some(answer) => understood(&asked, &answer),
            None => Heard::Unknown,
        };
        self.history.write(Entry { asked, heard: heard.clone(), began, ended: self.history.now() });
        heard
    }

    /// An answer, unless the connection was cut or never made.
    async fn send(&self, asked: &Asked) -> Option<Answer> {
        let redirect_uri = &self.client.redirect_uri;
        let (path, by, form): (_, _, Vec<(&str, &str)>) = match asked {
            Asked::Issue => {
                let form = [("grant_type", "client_credentials"), ("scope", "orders:read")];
                ("/oauth/token", &self.client, form.into())
            }
            Asked::Redeem(code) => {
                let form = [
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", redirect_uri),
                    ("code_verifier", VERIFIER),
                ];
                ("/oauth/token", &self.client, form.into())
            }
            Asked::Refresh(token) => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
                ("/oauth/token", &self.client, form.into())
            }
            Asked::Revoke(token) => ("/oauth/revoke", &self.client, vec![("token", token)]),
            Asked::Introspect(token) => ("/oauth/introspect", &self.api, vec![("token", token)]),
        };
        let request = self.http.post(format!("{}{path}", self.app.address)).form(&form);
        let response = request.basic_auth(&by.id, by.secret.as_deref()).send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Answer { status, headers, body: response.text().await.ok()? })
    }
}

/// What an answer says to this question.
fn understood(asked: &Asked, answer: &Answer) -> Heard {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = |member: &str| body[member].as_str().map(str::to_owned);
    match (asked, answer.status) {
        (_, 503) if !answer.header("retry-after").is_empty() => Heard::Unknown,
        (Asked::Revoke(_), 200) => Heard::Revoked,
        (Asked::Introspect(_), 200) => match body["active"].as_bool() {
            Some(is_good) => Heard::Good(is_good),
            None => Heard::Nonsense(answer.body.clone()),
        },
        (_, 200) => match text("access_token") {
            Some(access) => Heard::Tokens(access, text("refresh_token")),
            None => Heard::Nonsense(answer.body.clone()),
        },
        (Asked::Redeem(_) | Asked::Refresh(_), 400) if body["error"] == "invalid_grant" => {
            Heard::Refused(answer.body.clone())
        }
        (_, status) => Heard::Nonsense(format!("{status} {}", answer.body)),
    }
}
