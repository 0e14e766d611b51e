//! The OpenAPI document, made of what the endpoints say of themselves.

use serde_json::{Map, Value, json};

use crate::platform::api::shape::{Form, Member, Shape, schema};
use crate::platform::api::{Answers, BASE, Endpoint, IDEMPOTENCY_KEY, Needs};

const PROBLEM: Shape = &[
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
        "parameters": parameters(endpoint),
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
fn operation_id(endpoint: &Endpoint) -> String {
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

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let text = json!({ "type": "string" });
    let named = |name: &str, place: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": text });
    let in_path = endpoint.path.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path.map(|name| named(name, "path")).collect();
    if matches!(endpoint.answers, Answers::Many(_)) {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 });
        parameters.push(json!({ "name": "limit", "in": "query", "schema": limit }));
        parameters.push(named("cursor", "query"));
    }
    parameters.extend(endpoint.filters.iter().map(|name| named(name, "query")));
    if endpoint.is_versioned {
        parameters.push(named("If-Match", "header"));
    }
    if endpoint.heeds_keys() {
        let key = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
        let about = "Sent again with the same key, the same request is not done again, and answers the same.";
        parameters.push(
            json!({ "name": IDEMPOTENCY_KEY, "in": "header", "required": false, "description": about, "schema": key }),
        );
    }
    parameters
}

fn responses(endpoint: &Endpoint) -> Value {
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let told = |words: &str, shape: Value| json!({ "description": words, "content": { "application/json": { "schema": shape } } });
    let (status, answer) = match endpoint.answers {
        Answers::One(shape) => ("200", told("As asked.", schema(shape))),
        Answers::Many(shape) => ("200", told("A page.", page(shape))),
        Answers::Made(shape) => ("201", told("Made.", schema(shape))),
        Answers::Stream(media) => ("200", stream(media)),
        Answers::Nothing => ("204", json!({ "description": "Done." })),
        Answers::Thanks => ("202", json!({ "description": "Taken, whatever it was." })),
    };
    let mut responses = Map::new();
    responses.insert(status.to_owned(), answer);
    let bad = json!({ "description": "What went wrong.", "content": problem });
    for status in refusals(endpoint) {
        responses.insert((*status).to_owned(), bad.clone());
    }
    for status in ["409", "422"].into_iter().filter(|_| endpoint.heeds_keys()) {
        responses.insert(status.to_owned(), bad.clone());
    }
    responses.insert("default".to_owned(), bad);
    Value::Object(responses)
}

/// A text that comes as it is read, in one of some forms.
fn stream(media: &[&str]) -> Value {
    let text = || json!({ "schema": { "type": "string" } });
    let content: Map<String, Value> = media.iter().map(|media| ((*media).to_owned(), text())).collect();
    json!({ "description": "As asked, as it is read.", "content": content })
}

fn refusals(endpoint: &Endpoint) -> &'static [&'static str] {
    match endpoint.needs {
        Needs::Nothing => &["400", "429"],
        Needs::Bearer => &["400", "401", "429"],
        Needs::Scope(_) => &["400", "401", "403", "404", "429"],
    }
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
