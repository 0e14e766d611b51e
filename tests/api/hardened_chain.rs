//! What keeps the seal of the audit log from its work.

use chrono::{DateTime, Duration, Utc};
use diesel::connection::SimpleConnection as _;
use grantor::platform::db;
use serde_json::{Value, json};

use crate::chain::{all_are_sealed, all_are_signed, grantor, is_good, start, tell, verify};
use crate::commands::Grantor;
use crate::support::{Answer, App, count, database, eventually, execute};

async fn lag(app: &App) -> i64 {
    let text = Answer::to(app.http.get(format!("{}/metrics", app.ops))).await.body;
    let line = text.lines().find(|line| line.starts_with("grantor_audit_sealing_lag_seconds"));
    line.and_then(|line| line.rsplit(' ').next()).expect("a lag").parse().expect("a number")
}

/// Events may be older than the chain: their months have partitions, and no leaves.
#[tokio::test]
async fn events_of_before_the_chain_are_sealed() {
    let database = database();
    let app = start(&database).await;
    all_are_sealed(&app).await;
    let before = count(&app.db, "events");
    let long_ago: DateTime<Utc> = "2024-02-09T00:00:00Z".parse().expect("a moment");
    app.make_partitions(long_ago.date_naive());
    execute(&app.db, "DROP TABLE partitions.event_leaves_20240201").expect("as if before");
    tell(&app, 3, long_ago);
    all_are_signed(&app).await;
    app.stop().await;
    is_good(&database.url, before + 3);
}

#[tokio::test]
async fn a_seal_that_fails_is_seen_to_fall_behind() {
    let database = database();
    let app = start(&database).await;
    all_are_sealed(&app).await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN RAISE EXCEPTION 'no seals'; END $$; \
                  CREATE TRIGGER refuse BEFORE INSERT ON event_chain FOR EACH ROW EXECUTE FUNCTION refuse()";
    execute(&app.db, refuse).expect("a trigger");
    tell(&app, 1, app.clock.now());
    app.clock.advance(Duration::seconds(100));
    eventually("behind", async || lag(&app).await == 100).await;
    execute(&app.db, "DROP TRIGGER refuse ON event_chain").expect("gone");
    eventually("not behind", async || lag(&app).await == 0).await;
    app.stop().await;
}

#[track_caller]
fn doctor(grantor: &Grantor) -> Value {
    let said = grantor.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("no report: {said:?}"));
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|one| one["check"] == "audit").expect("the check").clone()
}

/// Nothing vouches for what waits, so nobody is told that all is well; and the doctor says who is in the way.
#[tokio::test]
async fn what_waits_for_long_is_told_and_who_holds_it_up() {
    let database = database();
    let app = start(&database).await;
    // Commands have the clock of the machine.
    let now = Utc::now();
    app.make_partitions(now.date_naive());
    all_are_sealed(&app).await;
    let mut slow = db::connect(&database.url).expect("a connection");
    slow.batch_execute("SET application_name = 'a slow job'; BEGIN; SELECT pg_current_xact_id()")
        .expect("open");
    tell(&app, 2, now - Duration::minutes(30));
    let (code, report) = verify(&database.url);
    assert_eq!((code, &report["ok"], &report["flaw"]), (1, &json!(false), &Value::Null), "{report}");
    assert!(report["late_s"].as_i64() >= Some(1800), "{report}");
    let said = grantor(&database.url, &[]).run(&["audit", "verify"]);
    assert!(said.out.starts_with("NOT sealed to its end: "), "{said:?}");
    // Others have transactions in the same server, and end them.
    eventually("named", async || {
        let found = doctor(&grantor(&database.url, &[]));
        let words = found["message"].as_str().expect("words");
        assert_eq!(found["level"], "warn", "{found}");
        assert!(words.starts_with("2 events wait for their seal, the first for "), "{words}");
        assert!(words.contains("pid "), "{words}");
        assert!(words.ends_with(" holds them up: a transaction that does not end"), "{words}");
        words.contains("a slow job, idle in transaction, since 20")
    })
    .await;

    slow.batch_execute("COMMIT").expect("the end");
    all_are_sealed(&app).await;
    app.stop().await;
    assert_eq!(verify(&database.url).0, 0, "the twin");
    assert_eq!(doctor(&grantor(&database.url, &[]))["level"], "ok", "the twin");
}
