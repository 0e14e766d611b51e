//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again is done once.

use chrono::Duration;
use grantor::app::management::endpoints;
use grantor::platform::api::Answers;
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, all_at_once, count, dump, execute, told};

const ALL: &str = "orgs:* keys:* pats:* limits:*";

impl App {
    async fn post_once(&self, voice: &Voice, key: &str, path: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}/api/v1{path}", self.address)).bearer_auth(&voice.0);
        Answer::to(request.header("Idempotency-Key", key).json(body)).await
    }
}

fn without_secret(answer: &Answer) -> Value {
    let mut told = answer.json();
    let secret = told.as_object_mut().expect("members").remove("secret");
    assert!(secret.is_some(), "the first answer has it");
    told
}

/// A repeated creation answers the same, without the secret; and nothing that is kept holds it.
#[tokio::test]
async fn what_is_sent_again_is_done_once_and_its_secret_told_once() {
    let app = App::start().await;
    let (org, ada) = (app.org("Acme", Some(ADA)), app.voice_of(ADA, ALL));
    let wish = json!({ "owner": org, "name": "ci" });
    let before = count(&app.db, "credentials");
    let first = app.post_once(&ada, "k1", "/keys", &wish).await;
    first.is(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    for _ in 0..2 {
        let again = app.post_once(&ada, "k1", "/keys", &wish).await;
        again.is(201);
        assert_eq!(again.json(), without_secret(&first));
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(
            (again.header("cache-control"), again.header("content-type")),
            ("no-store".into(), "application/json".into())
        );
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(count(&app.db, "credentials"), before + 1);
    assert!(!dump(&app.db).contains(&first.text("secret")), "nowhere");
    // Another key is another request, and so is none.
    app.post_once(&ada, "k2", "/keys", &wish).await.is(201);
    app.post_api(&ada, "/keys", wish.clone()).await.is(201);
    assert_eq!(count(&app.db, "credentials"), before + 3);
    // What is rotated hands out a secret, too.
    let path = format!("/keys/{}/rotate", first.text("id"));
    let rotated = app.post_once(&ada, "r1", &path, &json!({})).await;
    assert_eq!(app.post_once(&ada, "r1", &path, &json!({})).await.json(), without_secret(&rotated));
    assert_eq!(told(&app.db, "credential.rotated").len(), 1);
}

#[tokio::test]
async fn the_version_is_told_again_too() {
    let app = App::start().await;
    app.promote_ada();
    let ada = app.voice_of(ADA, ALL);
    let first = app.post_once(&ada, "k", "/orgs", &json!({ "name": "Acme" })).await;
    first.is(201);
    let again = app.post_once(&ada, "k", "/orgs", &json!({ "name": "Acme" })).await;
    assert_eq!((again.json(), again.header("etag")), (first.json(), "\"1\"".into()));
    assert_eq!(first.header("etag"), again.header("etag"));
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_caller() {
    let app = App::start().await;
    let (acme, other) = (app.org("Acme", Some(ADA)), app.org("Other", Some(BOB)));
    let (ada, bob) = (app.voice_of(ADA, ALL), app.voice_of(BOB, ALL));
    app.post_once(&ada, "k", "/keys", &json!({ "owner": acme, "name": "ci" })).await.is(201);
    let before = count(&app.db, "credentials");
    for (path, body) in [
        ("/keys", json!({ "owner": acme, "name": "cd" })),
        ("/keys/import", json!({ "owner": acme, "name": "ci" })),
        ("/keys", json!({ "unheard": "of" })),
    ] {
        app.post_once(&ada, "k", path, &body).await.is_problem(422, "idempotency_key_reused");
    }
    assert_eq!(count(&app.db, "credentials"), before);
    // Another caller has keys of their own; another bearer of the same caller's asks something else.
    app.post_once(&bob, "k", "/keys", &json!({ "owner": other, "name": "ci" })).await.is(201);
    let again = app
        .post_once(&app.voice_of(ADA, "keys:*"), "k", "/keys", &json!({ "owner": acme, "name": "ci" }))
        .await;
    again.is_problem(422, "idempotency_key_reused");
    // Whoever may not ask is not answered from what was kept.
    let weak = app.voice_of(ADA, "keys:read");
    let refused = app.post_once(&weak, "k", "/keys", &json!({ "owner": acme, "name": "ci" })).await;
    refused.is_problem(403, "insufficient_scope");
}

#[tokio::test]
async fn a_key_is_visible_characters_and_there_once() {
    let app = App::start().await;
    let (org, ada) = (app.org("Acme", Some(ADA)), app.voice_of(ADA, ALL));
    let wish = json!({ "owner": org, "name": "ci" });
    let before = count(&app.db, "credentials");
    for wrong in ["", "a b", "a\tb", &"x".repeat(256)] {
        app.post_once(&ada, wrong, "/keys", &wish).await.is_problem(400, "invalid_request");
    }
    let twice = app.http.post(format!("{}/api/v1/keys", app.address)).bearer_auth(&ada.0).json(&wish);
    let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "a");
    Answer::to(twice).await.is_problem(400, "invalid_request");
    assert_eq!(count(&app.db, "credentials"), before);
    for sound in ["\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "~", &"x".repeat(255)] {
        app.post_once(&ada, sound, "/keys", &wish).await.is(201);
    }
    // Where nothing is made, nobody looks at it.
    let request = app.http.get(format!("{}/api/v1/keys", app.address)).bearer_auth(&ada.0);
    Answer::to(request.header("Idempotency-Key", "a b")).await.is(200);
}

/// Of many at once one does it; the others are told that it is under way, or what was answered.
#[tokio::test]
async fn of_many_at_the_same_moment_one_does_it() {
    let app = App::start().await;
    let (org, ada) = (app.org("Acme", Some(ADA)), app.voice_of(ADA, ALL));
    let wish = json!({ "owner": org, "name": "ci" });
    let before = count(&app.db, "credentials");
    let answers = all_at_once(20, |_| app.post_once(&ada, "k", "/keys", &wish)).await;
    assert_eq!(count(&app.db, "credentials"), before + 1);
    let with_secret =
        answers.iter().filter(|answer| answer.status == 201 && answer.json().get("secret").is_some());
    assert_eq!(with_secret.count(), 1);
    for answer in &answers {
        match answer.status {
            201 => {}
            _ => answer.is_problem(409, "idempotency_key_in_use"),
        }
    }
    let after = app.post_once(&ada, "k", "/keys", &wish).await;
    assert_eq!((after.status, after.header("idempotency-replayed")), (201, "true".into()));
}

/// Whoever asks again is told so, and may look.
#[tokio::test]
async fn what_was_done_and_whose_answer_was_lost_is_not_done_again() {
    let app = App::start().await;
    let (org, ada) = (app.org("Acme", Some(ADA)), app.voice_of(ADA, ALL));
    let wish = json!({ "owner": org, "name": "ci" });
    app.post_once(&ada, "k", "/keys", &wish).await.is(201);
    let before = count(&app.db, "credentials");
    // As a server leaves it that dies between the commit and the answer.
    execute(&app.db, "UPDATE idempotency_keys SET status = NULL, etag = NULL, body = NULL")
        .expect("a change");
    let again = app.post_once(&ada, "k", "/keys", &wish).await;
    again.is_problem(409, "idempotency_key_in_use");
    app.post_once(&ada, "k", "/keys", &json!({ "owner": org, "name": "cd" }))
        .await
        .is_problem(422, "idempotency_key_reused");
    assert_eq!(count(&app.db, "credentials"), before);
}

/// What was refused changed nothing, so it may be mended and tried again.
#[tokio::test]
async fn a_refusal_is_not_kept() {
    let app = App::start().await;
    let (org, ada) = (app.org("Acme", Some(ADA)), app.voice_of(ADA, ALL));
    let wish = json!({ "owner": org, "name": "ci" });
    app.post_once(&ada, "k", "/keys", &json!({ "owner": org, "nam": "ci" })).await.is(400);
    app.post_once(&ada, "k", "/keys", &json!({ "owner": org, "name": "ci", "lifetime": "soon" }))
        .await
        .is(400);
    app.post_once(&ada, "k", "/orgs", &json!({ "name": "Mine" })).await.is_problem(403, "forbidden");
    assert_eq!(count(&app.db, "idempotency_keys"), 0);
    app.post_once(&ada, "k", "/keys", &wish).await.is(201);
    assert_eq!(count(&app.db, "idempotency_keys"), 1);
}

#[tokio::test]
async fn a_key_is_good_for_a_day_across_midnight() {
    let app = App::start().await;
    let (org, ada) = (app.org("Acme", Some(ADA)), app.voice_of(ADA, ALL));
    let wish = json!({ "owner": org, "name": "ci" });
    let first = app.post_once(&ada, "k", "/keys", &wish).await;
    app.advance(Duration::hours(23));
    let again = app.post_once(&ada, "k", "/keys", &wish).await;
    assert_eq!((again.text("id"), again.header("idempotency-replayed")), (first.text("id"), "true".into()));
    app.advance(Duration::hours(1));
    let anew = app.post_once(&ada, "k", "/keys", &wish).await;
    anew.is(201);
    assert_ne!(anew.text("id"), first.text("id"));
}

/// The document says where the header is heeded; and whatever sounds like a secret is marked as told once.
#[tokio::test]
async fn the_document_shows_the_header_on_posts() {
    let app = App::start().await;
    let document = Answer::to(app.http.get(format!("{}/openapi.json", app.address))).await.json();
    for endpoint in endpoints() {
        let method = endpoint.method.as_str().to_lowercase();
        let operation = &document["paths"][format!("/api/v1{}", endpoint.path)][&method];
        let parameters = operation["parameters"].as_array().expect("parameters");
        let header = parameters.iter().find(|one| one["name"] == "Idempotency-Key");
        let is_heeded = endpoint.method == Method::POST.as_str() && endpoint.path != "/leaks";
        assert_eq!(header.is_some(), is_heeded, "{method} {}", endpoint.path);
        assert_eq!(operation["responses"]["422"].is_object(), is_heeded, "{method} {}", endpoint.path);
        if let Answers::One(shape) | Answers::Many(shape) | Answers::Made(shape) = endpoint.answers {
            for member in shape.iter().filter(|member| member.name.ends_with("secret")) {
                assert!(member.is_told_once, "{} of {}", member.name, endpoint.path);
            }
        }
    }
}
