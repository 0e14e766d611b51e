//! Starting and stopping the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use chrono::TimeDelta;
use tokio::task::JoinHandle;

use crate::accounts::passwords::Passwords;
use crate::accounts::sessions::CookieJar;
use crate::accounts::sign_in::Turns;
use crate::accounts::{self, Accounts, Standings};
use crate::app::background::{Background, Noted};
use crate::app::checkpoints;
use crate::app::database::master_key;
use crate::app::neighbours::cannot_listen;
use crate::app::partitions::Partitions;
use crate::app::routes;
use crate::app::settings::{ServerSettings, Settings};
use crate::app::signals::Signals;
use crate::app::verification::auditor;
use crate::audit::Ledger;
use crate::audit::api::Auditor;
use crate::clients::Directory;
use crate::clients::authentication::Clients;
use crate::credentials::usage::Usage as CredentialUsage;
use crate::credentials::{self, Credentials, Reuses};
use crate::decision::Bearers;
use crate::decision::calls::{Calls, Teller, Warnings};
use crate::gateway::forward_auth::ForwardAuth;
use crate::grants::access_tokens::AccessTokens;
use crate::grants::usage::Usage;
use crate::kernel::Fault;
use crate::limits::guard::Guard;
use crate::limits::{Blocks, LimitDirectory, Limits, Penalties};
use crate::oauth::OAuth;
use crate::platform::cache::Caches;
use crate::platform::clock::Clock;
use crate::platform::db::{self, Db};
use crate::platform::door::{self, Door};
use crate::platform::leaving::Leaving;
use crate::platform::listener::Listener;
use crate::platform::logging;
use crate::platform::metrics::Metrics;
use crate::services::Services;
use crate::signing::Keys;
use crate::traffic::{self, Introspections, RequestLog};

/// What all requests share.
struct Shared {
    door: web::Data<Door>,
    db: web::Data<Db>,
    guard: web::Data<Guard>,
    accounts: web::Data<Accounts>,
    oauth: web::Data<OAuth>,
    forward_auth: web::Data<ForwardAuth>,
    usage: Arc<Usage>,
    introspections: Arc<Introspections>,
    blocks: Arc<Blocks>,
    credentials: web::Data<Credentials>,
    limits: Arc<Limits>,
    teller: Teller,
    traffic: RequestLog,
    traffic_writer: traffic::Writer,
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
    ledger: Ledger,
    auditor: web::Data<Auditor>,
    leaving: Leaving,
}

impl Shared {
    fn new(settings: &Settings, db: Db, clock: Clock) -> Result<Self, Fault> {
        let ledger = Ledger::new(db.clone());
        let blocks = Arc::new(Blocks::default());
        let guard = Arc::new(Guard::new(settings.guard.clone(), Arc::clone(&blocks)));
        let metrics = Arc::new(Metrics::default());
        logging::count_lost(&metrics);
        let caches = Caches::new(&settings.cache, Arc::clone(ledger.invalidation()), &metrics);
        let accounts = Arc::new(Accounts {
            ledger: ledger.clone(),
            directory: accounts::Directory::new(ledger.clone(), &caches),
            sessions: settings.sessions.clone(),
            passwords: Passwords::start(&settings.passwords)?,
            turns: Turns::default(),
            jar: CookieJar::new(settings.is_https()),
            guard: Arc::clone(&guard),
            origin: settings.issuer.clone(),
        });
        let (usage, introspections) = (Arc::new(Usage::default()), Arc::new(Introspections::default()));
        let limits = Arc::new(Limits::open(&settings.limits, &settings.redis, &ledger, &clock)?);
        ledger.register(&metrics);
        let keys = Keys::new(
            ledger.clone(),
            settings.signing.clone(),
            settings.issuer.clone(),
            master_key(settings)?,
            &caches,
        );
        let keys = Arc::new(keys);
        let credentials = credentials(settings, &ledger, &caches);
        let bearers = bearers(&ledger, &caches, &keys);
        let (traffic, traffic_writer) =
            RequestLog::new(&settings.traffic, Ledger::new(db.clone()), clock.clone(), &metrics);
        let (warnings, teller) = Warnings::new(ledger.clone());
        let calls = Calls {
            bearers: bearers.clone(),
            credentials: credentials.clone(),
            usage: Arc::clone(&usage),
            accounts: accounts.directory.clone(),
            limit_directory: LimitDirectory::new(ledger.clone(), &caches),
            limits: Arc::clone(&limits),
            penalties: Arc::new(Penalties::open(&settings.limits)),
            blocks: Arc::clone(&blocks),
            warnings,
            traffic: traffic.clone(),
        };
        let forward_auth = ForwardAuth {
            calls: calls.clone(),
            guard: Arc::clone(&guard),
            keys: Arc::clone(&keys),
            issuer: settings.issuer.clone(),
            trusted_proxies: settings.server.trusted_proxies.clone(),
        };
        let oauth = OAuth {
            issuer: settings.issuer.clone(),
            calls,
            clients: Clients { directory: bearers.clients.clone(), guard: Arc::clone(&guard) },
            bearers,
            ledger: ledger.clone(),
            accounts: Arc::clone(&accounts),
            tokens: settings.tokens.clone(),
            usage: Arc::clone(&usage),
            introspections: Arc::clone(&introspections),
            keys: Arc::clone(&keys),
        };
        let auditor = auditor(settings, db.clone(), clock.clone())?;
        let leaving = Leaving::default();
        let door = Door {
            clock,
            trusted_proxies: settings.server.trusted_proxies.clone(),
            metrics: Arc::clone(&metrics),
            leaving: leaving.clone(),
        };
        Ok(Self {
            door: web::Data::new(door),
            db: web::Data::new(db),
            guard: web::Data::from(guard),
            accounts: web::Data::from(accounts),
            oauth: web::Data::new(oauth),
            forward_auth: web::Data::new(forward_auth),
            usage,
            introspections,
            blocks,
            credentials: web::Data::new(credentials),
            limits,
            teller,
            traffic,
            traffic_writer,
            keys,
            metrics,
            ledger,
            auditor: web::Data::new(auditor),
            leaving,
        })
    }
}

