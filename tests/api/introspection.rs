//! Token introspection (RFC 7662).

use chrono::{Days, Duration};
use grantor::clients::registration::Registration;
use grantor::kernel::DatedTag;
use grantor::platform::entropy::Entropy;
use serde_json::{Value, json};

use crate::commands::Grantor;
use crate::support::{ADA, Answer, App, TestClient, eventually, web_registration};

/// What everybody is told of whatever is not good, or not theirs, whole.
#[track_caller]
fn tells_nothing(answer: &Answer, case: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"active":false}"#), "{case}");
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("content-length", "16"),
    ] {
        assert_eq!(answer.header(name), value, "{case}: {name}");
    }
}

async fn ask(app: &App, caller: &TestClient, token: &str) -> Answer {
    app.machine("/oauth/introspect", caller, &[("token", token)]).await
}

/// A resource server for these audiences.
fn server_for(app: &App, audiences: &[&str]) -> TestClient {
    app.register(&Registration {
        name: "An API".into(),
        grant_types: vec!["client_credentials".into()],
        introspection_audiences: audiences.iter().map(|audience| (*audience).into()).collect(),
        ..Registration::default()
    })
}

/// RFC 7662 §2.2: the whole answer, for a person's token; the machine's is in `client_credentials`.
#[tokio::test]
async fn a_good_token_of_a_person_is_told_whole_rfc7662_2_2() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read people:read").await;
    let answer = ask(&app, &server, &tokens.text("access_token")).await;
    answer.is_ok();
    for (name, value) in
        [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")]
    {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let mut told = answer.json();
    let id = told["jti"].take();
    assert!(uuid::Uuid::try_parse(id.as_str().expect("an id")).is_ok());
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "Bearer", "scope": "orders:read people:read",
            "client_id": client.id, "sub": ADA.id().to_string(),
            "aud": ["https://orders.test", "https://people.test"], "iss": "https://id.test",
            "iat": 1_795_262_400, "exp": 1_795_263_000, "jti": null,
        })
    );
}

/// RFC 7662 §2.1: the permission is the server's to give, and nothing that a person or a scope could.
#[tokio::test]
async fn a_caller_without_the_permission_may_not_ask_rfc7662_2_1() {
    let app = App::start().await;
    let (client, public) = (app.web_client(), app.public_client());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let access = tokens.text("access_token");
    assert!(app.is_active(&app.resource_server(), &access).await);
    for caller in [&client, &public] {
        for token in [access.as_str(), &tokens.text("refresh_token"), "x"] {
            let answer = ask(&app, caller, token).await;
            let words = "this client is not registered to introspect tokens";
            answer.is_refusal(403, "unauthorized_client", words);
        }
    }
}

/// I01: the caller is authenticated before the token is looked at; a token is no authentication.
#[tokio::test]
async fn a_stranger_is_refused_before_the_token_is_looked_at_rfc7662_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(app.is_active(&server, &token).await);
    for asked in [token.as_str(), "x", ""] {
        let stranger = app.post("/oauth/introspect", &[("token", asked)], None).await;
        stranger.is_refusal(401, "invalid_client", "client authentication is required");
        let bearer = app.request("POST", "/oauth/introspect").bearer_auth(&token).form(&[("token", asked)]);
        let bearer = Answer::to(bearer).await;
        bearer.is_refusal(401, "invalid_client", "client authentication failed");
    }
    let nothing = app.machine("/oauth/introspect", &server, &[]).await;
    let words = "the parameter token is required";
    nothing.is_refusal(400, "invalid_request", words);
}

/// I04
#[tokio::test]
async fn a_wrong_hint_hides_no_token_rfc7662_2_1() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    for hint in ["access_token", "refresh_token", "unheard_of", "", "<script>"] {
        let form = [("token", token.as_str()), ("token_type_hint", hint)];
        let answer = app.machine("/oauth/introspect", &server, &form).await;
        answer.is_ok();
        assert_eq!(answer.json()["active"], true, "{hint}");
    }
}

