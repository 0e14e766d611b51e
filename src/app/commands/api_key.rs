//! `grantor api-key …`

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::app::commands::credential::{self, moment, rows};
use crate::app::commands::owner::Owner;
use crate::app::commands::{Open, Refusal, Shell, secret};
use crate::audit::Actor;
use crate::credentials::lifetime::Lifetime;
use crate::credentials::making::{Imported, Maker, create, import};
use crate::credentials::shown::as_json;
use crate::credentials::store::list;
use crate::credentials::wish::Wish;
use crate::credentials::{Credential, CredentialKind};
use crate::kernel::SecretHash;

const KIND: CredentialKind = CredentialKind::ApiKey;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make an API key; it is shown once.
    Create(Box<Create>),
    /// List the API keys, newest first.
    List {
        #[command(flatten)]
        owner: MaybeOwner,
    },
    /// Show one API key, and how it was used.
    Show {
        /// Its id, or its first characters as the list shows them.
        key: String,
    },
    /// Give an API key a successor that may do the same; the old one works on for a while.
    Rotate {
        /// Its id, or its first characters.
        key: String,
        /// How long the old one works on: 0, 1m, 15m, 1h, 6h or 24h.
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// Revoke an API key, with the successors that it gave itself: it is refused within a second.
    Revoke {
        /// Its id, or its first characters.
        key: String,
        /// Why, for the record.
        #[arg(long, default_value = "revoked by an operator")]
        reason: String,
    },
    /// Bring an API key along from elsewhere, by its hash or as it stands.
    Import(Box<Import>),
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct TheOwner {
    /// The organization that it is for.
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// The client that it is for, by its `client_id`.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// The org or client that it is for, by its principal's id.
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
}

#[derive(clap::Args)]
#[group(required = false, multiple = false)]
pub(super) struct MaybeOwner {
    /// Only those of an organization.
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// Only those of a client, by its `client_id`.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only those of an org or client, by its principal's id.
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
}

#[derive(clap::Args)]
pub(super) struct Create {
    #[command(flatten)]
    owner: TheOwner,
    #[command(flatten)]
    wish: Wished,
}

#[derive(clap::Args)]
pub(super) struct Import {
    #[command(flatten)]
    owner: TheOwner,
    #[command(flatten)]
    wish: Wished,
    /// Its SHA-256, as 64 hexadecimal digits. Without it the key itself is read from standard input (or asked for).
    #[arg(long, value_name = "SHA256")]
    hash: Option<String>,
    /// Read the key itself from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "hash")]
    file: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Wished {
    /// Its name, as people read it.
    #[arg(long)]
    name: String,
    /// What it may do, with spaces between; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How long it lives: 90d, 12h, 30m or never; as the settings say, if not given.
    #[arg(long, value_name = "LIFETIME")]
    expires: Option<String>,
    /// A network or address that it may come from; may be given several times. Everywhere, if none is given.
    #[arg(long = "ip", value_name = "CIDR")]
    networks: Vec<String>,
    /// Whether it is in earnest: live or test.
    #[arg(long, value_name = "ENVIRONMENT", default_value = "live")]
    env: String,
}

impl Wished {
    pub(super) fn read(self) -> Result<Wish, Refusal> {
        let lifetime = self.expires.as_deref().map(Lifetime::typed).transpose().map_err(Refusal::new)?;
        Ok(Wish {
            name: self.name,
            scope: self.scopes.join(" "),
            environment: Some(self.env),
            ip_allow: self.networks,
            lifetime: lifetime.unwrap_or_default(),
            with: None,
        })
    }
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Create(command) => make(shell, *command),
        Command::List { owner: MaybeOwner { org, client, owner } } => {
            list_all(shell, &Owner { org, client, id: owner, ..Owner::default() })
        }
        Command::Show { key } => credential::show(shell, KIND, &key),
        Command::Rotate { key, overlap } => credential::renew(shell, KIND, &key, &overlap),
        Command::Revoke { key, reason } => credential::take_back(shell, KIND, &key, &reason),
        Command::Import(command) => bring(shell, *command),
    }
}

fn maker(shell: &Shell) -> Maker<'_> {
    Maker { actor: Actor::Operator, settings: &shell.settings.credentials }
}

fn make(shell: &Shell, command: Create) -> Result<(), Refusal> {
    let wish = command.wish.read()?;
    let open = shell.open()?;
    let owner = owner_of(&open, command.owner)?;
    let made = open.try_act(shell, |work| create(work, maker(shell), KIND, owner, &wish))?;
    let mut value = as_json(&made.credential, None, shell.clock.now());
    credential::put(&mut value, "api_key", made.secret.expose());
    shell.say(&value, || {
        let (id, key) = (made.credential.id, made.secret.expose());
        format!(
            "id       {id}\napi_key  {key}\n\nKeep the key: it is not shown again.{}",
            ending(&made.credential)
        )
    })
}

/// A sentence about its end, if it has one.
fn ending(credential: &Credential) -> String {
    credential.expires_at.map(|end| format!(" It ends at {}.", moment(end))).unwrap_or_default()
}

fn owner_of(open: &Open, owner: TheOwner) -> Result<crate::kernel::PrincipalId, Refusal> {
    let TheOwner { org, client, owner } = owner;
    let found = Owner { org, client, id: owner, ..Owner::default() }.find(open)?;
    found.ok_or_else(|| Refusal::new("say whose it is: --org, --client or --owner"))
}

fn list_all(shell: &Shell, owner: &Owner) -> Result<(), Refusal> {
    let open = shell.open()?;
    let owner = owner.find(&open)?;
    let keys = open.ledger.read_here(|connection| list(connection, KIND, owner))?;
    let now = shell.clock.now();
    let values: Vec<Value> = keys.iter().map(|(key, used)| as_json(key, used.as_ref(), now)).collect();
    shell.say(&values, || rows(&keys, now))
}

fn bring(shell: &Shell, command: Import) -> Result<(), Refusal> {
    let secret = match (command.hash, command.file) {
        (Some(hash), _) => Imported::Hash(parse_hash(&hash)?),
        (None, Some(file)) => Imported::Literal(from_file(&file)?),
        (None, None) => Imported::Literal(secret::read("key")?),
    };
    let wish = command.wish.read()?;
    let open = shell.open()?;
    let owner = owner_of(&open, command.owner)?;
    let (key, warning) =
        open.try_act(shell, |work| import(work, maker(shell), (KIND, owner), &wish, &secret))?;
    let mut value = as_json(&key, None, shell.clock.now());
    credential::put(&mut value, "warning", &warning);
    shell.say(&value, || {
        let warning = warning.map(|warning| format!("\n\nNote: {warning}.")).unwrap_or_default();
        format!("id  {}{warning}", key.id)
    })
}

fn from_file(file: &Path) -> Result<crate::kernel::PlainSecret, Refusal> {
    let open = std::fs::File::open(file);
    let open = open.map_err(|error| Refusal::new(format!("{}: {error}", file.display())))?;
    secret::first_line(open, "key", &file.display().to_string())
}

fn parse_hash(text: &str) -> Result<SecretHash, Refusal> {
    let hash = SecretHash::from_hexadecimal(text);
    hash.ok_or_else(|| Refusal::new("a hash is 64 hexadecimal digits: the SHA-256 of the whole key"))
}
