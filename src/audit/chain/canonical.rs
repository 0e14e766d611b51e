//! What is hashed, to the byte. This is a promise: whoever has a copy of the rows can compute the same without us, and
//! what was hashed years ago must come out the same.
//!
//! All hashes are SHA-256. Numbers are big-endian; `i64` is two's complement. Every message begins with a word of its own
//! and a line feed, so that none can be taken for another.
//!
//! ```text
//! text         u64 length in bytes, then UTF-8
//! maybe X      one byte 0, or one byte 1 and then X
//! moment       i64 microseconds since 1970-01-01 00:00:00 UTC
//! day          i64 days since 1970-01-01
//! uuid         16 bytes
//!
//! event        SHA256("grantor event 1\n" transaction:i64 occurred_at:moment id:uuid kind:text outcome:text
//!                  actor_kind:text actor_id:maybe uuid target_kind:maybe text target_id:maybe text
//!                  client_id:maybe uuid request_id:maybe text ip:maybe text user_agent:maybe text data:hash)
//! data         SHA256("grantor data 1\n" value)
//! batch        SHA256("grantor batch 1\n" event₁ event₂ … eventₙ), in their order
//! link         SHA256("grantor link 1\n" previous batch:i64 first_seq:i64 last_seq:i64 month:day
//!                  until_transaction:i64 until_at:moment until_id:uuid sealed_at:moment digest), where `previous` is
//!                  the link before, or 32 zero bytes, and `digest` that of the batch
//!
//! value        of JSON: `n` null · `f` false · `t` true · `i` and i64 · `u` and u64 (above the largest i64) ·
//!                  `d` and the IEEE 754 double of any other number · `s` and text ·
//!                  `a`, u64 how many, and the values · `o`, u64 how many, and for each member, by the bytes of its
//!                  name, its name as text and its value
//! ```
//!
//! Of `data` the event has only the hash, so that it could be taken out one day while the chain holds. What Postgres
//! keeps as `data` and no JSON reader takes (an exponent beyond a double) is `x` and its text; we write none.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A SHA-256.
pub type Hash = [u8; 32];

/// A message to be hashed, part by part.
pub struct Message(Sha256);

impl Message {
    /// A message of this kind, of which no other makes.
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new_with_prefix(format!("{kind}\n")))
    }

    /// A number.
    pub fn number(mut self, number: i64) -> Self {
        self.0.update(number.to_be_bytes());
        self
    }

    /// A moment.
    pub fn moment(self, moment: DateTime<Utc>) -> Self {
        self.number(moment.timestamp_micros())
    }

    /// A day.
    pub fn day(self, day: NaiveDate) -> Self {
        self.number(day.signed_duration_since(NaiveDate::default()).num_days())
    }

    /// An id.
    pub fn id(mut self, id: Uuid) -> Self {
        self.0.update(id.as_bytes());
        self
    }

    /// A hash.
    pub fn hash(mut self, hash: &[u8]) -> Self {
        self.0.update(hash);
        self
    }

    /// A text.
    pub fn text(mut self, text: &str) -> Self {
        self.length(text.len());
        self.0.update(text.as_bytes());
        self
    }

    /// What may be there or not.
    pub fn maybe<T>(mut self, part: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        self.0.update([u8::from(part.is_some())]);
        match part {
            Some(part) => add(self, part),
            None => self,
        }
    }

    /// JSON.
    pub fn value(mut self, value: &Value) -> Self {
        match value {
            Value::Null => self.0.update(b"n"),
            Value::Bool(is) => self.0.update(if *is { b"t" } else { b"f" }),
            Value::Number(number) => self.json_number(number),
            Value::String(text) => {
                self.0.update(b"s");
                return self.text(text);
            }
            Value::Array(values) => {
                self.0.update(b"a");
                self.length(values.len());
                return values.iter().fold(self, Self::value);
            }
            Value::Object(members) => {
                self.0.update(b"o");
                self.length(members.len());
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| name.as_bytes());
                return members
                    .into_iter()
                    .fold(self, |message, (name, value)| message.text(name).value(value));
            }
        }
        self
    }

    fn json_number(&mut self, number: &Number) {
        if let Some(number) = number.as_i64() {
            self.0.update(b"i");
            self.0.update(number.to_be_bytes());
        } else if let Some(number) = number.as_u64() {
            self.0.update(b"u");
            self.0.update(number.to_be_bytes());
        } else {
            self.0.update(b"d");
            self.0.update(number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
        }
    }

    fn length(&mut self, length: usize) {
        self.0.update((length as u64).to_be_bytes());
    }

    /// Its hash.
    pub fn end(self) -> Hash {
        self.0.finalize().into()
    }
}

