//! Signing keys: the key set, their rotation over several nodes, their end, and who may open them.

use chrono::{DateTime, Duration, Utc};
use grantor::app::settings::Settings;
use grantor::app::startup;
use grantor::platform::clock::{Clock, TestClock};
use grantor::signing::MasterKey;
use serde_json::{Value, json};

use crate::commands::{Grantor, text};
use crate::support::{
    Answer, App, Forger, MASTER_KEY, Node, START, Scratch, count, database, execute, header_of, signing,
    told, verifies,
};

const JWKS: &str = "/oauth/jwks";

/// M05: each algorithm's key, whole.
#[tokio::test]
async fn the_key_set_has_public_members_only_rfc7517_5() {
    for (algorithm, kty, members) in [
        ("ES256", "EC", ["alg", "crv", "kid", "kty", "use", "x", "y"].as_slice()),
        ("EdDSA", "OKP", &["alg", "crv", "kid", "kty", "use", "x"]),
        ("RS256", "RSA", &["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let app = App::with(|settings| signing(settings, algorithm)).await;
        let keys = app.jwks().await;
        assert_eq!(keys.len(), 1);
        let mut names: Vec<&str> = keys[0].as_object().expect("a key").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
        assert_eq!(
            (&keys[0]["alg"], &keys[0]["kty"], &keys[0]["use"]),
            (&json!(algorithm), &json!(kty), &json!("sig"))
        );
        if algorithm == "RS256" {
            // 2048 bits and more are 342 characters and more.
            assert!(text(&keys[0]["n"]).len() >= 342);
        }
    }
}

#[tokio::test]
async fn the_key_set_is_kept_by_its_tag_rfc9110_13_1_2() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let whole = app.get(JWKS).await;
    whole.is_ok();
    let tag = whole.header("etag");
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=300"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", ""),
        ("x-content-type-options", "nosniff"),
        ("set-cookie", ""),
    ] {
        assert_eq!(whole.header(name), value, "{name}");
    }
    for (sent, status) in [
        (tag.as_str(), 304),
        (&format!("W/{tag}"), 304),
        (&format!("\"another\", {tag}"), 304),
        ("*", 304),
        ("\"another\"", 200),
        ("nonsense", 200),
        ("", 200),
    ] {
        let answer = Answer::to(app.request("GET", JWKS).header("if-none-match", sent)).await;
        assert_eq!(answer.status, status, "{sent}");
        assert_eq!(answer.body, if status == 304 { "" } else { whole.body.as_str() }, "{sent}");
        assert_eq!(
            (answer.header("etag"), answer.header("cache-control")),
            (tag.clone(), whole.header("cache-control"))
        );
    }
    let head = Answer::to(app.request("HEAD", JWKS)).await;
    assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", tag));
    assert_eq!(Answer::to(app.request("POST", JWKS)).await.status, 405);
    assert_eq!(Answer::to(app.request("OPTIONS", JWKS)).await.status, 204);
}

/// Metadata points at the key set where there is one, and nowhere else.
#[tokio::test]
async fn metadata_names_the_key_set_where_there_is_one_rfc8414_2() {
    const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";
    let with = App::with(|settings| signing(settings, "ES256")).await;
    assert_eq!(with.get(WELL_KNOWN).await.json()["jwks_uri"], "https://id.test/oauth/jwks");
    let without = App::start().await;
    assert_eq!(without.get(WELL_KNOWN).await.json()["jwks_uri"], Value::Null);
    assert_eq!(without.get(JWKS).await.status, 404);
    // A node that was not given the master key shows what the others sign with, all the same.
    let blind = App::over(&with.settings.database.url, with.clock.clone(), |_| ()).await;
    assert_eq!(blind.jwks().await, with.jwks().await);
    assert_eq!(blind.get(WELL_KNOWN).await.json()["jwks_uri"], "https://id.test/oauth/jwks");
}

