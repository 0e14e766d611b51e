//! Events as CSV (RFC 4180).

use chrono::SecondsFormat;

use crate::audit::Listed;

/// The names of the columns.
pub(super) const COLUMNS: [&str; 13] = [
    "occurred_at",
    "id",
    "kind",
    "outcome",
    "actor_kind",
    "actor_id",
    "target_kind",
    "target_id",
    "client_id",
    "request_id",
    "ip",
    "user_agent",
    "data",
];

/// An event's cells, in the order of [`COLUMNS`].
pub(super) fn cells(event: &Listed) -> [String; 13] {
    let id = |id: &Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        event.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        event.id.to_string(),
        event.kind.clone(),
        event.outcome.clone(),
        event.actor_kind.clone(),
        id(&event.actor_id),
        text(&event.target_kind),
        text(&event.target_id),
        id(&event.client_id),
        text(&event.request_id),
        text(&event.ip),
        text(&event.user_agent),
        super::compact(&event.data),
    ]
}

/// Cells as a line without its end.
pub(super) fn line<const N: usize>(cells: [String; N]) -> String {
    cells.map(|cell| quoted(&harmless(cell))).join(",")
}

/// A spreadsheet takes a cell that begins so for a formula: what a stranger called itself would be executed where the
/// log is read.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r', '\'', ';']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_none_is_a_formula() {
        for (cell, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("1-1", "1-1"),
        ] {
            assert_eq!(line([cell.to_owned()]), written);
        }
    }
}
