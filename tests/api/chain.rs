//! The seal over the event log: gapless, in the order of the commits, and whatever is changed afterwards is found.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use diesel::connection::SimpleConnection as _;
use futures_util::future::join_all;
use grantor::app::settings::Settings;
use grantor::audit::chain::{heed_restored, numbered_after, sequence_of, standing};
use grantor::audit::{Actor, Event, Kind};
use grantor::platform::context::Context;
use grantor::platform::db::{self, Connection};
use serde_json::{Value, json};

use crate::commands::{Grantor, Said};
use crate::support::{
    ADA, Answer, App, Database, MASTER_KEY, Node, START, Scratch, count, database, eventually, execute,
    signing, verifies,
};

/// Ways around the triggers that only a superuser has.
pub(crate) const BY_FORCE: &str = "SET session_replication_role = replica;";

/// A server over a database that outlives it, which signs, with its own pool of connections.
pub(crate) async fn start(database: &Database) -> App {
    App::over(&database.url, grantor::platform::clock::TestClock::starting_at(*START), signs).await
}

fn signs(settings: &mut Settings) {
    signing(settings, "ES256");
    settings.audit.checkpoint_s = 1;
}

/// Events of a moment, in one act, so that they are sealed together.
pub(crate) fn tell(app: &App, many: usize, now: DateTime<Utc>) {
    let told = app.ledger.act_here(&Context::operator(now), |work| {
        for number in 0..many {
            let event = Event::new(Kind::UserRenamed, Actor::User(ADA.id())).on("user", ADA.id());
            work.tell(event.with(json!({ "number": number, "share": 0.5, "words": ["é", null, true] })));
        }
        Ok(Ok(()))
    });
    told.expect("a database").expect("an act");
}

/// How many events have a number.
fn sealed(app: &App) -> i64 {
    app.db.run_here(standing).expect("a standing").sealed
}

pub(crate) async fn all_are_sealed(app: &App) {
    eventually("sealed", async || sealed(app) == count(&app.db, "events")).await;
}

/// What is sealed is signed, once the clock has moved.
pub(crate) async fn all_are_signed(app: &App) {
    all_are_sealed(app).await;
    app.clock.advance(Duration::seconds(5));
    eventually("signed", async || {
        let standing = app.db.run_here(standing).expect("a standing");
        standing.checkpoint.is_some_and(|(seq, _)| seq == standing.sealed)
    })
    .await;
}

pub(crate) fn grantor(url: &str, more: &[(&str, &str)]) -> Grantor {
    let usual = [("GRANTOR_DATABASE__URL", url), ("GRANTOR_SIGNING__MASTER_KEY", MASTER_KEY)];
    Grantor::with(&[&usual[..], more].concat())
}

/// What `grantor audit verify` says, and how it ends.
#[track_caller]
pub(crate) fn verify_with(grantor: &Grantor, arguments: &[&str]) -> (i32, Value) {
    let said = grantor.run(&[&["audit", "verify", "--json"], arguments].concat());
    let report = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("no report: {said:?}"));
    (said.code, report)
}

#[track_caller]
pub(crate) fn verify(url: &str) -> (i32, Value) {
    verify_with(&grantor(url, &[]), &[])
}

/// The log is good, and has so many events.
#[track_caller]
pub(crate) fn is_good(url: &str, events: i64) -> Value {
    let (code, report) = verify(url);
    assert_eq!((code, &report["ok"], &report["flaw"]), (0, &json!(true), &Value::Null), "{report}");
    assert_eq!((&report["events"], &report["waiting"]), (&json!(events), &json!(0)), "{report}");
    report
}

/// A log of some events in several batches, all sealed and signed; whoever sealed it is gone.
pub(crate) async fn sealed_log() -> Database {
    let database = database();
    let app = start(&database).await;
    // What the start told is a batch of its own, whenever the sealer comes by.
    all_are_sealed(&app).await;
    for _ in 0..3 {
        tell(&app, 5, *START);
        all_are_signed(&app).await;
    }
    app.stop().await;
    database
}

/// The events in the order of the chain, by id.
fn ids(connection: &mut Connection) -> Vec<String> {
    texts(connection, "SELECT id::text AS text FROM events ORDER BY transaction, occurred_at, id")
}

