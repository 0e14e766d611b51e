//! Token revocation (RFC 7009).

use grantor::kernel::DatedTag;
use grantor::platform::entropy::Entropy;

use crate::support::{ADA, Answer, App, BOB, TestClient};

/// 200 with nothing in it, the same whether there was something to revoke (§2.2).
#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    for (name, value) in
        [("cache-control", "no-store"), ("pragma", "no-cache"), ("vary", "Origin"), ("content-length", "0")]
    {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

/// Access and refresh token of Ada's, by a sign-in of their own: a family.
async fn family(app: &App, client: &TestClient) -> (String, String) {
    let tokens = client.tokens_of_ada(app, "orders:read").await;
    (tokens.text("access_token"), tokens.text("refresh_token"))
}

/// V06: the access token alone; the app may fetch itself another.
#[tokio::test]
async fn a_revoked_access_token_dies_alone_rfc7009_2_1() {
    let app = App::start().await;
    for client in [app.web_client(), app.public_client()] {
        let server = app.resource_server();
        let (access, refresh) = family(&app, &client).await;
        assert!(app.is_active(&server, &access).await);
        is_done(&client.revoke(&app, &access).await);
        assert!(!app.is_active(&server, &access).await);
        let next = client.refresh(&app, &refresh).await;
        next.is_ok();
        assert!(app.is_active(&server, &next.text("access_token")).await);
    }
}

/// V05: everything that descends from the same authorization dies, consumed or not, and nothing else does.
#[tokio::test]
async fn a_revoked_refresh_token_takes_its_family_rfc7009_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let (first, refresh) = family(&app, &client).await;
    let next = client.refresh(&app, &refresh).await;
    let (second, newest) = (next.text("access_token"), next.text("refresh_token"));
    let (other_device, other_refresh) = family(&app, &client).await;
    let of_bob = {
        let mut browser = app.browser();
        let page = browser.get("/login").await;
        browser.log_in_on(&page, BOB).await;
        let code = client.code_from(&mut browser, "orders:read").await;
        client.redeem(&app, &code).await.text("access_token")
    };
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    for token in [&first, &second, &other_device, &of_bob, &own] {
        assert!(app.is_active(&server, token).await);
    }
    // The old one, which was used: whoever logs out may hold no other.
    is_done(&client.revoke(&app, &refresh).await);
    for token in [&first, &second] {
        assert!(!app.is_active(&server, token).await);
    }
    let dead = client.refresh(&app, &newest).await;
    dead.is_error(400, "invalid_grant");
    for token in [&other_device, &of_bob, &own] {
        assert!(app.is_active(&server, token).await);
    }
    client.refresh(&app, &other_refresh).await.is_ok();
    let killed = app.events().iter().filter(|kind| kind.contains("revoked")).count();
    assert_eq!(killed, 1, "{:?}", app.events());
}

/// V03: the answer tells nothing, and the token lives on.
#[tokio::test]
async fn nobody_revokes_another_client_s_token_rfc7009_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let (access, refresh) = family(&app, &client).await;
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    for thief in [app.web_client(), app.public_client(), server.clone()] {
        for token in [&access, &refresh, &own] {
            is_done(&thief.revoke(&app, token).await);
        }
    }
    assert!(app.is_active(&server, &access).await && app.is_active(&server, &own).await);
    client.refresh(&app, &refresh).await.is_ok();
    for token in [&access, &own] {
        is_done(&client.revoke(&app, token).await);
        assert!(!app.is_active(&server, token).await);
    }
}

