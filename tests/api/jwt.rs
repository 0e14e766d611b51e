//! Access tokens as JWTs (RFC 9068): issued, verified by others, judged here, revoked; and what is none of ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use grantor::clients::registration::Registration;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

use crate::commands::{Grantor, text};
use crate::support::{
    ADA, App, Forger, ISSUER, MASTER_KEY, TestClient, claims_of, count, database, execute, header_of, parts,
    signing, told, verifies, web_registration,
};

const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// A server with JWTs, an app that gets them, and the resource server of the orders.
async fn stage(algorithm: &str) -> (App, TestClient, TestClient) {
    let app = App::with(|settings| signing(settings, algorithm)).await;
    let (client, reader) = (app.jwt_client(), app.resource_server());
    (app, client, reader)
}

/// J01: by each grant and each algorithm: what it says, that its key verifies it, and that we know it.
#[tokio::test]
async fn a_jwt_says_what_it_must_rfc9068_2() {
    for algorithm in ALGORITHMS {
        let (app, client, reader) = stage(algorithm).await;
        let key = app.jwks().await.remove(0);
        let own = client.own_token(&app, "orders:read").await;
        let of_ada = client.tokens_of_ada(&app, "orders:read people:read").await;
        let refreshed = client.refresh(&app, &of_ada.text("refresh_token")).await;
        let (now, ada) = (app.clock.now().timestamp(), ADA.id().to_string());
        let both = json!(["https://orders.test", "https://people.test"]);
        for (answer, subject, scope, audience) in [
            (&own, &client.id, "orders:read", json!("https://orders.test")),
            (&of_ada, &ada, "orders:read people:read", both.clone()),
            (&refreshed, &ada, "orders:read people:read", both.clone()),
        ] {
            answer.is_ok();
            assert_eq!(answer.json()["expires_in"], 600);
            let token = answer.text("access_token");
            assert_eq!(header_of(&token), json!({ "typ": "at+jwt", "alg": algorithm, "kid": key["kid"] }));
            let told = app.introspect(&reader, &token).await;
            let claims = claims_of(&token);
            assert_eq!(
                claims,
                json!({
                    "iss": ISSUER, "sub": subject, "aud": audience, "client_id": client.id, "scope": scope,
                    "iat": now, "exp": now + 600, "jti": told["jti"],
                })
            );
            assert!(verifies(&key, &token), "{token}");
            for (name, expected) in
                [("active", json!(true)), ("sub", json!(subject)), ("exp", json!(now + 600))]
            {
                assert_eq!(told[name], expected, "{name}");
            }
        }
        // By client credentials nothing is stored; the others have their rows, as opaque tokens do.
        assert_eq!(count(&app.db, "access_tokens"), 2);
    }
}

/// A JWT must be for somebody (RFC 9068 §2.2): without an audience it is for ourselves.
#[tokio::test]
async fn a_jwt_without_an_audience_is_for_the_issuer() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let client = app.register(&Registration {
        name: "Nobody's".into(),
        grant_types: vec!["client_credentials".into()],
        access_token_format: Some("jwt".into()),
        ..Registration::default()
    });
    let claims = claims_of(&client.own_token(&app, "").await.text("access_token"));
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!(ISSUER), &Value::Null));
}

/// The client's word counts; where it has none, all services must want it that the token is for.
#[tokio::test]
async fn who_decides_what_a_token_looks_like() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    execute(&app.db, "UPDATE services SET access_token_format = 'jwt' WHERE name = 'orders'")
        .expect("a service");
    execute(&app.db, "UPDATE services SET access_token_format = 'opaque' WHERE name = 'people'")
        .expect("a service");
    for (format, scope, is_jwt) in [
        (None, "orders:read", true),
        (None, "people:read", false),
        (None, "orders:read people:read", false),
        (Some("opaque"), "orders:read", false),
        (Some("jwt"), "people:read", true),
    ] {
        let format = format.map(str::to_owned);
        let client =
            app.register(&Registration { access_token_format: format.clone(), ..web_registration() });
        let own = client.own_token(&app, scope).await.text("access_token");
        let of_ada = client.tokens_of_ada(&app, scope).await.text("access_token");
        for token in [own, of_ada] {
            assert_eq!(token.contains('.'), is_jwt, "{format:?} {scope}: {token}");
            assert_eq!(token.starts_with("gat_"), !is_jwt, "{format:?} {scope}: {token}");
        }
    }
}

