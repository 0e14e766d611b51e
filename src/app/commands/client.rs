//! `grantor client …`

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::accounts::find_account;
use crate::app::commands::{Refusal, Shell, in_words, org, plan, secret, table, with};
use crate::audit::Actor;
use crate::clients::registration::{Registration, disable, register, rotate_secret};
use crate::clients::{Client, GrantType, store};
use crate::credentials::client_secrets::ClientSecret;
use crate::credentials::client_secrets::store::client_secrets;
use crate::kernel::{AccessTokenFormat, ClientId};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Register a client; its secret is shown once.
    Add(Box<Add>),
    /// List all clients.
    List,
    /// Show one client.
    Show {
        /// Its `client_id`.
        client_id: String,
    },
    /// Give a client a new secret; the old one works on for a while.
    RotateSecret {
        /// Its `client_id`.
        client_id: String,
        /// Seconds the old secrets work on.
        #[arg(long, default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(0..=2_592_000))]
        overlap: u32,
    },
    /// Disable a client: it and its tokens are refused within a second.
    Disable {
        /// Its `client_id`.
        client_id: String,
    },
    /// Let a disabled client act again.
    Enable {
        /// Its `client_id`.
        client_id: String,
    },
    /// Give a client that belongs to itself a plan.
    Plan {
        /// Its `client_id`.
        client_id: String,
        /// The plan; `grantor plan list` shows all.
        plan: String,
    },
}

#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Add {
    /// Its name, as people read it.
    name: String,
    /// Its `client_id`, if it had one elsewhere.
    #[arg(long)]
    client_id: Option<String>,
    /// The organization it belongs to, whose plan pays; itself, if not given.
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// Read the secret it had elsewhere from standard input (or ask for it).
    #[arg(long)]
    import_secret: bool,
    /// It cannot keep a secret: an app in a browser, on a phone or on a desktop.
    #[arg(long)]
    public: bool,
    /// It is yours: the consent page is skipped.
    #[arg(long)]
    first_party: bool,
    /// Who publishes it.
    #[arg(long)]
    publisher: Option<String>,
    /// You have checked who publishes it.
    #[arg(long)]
    verified: bool,
    /// Where people may be sent back to; may be given several times.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A web origin it may call from (CORS); may be given several times.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// `authorization_code`, `refresh_token`, `client_credentials`; the first two, if none is given.
    #[arg(long = "grant", value_name = "GRANT")]
    grant_types: Vec<String>,
    /// The scopes it may ask for, with spaces between.
    #[arg(long, default_value = "")]
    scope: String,
    /// The one way it must authenticate: `client_secret_basic` or `client_secret_post`; either, if not given.
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<String>,
    /// What its access tokens look like: `jwt` or `opaque`; as the services want that they are for, if not given.
    #[arg(long, value_name = "FORMAT")]
    access_token_format: Option<String>,
    /// Seconds its access tokens live.
    #[arg(long, value_name = "SECONDS")]
    access_token_lifetime: Option<u32>,
    /// Seconds its authorizations live, however often they are refreshed.
    #[arg(long, value_name = "SECONDS")]
    refresh_token_lifetime: Option<u32>,
    /// An audience whose tokens it may introspect, or `*`; may be given several times.
    #[arg(long = "introspect", value_name = "AUDIENCE")]
    introspection_audiences: Vec<String>,
    /// What it asks about a call counts against the limits, if it does not say otherwise; goes with --introspect.
    #[arg(long)]
    introspection_consumes: bool,
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add(add) => self::add(shell, *add),
        Command::List => list(shell),
        Command::Show { client_id } => show(shell, &client_id),
        Command::RotateSecret { client_id, overlap } => rotate(shell, &client_id, overlap),
        Command::Disable { client_id } => set_disabled(shell, &client_id, true),
        Command::Enable { client_id } => set_disabled(shell, &client_id, false),
        Command::Plan { client_id, plan } => give_plan(shell, &client_id, &plan),
    }
}

fn add(shell: &Shell, add: Add) -> Result<(), Refusal> {
    shell.can_issue(add.access_token_format.as_deref())?;
    let imported = add.import_secret.then(|| secret::read("secret")).transpose()?;
    let open = shell.open()?;
    let org = add.org.map(|name| org::named(&open, &name)).transpose()?;
    let registration = Registration {
        account: org.map(|org| org.id),
        client_id: add.client_id,
        name: add.name,
        publisher: add.publisher,
        verified: add.verified,
        public: add.public,
        first_party: add.first_party,
        auth_method: add.auth_method,
        grant_types: add.grant_types,
        scope: add.scope,
        redirect_uris: add.redirect_uris,
        origins: add.origins,
        access_token_format: add.access_token_format,
        access_token_lifetime: add.access_token_lifetime,
        refresh_token_lifetime: add.refresh_token_lifetime,
        introspection_audiences: add.introspection_audiences,
        introspection_consumes: add.introspection_consumes,
    };
    let is_imported = imported.is_some();
    let registered = open.try_act(shell, |work| register(work, Actor::Operator, &registration, imported))?;
    // Whoever imports a secret has it; only a new one is shown.
    let secret = registered.secret.filter(|_| !is_imported);
    let secret = secret.as_ref().map(|secret| secret.expose().to_owned());
    let value = json!({
        "client_id": registered.client.id.as_str(), "client_secret": secret, "warning": registered.warning,
    });
    shell.say(&value, || {
        let mut lines = vec![format!("client_id      {}", registered.client.id)];
        lines.extend(
            secret
                .map(|secret| format!("client_secret  {secret}\n\nKeep the secret: it is not shown again.")),
        );
        lines.extend(registered.warning.map(|warning| format!("\nNote: {warning}.")));
        lines.join("\n")
    })
}

