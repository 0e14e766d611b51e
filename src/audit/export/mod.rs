//! Events as other programs want them: a line each, as JSON, as CSV, or as OCSF.

mod csv;
mod ocsf;

use serde_json::{Value, json};

use crate::audit::{Actor, Event, Filter, Kind, Listed};
use crate::kernel::Fault;

/// Lines of JSON.
pub const NDJSON: &str = "application/x-ndjson";
/// RFC 4180 §3, RFC 7111.
pub const CSV: &str = "text/csv; charset=utf-8; header=present";

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line, with the names of the columns.
    Ndjson,
    /// RFC 4180, with a line of names; what a spreadsheet would execute is made harmless.
    Csv,
    /// A JSON object a line, after the Open Cybersecurity Schema Framework.
    Ocsf,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Ndjson, Self::Csv, Self::Ocsf];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
        }
    }

    /// What it is on the wire.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson | Self::Ocsf => NDJSON,
            Self::Csv => CSV,
        }
    }

    /// The first line, where there is one.
    pub fn head(self) -> Option<String> {
        (self == Self::Csv).then(|| csv::line(csv::COLUMNS.map(str::to_owned)))
    }

    /// An event, as a line without its end.
    pub fn line(self, event: &Listed) -> Result<String, Fault> {
        match self {
            Self::Ndjson => serde_json::to_string(event).map_err(Fault::internal),
            Self::Csv => Ok(csv::line(csv::cells(event))),
            Self::Ocsf => serde_json::to_string(&ocsf::event(event)).map_err(Fault::internal),
        }
    }
}

/// That somebody takes a copy. It is told before the first line of it, since whoever takes a copy may take what there is
/// and leave.
pub fn exported(actor: Actor, format: Format, filter: &Filter) -> Event {
    let mut data = json!({
        "format": format.as_str(), "from": filter.from, "to": filter.to, "kind": filter.kind,
    });
    if let Value::Object(members) = &mut data {
        members.extend(filter.actor.map(|id| ("actor".to_owned(), json!(id))));
        members.extend(filter.target.as_ref().map(|id| ("target".to_owned(), json!(id))));
    }
    Event::new(Kind::AuditExported, actor).with(data)
}

/// JSON of one line; of an empty object, nothing.
fn compact(data: &Value) -> String {
    if data.as_object().is_some_and(serde_json::Map::is_empty) { String::new() } else { data.to_string() }
}
