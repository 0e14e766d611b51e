//! The answer to introspection as a JWT (RFC 9701).

use grantor::app::settings::Settings;
use grantor::audit::Actor;
use grantor::services::access::let_call;
use serde_json::{Value, json};

use crate::support::{
    ADA, Answer, App, BOB, ISSUER, TestClient, claims_of, count, header_of, signing, verifies,
};

const PATH: &str = "/oauth/introspect";
const JWT: &str = "application/token-introspection+jwt";
const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// Asks with these lines of `Accept`.
async fn ask(app: &App, caller: &TestClient, form: &[(&str, &str)], accept: &[&str]) -> Answer {
    let request = app.http.post(format!("{}{PATH}", app.address)).form(form);
    let request = request.basic_auth(&caller.id, caller.secret.as_deref());
    Answer::to(accept.iter().fold(request, |request, line| request.header("accept", *line))).await
}

/// The JWT of an answer, and that it came as one.
#[track_caller]
fn jwt(answer: &Answer) -> String {
    answer.is_ok();
    for (name, value) in [
        ("content-type", JWT),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    answer.body.clone()
}

async fn stage(algorithm: &str) -> App {
    App::with(|settings| signing(settings, algorithm)).await
}

fn signs(settings: &mut Settings) {
    settings.limits.store = "memory".into();
    signing(settings, "ES256");
}

/// I08: the whole of it, by each algorithm: for the asking client, about the token, signed by a key that is published.
#[tokio::test]
async fn a_good_token_is_told_in_a_jwt_for_the_caller_rfc9701_5() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let app = stage(algorithm).await;
        let (client, reader) = (app.web_client(), app.resource_server());
        let token = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
        let plain = app.introspect(&reader, &token).await;
        assert_eq!((&plain["active"], &plain["sub"]), (&json!(true), &json!(ADA.id().to_string())));
        let jwt = jwt(&ask(&app, &reader, &[("token", &token)], &[JWT]).await);
        let key = app.jwks().await.remove(0);
        assert!(verifies(&key, &jwt), "{jwt}");
        assert_eq!(
            header_of(&jwt),
            json!({ "typ": "token-introspection+jwt", "alg": algorithm, "kid": key["kid"] })
        );
        let now = app.clock.now().timestamp();
        let claims = json!({ "iss": ISSUER, "aud": reader.id, "iat": now, "token_introspection": plain });
        assert_eq!(claims_of(&jwt), claims);
    }
}

/// RFC 9701 §5: of what is not good, or not the caller's business, nothing is told here either.
#[tokio::test]
async fn what_is_not_good_is_inactive_and_nothing_else_rfc9701_5() {
    let app = stage("ES256").await;
    let (client, reader) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read people:read").await;
    let refresh = tokens.text("refresh_token");
    for token in ["x", &refresh, "gat_nobody", "a.b.c"] {
        let jwt = jwt(&ask(&app, &reader, &[("token", token)], &[JWT]).await);
        let now = app.clock.now().timestamp();
        let inactive = json!({ "active": false });
        let claims = json!({ "iss": ISSUER, "aud": reader.id, "iat": now, "token_introspection": inactive });
        assert_eq!(claims_of(&jwt), claims, "{token}");
    }
}

/// The whole question in one call is answered so too, and an API key as a token is.
#[tokio::test]
async fn a_decided_call_is_told_in_a_jwt_and_counts_once() {
    let app = App::with(signs).await;
    let reader = app.resource_server();
    let key = app.reading_key();
    let form = [
        ("token", key.as_str()),
        ("service", "orders"),
        ("method", "GET"),
        ("path", "/orders"),
        ("consume", "1"),
    ];
    let told = |answer: &Answer| claims_of(&jwt(answer))["token_introspection"].clone();
    let first = told(&ask(&app, &reader, &form, &[JWT]).await);
    assert_eq!((&first["authorized"], &first["token_type"]), (&json!(true), &json!("api_key")), "{first}");
    let left = |told: &Value| told["rate_limit"]["remaining"].as_u64().expect("a number");
    let second = ask(&app, &reader, &form, &[]).await.json();
    assert_eq!(left(&first), left(&second) + 1);
}

/// RFC 9110 §12.5.1: who does not name it gets JSON, as ever.
#[tokio::test]
async fn whoever_does_not_ask_for_a_jwt_gets_json_rfc9110_12_5_1() {
    let app = stage("ES256").await;
    let reader = app.resource_server();
    let token = app.web_client().tokens_of_ada(&app, "orders:read").await.text("access_token");
    let form = [("token", token.as_str())];
    let plain = app.introspect(&reader, &token).await;
    for accept in [
        &[][..],
        &["*/*"],
        &["application/json"],
        &["application/jwt"],
        &["text/html"],
        &["application/*"],
        &["application/token-introspection+jwt;q=0, */*"],
        &["application/token-introspection+jwt;q=0.4, application/json;q=0.5"],
        &["not a media type"],
    ] {
        let answer = ask(&app, &reader, &form, accept).await;
        answer.is_ok();
        assert_eq!(answer.header("content-type"), "application/json", "{accept:?}");
        assert_eq!(answer.json(), plain, "{accept:?}");
    }
    for accept in [
        &["application/json, Application/Token-Introspection+JWT"][..],
        &["application/json;q=0.5", "application/token-introspection+jwt"],
        &["application/token-introspection+jwt;q=0.1"],
    ] {
        assert_eq!(claims_of(&jwt(&ask(&app, &reader, &form, accept).await))["token_introspection"], plain);
    }
}