fn credentials(settings: &Settings, ledger: &Ledger, caches: &Caches) -> Credentials {
    Credentials {
        ledger: ledger.clone(),
        settings: settings.credentials.clone(),
        directory: credentials::Directory::new(ledger.clone(), caches),
        usage: Arc::new(CredentialUsage::default()),
        reuses: Arc::new(Reuses::default()),
    }
}

fn bearers(ledger: &Ledger, caches: &Caches, keys: &Arc<Keys>) -> Bearers {
    Bearers {
        access_tokens: AccessTokens::new(ledger.clone(), caches),
        keys: Arc::clone(keys),
        clients: Directory::new(ledger.clone(), caches),
        standings: Standings::new(ledger.clone(), caches),
        services: Services::new(ledger.clone(), caches),
        ledger: ledger.clone(),
    }
}

/// A server that runs.
pub struct Running {
    /// Where the front listens.
    pub front: SocketAddr,
    /// Where the metrics listen.
    pub ops: Option<SocketAddr>,
    /// Its signing keys.
    pub keys: Arc<Keys>,
    /// Its API keys and personal tokens.
    pub credentials: Arc<Credentials>,
    /// Through which this server acts: what is done through it is known to this server at once.
    pub ledger: Ledger,
    /// Where calls are logged.
    pub traffic: RequestLog,
    /// Caches are bypassed without it.
    _listener: Option<Listener>,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    background: Background,
    leaving: Leaving,
}

impl Running {
    /// Waits until the server has ended, after a signal or [`Running::stop`].
    pub async fn ended(self) -> Result<(), Fault> {
        let mut ended = Ok(());
        for (_, task) in self.servers {
            ended =
                ended.and(task.await.map_err(Fault::internal).and_then(|end| end.map_err(Fault::internal)));
        }
        self.background.end().await;
        ended
    }

    /// Ends the server: takes no more, lets what is under way end.
    pub async fn stop(self) -> Result<(), Fault> {
        self.leaving.begin();
        for (handle, _) in &self.servers {
            handle.stop(true).await;
        }
        self.ended().await
    }
}

