//! `grantor user …`

use serde_json::json;

use crate::accounts::passwords::hash_here;
use crate::accounts::registration::{NewUser, promote, register};
use crate::accounts::store::{User, find_user_by_name, list_users, set_password};
use crate::app::commands::{Open, Refusal, Shell, plan, secret, table};
use crate::audit::{Actor, Kind};
use crate::grants::ending;
use crate::kernel::Password;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a user; the password comes from standard input, or is asked for.
    Add {
        /// What the person types to sign in.
        identifier: String,
        /// The display name; the identifier, if not given.
        #[arg(long)]
        name: Option<String>,
        /// An e-mail address, which may be typed to sign in, too.
        #[arg(long)]
        email: Option<String>,
        /// The person may do here whatever an operator may.
        #[arg(long)]
        admin: bool,
    },
    /// List all users.
    List,
    /// Disable a user: sessions and tokens end within a second.
    Disable {
        /// Identifier or e-mail address.
        user: String,
    },
    /// Let a disabled user act again.
    Enable {
        /// Identifier or e-mail address.
        user: String,
    },
    /// Let a user do here whatever an operator may.
    Promote {
        /// Identifier or e-mail address.
        user: String,
    },
    /// Take that back.
    Demote {
        /// Identifier or e-mail address.
        user: String,
    },
    /// Give a user a plan.
    Plan {
        /// Identifier or e-mail address.
        user: String,
        /// The plan; `grantor plan list` shows all.
        plan: String,
    },
    /// Set a password: sessions and tokens end within a second.
    Password {
        /// Identifier or e-mail address.
        user: String,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Add { identifier, name, email, admin } => {
            let user =
                NewUser::check(&identifier, name.as_deref(), email.as_deref()).map_err(Refusal::new)?;
            add(shell, &user, admin)
        }
        Command::List => list(shell),
        Command::Disable { user } => disable(shell, &user, true),
        Command::Enable { user } => disable(shell, &user, false),
        Command::Promote { user } => set_administrator(shell, &user, true),
        Command::Demote { user } => set_administrator(shell, &user, false),
        Command::Plan { user, plan } => {
            let open = shell.open()?;
            let user = named(&open, &user)?;
            plan::assign(shell, &open, (user.id, &user.identifier), &plan)
        }
        Command::Password { user } => password(shell, &user),
    }
}

fn add(shell: &Shell, user: &NewUser, is_administrator: bool) -> Result<(), Refusal> {
    let hash = new_hash(shell)?;
    let id = shell.open()?.try_act(shell, |work| {
        let registered = register(work, Actor::Operator, user, &hash)?;
        if let (Ok(id), true) = (&registered, is_administrator) {
            promote(work, Actor::Operator, *id, true)?;
        }
        Ok(registered)
    })?;
    let NewUser { identifier, name, .. } = user;
    let value = json!({
        "id": id, "identifier": identifier.as_str(), "name": name.as_str(), "administrator": is_administrator,
    });
    shell.say(&value, || {
        let rights = if is_administrator { ", and administers this server" } else { "" };
        format!("{identifier} can sign in{rights}.")
    })
}

fn new_hash(shell: &Shell) -> Result<String, Refusal> {
    let typed = secret::read("password")?;
    let password = Password::choose(typed.expose().to_owned(), shell.settings.passwords.min_chars)
        .map_err(Refusal::new)?;
    Ok(hash_here(&shell.settings.passwords, &password)?)
}

fn list(shell: &Shell) -> Result<(), Refusal> {
    let users = shell.open()?.ledger.read_here(list_users)?;
    let values: Vec<_> = users
        .iter()
        .map(|user| {
            json!({
                "id": user.id, "identifier": user.identifier, "name": user.name, "email": user.email,
                "created_at": user.created_at, "disabled_at": user.disabled_at,
                "administrator_since": user.administrator_since,
            })
        })
        .collect();
    shell.say(&values, || {
        let row = |user: &User| {
            let state = match (user.disabled_at, user.administrator_since) {
                (Some(_), _) => "disabled",
                (None, Some(_)) => "active, administrator",
                (None, None) => "active",
            };
            let email = user.email.clone().unwrap_or_default();
            vec![user.identifier.clone(), user.name.clone(), email, state.to_owned(), user.id.to_string()]
        };
        table(&["IDENTIFIER", "NAME", "E-MAIL", "STATE", "ID"], &users.iter().map(row).collect::<Vec<_>>())
    })
}

fn disable(shell: &Shell, name: &str, disabled: bool) -> Result<(), Refusal> {
    let open = shell.open()?;
    let user = named(&open, name)?;
    let changed =
        open.act(shell, |work| ending::disable(work, Actor::Operator, user.id, disabled).map(Ok))?;
    let word = if disabled { "disabled" } else { "enabled" };
    shell.say(&json!({ "id": user.id, "changed": changed, "disabled": disabled }), || {
        if changed { format!("{name} is {word}.") } else { format!("{name} was {word} already.") }
    })
}

fn set_administrator(shell: &Shell, name: &str, is_one: bool) -> Result<(), Refusal> {
    let open = shell.open()?;
    let user = named(&open, name)?;
    let changed = open.act(shell, |work| Ok(Ok(promote(work, Actor::Operator, user.id, is_one)?)))?;
    shell.say(&json!({ "id": user.id, "changed": changed, "administrator": is_one }), || {
        match (changed, is_one) {
            (true, true) => format!("{name} administers this server."),
            (true, false) => format!("{name} no longer administers this server."),
            (false, true) => format!("{name} administered this server already."),
            (false, false) => format!("{name} did not administer this server."),
        }
    })
}

fn password(shell: &Shell, name: &str) -> Result<(), Refusal> {
    let hash = new_hash(shell)?;
    let open = shell.open()?;
    let user = named(&open, name)?;
    open.act(shell, |work| {
        set_password(work, user.id, &hash)?;
        let told = (Kind::UserPasswordChanged, Actor::Operator);
        ending::end_and_tell(work, told, user.id, "password_changed")?;
        Ok(Ok(()))
    })?;
    shell
        .say(&json!({ "id": user.id }), || format!("{name} has a new password and is signed out everywhere."))
}

/// The user of this identifier or e-mail address.
pub(super) fn named(open: &Open, name: &str) -> Result<User, Refusal> {
    let found = open.ledger.read_here(|connection| find_user_by_name(connection, name))?;
    found.ok_or_else(|| Refusal(format!("there is no user {name}")))
}
