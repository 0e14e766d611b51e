//! Expiry is partitioning: what is over goes by the partition, what lives stays, and nobody notices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chrono::{Days, Duration, NaiveDate};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Text};
use futures_util::future::join_all;
use grantor::app::partitions::Partitions;
use grantor::clients::registration::Registration;
use grantor::kernel::Fault;
use grantor::platform::clock::{Clock, TestClock};
use grantor::platform::db::{self, Connection, Db, LogRetention, Round};
use grantor::platform::metrics::Metrics;

use crate::support::{
    ADA, App, Database, START, count, database, eventually, execute, told, web_registration,
};

/// As the settings have it.
const LOGS: LogRetention = LogRetention::Days(400);

/// A server whose own first round is over, so that those of the test are the only ones.
async fn start() -> App {
    let app = App::with(|settings| settings.guard.interactions = u32::MAX).await;
    first_round(&app).await;
    app
}

async fn first_round(app: &App) {
    let is_over = async || {
        let metrics = app.http.get(format!("{}/metrics", app.ops)).send().await.expect("an answer");
        metrics.text().await.expect("a text").contains("grantor_partitions_rounds_total 1\n")
    };
    eventually("looked after", is_over).await;
}

fn connect(app: &App) -> Connection {
    db::connect(&app.settings.database.url).expect("a connection")
}

fn today(app: &App) -> NaiveDate {
    app.clock.now().date_naive()
}

/// What a round by this day drops, and what it leaves, if this node is the one that is at it.
fn round(connection: &mut Connection, today: NaiveDate) -> (BTreeSet<String>, BTreeMap<String, Fault>) {
    match db::drop_expired(connection, today, LOGS, || true).expect("a round") {
        Round::Done { dropped, left } => (dropped.into_iter().collect(), left.into_iter().collect()),
        Round::Elsewhere => panic!("another node is at it"),
    }
}

/// What is dropped in as many rounds as it takes: each gives way to whoever is at a table for long.
#[track_caller]
fn drop_all(connection: &mut Connection, today: NaiveDate) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for _ in 0..20 {
        let (dropped, left) = round(connection, today);
        all.extend(dropped);
        if left.is_empty() {
            return all;
        }
    }
    panic!("something always stays");
}

