//! A Grantor with a private Postgres, as `grantor serve` runs it, and the commands that furnish it.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::cast::{self, API, APP, Client, MACHINE, PASSWORD, SECRET, SIGNED};
use crate::process::Process;

/// A server that runs.
pub struct Grantor {
    process: Process,
    program: PathBuf,
    data: PathBuf,
    /// Where it answers.
    pub host: SocketAddr,
}

impl Grantor {
    /// Starts one over the private Postgres in `data`, which is made if it is not there.
    pub async fn start(program: &Path, data: &Path) -> Result<Self> {
        let database = ("GRANTOR_DATABASE__DATA_DIR", data.display().to_string());
        Self::start_over(program, data, database).await
    }

    /// Starts one over the database of another.
    pub async fn start_beside(other: &Self, data: &Path) -> Result<Self> {
        let socket = other.socket()?;
        let url = format!("postgresql:///grantor?host={}&user=grantor", socket.display());
        Self::start_over(&other.program, data, ("GRANTOR_DATABASE__URL", url)).await
    }

    async fn start_over(program: &Path, data: &Path, database: (&str, String)) -> Result<Self> {
        let host = free_address()?;
        let mut command = bare(program);
        command
            .arg("serve")
            .env(database.0, database.1)
            .env("GRANTOR_ISSUER", format!("http://{host}"))
            .env("GRANTOR_SERVER__FRONT", host.to_string())
            .env("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.1/32")
            .env("GRANTOR_SERVER__OPS", "");
        let process = Process::start(&mut command, &data.with_extension("log"))?;
        let mut grantor = Self { process, program: program.to_owned(), data: data.to_owned(), host };
        grantor.process.says("Grantor serves").await?;
        Ok(grantor)
    }

    /// The server's pid.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The pid of its private Postgres.
    pub fn postgres_pid(&self) -> Result<u32> {
        let file = self.data.join("pgdata/postmaster.pid");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(text.lines().next().unwrap_or_default().parse()?)
    }

    /// How to connect to its database, as tokio-postgres reads it.
    pub fn database(&self) -> Result<String> {
        Ok(format!("host={} user=grantor dbname=grantor application_name=bench", self.socket()?.display()))
    }

    /// The directory of the socket; where the path does not suit one, a note says where it is instead.
    fn socket(&self) -> Result<PathBuf> {
        let note = self.data.join("socket_dir");
        if note.exists() {
            return Ok(PathBuf::from(fs::read_to_string(note)?.trim_end()));
        }
        Ok(self.data.join("run"))
    }

    /// Makes the service, the people and the clients; the answer is why there is no client with signed tokens.
    pub fn furnish(&self, people: usize) -> Result<Option<String>> {
        let scope = format!("{}=Read your orders", cast::SCOPE);
        self.order(&["service", "add", cast::AUDIENCE, "--scope", &scope], "")?;
        for visitor in 0..people {
            self.order(&["user", "add", &cast::identifier(visitor)], PASSWORD)?;
        }
        let own = ["--grant", "client_credentials", "--scope", cast::SCOPE];
        self.register(&MACHINE, &own)?;
        self.register(&API, &["--grant", "client_credentials", "--introspect", cast::AUDIENCE])?;
        self.register(&APP, &["--redirect-uri", cast::REDIRECT_URI, "--scope", cast::SCOPE])?;
        let signed = self.register(&SIGNED, &[&own[..], &["--access-token-format", "jwt"]].concat());
        Ok(signed.err().map(|refusal| format!("{refusal:#}")))
    }

    /// Makes an organization with a key that may call the service, and limits that nobody reaches and all are held to.
    pub fn make_key(&self) -> Result<String> {
        const PLAN: &str = "bench";
        self.order(&["plan", "add", PLAN], "")?;
        for (name, window) in [("minute", "60s"), ("day", "day")] {
            let limit = ["limit", "set", name, "--quota", "1000000000", "--window", window, "--plan", PLAN];
            self.order(&limit, "")?;
        }
        self.order(&["client", "plan", MACHINE.id, PLAN], "")?;
        self.order(&["org", "create", cast::ORG, "--plan", PLAN], "")?;
        self.order(&["service", "grant", cast::AUDIENCE, "--org", cast::ORG], "")?;
        let key = ["api-key", "create", "--org", cast::ORG, "--name", "bench", "--scope", cast::SCOPE];
        let made: serde_json::Value = serde_json::from_str(&self.order(&key, "")?).context("an API key")?;
        Ok(made.get("api_key").and_then(|key| key.as_str()).context("an API key")?.to_owned())
    }

    fn register(&self, client: &Client, arguments: &[&str]) -> Result<()> {
        let common = ["client", "add", client.id, "--client-id", client.id, "--import-secret"];
        let lifetime = ["--access-token-lifetime", cast::LIFETIME_S];
        self.order(&[&common[..], &lifetime, arguments].concat(), SECRET).map(drop)
    }

    /// Runs a command; what it says.
    fn order(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = bare(&self.program);
        command.args(arguments).arg("--json").env("GRANTOR_DATABASE__DATA_DIR", &self.data);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run grantor")?;
        let written = child.stdin.take().map(|mut stdin| writeln!(stdin, "{input}"));
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let first = words.lines().find(|line| !line.is_empty()).unwrap_or("no word why").to_owned();
            bail!("grantor {}: {first}", arguments.get(..2).unwrap_or(arguments).join(" "));
        }
        // Commands that want no input may end without reading it.
        drop(written);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A command without our environment, in which somebody's settings may be.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(["PATH", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// An address at which nobody listens.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