/// Nodes that start at once make one key.
#[tokio::test]
async fn nodes_that_start_together_make_one_key() {
    let database = database();
    let clock = TestClock::starting_at(*START);
    let start = |_| App::over(&database.url, clock.clone(), |settings| signing(settings, "ES256"));
    let nodes = futures_util::future::join_all((0..4).map(start)).await;
    let first = nodes[0].jwks().await;
    assert_eq!(first.len(), 1);
    for node in &nodes {
        node.tend_keys().await;
        assert_eq!(node.jwks().await, first);
    }
    assert_eq!(count(&nodes[0].db, "signing_keys"), 1);
    assert_eq!(told(&nodes[0].db, "key.created").len(), 1);
}

/// A resource server that keeps the key set as long as it may (RFC 9111 §4.2), and fetches it for no other reason.
struct Keeper {
    keys: Vec<Value>,
    fresh_until: DateTime<Utc>,
}

impl Keeper {
    fn new() -> Self {
        Self { keys: Vec::new(), fresh_until: DateTime::UNIX_EPOCH }
    }

    async fn verifies(&mut self, from: &App, token: &str) -> bool {
        let now = from.clock.now();
        if now >= self.fresh_until {
            let answer = from.get(JWKS).await;
            let kept = answer.header("cache-control");
            let kept = kept.strip_prefix("public, max-age=").and_then(|seconds| seconds.parse().ok());
            self.fresh_until = now + Duration::seconds(kept.expect("how long to keep it"));
            self.keys.clone_from(answer.json()["keys"].as_array().expect("keys"));
        }
        self.keys.iter().any(|key| verifies(key, token))
    }
}

/// M06, M07: over three rotations and two nodes, tokens of each verify at whoever keeps the key set of either.
#[tokio::test]
async fn who_keeps_the_key_set_as_told_never_fails_while_keys_rotate() {
    let one = App::with(|settings| {
        signing(settings, "ES256");
        settings.signing.rotation_s = 3600;
    })
    .await;
    let two = one.second_node().await;
    let client = one.jwt_client();
    let (mut of_one, mut of_two) = (Keeper::new(), Keeper::new());
    let mut signers = std::collections::BTreeSet::new();
    let mut previous = String::new();
    for minute in 0..200 {
        one.advance(Duration::minutes(1));
        // Which node looks first changes, and the other signs before it has looked.
        let (first, second) = if minute % 2 == 0 { (&one, &two) } else { (&two, &one) };
        first.tend_keys().await;
        let token = client.own_token(second, "orders:read").await.text("access_token");
        second.tend_keys().await;
        signers.insert(text(&header_of(&token)["kid"]));
        for token in [&previous, &token].into_iter().filter(|token| !token.is_empty()) {
            assert!(of_one.verifies(&one, token).await, "minute {minute}, at one");
            assert!(of_two.verifies(&two, token).await, "minute {minute}, at two");
        }
        previous = token;
    }
    assert_eq!((signers.len(), count(&one.db, "signing_keys")), (4, 4), "three rotations");
    let (made, rotated) = (told(&one.db, "key.created"), told(&one.db, "key.rotated"));
    assert_eq!((made.len(), rotated.len()), (4, 3));
    assert!(made.iter().all(|event| event.data["by"] == "schedule"));

    // A day after a key stopped to sign it is gone from the key set; the last one was followed late.
    one.advance(Duration::days(1) + Duration::minutes(3));
    one.tend_keys().await;
    assert_eq!(one.kids().await.len(), 2);
    assert_eq!(count(&one.db, "signing_keys"), 5);
}

async fn signer(app: &App, client: &crate::support::TestClient) -> String {
    let token = client.own_token(app, "orders:read").await.text("access_token");
    text(&header_of(&token)["kid"])
}