fn texts(connection: &mut Connection, query: &str) -> Vec<String> {
    use diesel::prelude::*;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let rows: Vec<Row> = diesel::sql_query(query).load(connection).expect(query);
    rows.into_iter().map(|row| row.text).collect()
}

#[tokio::test]
async fn an_untouched_log_verifies_and_its_checkpoints_verify_with_the_key_set() {
    let database = database();
    let app = start(&database).await;
    tell(&app, 20, *START);
    all_are_signed(&app).await;
    let keys = app.get("/oauth/jwks").await.json();
    let events = count(&app.db, "events");
    app.stop().await;
    let report = is_good(&database.url, events);
    assert!(report["checkpoints"].as_i64() > Some(0) && report["unvouched_checkpoints"] == 0, "{report}");

    let checkpoints = grantor(&database.url, &[]).json(&["audit", "checkpoints"]);
    let last = checkpoints.as_array().and_then(|all| all.last()).expect("a checkpoint");
    let jws = last["jws"].as_str().expect("a text");
    assert!(keys["keys"].as_array().expect("keys").iter().any(|key| verifies(key, jws)), "{jws}");
    assert_eq!(crate::support::header_of(jws)["typ"], "grantor-checkpoint+jwt");
    assert_eq!(crate::support::claims_of(jws)["seq"], events);
}

/// U13: each of these is found, and the row is named; what was put back is good again.
#[tokio::test]
async fn what_is_edited_deleted_inserted_or_reordered_is_found_and_named() {
    let database = sealed_log().await;
    let mut connection = db::connect(&database.url).expect("a connection");
    let ids = ids(&mut connection);
    let events = i64::try_from(ids.len()).expect("a number");
    is_good(&database.url, events);
    // Three of one act, which were sealed together.
    let largest =
        "SELECT first_seq::text AS text FROM event_chain ORDER BY last_seq - first_seq DESC, batch LIMIT 1";
    let begins: i64 = texts(&mut connection, largest)[0].parse().expect("a number");
    let at = usize::try_from(begins - 1).expect("a place");
    let (first, one, other, seq_of_one) = (&ids[at], &ids[at + 1], &ids[at + 2], begins + 1);
    let of = |id: &str, columns: &str| format!("(SELECT {columns} FROM saved WHERE id = '{id}')");
    let swapped = "kind, target_id, data";
    let strange = "01900000-0000-7000-8000-000000000000";
    for (flaw, named, seq, tampering) in [
        ("edited", one, seq_of_one, format!("UPDATE events SET data = '{{}}' WHERE id = '{one}'")),
        (
            "edited",
            one,
            seq_of_one,
            format!("UPDATE events SET data = data || '{{\"share\": 0.25}}' WHERE id = '{one}'"),
        ),
        ("edited", one, seq_of_one, format!("UPDATE events SET user_agent = '' WHERE id = '{one}'")),
        ("edited", one, seq_of_one, format!("UPDATE events SET actor_id = '{strange}' WHERE id = '{one}'")),
        (
            "edited",
            one,
            seq_of_one,
            format!(
                "UPDATE events SET ({swapped}) = {} WHERE id = '{one}'; \
                 UPDATE events SET ({swapped}) = {} WHERE id = '{other}'",
                of(other, swapped),
                of(one, swapped)
            ),
        ),
        (
            // Into a batch that was sealed without it, if that is where it gets.
            "reordered or inserted",
            other,
            begins,
            format!("UPDATE events SET transaction = {} - 1 WHERE id = '{other}'", of(first, "transaction")),
        ),
        ("deleted", one, seq_of_one, format!("DELETE FROM events WHERE id = '{one}'")),
        (
            "deleted",
            &ids[ids.len() - 1],
            events,
            format!("DELETE FROM events WHERE id = '{}'", ids[ids.len() - 1]),
        ),
        ("deleted", &ids[0], 1, format!("DELETE FROM events WHERE id = '{}'", ids[0])),
        (
            "inserted",
            &strange.to_owned(),
            begins, // Its id is older than those of its transaction.
            format!(
                "INSERT INTO events (occurred_at, id, kind, outcome, actor_kind, transaction) \
                 SELECT occurred_at, '{strange}', kind, outcome, actor_kind, transaction FROM saved WHERE id = '{one}'"
            ),
        ),
    ] {
        let undo = "DELETE FROM events; INSERT INTO events SELECT * FROM saved; DROP TABLE saved";
        let spoil = format!("{BY_FORCE} CREATE TABLE saved AS TABLE events; {tampering}");
        connection.batch_execute(&spoil).expect(&tampering);
        let (code, report) = verify(&database.url);
        let found = &report["flaw"];
        let is_found = flaw.split(" or ").any(|flaw| found["flaw"] == flaw);
        assert!(code == 1 && is_found, "{tampering}: {report}");
        assert_eq!((&found["event"], &found["seq"]), (&json!(named), &json!(seq)), "{tampering}: {report}");
        assert!(found["message"].as_str().expect("words").contains(named), "{report}");
        connection.batch_execute(&format!("{BY_FORCE} {undo}")).expect("undone");
        is_good(&database.url, events);
    }
}

