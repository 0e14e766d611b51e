//! `/openapi.json`: complete, and true of every endpoint.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use grantor::app::management::endpoints;
use grantor::kernel::PrincipalId;
use grantor::platform::api::Endpoint;
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, count, dump};
use crate::tenant::Tenant;
use crate::trail_api;

/// Every operation: method, path, what it says of itself.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            (method, path.clone(), operation)
        })
    };
    paths.iter().flat_map(of_path).collect()
}

async fn the_document(app: &App) -> Value {
    Answer::to(app.http.get(format!("{}/openapi.json", app.address))).await.json()
}

async fn ask(app: &App, voice: Option<&Voice>, method: &Method, filled: &str, body: Option<Value>) -> Answer {
    let request = app.http.request(method.clone(), format!("{}{filled}", app.address));
    let request = match voice {
        Some(voice) => request.bearer_auth(&voice.0),
        None => request,
    };
    Answer::to(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

#[tokio::test]
async fn the_document_and_the_routes_are_the_same() {
    let app = App::start().await;
    let document = the_document(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    let documented: BTreeSet<String> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let declared: BTreeSet<String> =
        endpoints().iter().map(|one| format!("{} /api/v1{}", one.method, one.path)).collect();
    assert_eq!(documented, declared);
    assert!(documented.len() >= 25, "{documented:?}");
    let ids: BTreeSet<String> =
        operations(&document).iter().map(|(_, _, one)| one["operationId"].to_string()).collect();
    assert_eq!(ids.len(), documented.len());
    // What is not documented does not answer: every other method of a path is 405 with those that there are.
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if methods.get(method.to_lowercase()).is_none() {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let answer = ask(&app, None, &method, path, None).await;
                assert_eq!(answer.status, 405, "{method} {path}");
                assert!(!answer.header("allow").contains(method.as_str()));
            }
        }
    }
    let nowhere = Answer::to(app.http.get(format!("{}/api/v1/debug", app.address))).await;
    assert_eq!((nowhere.status, nowhere.json()["error"].as_str()), (404, Some("not_found")));
}

/// S01: every route, and each way of not being allowed to ask it.
#[tokio::test]
async fn s01_every_route_refuses_whoever_may_not_ask_it() {
    let app = App::with(|settings| settings.guard.unknown_bearer = 100_000).await;
    let document = the_document(&app).await;
    let tenant = Tenant::acme(&app).await;
    let every = scopes(&document);
    let client = app.web_client();
    let token = Voice(client.tokens_of_ada(&app, "orders:read").await.text("access_token"));
    let all = app.voice_of(BOB, &every.join(" "));
    let mut voices: BTreeMap<String, Voice> = BTreeMap::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let (filled, body) = (tenant.fill(&path), tenant.body_for(&place, &operation));
        let ask = |voice| ask(&app, voice, &method, &filled, body.clone());
        if operation["security"].as_array().is_some_and(Vec::is_empty) {
            assert_eq!(place, "POST /api/v1/leaks", "open to anyone");
            continue;
        }
        let anonymous = ask(None).await;
        assert_eq!(anonymous.status, 401, "{place}: {}", anonymous.body);
        assert_eq!(anonymous.header("www-authenticate"), r#"Bearer realm="grantor""#, "{place}");
        let wrong = ask(Some(&token)).await;
        assert_eq!((wrong.status, wrong.error().as_str()), (401, "invalid_token"), "{place}");

        let Some(scope) = operation["x-scope"].as_str() else { continue };
        let others: Vec<&str> = every.iter().map(String::as_str).filter(|other| *other != scope).collect();
        // One a scope, since there are more routes than a person may have tokens.
        let lacking = voices.entry(scope.to_owned()).or_insert_with(|| app.voice_of(ADA, &others.join(" ")));
        let refused = ask(Some(&*lacking)).await;
        assert_eq!((refused.status, refused.error().as_str()), (403, "insufficient_scope"), "{place}");
        assert!(refused.header("www-authenticate").contains(&format!("scope=\"{scope}\"")), "{place}");
        assert_eq!(refused.json()["scope"], scope);

        // The twin: with the scope it is asked, whatever comes of it.
        let heard = ask(Some(&all)).await;
        assert!([200, 201, 400, 403, 404].contains(&heard.status), "{place}: {}", heard.body);
        assert!(!heard.body.contains("insufficient_scope"), "{place}");
    }
    // Expired: all of them again, with what was good before.
    app.clock.advance(Duration::days(91));
    for (method, path, operation) in operations(&document) {
        if operation["security"].as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        let body = tenant.body_for(&format!("{method} {path}"), &operation);
        let expired = ask(&app, Some(&all), &method, &tenant.fill(&path), body).await;
        assert_eq!((expired.status, expired.error().as_str()), (401, "invalid_token"), "{method} {path}");
    }
}

/// Every scope that an operation asks for.
fn scopes(document: &Value) -> Vec<String> {
    let scopes = operations(document);
    let scopes = scopes.iter().filter_map(|(_, _, one)| one["x-scope"].as_str().map(str::to_owned));
    scopes.collect::<BTreeSet<_>>().into_iter().collect()
}

fn is_for_administrators(operation: &Value) -> bool {
    operation["summary"].as_str().is_some_and(|summary| summary.contains("for administrators"))
}

/// Who reads first, and who ends something last: an owner before an administrator.
fn turn(method: &Method, path: &str, operation: &Value) -> (bool, usize) {
    let of_method = match *method {
        Method::GET => 0,
        Method::PUT => 1,
        Method::POST if !path.ends_with("/revoke") => 2,
        Method::PATCH => 3,
        _ => 4,
    };
    (is_for_administrators(operation), of_method)
}

/// All that is kept, but for what is written of requests as such.
fn kept(app: &App) -> BTreeSet<String> {
    const OF_REQUESTS: [&str; 5] = ["credential_stats", "grant_usage", "request_", "usage_", "event"];
    let is_of_requests = |line: &&str| {
        let table = line.split(' ').next().unwrap_or_default().rsplit('.').next().unwrap_or_default();
        OF_REQUESTS.iter().any(|name| table.starts_with(name))
    };
    dump(&app.db).lines().filter(|line| !is_of_requests(line)).map(str::to_owned).collect()
}

/// S01: tenancy, at every operation. Whoever is the owner of another organization and has every scope is told that there
/// is no such thing, or that only administrators may; nothing changes, and no listing tells of it. Its own owner, or an
/// administrator, has it done by the same request.
#[tokio::test]
async fn s01_what_is_another_tenants_does_not_exist_at_any_route() {
    // It waits for the counters, however busy the machine is.
    let app = App::with(|settings| settings.limits.timeout_ms = 10_000).await;
    let document = the_document(&app).await;
    let tenant = Tenant::acme(&app).await;
    app.org("Other", Some(BOB));
    let stranger = app.voice_of(BOB, &scopes(&document).join(" "));
    let owner = Tenant::owner(&app);
    let mut of_tenant = Vec::new();
    let before = kept(&app);
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let (filled, body) = (tenant.fill(&path), tenant.body_for(&place, &operation));
        if tenant.is_of(&filled, body.as_ref()) {
            let foreign = ask(&app, Some(&stranger), &method, &filled, body.clone()).await;
            match (place.as_str(), foreign.status) {
                ("GET /api/v1/plans/{id}", status) => assert_eq!(status, 200, "a plan is everybody's"),
                (_, 403) if is_for_administrators(&operation) => foreign.is_problem(403, "forbidden"),
                _ => assert_eq!((foreign.status, foreign.error().as_str()), (404, "not_found"), "{place}"),
            }
            of_tenant.push((turn(&method, &path, &operation), method, place, filled, body));
        } else if method == Method::GET {
            let listed = ask(&app, Some(&stranger), &method, &filled, None).await;
            // Whoever asks by a personal token is no key that could see itself.
            let is_no_key = path == "/api/v1/keys/self" && listed.status == 404;
            assert!(is_no_key || [200, 403].contains(&listed.status), "{place}: {}", listed.body);
            assert_eq!(tenant.told_in(&listed.body), [] as [&str; 0], "{place}: {}", listed.body);
        }
    }
    let after = kept(&app);
    let changed: Vec<&String> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "a stranger changed something: {changed:#?}");
    let of_stranger = format!("events WHERE actor_id = '{}' AND kind <> 'audit.exported'", BOB.id());
    assert_eq!(count(&app.db, &of_stranger), 0, "nothing that was done is told of");

    of_tenant.sort_by_key(|(turn, ..)| *turn);
    let (everybodys, administrators): (Vec<_>, Vec<_>) =
        of_tenant.into_iter().partition(|((is_for_administrators, _), ..)| !is_for_administrators);
    assert!(everybodys.len() >= 25 && administrators.len() >= 10, "what is there to be refused?");
    let has_it_done = async |voice: &Voice, twins: Vec<(_, Method, String, String, Option<Value>)>| {
        for (_, method, place, filled, body) in twins {
            let own = ask(&app, Some(voice), &method, &filled, body).await;
            assert!((200..300).contains(&own.status), "{place}: {} {}", own.status, own.body);
        }
    };
    has_it_done(&owner, everybodys).await;
    has_it_done(&Tenant::administrator(&app), administrators).await;
}

