//! The members of a JSON object, declared once: bodies are read by it, and the document shows it.

use serde_json::{Map, Value, json};

use crate::platform::api::Answers;

/// The members of an object; there are no others.
pub type Shape = &'static [Member];

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it is, for whoever reads the document.
    pub about: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// It is always there.
    pub required: bool,
    /// It is told this once: whoever asks again does not get it, and nobody keeps it.
    pub is_told_once: bool,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An id.
    Id,
    /// A moment, in UTC (RFC 3339).
    Moment,
    /// Texts.
    Texts,
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// Whole numbers.
    Numbers,
    /// Objects of this shape.
    Objects(Shape),
    /// An object of whatever members.
    Anything,
    /// The same, or null.
    Maybe(&'static Form),
}

impl Member {
    /// A member that is always there.
    pub const fn new(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, about, form, required: true, is_told_once: false }
    }

    /// A member that may be left out.
    pub const fn optional(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, about, form, required: false, is_told_once: false }
    }

    /// A secret: a text that is told in one answer alone.
    pub const fn secret(name: &'static str, about: &'static str) -> Self {
        Self { name, about, form: Form::Text, required: false, is_told_once: true }
    }
}

impl Form {
    /// Whether this value looks like that.
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Id | Self::Moment => value.is_string(),
            Self::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_i64(),
            Self::Numbers => value.as_array().is_some_and(|items| items.iter().all(Value::is_i64)),
            Self::Objects(shape) => {
                let is_one =
                    |item: &Value| item.as_object().is_some_and(|item| misfit(shape, item).is_none());
                value.as_array().is_some_and(|items| items.iter().all(is_one))
            }
            Self::Anything => value.is_object(),
            Self::Maybe(form) => value.is_null() || form.fits(value),
        }
    }

    /// In words.
    pub fn in_words(self) -> String {
        match self {
            Self::Text | Self::Id | Self::Moment => "a string".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Texts => "an array of strings".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Number => "a whole number".to_owned(),
            Self::Numbers => "an array of whole numbers".to_owned(),
            Self::Objects(_) => "an array of objects".to_owned(),
            Self::Anything => "an object".to_owned(),
            Self::Maybe(form) => format!("{} or null", form.in_words()),
        }
    }

    fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::OneOf(words) => json!({ "type": "string", "enum": words }),
            Self::Id => json!({ "type": "string", "format": "uuid" }),
            Self::Moment => json!({ "type": "string", "format": "date-time" }),
            Self::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Number => json!({ "type": "integer" }),
            Self::Numbers => json!({ "type": "array", "items": { "type": "integer" } }),
            Self::Objects(shape) => json!({ "type": "array", "items": schema(shape) }),
            Self::Anything => json!({ "type": "object" }),
            Self::Maybe(form) => json!({ "anyOf": [form.schema(), { "type": "null" }] }),
        }
    }
}

/// What keeps an object from being of this shape, in words that name the member.
pub(super) fn misfit(shape: Shape, object: &Map<String, Value>) -> Option<String> {
    let known = |name: &String| shape.iter().any(|member| member.name == name);
    if object.keys().any(|name| !known(name)) {
        let names: Vec<&str> = shape.iter().map(|member| member.name).collect();
        return Some(match names.as_slice() {
            [] => "the body has no members here".to_owned(),
            names => format!("there is an unknown member; there are {}", names.join(", ")),
        });
    }
    shape.iter().find_map(|member| match object.get(member.name) {
        None if member.required => Some(format!("the member {} is required", member.name)),
        Some(value) if !member.form.fits(value) => {
            Some(format!("the member {} must be {}", member.name, member.form.in_words()))
        }
        _ => None,
    })
}

/// Those members of an object that may be told again: what it is not said to have is not told either.
fn repeatable(shape: Shape, value: Value) -> Value {
    let Value::Object(mut members) = value else { return Value::Null };
    let known = shape.iter().filter(|member| !member.is_told_once);
    let told = known.filter_map(|member| {
        let value = members.remove(member.name)?;
        Some((member.name.to_owned(), member.form.repeatable(value)))
    });
    Value::Object(told.collect())
}

impl Form {
    fn repeatable(self, value: Value) -> Value {
        match (self, value) {
            (Self::Objects(shape), Value::Array(items)) => {
                items.into_iter().map(|item| repeatable(shape, item)).collect()
            }
            (Self::Maybe(form), value) => form.repeatable(value),
            (_, value) => value,
        }
    }
}

/// What may be told again of an answer.
pub fn told_again(answers: Answers, body: Option<Value>) -> Option<Value> {
    match answers {
        Answers::One(shape) | Answers::Made(shape) => body.map(|body| repeatable(shape, body)),
        // A page is asked for anew.
        Answers::Many(_) | Answers::Stream(_) | Answers::Nothing | Answers::Thanks => None,
    }
}

/// As JSON Schema.
#[allow(clippy::indexing_slicing, reason = "a JSON object that was just made takes any member")]
pub(super) fn schema(shape: Shape) -> Value {
    let properties: Map<String, Value> = shape
        .iter()
        .map(|member| {
            let mut schema = member.form.schema();
            schema["description"] = json!(member.about);
            (member.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<&str> =
        shape.iter().filter(|member| member.required).map(|member| member.name).collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}
