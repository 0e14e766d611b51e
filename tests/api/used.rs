//! When and how often a bearer was used: one rule, whatever the bearer is and whoever asks.

use chrono::Duration;
use grantor::audit::Actor;
use grantor::clients::registration::Registration;
use grantor::credentials::CredentialKind;
use grantor::credentials::wish::Wish;
use grantor::services::access::let_call;
use grantor::services::registration::{Registration as NewService, register};
use serde_json::{Value, json};

use crate::management::Voice;
use crate::support::{ADA, Answer, App, TestClient, web_registration};

/// A bearer, and where the management API tells how it was used.
struct Used {
    bearer: Voice,
    listing: &'static str,
    /// What its row says there, and where the count stands in it.
    row: (&'static str, String),
    count: &'static str,
}

impl Used {
    /// When last, and how often.
    async fn told(&self, app: &App, admin: &Voice) -> (Value, Value) {
        let listed = app.get_api(admin, self.listing).await;
        listed.is(200);
        let rows = listed.json()["data"].as_array().cloned().expect("rows");
        let row = rows.iter().find(|row| row[self.row.0] == json!(self.row.1)).expect("the bearer");
        (row["last_used_at"].clone(), row[self.count].clone())
    }
}

/// A key, a personal token and an access token for `orders` and for the management API; and an API that may ask about
/// everything.
fn scene(app: &App, token: String, client: &TestClient) -> [Used; 3] {
    let org = app.org("Acme", None);
    for principal in [org, ADA.id()] {
        app.operator(|work| let_call(work, Actor::Operator, "orders", principal));
    }
    let named = |name: &str| Wish { name: name.into(), scope: "orders:read".into(), ..Wish::default() };
    let of_credential = |kind, owner, listing| Used {
        bearer: app.made(kind, owner, &named("the one")),
        listing,
        row: ("name", "the one".to_owned()),
        count: "request_count",
    };
    [
        of_credential(CredentialKind::ApiKey, org, "/keys"),
        of_credential(CredentialKind::PersonalToken, ADA.id(), "/pats"),
        Used {
            bearer: Voice(token),
            listing: "/me/grants",
            row: ("client_id", client.id.clone()),
            count: "calls",
        },
    ]
}

async fn token_for_us(app: &App) -> (TestClient, String) {
    let service = NewService {
        name: "own".into(),
        audience: Some(app.settings.issuer.clone()),
        scopes: vec!["own:read=Read what is yours".into()],
        ..NewService::default()
    };
    app.operator(|work| register(work, Actor::Operator, &service).map(Ok)).expect("a service");
    let scope = "orders:read own:read";
    let client = app.register(&Registration { scope: scope.into(), ..web_registration() });
    let token = client.tokens_of_ada(app, scope).await.text("access_token");
    (client, token)
}

fn server_for(app: &App, audience: &str) -> TestClient {
    let introspection_audiences = vec![audience.into()];
    app.register(&Registration { introspection_audiences, ..web_registration() })
}

const GET: [(&str, &str); 3] = [("service", "orders"), ("method", "GET"), ("path", "/orders/7")];
const POST: [(&str, &str); 4] =
    [("service", "orders"), ("method", "POST"), ("path", "/orders"), ("consume", "1")];

async fn asked(node: &App, server: &TestClient, bearer: &Voice, more: &[(&str, &str)]) -> Value {
    let form = [&[("token", bearer.0.as_str())], more].concat();
    let answer = node.machine("/oauth/introspect", server, &form).await;
    answer.is_ok();
    answer.json()
}

async fn proxied(node: &App, service: &str, bearer: &Voice) -> Answer {
    let asked = node.request("GET", &format!("/authz?service={service}")).bearer_auth(&bearer.0);
    Answer::to(asked.header("x-original-method", "GET").header("x-original-uri", "/7")).await
}

/// What lets it through is a use, and each counts once; what is refused is none. What a node has noted is written when it
/// ends.
#[tokio::test]
async fn a_bearer_is_used_whenever_it_is_let_through_and_never_when_it_is_refused() {
    let app = App::for_proxies().await;
    app.promote_ada();
    let admin = app.voice_of(ADA, "keys:read pats:read");
    let (client, token) = token_for_us(&app).await;
    let (all, foreign) = (server_for(&app, "*"), server_for(&app, "https://people.test"));
    let bearers = scene(&app, token, &client);
    for used in &bearers {
        assert_eq!(used.told(&app, &admin).await.1, 0, "{}", used.listing);
    }

    let node = app.second_node().await;
    for use_ in 0..5 {
        app.clock.advance(Duration::seconds(10));
        for Used { bearer, listing, .. } in &bearers {
            let answered = match use_ {
                0 => asked(&node, &all, bearer, &[]).await["active"] == true,
                1 => {
                    asked(&node, &all, bearer, &[&GET[..], &[("consume", "1")]].concat()).await["authorized"]
                        == true
                }
                2 => asked(&node, &all, bearer, &GET).await["authorized"] == true,
                3 => proxied(&node, "orders", bearer).await.status == 200,
                _ => node.get_api(bearer, "/me").await.status == 200,
            };
            assert!(answered, "{listing}, {use_}");
        }
    }
    let last = app.clock.now();
    node.stop().await;
    let expected = (json!(last), json!(5));
    for used in &bearers {
        assert_eq!(used.told(&app, &admin).await, expected, "{}", used.listing);
    }

    app.clock.advance(Duration::seconds(10));
    let node = app.second_node().await;
    for Used { bearer, listing, .. } in &bearers {
        assert_eq!(asked(&node, &foreign, bearer, &[]).await, json!({ "active": false }), "{listing}");
        assert_eq!(asked(&node, &all, bearer, &POST).await["reason"], "insufficient_scope", "{listing}");
        proxied(&node, "people", bearer).await.is(403);
        node.get_api(bearer, "/keys").await.is_problem(403, "insufficient_scope");
    }
    node.stop().await;
    for used in &bearers {
        assert_eq!(used.told(&app, &admin).await, expected, "{}", used.listing);
    }

    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for (page, words) in
        [("/account/tokens", "<dt>Used</dt><dd>5 times</dd>"), ("/account/apps", "<dt>Calls</dt><dd>5</dd>")]
    {
        let page = browser.get(page).await;
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
}
