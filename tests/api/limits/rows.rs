//! The rows of limits: those of the built-in plans, and those that operators set and delete.

use chrono::TimeDelta;
use grantor::audit::Actor;
use grantor::kernel::{CredentialId, FaultKind, LimitId, PrincipalId, ServiceId};
use grantor::limits::LimitDirectory;
use grantor::limits::limit::{Limit, Terms, Wording};
use grantor::limits::owner::{Caller, LimitOwner, Place, Target, Whose};
use grantor::limits::store;
use grantor::limits::stores::LimitStore as _;
use grantor::limits::stores::postgres::PostgresStore;
use grantor::platform::cache::Caches;
use grantor::platform::context::Context;
use grantor::platform::metrics::Metrics;
use serde_json::json;
use uuid::Uuid;

use crate::support::{App, count, execute, told};

fn directory(app: &App) -> LimitDirectory {
    let invalidation = std::sync::Arc::clone(app.ledger.invalidation());
    let caches = Caches::new(&app.settings.cache, invalidation, &Metrics::default());
    LimitDirectory::new(app.ledger.clone(), &caches)
}

fn caller(plan: &str) -> Caller {
    let principal = PrincipalId::from_uuid(Uuid::from_u128(7));
    let credential = Some(CredentialId::from_uuid(Uuid::from_u128(8)));
    Caller { plan: Some(plan.to_owned()), account: principal, principal, credential }
}

/// What binds a caller, as `minute=10 day=100`.
async fn binds(directory: &LimitDirectory, caller: &Caller, target: Target) -> String {
    let applied = directory.applied(caller, target).await.expect("the limits");
    let told = applied.iter().map(|limit| format!("{}={}", limit.label, limit.quota));
    told.collect::<Vec<_>>().join(" ")
}

fn limit(whose: Whose, place: Place, quota: Option<i64>) -> Limit {
    let wording = Wording {
        name: "minute",
        kind: "sliding",
        quota,
        window_s: 60,
        unit: "requests",
        on_error: "closed",
    };
    let terms = Terms::read(&wording).expect("terms");
    let owner = LimitOwner::new(whose, place).expect("an owner");
    Limit { id: LimitId::from_uuid(Uuid::now_v7()), owner, terms }
}

/// Events of one moment have no order.
fn next_moment(app: &App) -> Context {
    app.clock.advance(TimeDelta::seconds(1));
    Context::operator(app.clock.now())
}

fn set(app: &App, limit: &Limit) -> LimitId {
    let context = next_moment(app);
    let act = app.ledger.act_here(&context, |work| Ok(Ok(store::set(work, limit, Actor::Operator)?)));
    act.expect("no fault").expect("no denial")
}

fn delete(app: &App, id: LimitId) -> bool {
    let context = next_moment(app);
    let act = app.ledger.act_here(&context, |work| {
        work.nothing_to_tell("there may be no such limit");
        Ok(Ok(store::remove(work, id, Actor::Operator)?))
    });
    act.expect("no fault").expect("no denial")
}

#[tokio::test]
async fn the_built_in_plans_have_their_limits() {
    let app = App::start().await;
    let directory = directory(&app);
    for (plan, expected) in [
        ("free", "minute=10 day=100"),
        ("pro", "minute=60 day=1000"),
        ("enterprise", "minute=600"),
        ("partner", "minute=60"),
        ("unheard-of", ""),
    ] {
        assert_eq!(binds(&directory, &caller(plan), Target::default()).await, expected, "{plan}");
    }
}

#[tokio::test]
async fn what_is_set_binds_at_once_and_is_told() {
    let app = App::start().await;
    let (directory, caller) = (directory(&app), caller("free"));
    let service = ServiceId::from_uuid(Uuid::from_u128(9));
    let target = Target { service: Some(service), route: None };
    assert_eq!(binds(&directory, &caller, target).await, "minute=10 day=100");

    let of_key = Whose::Credential(caller.credential.expect("a key"));
    let id = set(&app, &limit(of_key.clone(), Place::Anywhere, Some(3)));
    assert_eq!(binds(&directory, &caller, target).await, "minute=3 day=100");
    assert_eq!(set(&app, &limit(of_key, Place::Anywhere, None)), id, "it is the same one");
    assert_eq!(binds(&directory, &caller, target).await, "day=100");

    let of_service = set(&app, &limit(Whose::Everyone, Place::Service(service), Some(5)));
    assert_eq!(binds(&directory, &caller, target).await, "day=100 minute@service=5");
    assert_eq!(binds(&directory, &caller, Target::default()).await, "day=100");

    assert!(delete(&app, id) && delete(&app, of_service));
    assert!(!delete(&app, id), "it is gone");
    assert_eq!(binds(&directory, &caller, target).await, "minute=10 day=100");
    let listed = app.ledger.read_here(|connection| store::list(connection, &store::Asked::default()));
    assert_eq!(listed.expect("the list").len(), 6, "those of the plans");
    assert_eq!(app.ledger.read_here(|connection| store::find(connection, id)).expect("a look"), None);

    let quotas =
        |kind| told(&app.db, kind).iter().map(|event| event.data["quota"].clone()).collect::<Vec<_>>();
    assert_eq!(quotas("limit.set"), [json!(3), json!(null), json!(5)]);
    assert_eq!(quotas("limit.deleted"), [json!(null), json!(5)]);
}

#[tokio::test]
async fn a_row_that_makes_no_sense_lets_nobody_do_more() {
    let app = App::start().await;
    let wrong =
        "UPDATE limits SET kind = 'calendar', window_s = 61 WHERE plan_id = 'pro' AND name = 'minute'";
    execute(&app.db, wrong).expect("the database does not know better");
    let fault = directory(&app).applied(&caller("free"), Target::default()).await.expect_err("nonsense");
    assert_eq!(fault.kind(), FaultKind::Internal);
    assert!(fault.to_string().contains("makes no sense"), "{fault}");
    let twice = "INSERT INTO limits SELECT gen_random_uuid(), plan_id, principal_id, credential_id, service_id, route_id, \
                 name, kind, quota, window_s, unit, on_error, now(), now() FROM limits";
    assert!(execute(&app.db, twice).expect_err("each name is there once").contains("duplicate key"));
}

/// Old cells leave by truncation: a slot of them, once none of it counts.
#[tokio::test]
async fn a_tidying_empties_the_slot_that_comes_next() {
    let app = App::start().await;
    let rows = |slot: &str| {
        format!("quota_counters WHERE slot = counter_slot(true, counters_now() + {slot} * 3456000000000)")
    };
    for slot in ["-1", "0", "1"] {
        let row = format!(
            "INSERT INTO quota_counters SELECT counter_slot(true, counters_now() + {slot} * 3456000000000), \
             gen_random_uuid(), 1, 1, 0"
        );
        execute(&app.db, &row).expect("a row");
        assert_eq!(count(&app.db, &rows(slot)), 1);
    }
    let store = PostgresStore::new(app.ledger.clone());
    store.tidy().await.expect("a tidying");
    assert_eq!(["-1", "0", "1"].map(|slot| count(&app.db, &rows(slot))), [1, 1, 0]);
}
