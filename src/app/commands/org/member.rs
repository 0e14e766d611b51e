//! `grantor org member …`

use serde_json::{Value, json};

use crate::accounts::organizations::members::{add, change, remove, store};
use crate::accounts::organizations::{Member, Organization, Role};
use crate::accounts::store::User;
use crate::app::commands::org::named;
use crate::app::commands::{Open, Refusal, Shell, table, user};
use crate::audit::Actor;

#[derive(clap::Subcommand)]
pub(in crate::app::commands) enum Command {
    /// Make a user a member.
    Add {
        /// The organization's name.
        org: String,
        /// Identifier or e-mail address.
        user: String,
        /// `owner`, `admin`, `developer` or `viewer`.
        #[arg(long, default_value = "developer")]
        role: String,
    },
    /// Give a member another role.
    Role {
        /// The organization's name.
        org: String,
        /// Identifier or e-mail address.
        user: String,
        /// `owner`, `admin`, `developer` or `viewer`.
        role: String,
    },
    /// Remove a member; keys and clients of the organization stay.
    Remove {
        /// The organization's name.
        org: String,
        /// Identifier or e-mail address.
        user: String,
    },
    /// List the members.
    List {
        /// The organization's name.
        org: String,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add { org, user, role } => enter(shell, &org, &user, &role),
        Command::Role { org, user, role } => appoint(shell, &org, &user, &role),
        Command::Remove { org, user } => leave(shell, &org, &user),
        Command::List { org } => list(shell, &org),
    }
}

fn enter(shell: &Shell, org: &str, user: &str, role: &str) -> Result<(), Refusal> {
    let role = parse(role)?;
    let (open, org, user) = both(shell, org, user)?;
    open.try_act(shell, |work| add(work, Actor::Operator, org.id, user.id, role))?;
    shell.say(&told(&org, &user, Some(role)), || is_now(&org, &user, role))
}

fn appoint(shell: &Shell, org: &str, user: &str, role: &str) -> Result<(), Refusal> {
    let role = parse(role)?;
    let (open, org, user) = both(shell, org, user)?;
    open.try_act(shell, |work| change(work, Actor::Operator, org.id, user.id, role))?;
    shell.say(&told(&org, &user, Some(role)), || is_now(&org, &user, role))
}

fn leave(shell: &Shell, org: &str, user: &str) -> Result<(), Refusal> {
    let (open, org, user) = both(shell, org, user)?;
    open.try_act(shell, |work| remove(work, Actor::Operator, org.id, user.id))?;
    shell.say(&told(&org, &user, None), || {
        format!("{} is no longer a member of {}.", user.identifier, org.name.as_str())
    })
}

fn list(shell: &Shell, org: &str) -> Result<(), Refusal> {
    let open = shell.open()?;
    let org = named(&open, org)?;
    let members = open.ledger.read_here(|connection| store::list(connection, org.id))?;
    shell.say(&members.iter().map(described).collect::<Vec<_>>(), || {
        let row = |member: &Member| {
            vec![member.identifier.clone(), member.name.clone(), member.role.as_str().to_owned()]
        };
        table(&["IDENTIFIER", "NAME", "ROLE"], &members.iter().map(row).collect::<Vec<_>>())
    })
}

pub(super) fn described(member: &Member) -> Value {
    json!({
        "user": member.user, "identifier": member.identifier, "name": member.name,
        "role": member.role.as_str(), "created_at": member.created_at,
    })
}

fn told(org: &Organization, user: &User, role: Option<Role>) -> Value {
    json!({ "org": org.id, "user": user.id, "role": role.map(Role::as_str) })
}

fn is_now(org: &Organization, user: &User, role: Role) -> String {
    let article = if matches!(role, Role::Owner | Role::Admin) { "an" } else { "a" };
    format!("{} is {article} {} of {}.", user.identifier, role.as_str(), org.name.as_str())
}

fn both(shell: &Shell, org: &str, user: &str) -> Result<(Open, Organization, User), Refusal> {
    let open = shell.open()?;
    let (org, user) = (named(&open, org)?, user::named(&open, user)?);
    Ok((open, org, user))
}

fn parse(role: &str) -> Result<Role, Refusal> {
    let words = || format!("{role} is no role; there are owner, admin, developer and viewer");
    Role::parse(role).ok_or_else(|| Refusal(words()))
}
