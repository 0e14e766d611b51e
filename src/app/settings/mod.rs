//! Settings: defaults ← file ← environment. Unknown keys are refused, and all complaints come at once.

mod addresses;
mod files;
mod layers;
mod nearest;
mod way;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;
use toml::{Table, Value};
use url::Url;

pub use self::files::SourceFile;
pub use self::way::Way;

use crate::accounts::passwords::PasswordSettings;
use crate::accounts::sessions::SessionSettings;
use crate::credentials::CredentialSettings;
use crate::grants::TokenSettings;
use crate::limits::guard::GuardSettings;
use crate::limits::{LimitSettings, RedisSettings};
use crate::platform::cache::CacheSettings;
use crate::platform::db::{LogRetention, PoolSettings};
use crate::platform::logging;
use crate::signing::{MasterKey, SigningSettings};
use crate::traffic::TrafficSettings;

const DEFAULTS: &str = include_str!("../defaults.toml");
/// What is otherwise with `--dev`: the proxies that things are tried with are on this machine.
const DEV: &str = r#"server.trusted_proxies = ["127.0.0.1/32", "::1/128"]"#;
const NINETY_DAYS: u32 = 90 * 86_400;

/// All settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Who we are.
    pub issuer: String,
    /// What is logged.
    pub log: String,
    /// Section `server`.
    pub server: ServerSettings,
    /// Section `database`.
    pub database: DatabaseSettings,
    /// Section `tokens`.
    pub tokens: TokenSettings,
    /// Section `credentials`.
    pub credentials: CredentialSettings,
    /// Section `signing`.
    pub signing: SigningSettings,
    /// Section `sessions`.
    pub sessions: SessionSettings,
    /// Section `passwords`.
    pub passwords: PasswordSettings,
    /// Section `guard`.
    pub guard: GuardSettings,
    /// Section `limits`.
    pub limits: LimitSettings,
    /// Section `redis`.
    pub redis: RedisSettings,
    /// Section `cache`.
    pub cache: CacheSettings,
    /// Section `audit`.
    pub audit: AuditSettings,
    /// Section `traffic`.
    pub traffic: TrafficSettings,
}

/// Section `audit`.
#[derive(Clone, Debug, Deserialize)]
pub struct AuditSettings {
    /// Days that events are kept; 0: for ever.
    pub retention_days: u32,
    /// Seconds between two checkpoints.
    pub checkpoint_s: u32,
}

impl AuditSettings {
    /// The same, as whoever drops partitions wants to know it.
    pub fn retention(&self) -> LogRetention {
        match self.retention_days {
            0 => LogRetention::ForEver,
            days => LogRetention::Days(days),
        }
    }
}

/// Section `server`.
#[derive(Clone, Debug, Deserialize)]
pub struct ServerSettings {
    /// Where the front listens.
    pub front: SocketAddr,
    /// Where the metrics listen.
    #[serde(deserialize_with = "nowhere")]
    pub ops: Option<SocketAddr>,
    /// Threads.
    pub workers: usize,
    /// Connections of each.
    pub connections: usize,
    /// Bytes of a body.
    pub body_limit: usize,
    /// Milliseconds for a head to arrive.
    pub header_timeout_ms: u64,
    /// Seconds an idle connection is kept.
    pub keep_alive_s: u64,
    /// Seconds that are served still after SIGTERM.
    pub notice_s: u64,
    /// Seconds to end after that.
    pub drain_s: u64,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Section `database`.
#[derive(Clone, Debug, Deserialize)]
pub struct DatabaseSettings {
    /// An outside Postgres; empty: a private one.
    pub url: String,
    /// Also without TLS to another machine.
    pub allow_plaintext: bool,
    /// What URL and environment make of the way there.
    #[serde(skip)]
    pub way: Way,
    /// Where the private one lives.
    pub data_dir: PathBuf,
    /// Where its programs are.
    pub bin_dir: PathBuf,
    /// The pool.
    #[serde(flatten)]
    pub pool: PoolSettings,
}

fn nowhere<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(value)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

/// Everything that is wrong with the settings.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the settings cannot be used:\n  - {}", .0.join("\n  - "))]
pub struct Complaints(pub Vec<String>);

/// Where settings come from, read once at the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if one is named.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Insecure settings are for trying things out.
    pub dev: bool,
}

impl Sources {
    /// This process's own.
    pub fn of_process(file: Option<PathBuf>, dev: bool) -> Self {
        // What is not text is no setting that could be meant; it only must not end us.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let environment: BTreeMap<String, String> =
            std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        let named = environment.get("GRANTOR_CONFIG").filter(|path| !path.is_empty());
        let file = file.or_else(|| named.map(PathBuf::from));
        Self { file, environment, dev }
    }
}