#[tokio::test]
async fn a_jwt_ends_with_its_time() {
    let (app, client, reader) = stage("ES256").await;
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let of_ada = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    for (seconds, is_active) in [(599, true), (1, false)] {
        app.advance(Duration::seconds(seconds));
        for token in [&own, &of_ada] {
            assert_eq!(app.is_active(&reader, token).await, is_active, "{seconds}");
        }
    }
}

/// RFC 7009: at once, on every node, and once in the log; a stranger's wish is met with the same silence.
#[tokio::test]
async fn a_revoked_jwt_is_refused_on_every_node_rfc7009_2() {
    let (app, client, reader) = stage("ES256").await;
    let (other, stranger) = (app.second_node().await, app.jwt_client());
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let of_ada = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    for (revoked, token) in [own, of_ada].iter().enumerate() {
        stranger.revoke(&app, token).await.is_ok();
        assert!(app.is_active(&reader, token).await, "it is not the stranger's");
        client.revoke(&app, token).await.is_ok();
        client.revoke(&other, token).await.is_ok();
        assert!(!app.is_active(&reader, token).await && !other.is_active(&reader, token).await);
        assert_eq!(told(&app.db, "token.revoked").len(), revoked + 1);
    }
    let next = client.own_token(&app, "orders:read").await.text("access_token");
    assert!(app.is_active(&reader, &next).await, "the others live");
}

/// One ECDSA signature has a twin (r, n - s), which verifies as well: it is the same token, and revoked with it.
#[tokio::test]
async fn the_twin_of_a_signature_is_the_same_token() {
    let (app, client, reader) = stage("ES256").await;
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    let twin = twin_of(&token);
    assert_ne!(twin, token);
    assert!(verifies(&app.jwks().await[0], &twin), "a twin that nobody verifies shows nothing");
    assert!(app.is_active(&reader, &twin).await);
    client.revoke(&app, &token).await.is_ok();
    assert!(!app.is_active(&reader, &twin).await);
    assert!(!app.is_active(&reader, &token).await);
}

/// The same signature with n - s in the place of s, n being the order of P-256.
fn twin_of(token: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (signed, signature) = token.rsplit_once('.').expect("a JWT");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let mut borrow = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).expect("a byte");
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What ends a client, a person or what was allowed ends their JWTs, as it does opaque tokens.
#[tokio::test]
async fn a_jwt_ends_with_what_it_depends_on() {
    let (app, client, reader) = stage("ES256").await;
    let own = client.own_token(&app, "orders:read").await.text("access_token");
    let of_ada = client.tokens_of_ada(&app, "orders:read").await;
    let (access, refresh) = (of_ada.text("access_token"), of_ada.text("refresh_token"));
    app.disable(&client, true);
    assert!(!app.is_active(&reader, &own).await && !app.is_active(&reader, &access).await);
    app.disable(&client, false);
    assert!(app.is_active(&reader, &own).await && app.is_active(&reader, &access).await);
    // A refresh token takes its family with it, JWTs and all.
    client.revoke(&app, &refresh).await.is_ok();
    assert!(app.is_active(&reader, &own).await && !app.is_active(&reader, &access).await);
}

/// A token that its client got for a person needs its row, whatever its signature says.
#[tokio::test]
async fn a_jwt_for_a_person_without_its_row_is_nothing() {
    let (app, client, reader) = stage("ES256").await;
    let of_ada = client.tokens_of_ada(&app, "orders:read").await.text("access_token");
    assert!(app.is_active(&reader, &of_ada).await);
    execute(&app.db, "DELETE FROM access_tokens").expect("no rows");
    let other = app.second_node().await;
    assert!(!other.is_active(&reader, &of_ada).await, "one that remembers nothing");
}

/// J05–J08, J10: whatever is altered, and whatever a stranger signs.
#[tokio::test]
async fn what_we_did_not_sign_is_nothing_rfc8725() {
    for algorithm in ALGORITHMS {
        let (app, client, reader) = stage(algorithm).await;
        let good = client.own_token(&app, "orders:read").await.text("access_token");
        assert!(app.is_active(&reader, &good).await);
        let key = app.jwks().await.remove(0);
        for bad in tampered(&good).into_iter().chain(confused(&good, &key)).chain(strangers(&good, &key)) {
            let told = app.introspect(&reader, &bad).await;
            assert_eq!(told, json!({ "active": false }), "{algorithm}: {bad:.200}");
        }
        assert!(app.is_active(&reader, &good).await);
    }
}

