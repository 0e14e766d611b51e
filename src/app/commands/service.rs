//! `grantor service …`

use serde_json::json;

use crate::app::commands::{Refusal, Shell, table};
use crate::audit::{Actor, Event, Kind};
use crate::kernel::{DisplayText, ScopeToken, ServiceId};
use crate::platform::entropy::Entropy;
use crate::services::store::{catalogue, insert};
use crate::services::{Service, ServiceScope};

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
        /// A scope and what it lets an app do: "orders:read=Read your orders".
        #[arg(long = "scope", value_name = "SCOPE=SENTENCE")]
        scopes: Vec<String>,
        /// A scope that people may untick.
        #[arg(long = "optional-scope", value_name = "SCOPE=SENTENCE")]
        optional_scopes: Vec<String>,
    },
    /// List all services.
    List,
}

/// Names that are paths of this server.
const RESERVED: [&str; 16] = [
    "oauth",
    "api",
    "admin",
    "auth",
    "authz",
    "gateway",
    "events",
    "console",
    "account",
    "docs",
    "health",
    "livez",
    "readyz",
    "metrics",
    "static",
    ".well-known",
];

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add { name, audience, display_name, scopes, optional_scopes } => {
            let mut parsed = Vec::new();
            for (typed, optional) in [(&scopes, false), (&optional_scopes, true)] {
                for one in typed {
                    parsed.push(scope(one, optional)?);
                }
            }
            add(shell, name, audience, display_name, parsed)
        }
        Command::List => list(shell),
    }
}

fn scope(typed: &str, optional: bool) -> Result<ServiceScope, Refusal> {
    const MOST_OF_A_SENTENCE: usize = 120;
    let (value, sentence) = typed.split_once('=').ok_or_else(|| {
        Refusal(format!("write {typed} as SCOPE=SENTENCE, e.g. \"orders:read=Read your orders\""))
    })?;
    let value = ScopeToken::parse(value).map_err(|problem| Refusal(format!("{value}: {problem}")))?;
    if value.is_management() {
        return Err(Refusal(format!("{value} is a scope of this server's own management")));
    }
    let sentence = DisplayText::parse(sentence, MOST_OF_A_SENTENCE)
        .map_err(|problem| Refusal(format!("the sentence of {value}: {problem}")))?;
    Ok(ServiceScope { value, sentence: sentence.as_str().to_owned(), optional })
}

fn add(
    shell: &Shell,
    name: String,
    audience: Option<String>,
    display_name: Option<String>,
    scopes: Vec<ServiceScope>,
) -> Result<(), Refusal> {
    check_name(&name)?;
    let audience = audience.unwrap_or_else(|| name.clone());
    if audience.is_empty()
        || audience.len() > 255
        || !audience.chars().all(|c| c.is_ascii_graphic())
        || audience == "*"
    {
        return Err(Refusal::new("the audience must be 1 to 255 visible ASCII characters, and not `*`"));
    }
    let display_name =
        DisplayText::parse(display_name.as_deref().unwrap_or(&name), 60).map_err(Refusal::new)?;
    let open = shell.open()?;
    let id = ServiceId::from_uuid(Entropy.id(shell.clock.now()));
    let service = Service { id, name, audience, display_name: display_name.as_str().to_owned(), scopes };
    open.try_act(shell, |work| {
        if !insert(work, &service)? {
            return Ok(Err("the name, the audience or one of the scopes is taken"));
        }
        let data = json!({ "name": service.name, "audience": service.audience });
        work.tell(Event::new(Kind::ServiceCreated, Actor::Operator).on("service", id).with(data));
        Ok(Ok(()))
    })?;
    shell.say(&described(&service), || {
        format!("The service {} has {} scopes.", service.name, service.scopes.len())
    })
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|c| c.is_ascii_lowercase());
    let goes_on = characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if !starts_well || !goes_on || name.len() > 63 {
        return Err(Refusal::new(
            "a service's name has 1 to 63 characters a-z, 0-9, - and _, and starts with a letter",
        ));
    }
    if RESERVED.contains(&name) {
        return Err(Refusal(format!("{name} is a name of this server's own")));
    }
    Ok(())
}

fn described(service: &Service) -> serde_json::Value {
    let scopes = service.scopes.iter().map(|scope| {
        json!({ "value": scope.value.as_str(), "sentence": scope.sentence, "optional": scope.optional })
    });
    json!({
        "id": service.id, "name": service.name, "audience": service.audience,
        "display_name": service.display_name, "scopes": scopes.collect::<Vec<_>>(),
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
