//! Events after the Open Cybersecurity Schema Framework (OCSF 1.3), category Identity & Access Management.

use serde_json::{Map, Value, json};

use crate::audit::Listed;

/// The category.
const IDENTITY: u16 = 3;
/// The classes.
const ACCOUNT_CHANGE: u32 = 3001;
const AUTHENTICATION: u32 = 3002;
const ENTITY_MANAGEMENT: u32 = 3004;
/// An activity that the class has no number for.
const OTHER: u32 = 99;

/// A class and the activity within it, by the name of an event.
fn class_of(kind: &str) -> (u32, u32) {
    let (object, verb) = kind.split_once('.').unwrap_or((kind, ""));
    match (object, verb) {
        ("user", "signed_in" | "sign_in_failed") => (AUTHENTICATION, 1),
        ("user", "signed_out" | "signed_out_everywhere" | "session_ended") => (AUTHENTICATION, 2),
        ("user", verb) => (ACCOUNT_CHANGE, account_activity(verb)),
        (_, verb) => (ENTITY_MANAGEMENT, entity_activity(verb)),
    }
}

fn account_activity(verb: &str) -> u32 {
    match verb {
        "created" => 1,
        "enabled" => 2,
        "password_changed" => 3,
        "disabled" => 5,
        "deleted" => 6,
        _ => OTHER,
    }
}

fn entity_activity(verb: &str) -> u32 {
    match verb {
        "created" | "given" | "issued" | "added" | "imported" => 1,
        "exported" | "digested" => 2,
        "rotated" | "secret_rotated" | "extended" | "narrowed" | "enabled" | "disabled" | "changed"
        | "renamed" => 3,
        "revoked" | "withdrawn" | "removed" | "deleted" | "redeemed" | "burned" => 4,
        _ => OTHER,
    }
}

/// An event as OCSF has it. What has no place there is under `unmapped`.
pub(super) fn event(event: &Listed) -> Value {
    let (class, activity) = class_of(&event.kind);
    let mut told = json!({
        "category_uid": IDENTITY,
        "class_uid": class,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "time": event.occurred_at.timestamp_millis(),
        "severity_id": if event.outcome == "success" { 1 } else { 2 },
        "status_id": if event.outcome == "success" { 1 } else { 2 },
        "status_detail": event.outcome,
        "metadata": {
            "version": "1.3.0",
            "product": { "name": "Grantor", "vendor_name": "Grantor", "version": env!("CARGO_PKG_VERSION") },
            "uid": event.id,
            "event_code": event.kind,
        },
        "actor": { "user": { "type": event.actor_kind } },
        "unmapped": { "data": event.data },
    });
    let subject = subject(event);
    put(&mut told, &["metadata", "correlation_uid"], event.request_id.as_ref());
    put(&mut told, &["actor", "user", "uid"], event.actor_id.as_ref());
    put(&mut told, &["src_endpoint", "ip"], event.ip.as_ref());
    put(&mut told, &["http_request", "user_agent"], event.user_agent.as_ref());
    put(&mut told, &["unmapped", "client_uid"], event.client_id.as_ref());
    put(&mut told, &["resources"], subject.as_ref().map(|subject| [subject]));
    let subject_member = if class == ENTITY_MANAGEMENT { "entity" } else { "user" };
    let somebody = || json!({ "type": event.actor_kind, "uid": event.actor_id });
    put(&mut told, &[subject_member], Some(subject.clone().unwrap_or_else(somebody)));
    told
}

/// What it was done to.
fn subject(event: &Listed) -> Option<Value> {
    let (kind, id) = (event.target_kind.as_ref()?, event.target_id.as_ref()?);
    Some(json!({ "type": kind, "uid": id }))
}

/// Puts what is there under a path of names.
fn put(told: &mut Value, path: &[&str], value: Option<impl serde::Serialize>) {
    let Some(value) = value else { return };
    let place = path.iter().fold(told, |place, name| {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        &mut place[*name]
    });
    *place = json!(value);
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::audit::Kind;

    fn listed(kind: &str, outcome: &str) -> Listed {
        Listed {
            occurred_at: DateTime::from_timestamp_millis(1_795_262_400_123).unwrap(),
            id: Uuid::from_u128(1),
            kind: kind.into(),
            outcome: outcome.into(),
            actor_kind: "user".into(),
            actor_id: Some(Uuid::from_u128(2)),
            target_kind: Some("session".into()),
            target_id: Some("s".into()),
            client_id: None,
            request_id: Some("r".into()),
            ip: Some("192.0.2.1".into()),
            user_agent: Some("Firefox".into()),
            data: json!({ "a": 1 }),
        }
    }

    #[test]
    fn a_sign_in_is_an_authentication() {
        let told = event(&listed("user.signed_in", "success"));
        assert_eq!(
            told,
            json!({
                "category_uid": 3, "class_uid": 3002, "activity_id": 1, "type_uid": 300_201,
                "time": 1_795_262_400_123_i64, "severity_id": 1, "status_id": 1, "status_detail": "success",
                "metadata": {
                    "version": "1.3.0", "uid": Uuid::from_u128(1), "event_code": "user.signed_in",
                    "correlation_uid": "r",
                    "product": { "name": "Grantor", "vendor_name": "Grantor", "version": env!("CARGO_PKG_VERSION") },
                },
                "actor": { "user": { "type": "user", "uid": Uuid::from_u128(2) } },
                "src_endpoint": { "ip": "192.0.2.1" },
                "http_request": { "user_agent": "Firefox" },
                "resources": [{ "type": "session", "uid": "s" }],
                "user": { "type": "session", "uid": "s" },
                "unmapped": { "data": { "a": 1 } },
            })
        );
    }

    #[test]
    fn every_kind_has_a_class_and_its_denials_are_failures() {
        for kind in Kind::ALL {
            let told = event(&listed(kind.as_str(), kind.outcome()));
            let (class, activity) =
                (told["class_uid"].as_u64().unwrap(), told["activity_id"].as_u64().unwrap());
            assert_eq!(told["type_uid"], class * 100 + activity);
            assert_eq!(told["status_id"] == 1, kind.outcome() == "success", "{kind:?}");
            let subject = if class == 3004 { "entity" } else { "user" };
            assert!(told[subject].is_object(), "{kind:?}");
        }
        assert_eq!(class_of("key.rotated"), (3004, 3));
        assert_eq!(class_of("user.disabled"), (3001, 5));
        assert_eq!(class_of("client.dreamt"), (3004, 99));
    }
}
