//! The request log: every call once, whole, without a secret; and found when it was edited.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use grantor::audit::Ledger;
use grantor::kernel::{
    CredentialId, DatedTag, FaultKind, LastingTag, PrincipalId, RequestId, ServiceId, TokenId,
};
use grantor::platform::clock::{Clock, TestClock};
use grantor::platform::context::Context;
use grantor::platform::db::{self, Connection, Db, LogRetention};
use grantor::platform::entropy::Entropy;
use grantor::platform::metrics::Metrics;
use grantor::platform::trace::TraceId;
use grantor::traffic::store::{
    By, Canonical, Cursor, Filter, Grain, Logged, Used, Wanted, find, list, usage,
};
use grantor::traffic::{
    LimitState, Overflow, RequestLog, Scope, Step, Story, TrafficSettings, Verified, Writer, verify,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::commands::Grantor;
use crate::support::{
    App, Database, OwnPostgres, Relay, START, Told, count, database, dump, eventually, execute, settings,
    told,
};

/// A request log over a database, without a server around it.
pub(crate) struct Rig {
    log: RequestLog,
    writing: Option<(JoinHandle<()>, Arc<Notify>)>,
    writer: Option<Writer>,
    pub(crate) db: Db,
    pub(crate) clock: TestClock,
    metrics: Metrics,
}

impl Rig {
    /// Nobody writes yet.
    pub(crate) fn idle(url: &str, change: impl FnOnce(&mut TrafficSettings)) -> Self {
        let mut settings = settings();
        change(&mut settings.traffic);
        // Longer than anything is held here.
        settings.database.pool.statement_timeout_ms = 60_000;
        let db = Db::new(url, &settings.database.pool);
        let (metrics, clock) = (Metrics::default(), TestClock::starting_at(*START));
        let (ledger, own) = (Ledger::new(db.clone()), Clock::Test(clock.clone()));
        let (log, writer) = RequestLog::new(&settings.traffic, ledger, own, &metrics);
        Self { log, writing: None, writer: Some(writer), db, clock, metrics }
    }

    pub(crate) fn start(url: &str) -> Self {
        let mut rig = Self::idle(url, |_| ());
        rig.write();
        rig
    }

    pub(crate) fn write(&mut self) {
        let over = Arc::new(Notify::new());
        let writer = self.writer.take().expect("a writer");
        self.writing = Some((tokio::spawn(writer.write_until(Arc::clone(&over))), over));
    }

    /// Ends, with all written and sealed.
    pub(crate) async fn end(&mut self) {
        let (writing, over) = self.writing.take().expect("somebody who writes");
        over.notify_one();
        writing.await.expect("a good end");
    }

    pub(crate) async fn record(&self, story: Story) {
        self.log.record(story).await.expect("room");
    }

    pub(crate) fn rows(&self) -> i64 {
        count(&self.db, "request_log")
    }

    pub(crate) fn look<T>(
        &self,
        look: impl FnOnce(&mut Connection) -> Result<T, grantor::kernel::Fault>,
    ) -> T {
        self.db.run_here(look).expect("a database")
    }

    pub(crate) fn verified(&self) -> Verified {
        let hour = TimeDelta::hours(1);
        let retention = LogRetention::Days(90);
        self.verified_in(&Scope { since: *START - hour, until: *START + hour, now: *START, retention })
    }

    pub(crate) fn verified_in(&self, scope: &Scope) -> Verified {
        self.look(|connection| verify(connection, scope))
    }

    pub(crate) fn counted(&self, name: &str) -> u64 {
        let text = self.metrics.text().expect("metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("grantor_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A story that began at this moment, of nobody yet.
pub(crate) fn story_at(when: DateTime<Utc>) -> Story {
    let request = RequestId::from_uuid(Entropy.id(when));
    let mut story = Story::of(request, &Context::operator(when));
    story.call.method = "GET".into();
    story.call.path = "/orders".into();
    story
}

/// An allowed call that took something.
pub(crate) fn allowed() -> Story {
    let mut story = story_at(*START);
    story.passed(Step::Bearer);
    story.allowed(1, None);
    story
}

pub(crate) fn told_of(rig: &Rig, kind: &str) -> Vec<Told> {
    told(&rig.db, kind)
}

/// A story with everything in it.
fn whole_story() -> Story {
    let mut story = story_at(*START + TimeDelta::microseconds(123_456));
    story.who.account = Some(PrincipalId::from_uuid(id(1)));
    story.who.principal = Some(PrincipalId::from_uuid(id(2)));
    story.who.credential = Some(CredentialId::from_uuid(id(3)));
    story.who.token = Some(TokenId::from_uuid(id(4)));
    story.who.client = Some(PrincipalId::from_uuid(id(5)));
    story.call.service = Some(ServiceId::from_uuid(id(6)));
    story.call.method = "POST".into();
    story.call.path = "/orders/7".into();
    story.call.route = Some("/orders/{id}".into());
    story.trace = TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    story.came_from(Some(IpAddr::from([203, 0, 113, 9])), Some("curl/8"));
    story.passed(Step::Bearer);
    story.passed_since(Step::Life, "expires in 9 days");
    story.skipped(Step::Address, "any address will do");
    story.measured(vec![LimitState {
        name: "minute".into(),
        quota: Some(10),
        window: 60,
        remaining: 0,
        reset_in: 17,
        exceeded: true,
    }]);
    story.limited("minute", "10 of 10 are taken");
    story.took(Duration::from_millis(12), Some(Duration::from_millis(3)));
    story.carried(100, 250);
    story
}

#[tokio::test]
async fn a_call_is_logged_whole_and_found_by_its_id() {
    let database = database();
    let rig = Rig::start(&database.url);
    let story = whole_story();
    let request = story.request();
    rig.record(story).await;
    eventually("logged", async || rig.rows() == 1).await;

    let found = rig.look(|connection| find(connection, request)).expect("the call");
    let expected = Logged {
        ts: *START + TimeDelta::microseconds(123_456),
        request_id: request.uuid(),
        batch_id: found.batch_id,
        account_id: Some(id(1)),
        principal_id: Some(id(2)),
        credential_id: Some(id(3)),
        token_id: Some(id(4)),
        client_id: Some(id(5)),
        service_id: Some(id(6)),
        method: "POST".into(),
        path: "/orders/7".into(),
        route: Some("/orders/{id}".into()),
        status_code: 429,
        error_code: Some("rate_limited".into()),
        decision: "limit".into(),
        policy: Some("minute".into()),
        checks: Canonical::of(json!([
            { "check": "bearer", "outcome": "passed" },
            { "check": "life", "outcome": "passed", "why": "expires in 9 days" },
            { "check": "address", "outcome": "skipped", "why": "any address will do" },
            { "check": "limits", "outcome": "refused", "why": "10 of 10 are taken" },
        ])),
        limits: Canonical::of(json!([
            { "name": "minute", "quota": 10, "window": 60, "remaining": 0, "reset_in": 17, "exceeded": true }
        ])),
        response_time_ms: 12,
        upstream_ms: Some(3),
        bytes_in: 100,
        bytes_out: 250,
        cost_units: 0,
        ip_address: Some("203.0.113.9".into()),
        user_agent: Some("curl/8".into()),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
    };
    assert_eq!(found, expected);
    let other = RequestId::from_uuid(Entropy.id(*START));
    assert_eq!(rig.look(|connection| find(connection, other)), None);
    let no_time = RequestId::from_uuid(id(7));
    assert_eq!(rig.look(|connection| find(connection, no_time)), None);
}

#[tokio::test]
async fn a_server_writes_what_is_left_when_it_ends() {
    let database = database();
    let app = App::over(&database.url, TestClock::starting_at(*START), |_| ()).await;
    for _ in 0..1234 {
        app.traffic().record(allowed()).await.expect("room");
    }
    let log = app.traffic().clone();
    let db = app.db.clone();
    app.stop().await;
    assert_eq!(count(&db, "request_log"), 1234);
    let sealed = told(&db, "traffic.sealed");
    assert_eq!(sealed.len(), 1, "{sealed:?}");
    assert_eq!(sealed[0].data["rows"], 1234);
    // Nobody writes any more: it is answered, and missing.
    log.record(allowed()).await.expect("an answer");
    assert_eq!(count(&db, "request_log"), 1234);
}

#[tokio::test]
async fn a_server_has_calls_kept_as_long_as_its_settings_say() {
    let keep = "partition_plans WHERE parent IN ('request_log', 'request_batches') AND keep = interval";
    let app = App::with(|settings| settings.traffic.retention_days = 30).await;
    assert_eq!(count(&app.db, &format!("{keep} '30 days'")), 2);
    let app = App::with(|settings| settings.traffic.retention_days = 0).await;
    assert_eq!(count(&app.db, &format!("{keep} '1000000 days'")), 2);
}

/// Two nodes, four tasks each: all of it is there once, and the usage is that of the rows.
#[tokio::test]
async fn many_at_once_are_logged_once_and_the_usage_adds_up() {
    const EACH: usize = 250;
    let database = database();
    let mut nodes = [Rig::start(&database.url), Rig::start(&database.url)];
    let tasks = (0..8_usize).map(|task| {
        let log = nodes[task % 2].log.clone();
        tokio::spawn(async move {
            for number in 0..EACH {
                log.record(varied(task * EACH + number)).await.expect("room");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("an end");
    }
    for node in &mut nodes {
        node.end().await;
    }
    let rig = &nodes[0];
    assert_eq!(rig.rows(), 8 * 250);
    assert_eq!(count(&rig.db, "(SELECT DISTINCT request_id FROM request_log) one"), 8 * 250);
    for grain in ["minute", "hour", "day"] {
        let table = format!("usage_{grain}s");
        assert_eq!(summed(rig, &format!("{table} GROUP BY 1")), summed_rows(rig, grain), "{grain}");
    }
    let found = rig.verified();
    assert_eq!((found.seals, found.rows, found.unsealed), (2, 2000, 0));
    assert_eq!(found.problems, Vec::<String>::new());
}

/// A call that is unlike its neighbours.
pub(crate) fn varied(number: usize) -> Story {
    let mut story = story_at(*START + TimeDelta::seconds(i64::try_from(number % 7).expect("few") * 30));
    // Of strangers that are refused only some are logged.
    let is_known = !number.is_multiple_of(5) || number % 4 < 2;
    story.who.account = is_known.then(|| PrincipalId::from_uuid(id(1 + number as u128 % 3)));
    story.call.service = Some(ServiceId::from_uuid(id(9)));
    story.carried(number as u64 % 10, 7);
    story.passed(Step::Bearer);
    match number % 4 {
        0 => story.limited("minute", "none left"),
        1 => story.denied(Step::Scope, 403, "insufficient_scope", "orders:write is missing"),
        _ => story.allowed(number as u64 % 3 + 1, None),
    }
    story.took(Duration::from_millis(number as u64 % 50), None);
    story
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Sum {
    #[diesel(sql_type = Text)]
    bucket: String,
    #[diesel(sql_type = Text)]
    sums: String,
}

fn summed(rig: &Rig, from: &str) -> Vec<Sum> {
    let query = format!(
        "SELECT bucket::text, concat_ws(' ', sum(requests), sum(errors), sum(limited), sum(cost_units), \
         sum(bytes_in), sum(bytes_out), sum(latency_ms_sum), \
         sum((SELECT sum(h) FROM unnest(latency_hist) h)), sum(latency_hist[4])) AS sums FROM {from} ORDER BY 1"
    );
    rig.look(|connection| Ok(diesel::sql_query(query).load(connection)?))
}

fn summed_rows(rig: &Rig, grain: &str) -> Vec<Sum> {
    let query = format!(
        "SELECT date_trunc('{grain}', ts)::text AS bucket, concat_ws(' ', count(*), \
         count(*) FILTER (WHERE status_code >= 400), count(*) FILTER (WHERE decision = 'limit'), sum(cost_units), \
         sum(bytes_in), sum(bytes_out), sum(response_time_ms), count(*), \
         count(*) FILTER (WHERE response_time_ms BETWEEN 6 AND 10)) AS sums \
         FROM request_log GROUP BY 1 ORDER BY 1"
    );
    let rows: Vec<Sum> = rig.look(|connection| Ok(diesel::sql_query(query).load(connection)?));
    assert!(!rows.is_empty());
    rows
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_counted_and_told_once() {
    let database = database();
    let mut rig = Rig::idle(&database.url, |settings| settings.queue = 2);
    for _ in 0..5 {
        rig.record(allowed()).await;
    }
    assert_eq!(rig.counted("traffic_dropped_total"), 3);
    rig.write();
    rig.end().await;
    assert_eq!(rig.rows(), 2);
    let told: Vec<Value> = told_of(&rig, "traffic.dropped").into_iter().map(|event| event.data).collect();
    assert_eq!(told, [json!({ "dropped": 3, "unwritable": 0 })]);
}

#[tokio::test]
async fn where_none_may_be_missing_a_call_waits_for_room_and_is_refused_in_the_end() {
    let database = database();
    let blocks = |settings: &mut TrafficSettings| {
        (settings.overflow, settings.queue, settings.wait_ms) = (Overflow::Block, 1, 20);
    };
    let rig = Rig::idle(&database.url, blocks);
    rig.record(allowed()).await;
    let refused = rig.log.record(allowed()).await.expect_err("no room");
    assert_eq!(refused.kind(), FaultKind::Unavailable);
    assert_eq!((rig.counted("traffic_refused_total"), rig.counted("traffic_dropped_total")), (1, 0));

    let mut rig = Rig::idle(&database.url, |settings| {
        blocks(settings);
        settings.wait_ms = 60_000;
    });
    rig.record(allowed()).await;
    let log = rig.log.clone();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.record(allowed()).await })
        })
        .collect();
    rig.write();
    for one in waiting {
        one.await.expect("an end").expect("room");
    }
    rig.end().await;
    assert_eq!(rig.rows(), 4);
    assert_eq!(told_of(&rig, "traffic.dropped"), []);
    let late = rig.log.record(allowed()).await.expect_err("nobody writes any more");
    assert_eq!(late.kind(), FaultKind::Unavailable);
}

#[tokio::test]
async fn a_bad_row_is_missing_alone_and_it_is_told() {
    let database = database();
    let mut rig = Rig::idle(&database.url, |_| ());
    let nowhere: DateTime<Utc> = "2400-01-01T00:00:00Z".parse().expect("a moment");
    for when in [*START, nowhere, *START] {
        let mut story = story_at(when);
        story.denied(Step::Known, 401, "invalid_token", "it is not known");
        rig.record(story).await;
    }
    rig.write();
    rig.end().await;
    assert_eq!(rig.rows(), 2);
    assert_eq!(rig.counted("traffic_unwritable_total"), 1);
    assert_eq!(count(&rig.db, "usage_days WHERE requests = 2"), 1);
    assert_eq!(rig.verified().problems, Vec::<String>::new());
}

#[tokio::test]
async fn what_takes_nothing_counts_and_is_not_logged_unless_the_operator_says_so() {
    let database = database();
    let question = || {
        let mut story = story_at(*START);
        story.allowed(0, None);
        story
    };
    let mut refused = story_at(*START);
    refused.denied(Step::Known, 401, "invalid_token", "it is not known");
    let mut rig = Rig::start(&database.url);
    for story in [question(), allowed(), refused] {
        rig.record(story).await;
    }
    rig.end().await;
    let decisions: BTreeSet<String> = rig
        .look(|connection| list(connection, &Filter::default(), 9))
        .0
        .into_iter()
        .map(|row| row.decision)
        .collect();
    assert_eq!(decisions, ["allow", "deny"].map(str::to_owned).into());
    assert_eq!((rig.rows(), count(&rig.db, "usage_days WHERE requests = 3")), (2, 1));

    let mut rig = Rig::idle(&database.url, |settings| settings.questions_percent = 100);
    rig.record(question()).await;
    rig.write();
    rig.end().await;
    assert_eq!(rig.rows(), 3);
}

/// The names that others read it by.
#[tokio::test]
async fn the_view_has_the_columns_that_are_promised() {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let database = database();
    let rig = Rig::idle(&database.url, |_| ());
    let columns = |view: &str| -> Vec<String> {
        let query = format!(
            "SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = '{view}' \
             ORDER BY ordinal_position"
        );
        let names: Vec<Name> = rig.look(|connection| Ok(diesel::sql_query(query).load(connection)?));
        names.into_iter().map(|row| row.name).collect()
    };
    let promised = [
        "method",
        "path",
        "status_code",
        "response_time_ms",
        "ip_address",
        "user_agent",
        "timestamp",
        "cost_units",
    ];
    let who_and_what =
        ["request_id", "account_id", "principal_id", "credential_id", "client_id", "service_id", "decision"];
    assert_eq!(columns("api_audit_log"), [promised.as_slice(), who_and_what.as_slice()].concat());
    let key = ["bucket", "grain", "account_id", "credential_id", "service_id"];
    assert_eq!(columns("usage_rollups")[..5], key);
}

#[tokio::test]
async fn whoever_is_not_known_is_null_in_the_views() {
    let database = database();
    let mut rig = Rig::start(&database.url);
    rig.record(allowed()).await;
    rig.record(whole_story()).await;
    rig.end().await;
    let nobody = "account_id IS NULL AND credential_id IS NULL AND service_id IS NULL AND requests = 1";
    for grain in ["minute", "hour", "day"] {
        assert_eq!(count(&rig.db, &format!("usage_rollups WHERE grain = '{grain}' AND {nobody}")), 1);
    }
    assert_eq!(count(&rig.db, "usage_rollups WHERE account_id IS NOT NULL AND limited = 1"), 3);
    assert_eq!(count(&rig.db, "api_audit_log WHERE ip_address = '203.0.113.9' AND status_code = 429"), 1);
}

#[tokio::test]
async fn no_bearer_and_no_query_reaches_the_database_whoever_wrote_it() {
    let database = database();
    let mut rig = Rig::start(&database.url);
    let key = Entropy.bearer(LastingTag::ClientSecret);
    let token = Entropy.dated_bearer(DatedTag::AccessToken, START.date_naive());
    let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLnRlc3QifQ.c2lnbmF0dXJl";
    let mut story = story_at(*START);
    story.call.path = format!("/keys/{}/x?access_token=s3cret-of-a-query", key.expose());
    story.call.route = Some(format!("/keys/{}", token.expose()));
    story.came_from(None, Some(&format!("curl {jwt}")));
    story.passed_since(Step::Life, format!("{} expires soon", token.expose()));
    story.denied(Step::Known, 401, "invalid_token", format!("{jwt} is not known"));
    let request = story.request();
    rig.record(story).await;
    rig.end().await;
    let all = dump(&rig.db);
    assert!(all.contains(&request.to_string()));
    for secret in [key.expose(), token.expose(), jwt, "s3cret-of-a-query"] {
        assert!(!all.contains(secret), "{secret} is in the database");
    }
    let found = rig.look(|connection| find(connection, request)).expect("the call");
    assert_eq!(found.path, format!("/keys/{}…/x", &key.expose()[..8]));
}

/// The partitions that a transaction has looked into are locked by it.
#[tokio::test]
async fn a_lookup_by_id_touches_one_partition_and_two_about_midnight() {
    #[derive(QueryableByName)]
    struct Touched {
        #[diesel(sql_type = BigInt)]
        many: i64,
    }
    let database = database();
    let rig = Rig::idle(&database.url, |_| ());
    let midnight =
        START.date_naive().succ_opt().expect("a day").and_hms_opt(0, 0, 0).expect("midnight").and_utc();
    for (when, expected) in [(*START, 1), (midnight, 2)] {
        let request = RequestId::from_uuid(Entropy.id(when));
        let touched: Touched = rig.look(|connection| {
            connection.batch_execute("BEGIN")?;
            assert_eq!(find(connection, request)?, None);
            let touched = diesel::sql_query(
                "SELECT count(*) AS many FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                 WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND c.relname LIKE 'request\\_log\\_%'",
            )
            .get_result(connection)?;
            connection.batch_execute("ROLLBACK")?;
            Ok(touched)
        });
        assert_eq!(touched.many, expected, "{when}");
    }
}

#[tokio::test]
async fn calls_are_listed_by_page_and_by_what_they_are() {
    let database = database();
    let mut rig = Rig::start(&database.url);
    for number in 0..40 {
        rig.record(varied(number)).await;
    }
    rig.end().await;
    let page = |filter: &Filter, most: usize| rig.look(|connection| list(connection, filter, most));
    let mut seen = Vec::new();
    let mut filter = Filter::default();
    loop {
        let (rows, next) = page(&filter, 7);
        seen.extend(rows);
        filter.after = next;
        let Some(next) = next else { break };
        assert_eq!(Cursor::parse(&next.to_string()), Some(next));
    }
    assert_eq!(seen.len(), 40);
    assert!(seen.is_sorted_by(|one, other| (one.ts, one.request_id) > (other.ts, other.request_id)));

    let many = |filter: Filter| page(&filter, 99).0.len();
    let account = Filter { account: Some(id(1)), ..Filter::default() };
    assert_eq!(many(account.clone()), seen.iter().filter(|row| row.account_id == Some(id(1))).count());
    assert_eq!(many(Filter { service: Some(id(8)), ..account }), 0);
    assert_eq!(many(Filter { status_from: Some(400), status_to: Some(428), ..Filter::default() }), 10);
    assert_eq!(many(Filter { decision: Some("limit".into()), ..Filter::default() }), 10);
    let minute = Filter { until: Some(*START + TimeDelta::seconds(30)), ..Filter::default() };
    assert_eq!(many(minute), seen.iter().filter(|row| row.ts == *START).count());

    let until = *START + TimeDelta::hours(1);
    let wanted = Wanted::of_all(Grain::Hour, By::Account, *START, until);
    let used: Vec<Used> = rig.look(|connection| usage(connection, &wanted));
    assert_eq!(used.iter().map(|row| row.requests).sum::<i64>(), 40);
    assert_eq!(used.iter().filter(|row| row.id.is_none()).map(|row| row.requests).sum::<i64>(), 4);
    let day = Wanted { grain: Grain::Day, by: By::Time, accounts: Some(vec![id(1)]), ..wanted };
    let own = rig.look(|connection| usage(connection, &day));
    assert_eq!(own, [], "the day began earlier");
}

// ---- sealed ---------------------------------------------------------------------------------------------

/// Some calls in two batches, sealed.
pub(crate) async fn sealed(database: &Database) -> Rig {
    let mut rig = Rig::idle(&database.url, |settings| settings.queue = 1000);
    for number in 0..600 {
        rig.record(varied(number)).await;
    }
    rig.write();
    rig.end().await;
    let found = rig.verified();
    let well = Verified { seals: 1, batches: 3, rows: 600, unsealed: 0, problems: Vec::new() };
    assert_eq!(found, well, "two batches, and the link that seals");
    rig
}

/// Changes what nobody may change, as somebody with all rights does.
pub(crate) fn tamper(rig: &Rig, statement: &str) {
    let changed =
        execute(&rig.db, &format!("SET session_replication_role = replica; {statement}; RESET ALL"));
    changed.expect("a change");
}

#[tokio::test]
async fn the_log_is_append_only() {
    let database = database();
    let rig = sealed(&database).await;
    for table in ["request_log", "request_batches"] {
        for change in [
            &format!("UPDATE {table} SET {}", if table == "request_log" { "path = ''" } else { "place = 1" }),
            &format!("DELETE FROM {table}"),
            &format!("TRUNCATE {table}"),
        ] {
            let refused = execute(&rig.db, change).expect_err(change);
            assert!(refused.contains("the request log is append-only"), "{refused}");
        }
    }
}

#[tokio::test]
async fn whatever_is_done_to_the_rows_is_found() {
    const ONE: &str = "(SELECT request_id FROM request_log ORDER BY ts, request_id OFFSET 300 LIMIT 1)";
    for (change, complaint) in [
        (format!("UPDATE request_log SET path = '/other' WHERE request_id = {ONE}"), "was edited"),
        (format!("UPDATE request_log SET checks = '[]' WHERE request_id = {ONE}"), "was edited"),
        (format!("UPDATE request_log SET user_agent = '' WHERE request_id = {ONE}"), "was edited"),
        (format!("DELETE FROM request_log WHERE request_id = {ONE}"), "lacks 1 calls"),
        (
            format!("UPDATE request_log SET ts = ts + interval '10 minutes' WHERE request_id = {ONE}"),
            "lacks 1 calls",
        ),
        (
            format!(
                "CREATE TEMP TABLE copied AS SELECT * FROM request_log WHERE request_id = {ONE}; \
                 UPDATE copied SET request_id = gen_random_uuid(); INSERT INTO request_log SELECT * FROM copied"
            ),
            "1 calls more",
        ),
        (
            format!(
                "CREATE TEMP TABLE copied AS SELECT * FROM request_log WHERE request_id = {ONE}; \
                 UPDATE copied SET request_id = gen_random_uuid(), batch_id = gen_random_uuid(); \
                 INSERT INTO request_log SELECT * FROM copied"
            ),
            "1 calls of 2026-11-21 belong to no batch",
        ),
        ("DELETE FROM request_batches WHERE place = 3".to_owned(), "is over 3 batches, and there are 2"),
        ("UPDATE request_batches SET place = 3 - place WHERE place < 3".to_owned(), "it stands elsewhere"),
        (
            "UPDATE request_batches SET digest = sha256(digest) WHERE place = 3".to_owned(),
            "not as it was written",
        ),
    ] {
        let database = database();
        let rig = sealed(&database).await;
        tamper(&rig, &change);
        let problems = rig.verified().problems;
        assert!(problems.iter().any(|problem| problem.contains(complaint)), "{change}: {problems:?}");
    }
}

/// Who can edit rows can compute digests; not those that the log of events has.
#[tokio::test]
async fn a_chain_that_was_computed_anew_is_not_the_one_that_was_told() {
    let database = database();
    let rig = sealed(&database).await;
    let honest = told_of(&rig, "traffic.sealed")[0].data.clone();
    let mut other = honest.clone();
    other["digest"] = json!("00".repeat(32));
    let set = |data: &Value| format!("UPDATE events SET data = '{data}' WHERE kind = 'traffic.sealed'");
    tamper(&rig, &set(&other));
    let seal = honest["seal"].as_str().expect("an id");
    let expected = format!("the seal {seal} is not that of its batches: they were exchanged");
    assert_eq!(rig.verified().problems, [expected]);
    tamper(&rig, &set(&json!({})));
    assert_eq!(rig.verified().problems.len(), 1, "an event that does not say what it seals");
}

#[tokio::test]
async fn what_is_written_is_sealed_after_a_while_and_then_the_next() {
    let database = database();
    let mut rig = Rig::idle(&database.url, |settings| settings.seal_s = 1);
    rig.write();
    for many in 1..=2 {
        rig.record(allowed()).await;
        eventually("sealed", async || told_of(&rig, "traffic.sealed").len() == many).await;
    }
    let found = rig.verified();
    assert_eq!((found.seals, found.rows, found.unsealed), (2, 2, 0));
    assert_eq!(found.problems, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_sealed_yet_is_told_apart() {
    let database = database();
    let rig = Rig::start(&database.url);
    rig.record(allowed()).await;
    eventually("logged", async || rig.rows() == 1).await;
    let found = rig.verified();
    assert_eq!((found.seals, found.batches, found.rows, found.unsealed), (0, 1, 1, 1));
    assert_eq!(found.problems, Vec::<String>::new());
    tamper(&rig, "UPDATE request_log SET path = '/other'");
    assert_eq!(rig.verified().problems.len(), 1);
}

/// A process that is killed says nothing more; the next one begins a chain of its own.
#[tokio::test]
async fn what_a_killed_process_wrote_stays_as_it_is_and_the_next_writes_on() {
    let database = database();
    let mut killed = Rig::start(&database.url);
    killed.record(allowed()).await;
    eventually("logged", async || killed.rows() == 1).await;
    let (writing, _) = killed.writing.take().expect("somebody who writes");
    writing.abort();
    let mut next = Rig::start(&database.url);
    next.record(allowed()).await;
    next.end().await;
    let found = next.verified();
    assert_eq!((found.seals, found.batches, found.rows, found.unsealed), (1, 3, 2, 1));
    assert_eq!(found.problems, Vec::<String>::new());
}

#[tokio::test]
async fn calls_are_logged_also_where_they_cannot_be_sealed() {
    let database = database();
    let mut rig = Rig::idle(&database.url, |settings| settings.seal_s = 1);
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN RAISE EXCEPTION 'no events'; END $$; \
                  CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()";
    execute(&rig.db, refuse).expect("a trigger");
    rig.write();
    let mut recorded = 0;
    while count(&rig.db, "(SELECT DISTINCT seal_id FROM request_batches) chain") < 2 {
        rig.record(allowed()).await;
        recorded += 1;
        eventually("logged", async || rig.rows() == recorded).await;
    }
    rig.end().await;
    let found = rig.verified();
    assert_eq!((found.seals, found.unsealed, found.problems), (0, found.batches, Vec::new()));
    assert_eq!((rig.rows(), rig.counted("traffic_unwritable_total")), (recorded, 0));
}

// ---- commands -------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_operator_is_told_the_whole_story_of_a_call() {
    let database = database();
    let mut rig = Rig::start(&database.url);
    let story = whole_story();
    let request = story.request().to_string();
    rig.record(story).await;
    rig.record(allowed()).await;
    rig.end().await;
    let grantor = Grantor::over(&database.url);

    let said = grantor.run(&["request", "show", &request]);
    said.is_done();
    let expected = format!(
        "POST /orders/7, 2026-11-21 12:00:00.123 UTC
It was refused, since it was too much, and answered 429, rate_limited.

request     {request}
account     00000000-0000-0000-0000-000000000001
principal   00000000-0000-0000-0000-000000000002
credential  00000000-0000-0000-0000-000000000003
token       00000000-0000-0000-0000-000000000004
client      00000000-0000-0000-0000-000000000005
service     00000000-0000-0000-0000-000000000006
route       /orders/{{id}}
decided by  minute
from        203.0.113.9
with        curl/8
trace       4bf92f3577b34da6a3ce929d0e0e4736
took        12 ms, 3 of them the service
bytes       100 in, 250 out
cost        0

What was looked at, in order:
  yes Is there a bearer, and is it whole?
  yes Is it neither revoked nor expired?: expires in 9 days
  -   May it be used from this address?: any address will do
  NO  Is there room within the limits?: 10 of 10 are taken

The limits, as they stood then:
  minute: 0 left of 10 in 60 s, more in 17 s, and this refused the call
"
    );
    assert_eq!(said.out, expected);
    let shown = grantor.json(&["request", "show", &request]);
    assert_eq!((&shown["decision"], &shown["checks"][3]["outcome"]), (&json!("limit"), &json!("refused")));

    grantor.run(&["request", "show", "x"]).is_refused("x is no request id");
    let unknown = Entropy.id(*START).to_string();
    let said = grantor.run(&["request", "show", &unknown]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains(&format!("the request log does not know {unknown}")), "{said:?}");
}

#[tokio::test]
async fn an_operator_lists_calls_and_sees_how_much_was_asked() {
    let database = database();
    let mut rig = Rig::start(&database.url);
    for number in 0..40 {
        rig.record(varied(number)).await;
    }
    rig.end().await;
    let grantor = Grantor::over(&database.url);
    let (since, until) = ("2026-11-21T11:00:00Z", "2026-11-21T13:00:00Z");

    let account = id(1).to_string();
    let arguments = ["request", "list", "--status", "4xx", "--account", &account, "--since", since];
    let listed = grantor.json(&arguments);
    let calls = listed["data"].as_array().expect("calls");
    assert!(!calls.is_empty());
    assert!(
        calls.iter().all(|call| call["status_code"].as_i64() >= Some(400) && call["account_id"] == account)
    );
    let first = grantor.json(&["request", "list", "--limit", "25"]);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = grantor.json(&["request", "list", "--limit", "25", "--cursor", cursor]);
    assert_eq!((second["data"].as_array().map(Vec::len), &second["next_cursor"]), (Some(15), &Value::Null));
    let words = grantor.run(&["request", "list", "--limit", "1", "--decision", "limit"]);
    words.is_done();
    assert!(words.out.starts_with("WHEN                 STATUS  DECISION  METHOD  PATH"), "{}", words.out);
    assert!(words.out.contains("There are more: --cursor "), "{}", words.out);
    grantor
        .run(&["request", "list", "--decision", "maybe"])
        .is_refused("there is no decision maybe; there are allow, deny, limit, error");
    grantor.run(&["request", "list", "--cursor", "7"]).is_refused("7 is no cursor");

    let used = grantor.json(&["usage", "--since", since, "--until", until, "--by", "service"]);
    let sums: BTreeMap<&str, i64> = ["requests", "errors", "limited"]
        .map(|name| (name, used[0][name].as_i64().expect("a number")))
        .into();
    assert_eq!(sums, [("requests", 40), ("errors", 20), ("limited", 10)].into());
    let words = grantor.run(&["usage", "--since", since, "--until", until]);
    words.is_done();
    let expected = "FROM              OF  CALLS  ERRORS  LIMITED  COST  MEAN ms  P50 ms  P99 ms\n\
                    2026-11-21 12:00      40     20      10       ";
    assert!(words.out.starts_with(expected), "{}", words.out);

    let arguments = ["request", "verify", "--since", since, "--until", until];
    let said = grantor.run(&arguments);
    said.is_done();
    assert_eq!(said.out, "40 calls in 2 batches under 1 seals were looked at.\n");
    tamper(&rig, "UPDATE request_log SET status_code = 200 WHERE status_code = 403");
    let said = grantor.run(&arguments);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("it or a call in it was edited"), "{said:?}");
    assert_eq!(said.err, "grantor: the request log is not as it was written, in 1 places\n");
}

// ---- when the database is away --------------------------------------------------------------------------

mod faults {
    use super::*;

    #[tokio::test]
    async fn while_the_database_is_away_calls_wait_and_none_is_lost() {
        let mut postgres = OwnPostgres::start();
        let mut rig = Rig::start(&postgres.url());
        rig.record(allowed()).await;
        eventually("logged", async || rig.rows() == 1).await;
        postgres.stop();
        for _ in 0..700 {
            rig.record(allowed()).await;
        }
        postgres.start_again();
        rig.db.distrust();
        eventually("logged", async || rig.rows() == 701).await;
        rig.end().await;
        assert_eq!(count(&rig.db, "usage_days WHERE requests = 701"), 1);
        assert_eq!(rig.counted("traffic_dropped_total"), 0);
        assert_eq!(told_of(&rig, "traffic.dropped"), []);
    }

    /// What became of a commit nobody knows when its connection is lost: it is asked for, and not done twice.
    #[tokio::test]
    async fn connections_that_are_cut_make_no_call_come_twice() {
        let database = database();
        let relay = Relay::to(&database.url);
        let mut rig = Rig::start(&relay.url());
        for round in 0..20 {
            for _ in 0..50 {
                rig.record(allowed()).await;
            }
            tokio::time::sleep(Duration::from_millis(round % 5 * 40)).await;
            relay.cut();
        }
        rig.end().await;
        let direct = Rig::idle(&database.url, |_| ());
        assert_eq!(direct.rows(), 1000);
        assert_eq!(count(&direct.db, "usage_days WHERE requests = 1000"), 1);
        let found = direct.verified();
        assert_eq!((found.seals, found.rows, found.problems), (1, 1000, Vec::new()));
    }

    /// Commits while nobody hears of it: whoever commits waits for a lock that the test has.
    #[tokio::test]
    async fn a_batch_whose_commit_was_not_heard_of_is_not_written_again() {
        const HELD: &str = "pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted \
                            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let database = database();
        let direct = Rig::idle(&database.url, |_| ());
        let hold = "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '60s' AS \
                    $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$; \
                    CREATE CONSTRAINT TRIGGER hold AFTER INSERT OR UPDATE ON usage_days \
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()";
        execute(&direct.db, hold).expect("a trigger");
        let mut holder = db::connect(&database.url).expect("a connection");
        holder.batch_execute("SELECT pg_advisory_lock(42)").expect("a lock");

        let relay = Relay::to(&database.url);
        let mut rig = Rig::start(&relay.url());
        rig.record(allowed()).await;
        eventually("committing", async || count(&direct.db, HELD) == 1).await;
        relay.fall_silent();
        drop(holder);
        eventually("committed", async || direct.rows() == 1).await;
        relay.cut();
        rig.end().await;
        assert_eq!(direct.rows(), 1);
        assert_eq!(count(&direct.db, "usage_days WHERE requests = 1"), 1);
        let found = direct.verified();
        assert_eq!((found.seals, found.batches, found.problems), (1, 2, Vec::new()));
    }

    #[tokio::test]
    async fn who_ends_while_the_database_is_away_ends_all_the_same_and_counts_what_is_lost() {
        let postgres = OwnPostgres::start();
        let mut rig = Rig::start(&postgres.url());
        postgres.stop();
        for _ in 0..600 {
            rig.record(allowed()).await;
        }
        rig.end().await;
        assert_eq!(rig.counted("traffic_dropped_total"), 600);
        assert_eq!(rig.counted("traffic_queue"), 0);
    }
}
