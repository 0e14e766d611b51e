//! Refresh tokens (RFC 6749 §6): rotation, the grace for lost replies, reuse (RFC 9700 §4.14.2).

use chrono::Duration;
use diesel::connection::SimpleConnection as _;
use grantor::clients::registration::Registration;
use grantor::grants::refresh_tokens::ANSWER;
use grantor::kernel::{PlainSecret, Stale};
use grantor::platform::seal::Sealed;
use tokio::io::AsyncWriteExt as _;

use crate::support::{
    ADA, Answer, App, TestClient, count, dump, eventually, execute, hexadecimal, told, web_registration,
};

/// Refreshes, asking for a scope.
async fn refresh_for(app: &App, client: &TestClient, token: &str, scope: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    app.token(client, &form).await
}

/// A web app that may also ask about its own tokens.
fn inquisitive(app: &App) -> TestClient {
    app.register(&Registration {
        introspection_audiences: vec!["https://orders.test".into()],
        ..web_registration()
    })
}

fn kept_answers(app: &App) -> i64 {
    count(&app.db, "refresh_answers WHERE sealed IS NOT NULL")
}

/// F02
#[tokio::test]
async fn reuse_after_the_grace_kills_the_family_rfc9700_4_14_2() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let first = client.tokens_of_ada(&app, "orders:read").await;
    let other_device = client.tokens_of_ada(&app, "orders:read").await;
    let second = client.refresh(&app, &first.text("refresh_token")).await;
    second.is_ok();
    for tokens in [&first, &second] {
        assert!(app.is_active(&server, &tokens.text("access_token")).await);
    }

    app.advance(Duration::seconds(10));
    for _ in 0..3 {
        let reused = client.refresh(&app, &first.text("refresh_token")).await;
        reused.is_error(400, "invalid_grant");
    }
    for tokens in [&first, &second] {
        assert!(!app.is_active(&server, &tokens.text("access_token")).await);
    }
    let newest = client.refresh(&app, &second.text("refresh_token")).await;
    newest.is_error(400, "invalid_grant");

    assert!(app.is_active(&server, &other_device.text("access_token")).await);
    client.refresh(&app, &other_device.text("refresh_token")).await.is_ok();
    assert_eq!(told(&app.db, "refresh.reused").len(), 1, "a thief in a loop is told once");
}

/// F05, F06
#[tokio::test]
async fn within_the_grace_the_same_token_gets_the_same_answer_and_nothing_more_is_made() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let first = client.tokens_of_ada(&app, "orders:read").await;
    let second = client.refresh(&app, &first.text("refresh_token")).await;
    second.is_ok();
    assert_ne!(second.text("refresh_token"), first.text("refresh_token"));
    app.advance(Duration::milliseconds(9_999));
    for _ in 0..3 {
        let again = client.refresh(&app, &first.text("refresh_token")).await;
        assert_eq!((again.status, &again.body), (200, &second.body));
        assert_eq!(again.header("cache-control"), "no-store");
    }
    assert_eq!(count(&app.db, "refresh_tokens"), 2);
    assert_eq!(count(&app.db, "access_tokens"), 2);

    // Revoking any member, also a consumed one, kills them all.
    assert!(app.is_active(&server, &second.text("access_token")).await);
    client.revoke(&app, &first.text("refresh_token")).await.is_ok();
    assert!(!app.is_active(&server, &second.text("access_token")).await);
    let again = client.refresh(&app, &first.text("refresh_token")).await;
    again.is_error(400, "invalid_grant");
}

