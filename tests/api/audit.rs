//! The event log: who did what to what, from where, in which request; append-only; and no secret anywhere.

use chrono::Duration;
use grantor::accounts::store::{insert_principal, insert_user};
use grantor::audit::Actor;
use grantor::clients::registration::{Registration, disable, register, rotate_secret};
use grantor::kernel::{ClientId, Denial, EmailAddress, PrincipalId, PrincipalKind, UserIdentifier};
use grantor::services::access::let_call;
use serde_json::json;
use uuid::Uuid;

use crate::management::Voice;
use crate::support::{
    ADA, Answer, App, Browser, Node, PASSWORD, Page, TestClient, Told, VERIFIER, count, database, dump,
    execute, hexadecimal, told, web_registration,
};

/// From where the harness's machines speak.
const MACHINE: &str = "198.51.100.1";

/// The latest event of a kind, which must be of this request and this address.
#[track_caller]
fn told_by(app: &App, kind: &str, answer: &Answer, ip: &str) -> Told {
    let event = told(&app.db, kind).pop().unwrap_or_else(|| panic!("no {kind}"));
    assert_eq!(event.request_id, Some(answer.header("x-request-id")), "{kind}");
    assert_eq!(event.ip.as_deref(), Some(ip), "{kind}");
    event
}

/// Who did it, to what kind of thing, concerning which client, with what outcome.
#[track_caller]
fn says(
    event: &Told,
    outcome: &str,
    who: (&str, Option<PrincipalId>),
    on: &str,
    client: Option<&TestClient>,
) {
    assert_eq!(event.outcome, outcome, "{event:?}");
    let actor = (event.actor_kind.as_str(), event.actor_id);
    assert_eq!(actor, (who.0, who.1.map(|id| id.uuid())), "{event:?}");
    assert_eq!(event.target_kind.as_deref().unwrap_or_default(), on, "{event:?}");
    assert_eq!(event.target_id.is_some(), !on.is_empty(), "{event:?}");
    assert_eq!(event.client_id, client.map(|client| client.principal.uuid()), "{event:?}");
}

/// Posts the form of a page without following where it leads.
async fn press(browser: &mut Browser<'_>, page: &Page, action: &str, fields: &[(&str, &str)]) -> Answer {
    let form = page.forms().into_iter().find(|form| form.action.ends_with(action));
    let form = form.unwrap_or_else(|| panic!("no form to {action}: {}", page.body));
    browser.post_once(&form.action, &form.filled(fields)).await.answer
}

/// U12
#[tokio::test]
async fn what_a_person_does_is_told_with_who_what_where_and_in_which_request() {
    let app = App::start().await;
    let client = app.web_client();
    let ada = ("user", Some(ADA.id()));
    let mut browser = app.browser();
    let ip = browser.ip.clone();
    let page = browser.get("/login").await;
    let right = [("identifier", ADA.identifier), ("password", PASSWORD)];
    let answer = press(&mut browser, &page, "/login", &right).await;
    let event = told_by(&app, "user.signed_in", &answer, &ip);
    says(&event, "success", ada, "session", None);
    assert_eq!(event.user_agent.as_deref(), Some("Test browser"));

    let allow = [("answer", "allow")];
    let page = browser.get(&client.authorize_path(&[])).await;
    let answer = press(&mut browser, &page, "/oauth/consent", &allow).await;
    let event = told_by(&app, "grant.given", &answer, &ip);
    says(&event, "success", ada, "grant", Some(&client));
    assert_eq!(event.data, json!({ "scope": "orders:read", "first_party": false }));
    says(&told_by(&app, "code.issued", &answer, &ip), "success", ada, "family", Some(&client));

    let more = client.authorize_path(&[("scope", "orders:read orders:write")]);
    let page = browser.get(&more).await;
    let answer = press(&mut browser, &page, "/oauth/consent", &allow).await;
    says(&told_by(&app, "grant.extended", &answer, &ip), "success", ada, "grant", Some(&client));

    let page = browser.get(&client.authorize_path(&[("scope", "people:read")])).await;
    let answer = press(&mut browser, &page, "/oauth/consent", &[("answer", "deny")]).await;
    says(&told_by(&app, "grant.refused", &answer, &ip), "denied", ada, "client", Some(&client));

    let page = browser.get("/account/apps").await;
    let answer = press(&mut browser, &page, "/revoke", &[("scope", "orders:write")]).await;
    let event = told_by(&app, "grant.narrowed", &answer, &ip);
    says(&event, "success", ada, "grant", Some(&client));
    assert_eq!(event.data, json!({ "scope": "orders:write" }));
    let answer = press(&mut browser, &page, "/revoke", &[("scope", "")]).await;
    says(&told_by(&app, "grant.withdrawn", &answer, &ip), "success", ada, "grant", Some(&client));

    let answer = press(&mut browser, &page, "/logout", &[]).await;
    says(&told_by(&app, "user.signed_out", &answer, &ip), "success", ada, "session", None);
    browser.sign_in(ADA).await;
    let page = browser.get("/account").await;
    let answer = press(&mut browser, &page, "/account/sign-out-everywhere", &[]).await;
    let event = told_by(&app, "user.signed_out_everywhere", &answer, &ip);
    says(&event, "success", ada, "user", None);
    assert_eq!(event.data, json!({ "sessions": 1, "families": 2 }));
}

