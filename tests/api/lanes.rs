//! Many writes in one statement and one commit: each is answered for itself.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;

use chrono::{NaiveDate, TimeDelta};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use futures_util::future::join_all;
use grantor::app::settings::Settings;
use grantor::audit::{Actor, Event, Kind, Ledger, WriteValue};
use grantor::grants::access_tokens::store::{Find, Issue};
use grantor::grants::codes::store::{Find as FindCode, Redeem, Redeemed};
use grantor::grants::store::RevokeFamily;
use grantor::grants::{BearerKey, FamilyKey, NewAccessToken};
use grantor::kernel::{
    AttemptId, DatedTag, FamilyId, Fault, FaultKind, PlainSecret, Scope, Stale, Tag, TokenId,
};
use grantor::platform::context::Context;
use grantor::platform::db::{self, Connection};
use grantor::platform::entropy::Entropy;
use uuid::Uuid;

use crate::support::{ADA, App, TestClient, count, execute, told};

/// A server whose database is waited for longer than any lane is held here.
async fn patient() -> App {
    App::with(waits_long).await
}

fn waits_long(settings: &mut Settings) {
    settings.database.pool.statement_timeout_ms = 60_000;
}

fn context(app: &App) -> Context {
    Context::operator(app.clock.now())
}

/// A write that holds its lane until it is told to go on, so that what comes meanwhile is one batch.
struct Held {
    tell: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
    go_on: Mutex<Receiver<()>>,
}

impl WriteValue for Held {
    type Verdict = ();

    fn execute(rows: &[&Self], _: &mut Connection) -> Result<Vec<()>, Fault> {
        for row in rows {
            let tell = row.tell.lock().expect("it").take();
            tell.expect("the first time").send(()).expect("the test");
            row.go_on.lock().expect("it").recv().expect("the test");
        }
        Ok(rows.iter().map(|_| ()).collect())
    }

    fn events(&self, (): &()) -> Vec<Event> {
        Vec::new()
    }

    fn stale(&self) -> Option<Stale> {
        None
    }
}

/// Holds the lane in which this ledger writes, until told to go on.
async fn hold(ledger: &Ledger, context: &Context) -> Sender<()> {
    let (tell, is_held) = tokio::sync::oneshot::channel();
    let (release, released) = channel();
    let held = Held { tell: Mutex::new(Some(tell)), go_on: Mutex::new(released) };
    let (ledger, context) = (ledger.clone(), context.clone());
    tokio::spawn(async move { ledger.write(&context, held).await.expect("a commit") });
    is_held.await.expect("a held lane");
    release
}

/// A future that was begun: its job is in the queue.
async fn begun<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    let mut future: Pin<Box<dyn Future<Output = T> + 'a>> = Box::pin(future);
    poll_fn(|task| {
        assert!(future.as_mut().poll(task).is_pending(), "the lane is not held");
        Poll::Ready(())
    })
    .await;
    future
}

