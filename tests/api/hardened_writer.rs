//! What the database does to calls that are to be logged.

use chrono::{DateTime, Utc};
use grantor::traffic::Overflow;
use serde_json::json;

use crate::support::{START, count, database, eventually, execute};
use crate::traffic::{Rig, allowed, story_at, told_of};

/// Whatever Postgres says, a call that it refuses for a while is not a bad one.
#[tokio::test]
async fn a_database_that_is_full_is_waited_for_and_no_call_is_lost() {
    for words in ["could not extend file \"base/1/2\": No space left on device", "the sky fell"] {
        let database = database();
        let mut rig = Rig::idle(&database.url, |settings| settings.overflow = Overflow::Block);
        let refuse = format!(
            "CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM nextval('tries'); RAISE EXCEPTION '{words}' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON request_log FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        );
        execute(&rig.db, &refuse).expect("a trigger");
        for _ in 0..5 {
            rig.record(allowed()).await;
        }
        rig.write();
        eventually("tried", async || count(&rig.db, "tries WHERE last_value > 7") == 1).await;
        execute(&rig.db, "DROP TRIGGER refuse ON request_log").expect("room again");
        eventually("logged", async || rig.rows() == 5).await;
        rig.end().await;
        assert_eq!(rig.counted("traffic_unwritable_total"), 0, "{words}");
        assert_eq!((told_of(&rig, "traffic.dropped"), rig.verified().problems), (Vec::new(), Vec::new()));
    }
}

/// One that can never be written keeps no other waiting, even in the batch that would seal.
#[tokio::test]
async fn a_call_that_no_partition_takes_is_missing_alone_where_none_may_be_missing() {
    let database = database();
    let mut rig = Rig::idle(&database.url, |settings| settings.overflow = Overflow::Block);
    let nowhere: DateTime<Utc> = "2400-01-01T00:00:00Z".parse().expect("a moment");
    for when in [*START, nowhere, *START] {
        rig.record(story_at(when)).await;
    }
    rig.write();
    rig.end().await;
    let told: Vec<_> = told_of(&rig, "traffic.dropped").into_iter().map(|event| event.data).collect();
    assert_eq!(told, [json!({ "dropped": 0, "unwritable": 1 })]);
}