/// V04: a confidential client proves itself; a public one is bound by its id.
#[tokio::test]
async fn a_confidential_client_authenticates_to_revoke_rfc7009_2_1() {
    let app = App::start().await;
    let (client, public) = (app.web_client(), app.public_client());
    let server = app.resource_server();
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    let form = [("token", token.as_str()), ("client_id", client.id.as_str())];
    for (form, words) in
        [(&form[..1], "client authentication is required"), (&form[..], "client authentication failed")]
    {
        let answer = app.post("/oauth/revoke", form, None).await;
        answer.is_refusal(401, "invalid_client", words);
    }
    assert!(app.is_active(&server, &token).await);
    is_done(&client.revoke(&app, &token).await);
    assert!(!app.is_active(&server, &token).await);

    let (access, _) = family(&app, &public).await;
    let form = [("token", access.as_str()), ("client_id", public.id.as_str())];
    is_done(&app.post("/oauth/revoke", &form, None).await);
    assert!(!app.is_active(&server, &access).await);
}

/// V07
#[tokio::test]
async fn a_wrong_hint_saves_no_token_rfc7009_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    for hint in ["access_token", "refresh_token", "unheard_of", ""] {
        let (access, refresh) = family(&app, &client).await;
        for token in [&access, &refresh] {
            let form = [("token", token.as_str()), ("token_type_hint", hint)];
            is_done(&app.machine("/oauth/revoke", &client, &form).await);
        }
        assert!(!app.is_active(&server, &access).await);
        client.refresh(&app, &refresh).await.is_error(400, "invalid_grant");
    }
}

/// V12, C09: what is unknown, odd or revoked already is revoked (§2.2), and that is no event.
#[tokio::test]
async fn revoking_what_is_not_there_succeeds_rfc7009_2_2() {
    let app = App::start().await;
    let client = app.web_client();
    let (access, refresh) = family(&app, &client).await;
    for _ in 0..2 {
        is_done(&client.revoke(&app, &access).await);
        is_done(&client.revoke(&app, &refresh).await);
    }
    let ended = app.events().iter().filter(|kind| kind.contains("revoked")).count();
    assert_eq!(ended, 2, "{:?}", app.events());
    let today = app.clock.now().date_naive();
    let of_nobody = Entropy.dated_bearer(DatedTag::AccessToken, today);
    let of_no_day = Entropy.dated_bearer(DatedTag::RefreshToken, today + chrono::Days::new(99_999));
    for odd in [
        "x",
        &"x".repeat(10_240),
        "🦀",
        "' OR '1'='1",
        &access.to_uppercase(),
        &access[..39],
        of_nobody.expose(),
        of_no_day.expose(),
        "gak_000AAAAAAAAAAAAAAAAAAAAAAAAAAA000000",
    ] {
        is_done(&client.revoke(&app, odd).await);
    }
}

/// V10: what was revoked is revoked for whoever comes later, too.
#[tokio::test]
async fn a_revocation_outlives_the_node_that_took_it() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let (alone, _) = family(&app, &client).await;
    let (access, refresh) = family(&app, &client).await;
    let (living, _) = family(&app, &client).await;
    for token in [&alone, &refresh] {
        is_done(&client.revoke(&app, token).await);
    }
    let later = app.second_node().await;
    for (token, active) in [(&living, true), (&alone, false), (&access, false)] {
        assert_eq!(later.is_active(&server, token).await, active);
    }
    client.refresh(&later, &refresh).await.is_error(400, "invalid_grant");
    later.stop().await;
}

/// V08: what has a way of ending of its own is not ended here.
#[tokio::test]
async fn a_bearer_of_another_kind_is_an_unsupported_token_type_rfc7009_2_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let session = browser.cookies.values().next().expect("a session").clone();
    let secret = client.secret.clone().expect("a secret");
    for other in [&code, &session, &secret] {
        let answer = client.revoke(&app, other).await;
        let words = "this kind of token cannot be revoked here";
        answer.is_refusal(400, "unsupported_token_type", words);
    }
    let tokens = client.redeem(&app, &code).await;
    tokens.is_ok();
    assert!(app.is_active(&server, &tokens.text("access_token")).await);
    assert_eq!(browser.get("/account/apps").await.path, "/account/apps");
}