/// Starts the server over a prepared database. `signals`: it ends by SIGTERM and SIGINT.
pub async fn start(settings: &Settings, db: Db, clock: Clock, signals: bool) -> Result<Running, Fault> {
    let shared = Shared::new(settings, db.clone(), clock.clone())?;
    shared.keys.start(clock.now()).await?;
    let mut servers = Vec::new();
    let front = listen(&settings.server, &shared, &mut servers)?;
    let ops = settings.server.ops.map(|at| listen_ops(at, &shared, &mut servers)).transpose()?;
    let leaving = shared.leaving;
    if signals {
        let handles = servers.iter().map(|(handle, _)| handle.clone()).collect();
        tokio::spawn(Signals::listen()?.end(handles, leaving.clone(), settings.notice()));
    }
    let listener = match settings.cache.entries {
        0 => None,
        _ => Some(Listener::start(db.clone(), Arc::clone(shared.ledger.invalidation()))?),
    };
    let kept = settings.traffic.retention();
    db.run(move |connection| db::keep_calls(connection, kept)).await?;
    let lifetime = TimeDelta::seconds(settings.tokens.refresh_lifetime_s.into());
    let today = clock.now().date_naive();
    db.run(move |connection| db::reach_ahead(connection, lifetime, today)).await?;
    let partitions = Partitions::new(db.clone(), clock.clone(), settings.audit.retention(), &shared.metrics);
    let sealer = checkpoints::sealer(settings, &shared.ledger, &clock, &shared.keys, &shared.metrics);
    let credentials = shared.credentials.into_inner();
    let noted = [
        Noted::Grants(shared.usage),
        Noted::Credentials(Arc::clone(&credentials.usage)),
        Noted::Introspections(shared.introspections),
        Noted::Blocks(shared.blocks),
    ];
    let keys = Arc::clone(&shared.keys);
    let writers = (sealer, shared.traffic_writer, shared.teller);
    let background = Background::start(db, clock, noted, keys, partitions, writers, shared.limits);
    Ok(Running {
        front,
        ops,
        keys: shared.keys,
        credentials,
        ledger: shared.ledger,
        traffic: shared.traffic,
        _listener: listener,
        servers,
        background,
        leaving,
    })
}

type Servers = Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>;

fn listen(settings: &ServerSettings, shared: &Shared, servers: &mut Servers) -> Result<SocketAddr, Fault> {
    let (door, db, guard) = (shared.door.clone(), shared.db.clone(), shared.guard.clone());
    let (accounts, oauth, limit) = (shared.accounts.clone(), shared.oauth.clone(), settings.body_limit);
    let (credentials, forward_auth) = (shared.credentials.clone(), shared.forward_auth.clone());
    let (ledger, auditor) = (web::Data::new(shared.ledger.clone()), shared.auditor.clone());
    let keys = web::Data::from(Arc::clone(&shared.keys));
    let calls = web::Data::new(shared.oauth.calls.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .app_data(db.clone())
            .app_data(guard.clone())
            .app_data(accounts.clone())
            .app_data(oauth.clone())
            .app_data(credentials.clone())
            .app_data(keys.clone())
            .app_data(calls.clone())
            .app_data(forward_auth.clone())
            .app_data(ledger.clone())
            .app_data(auditor.clone())
            .app_data(web::PayloadConfig::new(limit))
            .wrap(from_fn(door::pass))
            .configure(routes::front)
    });
    let server = match settings.workers {
        0 => server,
        workers => server.workers(workers),
    };
    let server = server
        .max_connections(settings.connections)
        .client_request_timeout(Duration::from_millis(settings.header_timeout_ms))
        .keep_alive(Duration::from_secs(settings.keep_alive_s))
        .shutdown_timeout(settings.drain_s)
        .disable_signals();
    let server =
        server.bind(settings.front).map_err(|error| cannot_listen("server.front", settings.front, &error))?;
    let address = server.addrs().first().copied().unwrap_or(settings.front);
    let running = server.run();
    servers.push((running.handle(), tokio::spawn(running)));
    Ok(address)
}

fn listen_ops(at: SocketAddr, shared: &Shared, servers: &mut Servers) -> Result<SocketAddr, Fault> {
    let (door, db, metrics) = (shared.door.clone(), shared.db.clone(), Arc::clone(&shared.metrics));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .app_data(db.clone())
            .app_data(web::Data::new(Arc::clone(&metrics)))
            .wrap(from_fn(door::pass))
            .configure(routes::ops)
    });
    let server = server.workers(1).shutdown_timeout(1).disable_signals();
    let server = server.bind(at).map_err(|error| cannot_listen("server.ops", at, &error))?;
    let address = server.addrs().first().copied().unwrap_or(at);
    let running = server.run();
    servers.push((running.handle(), tokio::spawn(running)));
    Ok(address)
}
