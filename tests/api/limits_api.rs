//! Limits at the management API: who sets them, who sees them, and what is left of them.

use chrono::Duration;
use grantor::audit::Actor;
use grantor::credentials::CredentialKind;
use grantor::credentials::making::{Made, Maker, create};
use grantor::credentials::wish::Wish;
use grantor::decision::limits::flow;
use grantor::decision::limits::named::Named;
use grantor::kernel::PrincipalId;
use grantor::limits::limit::{Terms, Wording};
use grantor::services::access::let_call;
use grantor::services::routes::registration::{NewRoute, add};
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, count, told};

const ALL: &str = "limits:* keys:* pats:*";

fn key(app: &App, owner: PrincipalId, kind: CredentialKind) -> Made {
    let wish = Wish { name: "ci".into(), scope: "orders:read".into(), ..Wish::default() };
    let maker = Maker { actor: Actor::Operator, settings: &app.settings.credentials };
    app.operator(|work| create(work, maker, kind, owner, &wish).map(Ok)).expect("a key")
}

/// A server that waits for its database, however busy the machine is.
async fn patient() -> App {
    App::with(|settings| settings.limits.timeout_ms = 10_000).await
}

/// A limit that an operator set; its id.
fn set(app: &App, named: &Named, quota: i64) -> String {
    let wording = Wording {
        name: "minute",
        kind: "sliding",
        quota: Some(quota),
        window_s: 60,
        unit: "requests",
        on_error: "closed",
    };
    let terms = Terms::read(&wording).expect("terms");
    // Ids of one moment have no order.
    app.clock.advance(Duration::seconds(1));
    app.operator(|work| flow::set(work, Actor::Operator, named, terms)).limit.id.to_string()
}

fn minute(more: &Value) -> Value {
    let mut body = json!({ "name": "minute", "kind": "sliding", "quota": 30, "window_s": 60 });
    body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
    body
}