impl Settings {
    /// Reads and checks the settings.
    pub fn read(sources: &Sources) -> Result<Self, Complaints> {
        let defaults: Table = DEFAULTS.parse().map_err(|error| complain(&error))?;
        let mut complaints = Vec::new();
        let mut table = defaults.clone();
        if sources.dev {
            let dev: Table = DEV.parse().map_err(|error| complain(&error))?;
            layers::overlay(&mut table, dev, &mut complaints);
        }
        if let Some(file) = &sources.file {
            match layers::read_file(file) {
                Ok(given) => layers::overlay(&mut table, given, &mut complaints),
                Err(complaint) => complaints.push(complaint),
            }
        }
        layers::overlay_environment(&mut table, &defaults, &sources.environment, &mut complaints);
        addresses::check(&table, &mut complaints);
        if !complaints.is_empty() {
            return Err(Complaints(complaints));
        }
        let mut settings: Self = Value::Table(table).try_into().map_err(|error| complain(&error))?;
        settings.fill_in(&sources.environment);
        let complaints = settings.complaints(sources.dev);
        if complaints.is_empty() { Ok(settings) } else { Err(Complaints(complaints)) }
    }

    fn fill_in(&mut self, environment: &BTreeMap<String, String>) {
        if self.database.data_dir.as_os_str().is_empty() {
            self.database.data_dir = default_data_dir(environment);
        }
        self.database.way = Way::of(&self.database.url, environment);
    }

    fn complaints(&self, dev: bool) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut demand = |holds: bool, words: &str| {
            if !holds {
                complaints.push(words.to_owned());
            }
        };
        match Url::parse(&self.issuer) {
            Ok(url) => {
                let canonical = url.origin().ascii_serialization() == self.issuer;
                demand(
                    canonical,
                    "issuer must be an origin like https://id.example.com: no path, no slash at its end, lower case",
                );
                let loopback = is_loopback(&url);
                demand(
                    url.scheme() == "https" || (url.scheme() == "http" && (loopback || dev)),
                    "issuer must be https unless it is on this machine (or start with --dev)",
                );
            }
            Err(_) => demand(false, "issuer is not a URL: write it like https://id.example.com"),
        }
        demand(
            logging::is_filter(&self.log),
            "log must be error, warn, info or debug, or say so of a module, as in info,grantor=debug",
        );
        demand(self.server.body_limit >= 4096, "server.body_limit must be 4096 or more");
        demand(
            self.server.ops.is_none_or(|ops| !addresses::overlap(ops, self.server.front)),
            "server.ops must be another address than server.front",
        );
        demand(self.server.connections >= 1, "server.connections must be 1 or more");
        demand(self.server.header_timeout_ms >= 100, "server.header_timeout_ms must be 100 or more");
        let pool = &self.database.pool;
        demand((100..=60_000).contains(&pool.wait_ms), "database.wait_ms must be 100 to 60000");
        demand(
            (100..=600_000).contains(&pool.statement_timeout_ms),
            "database.statement_timeout_ms must be 100 to 600000",
        );
        demand((1..=1_000_000).contains(&pool.queue), "database.queue must be 1 to 1000000");
        let guard = &self.guard;
        let quotas = [guard.sign_in, guard.client_authentication, guard.unknown_bearer, guard.interactions];
        demand(quotas.iter().all(|quota| *quota >= 1), "the settings of guard must be 1 or more");
        demand(self.database.pool.connections >= 2, "database.connections must be 2 or more");
        demand((1..=600).contains(&self.tokens.code_lifetime_s), "tokens.code_lifetime_s must be 1 to 600");
        demand(
            (1..=86_400).contains(&self.tokens.access_lifetime_s),
            "tokens.access_lifetime_s must be 1 to 86400",
        );
        demand(
            (1..=31_536_000).contains(&self.tokens.refresh_lifetime_s),
            "tokens.refresh_lifetime_s must be 1 to 31536000",
        );
        demand(
            self.tokens.refresh_grace_s <= self.tokens.access_lifetime_s.min(300),
            "tokens.refresh_grace_s must be 0 to 300, and no more than access_lifetime_s",
        );
        let days = self.credentials.complaint();
        demand(days.is_none(), days.unwrap_or_default());
        demand(
            (3600..=31_536_000).contains(&self.signing.rotation_s),
            "signing.rotation_s must be 3600 to 31536000",
        );
        demand(
            self.signing.master_key.as_ref().is_none_or(MasterKey::is_long_enough),
            "signing.master_key must be 32 characters or more: `openssl rand -base64 32` makes one",
        );
        demand(
            (60..=NINETY_DAYS).contains(&self.sessions.absolute_s),
            "sessions.absolute_s must be 60 to 7776000",
        );
        demand(
            (60..=self.sessions.absolute_s).contains(&self.sessions.idle_s),
            "sessions.idle_s must be 60 to absolute_s",
        );
        demand(
            (60..=86_400).contains(&self.sessions.interaction_s),
            "sessions.interaction_s must be 60 to 86400",
        );
        demand(self.passwords.min_chars >= 8, "passwords.min_chars must be 8 or more");
        demand(
            self.passwords.memory_kib >= 19_456 || dev,
            "passwords.memory_kib must be 19456 or more (or start with --dev)",
        );
        demand(
            self.passwords.iterations >= 2 || dev,
            "passwords.iterations must be 2 or more (or start with --dev)",
        );
        demand(
            self.audit.retention_days == 0 || (2..=36_500).contains(&self.audit.retention_days),
            "audit.retention_days must be 2 to 36500, or 0",
        );
        demand((1..=86_400).contains(&self.audit.checkpoint_s), "audit.checkpoint_s must be 1 to 86400");
        let limits = self.limits.complaint(&self.redis);
        demand(limits.is_none(), limits.unwrap_or_default());
        demand(self.cache.entries <= 10_000_000, "cache.entries must be 0 to 10000000");
        demand((1..=60).contains(&self.cache.lifetime_s), "cache.lifetime_s must be 1 to 60");
        complaints.extend(self.traffic.complaints());
        complaints.extend(self.database.way.complaint(self.database.allow_plaintext));
        complaints
    }

    /// Whether there must be a proxy (for TLS) whose word about addresses is not believed: then all the world is
    /// one network to the guard.
    pub fn believes_nobody(&self) -> bool {
        self.is_https() && self.server.trusted_proxies.is_empty()
    }

    /// How long all is served still after SIGTERM. Who has a private database is alone: nobody could take over.
    pub fn notice(&self) -> Duration {
        let is_alone = self.database.url.is_empty();
        Duration::from_secs(if is_alone { 0 } else { self.server.notice_s })
    }

    /// Where the server listens, if the issuer is on this machine and yet elsewhere: then browsers find nobody at the
    /// issuer's address, or their forms come from another origin than the issuer's.
    pub fn is_astray(&self) -> Option<SocketAddr> {
        let (url, front) = (Url::parse(&self.issuer).ok()?, self.server.front);
        let is_here = url.scheme() == "http" && front.port() != 0;
        (is_here && url.port_or_known_default() != Some(front.port())).then_some(front)
    }

    /// Whether the way to the database stays on this machine or is under TLS that is checked.
    pub fn reaches_database_safely(&self) -> bool {
        self.database.way == Way::Safe
    }

    /// Whether cookies can be `Secure`.
    pub fn is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }
}