/// A limit that is there from the beginning.
const MINUTE_OF_FREE: &str = "01992c00-0000-7000-8000-000000000001";

/// What an answer shows is what the document says, no member more or less.
#[tokio::test]
async fn answers_have_the_members_that_the_document_names() {
    let app = App::with(trail_api::signs).await;
    let document = the_document(&app).await;
    let org = app.org("Acme", Some(ADA));
    let voice =
        app.administrator("orgs:* keys:* pats:* limits:* services:* clients:* users:* usage:read audit:read");
    let client = changes(&app, &voice, &document, org).await;
    app.web_client().tokens_of_ada(&app, "orders:read").await;
    let key = app.post_api(&voice, "/keys", json!({ "owner": org, "name": "ci" })).await;
    let id = key.text("id");
    let call = trail_api::a_limited_call(&app, ADA.id()).await;
    // Usage is shown until now, and what is of now is not before it: this takes some seconds.
    trail_api::all_is_signed(&app).await;
    let event =
        app.get_api(&voice, "/events").await.json()["data"][0]["id"].as_str().expect("an id").to_owned();
    let one = |path: &str| (path.to_owned(), path.to_owned());
    let paths = [
        one("/me"),
        one("/orgs"),
        one("/plans"),
        one("/keys"),
        one("/pats"),
        one("/pats/self"),
        ("/keys/{id}".to_owned(), format!("/keys/{id}")),
        ("/orgs/{id}".to_owned(), format!("/orgs/{org}")),
        ("/orgs/{id}/plan".to_owned(), format!("/orgs/{org}/plan")),
        ("/orgs/{id}/members".to_owned(), format!("/orgs/{org}/members")),
        ("/orgs/{id}/members/{user}".to_owned(), format!("/orgs/{org}/members/{}", ADA.id())),
        ("/plans/{id}".to_owned(), "/plans/free".to_owned()),
        one("/requests"),
        ("/requests/{request_id}".to_owned(), format!("/requests/{call}")),
        one("/usage"),
        one("/events"),
        ("/events/{id}".to_owned(), format!("/events/{event}")),
        one("/audit/checkpoints"),
        one("/services"),
        ("/services/{id}".to_owned(), "/services/orders".to_owned()),
        ("/services/{id}/routes".to_owned(), "/services/orders/routes".to_owned()),
        ("/services/{id}/grants".to_owned(), "/services/orders/grants".to_owned()),
        one("/clients"),
        ("/clients/{id}".to_owned(), format!("/clients/{client}")),
        one("/users"),
        ("/users/{id}".to_owned(), format!("/users/{}", ADA.id())),
        one("/me/grants"),
        one("/me/sessions"),
        one("/limits"),
        ("/limits/{id}".to_owned(), format!("/limits/{MINUTE_OF_FREE}")),
        ("/limits/status".to_owned(), format!("/limits/status?principal={org}")),
    ];
    for (path, filled) in paths {
        let answer = app.get_api(&voice, &filled).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_ne!(answer.json()["data"], json!([]), "{path}: nothing to look at");
        let said = &document["paths"][format!("/api/v1{path}")]["get"]["responses"]["200"];
        let schema = &said["content"]["application/json"]["schema"];
        assert!(schema["properties"].is_object(), "{path}");
        fits(schema, &answer.json(), &path);
    }
    let made = &document["paths"]["/api/v1/keys"]["post"]["responses"]["201"]["content"];
    fits(&made["application/json"]["schema"], &key.json(), "POST /keys");
    let report = app.post_api(&voice, "/audit/verify", json!({})).await;
    let said = &document["paths"]["/api/v1/audit/verify"]["post"]["responses"]["200"]["content"];
    fits(&said["application/json"]["schema"], &report.json(), "POST /audit/verify");
}