/// Each part altered, left out, or spelled otherwise.
fn tampered(good: &str) -> Vec<String> {
    let [header, payload, signature] = parts(good);
    let other = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("text")
    };
    let mut claims = claims_of(good);
    claims["scope"] = json!("orders:read orders:write people:read");
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let mut tampered = vec![
        format!("{header}.{claims}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!("{payload}.{header}.{signature}"),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{good}\n"),
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([0xff; 64])),
    ];
    for part in 0..3 {
        let text = parts(good)[part];
        for at in [0, text.len() / 2, text.len() - 2] {
            let mut changed = parts(good).map(str::to_owned);
            changed[part] = other(text, at);
            tampered.push(changed.join("."));
        }
    }
    tampered
}

/// The same claims under other headers, and "signed" with what everybody knows.
fn confused(good: &str, key: &Value) -> Vec<String> {
    let [_, payload, signature] = parts(good);
    let kid = &key["kid"];
    let mut confused = Vec::new();
    for alg in ["none", "None", "", "HS256", "ES256", "ES384", "EdDSA", "RS256", "PS256"] {
        if key["alg"] == alg {
            continue;
        }
        let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "at+jwt", "alg": alg, "kid": kid }).to_string());
        confused.extend([format!("{header}.{payload}.{signature}"), format!("{header}.{payload}.")]);
    }
    let member = if key["kty"] == "RSA" { "n" } else { "x" };
    let raw = URL_SAFE_NO_PAD.decode(text(&key[member])).expect("base64url");
    for secret in [raw, text(&key[member]).into_bytes(), key.to_string().into_bytes()] {
        let header =
            URL_SAFE_NO_PAD.encode(json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid }).to_string());
        let signed = format!("{header}.{payload}");
        let key = EncodingKey::from_secret(&secret);
        let signature = crypto::sign(signed.as_bytes(), &key, jsonwebtoken::Algorithm::HS256);
        confused.push(format!("{signed}.{}", signature.expect("a signature")));
    }
    confused
}

/// Whole and well signed, but by somebody else, who says where the key is to be found.
fn strangers(good: &str, key: &Value) -> Vec<String> {
    let forger = Forger::new();
    let claims = claims_of(good).to_string();
    let header = |extra: Value| {
        let mut header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": key["kid"] });
        let members = header.as_object_mut().expect("members");
        for (name, value) in extra.as_object().expect("members") {
            members.insert(name.clone(), value.clone());
        }
        header.to_string()
    };
    let headers = [
        header(json!({})),
        header(json!({ "jwk": forger.jwk })),
        header(json!({ "jku": "https://evil.example/jwks" })),
        header(json!({ "x5u": "https://evil.example/cert" })),
        header(json!({ "x5c": ["MIIB"] })),
        header(json!({ "kid": forger.kid })),
        header(json!({ "kid": forger.kid, "jwk": forger.jwk })),
        header(json!({ "kid": "../../dev/null" })),
        header(json!({ "kid": "' OR 1=1 --" })),
        header(json!({ "kid": "https://evil.example/key" })),
        header(json!({ "kid": "k".repeat(10_000) })),
        header(json!({ "kid": "" })),
        header(json!({ "kid": null })),
        header(json!({ "kid": 7 })),
        header(json!({ "pad": "p".repeat(40_000) })),
        r#"{"typ":"at+jwt","alg":"ES256"}"#.to_owned(),
        "[".repeat(100),
    ];
    headers.iter().map(|header| forger.sign(header, &claims)).collect()
}

