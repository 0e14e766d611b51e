//! May this bearer make this call? What introspection answers when it is asked so: one answer for access tokens, API keys
//! and personal tokens alike.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use grantor::accounts::organizations::{
    NewOrganization, OrganizationName, create as create_org, set_disabled,
};
use grantor::audit::Actor;
use grantor::clients::registration::Registration;
use grantor::credentials::CredentialKind;
use grantor::credentials::making::{Made, Maker, create};
use grantor::credentials::revoking::revoke;
use grantor::credentials::wish::Wish;
use grantor::kernel::{PlanId, PrincipalId};
use grantor::platform::db::connect;
use grantor::services::access::{disable, let_call};
use grantor::services::routes::registration::{NewRoute, add};
use grantor::traffic::store::Logged;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, App, BOB, TestClient, all_at_once, count, eventually, told};

/// An organization with a key for the service `orders`, and the API that asks.
struct Scene {
    app: App,
    api: TestClient,
    org: PrincipalId,
    key: Made,
}

impl Scene {
    async fn set() -> Self {
        // The plan counts by the clock of the tests.
        let app = App::with(|settings| settings.limits.store = "memory".into()).await;
        let api = app.resource_server();
        let org = app.operator(|work| {
            let name = OrganizationName::parse("Acme").expect("a name");
            let new = NewOrganization { name, plan: PlanId::first(), owner: None };
            Ok(Ok(create_org(work, Actor::Operator, &new)?.expect("it is new")))
        });
        app.operator(|work| let_call(work, Actor::Operator, "orders", org));
        let key = key(&app, org, CredentialKind::ApiKey, &wish());
        Self { app, api, org, key }
    }

    async fn asks(&self, token: &str, parameters: &[(&str, &str)]) -> Answer {
        let form = [&[("token", token)], parameters].concat();
        self.app.machine("/oauth/introspect", &self.api, &form).await
    }

    async fn told(&self, token: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.asks(token, parameters).await;
        answer.is_ok();
        answer.json()
    }

    fn secret(&self) -> &str {
        self.key.secret.expose()
    }
}

fn wish() -> Wish {
    Wish { name: "ci".into(), scope: "orders:read".into(), ..Wish::default() }
}

#[track_caller]
fn key(app: &App, owner: PrincipalId, kind: CredentialKind, wish: &Wish) -> Made {
    let maker = Maker { actor: Actor::Operator, settings: &app.settings.credentials };
    app.operator(|work| create(work, maker, kind, owner, wish).map(Ok)).expect("a key")
}

const GET: [(&str, &str); 3] = [("service", "orders"), ("method", "GET"), ("path", "/orders/7?full=1")];

/// What `GET` asks, and it counts.
const TAKE: [(&str, &str); 4] =
    [("service", "orders"), ("method", "GET"), ("path", "/orders/7"), ("consume", "1")];

#[tokio::test]
async fn a_key_is_answered_with_its_account_and_its_limits() {
    let scene = Scene::set().await;
    let key = &scene.key.credential;
    let now = scene.app.clock.now().timestamp();
    let mut told = scene.told(scene.secret(), &GET).await;
    assert!(
        [0, 1]
            .map(|policy| told["rate_limit"]["policies"][policy]["reset_in"].take())
            .iter()
            .all(Value::is_u64)
    );
    assert!(told["rate_limit"]["reset"].take().as_i64() >= Some(now));
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "api_key", "scope": "orders:read", "sub": scene.org,
            "aud": ["https://orders.test"], "iss": scene.app.settings.issuer, "iat": now,
            "credential": {
                "id": key.id, "kind": "api_key", "name": "ci", "prefix": key.prefix, "environment": "live",
            },
            "account": { "id": scene.org, "name": "Acme", "plan": "free" },
            "allowed_services": ["orders"], "authorized": true,
            "rate_limit": {
                "allowed": true, "limit": 10, "remaining": 10, "reset": null, "retry_after": 0,
                "policies": [
                    { "name": "minute", "quota": 10, "window": 60, "remaining": 10, "reset_in": null },
                    { "name": "day", "quota": 100, "window": 86400, "remaining": 100, "reset_in": null },
                ],
            },
        })
    );
    assert!(!told.to_string().contains(scene.secret()));
}