/// What is left, as `minute=10 day=100`.
fn left(status: &Answer) -> String {
    status.is(200);
    let status = status.json();
    let limits = status["limits"].as_array().expect("limits");
    let one = |limit: &Value| format!("{}={}", limit["name"].as_str().expect("a name"), limit["remaining"]);
    limits.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn ids(page: &Answer) -> Vec<String> {
    page.is(200);
    let page = page.json();
    let rows = page["data"].as_array().expect("a page");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

async fn delete(app: &App, voice: &Voice, path: &str, tag: &str) -> Answer {
    let request = app.http.delete(format!("{}/api/v1{path}", app.address)).bearer_auth(&voice.0);
    Answer::to(request.header("If-Match", tag)).await
}

#[tokio::test]
async fn a_limit_is_made_shown_changed_and_deleted() {
    let app = patient().await;
    app.promote_ada();
    let (ada, org) = (app.voice_of(ADA, ALL), app.org("Acme", None));
    let status = format!("/limits/status?principal={org}");
    assert_eq!(left(&app.get_api(&ada, &status).await), "minute=10 day=100");

    let made = app.post_api(&ada, "/limits", minute(&json!({ "principal": org }))).await;
    made.is(201);
    let (id, path) = (made.text("id"), format!("/limits/{}", made.text("id")));
    assert_eq!(
        (made.header("etag"), made.text("unit"), made.text("on_error")),
        ("\"1\"".into(), "requests".into(), "local".into())
    );
    assert_eq!((&made.json()["principal"], &made.json()["plan"]), (&json!(org), &Value::Null));
    assert_eq!(left(&app.get_api(&ada, &status).await), "minute=30 day=100", "it binds at once");
    let shown = app.get_api(&ada, &path).await;
    assert_eq!((shown.json(), shown.header("etag")), (made.json(), "\"1\"".into()));
    app.post_api(&ada, "/limits", minute(&json!({ "principal": org }))).await.is_problem(409, "conflict");

    let change = json!({ "quota": 40, "unit": "cost" });
    app.patch_api(&ada, &path, "\"7\"", change.clone()).await.is_problem(412, "precondition_failed");
    let changed = app.patch_api(&ada, &path, "\"1\"", change).await;
    changed.is(200);
    assert_eq!((changed.header("etag"), &changed.json()["quota"]), ("\"2\"".into(), &json!(40)));
    assert_eq!((changed.text("unit"), changed.text("name")), ("cost".into(), "minute".into()));
    // Nothing is left out by not being named, and null is as much as one likes.
    let endless = app.api(&ada, Method::PATCH, &path, Some(json!({ "quota": null }))).await;
    assert_eq!((&endless.json()["quota"], endless.text("unit")), (&Value::Null, "cost".into()));
    assert_eq!(left(&app.get_api(&ada, &status).await), "day=100");

    delete(&app, &ada, &path, "\"2\"").await.is_problem(412, "precondition_failed");
    delete(&app, &ada, &path, "\"3\"").await.is(204);
    app.get_api(&ada, &path).await.is_problem(404, "not_found");
    delete(&app, &ada, &path, "*").await.is_problem(404, "not_found");
    assert_eq!(left(&app.get_api(&ada, &status).await), "minute=10 day=100");
    let mut events = told(&app.db, "limit.set");
    events.extend(told(&app.db, "limit.deleted"));
    assert_eq!(events.len(), 4);
    for event in events {
        assert_eq!((event.actor_kind.as_str(), event.target_id.as_deref()), ("user", Some(id.as_str())));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_said_to() {
    let app = patient().await;
    app.promote_ada();
    let (ada, org) = (app.voice_of(ADA, ALL), app.org("Acme", None));
    let key = key(&app, org, CredentialKind::ApiKey).credential.id;
    let nobody = "0190163d-8694-739b-aea5-966c26f8ad91";
    let before = count(&app.db, "limits");
    for (more, words) in [
        (json!({}), "name a plan, a principal, a credential or a service: whom does it bind?"),
        (json!({ "plan": "pro", "principal": org }), "name one of plan, principal and credential"),
        (json!({ "principal": org, "credential": key }), "name one of plan, principal and credential"),
        (json!({ "plan": "gold" }), "plan: there is no gold"),
        (json!({ "principal": nobody }), "principal: there is none of this id"),
        (json!({ "principal": "acme" }), "principal is no id"),
        (json!({ "credential": nobody }), "credential: there is none of this id"),
        (json!({ "service": "parcels" }), "service: there is no parcels"),
        (json!({ "service": "orders", "route": nobody }), "route: orders has none of this id"),
        (json!({ "plan": "pro", "route": nobody }), "a route is one of a service: name that, too"),
        (
            json!({ "plan": "pro", "kind": "fixed" }),
            "the member kind must be one of sliding, calendar, bucket, concurrent",
        ),
        (json!({ "plan": "pro", "quota": -1 }), "a quota is 0 to 1000000000, or none"),
        (json!({ "plan": "pro", "quota": u64::MAX }), "the member quota must be a whole number or null"),
        (json!({ "plan": "pro", "window_s": 0 }), "the window of a limit is 1 second to 7 days"),
        (
            json!({ "plan": "pro", "name": "A b" }),
            "the name of a limit is 1 to 32 of a-z, 0-9, - and _, and begins with a letter",
        ),
        (
            json!({ "plan": "pro", "kind": "concurrent", "unit": "cost" }),
            "a concurrent limit counts requests",
        ),
    ] {
        let answer = app.post_api(&ada, "/limits", minute(&more)).await;
        answer.is_problem(400, "invalid_request");
        assert_eq!(answer.text("detail"), words, "{more}");
    }
    assert_eq!(count(&app.db, "limits"), before);
    for path in ["/limits/status", &format!("/limits/status?principal={org}&credential={key}")] {
        app.get_api(&ada, path).await.is_problem(400, "invalid_request");
    }
    app.get_api(&ada, &format!("/limits/status?principal={nobody}")).await.is_problem(404, "not_found");
    app.get_api(&ada, &format!("/limits?whose={org}")).await.is_problem(400, "invalid_request");
}

/// Tenancy: those of plans and services are everybody's to know, those of somebody are not.
#[tokio::test]
async fn s01_limits_of_somebody_are_seen_by_those_who_see_them() {
    let app = patient().await;
    let (acme, other) = (app.org("Acme", Some(ADA)), app.org("Other", Some(BOB)));
    for org in [acme, other] {
        app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    }
    let (ada, bob) = (app.voice_of(ADA, ALL), app.voice_of(BOB, ALL));
    let of_key = key(&app, acme, CredentialKind::ApiKey).credential.id;
    let of_ada = key(&app, ADA.id(), CredentialKind::PersonalToken).credential.id;
    let common = set(&app, &Named { service: Some("orders".into()), ..Named::default() }, 5);
    let own = [
        Named { principal: Some(acme), ..Named::default() },
        Named { credential: Some(of_key), ..Named::default() },
        Named { credential: Some(of_ada), service: Some("orders".into()), ..Named::default() },
    ]
    .map(|named| set(&app, &named, 5));
    let of_plans = 6;
    assert_eq!(ids(&app.get_api(&ada, "/limits").await).len(), of_plans + 4);
    let seen = ids(&app.get_api(&bob, "/limits").await);
    assert_eq!(seen.len(), of_plans + 1);
    assert!(seen.contains(&common));
    assert!(ids(&app.get_api(&bob, &format!("/limits?principal={acme}")).await).is_empty());
    app.get_api(&bob, &format!("/limits/{common}")).await.is(200);
    for id in &own {
        let path = format!("/limits/{id}");
        app.get_api(&ada, &path).await.is(200);
        app.get_api(&bob, &path).await.is_problem(404, "not_found");
        // Whoever sees it may not change it, and to whoever does not it is not there.
        for (voice, status, error) in [(&ada, 403, "forbidden"), (&bob, 404, "not_found")] {
            app.patch_api(voice, &path, "*", json!({ "quota": 1 })).await.is_problem(status, error);
            delete(&app, voice, &path, "*").await.is_problem(status, error);
        }
    }
    for who in [format!("principal={acme}"), format!("credential={of_key}"), format!("credential={of_ada}")] {
        let path = format!("/limits/status?{who}");
        app.get_api(&ada, &path).await.is(200);
        app.get_api(&bob, &path).await.is_problem(404, "not_found");
    }
    // A key of the organization sees its limits, and no personal token of a member's.
    let org = app.key_of(acme, "limits:read");
    app.get_api(&org, &format!("/limits/{}", own[1])).await.is(200);
    app.get_api(&org, &format!("/limits/{}", own[2])).await.is_problem(404, "not_found");
    for voice in [&ada, &bob] {
        let made = app.post_api(voice, "/limits", minute(&json!({ "principal": acme }))).await;
        made.is_problem(403, "forbidden");
        let reset = app.post_api(voice, "/limits/reset", json!({ "principal": acme })).await;
        reset.is_problem(403, "forbidden");
    }
    assert_eq!(count(&app.db, "limits"), 10);
}

#[tokio::test]
async fn limits_are_listed_in_pages_and_by_what_they_bind() {
    let app = patient().await;
    app.promote_ada();
    let ada = app.voice_of(ADA, ALL);
    let route = NewRoute { pattern: "/exports/**".into(), ..NewRoute::default() };
    let route =
        app.operator(|work| Ok(Ok(add(work, Actor::Operator, "orders", &route)?))).expect("a route").id;
    let orders = Some("orders".to_owned());
    let on_service =
        set(&app, &Named { plan: Some("pro".into()), service: orders.clone(), ..Named::default() }, 5);
    let on_route = set(&app, &Named { service: orders, route: Some(route), ..Named::default() }, 5);
    let listed = async |query: &str| ids(&app.get_api(&ada, &format!("/limits?{query}")).await);
    assert_eq!(listed("service=orders").await, [on_service.clone(), on_route.clone()]);
    assert_eq!(listed(&format!("route={route}")).await, std::slice::from_ref(&on_route));
    assert_eq!(listed("plan=pro").await.len(), 3);
    assert_eq!(listed("plan=pro&service=orders").await, [on_service]);
    assert!(listed("service=parcels").await.is_empty());
    let shown = app.get_api(&ada, &format!("/limits/{on_route}")).await;
    assert_eq!((shown.text("service"), shown.text("route")), ("orders".into(), route.to_string()));

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get_api(&ada, &format!("/limits?limit=3{cursor}")).await;
        let rows = ids(&page);
        assert!((1..=3).contains(&rows.len()));
        seen.extend(rows);
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, listed("").await);
    assert_eq!(seen.len(), 8);
}

/// Of a quota that is shared, what was used is given back to all who share it; and it is told.
#[tokio::test]
async fn what_is_left_is_shown_and_what_was_used_is_given_back() {
    let app = patient().await;
    app.promote_ada();
    let (ada, api, org) = (app.voice_of(ADA, ALL), app.resource_server(), app.org("Acme", None));
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    let key = key(&app, org, CredentialKind::ApiKey);
    set(&app, &Named { credential: Some(key.credential.id), ..Named::default() }, 5);
    set(&app, &Named { service: Some("orders".into()), ..Named::default() }, 7);
    let call = async || {
        let form = [("token", key.secret.expose()), ("service", "orders"), ("consume", "1")];
        let told = app.machine("/oauth/introspect", &api, &form).await.json();
        told["authorized"] == true
    };
    let of_key = format!("/limits/status?credential={}&service=orders", key.credential.id);
    let of_org = format!("/limits/status?principal={org}&service=orders");
    assert_eq!(left(&app.get_api(&ada, &of_key).await), "minute=5 day=100 minute@service=7");
    for _ in 0..5 {
        assert!(call().await);
    }
    assert!(!call().await);
    assert_eq!(left(&app.get_api(&ada, &of_key).await), "minute=0 day=95 minute@service=2");
    // The organization has a minute of its own; of the day and of the service it has what its key left.
    assert_eq!(left(&app.get_api(&ada, &of_org).await), "minute=10 day=95 minute@service=2");

    let reset = json!({ "credential": key.credential.id, "service": "orders" });
    let given = app.post_api(&ada, "/limits/reset", reset).await;
    assert_eq!(left(&given), "minute=5 day=100 minute@service=7");
    for _ in 0..5 {
        assert!(call().await);
    }
    assert!(!call().await, "given back once");
    let events = told(&app.db, "limit.reset");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].target_id.as_deref(), Some(key.credential.id.to_string().as_str()));
    assert_eq!(events[0].data["limits"], json!(["minute", "day", "minute@service"]));
    assert_eq!(events[0].data["account"], json!(org));
}
