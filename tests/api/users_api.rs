//! People by the management API: for those who administer the server.

use grantor::accounts::store::set_administrator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, BOB, dump, statuses, told};

const USERS: &str = "users:*";

impl App {
    async fn disable_user(&self, voice: &Voice, id: impl ToString, disabled: bool) -> Answer {
        let path = format!("/users/{}", id.to_string());
        self.api(voice, Method::PATCH, &path, Some(json!({ "disabled": disabled }))).await
    }

    fn promote_bob(&self) {
        assert!(self.operator(|work| Ok(Ok(set_administrator(work, BOB.id(), true)?))));
    }
}

#[tokio::test]
async fn a_person_is_made_can_sign_in_and_is_shown_without_their_password() {
    let app = App::start().await;
    let ada = app.administrator(USERS);
    let wish = json!({ "identifier": "eva", "name": "Eva", "email": "Eva@example.com",
        "password": "a long enough password" });
    let made = app.post_api(&ada, "/users", wish.clone()).await;
    made.is(201);
    let shown = made.json();
    assert_eq!((&shown["identifier"], &shown["email"]), (&json!("eva"), &json!("Eva@example.com")));
    assert_eq!((&shown["administrator_since"], &shown["disabled_at"]), (&Value::Null, &Value::Null));
    let path = format!("/users/{}", made.text("id"));
    assert_eq!(app.get_api(&ada, &path).await.json(), shown);
    assert_eq!(app.get_api(&ada, "/users").await.members("identifier"), ["ada", "bob", "eva"]);
    assert!(!made.body.contains("argon2") && !dump(&app.db).contains("a long enough password"));

    let mut browser = app.browser();
    let form = browser.get("/login").await.form("/login");
    let page = browser.submit(&form, &[("identifier", "eva"), ("password", "a long enough password")]).await;
    assert_eq!(page.path, "/account/apps");
    let events = told(&app.db, "user.created");
    assert_eq!((events.len(), events[0].actor_id), (1, Some(ADA.id().uuid())));
    app.post_api(&ada, "/users", wish).await.is_problem(409, "conflict");
    let same =
        json!({ "identifier": "other", "email": "eva@EXAMPLE.com", "password": "a long enough password" });
    app.post_api(&ada, "/users", same).await.is_problem(409, "conflict");
}

#[tokio::test]
async fn what_cannot_be_a_person_is_refused_by_name() {
    let app = App::start().await;
    let ada = app.administrator(USERS);
    for (body, words) in [
        (json!({ "identifier": "eva" }), "the member password is required"),
        (json!({ "identifier": "eva", "password": "short" }), "password must have at least"),
        (json!({ "identifier": "e v a", "password": "long enough a password" }), "a user name is"),
        (json!({ "identifier": "eva", "password": "long enough a password", "name": " " }), "name: "),
        (json!({ "identifier": "eva", "password": "long enough a password", "email": "x" }), "email: "),
        (
            json!({ "identifier": "eva", "password": "long enough a password", "admin": true }),
            "unknown member",
        ),
    ] {
        let answer = app.post_api(&ada, "/users", body.clone()).await;
        answer.is_problem(400, "invalid_request");
        assert!(answer.text("detail").contains(words), "{body}: {}", answer.body);
    }
    assert_eq!(app.get_api(&ada, "/users").await.members("identifier"), ["ada", "bob"]);
    for nobody in ["words", "0190163d-8694-739b-aea5-966c26f8ad91"] {
        app.get_api(&ada, &format!("/users/{nobody}")).await.is_problem(404, "not_found");
        app.disable_user(&ada, nobody, true).await.is_problem(404, "not_found");
    }
    let org = app.org("Acme", None);
    app.disable_user(&ada, org, true).await.is_problem(404, "not_found");
}

/// S01
#[tokio::test]
async fn s01_whoever_is_no_administrator_learns_of_nobody_and_disables_nobody() {
    let app = App::start().await;
    let acme = app.org("Acme", Some(BOB));
    for voice in [app.voice_of(BOB, USERS), app.key_of(acme, USERS)] {
        app.get_api(&voice, "/users").await.is_problem(403, "forbidden");
        for id in [ADA.id(), BOB.id()] {
            app.get_api(&voice, &format!("/users/{id}")).await.is_problem(403, "forbidden");
            app.disable_user(&voice, id, true).await.is_problem(403, "forbidden");
        }
        let wish = json!({ "identifier": "eva", "password": "a long enough password" });
        app.post_api(&voice, "/users", wish).await.is_problem(403, "forbidden");
    }
    let ada = app.administrator(USERS);
    assert_eq!(app.get_api(&ada, "/users").await.members("identifier"), ["ada", "bob"]);
}