#[tokio::test]
async fn a_call_counts_when_it_is_said_to_and_never_above_the_quota() {
    let scene = Scene::set().await;
    let remaining = async || {
        let told = scene.told(scene.secret(), &GET).await;
        (
            told["authorized"] == true,
            told["rate_limit"]["policies"][0]["remaining"].as_u64().expect("a number"),
        )
    };
    assert_eq!(remaining().await, (true, 10));
    let taken = all_at_once(40, |_| scene.asks(scene.secret(), &TAKE)).await;
    let authorized = taken.iter().filter(|answer| answer.json()["authorized"] == true).count();
    assert_eq!(authorized, 10);
    let refused = taken.iter().map(Answer::json).find(|told| told["authorized"] == false).expect("a refusal");
    // Limited is not inactive.
    assert_eq!((&refused["active"], &refused["reason"]), (&json!(true), &json!("rate_limited")));
    assert_eq!(refused["rate_limit"]["allowed"], false);
    assert!(refused["rate_limit"]["retry_after"].as_u64() > Some(0));
    assert_eq!(remaining().await, (false, 0));
    scene.app.advance(chrono::Duration::minutes(2));
    assert_eq!(remaining().await, (true, 10));
    assert_eq!(told(&scene.app.db, "quota.exceeded").len(), 0, "of the day a tenth is used");
}

#[tokio::test]
async fn most_of_a_quota_is_told_once_and_all_of_it_once() {
    let scene = Scene::set().await;
    for minute in 0..11 {
        for _ in 0..10 {
            scene.told(scene.secret(), &TAKE).await;
        }
        let expected = [usize::from(minute >= 7), usize::from(minute >= 9)];
        let told = || ["quota.warning", "quota.exceeded"].map(|kind| told(&scene.app.db, kind).len());
        eventually("is it told", || async { told() >= expected }).await;
        assert_eq!(told(), expected, "in minute {minute}");
        scene.app.advance(chrono::Duration::minutes(2));
    }
}

/// Somebody may hold the log of events for long; the call does not wait for it, and the warning does.
#[tokio::test]
async fn a_warning_neither_delays_nor_fails_its_call_and_is_told_later() {
    let mut scene = Scene::set().await;
    let (db, secret) = (scene.app.db.clone(), scene.secret().to_owned());
    for _ in 0..7 {
        for _ in 0..10 {
            scene.told(&secret, &TAKE).await;
        }
        scene.app.advance(chrono::Duration::minutes(2));
    }
    let mut holder = connect(&scene.app.settings.database.url).expect("a connection");
    holder.batch_execute("BEGIN; LOCK TABLE events IN EXCLUSIVE MODE").expect("a lock");
    for _ in 0..10 {
        let asked = scene.asks(&secret, &TAKE);
        let answer = tokio::time::timeout(Duration::from_secs(4), asked).await.expect("an answer in time");
        answer.is_ok();
        assert_eq!(answer.json()["authorized"], true);
    }
    assert_eq!(told(&db, "quota.warning").len(), 0);
    // What fails is tried again.
    let is_waiting = "pg_stat_activity WHERE query LIKE '%INSERT INTO events%' AND wait_event_type = 'Lock' \
                      AND datname = current_database()";
    for waits in [true, false, true] {
        eventually("does it wait, and not, and again", || async { (count(&db, is_waiting) == 1) == waits })
            .await;
    }
    holder.batch_execute("COMMIT").expect("the end");
    eventually("is it told", || async { told(&db, "quota.warning").len() == 1 }).await;
    scene.app.end().await;
    assert_eq!(told(&db, "quota.warning").len(), 1, "and once");
}

/// In the order in which it is asked.
#[tokio::test]
async fn a_call_that_may_not_go_ahead_is_told_why() {
    let scene = Scene::set().await;
    let route = NewRoute {
        pattern: "/orders/{id}/refunds".into(),
        required: Some("orders:refund".into()),
        ..NewRoute::default()
    };
    scene.app.operator(|work| Ok(Ok(add(work, Actor::Operator, "orders", &route)?.expect("a route"))));
    for (method, path, reason, scope) in [
        ("GET", "/orders", None, None),
        ("HEAD", "/", None, None),
        ("POST", "/orders", Some("insufficient_scope"), Some("orders:write")),
        ("get", "/orders", Some("insufficient_scope"), Some("orders:write")),
        ("GET", "/orders/7/refunds", Some("insufficient_scope"), Some("orders:refund")),
        ("GET", "/orders/7/refunds/1", None, None),
    ] {
        let asked = [("service", "orders"), ("method", method), ("path", path), ("consume", "1")];
        let told = scene.told(scene.secret(), &asked).await;
        assert_eq!(told["authorized"], reason.is_none(), "{method} {path}: {told}");
        assert_eq!(told.get("reason"), reason.map(|reason| json!(reason)).as_ref(), "{method} {path}");
        assert_eq!(told.get("required_scope"), scope.map(|scope| json!(scope)).as_ref(), "{method} {path}");
        assert_eq!(told.get("rate_limit").is_some(), reason.is_none(), "what is refused does not count");
    }
    scene.app.operator(|work| disable(work, Actor::Operator, "orders", true));
    assert_eq!(scene.told(scene.secret(), &GET).await["reason"], "service_disabled");
    scene.app.operator(|work| disable(work, Actor::Operator, "orders", false));
    assert_eq!(scene.told(scene.secret(), &GET).await["authorized"], true);
}

