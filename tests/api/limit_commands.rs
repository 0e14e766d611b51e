//! `grantor limit`, as operators run it.

use grantor::audit::Actor;
use grantor::credentials::CredentialKind;
use grantor::credentials::making::{Made, Maker, create};
use grantor::credentials::wish::Wish;
use grantor::services::access::let_call;
use serde_json::{Value, json};

use crate::commands::{Grantor, over_a_database};
use crate::support::{App, eventually, told};

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

#[test]
fn a_limit_is_set_listed_and_removed() {
    let (_database, grantor) = over_a_database();
    assert_eq!(rows(&grantor.json(&["limit", "list"])).len(), 6, "those of the built-in plans");
    let limit =
        grantor.json(&["limit", "set", "minute", "--quota", "30", "--window", "60s", "--plan", "pro"]);
    assert_eq!(
        (&limit["plan"], &limit["kind"], &limit["quota"], &limit["window_s"]),
        (&json!("pro"), &json!("sliding"), &json!(30), &json!(60))
    );
    let of_pro = grantor.json(&["limit", "list", "--plan", "PRO"]);
    assert_eq!(rows(&of_pro).len(), 2, "the one of this name says something else now");
    assert!(rows(&of_pro).contains(&limit));

    let month = grantor.json(&[
        "limit", "set", "month", "--quota", "5000", "--window", "month", "--unit", "cost", "--plan", "pro",
    ]);
    assert_eq!(
        (&month["kind"], &month["window_s"], &month["unit"]),
        (&json!("calendar"), &json!(2_592_000), &json!("cost"))
    );
    let bucket = ["limit", "set", "burst", "--quota", "50", "--window", "5s", "--kind", "bucket"];
    let bucket = grantor.json(&[&bucket[..], &["--on-error", "closed", "--plan", "pro"]].concat());
    assert_eq!((&bucket["kind"], &bucket["on_error"]), (&json!("bucket"), &json!("closed")));
    let endless =
        grantor.json(&["limit", "set", "minute", "--unlimited", "--window", "60s", "--plan", "enterprise"]);
    assert_eq!(endless["quota"], Value::Null);

    let listed = grantor.run(&["limit", "list", "--plan", "pro"]);
    listed.is_done();
    assert!(listed.out.contains("30 requests in 60 s, sliding"), "{}", listed.out);
    let id = month["id"].as_str().expect("an id");
    assert_eq!(grantor.json(&["limit", "remove", id]), json!({ "id": id, "removed": true }));
    grantor.run(&["limit", "remove", "minute", "--plan", "pro"]).is_done();
    grantor
        .run(&["limit", "remove", "minute", "--plan", "pro"])
        .is_refused("there is no limit minute; see `grantor limit list`");
    grantor
        .run(&["limit", "remove", id])
        .is_refused(&format!("there is no limit {id}; see `grantor limit list`"));
    assert_eq!(rows(&grantor.json(&["limit", "list", "--plan", "pro"])).len(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let (_database, grantor) = over_a_database();
    let set = |more: &[&str]| grantor.run(&[&["limit", "set"], more].concat());
    for (more, words) in [
        (
            &["minute", "--quota", "1", "--window", "60s"][..],
            "name a plan, a principal, a credential or a service: whom does it bind?",
        ),
        (&["minute", "--quota", "1", "--window", "60s", "--plan", "gold"], "plan: there is no gold"),
        (
            &["minute", "--quota", "1", "--window", "60s", "--org", "Nobody"],
            "there is no organization Nobody",
        ),
        (&["minute", "--quota", "1", "--window", "60s", "--service", "mail"], "service: there is no mail"),
        (
            &["minute", "--quota", "1", "--window", "60s", "--credential", "gak_none"],
            "there is no key or token gak_none",
        ),
        (
            &["minute", "--quota", "1", "--window", "60s", "--kind", "fixed", "--plan", "pro"],
            "a limit is sliding, calendar, bucket or concurrent",
        ),
        (
            &["minute", "--quota", "1", "--window", "8d", "--plan", "pro"],
            "the window of a limit is 1 second to 7 days",
        ),
    ] {
        set(more).is_refused(words);
    }
    // What the command line itself does not allow.
    for more in [
        &["minute", "--window", "60s", "--plan", "pro"][..],
        &["minute", "--quota", "1", "--unlimited", "--window", "60s", "--plan", "pro"],
        &["minute", "--quota", "1", "--window", "soon", "--plan", "pro"],
        &["minute", "--quota", "1", "--window", "60s", "--plan", "pro", "--org", "Acme"],
        &["minute", "--quota", "1", "--window", "60s", "--route", "0190163d-8694-739b-aea5-966c26f8ad91"],
    ] {
        assert_eq!(set(more).code, 2, "{more:?}");
    }
    assert_eq!(grantor.run(&["limit", "status"]).code, 2, "whose?");
    assert_eq!(rows(&grantor.json(&["limit", "list"])).len(), 6);
}

/// A running server hears of what a command sets, and of what it gives back.
#[tokio::test]
async fn what_is_set_and_given_back_counts_at_a_running_server() {
    let app = App::with(|settings| {
        settings.limits.leases = false;
        settings.limits.timeout_ms = 10_000;
    })
    .await;
    let (api, org) = (app.resource_server(), app.org("Acme", None));
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    let key: Made = {
        let wish = Wish { name: "ci".into(), scope: "orders:read".into(), ..Wish::default() };
        let maker = Maker { actor: Actor::Operator, settings: &app.settings.credentials };
        app.operator(|work| create(work, maker, CredentialKind::ApiKey, org, &wish).map(Ok)).expect("a key")
    };
    let id = key.credential.id.to_string();
    let grantor = Grantor::over(&app.settings.database.url);
    let run = async |arguments: &[&str]| {
        let (grantor, arguments) =
            (grantor.clone(), arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        let run = tokio::task::spawn_blocking(move || {
            grantor.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        });
        run.await.expect("a command")
    };
    let call = async || {
        let form = [("token", key.secret.expose()), ("service", "orders"), ("consume", "1")];
        app.machine("/oauth/introspect", &api, &form).await.json()["authorized"] == true
    };
    assert!(call().await, "of the plan's own ten");
    run(&["limit", "set", "minute", "--quota", "2", "--window", "1h", "--credential", &id]).await;
    let quota = async || {
        let form = [("token", key.secret.expose()), ("service", "orders")];
        let told = app.machine("/oauth/introspect", &api, &form).await.json();
        told["rate_limit"]["policies"][0]["quota"].clone()
    };
    eventually("the server heard of it", async || quota().await == 2).await;
    assert!(call().await && call().await && !call().await);
    let left = |status: &Value| {
        let limits = status["limits"].as_array().expect("limits");
        limits
            .iter()
            .map(|limit| (limit["name"].as_str().expect("a name").to_owned(), limit["remaining"].as_u64()))
            .collect::<Vec<_>>()
    };
    let whose = ["--credential", id.as_str(), "--service", "orders"];
    let status = run(&[&["limit", "status"], &whose[..]].concat()).await;
    assert_eq!(left(&status), [("minute".to_owned(), Some(0)), ("day".to_owned(), Some(97))]);
    assert_eq!((&status["account"], &status["plan"]), (&json!(org), &json!("free")));
    let given = run(&[&["limit", "reset"], &whose[..]].concat()).await;
    assert_eq!(left(&given), [("minute".to_owned(), Some(2)), ("day".to_owned(), Some(100))]);
    assert!(call().await && call().await && !call().await);
    let events = told(&app.db, "limit.reset");
    assert_eq!((events.len(), events[0].actor_kind.as_str()), (1, "operator"));
}

#[test]
fn what_only_the_server_knows_is_said_to_be() {
    let (database, grantor) = over_a_database();
    grantor.run(&["org", "create", "Acme"]).is_done();
    grantor.run(&["limit", "status", "--org", "Acme"]).is_done();
    let in_memory =
        Grantor::with(&[("GRANTOR_DATABASE__URL", &database.url), ("GRANTOR_LIMITS__STORE", "memory")]);
    in_memory.run(&["limit", "status", "--org", "Acme"]).is_refused(
        "with limits.store = \"memory\" only the server knows what was used: ask it, at /api/v1/limits/status",
    );
}
