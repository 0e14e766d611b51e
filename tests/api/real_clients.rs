//! The client that Rust applications have (the crate `oauth2`), unchanged, through every flow.

use std::future::Future;
use std::pin::Pin;

use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::http::{Request, Response};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, ConfigurationError,
    CsrfToken, EndpointNotSet, EndpointSet, IntrospectionUrl, PkceCodeChallenge, RedirectUrl, RefreshToken,
    RequestTokenError, RevocationErrorResponseType, RevocationUrl, Scope, StandardRevocableToken,
    TokenIntrospectionResponse as _, TokenResponse as _, TokenUrl,
};

use crate::support::{ADA, App, Browser, ISSUER, TestClient};

/// A client that knows every endpoint but the device's.
type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;

/// The crate's HTTP, over ours. The server calls itself by an `https` name, which the crate insists on for
/// revocation; as behind a proxy that does TLS, the name leads to where the server listens.
struct Proxy<'a>(&'a App);

/// What went wrong on the way; nothing does.
#[derive(Debug)]
struct Lost(String);

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

impl<'c> AsyncHttpClient<'c> for Proxy<'_> {
    type Error = Lost;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Lost>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(async move {
            let lost = |error: &dyn std::fmt::Display| Lost(error.to_string());
            let (head, body) = request.into_parts();
            let url = head.uri.to_string().replacen(ISSUER, &self.0.address, 1);
            let request = self.0.http.request(head.method, url).headers(head.headers).body(body);
            let answer = request.send().await.map_err(|error| lost(&error))?;
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                response = response.header(name, value);
            }
            let body = answer.bytes().await.map_err(|error| lost(&error))?.to_vec();
            response.body(body).map_err(|error| lost(&error))
        })
    }
}

/// The client as its application configures it from our metadata.
async fn client(app: &App, registered: &TestClient, auth_type: AuthType) -> Client {
    let metadata = app.get("/.well-known/oauth-authorization-server").await;
    let url = |name: &str| metadata.text(name);
    let mut client = BasicClient::new(ClientId::new(registered.id.clone()));
    if let Some(secret) = &registered.secret {
        client = client.set_client_secret(ClientSecret::new(secret.clone()));
    }
    if let Ok(redirect) = RedirectUrl::new(registered.redirect_uri.clone()) {
        client = client.set_redirect_uri(redirect);
    }
    client
        .set_auth_type(auth_type)
        .set_auth_uri(AuthUrl::new(url("authorization_endpoint")).expect("a URL"))
        .set_token_uri(TokenUrl::new(url("token_endpoint")).expect("a URL"))
        .set_introspection_url(IntrospectionUrl::new(url("introspection_endpoint")).expect("a URL"))
        .set_revocation_url(RevocationUrl::new(url("revocation_endpoint")).expect("a URL"))
}

/// Code with PKCE, to the tokens: the browser's part is Ada's.
async fn tokens_of_ada(client: &Client, app: &App, browser: &mut Browser<'_>) -> BasicTokenResponse {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("orders:read".into()))
        .add_scope(Scope::new("orders:write".into()))
        .set_pkce_challenge(challenge)
        .url();
    let path = url.as_str().strip_prefix(ISSUER).expect("our own address");
    let mut page = browser.get(path).await;
    if page.is_login() {
        page = browser.log_in_on(&page, ADA).await;
    }
    let page = browser.allow(page).await;
    assert_eq!(page.returned("state").as_deref(), Some(state.secret().as_str()));
    let code = page.returned("code").expect("a code");
    client
        .exchange_code(AuthorizationCode::new(code))
        .set_pkce_verifier(verifier)
        .request_async(&Proxy(app))
        .await
        .expect("tokens")
}