/// S07: whoever changes something may say what they saw, whatever it is, and overwrites nothing else.
#[tokio::test]
async fn s07_every_change_may_be_bound_to_what_was_seen() {
    let app = App::start().await;
    let org = app.org("Acme", Some(ADA));
    let voice = app.administrator("orgs:* limits:* services:* clients:* users:*");
    let client = app.client_of(org, "orders:read");
    let versioned = [
        (
            "/orgs/{id}/members/{user}",
            format!("/orgs/{org}/members/{}", ADA.id()),
            json!({ "role": "owner" }),
        ),
        ("/plans/{id}", "/plans/pro".to_owned(), json!({ "disabled": true })),
        ("/services/{id}", "/services/orders".to_owned(), json!({ "disabled": true })),
        ("/clients/{id}", format!("/clients/{}", client.id), json!({ "disabled": true })),
        ("/users/{id}", format!("/users/{}", BOB.id()), json!({ "disabled": true })),
        ("/limits/{id}", format!("/limits/{MINUTE_OF_FREE}"), json!({ "quota": 11 })),
        // Last, since it shuts what is the organization's.
        ("/orgs/{id}", format!("/orgs/{org}"), json!({ "disabled": true })),
    ];
    let patched = |one: &Endpoint| one.method == Method::PATCH.as_str();
    let changing: BTreeSet<&str> =
        endpoints().iter().filter(|one| patched(one)).map(|one| one.path).collect();
    assert_eq!(
        versioned.iter().map(|(path, ..)| *path).collect::<BTreeSet<_>>(),
        changing,
        "a sibling is missing"
    );
    for (path, filled, change) in versioned {
        let seen = app.get_api(&voice, &filled).await.header("etag");
        assert!(seen.starts_with('"'), "{path}: {seen}");
        let stale = app.patch_api(&voice, &filled, "\"1234\"", change.clone()).await;
        stale.is_problem(412, "precondition_failed");
        assert_eq!(app.get_api(&voice, &filled).await.header("etag"), seen, "{path}: nothing was changed");
        let changed = app.patch_api(&voice, &filled, &seen, change.clone()).await;
        changed.is(200);
        assert_eq!(app.get_api(&voice, &filled).await.header("etag"), changed.header("etag"), "{path}");
        if path != "/orgs/{id}/members/{user}" {
            assert_ne!(changed.header("etag"), seen, "{path}");
            app.patch_api(&voice, &filled, &seen, change).await.is_problem(412, "precondition_failed");
        }
    }
}

