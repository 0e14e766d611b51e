//! The management API of what was done: calls, usage, events, copies of them, and the proof that nobody changed them.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use grantor::accounts::organizations::Role;
use grantor::app::settings::Settings;
use grantor::audit::chain::{Kept, Scope, standing, verify};
use grantor::audit::{Actor, Event, Kind};
use grantor::kernel::{CredentialId, PrincipalId, RequestId, ServiceId};
use grantor::platform::context::Context;
use grantor::platform::db;
use grantor::platform::entropy::Entropy;
use grantor::services::access::let_call;
use grantor::traffic::{LimitState, Step, Story};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::commands::Grantor;
use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, MASTER_KEY, START, count, eventually, execute, signing, told};

const READER: &str = "usage:read audit:read";
const SERVICE: u128 = 9;

/// How a call ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Allowed,
    Denied,
    Limited,
}

/// A call at this moment, for this account.
fn call(when: DateTime<Utc>, account: PrincipalId, end: End) -> Story {
    let request = RequestId::from_uuid(Entropy.id(when));
    let mut story = Story::of(request, &Context::operator(when));
    (story.call.method, story.call.path) = ("POST".into(), "/orders".into());
    story.call.service = Some(ServiceId::from_uuid(Uuid::from_u128(SERVICE)));
    story.who.account = Some(account);
    story.who.credential = Some(CredentialId::from_uuid(Uuid::from_u128(account.uuid().as_u128() ^ 1)));
    story.passed(Step::Bearer);
    match end {
        End::Allowed => story.allowed(2, None),
        End::Denied => story.denied(Step::Scope, 403, "insufficient_scope", "orders:write is missing"),
        End::Limited => {
            story.measured(vec![LimitState {
                name: "minute".into(),
                quota: Some(10),
                window: 60,
                remaining: 0,
                reset_in: 17,
                exceeded: true,
            }]);
            story.limited("minute", "10 of 10 are taken");
        }
    }
    story.took(Duration::from_millis(12), None);
    story
}

/// Has these logged; their ids.
async fn log(app: &App, stories: Vec<Story>) -> Vec<String> {
    let ids: Vec<String> = stories.iter().map(|story| story.request().to_string()).collect();
    let before = count(&app.db, "request_log");
    for story in stories {
        app.traffic().record(story).await.expect("room");
    }
    let many = i64::try_from(ids.len()).expect("few");
    eventually("logged", async || count(&app.db, "request_log") == before + many).await;
    ids
}

/// Some calls of two accounts, a minute apart.
async fn some_calls(app: &App, accounts: [PrincipalId; 2]) -> Vec<String> {
    let ends = [End::Allowed, End::Denied, End::Limited];
    let calls = (0..12).map(|number: usize| {
        let when = *START + TimeDelta::minutes(i64::try_from(number).expect("few"));
        call(when, accounts[number % 2], ends[number % 3])
    });
    log(app, calls.collect()).await
}

/// The id of a call that a limit refused, once it is logged.
pub async fn a_limited_call(app: &App, account: PrincipalId) -> String {
    log(app, vec![call(*START, account, End::Limited)]).await.remove(0)
}

