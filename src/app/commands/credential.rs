//! What `grantor api-key` and `grantor pat` have in common: which one is meant, and how it is shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::commands::{Open, Refusal, Shell, in_words, table};
use crate::audit::Actor;
use crate::credentials::lifetime::Overlap;
use crate::credentials::making::{Maker, Successor, rotate};
use crate::credentials::revoking::revoke;
use crate::credentials::shown::{as_json, state};
use crate::credentials::usage::Use;
use crate::credentials::{Credential, CredentialKind, store};
use crate::kernel::{CredentialId, DisplayText};

/// Characters that a reason has at most.
const MOST_OF_A_REASON: usize = 200;

/// The credential of this kind that is meant, by its id or by its first characters.
pub(super) fn named(open: &Open, kind: CredentialKind, typed: &str) -> Result<Credential, Refusal> {
    let mut found = beginning(open, typed)?.into_iter().filter(|credential| credential.kind == kind);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Refusal(format!("several begin with {typed}; name one by its id"))),
        (None, _) => Err(Refusal(format!("there is no {} {typed}", kind.in_words()))),
    }
}

/// The API key or personal token that is meant, by its id or by its first characters.
pub(super) fn of_any_kind(open: &Open, typed: &str) -> Result<Credential, Refusal> {
    let found = beginning(open, typed)?;
    match <[Credential; 1]>::try_from(found) {
        Ok([one]) => Ok(one),
        Err(several) if several.is_empty() => Err(Refusal(format!("there is no key or token {typed}"))),
        Err(_) => Err(Refusal(format!("several begin with {typed}; name one by its id"))),
    }
}

fn beginning(open: &Open, typed: &str) -> Result<Vec<Credential>, Refusal> {
    let found = open.ledger.read_here(|connection| match CredentialId::parse(typed) {
        Some(id) => Ok(store::find(connection, id)?.into_iter().collect()),
        None => store::find_by_prefix(connection, typed),
    })?;
    Ok(found)
}

/// Refuses a reason that is no line of text.
fn check_reason(reason: &str) -> Result<(), Refusal> {
    let sound = DisplayText::parse(reason, MOST_OF_A_REASON);
    sound.map(drop).map_err(|problem| Refusal(format!("reason: {problem}")))
}

/// Shows one, and how it was used.
pub(super) fn show(shell: &Shell, kind: CredentialKind, typed: &str) -> Result<(), Refusal> {
    let open = shell.open()?;
    let found = named(&open, kind, typed)?;
    let used = open.ledger.read_here(|connection| store::find_use(connection, found.id))?;
    let value = as_json(&found, used.as_ref(), shell.clock.now());
    shell.say(&value, || lines(&value))
}

/// Gives one a successor, and shows that this once.
pub(super) fn renew(shell: &Shell, kind: CredentialKind, typed: &str, overlap: &str) -> Result<(), Refusal> {
    let overlap = Overlap::typed(overlap).map_err(Refusal::new)?;
    let open = shell.open()?;
    let id = named(&open, kind, typed)?.id;
    let maker = Maker { actor: Actor::Operator, settings: &shell.settings.credentials };
    let successor = Successor::Of { latest: None };
    let (made, end) = open.try_act(shell, |work| rotate(work, maker, id, overlap, successor))?;
    let word = kind.word();
    let member = if kind == CredentialKind::ApiKey { "api_key" } else { word };
    let mut value = as_json(&made.credential, None, shell.clock.now());
    put(&mut value, member, made.secret.expose());
    put(&mut value, &format!("old_{word}_ends_at"), end);
    shell.say(&value, || {
        let (new, text, end) = (made.credential.id, made.secret.expose(), moment(end));
        let wide = member.len() + 2;
        format!(
            "{:wide$}{new}\n{member}  {text}\n\nKeep the {word}: it is not shown again. The old one works until {end}.",
            "id"
        )
    })
}

/// Takes one back.
pub(super) fn take_back(
    shell: &Shell,
    kind: CredentialKind,
    typed: &str,
    reason: &str,
) -> Result<(), Refusal> {
    let open = shell.open()?;
    let found = named(&open, kind, typed)?;
    check_reason(reason)?;
    let revoked = open.act(shell, |work| Ok(Ok(revoke(work, Actor::Operator, &found, None, reason)?)))?;
    shell.say(&json!({ "id": found.id, "revoked": true, "changed": revoked }), || {
        let (word, name) = (kind.word(), &found.name);
        let already = if revoked { "is revoked" } else { "was revoked already" };
        format!("The {word} {name} {already}.")
    })
}

/// Adds a member to what is told.
pub(super) fn put(value: &mut Value, member: &str, what: impl Serialize) {
    if let (Value::Object(members), Ok(what)) = (value, serde_json::to_value(what)) {
        members.insert(member.to_owned(), what);
    }
}

/// A credential for people, a line a member.
fn lines(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| format!("{name:14} {}", in_words(value))).collect::<Vec<_>>().join("\n")
}

/// Credentials for people, a row each.
pub(super) fn rows(credentials: &[(Credential, Option<Use>)], now: DateTime<Utc>) -> String {
    let row = |(credential, used): &(Credential, Option<Use>)| {
        let last = used.map_or_else(|| "never".to_owned(), |used| moment(used.last_used_at));
        let end = credential.expires_at.map_or_else(|| "never".to_owned(), moment);
        let shown = match credential.prefix.as_str() {
            "" => "?".to_owned(),
            prefix => format!("{prefix}…{}", credential.last4),
        };
        let state = state(credential, now).to_owned();
        vec![credential.name.clone(), shown, state, end, last, credential.id.to_string()]
    };
    let heads = ["NAME", "BEGINS", "STATE", "ENDS", "LAST USED", "ID"];
    table(&heads, &credentials.iter().map(row).collect::<Vec<_>>())
}

/// A moment, to the second.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
