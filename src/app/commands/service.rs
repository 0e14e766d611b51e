//! `grantor service …`

mod route;

use serde_json::json;

use crate::app::commands::owner::Owner;
use crate::app::commands::{Refusal, Shell, table};
use crate::audit::Actor;
use crate::kernel::AccessTokenFormat;
use crate::services::registration::{Registration, register};
use crate::services::store::catalogue;
use crate::services::{Service, access};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a service.
    Add {
        /// Its name: lower case, digits, `-` and `_`.
        name: String,
        /// What tokens for it name as their audience; the name, if not given.
        #[arg(long)]
        audience: Option<String>,
        /// Its name as people read it.
        #[arg(long)]
        display_name: Option<String>,
        /// What it wants tokens for it to look like: `jwt` (which it can read by itself) or `opaque`.
        #[arg(long, value_name = "FORMAT")]
        access_token_format: Option<String>,
        /// Let every account call it with its keys, and not only those to which it is granted.
        #[arg(long = "open")]
        is_open: bool,
        /// A scope and what it lets an app do: "orders:read=Read your orders".
        #[arg(long = "scope", value_name = "SCOPE=SENTENCE")]
        scopes: Vec<String>,
        /// A scope that people may untick.
        #[arg(long = "optional-scope", value_name = "SCOPE=SENTENCE")]
        optional_scopes: Vec<String>,
    },
    /// List all services.
    List,
    /// Let nobody call a service, by any gate.
    Disable {
        /// Its name.
        name: String,
    },
    /// Let a service be called again.
    Enable {
        /// Its name.
        name: String,
    },
    /// Let an organization, client or person call a service with their keys and personal tokens.
    Grant {
        /// The service.
        service: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Take that back.
    Withdraw {
        /// The service.
        service: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// What parts of a service ask for.
    #[command(subcommand)]
    Route(route::Command),
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Whose {
    /// An organization, by its name.
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// A client, by its `client_id`.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// A person, by identifier or e-mail address.
    #[arg(long)]
    user: Option<String>,
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add {
            name,
            audience,
            display_name,
            access_token_format,
            is_open,
            scopes,
            optional_scopes,
        } => {
            shell.can_issue(access_token_format.as_deref())?;
            is_of_another(shell, audience.as_deref())?;
            let registration = Registration {
                name,
                audience,
                display_name,
                access_token_format,
                is_open,
                scopes,
                optional_scopes,
            };
            add(shell, &registration)
        }
        Command::List => list(shell),
        Command::Disable { name } => disable(shell, &name, true),
        Command::Enable { name } => disable(shell, &name, false),
        Command::Grant { service, whose } => grant(shell, &service, whose, true),
        Command::Withdraw { service, whose } => grant(shell, &service, whose, false),
        Command::Route(command) => route::run(shell, command),
    }
}

fn grant(shell: &Shell, service: &str, whose: Whose, granted: bool) -> Result<(), Refusal> {
    let open = shell.open()?;
    let Whose { org, client, user } = whose;
    let found = Owner { org, client, user, id: None }.find(&open)?;
    let principal = found.ok_or_else(|| Refusal::new("say whom: --org, --client or --user"))?;
    if open.ledger.read_here(catalogue)?.named(service).is_none() {
        return Err(Refusal(format!("there is no service {service}")));
    }
    open.act(shell, |work| {
        if granted {
            access::let_call(work, Actor::Operator, service, principal)
        } else {
            access::forbid(work, Actor::Operator, service, principal)
        }
    })?;
    shell.say(&json!({ "service": service, "principal": principal, "granted": granted }), || {
        let may = if granted { "may call" } else { "may not call" };
        format!("{principal} {may} {service}.")
    })
}

fn disable(shell: &Shell, name: &str, disabled: bool) -> Result<(), Refusal> {
    shell.open()?.act(shell, |work| access::disable(work, Actor::Operator, name, disabled))?;
    let state = if disabled { "disabled" } else { "enabled" };
    shell.say(&json!({ "name": name, "disabled": disabled }), || format!("The service {name} is {state}."))
}

/// A JWT that is for no service in particular names the issuer; a service of that name would take it for its own.
fn is_of_another(shell: &Shell, audience: Option<&str>) -> Result<(), Refusal> {
    let issuer = &shell.settings.issuer;
    if audience == Some(issuer) {
        return Err(Refusal(format!("{issuer} is this server's own name: a service has another")));
    }
    Ok(())
}

fn add(shell: &Shell, registration: &Registration) -> Result<(), Refusal> {
    let service = shell.open()?.try_act(shell, |work| register(work, Actor::Operator, registration))?;
    shell.say(&described(&service), || {
        let scopes = match service.scopes.len() {
            0 => "no scopes".to_owned(),
            1 => "1 scope".to_owned(),
            many => format!("{many} scopes"),
        };
        format!("The service {} has {scopes}.", service.name)
    })
}

fn described(service: &Service) -> serde_json::Value {
    let scopes = service.scopes.iter().map(|scope| {
        json!({ "value": scope.value.as_str(), "sentence": scope.sentence, "optional": scope.optional })
    });
    json!({
        "id": service.id, "name": service.name, "audience": service.audience,
        "display_name": service.display_name, "open": service.is_open, "disabled_at": service.disabled_at,
        "access_token_format": service.access_token_format.map(AccessTokenFormat::as_str), "scopes": scopes.collect::<Vec<_>>(),
    })
}

fn list(shell: &Shell) -> Result<(), Refusal> {
    let catalogue = shell.open()?.ledger.read_here(catalogue)?;
    let services: Vec<&Service> = catalogue.services().collect();
    let values: Vec<_> = services.iter().map(|service| described(service)).collect();
    shell.say(&values, || {
        let mut rows = Vec::new();
        for service in &services {
            for scope in &service.scopes {
                rows.push(vec![
                    service.name.clone(),
                    service.audience.clone(),
                    scope.value.to_string(),
                    scope.sentence.clone(),
                ]);
            }
        }
        table(&["SERVICE", "AUDIENCE", "SCOPE", "SENTENCE"], &rows)
    })
}