/// Every page of a listing.
async fn pages(app: &App, voice: &Voice, path: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer = app.get_api(voice, &format!("{path}{joint}limit={limit}{cursor}")).await;
        answer.is(200);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let page = answer.json();
        let rows = page["data"].as_array().expect("rows").clone();
        assert!(rows.len() <= limit);
        all.extend(rows);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn members(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// The same command over the same database.
fn grantor(app: &App) -> Grantor {
    Grantor::with(&[
        ("GRANTOR_DATABASE__URL", &app.settings.database.url),
        ("GRANTOR_SIGNING__MASTER_KEY", MASTER_KEY),
    ])
}

/// An administrator who reads, and another person who does.
fn readers(app: &App) -> (Voice, Voice) {
    app.promote_ada();
    (app.voice_of(ADA, READER), app.voice_of(BOB, READER))
}

// ---- calls ----------------------------------------------------------------------------------------------

#[tokio::test]
async fn calls_are_listed_newest_first_by_page_and_by_what_they_are() {
    let app = App::start().await;
    let (admin, _) = readers(&app);
    let (one, other) = (app.org("One", None), app.org("Other", None));
    let mut ids = some_calls(&app, [one, other]).await;
    ids.reverse();
    assert_eq!(members(&pages(&app, &admin, "/requests", 5).await, "request_id"), ids);

    let of = async |query: &str| pages(&app, &admin, &format!("/requests?{query}"), 200).await;
    let calls = of(&format!("account={one}")).await;
    assert_eq!((calls.len(), calls.iter().all(|call| call["account_id"] == json!(one))), (6, true));
    let key = calls[0]["credential_id"].as_str().expect("a key").to_owned();
    assert_eq!(of(&format!("credential={key}")).await, calls);
    assert_eq!(of(&format!("service={}", Uuid::from_u128(SERVICE))).await.len(), 12);
    assert_eq!(of(&format!("service={}", Uuid::from_u128(8))).await.len(), 0);
    for (query, many) in [
        ("status=429", 4),
        ("status=4xx", 8),
        ("status=200", 4),
        ("decision=limit", 4),
        ("decision=deny&status=403", 4),
        ("decision=deny&status=429", 0),
        ("since=2026-11-21T12:10:00Z", 2),
        ("until=2026-11-21T12:10:00Z", 10),
        ("since=2026-11-21T12:03:00Z&until=2026-11-21T13:05:00%2B01:00", 2),
    ] {
        assert_eq!(of(query).await.len(), many, "{query}");
    }
    let told = grantor(&app).json(&["request", "list", "--status", "4xx"]);
    assert_eq!(told["data"], json!(of("status=4xx").await));
}

#[tokio::test]
async fn the_story_of_a_call_is_the_one_that_the_command_tells() {
    let app = App::start().await;
    let (admin, _) = readers(&app);
    let ids = log(&app, vec![call(*START, app.org("One", None), End::Limited)]).await;
    let story = app.get_api(&admin, &format!("/requests/{}", ids[0])).await;
    story.is(200);
    assert_eq!(story.header("cache-control"), "no-store");
    let story = story.json();
    assert_eq!(story, grantor(&app).json(&["request", "show", &ids[0]]));
    assert_eq!(
        story["checks"],
        json!([
            { "check": "bearer", "outcome": "passed" },
            { "check": "limits", "outcome": "refused", "why": "10 of 10 are taken" },
        ])
    );
    assert_eq!(
        (&story["limits"][0]["remaining"], &story["limits"][0]["exceeded"]),
        (&json!(0), &json!(true))
    );
    for nobody in [Entropy.id(*START).to_string(), Uuid::from_u128(7).to_string(), "x".to_owned()] {
        app.get_api(&admin, &format!("/requests/{nobody}")).await.is_problem(404, "not_found");
    }
}

/// S01: what belongs to another account does not exist; whoever sees an organization does not see all that is done there.
#[tokio::test]
async fn s01_calls_are_seen_by_whoever_may_read_what_an_account_did() {
    let app = App::start().await;
    let (admin, bob) = readers(&app);
    let (own, foreign) = (app.org("Own", None), app.org("Foreign", None));
    let ids = some_calls(&app, [own, foreign]).await;
    log(&app, vec![call(*START, BOB.id(), End::Allowed)]).await;
    let seen = async |voice: &Voice| -> BTreeSet<String> {
        members(&pages(&app, voice, "/requests", 200).await, "account_id").into_iter().collect()
    };
    let text = |ids: &[PrincipalId]| -> BTreeSet<String> { ids.iter().map(ToString::to_string).collect() };
    assert_eq!(seen(&admin).await, text(&[own, foreign, BOB.id()]));
    assert_eq!(seen(&bob).await, text(&[BOB.id()]));
    app.get_api(&bob, &format!("/requests/{}", ids[0])).await.is_problem(404, "not_found");
    assert_eq!(pages(&app, &bob, &format!("/requests?account={own}"), 9).await, [] as [Value; 0]);

    // A developer sees how much was asked, and an administrator of the organization every call.
    app.member(own, BOB, Role::Developer);
    assert_eq!(seen(&bob).await, text(&[BOB.id()]));
    app.get_api(&bob, &format!("/requests/{}", ids[0])).await.is_problem(403, "forbidden");
    app.get_api(&bob, &format!("/requests?account={own}")).await.is_problem(403, "forbidden");
    let used =
        pages(&app, &bob, "/usage?by=account&since=2026-11-21T12:00:00Z&until=2026-11-21T13:00:00Z", 9);
    assert_eq!(members(&used.await, "id").into_iter().collect::<BTreeSet<_>>(), text(&[own, BOB.id()]));
    app.operator(|work| {
        use grantor::accounts::organizations::members;
        members::change(work, Actor::Operator, own, BOB.id(), Role::Admin).map(Ok)
    })
    .expect("a change");
    assert_eq!(seen(&bob).await, text(&[own, BOB.id()]));
    app.get_api(&bob, &format!("/requests/{}", ids[0])).await.is(200);
    app.get_api(&bob, &format!("/requests/{}", ids[1])).await.is_problem(404, "not_found");

    // A key of the organization may do what its developers may.
    let key = app.key_of(own, READER);
    app.get_api(&key, "/requests").await.is_problem(403, "forbidden");
    app.get_api(&key, "/events").await.is_problem(403, "forbidden");
    let used =
        pages(&app, &key, "/usage?by=account&since=2026-11-21T12:00:00Z&until=2026-11-21T13:00:00Z", 9);
    assert_eq!(members(&used.await, "id"), [own.to_string()]);
}

// ---- usage ----------------------------------------------------------------------------------------------

#[tokio::test]
async fn usage_is_what_the_command_tells_by_page_and_by_what_it_is_told_apart() {
    let app = App::start().await;
    let (admin, _) = readers(&app);
    let (one, other) = (app.org("One", None), app.org("Other", None));
    some_calls(&app, [one, other]).await;
    let (since, until) = ("2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z");
    let times = format!("since={since}&until={until}");
    let sorted = |rows: &Value| -> BTreeSet<String> {
        rows.as_array().expect("rows").iter().map(ToString::to_string).collect()
    };
    for by in ["account", "credential", "service"] {
        let told = pages(&app, &admin, &format!("/usage?by={by}&grain=minute&{times}"), 5).await;
        let arguments = ["usage", "--by", by, "--grain", "minute", "--since", since, "--until", until];
        assert_eq!(sorted(&json!(told)), sorted(&grantor(&app).json(&arguments)), "{by}");
        assert_eq!(told.len(), 12);
        assert!(told.is_sorted_by_key(|row| (row["bucket"].to_string(), row["id"].to_string())));
    }
    let all = pages(&app, &admin, &format!("/usage?{times}"), 5).await;
    let sums = ["requests", "errors", "limited", "cost_units"].map(|name| all[0][name].clone());
    assert_eq!((all.len(), sums), (1, [12, 8, 4, 8].map(Value::from)));
    assert_eq!((&all[0]["id"], &all[0]["bucket"]), (&Value::Null, &json!(since)));
    for (query, many) in [
        (format!("account={one}"), 6),
        (format!("credential={}", Uuid::from_u128(other.uuid().as_u128() ^ 1)), 6),
        (format!("service={}", Uuid::from_u128(SERVICE)), 12),
    ] {
        let told = pages(&app, &admin, &format!("/usage?grain=day&{query}&{times}"), 5).await;
        assert_eq!(told[0]["requests"], many, "{query}");
    }
    // Without times: the last day.
    assert_eq!(pages(&app, &admin, "/usage?grain=day", 5).await[0]["requests"], 12);
    app.clock.advance(TimeDelta::hours(48));
    assert_eq!(pages(&app, &admin, "/usage?grain=day", 5).await, [] as [Value; 0]);
}

/// What asks whether a bearer is good is no call, whatever the bearer is: no limit is looked at, nothing is logged, and it
/// counts all the same, for who asked.
#[tokio::test]
async fn a_plain_introspection_counts_for_who_asked_and_as_no_call() {
    let app = App::with(|settings| {
        settings.traffic.questions_percent = 100;
        // Nobody is there: whoever looks at a limit cannot know.
        settings.limits.store = "redis".into();
        settings.redis.url = "redis://127.0.0.1:1".into();
    })
    .await;
    execute(&app.db, "UPDATE limits SET on_error = 'closed'").expect("limits that are closed");
    let (admin, bob) = readers(&app);
    let (client, server, org) = (app.web_client(), app.resource_server(), app.org("Acme", None));
    for principal in [org, ADA.id()] {
        app.operator(|work| let_call(work, Actor::Operator, "orders", principal));
    }
    let token = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    let (Voice(key), Voice(personal)) = (app.key_of(org, "orders:read"), app.voice_of(ADA, "orders:read"));
    for bearer in [&token, &key, &personal] {
        let told = app.introspect(&server, bearer).await;
        assert_eq!((&told["active"], &told["aud"]), (&json!(true), &json!(["https://orders.test"])));
        for of_a_call in ["authorized", "allowed_services", "rate_limit"] {
            assert!(told.get(of_a_call).is_none(), "{told}");
        }
    }
    assert_eq!(app.introspect(&server, "no-such-token").await, json!({ "active": false }));
    app.clock.advance(TimeDelta::minutes(1));
    app.introspect(&server, &token).await;
    for bearer in [&token, &key] {
        let with_a_question = [("token", bearer.as_str()), ("service", "orders")];
        assert_eq!(app.machine("/oauth/introspect", &server, &with_a_question).await.status, 503);
    }
    let sum = async |voice: &Voice| {
        let used = pages(&app, voice, "/usage?by=account&grain=minute&until=2026-11-21T13:00:00Z", 200).await;
        let of = |row: &Value| (row["id"].clone(), row["requests"].as_i64(), row["introspections"].as_i64());
        used.iter().map(of).filter(|row| row.2 > Some(0)).collect::<Vec<_>>()
    };
    let account = json!(server.principal);
    let expected = [(account.clone(), Some(0), Some(4)), (account, Some(0), Some(1))];
    eventually("counted", async || sum(&admin).await == expected).await;
    assert_eq!(sum(&bob).await, []);
    assert_eq!(count(&app.db, "usage_rollups WHERE grain = 'day' AND introspections = 5"), 1);
    eventually("logged", async || count(&app.db, "request_log") == 2).await;
    assert_eq!(count(&app.db, "request_log WHERE status_code = 503"), 2);
    assert_eq!(count(&app.db, "usage_days WHERE requests = 1 AND introspections = 0"), 2);
}

// ---- what is refused ------------------------------------------------------------------------------------

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_refused_by_its_name() {
    let app = App::start().await;
    let (admin, _) = readers(&app);
    for (path, words) in [
        ("/requests?account=acme", "account is an id"),
        ("/requests?credential=7", "credential is an id"),
        ("/requests?service=orders", "service is an id"),
        ("/requests?status=9xx", "status is a number like 403, or 4xx"),
        ("/requests?decision=maybe", "decision is one of allow, deny, limit, error"),
        ("/requests?since=yesterday", "since is a moment like 2026-11-21T12:00:00Z"),
        ("/requests?until=24h", "until is a moment like 2026-11-21T12:00:00Z"),
        ("/requests?since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z", "since is later than until"),
        ("/requests?cursor=x", "the cursor is none of this listing's"),
        ("/requests?path=/orders", "there is an unknown parameter in the query"),
        ("/usage?by=path", "by is one of account, credential, service"),
        ("/usage?grain=week", "grain is one of minute, hour, day"),
        ("/usage?account=1", "account is an id"),
        ("/usage?since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z", "since is later than until"),
        ("/usage?type=x", "there is an unknown parameter in the query"),
        ("/events?type=user.dreamt", "type is a type of event, such as credential.created"),
        ("/events?actor=ada", "actor is an id"),
        ("/events?since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z", "since is later than until"),
        ("/events?type=user.created&type=user.created", "a parameter of the query is there twice"),
        ("/events/export?format=xml", "format is one of ndjson, csv, ocsf"),
        ("/events/export", "format is required"),
        ("/events/export?format=csv&since=1", "since is a moment like 2026-11-21T12:00:00Z"),
        ("/events/export?format=csv&limit=1", "there is an unknown parameter in the query"),
        ("/audit/checkpoints?since=2026-11-22T00:00:00Z", "there is an unknown parameter in the query"),
    ] {
        let answer = app.get_api(&admin, path).await;
        answer.is_problem(400, "invalid_request");
        assert_eq!(answer.text("detail"), words, "{path}");
    }
    assert_eq!(told(&app.db, "audit.exported"), [], "what is refused is no copy");
    for (body, words) in [
        (json!({ "since": "now" }), "the member since must be a moment like 2026-11-21T12:00:00Z"),
        (json!({ "since": 1 }), "the member since must be a string"),
        (json!({ "from": "x" }), "there is an unknown member; there are since, until"),
        (
            json!({ "since": "2026-11-22T00:00:00Z", "until": "2026-11-21T00:00:00Z" }),
            "since is later than until",
        ),
    ] {
        let answer = app.post_api(&admin, "/audit/verify", body).await;
        answer.is_problem(400, "invalid_request");
        assert_eq!(answer.text("detail"), words);
    }
}

// ---- events ---------------------------------------------------------------------------------------------

#[tokio::test]
async fn events_are_listed_newest_first_by_page_and_by_what_they_are() {
    let app = App::start().await;
    let (admin, _) = readers(&app);
    app.clock.advance(TimeDelta::minutes(10));
    let org = app.org("One", Some(ADA));
    app.clock.advance(TimeDelta::minutes(10));
    let voice = app.voice_of(ADA, "keys:write");
    let key = app.post_api(&voice, "/keys", json!({ "owner": org, "name": "ci" })).await.text("id");

    let all = pages(&app, &admin, "/events", 3).await;
    assert_eq!(i64::try_from(all.len()), Ok(count(&app.db, "events")));
    let ids: BTreeSet<String> = members(&all, "id").into_iter().collect();
    assert_eq!(ids.len(), all.len());
    assert!(all.is_sorted_by_key(|event| std::cmp::Reverse((
        event["occurred_at"].to_string(),
        event["id"].to_string()
    ))));
    assert_eq!(json!(all), grantor(&app).json(&["audit", "list"]));

    let of =
        async |query: &str| members(&pages(&app, &admin, &format!("/events?{query}"), 200).await, "kind");
    assert_eq!(of(&format!("target={key}")).await, ["credential.created"]);
    assert_eq!(of(&format!("type=credential.created&actor={}", ADA.id())).await, ["credential.created"]);
    assert_eq!(of(&format!("type=org.created&target={org}")).await, ["org.created"]);
    assert_eq!(of(&format!("actor={}", BOB.id())).await, [] as [&str; 0]);
    let late = of("since=2026-11-21T12:15:00Z").await;
    assert!(late.contains(&"credential.created".to_owned()) && !late.contains(&"org.created".to_owned()));
    let early = of("until=2026-11-21T12:15:00Z").await;
    assert!(!early.is_empty() && early.len() + late.len() == all.len());

    for event in all.iter().take(3) {
        let answer = app.get_api(&admin, &format!("/events/{}", event["id"].as_str().expect("an id"))).await;
        answer.is(200);
        assert_eq!((&answer.json(), answer.header("cache-control").as_str()), (event, "no-store"));
    }
    for nobody in [Entropy.id(*START).to_string(), Uuid::from_u128(7).to_string(), "x".to_owned()] {
        app.get_api(&admin, &format!("/events/{nobody}")).await.is_problem(404, "not_found");
    }
}

/// S01: an event is seen by whoever may read what one of its accounts did, and is nobody's to all others.
#[tokio::test]
async fn s01_events_are_seen_by_those_whom_they_concern() {
    let app = App::start().await;
    let (admin, bob) = readers(&app);
    let (own, foreign) = (app.org("Own", None), app.org("Foreign", None));
    app.member(own, BOB, Role::Admin);
    let by_admin = app.voice_of(ADA, "keys:write");
    let make = async |owner: PrincipalId| {
        app.post_api(&by_admin, "/keys", json!({ "owner": owner, "name": "ci" })).await.text("id")
    };
    let (key, foreign_key) = (make(own).await, make(foreign).await);
    let client = app.web_client();
    client.tokens_of_ada(&app, "orders:read").await;

    let all = pages(&app, &admin, "/events", 200).await;
    let seen = pages(&app, &bob, "/events", 200).await;
    // (Not by the whole row: from where others did it is not shown.)
    let is_seen = |event: &Value| seen.iter().any(|own| own["id"] == event["id"]);
    let hidden: Vec<&Value> = all.iter().filter(|event| !is_seen(event)).collect();
    let of = |events: &[Value], target: &str| events.iter().any(|event| event["target_id"] == target);
    assert!(of(&seen, &key) && of(&seen, &own.to_string()), "{seen:?}");
    assert!(seen.iter().any(|event| event["data"]["owner"] == json!(BOB.id())), "their own token");
    assert!(of(&all, &foreign_key) && of(&all, &foreign.to_string()));
    assert!(!of(&seen, &foreign_key) && !of(&seen, &foreign.to_string()));
    assert!(hidden.iter().any(|event| event["kind"] == "grant.given"), "another's");
    let path = |event: &Value| format!("/events/{}", event["id"].as_str().expect("an id"));
    for event in &hidden {
        app.get_api(&bob, &path(event)).await.is_problem(404, "not_found");
    }
    for event in &seen {
        app.get_api(&bob, &path(event)).await.is(200);
    }
    // No filter shows more.
    for query in
        [format!("target={foreign_key}"), format!("actor={}", ADA.id()), "type=grant.given".to_owned()]
    {
        let found = pages(&app, &bob, &format!("/events?{query}"), 200).await;
        assert!(found.iter().all(|event| seen.contains(event)), "{query}");
    }
    // Of a member with a lesser role no more than what concerns themselves.
    app.operator(|work| {
        use grantor::accounts::organizations::members;
        members::change(work, Actor::Operator, own, BOB.id(), Role::Developer).map(Ok)
    })
    .expect("a change");
    assert!(!of(&pages(&app, &bob, "/events", 200).await, &key));
}

/// Whoever sees few is looked up, and for whoever sees many the log is read: that is nobody's concern.
#[tokio::test]
async fn events_are_the_same_however_many_keys_one_sees() {
    let app = App::start().await;
    let (_, bob) = readers(&app);
    let own = app.org("Own", None);
    app.member(own, BOB, Role::Admin);
    app.web_client().tokens_of_ada(&app, "orders:read").await;
    for number in 0..5 {
        app.clock.advance(TimeDelta::seconds(number % 2));
        app.key_of(own, "orders:read");
    }
    app.clock.advance(TimeDelta::minutes(1));
    let path = "/events?until=2026-11-21T12:01:00Z";
    let export = "/events/export?format=ndjson&until=2026-11-21T12:01:00Z";
    let few = (pages(&app, &bob, path, 3).await, app.get_api(&bob, export).await.body);
    assert!(few.0.len() >= 7 && few.1.lines().count() == few.0.len(), "{few:?}");
    for _ in 0..120 {
        app.key_of(own, "orders:read");
    }
    let many = (pages(&app, &bob, path, 3).await, app.get_api(&bob, export).await.body);
    assert!(few == many, "{few:?} and {many:?}");
    assert!(pages(&app, &bob, "/events", 200).await.len() >= few.0.len() + 120);
}

// ---- copies ---------------------------------------------------------------------------------------------

/// So many events by hand, a millisecond apart.
fn many_events(app: &App, many: usize) {
    let insert = format!(
        "INSERT INTO events (occurred_at, id, kind, outcome, actor_kind, data) \
         SELECT timestamptz '2026-11-21 12:00Z' + n * interval '1 ms', gen_random_uuid(), 'user.renamed', 'success', \
                'operator', jsonb_build_object('number', n, 'words', repeat('=words,', 60)) \
         FROM generate_series(1, {many}) n"
    );
    // A busy machine takes its time for so many.
    let statements = ["SET statement_timeout = 0", &insert, "RESET statement_timeout"];
    app.db
        .run_here(|connection| {
            Ok(statements.into_iter().try_for_each(|statement| connection.batch_execute(statement)))
        })
        .expect("a connection")
        .expect("events");
}

#[tokio::test]
async fn a_copy_is_what_the_command_writes_and_is_an_event_itself() {
    let app = App::start().await;
    let (admin, bob) = readers(&app);
    many_events(&app, 1234);
    app.clock.advance(TimeDelta::hours(1));
    let until = "2026-11-21T12:30:00Z";
    for (format, media, file) in [
        ("ndjson", "application/x-ndjson", "events.ndjson"),
        ("csv", "text/csv; charset=utf-8; header=present", "events.csv"),
        ("ocsf", "application/x-ndjson", "events.ndjson"),
    ] {
        let answer = app.get_api(&admin, &format!("/events/export?format={format}&until={until}")).await;
        answer.is(200);
        assert_eq!(answer.header("content-type"), media);
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{file}\""));
        assert_eq!(answer.header("cache-control"), "no-store");
        let written = grantor(&app).run(&["audit", "export", "--format", format, "--to", until]);
        written.is_done();
        assert!(answer.body == written.out, "{format}");
        assert!(answer.body.lines().count() >= 1234);
        let event = told(&app.db, "audit.exported").into_iter().find(|event| event.actor_id.is_some());
        let event = event.expect("an event");
        assert_eq!((event.actor_id, &event.data["kind"]), (Some(ADA.id().uuid()), &Value::Null));
        assert_eq!(event.data["to"], until);
    }
    let requests: BTreeSet<_> =
        told(&app.db, "audit.exported").into_iter().filter_map(|event| event.request_id).collect();
    assert_eq!(requests.len(), 3, "one a copy");

    let path = "/events/export?format=ndjson&type=user.renamed&since=2026-11-21T12:00:00.100Z";
    let answer = app.get_api(&admin, path).await;
    assert_eq!(answer.body.lines().count(), 1135);
    // Another tenant gets what they see.
    let answer = app.get_api(&bob, "/events/export?format=ndjson").await;
    answer.is(200);
    let own: Vec<Value> =
        answer.body.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let mut seen = pages(&app, &bob, "/events?until=2026-11-21T13:00:00Z", 200).await;
    seen.reverse();
    assert_eq!((own.is_empty(), &own), (false, &seen));
    let nothing = app.get_api(&bob, "/events/export?format=csv&until=2026-01-01T00:00:00Z").await;
    assert_eq!(nothing.body.lines().count(), 1, "the line of names");
}