/// U12: guesses are one event with a count past a threshold, and do not repeat what was typed.
#[tokio::test]
async fn wrong_passwords_are_told_with_their_number_and_without_what_was_typed() {
    let app = App::start().await;
    let mut browser = app.browser();
    let ip = browser.ip.clone();
    let page = browser.get("/login").await;
    let mut answer = None;
    for attempt in 1..=5 {
        assert!(told(&app.db, "user.sign_in_failed").is_empty(), "{attempt}");
        let wrong = [("identifier", ADA.identifier), ("password", "not this one")];
        answer = Some(press(&mut browser, &page, "/login", &wrong).await);
    }
    let event = told_by(&app, "user.sign_in_failed", &answer.expect("an answer"), &ip);
    says(&event, "failure", ("anonymous", None), "user", None);
    assert_eq!(event.target_id, Some(ADA.id().to_string()));
    assert_eq!(event.data, json!({ "failures": 5 }));
}

/// U12
#[tokio::test]
async fn what_a_client_does_with_codes_and_tokens_is_told() {
    let app = App::start().await;
    let client = app.web_client();
    let itself = ("client", Some(client.principal));
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let tell = |kind, answer: &Answer, outcome, on| {
        let event = told_by(&app, kind, answer, MACHINE);
        says(&event, outcome, itself, on, Some(&client));
        event.target_id.expect("a target")
    };

    let code = client.code_from(&mut browser, "orders:read").await;
    let tokens = client.redeem(&app, &code).await;
    let family = tell("code.redeemed", &tokens, "success", "family");
    assert_eq!(told(&app.db, "code.issued")[0].target_id, Some(family.clone()));
    let replay = client.redeem(&app, &code).await;
    assert_eq!(tell("code.replayed", &replay, "denied", "family"), family);

    let code = client.code_from(&mut browser, "orders:read").await;
    let burned = client.redeem_with(&app, &code, &"x".repeat(43)).await;
    tell("code.burned", &burned, "denied", "family");

    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    client.refresh(&app, &tokens.text("refresh_token")).await.is_ok();
    app.advance(Duration::seconds(60));
    let reused = client.refresh(&app, &tokens.text("refresh_token")).await;
    tell("refresh.reused", &reused, "denied", "family");

    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let revoked = client.revoke(&app, &tokens.text("access_token")).await;
    tell("token.revoked", &revoked, "success", "access_token");
    let revoked = client.revoke(&app, &tokens.text("refresh_token")).await;
    tell("family.revoked", &revoked, "success", "family");

    // What changes nothing is not told, and issuing to a client itself is traffic.
    let before = count(&app.db, "events");
    client.revoke(&app, &tokens.text("access_token")).await.is_ok();
    client.revoke(&app, &tokens.text("refresh_token")).await.is_ok();
    client.own_token(&app, "").await.is_ok();
    assert_eq!(count(&app.db, "events"), before);
}

