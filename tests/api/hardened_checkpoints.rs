//! What somebody with all rights over the audit log tries with its checkpoints.

use diesel::connection::SimpleConnection as _;
use grantor::platform::db;
use serde_json::json;

use crate::chain::{BY_FORCE, grantor, sealed_log, verify, verify_with};
use crate::commands::Grantor;
use crate::support::Scratch;

/// The signed heads of the log, as they are kept elsewhere.
fn kept(grantor: &Grantor) -> (Scratch, String) {
    let scratch = Scratch::new();
    let path = scratch.join("checkpoints").as_str().to_owned();
    std::fs::write(&path, grantor.run(&["audit", "checkpoints"]).out).expect("a file");
    (scratch, path)
}

#[tokio::test]
async fn a_checkpoint_names_the_one_before_so_that_none_can_be_deleted() {
    let database = sealed_log().await;
    let grantor = grantor(&database.url, &[]);
    let (_scratch, path) = kept(&grantor);
    let against = ["--against", path.as_str()];
    let checkpoints = grantor.json(&["audit", "checkpoints"]);
    let all = checkpoints.as_array().expect("checkpoints");
    assert!(all.len() >= 3, "{checkpoints}");
    for (number, one) in (1..).zip(all) {
        let said = crate::support::claims_of(one["jws"].as_str().expect("a text"));
        assert_eq!(said["number"], number, "{said}");
    }
    assert_eq!(verify_with(&grantor, &against).0, 0, "the twin");

    let mut connection = db::connect(&database.url).expect("a connection");
    for (which, arguments) in [("min", &[][..]), ("max", &against[..])] {
        let delete = format!(
            "{BY_FORCE} CREATE TABLE saved AS TABLE event_checkpoints; \
             DELETE FROM event_checkpoints WHERE batch = (SELECT {which}(batch) FROM event_checkpoints)"
        );
        connection.batch_execute(&delete).expect("deleted");
        let (code, report) = verify_with(&grantor, arguments);
        assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("checkpoint")), "{which}: {report}");
        let undo =
            "DELETE FROM event_checkpoints; INSERT INTO event_checkpoints TABLE saved; DROP TABLE saved";
        connection.batch_execute(undo).expect("undone");
        assert_eq!(verify_with(&grantor, &against).0, 0, "the twin");
    }
}

#[tokio::test]
async fn a_checkpoint_of_after_its_key_was_revoked_is_not_ours() {
    let database = sealed_log().await;
    let mut connection = db::connect(&database.url).expect("a connection");
    let mut revoke = |when: &str| {
        let revoked = format!(
            "UPDATE signing_keys SET revoked_at = '2026-11-21 12:00Z'::timestamptz + interval '{when}'"
        );
        connection.batch_execute(&revoked).expect("revoked");
        verify(&database.url)
    };
    let (code, report) = revoke("1 day");
    assert_eq!(
        (code, &report["checkpoints"]),
        (0, &json!(0)),
        "before it was: nobody vouches for it: {report}"
    );
    let (code, report) = revoke("-1 day");
    assert_eq!((code, &report["flaw"]["flaw"]), (1, &json!("checkpoint")), "{report}");
}
