//! A tenant with one real thing of its own for every parameter of every path of the management API.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, App, BOB};
use crate::trail_api;

/// What makes and changes everything.
const EVERYTHING: &str = "orgs:* users:* clients:* keys:* pats:* limits:* services:* audit:read usage:read";

/// Acme, of which Ada is the owner.
pub struct Tenant {
    org: String,
    /// By the path up to the parameter that names it.
    things: BTreeMap<&'static str, String>,
}

impl Tenant {
    /// Makes it, and all that is its own.
    pub async fn acme(app: &App) -> Self {
        let ada = app.administrator(EVERYTHING);
        let acme = app.org("Acme", Some(ADA));
        let org = acme.to_string();
        let make = async |path: &str, body: Value| {
            let made = app.post_api(&ada, path, body).await;
            made.is(201);
            made
        };
        let eva = json!({ "identifier": "eva", "password": "a long enough password" });
        let eva = make("/users", eva).await.text("id");
        make(&format!("/orgs/{org}/members"), json!({ "user": eva, "role": "developer" })).await;
        let plan = make("/plans", json!({ "id": "gold" })).await.text("id");
        let service = make("/services", json!({ "name": "billing" })).await.text("id");
        let granted = app.api(&ada, Method::PUT, &format!("/services/{service}/grants/{org}"), None).await;
        granted.is(204);
        let routes = format!("/services/{service}/routes");
        let route = make(&routes, json!({ "path": "/bills" })).await.text("id");
        let limit =
            json!({ "principal": org, "name": "hour", "kind": "sliding", "quota": 7, "window_s": 3600 });
        let limit = make("/limits", limit).await.text("id");
        let key = make("/keys", json!({ "owner": org, "name": "ci" })).await.text("id");
        let token = make("/pats", json!({ "name": "own", "scope": "orders:read" })).await.text("id");
        let client = app.client_of(acme, "orders:read").id;
        // Which Ada does from a browser, where she is signed in from then on.
        let connected = app.web_client();
        connected.tokens_of_ada(app, "orders:read").await;
        let session = app.get_api(&ada, "/me/sessions").await.members("id").remove(0);
        let event = app.get_api(&ada, &format!("/events?target={org}")).await.members("id").remove(0);
        let call = trail_api::a_limited_call(app, acme).await;
        app.operator(|work| Ok(Ok(grantor::accounts::store::set_administrator(work, ADA.id(), false)?)));
        let things = [
            ("/orgs/{id}", org.clone()),
            ("/orgs/{id}/members/{user}", eva.clone()),
            ("/users/{id}", eva),
            ("/plans/{id}", plan),
            ("/services/{id}", service),
            ("/services/{id}/routes/{route}", route),
            ("/services/{id}/grants/{principal}", org.clone()),
            ("/limits/{id}", limit),
            ("/keys/{id}", key),
            ("/pats/{id}", token),
            ("/clients/{id}", client),
            ("/me/grants/{client}", connected.id),
            ("/me/sessions/{id}", session),
            ("/events/{id}", event),
            ("/requests/{request_id}", call),
        ];
        Self { org, things: things.into() }
    }

    /// A path with the tenant's own things in it.
    #[track_caller]
    pub fn fill(&self, path: &str) -> String {
        let (mut named, mut filled) = (String::new(), "/api/v1".to_owned());
        let words = path.strip_prefix("/api/v1").expect("a path of the API");
        for word in words.split('/').skip(1) {
            named = format!("{named}/{word}");
            let thing = || self.things.get(named.as_str());
            let word = if word.starts_with('{') {
                thing().unwrap_or_else(|| panic!("nobody made a tenant's own {named}: add it to this file"))
            } else {
                word
            };
            filled = format!("{filled}/{word}");
        }
        // What is to be said besides, to be answered at all.
        match words {
            "/events/export" => filled + "?format=ndjson",
            "/limits/status" => format!("{filled}?principal={}", self.org),
            _ => filled,
        }
    }

    /// A body that does what the operation is for, to what is the tenant's.
    pub fn body_for(&self, place: &str, operation: &Value) -> Option<Value> {
        let org = &self.org;
        Some(match place {
            "PATCH /api/v1/orgs/{id}" => json!({ "name": "Another name" }),
            "PUT /api/v1/orgs/{id}/plan" => json!({ "plan": "pro" }),
            "POST /api/v1/orgs/{id}/members" => json!({ "identifier": BOB.identifier, "role": "owner" }),
            "POST /api/v1/services/{id}/routes" => json!({ "path": "/others" }),
            "PATCH /api/v1/limits/{id}" => json!({ "quota": 9 }),
            "POST /api/v1/limits/reset" => json!({ "principal": org }),
            "POST /api/v1/keys/import" => json!({ "owner": org, "name": "old", "sha256": "ab".repeat(32) }),
            "POST /api/v1/clients" => {
                json!({ "account": org, "client_name": "Shop", "redirect_uris": ["https://shop.example/cb"] })
            }
            _ => return required_of(operation, org),
        })
    }

    /// Whether a request is about what is the tenant's.
    pub fn is_of(&self, filled: &str, body: Option<&Value>) -> bool {
        let named = |text: &str| self.things.values().any(|thing| text.contains(thing.as_str()));
        named(filled) || body.is_some_and(|body| named(&body.to_string()))
    }

    /// The tenant's things that a text tells of. A plan is everybody's.
    pub fn told_in(&self, text: &str) -> Vec<&str> {
        let own = self.things.iter().filter(|(path, thing)| **path != "/plans/{id}" && text.contains(*thing));
        own.map(|(path, _)| *path).collect()
    }

    /// Its owner, who is no administrator.
    pub fn owner(app: &App) -> Voice {
        app.voice_of(ADA, EVERYTHING)
    }

    /// An administrator, from now on.
    pub fn administrator(app: &App) -> Voice {
        app.administrator(EVERYTHING)
    }
}

/// The members that a body must have; ids are this one.
fn required_of(operation: &Value, id: &str) -> Option<Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let required = schema["required"].as_array()?;
    let value = |name: &Value| {
        let name = name.as_str().expect("a name");
        let schema = &schema["properties"][name];
        let value = match (schema["enum"].get(0), schema["type"].as_str(), schema["format"].as_str()) {
            (Some(word), _, _) => word.clone(),
            (None, Some("boolean"), _) => json!(true),
            (None, _, Some("uuid")) => json!(id),
            _ => json!("words"),
        };
        (name.to_owned(), value)
    };
    Some(Value::Object(required.iter().map(value).collect()))
}
