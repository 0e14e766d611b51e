//! The mark of what is to be dropped is on nothing that stays.

use chrono::Days;
use diesel::connection::SimpleConnection as _;
use grantor::platform::db::{self, Connection, LogRetention, Round};

use crate::support::{START, count, database};

const MARKED: &str =
    "pg_description WHERE description LIKE 'grantor: expired%' AND classoid = 'pg_class'::regclass";

fn sweep(connection: &mut Connection) -> (Vec<String>, usize) {
    match db::drop_expired(connection, START.date_naive(), LogRetention::ForEver, || true).expect("a round") {
        Round::Done { dropped, left } => (dropped, left.len()),
        Round::Elsewhere => panic!("nobody else is at it"),
    }
}

/// Detaching that failed before it began leaves the partition as it was: an operator may detach it to keep it.
#[tokio::test]
async fn what_could_not_be_detached_carries_no_mark() {
    let database = database();
    let pool = db::Db::new(&database.url, &crate::support::settings().database.pool);
    let mut connection = db::connect(&database.url).expect("a connection");
    db::make_partitions(&mut connection, START.date_naive() - Days::new(40)).expect("old ones");
    let mut holder = db::connect(&database.url).expect("a connection");
    let lock = "BEGIN; LOCK TABLE interactions IN SHARE UPDATE EXCLUSIVE MODE";
    holder.batch_execute(lock).expect("a lock");
    let (_, left) = sweep(&mut connection);
    assert_eq!((left, count(&pool, MARKED)), (1, 0));
    holder.batch_execute("ROLLBACK").expect("free");
    let (dropped, left) = sweep(&mut connection);
    assert!(
        left == 0 && dropped.iter().any(|name| name.starts_with("interactions_")),
        "the twin: {dropped:?}"
    );
}

/// A process that ended between the mark and the detaching: by now the partition may be kept for longer.
#[tokio::test]
async fn a_mark_on_what_stays_is_taken_off() {
    const CHILD: &str = "request_log_20261121";
    let database = database();
    let pool = db::Db::new(&database.url, &crate::support::settings().database.pool);
    let mut connection = db::connect(&database.url).expect("a connection");
    let mark = format!("COMMENT ON TABLE partitions.{CHILD} IS 'grantor: expired, to be dropped'");
    connection.batch_execute(&mark).expect("a mark");
    assert_eq!(count(&pool, MARKED), 1, "the twin");
    sweep(&mut connection);
    assert_eq!(count(&pool, MARKED), 0);
    let keep = format!("ALTER TABLE request_log DETACH PARTITION partitions.{CHILD}");
    connection.batch_execute(&keep).expect("an operator who wants to keep it");
    sweep(&mut connection);
    assert_eq!(count(&pool, &format!("pg_class WHERE relname = '{CHILD}'")), 1);
}
