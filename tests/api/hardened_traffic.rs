//! What somebody with all rights over the request log tries.

use chrono::TimeDelta;
use grantor::platform::db::LogRetention;
use grantor::traffic::{Scope, Verified};

use crate::support::{START, database, eventually};
use crate::traffic::{Rig, allowed, sealed, story_at, tamper};

/// All that was written until some days after the start, where calls are kept for so long.
fn after(days: i64, retention: LogRetention) -> Scope {
    let (since, now) = (*START - TimeDelta::days(200), *START + TimeDelta::days(days));
    Scope { since, until: now, now, retention }
}

fn problems(rig: &Rig, scope: &Scope) -> Vec<String> {
    rig.verified_in(scope).problems
}

const NINETY: LogRetention = LogRetention::Days(90);

/// What a batch says of itself decides which calls are read, so it is digested with them.
#[tokio::test]
async fn whatever_is_done_to_the_times_of_a_batch_is_found() {
    const FAR: &str = "first_ts = first_ts - interval '100 days'";
    for change in [
        format!("UPDATE request_batches SET {FAR} WHERE place = 2"),
        "UPDATE request_batches SET first_ts = first_ts + interval '1 s' WHERE place = 2".to_owned(),
        "UPDATE request_batches SET last_ts = last_ts + interval '1 s' WHERE place = 2".to_owned(),
        "UPDATE request_batches SET at = at + interval '1 microsecond' WHERE place = 2".to_owned(),
        "UPDATE request_batches SET logged = logged + 1 WHERE place = 2".to_owned(),
        "UPDATE request_batches SET rows_digest = NULL WHERE place = 2".to_owned(),
        // As if they had left with their day, and their calls are deleted.
        format!(
            "UPDATE request_batches SET {FAR}, last_ts = last_ts - interval '100 days' WHERE place = 1; \
             DELETE FROM request_log USING request_batches b WHERE b.id = batch_id AND b.place = 1"
        ),
    ] {
        let database = database();
        let rig = sealed(&database).await;
        tamper(&rig, &change);
        assert_ne!(rig.verified().problems, Vec::<String>::new(), "{change}");
        assert_ne!(problems(&rig, &after(1, NINETY)), Vec::<String>::new(), "{change}");
    }
}

/// Makes a sealed chain one of before the digests of rows were kept.
const AS_BEFORE: &str = "DO $$ DECLARE b request_batches; d bytea; BEGIN \
    FOR b IN SELECT * FROM request_batches ORDER BY place LOOP \
        d := sha256(coalesce(d, sha256(uuid_send(b.seal_id))) || uuid_send(b.id) || b.rows_digest); \
        UPDATE request_batches SET digest = d, rows_digest = NULL WHERE id = b.id; \
    END LOOP; \
    UPDATE events SET data = data || jsonb_build_object('digest', encode(d, 'hex')) WHERE kind = 'traffic.sealed'; \
    END $$";

