//! What a person sees and ends of their own by the management API: connected apps, and browsers.

use reqwest::Method;
use serde_json::json;

use crate::management::Voice;
use crate::support::{ADA, App, BOB, TestClient, dump, hash_of, told};

/// Who looks only.
const LOOKING: &str = "orders:read";
/// Who may end something.
const ENDING: &str = "users:write";

async fn withdraw(app: &App, voice: &Voice, client: &TestClient) -> crate::support::Answer {
    app.api(voice, Method::DELETE, &format!("/me/grants/{}", client.id), None).await
}

#[tokio::test]
async fn a_person_sees_their_connected_apps_and_disconnects_one() {
    let app = App::start().await;
    let (shop, phone, server) = (app.web_client(), app.public_client(), app.resource_server());
    let tokens = shop.tokens_of_ada(&app, "orders:read").await;
    phone.tokens_of_ada(&app, "orders:read people:read").await;
    let (ada, bob) = (app.voice_of(ADA, ENDING), app.voice_of(BOB, ENDING));
    let seen = app.get_api(&app.voice_of(ADA, LOOKING), "/me/grants").await;
    seen.is(200);
    let rows = seen.json()["data"].as_array().cloned().expect("rows");
    let row = rows.iter().find(|row| row["client_id"] == json!(shop.id)).expect("the shop");
    assert_eq!((&row["client_name"], &row["scope"]), (&json!("Shop"), &json!("orders:read")));
    assert_eq!((&row["in_use"], &row["verified"]), (&json!(true), &json!(false)));
    assert_eq!(rows.len(), 2);
    assert!(app.get_api(&bob, "/me/grants").await.members("client_id").is_empty());

    // Another person's is none of theirs.
    withdraw(&app, &bob, &shop).await.is_problem(404, "not_found");
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
    withdraw(&app, &ada, &shop).await.is(204);
    assert!(!app.is_active(&server, &tokens.text("access_token")).await);
    shop.refresh(&app, &tokens.text("refresh_token")).await.is_error(400, "invalid_grant");
    assert_eq!(app.get_api(&ada, "/me/grants").await.members("client_id"), [phone.id.as_str()]);
    withdraw(&app, &ada, &shop).await.is_problem(404, "not_found");
    let events = told(&app.db, "grant.withdrawn");
    assert_eq!((events.len(), events[0].actor_id), (1, Some(ADA.id().uuid())));
    assert_eq!(events[0].client_id, Some(shop.principal.uuid()));
}

#[tokio::test]
async fn a_person_sees_where_they_are_signed_in_and_signs_out_there() {
    let app = App::start().await;
    let (ada, bob) = (app.voice_of(ADA, ENDING), app.voice_of(BOB, ENDING));
    let (mut here, mut there) = (app.browser(), app.browser());
    here.sign_in(ADA).await;
    there.sign_in(ADA).await;
    let seen = app.get_api(&app.voice_of(ADA, LOOKING), "/me/sessions").await;
    let ids = seen.members("id");
    assert_eq!((ids.len(), seen.members("ip")), (2, vec!["198.51.100.7".to_owned(); 2]));
    for browser in [&here, &there] {
        for cookie in browser.cookies.values() {
            assert!(!seen.body.contains(cookie) && !seen.body.contains(&hash_of(cookie)), "{}", seen.body);
            assert!(!dump(&app.db).contains(cookie));
        }
    }
    assert!(app.get_api(&bob, "/me/sessions").await.members("id").is_empty());

    let path = format!("/me/sessions/{}", ids[0]);
    app.api(&bob, Method::DELETE, &path, None).await.is_problem(404, "not_found");
    app.api(&ada, Method::DELETE, &path, None).await.is(204);
    assert_eq!(app.get_api(&ada, "/me/sessions").await.members("id"), [ids[1].clone()]);
    let mut out = 0;
    for browser in [&mut here, &mut there] {
        out += usize::from(browser.get("/account/apps").await.is_login());
    }
    assert_eq!(out, 1);
    let events = told(&app.db, "user.session_ended");
    assert_eq!((events.len(), events[0].target_id.as_ref()), (1, Some(&ids[0])));
    // It may have ended.
    app.api(&ada, Method::DELETE, &path, None).await.is(204);
    assert_eq!(told(&app.db, "user.session_ended").len(), 1);
    for nothing in ["words", "0190163d-8694-739b-aea5-966c26f8ad91"] {
        let path = format!("/me/sessions/{nothing}");
        app.api(&ada, Method::DELETE, &path, None).await.is_problem(404, "not_found");
    }
}

/// Whoever got hold of some token of a person's does not sign them out with it.
#[tokio::test]
async fn what_is_a_persons_own_is_ended_with_a_scope_that_an_operator_gave() {
    let app = App::start().await;
    let client = app.web_client();
    client.tokens_of_ada(&app, "orders:read").await;
    let looking = app.voice_of(ADA, LOOKING);
    let session = app.get_api(&looking, "/me/sessions").await.members("id")[0].clone();
    for path in [format!("/me/grants/{}", client.id), format!("/me/sessions/{session}")] {
        let refused = app.api(&looking, Method::DELETE, &path, None).await;
        refused.is_problem(403, "insufficient_scope");
        assert_eq!(refused.text("scope"), ENDING);
        app.api(&app.voice_of(ADA, ENDING), Method::DELETE, &path, None).await.is(204);
    }
}

/// An organization is nobody's browser, and an app that acts for a person is not that person.
#[tokio::test]
async fn whoever_is_no_person_has_nothing_of_a_persons_own() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(ADA));
    let client = app.web_client();
    client.tokens_of_ada(&app, "orders:read").await;
    let key = app.key_of(acme, ENDING);
    for path in ["/me/grants", "/me/sessions"] {
        app.get_api(&key, path).await.is_problem(403, "forbidden");
        app.get_api(&app.voice_of(ADA, LOOKING), path).await.is(200);
    }
    withdraw(&app, &key, &client).await.is_problem(403, "forbidden");
    let session = app.get_api(&app.voice_of(ADA, LOOKING), "/me/sessions").await.members("id")[0].clone();
    let path = format!("/me/sessions/{session}");
    app.api(&key, Method::DELETE, &path, None).await.is_problem(403, "forbidden");
}