/// However many there are: they are read as they are taken, and where one cannot be read the answer breaks off.
#[tokio::test]
async fn a_copy_is_not_gathered_in_memory_and_never_ends_well_where_it_is_not_whole() {
    let app = App::start().await;
    let (admin, _) = readers(&app);
    many_events(&app, 40_000);
    app.clock.advance(TimeDelta::hours(1));
    let url = format!("{}/api/v1/events/export?format=ndjson", app.address);
    let whole = Answer::to(app.http.get(&url).bearer_auth(&admin.0)).await;
    assert!(whole.body.lines().count() > 40_000);

    let mut answer = app.http.get(&url).bearer_auth(&admin.0).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut length = answer.chunk().await.expect("a beginning").expect("a beginning").len();
    // While nobody takes more, no connection is held, and the rest is not read: it is gone before.
    eventually("idle", async || {
        let reading = "pg_stat_activity WHERE datname = current_database() AND state <> 'idle' \
                       AND query LIKE '%FROM \"events\"%' AND pid <> pg_backend_pid()";
        count(&app.db, reading) == 0
    })
    .await;
    execute(&app.db, "ALTER TABLE events RENAME TO events_elsewhere").expect("a change");
    let end = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => length += chunk.len(),
            end => break end,
        }
    };
    assert!(end.is_err(), "a part of it passed for the whole");
    assert!(length < whole.body.len());
}