#[track_caller]
fn dropped(app: &App) -> BTreeSet<String> {
    drop_all(&mut connect(app), today(app))
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Names and numbers, as a query has them.
fn counted(connection: &mut Connection, query: &str) -> BTreeMap<String, i64> {
    let rows: Vec<Counted> = diesel::sql_query(query).load(connection).expect(query);
    rows.into_iter().map(|row| (row.name, row.number)).collect()
}

/// The tables in the schema `partitions`.
fn there(app: &App) -> BTreeSet<String> {
    let tables = "SELECT relname::text AS name, 0::bigint AS number FROM pg_class \
                  WHERE relnamespace = 'partitions'::regnamespace AND relkind = 'r'";
    counted(&mut connect(app), tables).into_keys().collect()
}

/// The last partition that is made for refresh tokens.
fn furthest(app: &App) -> String {
    let of_refresh_tokens = there(app).into_iter().filter(|name| name.starts_with("refresh_tokens_"));
    of_refresh_tokens.max().expect("a partition")
}

/// Each partition costs every statement a little: there are as many as somebody's life asks for, and no more. A family
/// that lives for a year finds its partition at once.
#[tokio::test]
async fn partitions_reach_as_far_as_the_longest_life() {
    let app = start().await;
    assert_eq!(
        furthest(&app),
        "refresh_tokens_20261201",
        "30 days from the 21st of November, and some to spare"
    );
    let forgetful = app.register(&Registration { refresh_token_lifetime: Some(60), ..web_registration() });
    forgetful.tokens_of_ada(&app, "orders:read").await.is_ok();
    assert_eq!(furthest(&app), "refresh_tokens_20261201");
    let lasting =
        app.register(&Registration { refresh_token_lifetime: Some(31_536_000), ..web_registration() });
    assert_eq!(furthest(&app), "refresh_tokens_20271101");
    let token = lasting.tokens_of_ada(&app, "orders:read").await.text("refresh_token");
    lasting.refresh(&app, &token).await.is_ok();
    // Whoever looks after them goes on from there.
    app.advance(Duration::days(60));
    assert_eq!(furthest(&app), "refresh_tokens_20280101");
}

/// The same by the settings, which a node may have for itself.
#[tokio::test]
async fn a_longer_life_by_the_settings_has_its_partitions_when_the_server_starts() {
    let app = App::with(|settings| settings.tokens.refresh_lifetime_s = 200 * 86_400).await;
    first_round(&app).await;
    assert_eq!(furthest(&app), "refresh_tokens_20270601");
    app.web_client().tokens_of_ada(&app, "orders:read").await.is_ok();
}

/// Two months of an app that refreshes every few days, until its authorization is over and a while longer.
#[tokio::test]
async fn what_is_over_goes_by_the_partition_and_what_lives_stays() {
    let app = start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut tokens = client.tokens_of_ada(&app, "orders:read").await;
    let (first, mut all, mut gone) = (there(&app), Vec::new(), BTreeSet::new());
    while today(&app) < START.date_naive() + Days::new(28) {
        app.advance(Duration::days(2));
        gone.extend(dropped(&app));
        all.push(tokens.text("access_token"));
        tokens = client.refresh(&app, &tokens.text("refresh_token")).await;
        assert!(app.is_active(&server, &tokens.text("access_token")).await, "on {}", today(&app));
        // Three days: its own, and two of grace.
        let long_over = format!("access_tokens WHERE expires_on < date '{}' - 2", today(&app));
        assert_eq!(count(&app.db, &long_over), 0);
    }
    let begins = |table: &str| gone.iter().filter(|name| name.starts_with(table)).count();
    assert!(begins("access_tokens_") > 25 && begins("refresh_answers_") > 25 && begins("interactions_") > 25);
    // November's, which nobody had, and not December's.
    assert_eq!((begins("refresh_tokens_"), begins("authorization_codes_")), (1, 1));
    assert!(gone.contains("refresh_tokens_20261101"));
    assert_eq!(begins("families_") + begins("events_"), 0);

    // Over, and month by month gone: codes and tokens first, what they lean on later. Nobody meets an error meanwhile.
    for days in [3, 12, 15, 15] {
        app.advance(Duration::days(days));
        gone.extend(dropped(&app));
        client.refresh(&app, &tokens.text("refresh_token")).await.is_error(400, "invalid_grant");
        for token in &all {
            assert!(!app.is_active(&server, token).await);
        }
        let [leaning, family] =
            ["refresh_tokens_20261201", "families_20261201"].map(|name| gone.contains(name));
        assert!(leaning || !family, "a family is gone before its tokens");
        assert_eq!(leaning, today(&app) >= "2027-01-03".parse().expect("a day"));
        assert_eq!(family, today(&app) >= "2027-01-31".parse().expect("a day"));
    }
    // They are dropped, and not only out of sight.
    let still = there(&app);
    assert!(gone.is_disjoint(&still) && first.contains("families_20261201"));
    client.own_token(&app, "orders:read").await.is_ok();
}

/// C02, and RFC 9700 §4.14.2: however much was dropped, what was used is known as long as its family lives.
#[tokio::test]
async fn a_used_code_or_refresh_token_is_known_as_long_as_its_family_lives() {
    let app = start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let of_code = client.redeem(&app, &code).await.text("refresh_token");
    let used = client.tokens_of_ada(&app, "orders:read").await.text("refresh_token");
    let next = client.refresh(&app, &used).await.text("refresh_token");
    let mut gone = 0;
    for _ in 0..29 {
        app.advance(Duration::days(1));
        gone += dropped(&app).len();
    }
    assert!(gone > 100, "only {gone} partitions went");
    assert!(told(&app.db, "refresh.reused").is_empty() && told(&app.db, "code.replayed").is_empty());
    client.refresh(&app, &used).await.is_error(400, "invalid_grant");
    client.redeem(&app, &code).await.is_error(400, "invalid_grant");
    assert_eq!(told(&app.db, "refresh.reused").len(), 1);
    assert_eq!(told(&app.db, "code.replayed").len(), 1);
    for killed in [next, of_code] {
        client.refresh(&app, &killed).await.is_error(400, "invalid_grant");
    }
}

/// U13's other half: the log goes when the operator says, by the month, and in no other way.
#[tokio::test]
async fn events_stay_as_long_as_the_operator_wants() {
    let app = start().await;
    app.web_client();
    let events = count(&app.db, "events");
    assert!(events > 0);
    let by = |day: &str, logs| {
        db::drop_expired(&mut connect(&app), day.parse().expect("a day"), logs, || true).expect("a round");
        count(&app.db, "events")
    };
    assert_eq!(by("2126-01-01", LogRetention::ForEver), events);
    assert_eq!(by("2026-12-30", LogRetention::Days(30)), events, "a day too early");
    assert!(execute(&app.db, "DELETE FROM events").is_err());
    assert_eq!(by("2026-12-31", LogRetention::Days(30)), 0);
}

/// A transaction that looked at access tokens, and does not end.
fn reader(app: &App) -> Connection {
    let mut reader = connect(app);
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM access_tokens")
        .expect("a transaction");
    reader
}

fn end(mut reader: Connection) {
    reader.batch_execute("COMMIT").expect("a reader that was not disturbed");
}

const TOKENS: &str = "SELECT 'tokens' AS name, count(*) AS number FROM access_tokens";

/// The partitions whose detaching was begun.
fn pending(app: &App) -> Vec<String> {
    let found = db::partitions(&mut connect(app), today(app), LOGS).expect("partitions");
    found.into_iter().filter(|part| part.is_pending).map(|part| part.name).collect()
}

/// As `pg_dump` is one: the round gives up soon, nobody waits for it, and the next one finishes what it began.
#[tokio::test]
async fn a_long_reader_is_not_disturbed_and_holds_up_one_table_until_the_next_round() {
    let app = start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let old = client.own_token(&app, "orders:read").await.text("access_token");
    app.advance(Duration::days(5));
    let mut reader = reader(&app);
    assert_eq!(counted(&mut reader, TOKENS)["tokens"], 1);

    let (gone, left) = round(&mut connect(&app), today(&app));
    assert_eq!(left.keys().collect::<Vec<_>>(), ["access_tokens_20261120"]);
    assert!(left["access_tokens_20261120"].to_string().contains("lock timeout"), "{left:?}");
    assert!(gone.contains("interactions_20261120") && !gone.iter().any(|name| name.starts_with("access_")));
    assert_eq!(pending(&app), ["access_tokens_20261120"]);
    assert!(!app.is_active(&server, &old).await);
    let new = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(app.is_active(&server, &new).await);
    assert_eq!(counted(&mut reader, TOKENS)["tokens"], 1, "it sees what it saw");

    // Still there: still nobody waits.
    assert_eq!(round(&mut connect(&app), today(&app)).1.len(), 1);
    client.own_token(&app, "orders:read").await.is_ok();
    end(reader);
    let gone = dropped(&app);
    assert!(gone.contains("access_tokens_20261120") && gone.contains("access_tokens_20261121"), "{gone:?}");
    assert!(pending(&app).is_empty());
    assert!(app.is_active(&server, &new).await && !app.is_active(&server, &old).await);
}

/// Whether somebody who detaches a partition waits for those who are at its table; whoever it is is cut off.
fn cut_off(app: &App) -> bool {
    let cut = "SELECT 'cut' AS name, count(pg_terminate_backend(pid)) AS number FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%CONCURRENTLY'";
    counted(&mut connect(app), cut)["cut"] > 0
}

#[tokio::test]
async fn a_round_that_dies_between_its_steps_is_finished_by_the_next() {
    let app = start().await;
    app.advance(Duration::days(5));
    let url = app.settings.database.url.clone();

    // While it detaches.
    let reader = reader(&app);
    let (mut dying, day) = (connect(&app), today(&app));
    let dying = std::thread::spawn(move || db::drop_expired(&mut dying, day, LOGS, || true));
    eventually("at it", async || cut_off(&app)).await;
    let fault = dying.join().expect("an end").expect_err("a connection that was cut off");
    assert!(fault.is_lost_connection(), "{fault}");
    end(reader);
    assert_eq!(pending(&app), ["access_tokens_20261120"]);
    assert!(dropped(&app).contains("access_tokens_20261120"));

    // When it has detached and not yet dropped.
    app.advance(Duration::days(1));
    assert!(there(&app).contains("access_tokens_20261124"));
    let detach = "ALTER TABLE access_tokens DETACH PARTITION partitions.access_tokens_20261124 CONCURRENTLY";
    crate::commands::execute(
        &url,
        "COMMENT ON TABLE partitions.access_tokens_20261124 IS 'grantor: expired, to be dropped'",
    );
    crate::commands::execute(&url, detach);
    let detached = db::detached_partitions(&mut connect(&app)).expect("tables");
    assert_eq!(detached, ["access_tokens_20261124"]);
    assert!(dropped(&app).contains("access_tokens_20261124"));
    assert!(!there(&app).contains("access_tokens_20261124"));
    assert!(db::detached_partitions(&mut connect(&app)).expect("tables").is_empty());
}

/// What an operator put aside, or hung in, is the operator's.
#[tokio::test]
async fn only_what_the_plan_made_is_dropped() {
    let app = start().await;
    for statement in [
        "ALTER TABLE access_tokens DETACH PARTITION partitions.access_tokens_20261120",
        "CREATE TABLE partitions.access_tokens_of_old PARTITION OF access_tokens FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')",
        "CREATE TABLE partitions.families_20200101 (what text)",
    ] {
        execute(&app.db, statement).expect(statement);
    }
    app.advance(Duration::days(5));
    // Begun by hand, and given up: it is finished, since it holds up the others, and stays.
    let mut reader = connect(&app);
    reader.batch_execute("BEGIN; SELECT FROM sign_in_failures").expect("a reader");
    let mut hand = connect(&app);
    hand.batch_execute("SET lock_timeout = '10ms'").expect("a setting");
    let detach =
        "ALTER TABLE sign_in_failures DETACH PARTITION partitions.sign_in_failures_20261121 CONCURRENTLY";
    hand.batch_execute(detach).expect_err("it waits for the reader");
    assert_eq!(pending(&app), ["sign_in_failures_20261121"]);
    end(reader);
    let before = there(&app);
    // A server that ends does not begin with the next one.
    db::drop_expired(&mut connect(&app), today(&app), LOGS, || false).expect("a round");
    assert_eq!(there(&app), before);
    let gone = dropped(&app);
    assert!(gone.contains("access_tokens_20261121") && gone.contains("refresh_answers_20261120"), "{gone:?}");
    assert!(pending(&app).is_empty() && gone.contains("sign_in_failures_20261120"));
    let theirs =
        ["access_tokens_20261120", "access_tokens_of_old", "families_20200101", "sign_in_failures_20261121"];
    for name in theirs {
        assert!(there(&app).contains(name) && !gone.contains(name), "{name}");
    }
}

#[tokio::test]
async fn of_two_nodes_one_is_at_work() {
    let app = start().await;
    for _ in 0..20 {
        app.advance(Duration::days(1));
    }
    let mut node = connect(&app);
    let hold = "SELECT pg_advisory_lock(hashtext('grantor.drop_partitions'))";
    node.batch_execute(hold).expect("the place of a node that is at it");
    let before = there(&app);
    let other = db::drop_expired(&mut connect(&app), today(&app), LOGS, || true);
    assert!(matches!(other, Ok(Round::Elsewhere)), "{other:?}");
    assert_eq!(there(&app), before);
    // A node that dies lets go.
    drop(node);

    let over = db::partitions(&mut connect(&app), today(&app), LOGS).expect("partitions");
    let over: BTreeSet<String> =
        over.into_iter().filter(|part| part.is_over(today(&app))).map(|part| part.name).collect();
    assert!(over.len() > 60);
    let at_once = std::sync::Barrier::new(2);
    let node = || {
        let mut connection = connect(&app);
        at_once.wait();
        match db::drop_expired(&mut connection, today(&app), LOGS, || true).expect("a round") {
            Round::Elsewhere => Vec::new(),
            Round::Done { dropped, left } => {
                assert!(left.is_empty(), "{left:?}");
                dropped
            }
        }
    };
    let mut gone = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(node), scope.spawn(node));
        [one, other].map(|node| node.join().expect("a node")).concat()
    });
    gone.sort();
    assert_eq!(gone, over.into_iter().collect::<Vec<_>>(), "each once");
}

