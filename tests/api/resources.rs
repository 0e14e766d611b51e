//! Resource indicators (RFC 8707): a token is for whom it was asked for.

use grantor::clients::registration::Registration;
use grantor::platform::form::encode;

use crate::support::{ADA, Answer, App, Browser, TestClient, VERIFIER};

const ORDERS: &str = "https://orders.test";
const PEOPLE: &str = "https://people.test";
const BOTH: &str = "orders:read people:read";

/// The code of an authorization that names these resources.
async fn code_for(client: &TestClient, browser: &mut Browser<'_>, resources: &[&str]) -> String {
    let page = browser.get(&path_for(client, resources)).await;
    let page = if page.location().is_empty() { browser.allow(page).await } else { page };
    page.returned("code").unwrap_or_else(|| panic!("no code in {}: {}", page.location(), page.body))
}

fn path_for(client: &TestClient, resources: &[&str]) -> String {
    let named: Vec<_> = resources.iter().map(|resource| ("resource", *resource)).collect();
    format!("{}&{}", client.authorize_path(&[("scope", BOTH)]), encode(&named))
}

async fn redeem(app: &App, client: &TestClient, code: &str, resources: &[&str]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &client.redirect_uri),
        ("code_verifier", VERIFIER),
    ];
    form.extend(resources.iter().map(|resource| ("resource", *resource)));
    app.token(client, &form).await
}

async fn refresh(app: &App, client: &TestClient, token: &str, resources: &[&str]) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    form.extend(resources.iter().map(|resource| ("resource", *resource)));
    app.token(client, &form).await
}

/// What a token says of itself: its audience and its scope.
async fn meant(app: &App, answer: &Answer) -> (Vec<String>, String) {
    answer.is_ok();
    let anybody_s = Registration {
        name: "A gateway".into(),
        grant_types: vec!["client_credentials".into()],
        introspection_audiences: vec!["*".into()],
        ..Registration::default()
    };
    let told = app.introspect(&app.register(&anybody_s), &answer.text("access_token")).await;
    let audience = told["aud"].as_array().into_iter().flatten();
    let audience = audience.map(|one| one.as_str().unwrap_or_default().to_owned()).collect();
    (audience, told["scope"].as_str().unwrap_or_default().to_owned())
}

fn only_orders() -> (Vec<String>, String) {
    (vec![ORDERS.into()], "orders:read".into())
}

/// §2.2: for a client's own token the request says it all.
#[tokio::test]
async fn a_client_s_own_token_is_for_the_resource_it_names_rfc8707_2_2() {
    let app = App::start().await;
    let client = app.web_client();
    let ask = async |scope: &str, resources: &[&str]| {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend((!scope.is_empty()).then_some(("scope", scope)));
        form.extend(resources.iter().map(|resource| ("resource", *resource)));
        app.token(&client, &form).await
    };
    let both = (vec![ORDERS.into(), PEOPLE.into()], BOTH.into());
    assert_eq!(meant(&app, &ask(BOTH, &[]).await).await, both);
    assert_eq!(meant(&app, &ask(BOTH, &[ORDERS, PEOPLE]).await).await, both);
    assert_eq!(meant(&app, &ask(BOTH, &[ORDERS]).await).await, only_orders());
    assert_eq!(
        meant(&app, &ask(BOTH, &[ORDERS, ORDERS, ""]).await).await,
        only_orders(),
        "repeated and empty"
    );
    let all_there = (vec![ORDERS.into()], "orders:read orders:write".into());
    assert_eq!(meant(&app, &ask("", &[ORDERS]).await).await, all_there, "without a scope");
    for (scope, resources) in [
        (BOTH, &["https://nobody.test"][..]),
        (BOTH, &[ORDERS, "https://nobody.test"]),
        (BOTH, &["https://orders.test/"]),
        (BOTH, &["https://orders.test https://people.test"]),
        (BOTH, &["https://orders.test\nhttps://people.test"]),
        // There is such a resource, but nothing of what is asked for is of use there.
        ("orders:read", &[PEOPLE]),
    ] {
        ask(scope, resources).await.is_error(400, "invalid_target");
    }
}

/// §2.1: what the authorization named is kept, through sign-in and consent, and bounds what its tokens are for.
#[tokio::test]
async fn what_the_authorization_named_bounds_its_tokens_c13_rfc8707_2_1() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;

    let code = code_for(&client, &mut browser, &[ORDERS]).await;
    redeem(&app, &client, &code, &[PEOPLE]).await.is_error(400, "invalid_target");
    redeem(&app, &client, &code, &["https://nobody.test"]).await.is_error(400, "invalid_target");
    // A wish too many costs nothing but the wish.
    let tokens = redeem(&app, &client, &code, &[]).await;
    assert_eq!(meant(&app, &tokens).await, only_orders());
    refresh(&app, &client, &tokens.text("refresh_token"), &[PEOPLE]).await.is_error(400, "invalid_target");
    let next = refresh(&app, &client, &tokens.text("refresh_token"), &[]).await;
    assert_eq!(meant(&app, &next).await, only_orders());
}

/// §2.2: an authorization for several gives tokens for each; RFC 6749 §6: the next refresh is not narrowed by it.
#[tokio::test]
async fn a_token_may_be_for_fewer_than_were_authorized_rfc8707_2_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for named in [&[ORDERS, PEOPLE][..], &[]] {
        let code = code_for(&client, &mut browser, named).await;
        let tokens = redeem(&app, &client, &code, &[ORDERS]).await;
        assert_eq!(meant(&app, &tokens).await, only_orders(), "{named:?}");
        let people = refresh(&app, &client, &tokens.text("refresh_token"), &[PEOPLE]).await;
        assert_eq!(meant(&app, &people).await, (vec![PEOPLE.into()], "people:read".into()), "{named:?}");
        let all = refresh(&app, &client, &people.text("refresh_token"), &[]).await;
        assert_eq!(meant(&app, &all).await, (vec![ORDERS.into(), PEOPLE.into()], BOTH.into()), "{named:?}");
    }
}

/// F-grace: the same token with another resource is another request, which gets no answer and does no harm.
#[tokio::test]
async fn a_repeated_refresh_for_another_resource_is_not_a_repeated_refresh() {
    let app = App::start().await;
    let client = app.web_client();
    let tokens = client.tokens_of_ada(&app, BOTH).await;
    let old = tokens.text("refresh_token");
    let first = refresh(&app, &client, &old, &[ORDERS]).await;
    first.is_ok();
    for others in [&[][..], &[PEOPLE], &[ORDERS, PEOPLE]] {
        refresh(&app, &client, &old, others).await.is_error(400, "invalid_grant");
    }
    assert_eq!(refresh(&app, &client, &old, &[ORDERS]).await.body, first.body);
    refresh(&app, &client, &first.text("refresh_token"), &[]).await.is_ok();
}

/// §2: the app is told, and nobody is asked to allow what could not be used there.
#[tokio::test]
async fn an_authorization_for_an_unknown_resource_is_refused_rfc8707_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    for resources in [&["https://nobody.test"][..], &[ORDERS, "https://nobody.test"]] {
        let page = browser.get_once(&path_for(&client, resources)).await;
        assert_eq!(page.returned("error").as_deref(), Some("invalid_target"), "{resources:?}");
        assert_eq!(page.returned("state").as_deref(), Some("the-state"));
    }
    browser.sign_in(ADA).await;
    let page = browser.get(&path_for(&client, &[ORDERS])).await;
    assert!(page.body.contains("Read your orders"), "{}", page.body);
    assert!(!page.body.contains("See the people you know"), "{}", page.body);
}
