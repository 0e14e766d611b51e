//! A server in this process, over a database of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::LazyLock;

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use diesel::prelude::*;
use grantor::accounts::passwords::hash_here;
use grantor::accounts::store::{insert_principal, insert_user};
use grantor::app::settings::{Settings, Sources};
use grantor::app::startup::{self, Running};
use grantor::audit::{Actor, Event, Kind, Ledger};
use grantor::clients::registration::{self, Registration, register};
use grantor::credentials::Credentials;
use grantor::kernel::{
    ClientId, Fault, Password, PrincipalId, PrincipalKind, ScopeToken, ServiceId, UserIdentifier,
};
use grantor::platform::clock::{Clock, TestClock};
use grantor::platform::context::Context;
use grantor::platform::db::{self, Db};
use grantor::services::{Service, ServiceScope};
use grantor::traffic::RequestLog;
use serde_json::Value;
use uuid::Uuid;

use super::cluster::{self, Database};
use super::{Answer, Browser, TestClient};

/// Who the server is. Not where it listens: everything it says of itself must come from the settings.
pub const ISSUER: &str = "https://id.test";

/// When every test begins.
pub static START: LazyLock<DateTime<Utc>> =
    LazyLock::new(|| Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).single().expect("a moment"));

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody who is there from the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    pub identifier: &'static str,
    pub name: &'static str,
    id: u128,
}

impl Person {
    pub fn id(&self) -> PrincipalId {
        PrincipalId::from_uuid(Uuid::from_u128(self.id))
    }
}

pub const ADA: Person = Person { identifier: "ada", name: "Ada Lovelace", id: 0xada };
pub const BOB: Person = Person { identifier: "bob", name: "Bob Byron", id: 0xb0b };

