//! One virtual user: a connection, and what one answer brought for the next request.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::cast::{self, API, APP, Client, MACHINE};
use crate::http::{Answer, Connection};

const TOKEN: &str = "/oauth/token";

/// Somebody who sends one request after the other.
pub struct Visitor {
    connection: Connection,
    random: SystemRandom,
    /// The header with the session's cookie, a whole line; empty without a session.
    cookie: String,
    /// Replaced by each refresh.
    refresh_token: String,
}

impl Visitor {
    /// Connects.
    pub async fn arrive(host: SocketAddr) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(host).await?,
            random: SystemRandom::new(),
            cookie: String::new(),
            refresh_token: String::new(),
        })
    }

    /// Connects anew, and remembers what it knew.
    pub async fn come_back(&mut self, host: SocketAddr) -> Result<()> {
        self.connection = Connection::open(host).await?;
        Ok(())
    }

    /// Signs in as this person, and allows the app what it will ask for.
    pub async fn sign_in(&mut self, host: SocketAddr, identifier: &str) -> Result<()> {
        self.come_back(host).await?;
        let page = self.connection.get(format_args!("/login"), "").await?.expect(200)?;
        let csrf = page.hidden("/login", "csrf").context("the sign-in form")?.to_owned();
        let cookie = page.cookie().context("a cookie with the sign-in form")?;
        let before = format!("cookie: {cookie}\r\n");
        let password = cast::PASSWORD.replace(' ', "+");
        let form = format_args!("csrf={csrf}&identifier={identifier}&password={password}");
        let answer = self.connection.post("/login", &before, form).await?.expect(303)?;
        let cookie = answer.cookie().context("a cookie with the session")?;
        self.cookie = format!("cookie: {cookie}\r\n");
        self.allow().await
    }

    /// Answers the consent page, once; afterwards the grant is remembered.
    async fn allow(&mut self) -> Result<()> {
        let (_, challenge) = self.pkce()?;
        let answer = self.authorize(&challenge).await?.expect(303)?;
        let page = answer.header("location").context("the way to the consent page")?.to_owned();
        let page = self.connection.get(format_args!("{page}"), &self.cookie).await?.expect(200)?;
        let field = |name| page.hidden("/oauth/consent", name).map(str::to_owned);
        let csrf = field("csrf").context("the consent form")?;
        let interaction = field("interaction").context("the consent form's interaction")?;
        let form = format_args!("csrf={csrf}&interaction={interaction}&answer=allow");
        let answer = self.connection.post("/oauth/consent", &self.cookie, form).await?.expect(303)?;
        code(&answer)?;
        Ok(())
    }

    async fn authorize(&mut self, challenge: &str) -> Result<Answer<'_>> {
        let path = format_args!(
            "/oauth/authorize?response_type=code&client_id={}&redirect_uri={}&scope={}&state={challenge}\
             &code_challenge={challenge}&code_challenge_method=S256",
            APP.id,
            cast::REDIRECT_URI_ENCODED,
            cast::SCOPE_ENCODED,
        );
        self.connection.get(path, &self.cookie).await
    }

    /// The whole flow: asks for a code with the session there is, and redeems it.
    pub async fn code_flow(&mut self) -> Result<()> {
        let (verifier, challenge) = self.pkce()?;
        let code = code(&self.authorize(&challenge).await?.expect(303)?)?.to_owned();
        let form = format_args!(
            "grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={verifier}",
            cast::REDIRECT_URI_ENCODED
        );
        let answer = self.connection.post(TOKEN, &APP.basic, form).await?.expect(200)?;
        answer.member("access_token").context("an access token")?;
        let refresh_token = answer.member("refresh_token").context("a refresh token")?;
        refresh_token.clone_into(&mut self.refresh_token);
        Ok(())
    }

    /// Exchanges the refresh token for its successor.
    pub async fn refresh(&mut self) -> Result<()> {
        let form = format_args!("grant_type=refresh_token&refresh_token={}", self.refresh_token);
        let answer = self.connection.post(TOKEN, &APP.basic, form).await?.expect(200)?;
        let next = answer.member("refresh_token").context("a refresh token")?;
        next.clone_into(&mut self.refresh_token);
        Ok(())
    }

    /// Gets a refresh token, if it has none.
    pub async fn have_refresh_token(&mut self, host: SocketAddr) -> Result<()> {
        if self.refresh_token.is_empty() {
            self.come_back(host).await?;
            self.code_flow().await?;
        }
        Ok(())
    }

    /// A token of the client's own.
    pub async fn client_credentials(&mut self, client: &Client) -> Result<&str> {
        let form = format_args!("grant_type=client_credentials&scope={}", cast::SCOPE_ENCODED);
        let answer = self.connection.post(TOKEN, &client.basic, form).await?.expect(200)?;
        answer.member("access_token").context("an access token")
    }

    /// Asks whether a token is good, which it must be.
    pub async fn introspect(&mut self, token: &str) -> Result<()> {
        let form = format_args!("token={token}");
        let answer = self.connection.post("/oauth/introspect", &API.basic, form).await?.expect(200)?;
        ensure!(answer.body.contains("\"active\":true"), "a live token is not active: {}", answer.body);
        Ok(())
    }

    /// Asks whether a bearer may make a call, and has it counted.
    pub async fn ask_to_call(&mut self, token: &str) -> Result<()> {
        let form = format_args!(
            "token={token}&service={}&method=GET&path=/7&ip=192.0.2.1&consume=1",
            cast::AUDIENCE
        );
        let answer = self.connection.post("/oauth/introspect", &API.basic, form).await?.expect(200)?;
        ensure!(answer.body.contains("\"authorized\":true"), "a good call is refused: {}", answer.body);
        Ok(())
    }

    /// Asks as a proxy does whether a call with this key may pass.
    pub async fn pass(&mut self, key: &str) -> Result<()> {
        let path = format_args!("/authz?service={}", cast::AUDIENCE);
        let head = format!("authorization: Bearer {key}\r\nx-original-method: GET\r\nx-original-uri: /7\r\n");
        self.connection.get(path, &head).await?.expect(200)?;
        Ok(())
    }

    /// Takes a token back.
    pub async fn revoke(&mut self, token: &str) -> Result<()> {
        let form = format_args!("token={token}");
        self.connection.post("/oauth/revoke", &MACHINE.basic, form).await?.expect(200)?;
        Ok(())
    }

    /// Reads a public document.
    pub async fn read(&mut self, path: &str) -> Result<String> {
        let answer = self.connection.get(format_args!("{path}"), "").await?.expect(200)?;
        Ok(answer.body.to_owned())
    }

    /// Reads a public document, and throws it away.
    pub async fn fetch(&mut self, path: &str) -> Result<()> {
        self.connection.get(format_args!("{path}"), "").await?.expect(200)?;
        Ok(())
    }

    /// A new verifier, and its challenge (RFC 7636 §4.2).
    fn pkce(&self) -> Result<(String, String)> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes).map_err(|_| anyhow::anyhow!("no randomness"))?;
        let verifier = URL_SAFE_NO_PAD.encode(bytes);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        Ok((verifier, challenge))
    }
}

/// The code in the redirect to the app.
fn code<'a>(answer: &Answer<'a>) -> Result<&'a str> {
    let location = answer.header("location").context("a redirect")?;
    let query = location.strip_prefix(cast::REDIRECT_URI).and_then(|rest| rest.strip_prefix('?'));
    let code = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("code=")));
    code.with_context(|| format!("no code in the redirect to {location}"))
}