/// U13, where whoever owns the database covers the tracks.
#[tokio::test]
async fn a_chain_that_was_edited_cut_or_written_anew_is_found() {
    const LAST: &str = "(SELECT max(batch) FROM event_chain)";
    let database = sealed_log().await;
    let mut connection = db::connect(&database.url).expect("a connection");
    let events = i64::try_from(ids(&mut connection).len()).expect("a number");
    is_good(&database.url, events);
    let saved = ["events", "event_chain", "event_leaves", "event_checkpoints"];
    let cut = format!(
        "DELETE FROM events e USING event_chain c WHERE c.batch = {LAST} - 1 \
            AND (e.transaction, e.occurred_at, e.id) > (c.until_transaction, c.until_at, c.until_id); \
         DELETE FROM event_leaves WHERE batch = {LAST}; DELETE FROM event_chain WHERE batch = {LAST}"
    );
    for (flaw, tampering) in [
        ("link", "UPDATE event_chain SET digest = sha256('x') WHERE batch = 2".to_owned()),
        ("link", "UPDATE event_chain SET sealed_at = sealed_at - interval '1 h' WHERE batch = 2".to_owned()),
        ("link", "UPDATE event_chain SET hash = sha256('x') WHERE batch = 1".to_owned()),
        ("link_gone", "DELETE FROM event_chain WHERE batch = 2".to_owned()),
        ("link_gone", "DELETE FROM event_chain WHERE batch = 1".to_owned()),
        ("batch", "DELETE FROM event_leaves; UPDATE events SET kind = 'user.enabled'".to_owned()),
        ("batch", "UPDATE event_leaves SET leaves = leaves || leaves; DELETE FROM events".to_owned()),
        ("cut", cut),
        ("cut", "DELETE FROM events; DELETE FROM event_leaves; DELETE FROM event_chain".to_owned()),
        ("checkpoint", "UPDATE event_checkpoints SET created_at = created_at - interval '1 h'".to_owned()),
        (
            "checkpoint",
            "UPDATE event_checkpoints SET signature = left(signature, -8) || 'AAAAAAAA'".to_owned(),
        ),
        ("checkpoint", "UPDATE event_checkpoints SET kid = 'another'".to_owned()),
    ] {
        for table in saved {
            let save = format!("CREATE TABLE saved_{table} AS TABLE {table}");
            connection.batch_execute(&save).expect("saved");
        }
        connection.batch_execute(&format!("{BY_FORCE} {tampering}")).expect(&tampering);
        let (code, report) = verify(&database.url);
        assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!(flaw)), "{tampering}: {report}");
        for table in saved {
            let undo = format!(
                "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved_{table}; DROP TABLE saved_{table}"
            );
            connection.batch_execute(&format!("{BY_FORCE} {undo}")).expect("undone");
        }
        is_good(&database.url, events);
    }
}

