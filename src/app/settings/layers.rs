//! Laying one source of settings over another.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use toml::{Table, Value};

use super::nearest::nearest;

const PREFIX: &str = "GRANTOR_";
/// Variables of this prefix that are no settings.
const NOT_SETTINGS: [&str; 1] = ["GRANTOR_CONFIG"];

/// A file of settings.
pub(super) fn read_file(file: &Path) -> Result<Table, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("there is no file {name}, which --config or GRANTOR_CONFIG names"),
        _ => format!("the file {name} cannot be read: {error}"),
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        // Its own words quote the line, which may hold a password.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("{name}, line {}: {}", before.matches('\n').count() + 1, error.message().replace('\n', ", "))
    })
}

/// Lays what is given over the defaults; what they do not know, or know otherwise, is a complaint.
pub(super) fn overlay(base: &mut Table, given: Table, complaints: &mut Vec<String>) {
    let known = names(base);
    overlay_section(base, given, "", &known, complaints);
}

fn overlay_section(base: &mut Table, given: Table, path: &str, all: &[String], complaints: &mut Vec<String>) {
    for (key, value) in given {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (base.get_mut(&key), value) {
            (None, _) => complaints.push(format!("{name} is no setting{}", suggestion(&name, all))),
            (Some(Value::Table(base)), Value::Table(given)) => {
                overlay_section(base, given, &name, all, complaints);
            }
            (Some(known), given) => match misfit(known, &given) {
                Some(words) => complaints.push(format!("{name} {words}")),
                None => *known = given,
            },
        }
    }
}

/// What is wrong with a value in the place of the known one.
fn misfit(known: &Value, given: &Value) -> Option<String> {
    if !known.same_type(given) {
        return Some(format!("must be {}", kind(known)));
    }
    // No setting is less than nothing, and none has a use for more than this.
    match given.as_integer()? {
        ..0 => Some("must be 0 or more".to_owned()),
        number if number > u32::MAX.into() => Some(format!("must be {} or less", u32::MAX)),
        _ => None,
    }
}

/// The names of all settings and sections, with dots.
fn names(defaults: &Table) -> Vec<String> {
    let of_section = |(key, value): (&String, &Value)| {
        let inner: Vec<&String> = value.as_table().into_iter().flat_map(Table::keys).collect();
        let inner = inner.into_iter().map(|name| format!("{key}.{name}")).collect::<Vec<_>>();
        std::iter::once(key.clone()).chain(inner).collect::<Vec<_>>()
    };
    defaults.iter().flat_map(of_section).collect()
}

fn suggestion(name: &str, known: &[String]) -> String {
    nearest(name, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// Whether a variable names a file that holds the text of a setting.
pub(super) fn names_a_file(variable: &str) -> bool {
    variable.starts_with(PREFIX) && variable.ends_with("_FILE")
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
    for (variable, text) in environment {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|_| !NOT_SETTINGS.contains(&variable.as_str()))
        else {
            continue;
        };
        match from_environment(defaults, &name.to_ascii_lowercase(), text) {
            Ok(_) if is_given_twice(variable, environment) => {
                complaints
                    .push(format!("{variable} says what a variable without _FILE says: give one of them"));
            }
            Ok((path, value)) => place(base, &path, value),
            Err(complaint) => complaints.push(format!("{variable} {complaint}")),
        }
    }
}

/// Whether this names a file with a text that another variable gives, too.
fn is_given_twice(variable: &str, environment: &BTreeMap<String, String>) -> bool {
    let direct = variable.strip_suffix("_FILE").and_then(|direct| environment.get(direct));
    direct.is_some_and(|text| !text.is_empty())
}

/// A variable as the setting it names, in the type that setting has.
fn from_environment(defaults: &Table, name: &str, text: &str) -> Result<(Vec<String>, Value), String> {
    let path: Vec<String> = name.split("__").map(str::to_owned).collect();
    if let Some(known) = find(defaults, &path) {
        let value = typed(known, text).ok_or_else(|| format!("must be {}", kind(known)))?;
        return misfit(known, &value).map_or(Ok((path, value)), Err);
    }
    let from_file =
        name.strip_suffix("_file").map(|name| name.split("__").map(str::to_owned).collect::<Vec<_>>());
    match from_file {
        Some(path) if matches!(find(defaults, &path), Some(Value::String(_))) => {
            Ok((path, Value::String(content_of(text)?)))
        }
        _ => Err(format!("is no setting{}", variable_suggestion(defaults, name))),
    }
}

/// The text in a file. What looks like the text itself may hold a password, and is not repeated.
fn content_of(file: &str) -> Result<String, String> {
    if file.contains("://") || file.contains('=') {
        return Err("must name a file that holds the text, and not be the text".to_owned());
    }
    let content = std::fs::read_to_string(file);
    content
        .map(|text| text.trim().to_owned())
        .map_err(|error| format!("names {file}, which cannot be read: {error}"))
}

/// As [`suggestion`], in the spelling of variables.
fn variable_suggestion(defaults: &Table, name: &str) -> String {
    let spelled = |name: &str| format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"));
    let mut known = Vec::new();
    for setting in names(defaults) {
        let path: Vec<String> = setting.split('.').map(str::to_owned).collect();
        let value = find(defaults, &path);
        known.extend(value.map(|_| spelled(&setting)));
        known.extend(value.filter(|value| value.is_str()).map(|_| spelled(&format!("{setting}_file"))));
    }
    suggestion(&spelled(name), &known)
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
        Value::Integer(_) => Value::Integer(whole_number(text.trim())?),
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

/// A number too large to be kept is as large as can be, and refused as such.
fn whole_number(text: &str) -> Option<i64> {
    let is_huge = text.parse::<i64>().is_err() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_huge && !text.is_empty() { Some(i64::MAX) } else { text.parse().ok() }
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