/// RFC 7662 §2.2: unknown, odd, ended and not this caller's look the same.
#[tokio::test]
async fn what_is_not_good_or_not_the_caller_s_business_looks_the_same_rfc7662_2_2() {
    let app = App::start().await;
    let (client, orders) = (app.web_client(), app.resource_server());
    let people = server_for(&app, &["https://people.test"]);
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.redeem(&app, &code).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let revoked = client.own_token(&app, "orders:read").await.text("access_token");
    for token in [&access, &revoked] {
        assert!(app.is_active(&orders, token).await);
        tells_nothing(&ask(&app, &people, token).await, "for another audience");
    }
    client.revoke(&app, &revoked).await.is_ok();
    let secret = orders.secret.clone().expect("a secret");
    let minted = |tag, days| {
        let day = app.clock.now().date_naive() + Days::new(days);
        Entropy.dated_bearer(tag, day).expose().to_owned()
    };
    let session = browser.cookies.values().next().expect("a session").clone();
    let odd = [
        ("revoked", revoked),
        ("a refresh token, to a resource server", refresh),
        ("a code", code),
        ("a client secret", secret),
        ("a session", session),
        ("a word", "x".into()),
        ("10 KB", "x".repeat(10_240)),
        ("emoji", "🦀".repeat(10)),
        ("accents where our separators are", format!("gat{}", "é".repeat(18))),
        ("in capitals", access.to_uppercase()),
        ("cut short", access[..39].into()),
        ("one too many", format!("{access}x")),
        ("with a space", format!("{access} ")),
        ("of nobody", minted(DatedTag::AccessToken, 0)),
        ("a refresh token of nobody", minted(DatedTag::RefreshToken, 30)),
        ("of a day that never comes", minted(DatedTag::AccessToken, 99_999)),
        ("with a wrong checksum", format!("{}000000", &access[..34])),
        ("an injection", "' OR '1'='1".into()),
        ("a JWT", "eyJhbGciOiJub25lIn0.e30.".into()),
    ];
    for (case, token) in &odd {
        tells_nothing(&ask(&app, &orders, token).await, case);
    }
    app.advance(Duration::seconds(599));
    assert!(app.is_active(&orders, &access).await);
    app.advance(Duration::seconds(1));
    tells_nothing(&ask(&app, &orders, &access).await, "expired");
    app.advance(Duration::days(800));
    tells_nothing(&ask(&app, &orders, &access).await, "expired for long");
}

/// I11: a refresh token is good to the client it belongs to, and to nobody else.
#[tokio::test]
async fn a_refresh_token_is_active_to_its_own_client_only() {
    let app = App::start().await;
    let owner = app.machine_client();
    let all = server_for(&app, &["*"]);
    let refresh = owner.tokens_of_ada(&app, "orders:read").await.text("refresh_token");
    let told = app.introspect(&owner, &refresh).await;
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "refresh_token", "scope": "orders:read",
            "client_id": owner.id, "sub": ADA.id().to_string(), "iss": "https://id.test",
            "iat": 1_795_262_400, "exp": 1_795_262_400 + 2_592_000,
        })
    );
    tells_nothing(&ask(&app, &all, &refresh).await, "another's refresh token");
    owner.refresh(&app, &refresh).await.is_ok();
    tells_nothing(&ask(&app, &owner, &refresh).await, "a consumed one");
}

/// A resource server learns of the audiences it was registered for; `*` is all of them.
#[tokio::test]
async fn a_resource_server_learns_of_its_audiences_and_of_its_own_tokens() {
    let app = App::start().await;
    let client = app.web_client();
    let orders = app.resource_server();
    let both = server_for(&app, &["https://orders.test", "https://people.test"]);
    let all = server_for(&app, &["*"]);
    let unheard = ["service", "add", "unheard", "--audience", "https://unheard.test"];
    Grantor::over(&app.settings.database.url).run(&unheard).is_done();
    let none = server_for(&app, &["https://unheard.test"]);
    let for_people = client.own_token(&app, "people:read").await.text("access_token");
    let for_orders = client.own_token(&app, "orders:write").await.text("access_token");
    let for_both = client.own_token(&app, "").await.text("access_token");
    let own = none.own_token(&app, "").await.text("access_token");
    for (caller, told) in [
        (&orders, [false, true, true, false]),
        (&both, [true, true, true, false]),
        (&none, [false, false, false, true]),
        (&all, [true, true, true, true]),
    ] {
        for (token, told) in [&for_people, &for_orders, &for_both, &own].into_iter().zip(told) {
            assert_eq!(app.is_active(caller, token).await, told);
        }
    }
}

/// I10: also, and soon, on a node that did not take the revocation.
#[tokio::test]
async fn a_revoked_token_is_inactive_on_every_node() {
    let app = App::start().await;
    let other = app.second_node().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(other.is_active(&server, &token).await);
    client.revoke(&app, &token).await.is_ok();
    tells_nothing(&ask(&app, &server, &token).await, "here");
    eventually("heard there", async || !other.is_active(&server, &token).await).await;
    tells_nothing(&ask(&other, &server, &token).await, "there");
    other.stop().await;
}

/// A client that was disabled, or has lost its secret, learns nothing more.
#[tokio::test]
async fn a_disabled_resource_server_is_told_nothing() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(app.is_active(&server, &token).await);
    app.disable(&server, true);
    let answer = ask(&app, &server, &token).await;
    answer.is_refusal(401, "invalid_client", "client authentication failed");
    assert!(app.is_active(&server_for(&app, &["*"]), &token).await);
}

/// Asking changes nothing: a plain introspection is no act.
#[tokio::test]
async fn asking_leaves_no_trace_and_gives_the_same_answer_again() {
    let app = App::start().await;
    let client = app.register(&Registration { access_token_lifetime: Some(120), ..web_registration() });
    let server = app.resource_server();
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    let before = app.events();
    let first: Value = app.introspect(&server, &token).await;
    app.advance(Duration::seconds(60));
    assert_eq!(app.introspect(&server, &token).await, first);
    assert_eq!(app.events(), before);
}