/// F06: the connection breaks before the answer; the app asks again and goes on.
#[tokio::test]
async fn a_lost_reply_logs_nobody_out() {
    let app = App::start().await;
    let (client, server) = (app.public_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let old = tokens.text("refresh_token");
    let body = format!("grant_type=refresh_token&refresh_token={old}&client_id={}", client.id);
    let at = app.address.trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(at).await.expect("a connection");
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: {at}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await.expect("a request");
    eventually("consumed", || async { count(&app.db, "refresh_tokens WHERE consumed_at IS NOT NULL") == 1 })
        .await;
    drop(socket);

    let again = client.refresh(&app, &old).await;
    again.is_ok();
    assert!(app.is_active(&server, &again.text("access_token")).await);
    client.refresh(&app, &again.text("refresh_token")).await.is_ok();
}

/// F05
#[tokio::test]
async fn other_parameters_within_the_grace_are_refused_and_nothing_is_killed() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let first = client.tokens_of_ada(&app, "orders:read orders:write").await;
    let old = first.text("refresh_token");
    let second = refresh_for(&app, &client, &old, "orders:read orders:write").await;
    second.is_ok();
    for other in ["", "orders:read"] {
        let answer = refresh_for(&app, &client, &old, other).await;
        answer.is_error(400, "invalid_grant");
    }
    // The same set of scopes is the same request (RFC 6749 §3.3: the order does not matter).
    let again = refresh_for(&app, &client, &old, "orders:write orders:read").await;
    assert_eq!(again.body, second.body);
    assert!(app.is_active(&server, &second.text("access_token")).await);
    client.refresh(&app, &second.text("refresh_token")).await.is_ok();
}

/// F05: whoever has used the new token has seen the answer, so the old one comes from somebody else.
#[tokio::test]
async fn once_the_successor_was_used_the_old_token_is_reuse_even_within_the_grace() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let first = client.tokens_of_ada(&app, "orders:read").await;
    let second = client.refresh(&app, &first.text("refresh_token")).await;
    let again = client.refresh(&app, &first.text("refresh_token")).await;
    assert_eq!(again.body, second.body);
    let third = client.refresh(&app, &second.text("refresh_token")).await;
    assert!(app.is_active(&server, &third.text("access_token")).await);

    let reused = client.refresh(&app, &first.text("refresh_token")).await;
    reused.is_error(400, "invalid_grant");
    assert!(!app.is_active(&server, &third.text("access_token")).await);
    let newest = client.refresh(&app, &third.text("refresh_token")).await;
    newest.is_error(400, "invalid_grant");
}

/// F05, g = 0
#[tokio::test]
async fn without_a_grace_the_second_use_is_reuse_and_no_answer_is_kept() {
    let app = App::with(|settings| settings.tokens.refresh_grace_s = 0).await;
    let (client, server) = (app.web_client(), app.resource_server());
    let first = client.tokens_of_ada(&app, "orders:read").await;
    let second = client.refresh(&app, &first.text("refresh_token")).await;
    assert!(app.is_active(&server, &second.text("access_token")).await);
    assert_eq!(count(&app.db, "refresh_answers"), 0);

    let reused = client.refresh(&app, &first.text("refresh_token")).await;
    reused.is_error(400, "invalid_grant");
    assert!(!app.is_active(&server, &second.text("access_token")).await);
}

/// B12, F05: the database alone does not give the answer away, and it is gone once it was received.
#[tokio::test]
async fn the_kept_answer_opens_to_the_old_tokens_holder_only_and_is_wiped_at_the_next_rotation() {
    let app = App::start().await;
    let client = app.web_client();
    let first = client.tokens_of_ada(&app, "orders:read").await;
    let second = client.refresh(&app, &first.text("refresh_token")).await;
    assert_eq!(kept_answers(&app), 1);

    let sealed = sealed_answer(&app);
    let holder = PlainSecret::new(first.text("refresh_token"));
    let opened = sealed.open(&holder, ANSWER).expect("the holder's answer");
    assert_eq!(opened.expose(), second.body);
    for stranger in [second.text("refresh_token"), second.text("access_token")] {
        assert!(sealed.open(&PlainSecret::new(stranger), ANSWER).is_none());
    }
    let everything = dump(&app.db);
    for secret in ["access_token", "refresh_token"].map(|name| second.text(name)) {
        assert!(!everything.contains(&secret));
        assert!(!everything.contains(&hexadecimal(&secret)), "also not in a binary column");
    }

    client.refresh(&app, &second.text("refresh_token")).await.is_ok();
    assert_eq!(kept_answers(&app), 1, "the first is wiped, the second is kept");
    assert!(sealed_answer(&app).open(&holder, ANSWER).is_none());
}

