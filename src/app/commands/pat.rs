//! `grantor pat …`

use serde_json::Value;

use crate::app::commands::api_key::Wished;
use crate::app::commands::credential::{self, moment, put, rows};
use crate::app::commands::owner::person;
use crate::app::commands::{Refusal, Shell};
use crate::audit::Actor;
use crate::credentials::CredentialKind;
use crate::credentials::making::{Maker, create};
use crate::credentials::shown::as_json;
use crate::credentials::store::list;

const KIND: CredentialKind = CredentialKind::PersonalToken;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a personal token for somebody who manages this server, by its API; it is shown once.
    Create {
        /// Whom it is for: identifier or e-mail address.
        #[arg(long)]
        user: String,
        #[command(flatten)]
        wish: Wished,
    },
    /// List the personal tokens, newest first. People make them on the page of their account.
    List {
        /// Only those of a person: identifier or e-mail address.
        #[arg(long)]
        user: Option<String>,
    },
    /// Show one personal token, and how it was used.
    Show {
        /// Its id, or its first characters as the list shows them.
        token: String,
    },
    /// Give a personal token a successor that may do the same; the old one works on for a while.
    Rotate {
        /// Its id, or its first characters.
        token: String,
        /// How long the old one works on: 0, 1m, 15m, 1h, 6h or 24h.
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// Revoke a personal token, with the successors that it gave itself: it is refused within a second.
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
        Command::Create { user, wish } => make(shell, &user, wish),
        Command::List { user } => list_all(shell, user.as_deref()),
        Command::Show { token } => credential::show(shell, KIND, &token),
        Command::Rotate { token, overlap } => credential::renew(shell, KIND, &token, &overlap),
        Command::Revoke { token, reason } => credential::take_back(shell, KIND, &token, &reason),
    }
}

fn make(shell: &Shell, user: &str, wish: Wished) -> Result<(), Refusal> {
    let wish = wish.read()?;
    let open = shell.open()?;
    let owner = person(&open, user)?;
    let maker = Maker { actor: Actor::Operator, settings: &shell.settings.credentials };
    let made = open.try_act(shell, |work| create(work, maker, KIND, owner, &wish))?;
    let mut value = as_json(&made.credential, None, shell.clock.now());
    put(&mut value, "token", made.secret.expose());
    shell.say(&value, || {
        let (id, token) = (made.credential.id, made.secret.expose());
        let end = made.credential.expires_at.map(|end| format!(" It ends at {}.", moment(end)));
        format!(
            "id     {id}\ntoken  {token}\n\nKeep the token: it is not shown again.{}",
            end.unwrap_or_default()
        )
    })
}

fn list_all(shell: &Shell, user: Option<&str>) -> Result<(), Refusal> {
    let open = shell.open()?;
    let owner = user.map(|name| person(&open, name)).transpose()?;
    let tokens = open.ledger.read_here(|connection| list(connection, KIND, owner))?;
    let now = shell.clock.now();
    let values: Vec<Value> = tokens.iter().map(|(token, used)| as_json(token, used.as_ref(), now)).collect();
    shell.say(&values, || rows(&tokens, now))
}
