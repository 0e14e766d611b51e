//! JSON as it is digested: one line, the members of objects by the bytes of their names, and none that is null. Postgres
//! has an order of its own.

use std::collections::BTreeMap;
use std::io::Write as _;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Jsonb;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Such a text of JSON.
#[derive(Clone, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Jsonb)]
pub struct Canonical(String);

impl Canonical {
    /// What is declared as it is told: its members in the order of their names, and none of them null. Every call is
    /// told so, and putting it in order costs more than all the rest of it.
    pub(in crate::traffic) fn as_declared(told: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::to_string(told).map(Self)
    }

    /// Any JSON, put in order.
    pub fn of(value: Value) -> Self {
        Self(in_order(value).to_string())
    }

    /// Its text.
    pub(in crate::traffic) fn as_str(&self) -> &str {
        &self.0
    }

    /// What it tells; nothing, if that is of another shape.
    pub fn read<T: DeserializeOwned + Default>(&self) -> T {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

fn in_order(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(in_order).collect(),
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            let sorted: BTreeMap<String, Value> =
                members.map(|(name, value)| (name, in_order(value))).collect();
            sorted.into_iter().collect()
        }
        other => other,
    }
}

impl Serialize for Canonical {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<Value>(&self.0).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl FromSql<Jsonb, Pg> for Canonical {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        <Value as FromSql<Jsonb, Pg>>::from_sql(bytes).map(Self::of)
    }
}

impl ToSql<Jsonb, Pg> for Canonical {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The version of the form, of which there is one.
        out.write_all(&[1])?;
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_members_and_what_is_null_make_no_difference() {
        let one = json!([{ "b": 1, "a": { "d": null, "c": [2, null] } }]);
        let other = json!([{ "a": { "c": [2, null] }, "b": 1 }]);
        assert_eq!(Canonical::of(one), Canonical::of(other.clone()));
        assert_eq!(Canonical::as_declared(&other).unwrap(), Canonical::of(other));
    }
}