/// A log that was sealed anew is whole in itself: what was signed tells, in the database or kept elsewhere.
#[tokio::test]
async fn a_log_that_was_sealed_anew_is_not_what_was_signed() {
    let database = sealed_log().await;
    let grantor = grantor(&database.url, &[]);
    let scratch = Scratch::new();
    let kept = scratch.join("checkpoints");
    let checkpoints = grantor.run(&["audit", "checkpoints"]).out;
    assert!(checkpoints.lines().count() >= 3, "{checkpoints}");
    std::fs::write(&kept, &checkpoints).expect("a file");
    let against = ["--against", kept.as_str()];
    let (code, report) = verify_with(&grantor, &against);
    assert_eq!((code, &report["checkpoints_elsewhere"]), (0, &report["checkpoints"]), "the twin: {report}");

    let mut connection = db::connect(&database.url).expect("a connection");
    let forge = "UPDATE events SET ip = '192.0.2.9'; DELETE FROM event_leaves; DELETE FROM event_chain;";
    connection.batch_execute(&format!("{BY_FORCE} {forge}")).expect("a forger");
    let app = start(&database).await;
    all_are_sealed(&app).await;
    app.stop().await;
    let (code, report) = verify(&database.url);
    assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("rewritten")), "{report}");

    // Who forgets the checkpoints, too, is found by those that were kept.
    connection.batch_execute(&format!("{BY_FORCE} DELETE FROM event_checkpoints")).expect("a forger");
    assert_eq!(verify(&database.url).0, 0, "nothing in the database tells");
    let (code, report) = verify_with(&grantor, &against);
    assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("rewritten")), "{report}");
    std::fs::write(&kept, "no checkpoint\n").expect("a file");
    let said = grantor.run(&["audit", "verify", "--against", against[1]]);
    assert!(said.code == 1 && said.err.contains(":1: this is no checkpoint"), "{said:?}");
}

/// Whoever writes into the database can put a key of their own there, and not seal it under our master key.
#[tokio::test]
async fn a_key_that_our_master_key_does_not_open_vouches_for_nothing() {
    let database = sealed_log().await;
    let other = [("GRANTOR_SIGNING__MASTER_KEY", "another master key of thirty-two characters")];
    let (code, report) = verify_with(&grantor(&database.url, &other), &[]);
    assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("checkpoint")), "{report}");
    let (code, report) = verify_with(&grantor(&database.url, &[("GRANTOR_SIGNING__MASTER_KEY", "")]), &[]);
    assert_eq!((code, &report["checkpoints"]), (0, &json!(0)), "{report}");
    assert!(report["unvouched_checkpoints"].as_i64() >= Some(3), "{report}");
}

/// One event by hand, in the transaction under way.
const AN_EVENT: &str = "INSERT INTO events (occurred_at, id, kind, outcome, actor_kind) \
                        VALUES ('2026-11-21 12:00Z', gen_random_uuid(), 'user.renamed', 'success', 'operator')";

/// Writes in transactions that commit late, in part, or not at all; how many events are there then.
fn write(url: &str, writer: u64) -> i64 {
    let mut connection = db::connect(url).expect("a connection");
    let mut committed = 0;
    for turn in 0..30 {
        connection.batch_execute(&format!("BEGIN; {AN_EVENT}; SAVEPOINT s; {AN_EVENT}")).expect("events");
        // So that the order of the ends is not that of the beginnings.
        std::thread::sleep(std::time::Duration::from_millis((writer * 7 + turn * 5) % 11 * 3));
        let (end, many) = match (writer + turn) % 3 {
            0 => ("COMMIT", 2),
            1 => ("ROLLBACK TO s; COMMIT", 1),
            _ => ("ROLLBACK", 0),
        };
        connection.batch_execute(end).expect(end);
        committed += many;
    }
    committed
}

/// Transactions that take long, while two nodes seal.
#[tokio::test]
async fn no_event_is_skipped_however_long_its_transaction_takes() {
    let database = database();
    let app = start(&database).await;
    let other = app.second_node().await;
    let before = count(&app.db, "events");
    let writers = (0..8).map(|writer| {
        let url = database.url.clone();
        tokio::task::spawn_blocking(move || write(&url, writer))
    });
    let committed: i64 = join_all(writers).await.into_iter().map(|many| many.expect("a writer")).sum();
    all_are_sealed(&app).await;
    assert_eq!(count(&app.db, "events"), before + committed);
    app.stop().await;
    other.stop().await;
    is_good(&database.url, before + committed);
}