/// The hash of the JSON of an event, by its text.
pub(super) fn data(text: &str) -> Hash {
    let message = Message::new("grantor data 1");
    match serde_json::from_str(text) {
        Ok(value) => message.value(&value).end(),
        Err(_) => message.hash(b"x").text(text).end(),
    }
}

/// The hash of a batch, by those of its rows, in their order.
pub struct BatchHash(Message);

impl Default for BatchHash {
    fn default() -> Self {
        Self(Message::new("grantor batch 1"))
    }
}

impl BatchHash {
    /// With one more row.
    pub fn with(self, row: &Hash) -> Self {
        Self(self.0.hash(row))
    }

    /// The hash.
    pub fn end(self) -> Hash {
        self.0.end()
    }
}

/// Bytes as people read them.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A text takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Kept as it is for ever: what was sealed must verify.
    #[test]
    fn what_is_hashed_is_as_it_was_described() {
        let by_hand = Sha256::digest(b"grantor data 1\no\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01ai\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01bs\0\0\0\0\0\0\0\x02hi");
        assert_eq!(data(r#"{"b": "hi", "a": 5}"#)[..], by_hand[..]);
        let message = Message::new("a kind").maybe(None, Message::text).maybe(Some("é"), Message::text);
        let message = message.day(NaiveDate::from_ymd_opt(1970, 1, 3).unwrap()).number(-1);
        let by_hand = Sha256::digest(
            b"a kind\n\0\x01\0\0\0\0\0\0\0\x02\xc3\xa9\0\0\0\0\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff",
        );
        assert_eq!(message.end()[..], by_hand[..]);
        assert_eq!(hexadecimal(&[0, 0xfe]), "00fe");
    }

    #[test]
    fn values_that_differ_have_hashes_that_differ() {
        let values = [
            json!(null),
            json!(false),
            json!(true),
            json!(0),
            json!(1),
            json!(-1),
            json!(1.0),
            json!(1.5),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(""),
            json!("1"),
            json!("ab"),
            json!([]),
            json!({}),
            json!([[]]),
            json!(["a", "b"]),
            json!(["ab"]),
            json!([["a"], "b"]),
            json!([["a", "b"]]),
            json!({"a": "b"}),
            json!({"a": null}),
            json!({"a": {"b": 1}}),
            json!({"a": 1, "b": 1}),
            json!([null]),
        ];
        let mut hashes: Vec<Hash> = values.iter().map(|value| data(&value.to_string())).collect();
        hashes.push(data("1e999"));
        hashes.push(data("1e998"));
        let many = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), many);
    }

    proptest! {
        /// However Postgres spells a value, it is the same value.
        #[test]
        fn spelling_does_not_matter(name in "[a-c]{1,3}", other in "[d-f]{1,3}", text in ".*", number in any::<i64>()) {
            let value = json!({ &name: text, &other: [number, { "x": 1.25 }] });
            let (text, other_value) = (json!(text).to_string(), format!("[ {number},{{\"x\" :1.25}} ]"));
            let spelled = format!("{{ \"{other}\" : {other_value}, \"{name}\": {text} }}");
            prop_assert_eq!(data(&value.to_string()), data(&spelled));
        }
    }
}