fn complain(error: &impl ToString) -> Complaints {
    Complaints(vec![error.to_string().trim_end().replace('\n', " ")])
}

fn default_data_dir(environment: &BTreeMap<String, String>) -> PathBuf {
    let of = |name: &str| environment.get(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/grantor");
    }
    of("XDG_DATA_HOME")
        .or_else(|| of("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."))
        .join("grantor")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Result<Settings, Complaints> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::read(&Sources { file: None, environment, dev: false })
    }

    #[test]
    fn the_defaults_are_whole_and_secure() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.issuer, "http://127.0.0.1:8080");
        assert_eq!(settings.tokens.code_lifetime_s, 60);
    }

    #[test]
    fn the_environment_overrides_in_the_setting_s_own_type() {
        let settings = read(&[
            ("GRANTOR_ISSUER", "https://id.example"),
            ("GRANTOR_TOKENS__REFRESH_GRACE_S", "0"),
            ("GRANTOR_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.0/8"),
            ("GRANTOR_SERVER__OPS", ""),
        ])
        .unwrap();
        assert!(settings.is_https());
        assert_eq!(settings.tokens.refresh_grace_s, 0);
        assert_eq!(settings.server.trusted_proxies.len(), 2);
        assert_eq!(settings.server.ops, None);
    }

    #[test]
    fn all_complaints_come_at_once_and_unknown_keys_are_among_them() {
        let Complaints(complaints) = read(&[
            ("GRANTOR_TOKENS__REFRESH_GRACE", "1"),
            ("GRANTOR_SERVER__WORKERS", "many"),
            ("GRANTOR_DATABASE__URL_FILE", "/nonexistent"),
        ])
        .unwrap_err();
        assert_eq!(complaints.len(), 3, "{complaints:?}");
    }

    #[track_caller]
    fn is_refused(environment: &[(&str, &str)], complaint: &str) {
        let Complaints(complaints) = read(environment).unwrap_err();
        assert_eq!(complaints, [complaint]);
    }

    #[test]
    fn a_number_that_no_setting_has_room_for_is_refused_in_plain_words() {
        for number in ["4294967296", "99999999999999999999"] {
            let words = "GRANTOR_TOKENS__CODE_LIFETIME_S must be 4294967295 or less";
            is_refused(&[("GRANTOR_TOKENS__CODE_LIFETIME_S", number)], words);
        }
        let words = "GRANTOR_TOKENS__CODE_LIFETIME_S must be a whole number";
        is_refused(&[("GRANTOR_TOKENS__CODE_LIFETIME_S", "")], words);
        is_refused(&[("GRANTOR_TOKENS__CODE_LIFETIME_S", "9e9")], words);
    }

    #[test]
    fn a_variable_has_the_prefix_once() {
        assert!(read(&[("GRANTOR_ISSUER", "https://id.example")]).is_ok());
        assert!(read(&[("GRANTOR_GRANTOR_ISSUER", "https://id.example")]).is_err());
    }

    /// Somebody's password, in a variable that shall name a file, is not repeated.
    #[test]
    fn a_text_in_the_place_of_its_file_is_refused_unseen() {
        for text in ["postgres://u:hidden@h/db", "host=h password=hidden"] {
            let words =
                "GRANTOR_DATABASE__URL_FILE must name a file that holds the text, and not be the text";
            is_refused(&[("GRANTOR_DATABASE__URL_FILE", text)], words);
        }
    }

    #[test]
    fn a_text_is_given_directly_or_in_a_file_and_not_both() {
        let file = ("GRANTOR_DATABASE__URL_FILE", "/dev/null");
        assert!(read(&[file]).is_ok());
        assert!(read(&[file, ("GRANTOR_DATABASE__URL", "")]).is_ok());
        let words = "GRANTOR_DATABASE__URL_FILE says what a variable without _FILE says: give one of them";
        is_refused(&[file, ("GRANTOR_DATABASE__URL", "postgres:///g")], words);
    }

    #[test]
    fn listeners_that_would_meet_are_refused() {
        let with = |ops| read(&[("GRANTOR_SERVER__FRONT", "127.0.0.1:8080"), ("GRANTOR_SERVER__OPS", ops)]);
        assert!(with("0.0.0.0:9090").is_ok());
        assert!(with("0.0.0.0:8080").is_err());
    }

    #[test]
    fn an_insecure_issuer_needs_the_dev_switch() {
        for issuer in [
            "http://id.example",
            "https://id.example/",
            "https://id.example/path",
            "HTTPS://id.example",
            "nonsense",
        ] {
            assert!(read(&[("GRANTOR_ISSUER", issuer)]).is_err(), "{issuer}");
        }
        let environment = [("GRANTOR_ISSUER".to_owned(), "http://id.example".to_owned())].into();
        assert!(Settings::read(&Sources { file: None, environment, dev: true }).is_ok());
    }

    /// Y07: nobody is believed who was not named, except where things are tried.
    #[test]
    fn only_the_dev_switch_trusts_proxies_on_this_machine() {
        let trusted = |environment: &[(&str, &str)], dev| {
            let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let sources = Sources { file: None, environment: environment.collect(), dev };
            Settings::read(&sources).unwrap().server.trusted_proxies
        };
        assert!(trusted(&[], false).is_empty());
        assert_eq!(trusted(&[], true).len(), 2);
        assert_eq!(trusted(&[("GRANTOR_SERVER__TRUSTED_PROXIES", "10.0.0.0/8")], true).len(), 1);
    }

    #[test]
    fn a_remote_database_in_plain_text_is_refused_unless_asked_for() {
        for url in [
            "postgres://u@db.example/g",
            "host=db.example dbname=g",
            "postgres:///g?host=db.example",
            "postgres://u:p@db1.example:5432,db2.example:5432/g",
            "postgres://db.example/g?sslmode=verify-full&sslmode=disable",
        ] {
            assert!(read(&[("GRANTOR_DATABASE__URL", url)]).is_err(), "{url}");
            assert!(
                read(&[("GRANTOR_DATABASE__URL", url), ("GRANTOR_DATABASE__ALLOW_PLAINTEXT", "true")])
                    .is_ok()
            );
        }
        for url in [
            "postgres://u@127.0.0.1/g",
            "postgres:///g?host=/run/pg",
            "host=/run/pg",
            "postgres://u@%2Frun%2Fpg/g",
            "postgres://db.example/g?sslmode=verify-full",
        ] {
            assert!(read(&[("GRANTOR_DATABASE__URL", url)]).is_ok(), "{url}");
        }
        let led = [("GRANTOR_DATABASE__URL", "postgres:///g"), ("PGHOST", "db.example")];
        assert!(read(&led).is_err());
    }
}