/// I12, B04: keys die with what they stand on, at once on the node that did it.
#[tokio::test]
async fn a_key_lives_as_long_as_all_that_it_stands_on() {
    let scene = Scene::set().await;
    let is_active = async |token: &str| scene.told(token, &[]).await["active"] == true;
    assert!(is_active(scene.secret()).await);
    for disabled in [true, false] {
        scene.app.operator(|work| {
            Ok(Ok(set_disabled(work, Actor::Operator, scene.org, disabled)?.expect("it is there")))
        });
        assert_eq!(is_active(scene.secret()).await, !disabled);
    }
    let token = key(&scene.app, ADA.id(), CredentialKind::PersonalToken, &wish());
    // It is nobody's business whose holder may not call the service.
    assert_eq!(scene.told(token.secret.expose(), &[]).await, json!({ "active": false }));
    scene.app.operator(|work| let_call(work, Actor::Operator, "orders", ADA.id()));
    let told = scene.told(token.secret.expose(), &[]).await;
    assert_eq!((&told["token_type"], &told["sub"]), (&json!("pat"), &json!(ADA.id())));
    scene.app.operator(|work| Ok(Ok(revoke(work, Actor::Operator, &scene.key.credential, None, "a test")?)));
    assert_eq!(scene.told(scene.secret(), &GET).await, json!({ "active": false }));
    assert!(is_active(token.secret.expose()).await);
    scene.app.advance(chrono::Duration::days(91));
    assert!(!is_active(token.secret.expose()).await, "personal tokens end after 90 days");
}

/// B08: whoever asks says from where the key came; who does not say so asks for nowhere.
#[tokio::test]
async fn a_key_of_certain_addresses_is_nothing_elsewhere() {
    let scene = Scene::set().await;
    let confined = Wish { ip_allow: vec!["192.0.2.0/24".into()], ..wish() };
    let key = key(&scene.app, scene.org, CredentialKind::ApiKey, &confined);
    let from = async |ip: &str| scene.told(key.secret.expose(), &[("ip", ip)]).await["active"] == true;
    assert!(from("192.0.2.9").await && from("::ffff:192.0.2.9").await);
    assert!(!from("192.0.3.9").await);
    assert_eq!(scene.told(key.secret.expose(), &[]).await, json!({ "active": false }));
}

/// B07, and audiences: an access token calls the services it is for, whatever else its holder may.
#[tokio::test]
async fn an_access_token_is_asked_the_same_and_a_refresh_token_opens_nothing() {
    let scene = Scene::set().await;
    let web = scene.app.web_client();
    let pair = web.tokens_of_ada(&scene.app, "orders:read").await;
    let told = scene.told(&pair.text("access_token"), &TAKE).await;
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!((&told["authorized"], &told["allowed_services"]), (&json!(true), &json!(["orders"])));
    assert_eq!((&told["sub"], &told["account"]["id"]), (&json!(ADA.id()), &json!(ADA.id())));
    assert_eq!((&told["client_id"], &told["rate_limit"]["remaining"]), (&json!(web.id), &json!(9)));
    let write = [("service", "orders"), ("method", "POST"), ("path", "/orders")];
    assert_eq!(scene.told(&pair.text("access_token"), &write).await["required_scope"], "orders:write");
    let refresh = scene.asks(&pair.text("refresh_token"), &TAKE).await;
    assert_eq!(refresh.json(), json!({ "active": false }));
    let other = web.tokens_of_ada(&scene.app, "people:read").await;
    assert_eq!(scene.told(&other.text("access_token"), &GET).await, json!({ "active": false }));
}