/// What is open holds up what began after it, for as long as it is open, and is then in its place.
#[tokio::test]
async fn a_transaction_that_is_open_holds_up_the_seal_and_not_the_writers() {
    let database = database();
    let app = start(&database).await;
    all_are_sealed(&app).await;
    let before = sealed(&app);
    let mut slow = db::connect(&database.url).expect("a connection");
    slow.batch_execute(&format!("BEGIN; {AN_EVENT}")).expect("an event");
    tell(&app, 3, *START);
    let lag = async || {
        let text = Answer::to(app.http.get(format!("{}/metrics", app.ops))).await.body;
        let line =
            text.lines().find(|line| line.starts_with("grantor_audit_sealing_lag_seconds")).expect("a lag");
        line.rsplit(' ').next().expect("a number").parse::<i64>().expect("a number")
    };
    app.clock.advance(Duration::seconds(100));
    eventually("behind", async || lag().await == 100).await;
    assert_eq!(sealed(&app), before);
    slow.batch_execute("COMMIT").expect("the end");
    all_are_sealed(&app).await;
    eventually("not behind", async || lag().await == 0).await;
    assert_eq!(sealed(&app), before + 4);
    app.stop().await;
    is_good(&database.url, before + 4);
}

/// Of nodes over one database one seals at a time, whichever.
#[tokio::test]
async fn each_event_is_sealed_by_one_node() {
    let database = database();
    let app = start(&database).await;
    let nodes = join_all((0..3).map(|_| app.second_node())).await;
    for _ in 0..10 {
        tell(&app, 10, *START);
        all_are_sealed(&app).await;
    }
    let events = count(&app.db, "events");
    let by = async |node: &App| {
        let text = Answer::to(node.http.get(format!("{}/metrics", node.ops))).await.body;
        let line =
            text.lines().find(|line| line.starts_with("grantor_audit_sealed_events_total")).expect("a count");
        line.rsplit(' ').next().expect("a number").parse::<i64>().expect("a number")
    };
    let mut sum = by(&app).await;
    for node in &nodes {
        sum += by(node).await;
    }
    assert_eq!(sum, events, "each once");
    app.stop().await;
    for node in nodes {
        node.stop().await;
    }
    is_good(&database.url, events);
}

/// A sealer that is killed leaves whole batches, and the next one goes on.
#[tokio::test]
async fn a_sealer_that_is_killed_leaves_nothing_half_done() {
    let database = database();
    let app = App::driving("http://127.0.0.1:1", &database.url);
    let environment =
        [("GRANTOR_DATABASE__URL", database.url.as_str()), ("GRANTOR_SIGNING__MASTER_KEY", MASTER_KEY)];
    for round in 0..4 {
        let mut node = Node::start(&environment);
        let before = sealed(&app);
        let url = database.url.clone();
        let writer = tokio::task::spawn_blocking(move || write(&url, 2));
        eventually("at it", async || sealed(&app) > before).await;
        node.kill();
        writer.await.expect("a writer");
        let (_, report) = verify(&database.url);
        assert_eq!(report["flaw"], Value::Null, "round {round}, whatever still waits: {report}");
    }
    let _node = Node::start(&environment);
    all_are_sealed(&app).await;
    is_good(&database.url, count(&app.db, "events"));
}

/// What retention dropped may be gone, and the rest verifies; what is to be kept may not.
#[tokio::test]
async fn a_month_that_was_dropped_leaves_a_chain_that_verifies() {
    let database = database();
    let app = start(&database).await;
    let before = count(&app.db, "events");
    for (year, month, many) in [(2024, 2, 3), (2024, 3, 5), (2024, 2, 2)] {
        let then = Utc.with_ymd_and_hms(year, month, 9, 0, 0, 0).single().expect("a moment");
        app.make_partitions(then.date_naive());
        tell(&app, many, then);
    }
    all_are_signed(&app).await;
    app.stop().await;
    is_good(&database.url, before + 10);
    let mut connection = db::connect(&database.url).expect("a connection");
    connection
        .batch_execute("DROP TABLE partitions.events_20240201, partitions.event_leaves_20240201")
        .expect("gone");
    let report = is_good(&database.url, before + 5);
    assert_eq!(report["dropped"], 5, "{report}");

    let (code, report) = verify_with(&grantor(&database.url, &[]), &["--retention-days", "36500"]);
    assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("month_gone")), "{report}");
    let for_ever = [("GRANTOR_AUDIT__RETENTION_DAYS", "0")];
    assert_eq!(verify_with(&grantor(&database.url, &for_ever), &[]).0, 1);
    let again = verify_with(&grantor(&database.url, &for_ever), &["--retention-days", "400"]);
    assert_eq!(again.0, 0, "{again:?}");
    // The partition of this month is made again, and its events are gone all the same.
    connection.batch_execute("DROP TABLE partitions.events_20261101").expect("gone");
    let (code, report) = verify(&database.url);
    assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("deleted")), "{report}");
}

