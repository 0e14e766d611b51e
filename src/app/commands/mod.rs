//! The commands. They work on the database itself, so they do with the server up or down.

mod api_key;
mod audit;
mod client;
mod credential;
mod demo;
mod doctor;
mod key;
mod limit;
mod migrate;
mod moment;
mod org;
mod owner;
mod pat;
mod plan;
mod request;
mod secret;
mod serve;
mod service;
mod usage;
mod user;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::app::database::Database;
use crate::app::settings::{Settings, SourceFile, Sources};
use crate::audit::{Ledger, Work};
use crate::kernel::{AccessTokenFormat, Fault, Outcome};
use crate::platform::clock::Clock;
use crate::platform::context::Context;
use crate::platform::db::Db;
use crate::platform::logging;

/// Grantor, a standalone OAuth 2.1 authorization server.
#[derive(Parser)]
#[command(name = "grantor", version, about, max_term_width = 100)]
struct Cli {
    /// A file with settings (TOML); the environment overrides it.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Answers as JSON, for programs.
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Args),
    /// Try it: a server with people, partners with keys, an app and an API, all gone at the end.
    Demo(demo::Args),
    /// Bring the database up to date.
    Migrate(migrate::Args),
    /// People who sign in.
    #[command(subcommand)]
    User(user::Command),
    /// Organizations, and who may act for them.
    #[command(subcommand)]
    Org(org::Command),
    /// What accounts may use.
    #[command(subcommand)]
    Plan(plan::Command),
    /// How much is too much: the limits of plans, people, keys and services.
    #[command(subcommand)]
    Limit(limit::Command),
    /// OAuth clients.
    #[command(subcommand)]
    Client(client::Command),
    /// Resource servers and their scopes.
    #[command(subcommand)]
    Service(service::Command),
    /// API keys, of orgs and clients.
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Personal tokens, of people.
    #[command(subcommand)]
    Pat(pat::Command),
    /// Keys that sign JWTs.
    #[command(subcommand)]
    Key(key::Command),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Calls that were decided, and why.
    #[command(subcommand)]
    Request(request::Command),
    /// How much was asked.
    Usage(usage::Args),
    /// Check settings, files, database and server, and say what to do.
    Doctor,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl Refusal {
    fn new(words: impl ToString) -> Self {
        Self(words.to_string())
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let done = dispatch(cli);
    logging::flush();
    match done {
        Ok(code) => code,
        Err(Refusal(words)) => {
            complain(json, &words);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "a command's own words to its operator")]
fn complain(json: bool, words: &str) {
    if json {
        eprintln!("{}", serde_json::json!({ "error": words }));
    } else {
        eprintln!("grantor: {words}");
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, Refusal> {
    let dev = matches!(&cli.command, Command::Serve(args) if args.dev);
    let sources = Sources::of_process(cli.config, dev);
    let settings = Settings::read(&sources).map_err(Refusal::new)?;
    let shell = Shell {
        json: cli.json,
        search_path: sources.environment.get("PATH").cloned(),
        clock: Clock::System,
        files: sources.files(),
        settings,
    };
    match cli.command {
        Command::Serve(_) => return serve::run(&shell).map(|()| ExitCode::SUCCESS),
        Command::Demo(args) => demo::run(&shell, &args)?,
        Command::Migrate(args) => migrate::run(&shell, &args)?,
        Command::User(command) => user::run(&shell, command)?,
        Command::Org(command) => org::run(&shell, command)?,
        Command::Plan(command) => plan::run(&shell, command)?,
        Command::Limit(command) => limit::run(&shell, command)?,
        Command::Client(command) => client::run(&shell, command)?,
        Command::Service(command) => service::run(&shell, command)?,
        Command::ApiKey(command) => api_key::run(&shell, command)?,
        Command::Pat(command) => pat::run(&shell, command)?,
        Command::Key(command) => key::run(&shell, command)?,
        Command::Audit(command) => return audit::run(&shell, &command),
        Command::Request(command) => request::run(&shell, command)?,
        Command::Usage(args) => usage::run(&shell, &args)?,
        Command::Doctor => return Ok(doctor::run(&shell)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a command works with.
struct Shell {
    json: bool,
    settings: Settings,
    search_path: Option<String>,
    files: Vec<SourceFile>,
    clock: Clock,
}

/// A database that is open for a command.
struct Open {
    /// A private one runs as long as this is held.
    database: Database,
    ledger: Ledger,
}

impl Shell {
    /// Opens the database, which must be up to date (a private one is brought so).
    fn open(&self) -> Result<Open, Refusal> {
        logging::start("warn");
        let database = Database::for_command(&self.settings.database, self.search_path.clone())?;
        let db = Db::new(&database.url, &self.settings.database.pool);
        database.prepare(&db, self.clock.now().date_naive())?;
        Ok(Open { ledger: Ledger::new(db), database })
    }

    /// Whether tokens of this form can be issued with these settings; a JWT needs a key, and that a master key.
    fn can_issue(&self, format: Option<&str>) -> Result<(), Refusal> {
        let is_jwt = format.and_then(AccessTokenFormat::parse) == Some(AccessTokenFormat::Jwt);
        let has_master_key = self.settings.signing.master_key.is_some();
        if !is_jwt || has_master_key || self.settings.database.url.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(
            "there are no JWTs without a master key: set signing.master_key, for the server, too (docs/settings.md)",
        ))
    }

    /// Says the result: `words` to a person, `value` to a program.
    fn say(&self, value: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), Refusal> {
        let text =
            if self.json { serde_json::to_string_pretty(value).map_err(Refusal::new)? } else { words() };
        print(&text)
    }
}

/// A value as people read it.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Prints a line, or several.
fn print(text: &str) -> Result<(), Refusal> {
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever reads has read enough, as `head` does.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Refusal::new(error)),
        _ => Ok(()),
    }
}

impl Open {
    /// Runs an act of the operator's.
    fn act<T>(&self, shell: &Shell, act: impl FnOnce(&mut Work<'_>) -> Outcome<T>) -> Result<T, Refusal> {
        let context = Context::operator(shell.clock.now());
        self.ledger.act_here(&context, act)?.map_err(|denial| Refusal::new(denial.description()))
    }

    /// Runs an act whose refusals have words of their own. What is wrong rolls it back.
    fn try_act<T, P: ToString>(
        &self,
        shell: &Shell,
        act: impl FnOnce(&mut Work<'_>) -> Result<Result<T, P>, Fault>,
    ) -> Result<T, Refusal> {
        let context = Context::operator(shell.clock.now());
        let mut problem = None;
        let outcome = self.ledger.act_here(&context, |work| {
            Ok(act(work)?.map_err(|words| {
                problem = Some(words.to_string());
                crate::kernel::Denial::NotFound
            }))
        })?;
        outcome.map_err(|denial| Refusal(problem.unwrap_or_else(|| denial.description())))
    }
}

/// A description with more to it.
fn with(mut described: Value, more: Value) -> Value {
    if let (Value::Object(described), Value::Object(more)) = (&mut described, more) {
        described.extend(more);
    }
    described
}

/// Lines of a table: columns as wide as their widest cell.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heads.get(column).map(|head| head.chars().count())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(heads.iter().map(|head| (*head).to_owned()).collect());
    std::iter::once(head).chain(rows.iter().cloned().map(line)).collect::<Vec<_>>().join("\n")
}