// ---- the proof ------------------------------------------------------------------------------------------

pub fn signs(settings: &mut Settings) {
    signing(settings, "ES256");
    settings.audit.checkpoint_s = 1;
}

/// What is there is sealed and signed.
pub async fn all_is_signed(app: &App) {
    eventually("sealed", async || {
        app.db.run_here(standing).expect("a standing").sealed == count(&app.db, "events")
    })
    .await;
    app.clock.advance(TimeDelta::seconds(5));
    eventually("signed", async || {
        let standing = app.db.run_here(standing).expect("a standing");
        standing.checkpoint.is_some_and(|(seq, _)| seq == standing.sealed)
    })
    .await;
}

fn tell(app: &App) {
    let told = app.ledger.act_here(&Context::operator(*START), |work| {
        work.tell(Event::new(Kind::UserRenamed, Actor::User(ADA.id())).on("user", ADA.id()));
        Ok(Ok(()))
    });
    told.expect("a database").expect("an act");
}

#[tokio::test]
async fn checkpoints_are_those_of_the_command_and_anybody_who_reads_the_log_may_keep_them() {
    let app = App::with(signs).await;
    let (_, bob) = readers(&app);
    for _ in 0..4 {
        tell(&app);
        all_is_signed(&app).await;
    }
    let all = pages(&app, &bob, "/audit/checkpoints", 2).await;
    assert!(all.len() >= 4);
    assert_eq!(json!(all), grantor(&app).json(&["audit", "checkpoints"]));
    assert!(all.is_sorted_by_key(|one| one["batch"].as_i64()));
}

