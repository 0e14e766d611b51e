//! What a server that owns nothing could have done by its owner's right, once it was taken over.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use grantor::platform::db::{self, Db};

use crate::chain::{Role, grantor};
use crate::support::{count, database, execute};

const KEPT: &str = "partition_plans WHERE parent IN ('request_log', 'request_batches') AND keep = interval";

fn as_role(role: &Role) -> Db {
    Db::new(&role.url(), &crate::support::settings().database.pool)
}

#[tokio::test]
async fn a_server_that_owns_nothing_can_have_calls_kept_longer_and_not_shorter() {
    let database = database();
    let (role, owner) = (Role::new(&database), grantor(&database.url, &[]));
    owner.run(&["migrate", "--app-role", &role.name]).is_done();
    let app = as_role(&role);
    let kept = |days: i32| count(&app, &format!("{KEPT} '{days} days'"));
    let keep = |days: i32| execute(&app, &format!("SELECT keep_calls({days})"));
    assert_eq!(kept(90), 2);
    keep(2).expect("no refusal, so that a server starts");
    keep(89).expect("no refusal");
    assert_eq!(kept(90), 2);
    keep(365).expect("longer");
    assert_eq!(kept(365), 2);
    for days in [-1, 0, 1, 1_000_001, i32::MAX] {
        let refusal = keep(days).expect_err("days that are none");
        assert!(refusal.contains("calls cannot be kept for"), "{refusal}");
    }
    // Nor by taking another name, which is not theirs.
    execute(&app, "SET ROLE grantor").expect_err("another's rights");
    let shorter = grantor(&database.url, &[("GRANTOR_TRAFFIC__RETENTION_DAYS", "30")]);
    shorter.run(&["migrate"]).is_done();
    assert_eq!(kept(30), 2, "that is the owner's to say");
}

#[tokio::test]
async fn a_server_that_owns_nothing_cannot_fill_the_database_with_partitions() {
    let database = database();
    let role = Role::new(&database);
    grantor(&database.url, &[]).run(&["migrate", "--app-role", &role.name]).is_done();
    let app = as_role(&role);
    let before = count(&app, "pg_class");
    for statement in [
        "SELECT make_partitions(current_date + 15000)",
        "SELECT make_partitions(current_date - 15000)",
        "SELECT make_partitions('0001-01-01')",
        "SELECT make_partitions(NULL)",
        "SELECT make_partitions('infinity')",
        "SELECT reach_ahead(401, current_date)",
        "SELECT reach_ahead(2147483647, current_date)",
        "SELECT reach_ahead(NULL, current_date)",
        "SELECT make_partition(plan, '2020-01-01') FROM partition_plans plan",
    ] {
        execute(&app, statement).expect_err(statement);
    }
    execute(&app, "SELECT make_leaves('2020-01-01')").expect("nothing to do");
    assert_eq!(count(&app, "pg_class"), before);
    execute(&app, "SELECT make_partitions(current_date)").expect("the twin");
    execute(&app, "SELECT reach_ahead(374, current_date)").expect("the twin: a year and some days");
    let day = chrono::Utc::now().date_naive() - TimeDelta::days(400);
    assert!(app.run_here(|connection| db::make_partitions(connection, day)).expect("the twin") > 0);
}

/// The triggers refuse it, and so does the right to do it.
#[tokio::test]
async fn a_server_that_owns_nothing_can_only_add_to_the_request_log() {
    let database = database();
    let role = Role::new(&database);
    grantor(&database.url, &[]).run(&["migrate", "--app-role", &role.name]).is_done();
    let mut connection = db::connect(&role.url()).expect("a connection");
    for table in grantor::traffic::LOGS {
        connection.batch_execute(&format!("SELECT FROM {table}")).expect("the twin");
        for statement in [format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
            let refusal = connection.batch_execute(&statement).expect_err(&statement).to_string();
            assert!(refusal.contains("permission denied"), "{refusal}");
        }
    }
}