/// U12
#[tokio::test]
async fn what_an_operator_does_to_a_client_is_told() {
    let app = App::start().await;
    let client = app.web_client();
    let id = ClientId::parse(&client.id).expect("a client_id");
    app.operator(|work| {
        Ok(rotate_secret(work, Actor::Operator, &id, Duration::hours(1))?.map_err(|_| Denial::NotFound))
    });
    for disabled in [true, true, false] {
        app.operator(|work| Ok(disable(work, Actor::Operator, &id, disabled)?.map_err(|_| Denial::NotFound)));
    }
    for kind in ["client.created", "client.secret_rotated", "client.disabled", "client.enabled"] {
        let events = told(&app.db, kind);
        assert_eq!(events.len(), 1, "{kind}");
        says(&events[0], "success", ("operator", None), "client", Some(&client));
        assert_eq!(events[0].target_id, Some(client.principal.to_string()));
        assert_eq!((&events[0].ip, &events[0].request_id), (&None, &None));
    }
}

/// U13's first half: nobody edits what was done, whatever part of the table they take hold of.
#[tokio::test]
async fn the_event_log_only_grows() {
    let app = App::start().await;
    app.web_client();
    let before = count(&app.db, "events");
    assert!(before > 0);
    let part = "partitions.events_20261101";
    assert_eq!(count(&app.db, part), before, "the twin: that is where they are");
    for table in ["events", part] {
        for statement in [
            format!("UPDATE {table} SET kind = 'client.disabled'"),
            format!("UPDATE {table} SET occurred_at = occurred_at + interval '1 month'"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!(
                "INSERT INTO {table} SELECT * FROM {table} LIMIT 1 ON CONFLICT (occurred_at, id) \
                     DO UPDATE SET kind = 'client.disabled'"
            ),
        ] {
            let refusal = execute(&app.db, &statement).expect_err(&statement);
            assert!(refusal.contains("events are append-only"), "{statement}: {refusal}");
        }
    }
    assert_eq!(count(&app.db, "events"), before);
}

/// Somebody with an e-mail address, and the same password as everybody.
fn person_with_email(app: &App, address: &str) {
    let id = PrincipalId::from_uuid(Uuid::from_u128(0xeee));
    let email = EmailAddress::parse(address).expect("an address");
    let identifier = UserIdentifier::parse("eve").expect("an identifier");
    let settings = &app.settings.passwords;
    let password = grantor::kernel::Password::parse(PASSWORD.into()).expect("a password");
    let hash = grantor::accounts::passwords::hash_here(settings, &password).expect("a hash");
    app.operator(|work| {
        assert!(insert_principal(work, id, PrincipalKind::User, "Eve")?);
        assert!(insert_user(work, id, &identifier, Some(&email), Some(&hash))?);
        Ok(Ok(()))
    });
}

/// Uses everything that is secret, in as many ways as there are; returns all of it.
async fn use_every_secret(app: &App, client: &TestClient, server: &TestClient, email: &str) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), VERIFIER.to_owned()];
    secrets.extend(client.secret.iter().chain(&server.secret).cloned());
    let mut browser = app.browser();
    let page = browser.get(&client.authorize_path(&[])).await;
    secrets.extend(browser.cookies.values().cloned());
    let wrong = "a very wrong password";
    secrets.push(wrong.to_owned());
    press(&mut browser, &page, "/login", &[("identifier", email), ("password", wrong)]).await;
    let form = page.form("/login");
    secrets.extend(form.field("csrf").map(str::to_owned));
    let page = browser.submit(&form, &[("identifier", email), ("password", PASSWORD)]).await;
    secrets.extend(browser.cookies.values().cloned());
    secrets.extend(page.form("/oauth/consent").field("csrf").map(str::to_owned));
    let code = browser.allow(page).await.returned("code").expect("a code");

    let tokens = client.redeem(app, &code).await;
    let next = client.refresh(app, &tokens.text("refresh_token")).await;
    let last = client.refresh(app, &next.text("refresh_token")).await;
    for pair in [&tokens, &next, &last] {
        secrets.extend([pair.text("access_token"), pair.text("refresh_token")]);
        app.introspect(server, &pair.text("access_token")).await;
    }
    let own = client.own_token(app, "").await.text("access_token");
    for refused in [&code, &own] {
        client.redeem(app, refused).await.is_error(400, "invalid_grant");
        client.refresh(app, refused).await.is_error(400, "invalid_grant");
        let page = app.get(&format!("/oauth/authorize?code={refused}")).await;
        assert_eq!(page.status, 400, "{}", page.body);
    }
    let wrong_secret = TestClient { secret: Some("gcs_a-wrong-secret".into()), ..client.clone() };
    client.own_token(app, "").await.is_ok();
    assert_eq!(wrong_secret.own_token(app, "").await.status, 401);
    client.revoke(app, &last.text("access_token")).await.is_ok();
    client.revoke(app, &last.text("refresh_token")).await.is_ok();
    secrets.extend([code, own, "gcs_a-wrong-secret".into()]);
    secrets
}