#[tokio::test]
async fn a_log_is_verified_for_administrators_as_the_command_does_it() {
    let app = App::with(signs).await;
    let (admin, bob) = readers(&app);
    tell(&app);
    all_is_signed(&app).await;
    app.post_api(&bob, "/audit/verify", json!({})).await.is_problem(403, "forbidden");
    let report = app.post_api(&admin, "/audit/verify", json!({})).await;
    report.is(200);
    assert_eq!(report.header("cache-control"), "no-store");
    let report = report.json();
    assert_eq!((&report["ok"], &report["flaw"]), (&json!(true), &Value::Null), "{report}");
    assert_eq!(report["events"], count(&app.db, "events"));
    assert_eq!(report, grantor(&app).json(&["audit", "verify"]));
    let until = json!({ "until": "2026-11-21T12:00:00Z" });
    let before = app.post_api(&admin, "/audit/verify", until).await.json();
    assert_eq!((&before["events"], &before["skipped"]), (&json!(0), &report["events"]), "{before}");

    let spoil = "SET session_replication_role = replica; \
                 UPDATE events SET ip = '192.0.2.9' WHERE kind = 'user.renamed'; RESET ALL";
    execute(&app.db, spoil).expect("a change");
    let spoilt = app.post_api(&admin, "/audit/verify", json!({})).await.json();
    assert_eq!((&spoilt["ok"], &spoilt["flaw"]["flaw"]), (&json!(false), &json!("edited")), "{spoilt}");
    assert!(spoilt["flaw"]["event"].is_string() && spoilt["flaw"]["message"].is_string());
}