/// Only what was sealed in a time is read; all seals are verified.
#[tokio::test]
async fn a_time_can_be_verified_by_itself() {
    let database = sealed_log().await;
    let grantor = grantor(&database.url, &[]);
    let all = is_good(&database.url, count(&grantor_db(&database), "events"));
    let (code, early) = verify_with(&grantor, &["--to", "2026-11-21T12:00:01Z"]);
    let (other, late) = verify_with(&grantor, &["--from", "2026-11-21T12:00:01Z"]);
    let number = |report: &Value, name: &str| report[name].as_i64().expect("a number");
    assert_eq!((code, other), (0, 0), "{early} {late}");
    assert!(number(&early, "events") > 0 && number(&late, "events") > 0, "{early} {late}");
    assert_eq!(number(&early, "events") + number(&late, "events"), number(&all, "events"));
    assert_eq!(number(&early, "skipped"), number(&late, "events"));

    let mut connection = db::connect(&database.url).expect("a connection");
    let spoil = "UPDATE events SET ip = '::1' WHERE kind = 'service.created'";
    connection.batch_execute(&format!("{BY_FORCE} {spoil}")).expect("spoilt");
    assert_eq!(verify_with(&grantor, &["--to", "2026-11-21T12:00:01Z"]).0, 1);
    assert_eq!(verify_with(&grantor, &["--from", "2026-11-21T12:00:01Z"]).0, 0);
    let said = grantor.run(&["audit", "verify", "--from", "yesterday"]);
    assert!(said.code == 2 && said.err.contains("2026-11-21"), "{said:?}");
}

fn grantor_db(database: &Database) -> db::Db {
    App::driving("http://127.0.0.1:1", &database.url).db
}

/// A dump that is restored elsewhere brings transactions of high numbers to a server that counts from low ones.
#[tokio::test]
async fn a_restored_log_goes_on_after_what_came_with_it() {
    let database = sealed_log().await;
    let mut connection = db::connect(&database.url).expect("a connection");
    assert!(!heed_restored(&mut connection).expect("an answer"), "the twin: this is where it was written");
    let ahead = "UPDATE events SET transaction = transaction + 1000000000000; DELETE FROM event_checkpoints; \
                 DELETE FROM event_leaves; DELETE FROM event_chain";
    connection.batch_execute(&format!("{BY_FORCE} {ahead}")).expect("as if restored");
    let before = ids(&mut connection);
    // Any command or server sees it before it writes.
    let said = grantor(&database.url, &[]).run(&["audit", "list"]);
    assert!(said.code == 0 && said.err.contains("restored from a dump"), "{said:?}");
    let app = start(&database).await;
    tell(&app, 3, *START);
    all_are_signed(&app).await;
    app.stop().await;
    assert_eq!(ids(&mut connection)[..before.len()], before, "what is new comes after what was there");
    is_good(&database.url, i64::try_from(before.len()).expect("a number") + 3);
    assert!(!heed_restored(&mut connection).expect("an answer"));
}

