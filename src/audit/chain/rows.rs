//! Rows that are no events, under the same chain: a batch of them is hashed when it is written, and an event says what
//! came of it. So they cost an event a batch, and are as hard to change unseen as events are.

use serde_json::{Value, json};

use crate::audit::chain::canonical::{BatchHash, Message, hexadecimal};
use crate::audit::{Actor, Event, Kind};

/// The hash of a batch of rows of one table, as it grows. Each row is a [`Message`] of the table's own kind, whose parts
/// that table's store describes as `canonical.rs` does for events.
pub struct Digest {
    table: &'static str,
    rows: u64,
    batch: BatchHash,
}

impl Digest {
    /// Of no rows yet.
    pub fn of(table: &'static str) -> Self {
        Self { table, rows: 0, batch: BatchHash::default() }
    }

    /// With one more row, in the order in which whoever verifies reads them.
    pub fn with(mut self, row: Message) -> Self {
        self.rows += 1;
        self.batch = self.batch.with(&row.end());
        self
    }

    /// The event that vouches for them, to be written in the same transaction. `range` says how the rows are found again.
    pub fn event(self, range: Value) -> Event {
        let digest = hexadecimal(&self.batch.end());
        let data = json!({ "table": self.table, "rows": self.rows, "range": range, "sha256": digest });
        Event::new(Kind::RowsDigested, Actor::Operator).on("table", self.table).with(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_rows_their_order_and_their_number_apart() {
        let row = |text: &str| Message::new("made up 1").text(text);
        let told = |rows: &[&str]| {
            let digest = rows.iter().fold(Digest::of("made_up"), |digest, text| digest.with(row(text)));
            digest.event(json!(["a", "b"])).data
        };
        let two = told(&["x", "y"]);
        assert_eq!(
            (&two["table"], &two["rows"], &two["range"]),
            (&json!("made_up"), &json!(2), &json!(["a", "b"]))
        );
        assert_eq!(two, told(&["x", "y"]));
        for other in [told(&["y", "x"]), told(&["xy"]), told(&["x"]), told(&[])] {
            assert_ne!(two["sha256"], other["sha256"]);
        }
    }
}
