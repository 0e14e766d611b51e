//! The OpenAPI document, made of what the endpoints say of themselves.

use serde_json::{Map, Value, json};

use crate::platform::api::shape::{Form, Member, Shape, schema};
use crate::platform::api::{Answers, BASE, Endpoint, IDEMPOTENCY_KEY, Needs};

/// What is said when something went wrong (RFC 9457).
pub const PROBLEM: Shape = &[
    Member::new("type", Form::Text, "The kind of problem, as a URI."),
    Member::new("title", Form::Text, "The status, in words."),
    Member::new("status", Form::Number, "The status."),
    Member::new("detail", Form::Text, "What went wrong, in a sentence."),
    Member::new("error", Form::Text, "What went wrong, in a word."),
    Member::new("request_id", Form::Maybe(&Form::Id), "The request to quote."),
    Member::optional("scope", Form::Text, "The scope that is missing."),
];

/// The document (OpenAPI 3.1).
#[allow(clippy::indexing_slicing, reason = "a JSON object that was just made takes any member")]
pub fn openapi(endpoints: &[Endpoint], issuer: &str) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints {
        let path = paths.entry(format!("{BASE}{}", endpoint.path)).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_ascii_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Grantor management API", "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": issuer }],
        "paths": paths,
        "components": {
            "schemas": { "Problem": schema(PROBLEM) },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            },
        },
    })
}

#[allow(clippy::indexing_slicing, reason = "a JSON object that was just made takes any member")]
fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": parameters(endpoint).iter().map(Parameter::shown).collect::<Vec<_>>(),
        "responses": responses(endpoint),
        "security": security(endpoint.needs),
    });
    if let Needs::Scope(scope) = endpoint.needs {
        operation["x-scope"] = json!(scope);
    }
    if let Some(shape) = endpoint.body {
        let one = schema(shape);
        let schema = match endpoint.most {
            None => one,
            Some(most) => {
                let some = json!({ "type": "array", "items": one, "minItems": 1, "maxItems": most });
                json!({ "anyOf": [one, some] })
            }
        };
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// The method and the words of the path: `get_keys_by_id`.
pub fn operation_id(endpoint: &Endpoint) -> String {
    let mut id = endpoint.method.as_str().to_ascii_lowercase();
    for word in endpoint.path.split('/').filter(|word| !word.is_empty()) {
        let named = word.trim_start_matches('{').trim_end_matches('}');
        id.push_str(if named == word { "_" } else { "_by_" });
        id.push_str(named);
    }
    id
}

fn security(needs: Needs) -> Value {
    if needs == Needs::Nothing { json!([]) } else { json!([{ "bearer": [] }, { "key": [] }]) }
}

/// A parameter of an operation.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands: `path`, `query` or `header`.
    pub place: &'static str,
    /// What it is; empty, where the name says it.
    pub about: &'static str,
    schema: Value,
}

impl Parameter {
    fn new(name: &'static str, place: &'static str, about: &'static str) -> Self {
        Self { name, place, about, schema: json!({ "type": "string" }) }
    }

    fn of(self, schema: Value) -> Self {
        Self { schema, ..self }
    }

    #[allow(clippy::indexing_slicing, reason = "a JSON object that was just made takes any member")]
    fn shown(&self) -> Value {
        let Self { name, place, about, schema } = self;
        let mut shown = json!({ "name": name, "in": place, "required": *place == "path", "schema": schema });
        if !about.is_empty() {
            shown["description"] = json!(about);
        }
        shown
    }
}

/// The parameters of an operation: those of its path, its query and its headers.
pub fn parameters(endpoint: &Endpoint) -> Vec<Parameter> {
    let in_path = endpoint.path.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Parameter> = in_path.map(|name| Parameter::new(name, "path", "")).collect();
    if matches!(endpoint.answers, Answers::Many(_)) {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 });
        let most = "How many at most: 1 to 200; 50, if not given.";
        parameters.push(Parameter::new("limit", "query", most).of(limit));
        parameters.push(Parameter::new("cursor", "query", "The next_cursor of the page before."));
    }
    parameters.extend(endpoint.filters.iter().map(|name| Parameter::new(name, "query", "")));
    if endpoint.is_versioned {
        let about = "The ETag that was seen: 412, if somebody else changed it meanwhile.";
        parameters.push(Parameter::new("If-Match", "header", about));
    }
    if endpoint.heeds_keys() {
        let key = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
        let about = "Sent again with the same key, the same request is not done again, and answers the same.";
        parameters.push(Parameter::new(IDEMPOTENCY_KEY, "header", about).of(key));
    }
    parameters
}

fn responses(endpoint: &Endpoint) -> Value {
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let told = |words: &str, shape: Value| json!({ "description": words, "content": { "application/json": { "schema": shape } } });
    let (status, words) = good(endpoint.answers);
    let answer = match endpoint.answers {
        Answers::One(shape) | Answers::Made(shape) => told(words, schema(shape)),
        Answers::Many(shape) => told(words, page(shape)),
        Answers::Stream(media) => stream(words, media),
        Answers::Nothing | Answers::Thanks => json!({ "description": words }),
    };
    let mut responses = Map::new();
    responses.insert(status.to_owned(), answer);
    let bad = json!({ "description": "What went wrong.", "content": problem });
    for status in refusals(endpoint) {
        responses.insert(status.to_owned(), bad.clone());
    }
    responses.insert("default".to_owned(), bad);
    Value::Object(responses)
}

/// The status of an answer when all is well, and what it means.
pub fn good(answers: Answers) -> (&'static str, &'static str) {
    match answers {
        Answers::One(_) => ("200", "As asked."),
        Answers::Many(_) => ("200", "A page."),
        Answers::Made(_) => ("201", "Made."),
        Answers::Stream(_) => ("200", "As asked, as it is read."),
        Answers::Nothing => ("204", "Done."),
        Answers::Thanks => ("202", "Taken, whatever it was."),
    }
}

/// A text that comes as it is read, in one of some forms.
fn stream(words: &str, media: &[&str]) -> Value {
    let text = || json!({ "schema": { "type": "string" } });
    let content: Map<String, Value> = media.iter().map(|media| ((*media).to_owned(), text())).collect();
    json!({ "description": words, "content": content })
}

/// The statuses with which an operation is refused.
pub fn refusals(endpoint: &Endpoint) -> Vec<&'static str> {
    let mut statuses = match endpoint.needs {
        Needs::Nothing => vec!["400", "429"],
        Needs::Bearer => vec!["400", "401", "429"],
        Needs::Scope(_) => vec!["400", "401", "403", "404", "429"],
    };
    statuses.extend(["409", "422"].into_iter().filter(|_| endpoint.heeds_keys()));
    statuses.sort_unstable();
    statuses
}

fn page(shape: Shape) -> Value {
    json!({
        "type": "object", "required": ["data", "next_cursor"], "additionalProperties": false,
        "properties": {
            "data": { "type": "array", "items": schema(shape) },
            "next_cursor": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        },
    })
}
