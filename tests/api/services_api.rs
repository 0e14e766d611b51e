//! Services by the management API: what there is, what its parts ask for, who may call it.

use grantor::kernel::{PrincipalId, RequestPath};
use grantor::services::store::catalogue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, execute, settings, signing, told};

const SERVICES: &str = "services:*";

impl App {
    /// Ada, who administers the server, with these scopes.
    pub fn administrator(&self, scope: &str) -> Voice {
        self.promote_ada();
        self.voice_of(ADA, scope)
    }

    async fn names(&self, voice: &Voice) -> Vec<String> {
        let page = self.get_api(voice, "/services").await;
        page.is(200);
        page.members("name")
    }
}

impl Answer {
    /// A text member of every row of a page.
    pub fn members(&self, name: &str) -> Vec<String> {
        let page = self.json();
        let rows = page["data"].as_array().unwrap_or_else(|| panic!("no page: {}", self.body));
        rows.iter().map(|row| row[name].as_str().expect("a text").to_owned()).collect()
    }
}

fn billing() -> Value {
    json!({ "name": "billing", "audience": "https://billing.test", "display_name": "Billing", "open": false,
        "scopes": [{ "value": "billing:read", "sentence": "See your bills" },
                   { "value": "billing:pay", "sentence": "Pay your bills", "optional": true }] })
}