#[tokio::test]
async fn a_question_that_cannot_be_understood_is_refused_and_counts_nothing() {
    let scene = Scene::set().await;
    for (parameters, about) in [
        (&[("consume", "yes")][..], "consume"),
        (&[("service", "orders"), ("cost", "-1")], "cost"),
        (&[("service", "orders"), ("cost", "1000001")], "cost"),
        (&[("service", "orders"), ("ip", "localhost")], "ip"),
        (&[("service", "orders"), ("method", "GET")], "path"),
        (&[("service", "orders"), ("path", "/")], "method"),
        (&[("method", "GET"), ("path", "/")], "service"),
        (&[("service", "orders"), ("method", "GET /"), ("path", "/")], "method"),
        (&[("service", "orders"), ("method", "GET"), ("path", "/orders/../admin")], "path"),
        (&[("service", "orders"), ("method", "GET"), ("path", "/orders%2f7")], "path"),
        (&[("service", "orders"), ("method", "GET"), ("path", "//orders")], "path"),
        (&[("service", "orders"), ("service", "people")], "repeated"),
    ] {
        let answer = scene.asks(scene.secret(), parameters).await;
        answer.is_error(400, "invalid_request");
        assert!(answer.text("error_description").contains(about), "{parameters:?}: {}", answer.body);
    }
    assert_eq!(scene.told(scene.secret(), &GET).await["rate_limit"]["remaining"], 10);
}

/// Whoever could ask about a service that is not theirs could use up other people's limits.
#[tokio::test]
async fn a_resource_server_asks_about_its_own_services() {
    let scene = Scene::set().await;
    for service in ["people", "nothing"] {
        let answer = scene.asks(scene.secret(), &[("service", service), ("consume", "1")]).await;
        answer.is_error(403, "unauthorized_client");
    }
    assert_eq!(scene.told(scene.secret(), &GET).await["rate_limit"]["remaining"], 10);
}

/// A case, what is asked, and what is left then.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u64);

/// What it is registered for counts as if it were said, in whole questions; and whoever says otherwise is heard.
#[tokio::test]
async fn what_a_client_of_introspection_consumes_asks_counts_unless_it_says_otherwise() {
    let scene = Scene::set().await;
    let consuming = scene.app.register(&Registration {
        name: "An API that answers".into(),
        grant_types: vec!["client_credentials".into()],
        introspection_audiences: vec!["https://orders.test".into()],
        introspection_consumes: true,
        ..Registration::default()
    });
    let remaining = async || scene.told(scene.secret(), &GET).await["rate_limit"]["remaining"].as_u64();
    assert_eq!((remaining().await, remaining().await), (Some(10), Some(10)), "by default nothing is taken");
    let post = [("service", "orders"), ("method", "POST"), ("path", "/orders")];
    let cases: [Case<'_>; 9] = [
        ("a call", &GET, 9),
        ("and again", &GET, 8),
        ("said as well", &TAKE, 7),
        ("a service alone", &GET[..1], 6),
        ("an empty parameter was not sent (RFC 6749 §3.2)", &[GET[0], ("consume", "")], 5),
        ("said otherwise", &[GET[0], GET[1], GET[2], ("consume", "0")], 5),
        ("plain RFC 7662", &[], 5),
        ("no service", &[("ip", "192.0.2.7"), ("cost", "2")], 5),
        ("a call that may not go ahead", &post, 5),
    ];
    let rest = (0..5).rev().map(|left| ("what is left", &GET[..], left));
    for (case, parameters, left) in cases.into_iter().chain(rest) {
        let form = [&[("token", scene.secret())], parameters].concat();
        let answer = scene.app.machine("/oauth/introspect", &consuming, &form).await;
        answer.is_ok();
        assert_eq!(answer.json()["active"], true, "{case}");
        assert_eq!(remaining().await, Some(left), "{case}");
    }
    let form = [&[("token", scene.secret())], &GET[..]].concat();
    let limited = scene.app.machine("/oauth/introspect", &consuming, &form).await.json();
    assert_eq!((&limited["authorized"], &limited["reason"]), (&json!(false), &json!("rate_limited")));
}