#[tokio::test]
async fn the_log_is_verified_once_at_a_time_and_no_other_request_waits_for_it() {
    let app = App::with(|settings| {
        signs(settings);
        settings.database.pool.connections = 2;
    })
    .await;
    let (admin, _) = readers(&app);
    tell(&app);
    all_is_signed(&app).await;
    let mut holder = db::connect(&app.settings.database.url).expect("a connection");
    holder.batch_execute("BEGIN; LOCK TABLE event_leaves IN ACCESS EXCLUSIVE MODE").expect("a lock");
    let ask = || app.post_api(&admin, "/audit/verify", json!({}));
    let others = async {
        let waits = "pg_locks WHERE NOT granted AND mode = 'AccessShareLock' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually("verifying", async || count(&app.db, waits) == 1).await;
        let second = ask().await;
        second.is_problem(409, "conflict");
        assert!(second.text("detail").contains("being verified already"), "{}", second.body);
        for _ in 0..4 {
            app.get_api(&admin, "/events").await.is(200);
        }
        holder.batch_execute("COMMIT").expect("an end");
    };
    let (first, ()) = tokio::join!(ask(), others);
    first.is(200);
    assert_eq!(first.json()["ok"], true);
    ask().await.is(200);
}

/// What was not looked at is not called good.
#[tokio::test]
async fn a_verification_that_ran_out_of_time_says_so() {
    let app = App::with(signs).await;
    tell(&app);
    all_is_signed(&app).await;
    let report = |may_go_on: bool| {
        let scope = Scope {
            from: None,
            to: None,
            kept: Kept { months: [(*START).date_naive()].into(), may_be_gone: &|_| true },
            signed: &|_| Ok(true),
            elsewhere: &[],
            may_go_on: &|| may_go_on,
        };
        app.db.run_here(|connection| verify(connection, &scope)).expect("a report")
    };
    let cut = report(false);
    assert!(cut.is_cut_short && cut.flaw.is_none() && cut.json(*START)["ok"] == false);
    assert!(!report(true).is_cut_short);
}
