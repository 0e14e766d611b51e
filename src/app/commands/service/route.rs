//! `grantor service route …`

use serde_json::json;
use uuid::Uuid;

use crate::app::commands::{Refusal, Shell, table};
use crate::audit::Actor;
use crate::services::Route;
use crate::services::routes::registration::{NewRoute, add, remove};
use crate::services::store::catalogue;

#[derive(clap::Subcommand)]
pub(in crate::app::commands) enum Command {
    /// Have a part of a service ask for something of its own. The first route that fits a call counts; what none fits
    /// asks for SERVICE:read (GET, HEAD, OPTIONS) or SERVICE:write.
    Add {
        /// The service.
        service: String,
        /// Which paths: /orders, /orders/{id}, /files/**.
        pattern: String,
        /// Which method, in upper case; every one, if not given.
        #[arg(long = "method", value_name = "METHOD")]
        methods: Vec<String>,
        /// The scopes it asks for, all of them; as the method says, if not given. "" asks for none.
        #[arg(long, value_name = "SCOPES")]
        scope: Option<String>,
        /// What a call costs, for limits that count costs; 1, if not given.
        #[arg(long)]
        cost: Option<u64>,
        /// Its place among the others, from 0; behind them, if not given.
        #[arg(long)]
        position: Option<i32>,
    },
    /// List the routes of a service, in the order in which they are tried.
    List {
        /// The service.
        service: String,
    },
    /// Remove a route.
    Remove {
        /// The service.
        service: String,
        /// The route, by its id.
        id: Uuid,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add { service, pattern, methods, scope, cost, position } => {
            let new = NewRoute { pattern, methods, required: scope, cost, position };
            let route = shell.open()?.try_act(shell, |work| add(work, Actor::Operator, &service, &new))?;
            shell.say(&described(&route), || {
                format!(
                    "{} {} of {service} asks for {}.",
                    methods_of(&route),
                    route.pattern.as_str(),
                    asked_by(&route)
                )
            })
        }
        Command::List { service } => list(shell, &service),
        Command::Remove { service, id } => {
            shell.open()?.try_act(shell, |work| remove(work, Actor::Operator, &service, id))?;
            shell.say(&json!({ "id": id, "removed": true }), || {
                format!("{service} has no route {id} any more.")
            })
        }
    }
}

fn list(shell: &Shell, name: &str) -> Result<(), Refusal> {
    let catalogue = shell.open()?.ledger.read_here(catalogue)?;
    let service = catalogue.named(name).ok_or_else(|| Refusal(format!("there is no service {name}")))?;
    let values: Vec<_> = service.routes.iter().map(described).collect();
    shell.say(&values, || {
        let row = |route: &Route| {
            vec![
                route.id.to_string(),
                methods_of(route),
                route.pattern.as_str().to_owned(),
                asked_by(route),
                route.cost.to_string(),
            ]
        };
        let rows: Vec<_> = service.routes.iter().map(row).collect();
        table(&["ID", "METHODS", "PATH", "ASKS FOR", "COST"], &rows)
    })
}

fn described(route: &Route) -> serde_json::Value {
    json!({
        "id": route.id, "methods": route.methods, "path": route.pattern.as_str(),
        "required_scope": route.required, "cost": route.cost, "created_at": route.created_at,
    })
}

fn methods_of(route: &Route) -> String {
    if route.methods.is_empty() { "every method".to_owned() } else { route.methods.join(" ") }
}

fn asked_by(route: &Route) -> String {
    match &route.required {
        None => "what its method says".to_owned(),
        Some(scope) if scope.is_empty() => "no scope".to_owned(),
        Some(scope) => scope.to_string(),
    }
}