#[tokio::test]
async fn a_successor_that_is_asked_for_signs_when_everybody_must_know_it() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let client = app.jwt_client();
    let first = signer(&app, &client).await;
    assert_eq!(app.kids().await, std::slice::from_ref(&first), "the very first signs at once");

    let (successor, signs_from) = app.rotate_key().expect("a successor");
    app.tend_keys().await;
    let mut both = [first.clone(), successor.clone()];
    both.sort();
    assert_eq!(app.kids().await, both);
    assert!(signs_from - app.clock.now() > Duration::seconds(300), "longer than the key set is kept");
    assert_eq!(
        app.rotate_key().expect_err("one at a time"),
        format!("the key {successor} waits already, and signs from {}", signs_from.to_rfc3339())
    );

    app.clock.advance(signs_from - app.clock.now() - Duration::seconds(1));
    assert_eq!(signer(&app, &client).await, first);
    app.clock.advance(Duration::seconds(1));
    assert_eq!(signer(&app, &client).await, successor, "without another look at the database");
    assert_eq!(app.kids().await, both, "what the old one signed is still good");
}

/// Clocks may be apart: a key that is to sign at once does so on every node, also where its moment is yet to come.
#[tokio::test]
async fn a_key_made_by_a_clock_that_is_ahead_signs_at_once_on_every_node() {
    let app = App::start().await;
    let node = |clock| App::over(&app.settings.database.url, clock, |settings| signing(settings, "ES256"));
    let ahead = node(TestClock::starting_at(*START + Duration::seconds(90))).await;
    let behind = node(app.clock.clone()).await;
    let (client, reader) = (app.jwt_client(), app.resource_server());
    for _ in 0..2 {
        let token = client.own_token(&behind, "orders:read").await.text("access_token");
        assert!(ahead.is_active(&reader, &token).await && behind.is_active(&reader, &token).await);
        // The next one is made in an emergency, by the same clock.
        ahead.revoke_key(&ahead.kids().await.remove(0)).expect("a key");
        ahead.tend_keys().await;
        behind.tend_keys().await;
    }
}

/// The emergency: gone from the key set and good for nothing, at once, and somebody else signs.
#[tokio::test]
async fn a_revoked_key_is_gone_with_everything_it_signed() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let other = app.second_node().await;
    let (client, reader) = (app.jwt_client(), app.resource_server());
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let of_ada = client.tokens_of_ada(&app, "orders:read").await;
    let (access, refresh) = (of_ada.text("access_token"), of_ada.text("refresh_token"));
    for token in [&own, &access] {
        assert!(app.is_active(&reader, token).await && other.is_active(&reader, token).await);
    }
    let first = signer(&app, &client).await;
    app.revoke_key(&first).expect("a key");
    app.tend_keys().await;
    other.tend_keys().await;
    for node in [&app, &other] {
        let kids = node.kids().await;
        assert!(kids.len() == 1 && kids[0] != first, "{kids:?}");
        for token in [&own, &access] {
            assert!(!node.is_active(&reader, token).await);
        }
        let fresh = client.own_token(node, "orders:read").await.text("access_token");
        assert!(app.is_active(&reader, &fresh).await && other.is_active(&reader, &fresh).await);
    }
    // Whoever has a refresh token needs nobody.
    let fresh = client.refresh(&app, &refresh).await.text("access_token");
    assert!(app.is_active(&reader, &fresh).await);
    assert_eq!(told(&app.db, "key.revoked")[0].target_id.as_deref(), Some(first.as_str()));

    let again = app.revoke_key(&first).expect_err("revoked");
    assert!(again.starts_with(&format!("the key {first} is revoked since ")), "{again}");
    assert_eq!(app.revoke_key("nothing").expect_err("unknown"), "there is no signing key nothing");
}

/// With a successor waiting, that one takes over before its time.
#[tokio::test]
async fn a_waiting_key_takes_over_from_a_revoked_one() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let client = app.jwt_client();
    let first = signer(&app, &client).await;
    let (successor, _) = app.rotate_key().expect("a successor");
    app.revoke_key(&first).expect("a key");
    app.tend_keys().await;
    assert_eq!(app.kids().await, std::slice::from_ref(&successor));
    assert_eq!(signer(&app, &client).await, successor);
}