/// A token for this client, which ends on this day.
fn token(app: &App, client: &TestClient, day: NaiveDate) -> NewAccessToken {
    let now = app.clock.now();
    let bearer = Entropy.dated_bearer(DatedTag::AccessToken, day);
    NewAccessToken {
        key: BearerKey { day, hash: bearer.hash() },
        id: TokenId::from_uuid(Entropy.id(now)),
        subject: client.principal,
        client: client.principal,
        family: None,
        scope: Scope::parse("orders:read").expect("a scope"),
        audience: vec!["https://orders.test".into()],
        issued_at: now,
        expires_at: now + TimeDelta::minutes(10),
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_answers_what_it_took() {
    let app = App::with(|settings| {
        waits_long(settings);
        settings.database.pool.queue = 1;
    })
    .await;
    let (client, context) = (app.web_client(), context(&app));
    let today = app.clock.now().date_naive();
    let release = hold(&app.ledger, &context).await;
    let taken = begun(app.ledger.write(&context, Issue(token(&app, &client, today)))).await;
    for _ in 0..3 {
        let refused = app.ledger.write(&context, Issue(token(&app, &client, today))).await;
        assert_eq!(refused.expect_err("no room").kind(), FaultKind::Unavailable);
    }
    release.send(()).expect("a held lane");
    assert!(taken.await.expect("a commit"));
    assert_eq!(count(&app.db, "access_tokens"), 1);
    assert!(app.ledger.write(&context, Issue(token(&app, &client, today))).await.expect("a commit"));
}

#[tokio::test]
async fn a_bad_row_fails_alone_and_those_beside_it_are_stored() {
    let app = patient().await;
    let (client, context) = (app.web_client(), context(&app));
    let today = app.clock.now().date_naive();
    let no_partition = NaiveDate::from_ymd_opt(2400, 1, 1).expect("a day");
    let tokens = [today, no_partition, today, today].map(|day| token(&app, &client, day));

    let release = hold(&app.ledger, &context).await;
    let mut writes = Vec::new();
    for token in tokens.clone() {
        writes.push(begun(app.ledger.write(&context, Issue(token))).await);
    }
    release.send(()).expect("a held lane");
    let verdicts = join_all(writes).await;
    let ends: Vec<_> = verdicts.into_iter().map(|end| end.map_err(|fault| fault.kind())).collect();
    assert_eq!(ends, [Ok(true), Err(FaultKind::Internal), Ok(true), Ok(true)]);
    for (token, is_good) in tokens.iter().zip([true, false, true, true]) {
        let found = app.ledger.look_up(Find(token.key)).await.expect("a database");
        assert_eq!(found.is_some(), is_good);
    }
}

/// C06: within one statement no row is faster; still one wins.
#[tokio::test]
async fn two_redemptions_of_one_code_in_one_batch_have_one_winner() {
    let app = patient().await;
    let (client, context) = (app.web_client(), context(&app));
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = PlainSecret::new(client.code_from(&mut browser, "orders:read").await);
    let key = BearerKey::of(&code, Tag::AuthorizationCode).expect("a code");
    let found = app.ledger.look_up(FindCode(key)).await.expect("a database").expect("a code");
    let family = found.lineage.family.key;
    let attempt = || Redeem {
        code: key,
        family,
        attempt: AttemptId::from_uuid(Entropy.id(context.now)),
        now: context.now,
        access: NewAccessToken { family: Some(family), ..token(&app, &client, context.now.date_naive()) },
        refresh: None,
        client: client.principal,
    };

    let release = hold(&app.ledger, &context).await;
    let one = begun(app.ledger.write(&context, attempt())).await;
    let other = begun(app.ledger.write(&context, attempt())).await;
    release.send(()).expect("a held lane");
    let (one, other) = tokio::join!(one, other);
    let verdicts = [one.expect("a commit"), other.expect("a commit")];
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Redeemed::Done).count(), 1, "{verdicts:?}");
    assert_eq!(count(&app.db, "access_tokens"), 1);
    assert_eq!(told(&app.db, "code.redeemed").len(), 1);
}

/// Takes two rows in this order; meets the other between them, the first time.
struct Crossing {
    rows: [i32; 2],
    middle: Arc<Barrier>,
    again: AtomicBool,
    attempts: Arc<AtomicUsize>,
}

impl Crossing {
    fn new(rows: [i32; 2], middle: &Arc<Barrier>, attempts: &Arc<AtomicUsize>) -> Self {
        let (middle, attempts) = (Arc::clone(middle), Arc::clone(attempts));
        Self { rows, middle, again: AtomicBool::new(false), attempts }
    }
}

impl WriteValue for Crossing {
    type Verdict = ();

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<()>, Fault> {
        for crossing in rows {
            let [first, second] = crossing.rows;
            crossing.attempts.fetch_add(1, Ordering::SeqCst);
            let mut step = |row: i32| {
                let statement = format!("UPDATE crossing SET steps = steps + 1 WHERE id = {row}");
                diesel::sql_query(statement).execute(connection)
            };
            step(first)?;
            if !crossing.again.swap(true, Ordering::SeqCst) {
                crossing.middle.wait();
            }
            step(second)?;
        }
        Ok(rows.iter().map(|_| ()).collect())
    }

    fn events(&self, (): &()) -> Vec<Event> {
        Vec::new()
    }

    fn stale(&self) -> Option<Stale> {
        None
    }
}

/// Rows are sorted, so that this should not happen; when it does, each is done once, and what was beside them is stored.
#[tokio::test]
async fn a_deadlock_between_the_batches_of_two_nodes_heals() {
    let app = patient().await;
    // Found before anybody tires of waiting for a row.
    let quick = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 50', current_database()); END $$";
    execute(&app.db, quick).expect("a setting");
    let table = "CREATE TABLE crossing AS SELECT id, 0 AS steps FROM generate_series(1, 2) AS id";
    execute(&app.db, table).expect("a table");
    let (client, context) = (app.web_client(), context(&app));
    let today = app.clock.now().date_naive();
    let nodes = [Ledger::new(app.db.clone()), Ledger::new(app.db.clone())];
    let (middle, attempts) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));

    let (mut crossings, mut beside, mut releases) = (Vec::new(), Vec::new(), Vec::new());
    for (node, rows) in nodes.iter().zip([[1, 2], [2, 1]]) {
        releases.push(hold(node, &context).await);
        let crossing = Crossing::new(rows, &middle, &attempts);
        crossings.push(begun(node.write(&context, crossing)).await);
        beside.push(begun(node.write(&context, Issue(token(&app, &client, today)))).await);
    }
    for release in releases {
        release.send(()).expect("a held lane");
    }
    let (crossings, beside) = tokio::join!(join_all(crossings), join_all(beside));
    for (node, end) in nodes.iter().zip(crossings) {
        // Done again by itself, it may have met the other once more: then its client is told to ask again.
        if let Err(fault) = end {
            assert_eq!(fault.kind(), FaultKind::Unavailable, "{fault}");
            let crossing = Crossing::new([1, 2], &middle, &attempts);
            crossing.again.store(true, Ordering::SeqCst);
            node.write(&context, crossing).await.expect("nobody is in its way any more");
        }
    }
    assert!(beside.iter().all(|end| matches!(end, Ok(true))), "{beside:?}");
    assert_eq!(count(&app.db, "crossing WHERE steps = 2"), 2);
    assert_eq!(count(&app.db, "access_tokens"), 2);
    assert!(attempts.load(Ordering::SeqCst) > 2, "neither was in the other's way");
}