/// The whole life of a token, with the client authenticating in this way.
async fn drives_every_flow(auth_type: AuthType) {
    let app = App::start().await;
    let http = Proxy(&app);
    let registered = app.web_client();
    let server = client(&app, &app.resource_server(), auth_type.clone()).await;
    let client = client(&app, &registered, auth_type).await;
    let active = async |token: &oauth2::AccessToken| {
        server.introspect(token).request_async(&http).await.expect("an answer").active()
    };

    let first = tokens_of_ada(&client, &app, &mut app.browser()).await;
    let scopes: Vec<&str> = first.scopes().expect("scopes").iter().map(|scope| scope.as_str()).collect();
    assert_eq!(scopes, ["orders:read", "orders:write"]);
    assert_eq!(first.expires_in(), Some(std::time::Duration::from_secs(600)));
    let told = server.introspect(first.access_token()).request_async(&http).await.expect("an answer");
    assert!(told.active());
    assert_eq!(told.sub(), Some(ADA.id().to_string().as_str()));
    assert_eq!(told.client_id().map(|id| id.as_str()), Some(registered.id.as_str()));
    assert_eq!(told.aud().map(Vec::as_slice), Some(&["https://orders.test".to_owned()][..]));

    let refresh = first.refresh_token().expect("a refresh token");
    let second = client.exchange_refresh_token(refresh).request_async(&http).await.expect("tokens");
    assert!(active(second.access_token()).await);
    let newest = second.refresh_token().expect("a refresh token");

    // An access token dies alone; a refresh token takes all of its family.
    let revoke = async |token: StandardRevocableToken| {
        let request = client.revoke_token(token).expect("an https address");
        request.request_async(&http).await.expect("an answer");
    };
    revoke(second.access_token().into()).await;
    assert!(!active(second.access_token()).await);
    assert!(active(first.access_token()).await);
    revoke(newest.into()).await;
    assert!(!active(first.access_token()).await);
    let refused = client.exchange_refresh_token(newest).request_async(&http).await;
    let Err(RequestTokenError::ServerResponse(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.error().as_ref(), "invalid_grant");

    let own = client.exchange_client_credentials().add_scope(Scope::new("orders:read".into()));
    let own = own.request_async(&http).await.expect("a token");
    assert!(own.refresh_token().is_none());
    assert!(active(own.access_token()).await);
}

/// T07: the crate form-encodes id and secret before it makes Basic of them.
#[tokio::test]
async fn the_crate_oauth2_drives_every_flow_with_basic() {
    drives_every_flow(AuthType::BasicAuth).await;
}

#[tokio::test]
async fn the_crate_oauth2_drives_every_flow_with_credentials_in_the_body() {
    drives_every_flow(AuthType::RequestBody).await;
}

/// RFC 6749 §2.1: an app without a secret, by code, refresh and revocation.
#[tokio::test]
async fn the_crate_oauth2_drives_a_public_client() {
    let app = App::start().await;
    let http = Proxy(&app);
    let client = client(&app, &app.public_client(), AuthType::BasicAuth).await;
    let tokens = tokens_of_ada(&client, &app, &mut app.browser()).await;
    let refresh = tokens.refresh_token().expect("a refresh token");
    let again = client.exchange_refresh_token(refresh).request_async(&http).await.expect("tokens");
    let newest: &RefreshToken = again.refresh_token().expect("a refresh token");
    client
        .revoke_token(newest.into())
        .expect("an https address")
        .request_async(&http)
        .await
        .expect("an answer");
    assert!(!app.is_active(&app.resource_server(), again.access_token().secret()).await);
}

/// What the server refuses reaches the application as the error it is, RFC 6749 §5.2 and RFC 7009 §2.2.1.
#[tokio::test]
async fn the_crate_oauth2_reads_our_refusals() {
    let app = App::start().await;
    let http = Proxy(&app);
    let registered = app.web_client();
    let good = client(&app, &registered, AuthType::BasicAuth).await;
    good.exchange_client_credentials().request_async(&http).await.expect("a token");

    let stranger = TestClient { secret: Some("wrong".into()), ..registered.clone() };
    let bad = client(&app, &stranger, AuthType::RequestBody).await;
    let refused = bad.exchange_client_credentials().request_async(&http).await;
    let Err(RequestTokenError::ServerResponse(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.error().as_ref(), "invalid_client");
    assert_eq!(refused.error_description().map(String::as_str), Some("client authentication failed"));

    // A secret is no token that could be revoked.
    let secret = oauth2::AccessToken::new(registered.secret.clone().expect("a secret"));
    let refused = good.revoke_token(secret.into()).expect("an https address").request_async(&http).await;
    let Err(RequestTokenError::ServerResponse(refused)) = refused else { panic!("{refused:?}") };
    assert!(matches!(refused.error(), RevocationErrorResponseType::UnsupportedTokenType));
}

/// The crate revokes at https addresses only (RFC 7009 §2), so an issuer on plain http is for trying things out.
#[tokio::test]
async fn the_crate_oauth2_revokes_over_https_only() {
    let app = App::start().await;
    let client = client(&app, &app.web_client(), AuthType::BasicAuth).await;
    let token = || StandardRevocableToken::from(oauth2::AccessToken::new("gat_x".into()));
    assert!(client.revoke_token(token()).is_ok());
    let plain = RevocationUrl::new(format!("{}/oauth/revoke", app.address)).expect("a URL");
    let plain = client.set_revocation_url(plain);
    assert!(matches!(plain.revoke_token(token()), Err(ConfigurationError::InsecureUrl(_))));
}