/// Nothing goes out unsigned: without a key that signs, whoever asks for a JWT waits.
#[tokio::test]
async fn without_a_usable_key_no_jwt_is_issued() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let (jwt, opaque) = (app.jwt_client(), app.web_client());
    let blind = App::over(&app.settings.database.url, app.clock.clone(), |_| ()).await;
    jwt.own_token(&app, "orders:read").await.is_ok();
    jwt.own_token(&blind, "orders:read").await.is_error(503, "temporarily_unavailable");
    opaque.own_token(&blind, "orders:read").await.is_ok();
    // A code is not used up by an answer that could not be given.
    let mut browser = app.browser();
    browser.sign_in(crate::support::ADA).await;
    let code = jwt.code_from(&mut browser, "orders:read").await;
    jwt.redeem(&blind, &code).await.is_error(503, "temporarily_unavailable");
    jwt.redeem(&app, &code).await.is_ok();
}

async fn start_beside(app: &App, settings: &Settings) -> Result<startup::Running, String> {
    let clock = Clock::Test(app.clock.clone());
    startup::start(settings, app.db.clone(), clock, false).await.map_err(|fault| fault.to_string())
}

fn does_not_open(kid: &str) -> String {
    format!(
        "the master key (signing.master_key, or master.key beside a private Postgres) is not the one that sealed the \
         signing keys {kid}: give that one, or take these back with `grantor key revoke`"
    )
}

#[tokio::test]
async fn another_master_key_is_refused_at_the_start() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let kid = app.kids().await.remove(0);
    let mut settings = app.settings.clone();
    start_beside(&app, &settings).await.expect("the same master key").stop().await.expect("an end");
    settings.signing.master_key = Some(MasterKey::new("another".repeat(5)));
    assert_eq!(start_beside(&app, &settings).await.err(), Some(does_not_open(&kid)));
}

/// What is in the database alone lets nobody sign.
#[tokio::test]
async fn private_parts_are_sealed_and_bound_to_their_key() {
    let app = App::with(|settings| signing(settings, "EdDSA")).await;
    let client = app.jwt_client();
    let first = signer(&app, &client).await;
    // The head of an Ed25519 key in PKCS #8 (RFC 8410 §7).
    let head = "302e020100300506032b6570";
    let is_bare = format!("signing_keys WHERE encode(private_key, 'hex') LIKE '%{head}%'");
    assert_eq!(count(&app.db, &is_bare), 0);
    // The sealed part of one key beside the name of another opens nothing.
    let (second, _) = app.rotate_key().expect("a successor");
    execute(
        &app.db,
        &format!(
            "UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE kid = '{first}') \
             WHERE kid = '{second}'"
        ),
    )
    .expect("a change");
    assert_eq!(start_beside(&app, &app.settings).await.err(), Some(does_not_open(&second)));
}

/// The name of a key is the thumbprint of its public part: another part under that name is nobody's.
#[tokio::test]
async fn a_key_that_was_altered_in_the_database_is_left_out() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let (first, forger) = (app.kids().await.remove(0), Forger::new());
    let (second, _) = app.rotate_key().expect("a successor");
    let mut jwk = forger.jwk.clone();
    jwk["kid"] = json!(second);
    let alter = format!("UPDATE signing_keys SET public_jwk = '{jwk}' WHERE kid = '{second}'");
    execute(&app.db, &alter).expect("a change");
    let fresh = app.second_node().await;
    assert_eq!(fresh.kids().await, [first]);
}