/// A row that somebody holds: those who want it are told so, and hold up nobody for long.
struct Wanting(i32);

impl WriteValue for Wanting {
    type Verdict = ();

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<()>, Fault> {
        for Self(row) in rows {
            diesel::sql_query(format!("UPDATE crossing SET steps = 1 WHERE id = {row}"))
                .execute(connection)?;
        }
        Ok(rows.iter().map(|_| ()).collect())
    }

    fn events(&self, (): &()) -> Vec<Event> {
        Vec::new()
    }

    fn stale(&self) -> Option<Stale> {
        None
    }
}

#[tokio::test]
async fn many_who_want_what_somebody_holds_do_not_hold_up_those_beside_them() {
    const HELD: i32 = 12;
    let app = App::start().await;
    let table =
        format!("CREATE TABLE crossing AS SELECT id, 0 AS steps FROM generate_series(1, {HELD}) AS id");
    execute(&app.db, &table).expect("a table");
    let (client, context) = (app.web_client(), context(&app));
    let today = app.clock.now().date_naive();
    let mut holder = db::connect(&app.settings.database.url).expect("a connection");
    holder.batch_execute("BEGIN; UPDATE crossing SET steps = 2").expect("rows");

    let release = hold(&app.ledger, &context).await;
    let mut wanting = Vec::new();
    for row in 1..=HELD {
        wanting.push(begun(app.ledger.write(&context, Wanting(row))).await);
    }
    let beside = begun(app.ledger.write(&context, Issue(token(&app, &client, today)))).await;
    release.send(()).expect("a held lane");
    let (wanting, beside) = tokio::join!(join_all(wanting), beside);
    assert!(beside.expect("a commit"), "behind twelve that wait");
    for end in wanting {
        assert_eq!(end.expect_err("held").kind(), FaultKind::Unavailable);
    }
    holder.batch_execute("COMMIT").expect("an end");
    app.ledger
        .write(&context, Wanting(1))
        .await
        .expect("nobody holds it any more, and one waits as long as before");
}

/// A family that dies of two things at once: its row and the log name the same.
#[tokio::test]
async fn of_those_who_kill_one_family_in_one_batch_the_row_names_whom_the_log_names() {
    const FAMILIES: u128 = 20;
    let app = patient().await;
    let (client, context) = (app.web_client(), context(&app));
    let day = context.now.date_naive();
    let some = format!(
        "INSERT INTO families (expires_on, id, grant_id, user_id, client_id, created_at, expires_at) \
         SELECT '{day}', lpad(to_hex(i), 32, '0')::uuid, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), \
             now(), now() FROM generate_series(1, {FAMILIES}) AS i"
    );
    execute(&app.db, &some).expect("families");

    let release = hold(&app.ledger, &context).await;
    let mut writes = Vec::new();
    for (kind, reason) in [(Kind::FamilyRevoked, "revoked"), (Kind::CodeReplayed, "code_replay")] {
        for number in 1..=FAMILIES {
            let family = FamilyKey { day, id: FamilyId::from_uuid(Uuid::from_u128(number)) };
            let event = Event::new(kind, Actor::Client(client.principal)).on("family", family.id);
            let kill = RevokeFamily { family, now: context.now, reason, event };
            writes.push(begun(app.ledger.write(&context, kill)).await);
        }
    }
    release.send(()).expect("a held lane");
    let killed = join_all(writes).await.into_iter().filter(|end| matches!(end, Ok(true))).count();
    assert_eq!(killed as u128, FAMILIES);
    for (kind, reason) in [("family.revoked", "revoked"), ("code.replayed", "code_replay")] {
        let rows = count(&app.db, &format!("families WHERE revoked_by = '{reason}'"));
        assert_eq!(rows, i64::try_from(told(&app.db, kind).len()).expect("a few"), "{kind}");
    }
}