/// Makes and changes things, and looks at what is answered; the `client_id` of a client that there is now.
async fn changes(app: &App, voice: &Voice, document: &Value, org: PrincipalId) -> String {
    let ask = async |method: Method, path: &str, filled: &str, body: Value| {
        let answer = app.api(voice, method.clone(), filled, Some(body)).await;
        let said = &document["paths"][format!("/api/v1{path}")][method.as_str().to_lowercase()]["responses"];
        let schema = &said[answer.status.to_string()]["content"]["application/json"]["schema"];
        assert!(schema["properties"].is_object(), "{method} {path}: {} {}", answer.status, answer.body);
        fits(schema, &answer.json(), &format!("{method} {path}"));
        answer
    };
    let post = async |path: &str, filled: &str, body: Value| ask(Method::POST, path, filled, body).await;
    post("/services", "/services", json!({ "name": "billing" })).await;
    let route = json!({ "path": "/orders/{id}", "required_scope": "orders:read" });
    post("/services/{id}/routes", "/services/orders/routes", route).await;
    let grant = format!("/services/orders/grants/{org}");
    assert_eq!(app.api(voice, Method::PUT, &grant, None).await.status, 204);
    let shop = json!({ "client_name": "Shop", "account": org, "redirect_uris": ["https://shop.example/cb"] });
    let client = post("/clients", "/clients", shop).await.text("client_id");
    post("/clients/{id}/secrets", &format!("/clients/{client}/secrets"), json!({})).await;
    let eva = json!({ "identifier": "eva", "password": "a long enough password" });
    let eva = post("/users", "/users", eva).await.text("id");
    for (path, filled) in [
        ("/services/{id}", "/services/billing".to_owned()),
        ("/clients/{id}", format!("/clients/{client}")),
        ("/users/{id}", format!("/users/{eva}")),
    ] {
        ask(Method::PATCH, path, &filled, json!({ "disabled": true })).await;
    }
    client
}

/// As much of JSON Schema as our document uses.
#[track_caller]
fn fits(schema: &Value, value: &Value, place: &str) {
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = if value.is_null() { &choices[1] } else { &choices[0] };
        return fits(choice, value, place);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value}");
    }
    match schema["type"].as_str() {
        Some("object") => {
            let members = value.as_object().unwrap_or_else(|| panic!("{place}: {value}"));
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(members.contains_key(name.as_str().expect("a name")), "{place}: no {name}");
            }
            // An object of whatever members says so by naming none.
            let named = members.iter().filter(|_| schema["properties"].is_object());
            for (name, value) in named {
                let member = &schema["properties"][name];
                assert!(member.is_object(), "{place}: {name} is not documented");
                fits(member, value, &format!("{place}.{name}"));
            }
        }
        Some("array") => {
            for item in value.as_array().unwrap_or_else(|| panic!("{place}: {value}")) {
                fits(&schema["items"], item, place);
            }
        }
        Some("string") => assert!(value.is_string(), "{place}: {value}"),
        Some("boolean") => assert!(value.is_boolean(), "{place}: {value}"),
        Some("integer") => assert!(value.is_i64(), "{place}: {value}"),
        Some("null") => assert!(value.is_null(), "{place}: {value}"),
        other => panic!("{place}: a schema of type {other:?}"),
    }
}