/// Every refusal can be explained from its request id.
#[tokio::test]
async fn a_call_is_explained_by_its_request_id() {
    let scene = Scene::set().await;
    let write =
        [("service", "orders"), ("method", "POST"), ("path", "/orders?secret=1"), ("ip", "192.0.2.7")];
    let refused = scene.asks(scene.secret(), &write).await;
    let allowed = scene.asks(scene.secret(), &TAKE).await;
    let stranger = scene.asks("gak_nobodys", &TAKE).await;
    let refused = scene.app.story_of(&refused).await;
    assert_eq!(
        (refused.decision.as_str(), refused.error_code.as_deref()),
        ("deny", Some("insufficient_scope"))
    );
    assert_eq!((refused.method.as_str(), refused.path.as_str()), ("POST", "/orders"));
    assert_eq!(refused.principal_id, Some(scene.org.uuid()));
    let checks = |logged: &Logged| {
        let checks: Vec<(String, String)> = logged
            .checks
            .read::<Vec<Value>>()
            .iter()
            .map(|check| (check["check"].to_string(), check["outcome"].to_string()))
            .collect();
        checks
            .into_iter()
            .map(|(step, outcome)| format!("{step} {outcome}").replace('"', ""))
            .collect::<Vec<_>>()
    };
    let passed = ["bearer", "known", "life", "standing", "address", "service", "grant"]
        .map(|step| format!("{step} passed"));
    assert_eq!(checks(&refused), [&passed[..], &["scope refused".to_owned()]].concat());
    let allowed = scene.app.story_of(&allowed).await;
    assert_eq!((allowed.decision.as_str(), allowed.cost_units), ("allow", 1));
    assert_eq!(
        checks(&allowed),
        [&passed[..], &["scope passed".to_owned(), "limits passed".to_owned()]].concat()
    );
    let stranger = scene.app.story_of(&stranger).await;
    assert_eq!((stranger.decision.as_str(), stranger.error_code.as_deref()), ("deny", Some("malformed")));
    assert_eq!(checks(&stranger), ["bearer refused"]);

    // What is good and none of the business of whoever asks: in nobody's name, so that neither they nor its holder learn
    // of each other by it.
    let theirs = key(&scene.app, BOB.id(), CredentialKind::PersonalToken, &wish());
    let web = scene.app.web_client();
    let token = web.tokens_of_ada(&scene.app, "people:read").await.text("access_token");
    scene.app.promote_ada();
    let [admin, holder] = [ADA, BOB].map(|person| scene.app.voice_of(person, "usage:read"));
    let asker = scene.app.key_of(scene.api.principal, "usage:read");
    for bearer in [theirs.secret.expose(), &token] {
        let answer = scene.asks(bearer, &TAKE).await;
        assert_eq!(answer.json(), json!({ "active": false }));
        let story = scene.app.story_of(&answer).await;
        assert_eq!((story.decision.as_str(), story.error_code.as_deref()), ("deny", Some("not_theirs")));
        assert_eq!(checks(&story), [&passed[..5], &["grant refused".to_owned()]].concat());
        let whose =
            [story.account_id, story.principal_id, story.credential_id, story.token_id, story.client_id];
        assert_eq!(whose, [None; 5]);
        let path = format!("/requests/{}", answer.header("x-request-id"));
        scene.app.get_api(&admin, &path).await.is(200);
        for voice in [&holder, &asker] {
            let seen = scene.app.get_api(voice, &path).await;
            assert!(matches!(seen.status, 403 | 404), "{}", seen.body);
        }
    }

    // And that nobody could know.
    let mut holder = connect(&scene.app.settings.database.url).expect("a connection");
    holder.batch_execute("BEGIN; LOCK TABLE credentials IN ACCESS EXCLUSIVE MODE").expect("a lock");
    let answer = scene.asks("premium-api-key-12345", &TAKE).await;
    holder.batch_execute("ROLLBACK").expect("the end");
    answer.is_error(503, "temporarily_unavailable");
    let story = scene.app.story_of(&answer).await;
    let end = (story.decision.as_str(), story.status_code, story.error_code.as_deref());
    assert_eq!(end, ("error", 503, Some("temporarily_unavailable")));
    assert_eq!((checks(&story), story.account_id), (vec!["known refused".to_owned()], None));
}

/// In the order in which it is asked: whether its owner may act, and then where it came from.
#[tokio::test]
async fn a_key_of_whoever_may_not_act_is_refused_for_that_wherever_it_comes_from() {
    let scene = Scene::set().await;
    let confined = Wish { ip_allow: vec!["192.0.2.0/24".into()], ..wish() };
    let key = key(&scene.app, scene.org, CredentialKind::ApiKey, &confined);
    let elsewhere = [&TAKE[..], &[("ip", "192.0.3.9")]].concat();
    for (disabled, code, step) in
        [(false, "wrong_address", "address"), (true, "account_disabled", "standing")]
    {
        scene.app.operator(|work| {
            Ok(Ok(set_disabled(work, Actor::Operator, scene.org, disabled)?.expect("it is there")))
        });
        let answer = scene.asks(key.secret.expose(), &elsewhere).await;
        assert_eq!(answer.json(), json!({ "active": false }));
        let story = scene.app.story_of(&answer).await;
        let last = story.checks.read::<Vec<Value>>().pop().expect("a check");
        assert_eq!(story.error_code.as_deref(), Some(code));
        assert_eq!((&last["check"], &last["outcome"]), (&json!(step), &json!("refused")));
    }
}
