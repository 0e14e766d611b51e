//! Penalties: whoever goes on far beyond their limits is shut out for a while.

use chrono::Duration;
use grantor::audit::Actor;
use grantor::credentials::wish::Wish;
use grantor::kernel::{PrincipalId, RequestId};
use grantor::services::access::let_call;
use grantor::traffic::store::find;
use serde_json::Value;

use crate::support::{Answer, App, TestClient, eventually, told};

/// An organization of the plan `free`, with ten calls a minute, that is shut out for half a minute after more than three
/// refusals.
async fn scene() -> (App, PrincipalId) {
    scene_with(3).await
}

async fn scene_with(refusals: u32) -> (App, PrincipalId) {
    let app = App::with(|settings| {
        settings.limits.store = "memory".into();
        (settings.limits.penalty_refusals, settings.limits.penalty_s) = (refusals, 30);
    })
    .await;
    let org = app.org("Acme", None);
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    (app, org)
}

fn key(app: &App, org: PrincipalId, name: &str) -> String {
    app.api_key_of(org, &Wish { name: name.into(), scope: "orders:read".into(), ..Wish::default() })
}

async fn proxied(app: &App, key: &str) -> Answer {
    let request = app.request("GET", "/authz?service=orders").bearer_auth(key);
    Answer::to(request.header("x-original-method", "GET").header("x-original-uri", "/7")).await
}

async fn looked_at(app: &App, api: &TestClient, key: &str) -> Value {
    app.machine("/oauth/introspect", api, &[("token", key), ("service", "orders")]).await.json()
}

#[tokio::test]
async fn whoever_goes_on_is_shut_out_for_a_while_and_told_so() {
    let (app, org) = scene().await;
    let (bad, good) = (key(&app, org, "bad"), key(&app, org, "good"));
    for call in 0..14 {
        let answer = proxied(&app, &bad).await;
        let expected = if call < 10 { 200 } else { 429 };
        assert_eq!(answer.status, expected, "{}", answer.body);
        assert!(call < 10 || answer.error() == "rate_limited", "{}", answer.body);
    }
    let shut_out = proxied(&app, &bad).await;
    assert_eq!((shut_out.status, shut_out.error().as_str()), (429, "abnormal_usage"));
    let problem = shut_out.json();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#abnormal-usage-detected");
    assert_eq!((shut_out.header("retry-after"), &problem["retry_after"]), ("30".into(), &30.into()));
    assert_eq!(shut_out.header("ratelimit"), "", "nobody was asked how much is left");

    // Another key of the same account is within no limit either, but it is looked at.
    assert_eq!(proxied(&app, &good).await.error(), "rate_limited");

    app.advance(Duration::seconds(29));
    assert_eq!(proxied(&app, &bad).await.error(), "abnormal_usage");
    app.advance(Duration::seconds(40));
    assert_eq!(proxied(&app, &bad).await.status, 200);
}

#[tokio::test]
async fn introspection_and_the_log_say_why() {
    let (app, org) = scene().await;
    let (api, key) = (app.resource_server(), key(&app, org, "ci"));
    for _ in 0..10 {
        proxied(&app, &key).await.is_ok();
    }
    // Who only asks is not refused a call.
    for _ in 0..10 {
        assert_eq!(looked_at(&app, &api, &key).await["reason"], "rate_limited");
    }
    for _ in 0..4 {
        assert_eq!(proxied(&app, &key).await.error(), "rate_limited");
    }
    let told = looked_at(&app, &api, &key).await;
    assert_eq!((&told["active"], &told["authorized"]), (&true.into(), &false.into()));
    assert_eq!((&told["reason"], &told["retry_after"]), (&"abnormal_usage".into(), &30.into()));
    assert!(told.get("rate_limit").is_none());

    let refused = proxied(&app, &key).await;
    let id = RequestId::parse(&refused.header("x-request-id")).expect("an id");
    let look = || app.db.run_here(|connection| find(connection, id)).expect("a database");
    eventually("logged", async || look().is_some()).await;
    let story = look().expect("it was there");
    assert_eq!((story.decision.as_str(), story.error_code.as_deref()), ("limit", Some("abnormal_usage")));
    let last = story.checks.read::<Vec<Value>>().pop().expect("a check");
    assert_eq!((&last["check"], &last["outcome"]), (&"penalty".into(), &"refused".into()));
}

#[tokio::test]
async fn without_the_setting_nobody_is_shut_out() {
    let (app, org) = scene_with(0).await;
    let key = key(&app, org, "ci");
    for call in 0..30 {
        let answer = proxied(&app, &key).await;
        assert!(if call < 10 { answer.status == 200 } else { answer.error() == "rate_limited" });
    }
}

/// U12: a shut-out is one event, not one a call, and names the key.
#[tokio::test]
async fn a_caller_who_is_shut_out_is_told_once() {
    const KIND: &str = "caller.shut_out";
    let (app, org) = scene().await;
    let (bad, good) = (key(&app, org, "bad"), key(&app, org, "good"));
    for _ in 0..13 {
        proxied(&app, &bad).await;
    }
    let last = proxied(&app, &bad).await;
    assert_eq!(last.error(), "rate_limited");
    for _ in 0..9 {
        assert_eq!(proxied(&app, &bad).await.error(), "abnormal_usage");
    }
    // Refused, and not shut out.
    assert_eq!(proxied(&app, &good).await.error(), "rate_limited");
    eventually("told", async || !told(&app.db, KIND).is_empty()).await;
    let events = told(&app.db, KIND);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    let made = told(&app.db, "credential.created").into_iter().find(|event| event.data["name"] == "bad");
    let id = made.expect("a key").target_id;
    assert_eq!((event.outcome.as_str(), event.target_kind.as_deref()), ("denied", Some("credential")));
    assert_eq!(event.target_id, id);
    assert_eq!(event.request_id, Some(last.header("x-request-id")));
    assert_eq!(event.data, serde_json::json!({ "times": 1 }));
}

/// A client that acts for itself is shut out for itself, and not for all who do.
#[tokio::test]
async fn one_client_s_penalty_is_no_other_s() {
    let (app, _) = scene().await;
    let [bad, good] = [app.org("Bad", None), app.org("Good", None)].map(|org| {
        app.operator(|work| let_call(work, Actor::Operator, "orders", org));
        app.client_of(org, "orders:read")
    });
    let form = [("grant_type", "client_credentials"), ("scope", "orders:read")];
    let [bad, good] = [
        app.machine("/oauth/token", &bad, &form).await.text("access_token"),
        app.machine("/oauth/token", &good, &form).await.text("access_token"),
    ];
    for _ in 0..14 {
        proxied(&app, &bad).await;
    }
    assert_eq!(proxied(&app, &bad).await.error(), "abnormal_usage");
    assert_eq!(proxied(&app, &good).await.status, 200);
}