/// Settings for a test.
pub fn settings() -> Settings {
    let environment = [
        ("GRANTOR_ISSUER", ISSUER),
        ("GRANTOR_SERVER__FRONT", "127.0.0.1:0"),
        ("GRANTOR_SERVER__OPS", "127.0.0.1:0"),
        ("GRANTOR_SERVER__WORKERS", "2"),
        ("GRANTOR_SERVER__DRAIN_S", "5"),
        // The tests speak for many addresses: see `App::from`.
        ("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
        ("GRANTOR_PASSWORDS__MEMORY_KIB", "256"),
        ("GRANTOR_PASSWORDS__ITERATIONS", "1"),
        ("GRANTOR_DATABASE__URL", "host=/set/later"),
    ];
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Settings::read(&Sources { file: None, environment, dev: true }).expect("good settings")
}

/// Puts in what every test knows: two people and two services.
pub fn furnish(url: &str) {
    let settings = settings();
    let db = Db::new(url, &settings.database.pool);
    let password = Password::parse(PASSWORD.into()).expect("a password");
    let hash = hash_here(&settings.passwords, &password).expect("a hash");
    let ledger = Ledger::new(db);
    let context = Context::operator(*START);
    ledger
        .act_here(&context, |work| {
            for person in [ADA, BOB] {
                let identifier = UserIdentifier::parse(person.identifier).expect("an identifier");
                assert!(insert_principal(work, person.id(), PrincipalKind::User, person.name)?);
                assert!(insert_user(work, person.id(), &identifier, None, Some(&hash))?);
            }
            for service in [orders(), people()] {
                assert!(grantor::services::store::insert(work, &service)?);
            }
            work.tell(Event::new(Kind::ServiceCreated, Actor::Operator));
            Ok(Ok(()))
        })
        .expect("a database")
        .expect("the furniture");
}

fn service(id: u128, name: &str, scopes: &[(&str, &str, bool)]) -> Service {
    let scope = |(value, sentence, optional): &(&str, &str, bool)| ServiceScope {
        value: ScopeToken::parse(value).expect("a scope"),
        sentence: (*sentence).to_owned(),
        optional: *optional,
    };
    Service {
        id: ServiceId::from_uuid(Uuid::from_u128(id)),
        name: name.to_owned(),
        audience: format!("https://{name}.test"),
        display_name: format!("The {name} service"),
        access_token_format: None,
        disabled_at: None,
        is_open: false,
        routes: Vec::new(),
        scopes: scopes.iter().map(scope).collect(),
    }
}

fn orders() -> Service {
    let scopes = [
        ("orders:read", "Read your orders", false),
        ("orders:write", "Place and change orders for you", true),
    ];
    service(1, "orders", &scopes)
}

fn people() -> Service {
    service(2, "people", &[("people:read", "See the people you know", false)])
}

/// A server and everything around it.
pub struct App {
    pub address: String,
    pub ops: String,
    pub clock: TestClock,
    pub db: Db,
    pub ledger: Ledger,
    pub settings: Settings,
    pub http: reqwest::Client,
    running: Option<Running>,
    database: Option<Database>,
}

impl App {
    /// A server with the defaults.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// A server with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let database = cluster::database();
        let url = database.url.clone();
        let mut app = Self::over(&url, TestClock::starting_at(*START), change).await;
        app.database = Some(database);
        app
    }

    /// A server that calls itself what browsers call it: their forms carry the address as their origin.
    pub async fn for_browsers() -> Self {
        let database = cluster::database();
        let mut problem = None;
        // Somebody else may take a port between finding it free and listening there.
        for _ in 0..8 {
            let front = free_port();
            let started = Self::try_over(&database.url, TestClock::starting_at(*START), |settings| {
                settings.issuer = format!("http://{front}");
                settings.server.front = front;
            });
            match started.await {
                Ok(app) => return Self { database: Some(database), ..app },
                Err(fault) => problem = Some(fault),
            }
        }
        panic!("no server: {problem:?}")
    }

    /// Another node over the same database, with the same clock.
    pub async fn second_node(&self) -> Self {
        let settings = self.settings.clone();
        Self::over(&self.settings.database.url.clone(), self.clock.clone(), |own| {
            *own = settings;
        })
        .await
    }

    /// A server over a database that is there.
    pub async fn over(url: &str, clock: TestClock, change: impl FnOnce(&mut Settings)) -> Self {
        Self::try_over(url, clock, change).await.expect("a server")
    }

    async fn try_over(
        url: &str,
        clock: TestClock,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Self, Fault> {
        let mut settings = settings();
        change(&mut settings);
        settings.database.url = url.to_owned();
        let db = Db::new(url, &settings.database.pool);
        let running = startup::start(&settings, db.clone(), Clock::Test(clock.clone()), false).await?;
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Ok(Self {
            address: format!("http://{}", running.front),
            ops: running.ops.map(|ops| format!("http://{ops}")).unwrap_or_default(),
            clock,
            ledger: running.ledger.clone(),
            db,
            settings,
            http,
            running: Some(running),
            database: None,
        })
    }

    /// A server in another process over this database, to be driven as if it were here. Its clock is the machine's.
    pub fn driving(address: &str, url: &str) -> Self {
        let settings = settings();
        let db = Db::new(url, &settings.database.pool);
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self {
            address: address.to_owned(),
            ops: String::new(),
            clock: TestClock::starting_at(machine_time()),
            ledger: Ledger::new(db.clone()),
            db,
            settings,
            http,
            running: None,
            database: None,
        }
    }

    /// What this node knows of API keys and personal tokens.
    pub fn credentials(&self) -> &Credentials {
        &self.running.as_ref().expect("a server in this process").credentials
    }

    /// Where this node logs calls.
    pub fn traffic(&self) -> &RequestLog {
        &self.running.as_ref().expect("a server in this process").traffic
    }

    /// Has this node look at the signing keys now, as it does every second.
    pub async fn tend_keys(&self) {
        let running = self.running.as_ref().expect("a server in this process");
        running.keys.tend(self.clock.now()).await.expect("keys");
    }

    /// Moves time on, and makes the partitions that the hourly job would have made.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.make_partitions(self.clock.now().date_naive());
    }

    /// Makes the partitions that a day needs.
    pub fn make_partitions(&self, today: chrono::NaiveDate) {
        self.db.run_here(|connection| db::make_partitions(connection, today)).expect("partitions");
    }

    /// An act of the operator's, at the present moment.
    pub fn operator<T>(
        &self,
        act: impl FnOnce(&mut grantor::audit::Work<'_>) -> grantor::kernel::Outcome<T>,
    ) -> T {
        let context = Context::operator(self.clock.now());
        let outcome = self.ledger.act_here(&context, |work| {
            work.nothing_to_tell("a test's own doing");
            act(work)
        });
        outcome.expect("a database").expect("an act that is allowed")
    }

    /// Registers a client.
    #[track_caller]
    pub fn register(&self, registration: &Registration) -> TestClient {
        let context = Context::operator(self.clock.now());
        let mut problem = None;
        let registered = self.ledger.act_here(&context, |work| {
            Ok(register(work, Actor::Operator, registration, None)?.map_err(|words| {
                problem = Some(words.to_string());
                grantor::kernel::Denial::NotFound
            }))
        });
        let registered = registered.expect("a database").unwrap_or_else(|_| panic!("{problem:?}"));
        TestClient {
            id: registered.client.id.to_string(),
            principal: registered.client.principal,
            secret: registered.secret.map(|secret| secret.expose().to_owned()),
            redirect_uri: registration.redirect_uris.first().cloned().unwrap_or_default(),
        }
    }

    /// A confidential third-party app that may use every grant.
    pub fn web_client(&self) -> TestClient {
        self.register(&web_registration())
    }

    /// A machine of an organization's.
    pub fn client_of(&self, org: PrincipalId, scope: &str) -> TestClient {
        self.register(&Registration {
            account: Some(org),
            name: "A machine".into(),
            grant_types: vec!["client_credentials".into()],
            scope: scope.into(),
            ..Registration::default()
        })
    }

    /// A public third-party app with an https redirect.
    pub fn public_client(&self) -> TestClient {
        self.register(&Registration {
            name: "Phone app".into(),
            public: true,
            scope: "orders:read orders:write people:read".into(),
            redirect_uris: vec!["https://phone.example/cb".into()],
            origins: vec!["https://phone.example".into()],
            ..Registration::default()
        })
    }

    /// A resource server that may introspect tokens for the orders service.
    pub fn resource_server(&self) -> TestClient {
        self.register(&Registration {
            name: "The orders API".into(),
            grant_types: vec!["client_credentials".into()],
            introspection_audiences: vec!["https://orders.test".into()],
            ..Registration::default()
        })
    }

    /// A client that may use each of [`MACHINE_ENDPOINTS`](super::MACHINE_ENDPOINTS).
    pub fn machine_client(&self) -> TestClient {
        self.register(&Registration {
            introspection_audiences: vec!["https://orders.test".into()],
            ..web_registration()
        })
    }

    /// Disables a client, or lets it act again, as the operator's command does.
    pub fn disable(&self, client: &TestClient, disabled: bool) {
        let id = ClientId::parse(&client.id).expect("a client_id");
        let done = self.operator(|work| registration::disable(work, Actor::Operator, &id, disabled).map(Ok));
        done.expect("a client that is there");
    }

    /// The same client with a new secret; the old one works for `overlap` more.
    pub fn rotate(&self, client: &TestClient, overlap: Duration) -> TestClient {
        let id = ClientId::parse(&client.id).expect("a client_id");
        let secret =
            self.operator(|work| registration::rotate_secret(work, Actor::Operator, &id, overlap).map(Ok));
        TestClient {
            secret: Some(secret.expect("a client with a secret").expose().to_owned()),
            ..client.clone()
        }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// GET, as anybody.
    pub async fn get(&self, path: &str) -> Answer {
        let response = self.http.get(format!("{}{path}", self.address)).send().await;
        Answer::of(response.expect("an answer")).await
    }

    /// Any request, not yet sent; from the usual address.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.http.request(method, format!("{}{path}", self.address)).header("x-forwarded-for", "198.51.100.1")
    }

    /// POST a body as it stands, from the usual address; `basic`: with this Authorization.
    pub async fn post_bytes(&self, path: &str, body: &[u8], basic: Option<&TestClient>) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_vec());
        let request = match basic {
            Some(client) => request.basic_auth(&client.id, client.secret.as_deref()),
            None => request,
        };
        Answer::to(request).await
    }

    /// POST a form, as anybody; `basic`: with this Authorization.
    pub async fn post(&self, path: &str, form: &[(&str, &str)], basic: Option<&TestClient>) -> Answer {
        self.post_from("198.51.100.1", path, form, basic).await
    }

    /// The same from another address.
    pub async fn post_from(
        &self,
        ip: &str,
        path: &str,
        form: &[(&str, &str)],
        basic: Option<&TestClient>,
    ) -> Answer {
        let request =
            self.http.post(format!("{}{path}", self.address)).header("x-forwarded-for", ip).form(form);
        let request = match basic {
            Some(client) => request.basic_auth(&client.id, client.secret.as_deref()),
            None => request,
        };
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// POST to the token endpoint with Basic (or, for a public client, its id in the form).
    pub async fn token(&self, client: &TestClient, form: &[(&str, &str)]) -> Answer {
        self.machine("/oauth/token", client, form).await
    }

    /// POST to any endpoint that authenticates clients.
    pub async fn machine(&self, path: &str, client: &TestClient, form: &[(&str, &str)]) -> Answer {
        if client.secret.is_some() {
            return self.post(path, form, Some(client)).await;
        }
        let mut form = form.to_vec();
        form.push(("client_id", &client.id));
        self.post(path, &form, None).await
    }

    /// What a resource server is told of a token.
    pub async fn introspect(&self, caller: &TestClient, token: &str) -> Value {
        let answer = self.machine("/oauth/introspect", caller, &[("token", token)]).await;
        answer.is_ok();
        answer.json()
    }

    /// Whether a token is good, to a resource server.
    pub async fn is_active(&self, caller: &TestClient, token: &str) -> bool {
        self.introspect(caller, token).await["active"] == true
    }

    /// The kinds of the events so far, oldest first, without the furniture.
    pub fn events(&self) -> Vec<String> {
        use grantor::schema::events;
        self.db
            .run_here(|connection| {
                Ok(events::table
                    .filter(events::actor_kind.ne("operator"))
                    .order((events::occurred_at, events::id))
                    .select(events::kind)
                    .load(connection)?)
            })
            .expect("events")
    }

    /// Stops the server and waits for its end.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// The same, where the rest is still of use.
    pub async fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.expect("a good end");
        }
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

#[allow(clippy::disallowed_methods, reason = "what a server in another process goes by")]
fn machine_time() -> DateTime<Utc> {
    Utc::now()
}

/// A confidential third-party app that may use every grant.
pub fn web_registration() -> Registration {
    Registration {
        name: "Shop".into(),
        publisher: Some("Shop Ltd".into()),
        scope: "orders:read orders:write people:read".into(),
        grant_types: ["authorization_code", "refresh_token", "client_credentials"].map(Into::into).into(),
        redirect_uris: vec!["https://shop.example/cb".into()],
        origins: vec!["https://shop.example".into()],
        ..Registration::default()
    }
}