/// A refusal is JSON, whatever is accepted: RFC 9701 has no other.
#[tokio::test]
async fn refusals_stay_json_rfc6749_5_2() {
    let app = stage("ES256").await;
    let reader = app.resource_server();
    jwt(&ask(&app, &reader, &[("token", "x")], &[JWT]).await);
    let wrong = TestClient { secret: Some("wrong".into()), ..app.resource_server() };
    for (caller, form, status, error) in [
        (&wrong, &[("token", "x")][..], 401, "invalid_client"),
        (&reader, &[], 400, "invalid_request"),
        (&reader, &[("token", "x"), ("consume", "2")], 400, "invalid_request"),
        (&app.web_client(), &[("token", "x")], 403, "unauthorized_client"),
    ] {
        let answer = ask(&app, caller, form, &[JWT]).await;
        answer.is_error(status, error);
        assert_eq!(answer.header("content-type"), "application/json", "{error}");
    }
}

/// It says what a token says, and signed; so it must be a token nowhere (RFC 9701 §8.1, RFC 8725 §3.11).
#[tokio::test]
async fn the_jwt_of_an_answer_is_a_token_nowhere_rfc9701_8_1() {
    let app = App::with(signs).await;
    let (reader, client) = (app.resource_server(), app.jwt_client());
    app.operator(|work| let_call(work, Actor::Operator, "orders", client.principal));
    let good = client.own_token(&app, "orders:read").await.text("access_token");
    let answered = jwt(&ask(&app, &reader, &[("token", &good)], &[JWT]).await);
    let at = async |path: &str, token: &str| {
        Answer::to(app.http.get(format!("{}{path}", app.address)).bearer_auth(token)).await
    };
    let proxied = async |token: &str| {
        let request = app.http.get(format!("{}/authz?service=orders", app.address)).bearer_auth(token);
        Answer::to(request.header("x-original-method", "GET").header("x-original-uri", "/")).await
    };
    // The twin, which is what the answer is about, is good.
    assert!(app.is_active(&reader, &good).await);
    proxied(&good).await.is_ok();
    assert_eq!(app.introspect(&reader, &answered).await, json!({ "active": false }));
    assert_eq!(proxied(&answered).await.status, 401);
    at("/api/v1/me", &app.voice_of(BOB, "orgs:read").0).await.is_ok();
    at("/api/v1/me", &answered).await.is_problem(401, "invalid_token");
    // Nor does it end what it tells of.
    app.post("/oauth/revoke", &[("token", &answered)], Some(&client)).await;
    assert!(app.is_active(&reader, &good).await);
}

/// Where nothing is signed, the metadata offers nothing, who takes JSON as well gets it, and who does not is told so
/// before anything is counted.
#[tokio::test]
async fn without_keys_a_jwt_is_not_to_be_had_rfc9110_15_5_7() {
    const MEMBER: &str = "introspection_signing_alg_values_supported";
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let with = stage(algorithm).await;
        assert_eq!(with.get(WELL_KNOWN).await.json()[MEMBER], json!([algorithm]));
    }
    let app = App::with(|settings| settings.limits.store = "memory".into()).await;
    assert_eq!(app.get(WELL_KNOWN).await.json()[MEMBER], Value::Null);
    let reader = app.resource_server();
    let key = app.reading_key();
    let form =
        [("token", key.as_str()), ("service", "orders"), ("method", "GET"), ("path", "/"), ("consume", "1")];
    let left = async || {
        let answer = ask(&app, &reader, &form, &["application/token-introspection+jwt, */*;q=0.1"]).await;
        answer.is_ok();
        assert_eq!(answer.header("content-type"), "application/json");
        answer.json()["rate_limit"]["remaining"].as_u64().expect("a number")
    };
    let before = left().await;
    for accept in [&[JWT][..], &[JWT, "text/html"], &["application/token-introspection+jwt, */*;q=0"]] {
        let answer = ask(&app, &reader, &form, accept).await;
        answer.is_refusal(406, "invalid_request", "answers are not signed here, accept application/json");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    assert_eq!(left().await, before - 1, "what was refused was not counted");
    assert_eq!(count(&app.db, "signing_keys"), 0);
}