fn sealed_answer(app: &App) -> Sealed {
    use diesel::prelude::*;
    use grantor::schema::refresh_answers::dsl::{refresh_answers, sealed};
    let bytes: Option<Vec<u8>> = app
        .db
        .run_here(|connection| {
            Ok(refresh_answers.filter(sealed.is_not_null()).select(sealed).first(connection)?)
        })
        .expect("an answer");
    Sealed::from_bytes(bytes.expect("a seal"))
}

/// F10
#[tokio::test]
async fn only_a_refresh_token_refreshes_rfc6749_6() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let refresh = tokens.text("refresh_token");
    let (typo, access) = (format!("{refresh}x"), tokens.text("access_token"));
    let secret = client.secret.clone().expect("a secret");
    for other in [&access, &code, &secret, &typo, "grt_", "nothing of ours", "ü€\u{1f600}"] {
        let answer = client.refresh(&app, other).await;
        answer.is_error(400, "invalid_grant");
    }
    let none = app.token(&client, &[("grant_type", "refresh_token")]).await;
    none.is_error(400, "invalid_request");
    client.refresh(&app, &refresh).await.is_ok();
    client.redeem(&app, &code).await.is_ok();
}

/// F11
#[tokio::test]
async fn a_hundred_rotations_do_not_move_the_end_of_the_family_rfc9700_4_14_2() {
    let app = App::start().await;
    let client = inquisitive(&app);
    let mut tokens = client.tokens_of_ada(&app, "orders:read").await;
    let end = app.introspect(&client, &tokens.text("refresh_token")).await["exp"].clone();
    let started = app.clock.now().timestamp();
    assert_eq!(end, started + 30 * 86_400);
    for _ in 0..100 {
        app.advance(Duration::hours(7));
        tokens = client.refresh(&app, &tokens.text("refresh_token")).await;
        tokens.is_ok();
        let told = app.introspect(&client, &tokens.text("refresh_token")).await;
        assert_eq!(told["exp"], end);
    }
    // 700 of 720 hours are over. An access token does not outlive its family either.
    app.advance(Duration::hours(20) - Duration::seconds(5));
    let last = client.refresh(&app, &tokens.text("refresh_token")).await;
    assert_eq!(last.json()["expires_in"], 5);
    assert_eq!(app.introspect(&client, &last.text("access_token")).await["exp"], end);
    app.advance(Duration::seconds(5));
    let over = client.refresh(&app, &last.text("refresh_token")).await;
    over.is_error(400, "invalid_grant");
    assert!(!app.is_active(&client, &last.text("refresh_token")).await);
    assert!(!app.is_active(&client, &last.text("access_token")).await);
}

/// F13
#[tokio::test]
async fn a_scope_that_the_client_lost_is_gone_at_the_next_refresh() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read orders:write").await;
    let before = client.refresh(&app, &tokens.text("refresh_token")).await;
    assert_eq!(before.text("scope"), "orders:read orders:write");

    let taken = format!("UPDATE clients SET scopes = '{{orders:read}}' WHERE client_id = '{}'", client.id);
    app.operator(|work| {
        work.batch_execute(&taken)?;
        work.stale(Stale::Client(client.principal));
        Ok(Ok(()))
    });
    let told = app.introspect(&server, &before.text("access_token")).await;
    assert_eq!(told["scope"], "orders:read");
    let refresh = before.text("refresh_token");
    let asked = refresh_for(&app, &client, &refresh, "orders:read orders:write").await;
    asked.is_error(400, "invalid_scope");
    let after = client.refresh(&app, &refresh).await;
    assert_eq!(after.text("scope"), "orders:read");
}

/// "The requested scope MUST NOT include any scope not originally granted", and the refresh token keeps its own.
#[tokio::test]
async fn a_refresh_may_ask_for_less_and_never_for_more_rfc6749_6() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read orders:write").await;
    let refresh = tokens.text("refresh_token");
    for more in ["orders:read people:read", "people:read", "unknown", "orders:read \"", "Orders:Read"] {
        let answer = refresh_for(&app, &client, &refresh, more).await;
        answer.is_error(400, "invalid_scope");
    }
    let less = refresh_for(&app, &client, &refresh, "orders:read").await;
    assert_eq!(less.text("scope"), "orders:read");
    let told = app.introspect(&server, &less.text("access_token")).await;
    assert_eq!(told["scope"], "orders:read");

    let whole = client.refresh(&app, &less.text("refresh_token")).await;
    assert_eq!(whole.text("scope"), "orders:read orders:write");
    let told = app.introspect(&server, &whole.text("access_token")).await;
    assert_eq!(told["scope"], "orders:read orders:write");
}