/// Tokens are issued and asked about, also those of the partitions that go, and nobody is told anything else meanwhile.
#[tokio::test]
async fn dropping_under_load_disturbs_nobody() {
    let app = start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let old = client.own_token(&app, "orders:read").await.text("access_token");
    for days in [60, 50, 40, 30, 20] {
        app.make_partitions(START.date_naive() - Days::new(days));
    }
    app.advance(Duration::days(10));
    let good = client.own_token(&app, "orders:read").await.text("access_token");
    let (is_over, answered, issued) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = async |turn: usize| {
        while !is_over.load(Ordering::SeqCst) {
            match turn % 4 {
                0 => {
                    let answer = client.own_token(&app, "orders:read").await;
                    issued.lock().expect("a list").push(answer.text("access_token"));
                }
                1 => assert!(!app.is_active(&server, &old).await),
                2 => assert!(app.is_active(&server, &good).await),
                _ => assert_eq!(app.browser().get(&client.authorize_path(&[])).await.status, 200),
            }
            answered.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (mut connection, day) = (connect(&app), today(&app));
    let story = async {
        let busy = async |since: usize| {
            eventually("busy", || async { answered.load(Ordering::SeqCst) > since + 20 }).await;
        };
        busy(0).await;
        let before = answered.load(Ordering::SeqCst);
        let at_it = tokio::task::spawn_blocking(move || drop_all(&mut connection, day));
        let gone = at_it.await.expect("a round");
        let meanwhile = answered.load(Ordering::SeqCst) - before;
        busy(before + meanwhile).await;
        is_over.store(true, Ordering::SeqCst);
        assert!(gone.len() > 100, "only {} went", gone.len());
        assert!(meanwhile > 0, "nobody was there to be disturbed");
    };
    tokio::join!(join_all((0..8).map(worker)), story);
    for token in issued.into_inner().expect("a list") {
        assert!(app.is_active(&server, &token).await, "an acknowledged token is lost");
    }
}

/// A server's job over a database whose clock is the machine's, with this clock of its own.
fn job(database: &Database, db: &Db, ahead: Duration, metrics: &Metrics) -> Partitions {
    let mut connection = db::connect(&database.url).expect("a connection");
    let now = db::database_time(&mut connection).expect("its time") + ahead;
    Partitions::new(db.clone(), Clock::Test(TestClock::starting_at(now)), LOGS, metrics)
}

#[tokio::test]
async fn a_clock_that_is_off_drops_nothing() {
    let database = database();
    let app = App::driving("http://127.0.0.1:1", &database.url);
    let january = "SELECT make_partitions('2020-01-03')";
    execute(&app.db, january).expect("partitions");
    let long_ago = "pg_class WHERE relname = 'access_tokens_20200102'";
    for ahead in [Duration::hours(-2), Duration::hours(2), Duration::days(4000)] {
        let metrics = Metrics::default();
        assert!(!job(&database, &app.db, ahead, &metrics).round().await);
        assert_eq!(count(&app.db, long_ago), 1, "{ahead}");
        let text = metrics.text().expect("metrics");
        assert!(text.contains("grantor_partitions_dropped_total 0\n"), "{text}");
        assert!(text.contains("grantor_partitions_last_success_timestamp_seconds 0\n"), "{text}");
    }
    let metrics = Metrics::default();
    assert!(job(&database, &app.db, Duration::minutes(5), &metrics).round().await);
    assert_eq!(count(&app.db, long_ago), 0);
    let text = metrics.text().expect("metrics");
    for counted in ["grantor_partitions_made_total", "grantor_partitions_dropped_total"] {
        assert!(text.contains(&format!("{counted} ")), "{text}");
    }
    assert!(!text.contains("grantor_partitions_dropped_total 0\n"), "{text}");
    assert!(!text.contains("grantor_partitions_last_success_timestamp_seconds 0\n"), "{text}");
}

/// How often each partition was looked into. What sessions counted is there when they have ended.
async fn looks(database: &Database) -> BTreeMap<String, i64> {
    let connection = Mutex::new(db::connect(&database.url).expect("a connection"));
    let ask = |query: &str| counted(&mut connection.lock().expect("a connection"), query);
    let others = "SELECT 'others' AS name, count(*) AS number FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually("alone", async || ask(others)["others"] == 0).await;
    ask("SELECT relname::text AS name, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS number \
         FROM pg_stat_user_tables WHERE schemaname = 'partitions'")
}

/// All that apps do all day, often enough that Postgres would have changed its plans.
#[tokio::test]
async fn a_lookup_touches_one_partition() {
    let database = database();
    let start = async || {
        let app = App::over(&database.url, TestClock::starting_at(*START), |_| ()).await;
        first_round(&app).await;
        app
    };
    let app = start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let cookies = browser.cookies.clone();
    drop(browser);
    app.stop().await;
    let before = looks(&database).await;

    let app = start().await;
    let mut browser = app.browser();
    browser.cookies = cookies;
    for _ in 0..8 {
        let code = client.code_from(&mut browser, "orders:read").await;
        let first = client.redeem(&app, &code).await;
        let next = client.refresh(&app, &first.text("refresh_token")).await;
        client.refresh(&app, &first.text("refresh_token")).await.is_ok();
        let own = client.own_token(&app, "orders:read").await.text("access_token");
        for token in [&own, &next.text("access_token"), &next.text("refresh_token")] {
            app.introspect(&server, token).await;
        }
        client.revoke(&app, &own).await.is_ok();
        client.redeem(&app, &code).await.is_error(400, "invalid_grant");
    }
    drop(browser);
    app.stop().await;
    let after = looks(&database).await;

    let looked: Vec<&str> = after
        .iter()
        .filter(|(name, looks)| **looks > before.get(*name).copied().unwrap_or_default())
        .map(|(name, _)| name.as_str())
        .collect();
    let at = |table: &str| looked.iter().filter(|name| name.starts_with(table)).copied().collect::<Vec<_>>();
    for (table, partition) in [
        ("access_tokens_", "access_tokens_20261121"),
        ("authorization_codes_", "authorization_codes_20261201"),
        ("families_", "families_20261201"),
        ("refresh_tokens_", "refresh_tokens_20261201"),
        ("refresh_answers_", "refresh_answers_20261121"),
        ("browser_sessions_", "browser_sessions_20261201"),
        ("interactions_", "interactions_20261121"),
    ] {
        assert_eq!(at(table), [partition]);
    }
}
