//! Events as other programs want them: a line each, as JSON, as CSV, or as OCSF.

mod csv;
mod ocsf;

use serde_json::Value;

use crate::audit::Listed;
use crate::kernel::Fault;

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
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
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

/// JSON of one line; of an empty object, nothing.
fn compact(data: &Value) -> String {
    if data.as_object().is_some_and(serde_json::Map::is_empty) { String::new() } else { data.to_string() }
}