/// Makes, brings along, rotates, presents, misplaces and reports API keys.
async fn use_every_key(app: &App, server: &TestClient) -> Vec<String> {
    const IMPORTED: &str = "premium-api-key-12345";
    let org = app.org("Acme", None);
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    let manager = app.key_of(org, "orders:read keys:*");
    let wish = json!({ "name": "ci", "scope": "orders:read" });
    let url = |path: &str| format!("{}{path}", app.address);
    let post = || app.http.post(url("/api/v1/keys")).bearer_auth(&manager.0).header("Idempotency-Key", "k");
    let made = Answer::to(post().json(&wish)).await.text("secret");
    assert_eq!(Answer::to(post().json(&wish)).await.header("idempotency-replayed"), "true");
    let rotated = app.post_api(&Voice(made.clone()), "/keys/self/rotate", json!({})).await.text("secret");
    let literal = json!({ "name": "old", "key": IMPORTED });
    app.post_api(&manager, "/keys/import", literal).await.is(201);
    for key in [&manager.0, &made, &rotated] {
        let call = [("token", key.as_str()), ("service", "orders"), ("consume", "1")];
        assert_eq!(app.machine("/oauth/introspect", server, &call).await.json()["active"], true);
        let asked = app.http.get(url("/authz?service=orders")).header("X-API-Key", key);
        let asked =
            asked.header("X-Original-Method", "GET").header("X-Original-URI", format!("/7/{key}?k={key}"));
        assert_eq!(Answer::to(asked.header("User-Agent", key)).await.status, 200);
        app.get_api(&Voice(key.clone()), &format!("/keys/{key}")).await;
        app.machine("/oauth/token", server, &[("grant_type", "refresh_token"), ("refresh_token", key)]).await;
    }
    for found in [&rotated, IMPORTED] {
        let report = app.http.post(url("/api/v1/leaks")).json(&json!({ "token": found }));
        assert_eq!(Answer::to(report).await.status, 202);
    }
    vec![manager.0, made, rotated, IMPORTED.to_owned()]
}