/// The number of an event is where a reader goes on.
#[tokio::test]
async fn a_reader_goes_on_where_it_stopped_and_misses_nothing() {
    let database = sealed_log().await;
    let mut connection = db::connect(&database.url).expect("a connection");
    let all = ids(&mut connection);
    for most in [1, 3, 7, 1000] {
        let (mut read, mut at) = (Vec::new(), 0);
        loop {
            let page = numbered_after(&mut connection, at, most).expect("events");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= most);
            at = last.seq;
            read.extend(page.iter().map(|one| (one.seq, one.event.id.to_string())));
        }
        assert_eq!(read, (1..).zip(all.iter().cloned()).collect::<Vec<_>>(), "{most} at once");
    }
    for one in numbered_after(&mut connection, 0, 1000).expect("events") {
        let found = sequence_of(&mut connection, (one.event.occurred_at, one.event.id)).expect("an answer");
        assert_eq!(found, Some(one.seq));
    }
    let nobody = sequence_of(&mut connection, (*START, uuid::Uuid::nil())).expect("an answer");
    assert_eq!(nobody, None);
}

/// Triggers, for whoever is no superuser and owns the tables.
#[tokio::test]
async fn the_chain_only_grows() {
    let database = sealed_log().await;
    let db = grantor_db(&database);
    for table in ["event_chain", "event_leaves", "partitions.event_leaves_20261101", "event_checkpoints"] {
        assert!(count(&db, table) > 0, "the twin: {table}");
        let column = if table.contains("leaves") { "month" } else { "hash" };
        for statement in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            let refusal = execute(&db, &statement).expect_err(&statement);
            assert!(refusal.contains("the event chain is append-only"), "{statement}: {refusal}");
        }
    }
}

/// A role that a test makes, and that goes with it: roles are the cluster's, and not the database's.
pub struct Role {
    pub name: String,
    owner: String,
}