fn list(shell: &Shell) -> Result<(), Refusal> {
    let clients = shell.open()?.ledger.read_here(store::list)?;
    let values: Vec<Value> = clients.iter().map(|client| described(client, &[], shell.clock.now())).collect();
    shell.say(&values, || {
        let row = |client: &Client| {
            let kind = if client.confidential { "confidential" } else { "public" };
            let state = if client.disabled_at.is_some() { "disabled" } else { "active" };
            vec![client.name.clone(), kind.to_owned(), state.to_owned(), client.id.to_string()]
        };
        table(&["NAME", "KIND", "STATE", "CLIENT_ID"], &clients.iter().map(row).collect::<Vec<_>>())
    })
}

fn show(shell: &Shell, id: &str) -> Result<(), Refusal> {
    let id = parse(id)?;
    let found = shell.open()?.ledger.read_here(|connection| {
        let Some(client) = store::find(connection, &id)? else {
            return Ok(None);
        };
        let secrets = client_secrets(connection, client.principal)?;
        let account = find_account(connection, client.account)?;
        Ok(Some((client, secrets, account)))
    })?;
    let (client, secrets, account) = found.ok_or_else(|| there_is_none(&id))?;
    let pays = account.map(|account| json!({ "account_name": account.name, "plan": account.plan }));
    let value = with(described(&client, &secrets, shell.clock.now()), pays.unwrap_or_default());
    shell.say(&value, || {
        let lines = value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name:24} {}", in_words(value)));
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn described(client: &Client, secrets: &[ClientSecret], now: DateTime<Utc>) -> Value {
    let secrets = secrets.iter().filter(|secret| secret.lives(now)).map(|secret| {
        json!({
            "id": secret.id, "prefix": secret.prefix, "last4": secret.last4,
            "created_at": secret.created_at, "expires_at": secret.expires_at,
        })
    });
    json!({
        "client_id": client.id.as_str(),
        "client_name": client.name,
        "account": client.account,
        "publisher": client.publisher,
        "verified": client.verified,
        "confidential": client.confidential,
        "first_party": client.first_party,
        "token_endpoint_auth_method": client.auth_method.map(crate::clients::AuthMethod::as_str),
        "grant_types": client.grant_types.iter().map(|grant: &GrantType| grant.as_str()).collect::<Vec<_>>(),
        "scope": client.scope,
        "redirect_uris": client.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>(),
        "origins": client.origins,
        "access_token_format": client.access_token_format.map(AccessTokenFormat::as_str),
        "access_token_lifetime": client.access_token_lifetime,
        "refresh_token_lifetime": client.refresh_token_lifetime,
        "introspection_audiences": client.introspection_audiences,
        "introspection_consumes": client.introspection_consumes,
        "created_at": client.created_at,
        "disabled_at": client.disabled_at,
        "secrets": secrets.collect::<Vec<_>>(),
    })
}

fn rotate(shell: &Shell, id: &str, overlap: u32) -> Result<(), Refusal> {
    let id = parse(id)?;
    let overlap = Duration::seconds(overlap.into());
    let secret = shell.open()?.try_act(shell, |work| rotate_secret(work, Actor::Operator, &id, overlap))?;
    let ends = shell.clock.now() + overlap;
    let value =
        json!({ "client_id": id.as_str(), "client_secret": secret.expose(), "old_secrets_end_at": ends });
    shell.say(&value, || {
        format!(
            "client_id      {id}\nclient_secret  {}\n\nKeep the secret: it is not shown again. Older ones work until {}.",
            secret.expose(),
            ends.format("%Y-%m-%d %H:%M:%S UTC")
        )
    })
}

fn set_disabled(shell: &Shell, id: &str, disabled: bool) -> Result<(), Refusal> {
    let id = parse(id)?;
    shell.open()?.try_act(shell, |work| disable(work, Actor::Operator, &id, disabled))?;
    let word = if disabled { "disabled" } else { "enabled" };
    shell.say(&json!({ "client_id": id.as_str(), "disabled": disabled }), || format!("{id} is {word}."))
}

fn give_plan(shell: &Shell, id: &str, plan: &str) -> Result<(), Refusal> {
    let id = parse(id)?;
    let open = shell.open()?;
    let found = open.ledger.read_here(|connection| store::find(connection, &id))?;
    let client = found.ok_or_else(|| there_is_none(&id))?;
    plan::assign(shell, &open, (client.principal, &client.name), plan)
}

fn there_is_none(id: &ClientId) -> Refusal {
    Refusal(format!("there is no client {id}"))
}

fn parse(id: &str) -> Result<ClientId, Refusal> {
    ClientId::parse(id).map_err(|problem| Refusal(format!("{id}: {problem}")))
}