#[tokio::test]
async fn batches_of_before_verify_as_they_did_and_their_times_are_believed_only_as_far_as_they_can_be() {
    let database = database();
    let rig = sealed(&database).await;
    tamper(&rig, AS_BEFORE);
    let well = Verified { seals: 1, batches: 3, rows: 600, unsealed: 0, problems: Vec::new() };
    assert_eq!(rig.verified(), well);
    for change in [
        "first_ts = first_ts - interval '100 days'",
        "first_ts = last_ts + interval '1 s'",
        "last_ts = at + interval '2 h'",
        "logged = logged - 1",
    ] {
        tamper(
            &rig,
            &format!(
                "CREATE TABLE saved AS TABLE request_batches; UPDATE request_batches SET {change} WHERE place = 2"
            ),
        );
        assert_ne!(rig.verified().problems, Vec::<String>::new(), "{change}");
        let undo =
            "DELETE FROM request_batches; INSERT INTO request_batches SELECT * FROM saved; DROP TABLE saved";
        tamper(&rig, undo);
        assert_eq!(rig.verified(), well, "the twin");
    }
    tamper(&rig, "UPDATE request_log SET path = '/other'");
    assert_ne!(rig.verified().problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_forged_call_that_names_a_batch_of_another_time_is_found() {
    for moved in ["20 minutes", "-20 minutes", "1 day"] {
        let database = database();
        let rig = sealed(&database).await;
        let forge = format!(
            "CREATE TEMP TABLE copied AS SELECT * FROM request_log LIMIT 1; \
             UPDATE copied SET request_id = gen_random_uuid(), ts = ts + interval '{moved}'; \
             INSERT INTO request_log SELECT * FROM copied; DROP TABLE copied"
        );
        tamper(&rig, &forge);
        let found = problems(&rig, &after(2, NINETY));
        assert_eq!(found.len(), 1, "{moved}: {found:?}");
        assert!(found[0].contains("1 calls of") && found[0].contains("belong to no batch"), "{found:?}");
    }
}

/// Calls may wait for a database that is away for hours; their batch is put together in the end.
#[tokio::test]
async fn calls_that_were_written_late_are_where_they_belong() {
    let database = database();
    let mut rig = Rig::idle(&database.url, |_| ());
    rig.record(allowed()).await;
    rig.clock.advance(TimeDelta::hours(30));
    rig.write();
    rig.end().await;
    let found = rig.verified_in(&after(2, NINETY));
    assert_eq!((found.rows, found.problems), (1, Vec::new()));
}

const OF_START: [&str; 2] = [
    "ALTER TABLE request_log DETACH PARTITION partitions.request_log_20261121",
    "ALTER TABLE request_batches DETACH PARTITION partitions.request_batches_20261121",
];

#[tokio::test]
async fn a_day_that_left_too_early_is_missed_and_one_that_left_in_time_is_not() {
    let gone = ["calls of 2026-11-21 are gone, with all of their day, and were to be kept".to_owned()];
    for detached in [&OF_START[..1], &OF_START[..]] {
        let database = database();
        let rig = sealed(&database).await;
        for statement in detached {
            tamper(&rig, statement);
        }
        assert_eq!(problems(&rig, &after(1, NINETY)), gone);
        assert_eq!(problems(&rig, &after(1, LogRetention::ForEver)), gone);
        // Whatever the database says of how long calls are kept.
        tamper(&rig, "UPDATE partition_plans SET keep = '2 days' WHERE parent LIKE 'request%'");
        assert_eq!(problems(&rig, &after(10, NINETY)), gone);
        assert_eq!(problems(&rig, &after(100, NINETY)), Vec::<String>::new(), "the twin");
    }
}

/// A chain over midnight, whose first day was dropped, begins with what is left of it.
#[tokio::test]
async fn a_chain_whose_first_day_was_dropped_verifies_from_the_next_on() {
    let database = database();
    let mut rig = Rig::start(&database.url);
    rig.record(allowed()).await;
    eventually("logged", async || rig.rows() == 1).await;
    rig.clock.advance(TimeDelta::days(1));
    rig.record(story_at(*START + TimeDelta::days(1))).await;
    rig.end().await;
    let whole = rig.verified_in(&after(2, NINETY));
    assert_eq!((whole.seals, whole.rows, whole.problems), (1, 2, Vec::new()), "the twin");
    for statement in OF_START {
        tamper(&rig, statement);
    }
    let kept_two_days = after(3, LogRetention::Days(2));
    let rest = rig.verified_in(&kept_two_days);
    assert_eq!((rest.seals, rest.rows, rest.problems), (1, 1, Vec::new()));
    assert_ne!(problems(&rig, &after(3, NINETY)), Vec::<String>::new(), "it was to be kept");
    tamper(&rig, "DELETE FROM request_batches WHERE place = 3");
    assert_ne!(problems(&rig, &kept_two_days), Vec::<String>::new(), "the end is never dropped before");
}