/// J06, J09, J10: the signature is good, by a key of ours, and the rest is not what it must be.
#[tokio::test]
async fn what_is_signed_must_also_be_right_rfc9068_4() {
    let (app, client, reader) = stage("ES256").await;
    let forger = Forger::new();
    forger.is_trusted_by(&app);
    app.tend_keys().await;
    let now = app.clock.now().timestamp();
    let good = json!({
        "iss": ISSUER, "sub": client.id, "aud": "https://orders.test", "client_id": client.id,
        "scope": "orders:read", "iat": now, "exp": now + 60, "jti": uuid::Uuid::from_u128(7).to_string(),
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims.to_string()
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().expect("members").remove(name);
        claims.to_string()
    };
    let header = forger.header();
    assert!(
        app.is_active(&reader, &forger.sign(&header, &good.to_string())).await,
        "or the rest shows nothing"
    );

    let mut claims = vec![
        with("iss", json!("https://id.test/")),
        with("iss", json!("https://evil.example")),
        with("sub", json!(ADA.id().to_string())),
        with("sub", json!("somebody")),
        with("client_id", json!("somebody")),
        with("aud", json!("https://people.test")),
        with("aud", json!([])),
        with("exp", json!(now)),
        with("exp", json!(-1)),
        with("exp", json!((now + 60).to_string())),
        with("exp", json!(i64::MAX)),
        with("iat", json!("now")),
        with("nbf", json!(now + 30)),
        with("nbf", json!("now")),
        with("jti", json!("x")),
        with("scope", json!(["orders:read"])),
        with("scope", json!("users:write")),
        good.to_string().replace(&format!("\"exp\":{}", now + 60), "\"exp\":1e400"),
        good.to_string().replace("\"iat\"", "\"iat\":1,\"iat\""),
        "[".repeat(100),
        String::new(),
    ];
    claims.extend(["iss", "sub", "aud", "client_id", "exp", "iat", "jti"].map(without));
    for claims in claims {
        let told = app.introspect(&reader, &forger.sign(&header, &claims)).await;
        assert_eq!(told, json!({ "active": false }), "{claims}");
    }
    for header in [
        header.replace("at+jwt", "JWT"),
        header.replace("at+jwt", "logout+jwt"),
        header.replace("ES256", "ES384"),
        header.replace('{', r#"{"crit":["exp"],"#),
        header.replace('{', r#"{"b64":false,"#),
        header.replace('{', r#"{"typ":"at+jwt","#),
        header.replace(r#""typ":"at+jwt""#, r#""cty":"at+jwt""#),
    ] {
        assert_ne!(header, forger.header());
        let told = app.introspect(&reader, &forger.sign(&header, &good.to_string())).await;
        assert_eq!(told, json!({ "active": false }), "{header}");
    }
}

/// A JWT is nothing but an access token (J03): neither a code, nor a refresh token, nor a secret.
#[tokio::test]
async fn a_jwt_opens_nothing_else() {
    let (app, client, _) = stage("ES256").await;
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    client.refresh(&app, &token).await.is_error(400, "invalid_grant");
    client.redeem(&app, &token).await.is_error(400, "invalid_grant");
    let with_it = TestClient { secret: Some(token), ..client };
    with_it.own_token(&app, "orders:read").await.is_error(401, "invalid_client");
}

/// More than anybody takes is refused before it is given out.
#[tokio::test]
async fn a_jwt_that_would_be_too_long_is_refused() {
    let app = App::with(|settings| signing(settings, "ES256")).await;
    let scopes: Vec<String> = (0..80).map(|number| format!("long:{number}-{}", "s".repeat(110))).collect();
    for scope in &scopes {
        let statement = format!(
            "INSERT INTO scopes SELECT '{scope}', id, 'Something long', false FROM services WHERE name = 'orders'"
        );
        execute(&app.db, &statement).expect("a scope");
    }
    let client = app.register(&Registration {
        name: "Greedy".into(),
        grant_types: vec!["client_credentials".into()],
        scope: scopes.join(" "),
        access_token_format: Some("jwt".into()),
        ..Registration::default()
    });
    client.own_token(&app, &scopes[0]).await.is_ok();
    client.own_token(&app, &scopes.join(" ")).await.is_refusal(
        400,
        "invalid_scope",
        "the token would be too long, ask for a smaller scope",
    );
}

/// Where nothing can be signed, that is said when it is asked for.
#[test]
fn commands_ask_for_jwts_only_where_there_are_some() {
    let database = database();
    let without = Grantor::over(&database.url);
    without.run(&["migrate"]).is_done();
    let words = "there are no JWTs without a master key: set signing.master_key, for the server, too (docs/settings.md)";
    let client = ["client", "add", "Shop", "--grant", "client_credentials", "--access-token-format"];
    let service = ["service", "add", "maps", "--access-token-format"];
    let with = Grantor::with(&[
        ("GRANTOR_DATABASE__URL", database.url.as_str()),
        ("GRANTOR_SIGNING__MASTER_KEY", MASTER_KEY),
    ]);
    for command in [&client[..], &service[..]] {
        let as_format = |format| [command, &[format]].concat();
        without.run(&as_format("jwt")).is_refused(words);
        with.run(&as_format("saml")).is_refused("saml is no format of tokens; there are opaque and jwt");
    }
    let id = text(&with.json(&[&client[..], &["jwt"]].concat())["client_id"]);
    assert_eq!(with.json(&["client", "show", &id])["access_token_format"], "jwt");
    assert_eq!(with.json(&[&service[..], &["jwt"]].concat())["access_token_format"], "jwt");
    let id = text(&without.json(&[&client[..], &["opaque"]].concat())["client_id"]);
    assert_eq!(without.json(&["client", "show", &id])["access_token_format"], "opaque");
}
