//! `grantor plan …`, and the plan of an account.

use serde_json::{Value, json};

use crate::accounts::plans::{Plan, PlanProblem, add, give, set_disabled, store};
use crate::app::commands::{Open, Refusal, Shell, table};
use crate::audit::Actor;
use crate::kernel::{PlanId, PrincipalId};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a plan.
    Add {
        /// Its name: lower case, digits, `-` and `_`.
        plan: String,
        /// Its name as people read it.
        #[arg(long)]
        name: Option<String>,
    },
    /// List all plans.
    List,
    /// Disable a plan: no account can change to it; those that have it keep it.
    Disable {
        /// Its name.
        plan: String,
    },
    /// Let accounts change to a disabled plan again.
    Enable {
        /// Its name.
        plan: String,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add { plan, name } => make(shell, &plan, name.as_deref()),
        Command::List => list(shell),
        Command::Disable { plan } => disable(shell, &plan, true),
        Command::Enable { plan } => disable(shell, &plan, false),
    }
}

fn make(shell: &Shell, plan: &str, name: Option<&str>) -> Result<(), Refusal> {
    let plan = shell.open()?.try_act(shell, |work| add(work, Actor::Operator, plan, name))?;
    shell.say(&described(&plan), || format!("There is a plan {}; it has no limits yet.", plan.id))
}

fn described(plan: &Plan) -> Value {
    json!({
        "id": plan.id, "name": plan.name, "created_at": plan.created_at, "disabled_at": plan.disabled_at,
    })
}

fn list(shell: &Shell) -> Result<(), Refusal> {
    let plans = shell.open()?.ledger.read_here(store::list)?;
    shell.say(&plans.iter().map(described).collect::<Vec<_>>(), || {
        let row = |plan: &Plan| {
            let state = if plan.disabled_at.is_some() { "disabled" } else { "active" };
            vec![plan.id.to_string(), plan.name.clone(), state.to_owned()]
        };
        table(&["PLAN", "NAME", "STATE"], &plans.iter().map(row).collect::<Vec<_>>())
    })
}

fn disable(shell: &Shell, plan: &str, disabled: bool) -> Result<(), Refusal> {
    let id = parse(plan)?;
    let act = shell.open()?.try_act(shell, |work| {
        Ok(set_disabled(work, Actor::Operator, &id, disabled)?.map_err(|problem| words(problem, &id)))
    });
    let (changed, word) = (act?, if disabled { "disabled" } else { "enabled" });
    shell.say(&json!({ "id": id, "changed": changed, "disabled": disabled }), || {
        if changed { format!("{id} is {word}.") } else { format!("{id} was {word} already.") }
    })
}

/// What was typed as a plan.
pub(super) fn parse(typed: &str) -> Result<PlanId, Refusal> {
    PlanId::parse(typed).map_err(|problem| Refusal(format!("{typed}: {problem}")))
}

/// Gives an account a plan, and says so.
pub(super) fn assign(
    shell: &Shell,
    open: &Open,
    (account, name): (PrincipalId, &str),
    plan: &str,
) -> Result<(), Refusal> {
    let plan = parse(plan)?;
    let changed = open.try_act(shell, |work| {
        Ok(give(work, Actor::Operator, account, &plan)?.map_err(|problem| words(problem, &plan)))
    })?;
    shell.say(&json!({ "id": account, "changed": changed, "plan": plan }), || {
        if changed {
            format!("{name} has the plan {plan}.")
        } else {
            format!("{name} had the plan {plan} already.")
        }
    })
}

/// What is wrong, with the name of the plan that there is not.
pub(super) fn words(problem: PlanProblem, plan: &PlanId) -> String {
    match problem {
        PlanProblem::Unknown => format!("there is no plan {plan}; see `grantor plan list`"),
        other => other.to_string(),
    }
}