/// B12: neither in the database nor in the log at its most talkative, in any spelling.
#[tokio::test]
async fn no_secret_is_ever_stored_or_logged_nor_an_email_address_logged() {
    const EMAIL: &str = "eve.secretive@mail.example";
    let database = database();
    let mut node = Node::start(&[
        ("GRANTOR_DATABASE__URL", &database.url),
        ("GRANTOR_LOG", "trace"),
        ("GRANTOR_PASSWORDS__MEMORY_KIB", "256"),
        ("GRANTOR_PASSWORDS__ITERATIONS", "1"),
    ]);
    let app = App::driving(&node.address, &database.url);
    let (client, server) = (app.web_client(), app.resource_server());
    person_with_email(&app, EMAIL);
    let mut secrets = use_every_secret(&app, &client, &server, EMAIL).await;
    secrets.extend(use_every_key(&app, &server).await);
    assert!(secrets.len() > 19, "{secrets:?}");

    // Ended, so that all is written that is to be.
    let log = node.whole_log().join("\n");
    let stored = dump(&app.db);
    assert!(stored.contains("/7/gak_") && stored.contains("credential.leaked"), "the twin");
    assert!(stored.contains(&client.id) && stored.contains(EMAIL), "the twin");
    for line in ["POST /oauth/token 200", "POST /login 403", "TRACE", "DEBUG"] {
        assert!(log.contains(line), "the twin: {line}");
    }
    for secret in &secrets {
        for spelling in spellings(secret) {
            assert!(!stored.contains(&spelling), "stored: {secret} as {spelling}");
            if let Some(line) = log.lines().find(|line| line.contains(&spelling)) {
                panic!("logged: {secret} as {spelling}, in {line}");
            }
        }
    }
    for part in [EMAIL, "eve.secretive", "secretive%40"] {
        assert!(!log.contains(part), "an e-mail address is logged");
    }
}

/// As it is, form-encoded, in hexadecimal, in base64, and as a list of bytes.
fn spellings(secret: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let encoded = grantor::platform::form::encode(&[("", secret)]);
    let bytes = format!("{:?}", secret.as_bytes());
    vec![
        secret.to_owned(),
        encoded.trim_start_matches('=').to_owned(),
        hexadecimal(secret),
        STANDARD_NO_PAD.encode(secret),
        bytes.trim_matches(['[', ']']).to_owned(),
    ]
}

/// U11
#[tokio::test]
async fn nothing_that_a_stranger_sends_ends_a_line_of_the_log_or_drives_a_terminal() {
    const EVIL: &str = "x\r\n2026-11-21T12:00:00.000Z INFO  grantor FORGED\u{1b}[2J\u{7}\u{9b}\u{2028}";
    let database = database();
    let mut node = Node::start(&[("GRANTOR_DATABASE__URL", &database.url), ("GRANTOR_LOG", "trace")]);
    let app = App::driving(&node.address, &database.url);
    let mut browser = app.browser();
    let page = browser.get("/login").await;
    press(&mut browser, &page, "/login", &[("identifier", EVIL), ("password", EVIL)]).await;
    for name in ["grant_type", "client_id", "code", "refresh_token", "token", EVIL] {
        for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
            let answer = app.post(path, &[(name, EVIL), ("client_secret", EVIL)], None).await;
            assert!((400..500).contains(&answer.status), "{path} {name}: {}", answer.body);
        }
        let query = grantor::platform::form::encode(&[(name, EVIL)]);
        app.get(&format!("/oauth/authorize?{query}")).await;
        app.get(&format!("/{}", query.trim_start_matches('='))).await;
    }
    let request = app.http.get(format!("{}/livez", app.address));
    let forged = request.header("x-request-id", "forged-id").header("x-forwarded-for", "FORGED, \u{e9}");
    let answer = Answer::of(forged.send().await.expect("an answer")).await;
    assert_eq!(answer.status, 200);
    assert_ne!(answer.header("x-request-id"), "forged-id");

    let log = node.whole_log();
    assert!(log.iter().any(|line| line.contains("GET /livez 200")), "the twin");
    for line in &log {
        assert!(line.starts_with("20"), "a line of somebody else's: {line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.starts_with("2026-11-21T12:00:00.000Z INFO  grantor FORGED"), "{line:?}");
        assert!(!line.contains("forged-id"), "{line:?}");
    }

    // A client's name is on pages and in lists: such a one is not registered in the first place.
    let refused =
        app.ledger.act_here(&grantor::platform::context::Context::operator(app.clock.now()), |work| {
            let named = |name: &str| Registration { name: name.to_owned(), ..web_registration() };
            assert!(register(work, Actor::Operator, &named("Shop"), None)?.is_ok());
            assert!(register(work, Actor::Operator, &named(EVIL), None)?.is_err());
            Ok(Err::<(), _>(Denial::NotFound))
        });
    assert_eq!(refused.expect("a database"), Err(Denial::NotFound));
}
