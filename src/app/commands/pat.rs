//! `grantor pat …`

use serde_json::{Value, json};

use crate::app::commands::credential::{as_json, check_reason, named, rows};
use crate::app::commands::owner::person;
use crate::app::commands::{Refusal, Shell};
use crate::audit::Actor;
use crate::credentials::CredentialKind;
use crate::credentials::revoking::revoke;
use crate::credentials::store::list;

const KIND: CredentialKind = CredentialKind::PersonalToken;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List the personal tokens, newest first. People make them on the page of their account.
    List {
        /// Only those of a person: identifier or e-mail address.
        #[arg(long)]
        user: Option<String>,
    },
    /// Revoke a personal token: it is refused within a second.
    Revoke {
        /// Its id, or its first characters as the list shows them.
        token: String,
        /// Why, for the record.
        #[arg(long, default_value = "revoked by an operator")]
        reason: String,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::List { user } => list_all(shell, user.as_deref()),
        Command::Revoke { token, reason } => take_back(shell, &token, &reason),
    }
}

fn list_all(shell: &Shell, user: Option<&str>) -> Result<(), Refusal> {
    let open = shell.open()?;
    let owner = user.map(|name| person(&open, name)).transpose()?;
    let tokens = open.ledger.read_here(|connection| list(connection, KIND, owner))?;
    let now = shell.clock.now();
    let values: Vec<Value> = tokens.iter().map(|(token, used)| as_json(token, used.as_ref(), now)).collect();
    shell.say(&values, || rows(&tokens, now))
}

fn take_back(shell: &Shell, token: &str, reason: &str) -> Result<(), Refusal> {
    let open = shell.open()?;
    let token = named(&open, KIND, token)?;
    check_reason(reason)?;
    let revoked = open.act(shell, |work| Ok(Ok(revoke(work, Actor::Operator, &token, reason)?)))?;
    shell.say(&json!({ "id": token.id, "revoked": true, "changed": revoked }), || {
        let name = &token.name;
        if revoked {
            format!("The token {name} is revoked.")
        } else {
            format!("The token {name} was revoked already.")
        }
    })
}