#[tokio::test]
async fn b04_a_person_who_is_disabled_is_signed_out_and_their_apps_and_bearers_are_dead() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let ada = app.administrator(USERS);
    let bob = app.voice_of(BOB, "pats:read");
    let mut browser = app.browser();
    browser.sign_in(BOB).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.redeem(&app, &code).await;
    let access = tokens.text("access_token");
    assert!(app.is_active(&server, &access).await);
    let disabled = app.disable_user(&ada, BOB.id(), true).await;
    disabled.is(200);
    assert!(disabled.json()["disabled_at"].is_string());
    assert!(!app.is_active(&server, &access).await);
    client.refresh(&app, &tokens.text("refresh_token")).await.is_error(400, "invalid_grant");
    app.get_api(&bob, "/me").await.is_problem(401, "invalid_token");
    assert!(browser.get("/account/apps").await.is_login());
    let event = &told(&app.db, "user.disabled")[0];
    assert_eq!((event.actor_id, &event.data["sessions"]), (Some(ADA.id().uuid()), &json!(1)));
    app.disable_user(&ada, BOB.id(), true).await.is(200);

    let enabled = app.disable_user(&ada, BOB.id(), false).await;
    assert_eq!(enabled.json()["disabled_at"], Value::Null);
    app.get_api(&bob, "/me").await.is(200);
    // What ended has ended.
    assert!(!app.is_active(&server, &access).await && browser.get("/account/apps").await.is_login());
    assert_eq!((told(&app.db, "user.disabled").len(), told(&app.db, "user.enabled").len()), (1, 1));
}

/// S08
#[tokio::test]
async fn s08_the_last_administrator_cannot_be_disabled() {
    let app = App::start().await;
    let ada = app.administrator(USERS);
    app.disable_user(&ada, ADA.id(), true).await.is_problem(409, "conflict");
    app.promote_bob();
    app.disable_user(&ada, BOB.id(), true).await.is(200);
    // Who is disabled administers nothing.
    app.disable_user(&ada, ADA.id(), true).await.is_problem(409, "conflict");
    app.disable_user(&ada, BOB.id(), false).await.is(200);
    app.disable_user(&ada, ADA.id(), true).await.is(200);
    app.get_api(&ada, "/me").await.is_problem(401, "invalid_token");
    app.disable_user(&app.voice_of(BOB, USERS), ADA.id(), false).await.is(200);
    app.get_api(&ada, "/me").await.is(200);
}

/// S08, at once: of two who disable each other one stays.
#[tokio::test]
async fn s08_of_two_administrators_who_disable_each_other_one_stays() {
    let app = App::start().await;
    app.promote_bob();
    let (ada, bob) = (app.administrator(USERS), app.voice_of(BOB, USERS));
    for _ in 0..4 {
        let (one, other) =
            tokio::join!(app.disable_user(&ada, BOB.id(), true), app.disable_user(&bob, ADA.id(), true));
        let statuses = statuses(&[one, other]);
        assert_eq!(statuses.get(&200), Some(&1), "{statuses:?}");
        for person in [ADA, BOB] {
            app.operator(|work| Ok(Ok(grantor::accounts::store::set_disabled(work, person.id(), false)?)));
        }
    }
}

/// S05
#[tokio::test]
async fn s05_pages_of_people_are_whole() {
    let app = App::start().await;
    let ada = app.administrator(USERS);
    let first = app.get_api(&ada, "/users?limit=1").await;
    assert_eq!(first.members("identifier"), ["ada"]);
    let cursor = first.text("next_cursor");
    let second = app.get_api(&ada, &format!("/users?limit=1&cursor={cursor}")).await;
    assert_eq!(
        (second.members("identifier"), &second.json()["next_cursor"]),
        (vec!["bob".into()], &Value::Null)
    );
}