#[test]
fn keys_are_listed_rotated_and_revoked_by_commands() {
    let database = database();
    let environment =
        [("GRANTOR_DATABASE__URL", database.url.as_str()), ("GRANTOR_SIGNING__MASTER_KEY", MASTER_KEY)];
    let grantor = Grantor::with(&environment);
    grantor.run(&["migrate"]).is_done();
    assert_eq!(grantor.json(&["key", "list"]), json!([]));
    let first = grantor.json(&["key", "rotate"]);
    assert_eq!((&first["state"], &first["algorithm"]), (&json!("signing"), &json!("ES256")));
    let second = grantor.json(&["key", "rotate"]);
    assert_eq!(second["state"], "waiting");
    let listed = grantor.json(&["key", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert_eq!(listed[0]["signs_until"], second["signs_from"]);

    let (first, second) = (text(&first["kid"]), text(&second["kid"]));
    let revoked = grantor.json(&["key", "revoke", &first]);
    assert_eq!(revoked, json!({ "kid": first, "revoked": true, "signer": second }));
    let said = grantor.run(&["key", "list"]);
    said.is_done();
    assert!(
        said.out.starts_with("KID ") && said.out.contains("revoked") && said.out.contains("signing"),
        "{said:?}"
    );
    grantor.run(&["key", "revoke", "nothing"]).is_refused("there is no signing key nothing");
    grantor.run(&["key", "revoke", "-like-any"]).is_refused("there is no signing key -like-any");

    // Without the master key, or with another, nothing is made; to take back, none is needed.
    let without = Grantor::over(&database.url);
    without
        .run(&["key", "rotate"])
        .is_refused("there is no master key to seal it with: set signing.master_key (docs/settings.md)");
    let another = "another".repeat(5);
    let wrong = Grantor::with(&[environment[0], ("GRANTOR_SIGNING__MASTER_KEY", another.as_str())]);
    let said = wrong.run(&["key", "rotate"]);
    assert!(said.code == 1 && said.err.contains(&format!("signing keys {second}")), "{said:?}");
    let said = without.json(&["key", "revoke", &second]);
    assert_eq!(said, json!({ "kid": second, "revoked": true, "signer": Value::Null }));
}

/// A private Postgres has its master key beside it, closed to others.
#[test]
fn a_private_postgres_gets_a_master_key_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let data_dir = scratch.join("data");
    let environment = [("GRANTOR_DATABASE__DATA_DIR", data_dir.as_str())];
    let mut node = Node::start(&environment);
    let grantor = Grantor::with(&environment);
    let keys = grantor.json(&["key", "list"]);
    assert_eq!((keys.as_array().map(Vec::len), &keys[0]["state"]), (Some(1), &json!("signing")));
    let file = std::path::Path::new(&data_dir).join("master.key");
    let mode = || file.metadata().expect("the master key").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    node.kill();

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    let words = format!(
        "{path} holds the master key, and others may read or change it (mode 0644): `chmod 600 {path}`",
        path = file.display()
    );
    let said = grantor.run(&["serve", "--dev"]);
    assert!(said.code == 1 && said.err.contains(&words), "{said:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("permissions");

    // Lost, another is made, which does not open what the first one sealed.
    std::fs::rename(&file, scratch.join("aside")).expect("another place");
    let said = grantor.run(&["serve", "--dev"]);
    assert!(said.code == 1 && said.err.contains(&text(&keys[0]["kid"])), "{said:?}");
    std::fs::rename(scratch.join("aside"), &file).expect("its place");
    Node::start(&environment).kill();
}

#[test]
fn settings_of_signing_are_checked() {
    let refused = |environment: &[(&str, &str)], words: &str| {
        Grantor::with(environment)
            .run(&["key", "list"])
            .is_refused(&format!("the settings cannot be used:\n  - {words}"));
    };
    refused(
        &[("GRANTOR_SIGNING__MASTER_KEY", "short")],
        "signing.master_key must be 32 characters or more: `openssl rand -base64 32` makes one",
    );
    refused(&[("GRANTOR_SIGNING__ROTATION_S", "3599")], "signing.rotation_s must be 3600 to 31536000");
    let said = Grantor::with(&[("GRANTOR_SIGNING__ALGORITHM", "HS256")]).run(&["key", "list"]);
    assert!(said.code == 1 && said.err.contains("ES256") && said.err.contains("HS256"), "{said:?}");
}
