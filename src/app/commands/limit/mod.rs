//! `grantor limit …`

mod left;
mod whom;
mod window;

use serde_json::{Value, json};

use self::whom::{Whom, Whose};
use self::window::Window;
use crate::app::commands::{Open, Refusal, Shell, in_words, table};
use crate::audit::{Actor, Work};
use crate::decision::limits::flow;
use crate::decision::limits::named::Named;
use crate::decision::limits::shown::as_json;
use crate::kernel::{Denial, LimitId, Outcome};
use crate::limits::limit::{LimitName, Terms, Wording};
use crate::limits::store::{self, Asked, Stored};
use crate::services::store::catalogue;
use crate::settle;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Set a limit: a new one, or what the one of this name says that binds the same.
    Set(Box<Set>),
    /// List the limits; all of them, or those of whom and what is named.
    List(Whom),
    /// Delete a limit.
    Remove {
        /// Its id, as the list shows it, or its name with whom it binds.
        limit: String,
        #[command(flatten)]
        whom: Whom,
    },
    /// Show what is left of each limit that binds somebody, at the calls of a service if one is named.
    Status(Whose),
    /// Give back what was used of those limits; what others share with them is given back, too.
    Reset(Whose),
}

#[derive(clap::Args)]
pub(super) struct Set {
    /// Its name: lower case, digits, `-` and `_`. Of one name and place the most specific counts: the credential's, then
    /// the person's or client's, the account's, the plan's.
    name: String,
    /// How much within the window; of a bucket, how much at once.
    #[arg(long, required_unless_present = "unlimited", conflicts_with = "unlimited")]
    quota: Option<i64>,
    /// As much as one likes, whatever a less specific limit of this name says.
    #[arg(long)]
    unlimited: bool,
    /// Within how long: 60s, 5m, 1h, 7d; for a calendar also minute, hour, day or month. A bucket refills evenly over
    /// it, and what is concurrent is held so long at most.
    #[arg(long)]
    window: Window,
    /// sliding (never more in any stretch of the window), calendar (anew with each minute, hour, day or month of UTC),
    /// bucket (a burst of the quota, which refills) or concurrent (so many at once). calendar if the window is one of
    /// its words, else sliding.
    #[arg(long)]
    kind: Option<String>,
    /// What it counts: requests, or the cost of each.
    #[arg(long, default_value = "requests")]
    unit: String,
    /// What becomes of a call while the store that counts does not answer: local (each node counts for itself), open (it
    /// goes ahead) or closed (it does not).
    #[arg(long, default_value = "local")]
    on_error: String,
    #[command(flatten)]
    whom: Whom,
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Set(wanted) => set(shell, &wanted),
        Command::List(whom) => list(shell, &whom),
        Command::Remove { limit, whom } => remove(shell, &limit, &whom),
        Command::Status(whose) => left::status(shell, &whose),
        Command::Reset(whose) => left::reset(shell, &whose),
    }
}

impl Set {
    fn terms(&self) -> Result<Terms, Refusal> {
        let wording = Wording {
            name: &self.name,
            kind: self.kind.as_deref().unwrap_or(self.window.kind()),
            quota: self.quota,
            window_s: self.window.seconds,
            unit: &self.unit,
            on_error: &self.on_error,
        };
        Terms::read(&wording).map_err(Refusal::new)
    }
}

fn set(shell: &Shell, wanted: &Set) -> Result<(), Refusal> {
    let terms = wanted.terms()?;
    let open = shell.open()?;
    let named = wanted.whom.named(&open)?;
    let stored = open.act(shell, |work| flow::set(work, Actor::Operator, &named, terms))?;
    let value = described(&open, &stored)?;
    shell.say(&value, || format!("{} has the limit {}: {}.", binds(&value), wanted.name, says(&value)))
}

fn described(open: &Open, stored: &Stored) -> Result<Value, Refusal> {
    Ok(as_json(stored, &open.ledger.read_here(catalogue)?))
}

fn list(shell: &Shell, whom: &Whom) -> Result<(), Refusal> {
    let open = shell.open()?;
    let Named { plan, principal, credential, service, route } = whom.named(&open)?;
    let catalogue = open.ledger.read_here(catalogue)?;
    let unknown = |name: &str| Refusal(format!("there is no service {name}"));
    let service =
        service.map(|name| catalogue.named(&name).map(|service| service.id).ok_or_else(|| unknown(&name)));
    let service = service.transpose()?;
    let asked = Asked { plan, principal, credential, service, route, ..Asked::default() };
    let found = open.ledger.read_here(|connection| store::list(connection, &asked))?;
    let values: Vec<Value> = found.iter().map(|stored| as_json(stored, &catalogue)).collect();
    shell.say(&values, || {
        let row = |value: &Value| {
            let text = |member: &str| value.get(member).map(in_words).unwrap_or_default();
            vec![text("id"), binds(value), text("name"), says(value), text("on_error")]
        };
        let heads = ["ID", "BINDS", "NAME", "SAYS", "WITHOUT ITS STORE"];
        table(&heads, &values.iter().map(row).collect::<Vec<_>>())
    })
}

fn remove(shell: &Shell, typed: &str, whom: &Whom) -> Result<(), Refusal> {
    let open = shell.open()?;
    let named = whom.named(&open)?;
    let removed = open.act(shell, |work| {
        let removed = remove_named(work, typed, &named)?;
        let words = || format!("there is no limit {typed}; see `grantor limit list`");
        Ok(removed.map_err(|denial| if denial == Denial::NotFound { Denial::Unfit(words()) } else { denial }))
    });
    let id = removed?;
    shell.say(&json!({ "id": id, "removed": true }), || format!("The limit {typed} is deleted."))
}

/// Removes the limit of this id, or of this name that binds what is named.
fn remove_named(work: &mut Work<'_>, typed: &str, named: &Named) -> Outcome<LimitId> {
    let id = match (LimitId::parse(typed), LimitName::parse(typed)) {
        (Some(id), _) if *named == Named::default() => id,
        (Some(_), _) => return Ok(Err(Denial::Unfit("an id needs nothing besides".to_owned()))),
        (None, Some(name)) => settle!(flow::named(work, named, &name)?).limit.id,
        (None, None) => return Ok(Err(Denial::NotFound)),
    };
    Ok(flow::remove(work, Actor::Operator, id)?.map(|()| id))
}

/// Whom and where a limit binds, in words.
fn binds(value: &Value) -> String {
    let text = |member: &str| value.get(member).filter(|value| !value.is_null()).map(in_words);
    let mut whose = ["plan", "principal", "credential"].into_iter();
    let whom = whose.find_map(|member| Some(format!("{member} {}", text(member)?)));
    let mut words = whom.unwrap_or_else(|| "every account".to_owned());
    if let Some(service) = text("service") {
        words = format!("{words} at {service}");
    }
    if let Some(route) = text("route") {
        words = format!("{words}, route {route}");
    }
    words
}

/// What a limit says, in words.
fn says(value: &Value) -> String {
    let text = |member: &str| value.get(member).map(in_words).unwrap_or_default();
    let quota = match value.get("quota") {
        Some(Value::Null) | None => "no end of".to_owned(),
        Some(quota) => quota.to_string(),
    };
    format!("{quota} {} in {} s, {}", text("unit"), text("window_s"), text("kind"))
}