impl Role {
    pub fn new(database: &Database) -> Self {
        let name = format!("r_{}", uuid::Uuid::now_v7().simple());
        let mut connection = db::connect(&database.url).expect("a connection");
        connection.batch_execute(&format!("CREATE ROLE {name} LOGIN")).expect("a role");
        Self { name, owner: database.url.clone() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn url(&self) -> String {
        self.owner.replace("user=grantor", &format!("user={}", self.name))
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if let Ok(mut connection) = db::connect(&self.owner) {
            let _ = connection.batch_execute(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name));
        }
    }
}

/// A server needs no right to change what was done, so a server that was taken over cannot, either.
#[tokio::test]
async fn a_server_that_owns_nothing_serves_and_can_only_add_to_the_log() {
    let database = database();
    let role = Role::new(&database);
    let owner = grantor(&database.url, &[]);
    let said = owner.run(&["migrate", "--app-role", &role.name]);
    assert!(said.code == 0 && said.out.contains("may serve, and only add to the logs"), "{said:?}");

    let clock = grantor::platform::clock::TestClock::starting_at(*START);
    let app = App::over(&role.url(), clock, signs).await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let first = client.redeem(&app, &code).await;
    let next = client.refresh(&app, &first.text("refresh_token")).await;
    assert!(app.is_active(&server, &next.text("access_token")).await);
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    client.revoke(&app, &own).await.is_ok();
    assert!(!app.is_active(&server, &own).await);
    browser.get("/account/apps").await;
    app.advance(Duration::days(1));
    drop(browser);
    all_are_signed(&app).await;
    let events = count(&app.db, "events");
    assert!(events > 5);
    for table in grantor::audit::LOGS {
        assert!(count(&app.db, table) > 0, "the twin: {table} can be read");
        let column = if *table == "event_leaves" {
            "batch"
        } else if *table == "events" {
            "ip"
        } else {
            "hash"
        };
        for statement in [
            format!("UPDATE {table} SET {column} = NULL"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("DROP TABLE {table}"),
        ] {
            let refusal = execute(&app.db, &statement).expect_err(&statement);
            let is_refused =
                ["permission denied", "must be owner"].iter().any(|words| refusal.contains(words));
            assert!(is_refused, "{statement}: {refusal}");
        }
    }
    let forged = "INSERT INTO events (occurred_at, id, kind, outcome, actor_kind, transaction) \
                  VALUES ('2026-11-21 12:00Z', gen_random_uuid(), 'a.b', 'success', 'operator', 9223372036854775807)";
    let refusal = execute(&app.db, forged).expect_err("nobody names the transaction");
    assert!(refusal.contains("permission denied"), "{refusal}");
    execute(&app.db, AN_EVENT).expect("the twin");
    all_are_sealed(&app).await;
    app.stop().await;
    let as_role = grantor(&role.url(), &[]);
    assert_eq!(verify_with(&as_role, &[]).0, 0, "who serves can also verify");
    let doctor: Value = serde_json::from_str(&as_role.run(&["doctor", "--json"]).out).expect("JSON");
    let found = doctor["checks"].as_array().expect("checks").iter().find(|one| one["check"] == "permissions");
    let found = found.expect("the check");
    assert_eq!(found["level"], "ok", "{found}");
    let dropped = as_role.run(&["migrate", "--drop-expired"]);
    let by_owner = owner.run(&["migrate", "--drop-expired"]);
    assert_eq!((by_owner.code, by_owner.err.as_str()), (0, ""), "{dropped:?}");

    let nobody = owner.run(&["migrate", "--app-role", "nobody \"at\" all"]);
    assert!(nobody.code == 1 && nobody.err.contains("there is no role"), "{nobody:?}");
    let themselves = owner.run(&["migrate", "--app-role", "grantor"]);
    assert!(themselves.code == 1 && themselves.err.contains("is a superuser"), "{themselves:?}");
}

fn export(grantor: &Grantor, arguments: &[&str]) -> Said {
    let said = grantor.run(&[&["audit", "export"], arguments].concat());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
    said
}

#[tokio::test]
async fn an_export_has_every_event_and_is_one_itself() {
    let database = database();
    let app = start(&database).await;
    let told = app.ledger.act_here(&Context::operator(*START), |work| {
        (0..2300).for_each(|_| work.tell(Event::new(Kind::UserRenamed, Actor::Operator)));
        Ok(Ok(()))
    });
    told.expect("a database").expect("an act");
    app.stop().await;
    let (db, grantor) = (grantor_db(&database), grantor(&database.url, &[]));
    let expected: BTreeSet<String> =
        ids(&mut db::connect(&database.url).expect("a connection")).into_iter().collect();
    let said = export(&grantor, &["--format", "ndjson", "--to", "2026-11-21T12:00:01Z"]);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), expected.len(), "each once");
    let found: BTreeSet<String> =
        lines.iter().map(|line| line["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(found, expected);
    assert_eq!(count(&db, "events WHERE kind = 'audit.exported'"), 1);

    let said = export(&grantor, &["--format", "csv", "--kind", "service.created"]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("occurred_at,id,kind,outcome,"), "{lines:?}");
    assert!(lines[1].starts_with("2026-11-21T12:00:00.000000Z,"), "{lines:?}");
    let said = export(&grantor, &["--format", "ocsf", "--kind", "user.renamed", "--from", "2026-11-21"]);
    assert_eq!(said.out.lines().count(), 2300);
    let first: Value = serde_json::from_str(said.out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["class_uid"], &first["metadata"]["event_code"]),
        (&json!(3001), &json!("user.renamed"))
    );
    let none = export(&grantor, &["--format", "ndjson", "--from", "2026-11-22", "--to", "2026-11-22"]);
    assert_eq!(none.out, "");
    let wrong = grantor.run(&["audit", "export", "--format", "csv", "--kind", "no.such"]);
    assert!(wrong.code == 1 && wrong.err.contains("there are no events no.such"), "{wrong:?}");
    let told = crate::support::told(&db, "audit.exported");
    assert_eq!(told.len(), 4);
    assert!(told.iter().any(|event| event.data["format"] == "ocsf" && event.data["kind"] == "user.renamed"));
}

/// What strangers call themselves is not executed by whoever opens the log in a spreadsheet.
#[tokio::test]
async fn a_formula_in_the_log_is_harmless_in_csv() {
    let database = database();
    let app = start(&database).await;
    let context = Context { user_agent: Some("=cmd|' /C calc'!A0".into()), ..Context::operator(*START) };
    let act = app.ledger.act_here(&context, |work| {
        work.tell(Event::new(Kind::UserSignedIn, Actor::Anonymous));
        Ok(Ok(()))
    });
    act.expect("a database").expect("an act");
    app.stop().await;
    let said = export(&grantor(&database.url, &[]), &["--format", "csv", "--kind", "user.signed_in"]);
    assert!(said.out.contains(",\"'=cmd|' /C calc'!A0\","), "{}", said.out);
}
