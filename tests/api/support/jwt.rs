//! JWTs as others see them: taken apart, verified and forged without the help of ours.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use grantor::app::settings::Settings;
use grantor::clients::registration::Registration;
use grantor::signing::rotation::{Maker, revoke, rotate};
use grantor::signing::{Algorithm, MasterKey};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{App, TestClient, execute, web_registration};

/// What seals signing keys in tests.
pub const MASTER_KEY: &str = "a master key of more than thirty-two characters";

/// Settings with which JWTs are signed.
pub fn signing(settings: &mut Settings, algorithm: &str) {
    settings.signing.algorithm = Algorithm::parse(algorithm).expect("an algorithm");
    settings.signing.master_key = Some(MasterKey::new(MASTER_KEY.into()));
}

/// The parts of a JWT.
pub fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().unwrap_or_else(|_| panic!("no JWT: {token}"))
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

pub fn header_of(token: &str) -> Value {
    part(parts(token)[0])
}

pub fn claims_of(token: &str) -> Value {
    part(parts(token)[1])
}

/// Whether a key of a key set verifies a token, as a resource server does it.
pub fn verifies(key: &Value, token: &str) -> bool {
    let jwk: Jwk = serde_json::from_value(key.clone()).expect("a key");
    let algorithm = key["alg"].as_str().and_then(|name| name.parse().ok()).expect("an algorithm");
    let (signed, signature) = token.rsplit_once('.').expect("a JWT");
    let decoding = DecodingKey::from_jwk(&jwk).expect("a public key");
    key["kid"] == header_of(token)["kid"]
        && crypto::verify(signature, signed.as_bytes(), &decoding, algorithm).unwrap_or(false)
}

/// A key of somebody else's.
pub struct Forger {
    pub kid: String,
    pub jwk: Value,
    key: EncodingKey,
}

impl Forger {
    pub fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a key").as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, jsonwebtoken::Algorithm::ES256).expect("a key");
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).expect("a thumbprint");
        jwk.common.key_id = Some(kid.clone());
        Self { kid, jwk: serde_json::to_value(&jwk).expect("JSON"), key }
    }

    /// Signs what it is told, be it JSON or not.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(signed.as_bytes(), &self.key, jsonwebtoken::Algorithm::ES256);
        format!("{signed}.{}", signature.expect("a signature"))
    }

    /// The header that its tokens should have.
    pub fn header(&self) -> String {
        json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid }).to_string()
    }

    /// Puts its public key among those of the server: then it can say whatever it wants.
    pub fn is_trusted_by(&self, app: &App) {
        let statement = format!(
            "INSERT INTO signing_keys (kid, algorithm, public_jwk, private_key, created_at, signs_from, signs_until) \
             VALUES ('{}', 'ES256', '{}', '', '{now}', '{now}', '{now}')",
            self.kid,
            self.jwk,
            now = app.clock.now().to_rfc3339(),
        );
        execute(&app.db, &statement).expect("a key");
    }
}

impl App {
    /// An app whose access tokens are JWTs.
    pub fn jwt_client(&self) -> TestClient {
        self.register(&Registration { access_token_format: Some("jwt".into()), ..web_registration() })
    }

    /// The keys as this node shows them.
    pub async fn jwks(&self) -> Vec<Value> {
        let answer = self.get("/oauth/jwks").await;
        answer.is_ok();
        answer.json()["keys"].as_array().expect("keys").clone()
    }

    /// The `kid` of each, sorted.
    pub async fn kids(&self) -> Vec<String> {
        let keys = self.jwks().await;
        let mut kids: Vec<String> =
            keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect();
        kids.sort();
        kids
    }

    /// Makes a successor, as the operator's command does; its `kid` and when it signs.
    pub fn rotate_key(&self) -> Result<(String, DateTime<Utc>), String> {
        let settings = &self.settings.signing;
        let master = settings.master_key.as_ref().expect("a master key");
        let made = self.operator(|work| rotate(work, &Maker { settings, master, by: "command" }).map(Ok));
        made.map(|key| (key.kid, key.life.signs_from)).map_err(|problem| problem.to_string())
    }

    /// Takes a key back, as the operator's command does.
    pub fn revoke_key(&self, kid: &str) -> Result<(), String> {
        let settings = &self.settings.signing;
        let master = settings.master_key.as_ref().expect("a master key");
        let maker = Maker { settings, master, by: "command" };
        let revoked = self.operator(|work| revoke(work, kid, Some(&maker)).map(Ok));
        revoked.map_err(|problem| problem.to_string())
    }
}