/// RFC 6749 §6: "ensure that the refresh token was issued to the authenticated client".
#[tokio::test]
async fn a_refresh_token_is_its_own_clients_and_a_stranger_does_no_harm_rfc6749_6() {
    let app = App::start().await;
    let (confidential, public) = (app.web_client(), app.public_client());
    let (stranger, public_stranger) = (app.web_client(), app.public_client());
    for owner in [&confidential, &public] {
        let tokens = owner.tokens_of_ada(&app, "orders:read").await;
        let refresh = tokens.text("refresh_token");
        for other in [&stranger, &public_stranger] {
            let answer = other.refresh(&app, &refresh).await;
            answer.is_error(400, "invalid_grant");
        }
        let next = owner.refresh(&app, &refresh).await;
        next.is_ok();
        // Not even within the grace, and it is no reuse.
        for other in [&stranger, &public_stranger] {
            let answer = other.refresh(&app, &refresh).await;
            answer.is_error(400, "invalid_grant");
        }
        owner.refresh(&app, &next.text("refresh_token")).await.is_ok();
    }
    assert!(told(&app.db, "refresh.reused").is_empty());
}

/// RFC 6749 §3.2.1: a public client says who it is.
#[tokio::test]
async fn a_public_client_names_itself_to_refresh_rfc6749_3_2_1() {
    let app = App::start().await;
    let client = app.public_client();
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let refresh = tokens.text("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let nobody = app.post("/oauth/token", &form, None).await;
    nobody.is_error(401, "invalid_client");
    let with_secret = [&form[..], &[("client_id", &client.id), ("client_secret", "made up")]].concat();
    let pretender = app.post("/oauth/token", &with_secret, None).await;
    pretender.is_error(401, "invalid_client");
    client.refresh(&app, &refresh).await.is_ok();
}

/// RFC 6749 §5.1: a left-out `scope` would mean "as before", so a token of which nothing is left is none.
#[tokio::test]
async fn a_token_of_which_nothing_is_left_is_no_token() {
    let app = App::start().await;
    let client = app.web_client();
    let server = app.resource_server();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "people:read").await;
    client.redeem(&app, &code).await.is_ok();
    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.redeem(&app, &code).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert!(app.is_active(&server, &access).await);

    let page = browser.get("/account/apps").await;
    let forms = page.forms();
    let remove = forms.iter().find(|form| form.field("scope") == Some("orders:read")).expect("a button");
    browser.submit(remove, &[]).await;
    assert!(!app.is_active(&server, &access).await);
    client.refresh(&app, &refresh).await.is_error(400, "invalid_grant");
}

/// What another node ended a moment ago may not be heard here yet: the database decides, and the answer is no.
#[tokio::test]
async fn who_was_disabled_elsewhere_a_moment_ago_is_refused_and_not_told_to_ask_again() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let access = tokens.text("access_token");
    // As if nothing could be heard for a moment: this is not told to any node.
    eventually("remembered", || async {
        execute(&app.db, "UPDATE principals SET disabled_at = NULL WHERE kind = 'user'").expect("a database");
        app.ledger.invalidation().apply(&[Stale::Everything]);
        assert!(app.is_active(&server, &access).await);
        execute(&app.db, "UPDATE principals SET disabled_at = now() WHERE kind = 'user'")
            .expect("a database");
        app.is_active(&server, &access).await
    })
    .await;
    let refused = client.refresh(&app, &tokens.text("refresh_token")).await;
    refused.is_error(400, "invalid_grant");
    assert_eq!(count(&app.db, "refresh_tokens WHERE consumed_at IS NOT NULL"), 0);
}