#[tokio::test]
async fn a_service_is_made_shown_shut_and_opened_again() {
    let app = App::start().await;
    let ada = app.administrator(SERVICES);
    let made = app.post_api(&ada, "/services", billing()).await;
    made.is(201);
    let shown = made.json();
    assert_eq!((&shown["name"], &shown["open"]), (&json!("billing"), &json!(false)));
    assert_eq!((&shown["access_token_format"], &shown["disabled_at"]), (&Value::Null, &Value::Null));
    let pay = json!({ "value": "billing:pay", "sentence": "Pay your bills", "optional": true });
    assert_eq!(shown["scopes"].as_array().map(|all| all.contains(&pay)), Some(true));
    for named in ["billing".to_owned(), made.text("id")] {
        let path = format!("/services/{named}");
        assert_eq!(app.get_api(&ada, &path).await.json(), shown);
        for disabled in [true, true, false] {
            let answer =
                app.api(&ada, Method::PATCH, &path, Some(json!({ "disabled": disabled }))).await.json();
            assert_eq!(answer["disabled_at"].is_string(), disabled, "{answer}");
        }
    }
    for kind in ["service.disabled", "service.enabled"] {
        let events = told(&app.db, kind);
        assert_eq!(events.len(), 2, "{kind}");
        assert!(events.iter().all(|event| event.actor_id == Some(ADA.id().uuid())), "{kind}");
    }
    let created = told(&app.db, "service.created");
    assert!(created.iter().any(|event| event.target_id == Some(made.text("id"))), "{created:?}");
    app.get_api(&ada, "/services/nothing").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_a_service_is_refused_and_what_is_taken_is_a_conflict() {
    let app = App::start().await;
    let ada = app.administrator(SERVICES);
    let scope = |value: &str, sentence: &str| json!([{ "value": value, "sentence": sentence }]);
    for (body, words) in [
        (json!({}), "the member name is required"),
        (json!({ "name": "oauth" }), "oauth is a name of this server's own"),
        (json!({ "name": "Billing" }), "1 to 63 characters"),
        (json!({ "name": "b", "audience": "*" }), "the audience must be"),
        (json!({ "name": "b", "audience": settings().issuer }), "this server's own name"),
        (json!({ "name": "b", "scopes": scope("keys:read", "Read keys") }), "this server's own management"),
        (json!({ "name": "b", "scopes": scope("a=b", "Read") }), "has no = in it"),
        (json!({ "name": "b", "scopes": scope("b:read", "") }), "the sentence of b:read"),
        (json!({ "name": "b", "scopes": [{ "value": "b:read" }] }), "scopes must be an array of objects"),
        (json!({ "name": "b", "scopes": [{ "value": "b", "sentence": "b", "x": 1 }] }), "array of objects"),
        (json!({ "name": "b", "access_token_format": "jwt" }), "no master key"),
        (json!({ "name": "b", "id": "1" }), "there is an unknown member"),
    ] {
        let answer = app.post_api(&ada, "/services", body.clone()).await;
        answer.is_problem(400, "invalid_request");
        assert!(answer.text("detail").contains(words), "{body}: {}", answer.body);
    }
    for taken in [
        json!({ "name": "orders" }),
        json!({ "name": "b", "audience": "https://orders.test" }),
        json!({ "name": "b", "scopes": scope("orders:read", "Read orders") }),
    ] {
        app.post_api(&ada, "/services", taken).await.is_problem(409, "conflict");
    }
    assert_eq!(app.names(&ada).await, ["orders", "people"]);

    let signing = App::with(|settings| signing(settings, "ES256")).await;
    let ada = signing.administrator(SERVICES);
    let made =
        signing.post_api(&ada, "/services", json!({ "name": "b", "access_token_format": "jwt" })).await;
    assert_eq!(made.text("access_token_format"), "jwt");
}

/// S01: others see what they, or those whom they see, may call; and change nothing.
#[tokio::test]
async fn s01_whoever_is_no_administrator_sees_what_they_may_call_and_changes_nothing() {
    let app = App::start().await;
    let (acme, other) = (app.org("Acme", Some(BOB)), app.org("Other", None));
    let ada = app.administrator(SERVICES);
    app.post_api(&ada, "/services", json!({ "name": "open", "open": true })).await.is(201);
    let (bob, key) = (app.voice_of(BOB, SERVICES), app.key_of(acme, SERVICES));
    assert_eq!(app.names(&ada).await, ["open", "orders", "people"]);
    for voice in [&bob, &key] {
        assert_eq!(app.names(voice).await, ["open"]);
        for path in ["/services/orders", "/services/orders/routes", "/services/orders/grants"] {
            app.get_api(voice, path).await.is_problem(404, "not_found");
        }
    }
    for granted in [acme, other] {
        let path = format!("/services/orders/grants/{granted}");
        app.api(&ada, Method::PUT, &path, None).await.is(204);
    }
    let both = app.get_api(&ada, "/services/orders/grants").await.members("name");
    assert_eq!(both.len(), 2, "{both:?}");
    for voice in [&bob, &key] {
        assert_eq!(app.names(voice).await, ["open", "orders"]);
        app.get_api(voice, "/services/orders").await.is(200);
        app.get_api(voice, "/services/orders/routes").await.is(200);
        assert_eq!(app.get_api(voice, "/services/orders/grants").await.members("name"), ["Acme"]);
        let grant = format!("/services/people/grants/{acme}");
        for (method, path, body) in [
            (Method::POST, "/services", Some(billing())),
            (Method::PATCH, "/services/orders", Some(json!({ "disabled": true }))),
            (Method::POST, "/services/orders/routes", Some(json!({ "path": "/free", "required_scope": "" }))),
            (Method::DELETE, "/services/orders/routes/0190163d-8694-739b-aea5-966c26f8ad91", None),
            (Method::PUT, grant.as_str(), None),
            (Method::DELETE, grant.as_str(), None),
        ] {
            app.api(voice, method, path, body).await.is_problem(403, "forbidden");
        }
    }
}

#[tokio::test]
async fn a_grant_is_given_and_taken_back_as_often_as_it_is_said_and_told_once() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(BOB));
    let ada = app.administrator(SERVICES);
    let path = format!("/services/orders/grants/{acme}");
    for (method, kind) in [(Method::PUT, "service.granted"), (Method::DELETE, "service.withdrawn")] {
        for _ in 0..2 {
            app.api(&ada, method.clone(), &path, None).await.is(204);
        }
        let events = told(&app.db, kind);
        assert_eq!(events.len(), 1, "{kind}");
        assert_eq!(events[0].actor_id, Some(ADA.id().uuid()));
        assert_eq!(events[0].data["principal"], json!(acme));
        let rows = app.get_api(&ada, "/services/orders/grants").await.members("principal");
        let expected: Vec<String> = if method == Method::PUT { vec![acme.to_string()] } else { Vec::new() };
        assert_eq!(rows, expected);
    }
    let nobody = PrincipalId::from_uuid(uuid::Uuid::from_u128(9));
    for id in [nobody.to_string(), "words".to_owned()] {
        let path = format!("/services/orders/grants/{id}");
        app.api(&ada, Method::PUT, &path, None).await.is_problem(404, "not_found");
    }
    let nothing = format!("/services/nothing/grants/{acme}");
    app.api(&ada, Method::PUT, &nothing, None).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn routes_are_added_in_order_listed_and_removed() {
    let app = App::start().await;
    let ada = app.administrator(SERVICES);
    let add = async |body: Value| app.post_api(&ada, "/services/orders/routes", body).await;
    let all = add(json!({ "path": "/orders/**", "cost": 5 })).await;
    all.is(201);
    assert_eq!((&all.json()["required_scope"], &all.json()["methods"]), (&Value::Null, &json!([])));
    let free =
        json!({ "path": "/orders/public/**", "methods": ["GET"], "required_scope": "", "position": 0 });
    let free = add(free).await;
    free.is(201);
    assert_eq!((&free.json()["required_scope"], &free.json()["cost"]), (&json!(""), &json!(1)));
    let path = "/services/orders/routes";
    assert_eq!(app.get_api(&ada, path).await.members("path"), ["/orders/public/**", "/orders/**"]);
    let first = app.get_api(&ada, &format!("{path}?limit=1")).await;
    assert_eq!(first.members("path"), ["/orders/public/**"]);
    let next = format!("{path}?limit=1&cursor={}", first.text("next_cursor"));
    assert_eq!(app.get_api(&ada, &next).await.members("path"), ["/orders/**"]);
    // What is asked is what calls are asked.
    let known = app.ledger.read_here(catalogue).expect("a database");
    let service = known.named("orders").expect("the service");
    let public = RequestPath::parse("/orders/public/a").expect("a path");
    assert_eq!(service.need("GET", &public).access.as_scope(), "");

    for (body, words) in [
        (json!({}), "the member path is required"),
        (json!({ "path": "orders" }), "/"),
        (json!({ "path": "/a", "methods": ["get"] }), "get is no method"),
        (json!({ "path": "/a", "required_scope": "a\"b" }), "scope must be"),
        (json!({ "path": "/a", "cost": -1 }), "cost: "),
        (json!({ "path": "/a", "cost": 1_000_001 }), "a call costs 0 to"),
        (json!({ "path": "/a", "position": 3_000_000_000_u64 }), "position: "),
    ] {
        let answer = add(body.clone()).await;
        answer.is_problem(400, "invalid_request");
        assert!(answer.text("detail").contains(words), "{body}: {}", answer.body);
    }
    let one = format!("{path}/{}", free.text("id"));
    let elsewhere = one.replace("orders", "people");
    app.api(&ada, Method::DELETE, &elsewhere, None).await.is_problem(404, "not_found");
    app.api(&ada, Method::DELETE, &one, None).await.is(204);
    app.api(&ada, Method::DELETE, &one, None).await.is_problem(404, "not_found");
    assert_eq!(app.get_api(&ada, path).await.members("path"), ["/orders/**"]);
    assert_eq!(
        (told(&app.db, "service.route_added").len(), told(&app.db, "service.route_removed").len()),
        (2, 1)
    );
}

/// S05: pages are whole, whatever order the database has for texts.
#[tokio::test]
async fn s05_pages_of_services_are_whole() {
    let app = App::start().await;
    let ada = app.administrator(SERVICES);
    for number in 0..4 {
        for joint in ["-", "_", ""] {
            let statement = format!(
                "INSERT INTO services (id, name, audience, display_name, created_at) VALUES \
                 (gen_random_uuid(), 'a{joint}{number}', 'a{joint}{number}', 'A', now())"
            );
            execute(&app.db, &statement).expect("a service");
        }
    }
    let (mut seen, mut path) = (Vec::new(), "/services?limit=3".to_owned());
    loop {
        let page = app.get_api(&ada, &path).await;
        seen.extend(page.members("name"));
        let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        path = format!("/services?limit=3&cursor={cursor}");
    }
    let mut all = seen.clone();
    all.sort();
    all.dedup();
    assert_eq!((seen.len(), all.len()), (14, 14), "{seen:?}");
}
