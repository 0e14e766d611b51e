//! `grantor org …`

mod member;

use serde_json::{Value, json};

use crate::accounts::organizations::members::store::list as list_members;
use crate::accounts::organizations::{
    Member, NewOrganization, Organization, OrganizationName, OrganizationProblem, create, rename,
    set_disabled, store,
};
use crate::app::commands::{Open, Refusal, Shell, plan, table, user, with};
use crate::audit::Actor;
use crate::clients::Client;
use crate::clients::store::list as list_clients;
use crate::kernel::PlanId;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make an organization.
    Create {
        /// Its name, as people read it; no two have the same.
        name: String,
        /// The plan it has.
        #[arg(long, default_value = PlanId::FIRST)]
        plan: String,
        /// Its first owner: identifier or e-mail address of a user.
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
    },
    /// List all organizations.
    List,
    /// Show one organization with its members and clients.
    Show {
        /// Its name.
        org: String,
    },
    /// Give an organization another name.
    Rename {
        /// Its name.
        org: String,
        /// The new name.
        name: String,
    },
    /// Disable an organization: its clients and keys are refused within a second.
    Disable {
        /// Its name.
        org: String,
    },
    /// Let a disabled organization act again.
    Enable {
        /// Its name.
        org: String,
    },
    /// Give an organization a plan.
    Plan {
        /// Its name.
        org: String,
        /// The plan; `grantor plan list` shows all.
        plan: String,
    },
    /// Who may act for an organization.
    #[command(subcommand)]
    Member(member::Command),
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Create { name, plan, owner } => make(shell, &name, &plan, owner.as_deref()),
        Command::List => list(shell),
        Command::Show { org } => show(shell, &org),
        Command::Rename { org, name } => give_name(shell, &org, &name),
        Command::Disable { org } => disable(shell, &org, true),
        Command::Enable { org } => disable(shell, &org, false),
        Command::Plan { org, plan } => {
            let open = shell.open()?;
            let org = named(&open, &org)?;
            plan::assign(shell, &open, (org.id, org.name.as_str()), &plan)
        }
        Command::Member(command) => member::run(shell, command),
    }
}

fn make(shell: &Shell, name: &str, plan: &str, owner: Option<&str>) -> Result<(), Refusal> {
    let name = parse(name)?;
    let plan = plan::parse(plan)?;
    let open = shell.open()?;
    let owner = owner.map(|owner| user::named(&open, owner)).transpose()?;
    let new = NewOrganization { name, plan, owner: owner.map(|owner| owner.id) };
    let id = open.try_act(shell, |work| {
        Ok(create(work, Actor::Operator, &new)?.map_err(|problem| match problem {
            OrganizationProblem::Plan(problem) => plan::words(problem, &new.plan),
            other => other.to_string(),
        }))
    })?;
    let NewOrganization { name, plan, .. } = new;
    shell.say(&json!({ "id": id, "name": name.as_str(), "plan": plan }), || {
        format!("There is an organization {}, with the plan {plan}.", name.as_str())
    })
}

fn list(shell: &Shell) -> Result<(), Refusal> {
    let orgs = shell.open()?.ledger.read_here(store::list)?;
    shell.say(&orgs.iter().map(described).collect::<Vec<_>>(), || {
        let row = |org: &Organization| {
            vec![
                org.name.as_str().to_owned(),
                org.plan.to_string(),
                state(org).to_owned(),
                org.id.to_string(),
            ]
        };
        table(&["NAME", "PLAN", "STATE", "ID"], &orgs.iter().map(row).collect::<Vec<_>>())
    })
}

fn show(shell: &Shell, name: &str) -> Result<(), Refusal> {
    let open = shell.open()?;
    let org = named(&open, name)?;
    let (members, clients) = open.ledger.read_here(|connection| {
        let members = list_members(connection, org.id)?;
        let mut clients = list_clients(connection)?;
        clients.retain(|client| client.account == org.id);
        Ok((members, clients))
    })?;
    let client = |client: &Client| json!({ "client_id": client.id.as_str(), "client_name": client.name });
    let people: Vec<Value> = members.iter().map(member::described).collect();
    let more = json!({ "members": people, "clients": clients.iter().map(client).collect::<Vec<_>>() });
    let value = with(described(&org), more);
    shell.say(&value, || in_words(&org, &members, &clients))
}

fn in_words(org: &Organization, members: &[Member], clients: &[Client]) -> String {
    let line = |label: &str, text: &str| format!("{label:9} {text}");
    let mut lines = vec![
        line("name", org.name.as_str()),
        line("id", &org.id.to_string()),
        line("plan", org.plan.as_str()),
        line("state", state(org)),
    ];
    let member = |one: &Member| line(one.role.as_str(), &format!("{} ({})", one.identifier, one.name));
    lines.extend(members.iter().map(member));
    lines.extend(clients.iter().map(|client| line("client", &format!("{} ({})", client.id, client.name))));
    lines.join("\n")
}

fn described(org: &Organization) -> Value {
    json!({
        "id": org.id, "name": org.name.as_str(), "plan": org.plan,
        "created_at": org.created_at, "updated_at": org.updated_at, "disabled_at": org.disabled_at,
    })
}

fn state(org: &Organization) -> &'static str {
    if org.disabled_at.is_some() { "disabled" } else { "active" }
}

fn give_name(shell: &Shell, org: &str, name: &str) -> Result<(), Refusal> {
    let name = parse(name)?;
    let open = shell.open()?;
    let org = named(&open, org)?;
    let changed = open.try_act(shell, |work| rename(work, Actor::Operator, org.id, &name))?;
    shell.say(&json!({ "id": org.id, "changed": changed, "name": name.as_str() }), || {
        format!("{} is called {}.", org.name.as_str(), name.as_str())
    })
}

fn disable(shell: &Shell, org: &str, disabled: bool) -> Result<(), Refusal> {
    let open = shell.open()?;
    let org = named(&open, org)?;
    let changed = open.try_act(shell, |work| set_disabled(work, Actor::Operator, org.id, disabled))?;
    let (name, word) = (org.name.as_str(), if disabled { "disabled" } else { "enabled" });
    shell.say(&json!({ "id": org.id, "changed": changed, "disabled": disabled }), || {
        if changed { format!("{name} is {word}.") } else { format!("{name} was {word} already.") }
    })
}

fn parse(name: &str) -> Result<OrganizationName, Refusal> {
    OrganizationName::parse(name).map_err(|problem| Refusal(format!("name: {problem}")))
}

/// The organization of this name.
pub(super) fn named(open: &Open, name: &str) -> Result<Organization, Refusal> {
    let parsed = parse(name)?;
    let found = open.ledger.read_here(|connection| store::find_by_name(connection, &parsed))?;
    found.ok_or_else(|| Refusal(format!("there is no organization {name}")))
}
