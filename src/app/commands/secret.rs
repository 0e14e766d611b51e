//! Secrets that are typed or piped, never given as arguments, where every process could read them.

use std::io::{IsTerminal, Read};

use crate::app::commands::Refusal;
use crate::kernel::PlainSecret;

const MOST: u64 = 4096;

/// Reads a secret: the first line of standard input if it is piped, else from the terminal, unseen and twice.
pub(super) fn read(what: &str) -> Result<PlainSecret, Refusal> {
    if std::io::stdin().is_terminal() { ask_twice(what) } else { piped(what) }
}

fn piped(what: &str) -> Result<PlainSecret, Refusal> {
    first_line(std::io::stdin(), what, "standard input")
}

/// The secret in the first line of a file, by its name.
pub(super) fn first_line(file: impl Read, what: &str, name: &str) -> Result<PlainSecret, Refusal> {
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(Refusal::new)?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    if line.is_empty() {
        return Err(Refusal(format!("{name} holds no {what}")));
    }
    Ok(PlainSecret::new(line))
}

fn ask_twice(what: &str) -> Result<PlainSecret, Refusal> {
    let first = rpassword::prompt_password(format!("{what}: ")).map_err(Refusal::new)?;
    let second = rpassword::prompt_password(format!("{what} again: ")).map_err(Refusal::new)?;
    if first != second {
        return Err(Refusal::new("the two differ"));
    }
    Ok(PlainSecret::new(first))
}
