//! Laying one source of settings over another.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

const PREFIX: &str = "GRANTOR_";
/// Variables of this prefix that are no settings.
const NOT_SETTINGS: [&str; 1] = ["GRANTOR_CONFIG"];

/// A file of settings.
pub(super) fn read_file(file: &Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", file.display()))
}

/// Lays what is given over the defaults; what they do not know, or know otherwise, is a complaint.
pub(super) fn overlay(base: &mut Table, given: Table, path: &str, complaints: &mut Vec<String>) {
    for (key, value) in given {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (base.get_mut(&key), value) {
            (None, _) => complaints.push(format!("{name} is no setting")),
            (Some(Value::Table(base)), Value::Table(given)) => overlay(base, given, &name, complaints),
            (Some(known), given) if known.same_type(&given) => *known = given,
            (Some(known), _) => complaints.push(format!("{name} must be {}", kind(known))),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
        _ => "a text",
    }
}

/// Lays the environment over the settings so far; `defaults` tell which there are and of what type.
pub(super) fn overlay_environment(
    base: &mut Table,
    defaults: &Table,
    environment: &BTreeMap<String, String>,
    complaints: &mut Vec<String>,
) {
    for (variable, text) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        if NOT_SETTINGS.contains(&variable.as_str()) {
            continue;
        }
        let name = variable.trim_start_matches(PREFIX).to_ascii_lowercase();
        match from_environment(defaults, &name, text) {
            Ok((path, value)) => place(base, &path, value),
            Err(complaint) => complaints.push(format!("{variable} {complaint}")),
        }
    }
}

/// A variable as the setting it names, in the type that setting has.
fn from_environment(defaults: &Table, name: &str, text: &str) -> Result<(Vec<String>, Value), String> {
    let path: Vec<String> = name.split("__").map(str::to_owned).collect();
    if let Some(known) = find(defaults, &path) {
        let value = typed(known, text).ok_or_else(|| format!("must be {}", kind(known)))?;
        return Ok((path, value));
    }
    let from_file =
        name.strip_suffix("_file").map(|name| name.split("__").map(str::to_owned).collect::<Vec<_>>());
    match from_file {
        Some(path) if matches!(find(defaults, &path), Some(Value::String(_))) => {
            let content = std::fs::read_to_string(text).map_err(|error| format!("names {text}: {error}"))?;
            Ok((path, Value::String(content.trim().to_owned())))
        }
        _ => Err("is no setting".to_owned()),
    }
}

fn find<'t>(table: &'t Table, path: &[String]) -> Option<&'t Value> {
    match path {
        [key] => table.get(key).filter(|value| !value.is_table()),
        [section, key] => table.get(section)?.as_table()?.get(key),
        _ => None,
    }
}

fn typed(known: &Value, text: &str) -> Option<Value> {
    Some(match known {
        Value::Integer(_) => Value::Integer(text.trim().parse().ok()?),
        Value::Boolean(_) => Value::Boolean(text.trim().parse().ok()?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|one| !one.is_empty())
                .map(|one| one.to_owned().into())
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    })
}

fn place(base: &mut Table, path: &[String], value: Value) {
    match path {
        [key] => drop(base.insert(key.clone(), value)),
        [section, key] => {
            if let Some(Value::Table(section)) = base.get_mut(section) {
                section.insert(key.clone(), value);
            }
        }
        _ => {}
    }
}
