//! The one eligibility rule (`kernel::Standing`), at every grant and every face: a table of what still works
//! after each way of ending something.

use chrono::Duration;
use grantor::accounts::organizations::{self, NewOrganization, OrganizationName};
use grantor::accounts::store::{set_disabled, set_password};
use grantor::audit::Actor;
use grantor::clients::registration::{Registration, disable};
use grantor::grants::ending::end_everywhere;
use grantor::grants::store::revoke_families_of;
use grantor::kernel::{ClientId, Denial, PlanId, PrincipalId};

use crate::support::{ADA, Answer, App, Browser, Form, Page, TestClient, told, web_registration};

const BOTH: &str = "orders:read orders:write";

/// What is asked, in this order. Each has material of its own, issued before.
const FACES: [&str; 8] = [
    "authorize, with a live session",
    "redeem a code",
    "refresh",
    "refresh again within the grace",
    "introspect an access token",
    "introspect one's own refresh token",
    "client credentials",
    "introspect a client's own token",
];

/// While everything stands.
const BEFORE: [&str; 8] = [
    "a code",
    "200 orders:read orders:write",
    "200 orders:read orders:write",
    "200 orders:read orders:write",
    "active orders:read orders:write",
    "active orders:read orders:write",
    "200 orders:read orders:write",
    "active orders:read orders:write",
];

/// A client of an organization's, somebody signed in, and a resource server.
struct Scene<'a> {
    app: &'a App,
    org: PrincipalId,
    client: TestClient,
    server: TestClient,
    browser: Browser<'a>,
}

/// One of each bearer, each of a family of its own.
struct Material {
    code: String,
    living: String,
    consumed: String,
    access: String,
    refresh: String,
    own: String,
}

impl<'a> Scene<'a> {
    async fn set(app: &'a App) -> Self {
        let name = OrganizationName::parse("Acme").expect("a name");
        let new = NewOrganization { name, plan: PlanId::first(), owner: None };
        let org = app
            .operator(|work| Ok(organizations::create(work, Actor::Operator, &new)?.map_err(Denial::from)));
        let client = app.register(&Registration {
            account: Some(org),
            introspection_audiences: vec!["https://orders.test".into()],
            ..web_registration()
        });
        let mut browser = app.browser();
        browser.sign_in(ADA).await;
        Self { app, org, client, server: app.resource_server(), browser }
    }

    async fn tokens(&mut self) -> Answer {
        let code = self.client.code_from(&mut self.browser, BOTH).await;
        let answer = self.client.redeem(self.app, &code).await;
        answer.is_ok();
        answer
    }

    async fn prepare(&mut self) -> Material {
        let living = self.tokens().await.text("refresh_token");
        let consumed = self.tokens().await.text("refresh_token");
        self.client.refresh(self.app, &consumed).await.is_ok();
        let pair = self.tokens().await;
        let own = self.client.own_token(self.app, BOTH).await;
        Material {
            living,
            consumed,
            access: pair.text("access_token"),
            refresh: pair.text("refresh_token"),
            own: own.text("access_token"),
            code: self.client.code_from(&mut self.browser, BOTH).await,
        }
    }

    /// What each face answers, in a few words.
    async fn look(&mut self, material: &Material) -> Vec<String> {
        let (app, client) = (self.app, self.client.clone());
        let page = self.browser.get(&client.authorize_path(&[("scope", BOTH)])).await;
        vec![
            led_to(&page),
            issued(&client.redeem(app, &material.code).await),
            issued(&client.refresh(app, &material.living).await),
            issued(&client.refresh(app, &material.consumed).await),
            self.asked(&self.server, &material.access).await,
            self.asked(&client, &material.refresh).await,
            issued(&client.own_token(app, BOTH).await),
            self.asked(&self.server, &material.own).await,
        ]
    }

    async fn asked(&self, caller: &TestClient, token: &str) -> String {
        let answer = self.app.machine("/oauth/introspect", caller, &[("token", token)]).await;
        if answer.status != 200 {
            return format!("{} {}", answer.status, answer.error());
        }
        if answer.body == r#"{"active":false}"# {
            return "inactive".into();
        }
        format!("active {}", answer.text("scope"))
    }

    /// Another browser of the same person's, on the page of connected apps.
    async fn apps_page(&self) -> (Browser<'a>, Page) {
        let mut browser = self.app.browser();
        browser.sign_in(ADA).await;
        let page = browser.get("/account/apps").await;
        (browser, page)
    }
}

fn led_to(page: &Page) -> String {
    if page.returned("code").is_some() {
        "a code".into()
    } else if page.is_login() {
        "sign in".into()
    } else if page.is_consent() {
        "consent".into()
    } else {
        assert_eq!(page.status, 400, "{}", page.body);
        assert_eq!(page.location(), "");
        "a page that refuses".into()
    }
}

fn issued(answer: &Answer) -> String {
    if answer.status == 200 {
        format!("200 {}", answer.text("scope"))
    } else {
        format!("{} {}", answer.status, answer.error())
    }
}

/// The form of the page of connected apps that takes back this scope, or everything.
fn taking_back(page: &Page, scope: Option<&str>) -> Form {
    let mut forms = page.forms().into_iter();
    let found = forms.find(|form| form.action.ends_with("/revoke") && form.field("scope") == scope);
    found.unwrap_or_else(|| panic!("no such form: {}", page.body))
}

#[track_caller]
fn compare(when: &str, found: &[String], expected: [&str; 8]) {
    let told = |words: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        FACES.iter().zip(words).map(|(face, word)| format!("{face}: {word}")).collect()
    };
    assert_eq!(told(&mut found.iter().map(String::as_str)), told(&mut expected.into_iter()), "{when}");
}

/// Everything works; then something ends; then `after` is what is left.
async fn table(end: impl AsyncFnOnce(&mut Scene<'_>), after: [&str; 8]) {
    let app = App::start().await;
    let mut scene = Scene::set(&app).await;
    let first = scene.prepare().await;
    let second = scene.prepare().await;
    compare("before", &scene.look(&first).await, BEFORE);
    end(&mut scene).await;
    compare("after", &scene.look(&second).await, after);
}

/// L05, T27's twin for a person: also while nothing else has ended yet.
#[tokio::test]
async fn a_disabled_person_acts_nowhere() {
    let end = async |scene: &mut Scene<'_>| {
        assert!(scene.app.operator(|work| Ok(Ok(set_disabled(work, ADA.id(), true)?))));
        let mut browser = scene.app.browser();
        let page = browser.get("/login").await;
        let page = browser.log_in_on(&page, ADA).await;
        assert_eq!(page.status, 403, "a new sign-in");
    };
    table(
        end,
        [
            "sign in",
            "400 invalid_grant",
            "400 invalid_grant",
            "400 invalid_grant",
            "inactive",
            "inactive",
            "200 orders:read orders:write",
            "active orders:read orders:write",
        ],
    )
    .await;
}

/// T27
#[tokio::test]
async fn a_disabled_client_acts_nowhere_rfc6749_5_2() {
    let end = async |scene: &mut Scene<'_>| {
        let id = ClientId::parse(&scene.client.id).expect("a client_id");
        scene
            .app
            .operator(|work| Ok(disable(work, Actor::Operator, &id, true)?.map_err(|_| Denial::NotFound)));
    };
    table(end, CLIENT_OVER).await;
}

/// An account that is disabled stops everything beneath it.
#[tokio::test]
async fn a_client_of_a_disabled_organization_acts_nowhere() {
    let end = async |scene: &mut Scene<'_>| {
        let disabled = scene.app.operator(|work| {
            let disabled = organizations::set_disabled(work, Actor::Operator, scene.org, true)?;
            Ok(disabled.map_err(Denial::from))
        });
        assert!(disabled);
    };
    table(end, CLIENT_OVER).await;
}

const CLIENT_OVER: [&str; 8] = [
    "a page that refuses",
    "401 invalid_client",
    "401 invalid_client",
    "401 invalid_client",
    "inactive",
    "401 invalid_client",
    "401 invalid_client",
    "inactive",
];

/// F13, V05
#[tokio::test]
async fn a_withdrawn_grant_ends_all_that_descends_from_it() {
    let end = async |scene: &mut Scene<'_>| {
        let (mut browser, page) = scene.apps_page().await;
        let page = browser.submit(&taking_back(&page, None), &[]).await;
        assert!(page.body.contains("disconnected"), "{}", page.body);
        assert_eq!(told(&scene.app.db, "grant.withdrawn").len(), 1);
    };
    table(
        end,
        [
            "consent",
            "400 invalid_grant",
            "400 invalid_grant",
            "400 invalid_grant",
            "inactive",
            "inactive",
            "200 orders:read orders:write",
            "active orders:read orders:write",
        ],
    )
    .await;
}

/// F13: the repeated answer is the same to the byte, but what it gave may do no more than any other.
#[tokio::test]
async fn a_scope_taken_back_is_gone_everywhere_at_once() {
    let end = async |scene: &mut Scene<'_>| {
        let consumed = scene.tokens().await.text("refresh_token");
        let answer = scene.client.refresh(scene.app, &consumed).await;
        let (mut browser, page) = scene.apps_page().await;
        browser.submit(&taking_back(&page, Some("orders:write")), &[]).await;
        assert_eq!(told(&scene.app.db, "grant.narrowed").len(), 1);
        let again = scene.client.refresh(scene.app, &consumed).await;
        assert_eq!(again.body, answer.body);
        let asked = scene.asked(&scene.server, &again.text("access_token")).await;
        assert_eq!(asked, "active orders:read");
    };
    table(
        end,
        [
            "consent",
            "200 orders:read",
            "200 orders:read",
            "200 orders:read orders:write",
            "active orders:read",
            "active orders:read",
            "200 orders:read orders:write",
            "active orders:read orders:write",
        ],
    )
    .await;
}

/// L14: sessions and families end with the old password; the grant stays remembered.
#[tokio::test]
async fn a_changed_password_ends_sessions_and_families() {
    let end = async |scene: &mut Scene<'_>| {
        scene.app.operator(|work| {
            set_password(work, ADA.id(), "$argon2id$v=19$m=256,t=1,p=1$YWFhYWFhYWE$AAAA")?;
            Ok(Ok(end_everywhere(work, ADA.id(), "password_changed")?))
        });
    };
    table(end, SESSIONS_AND_FAMILIES_OVER).await;
}

/// O06
#[tokio::test]
async fn signing_out_everywhere_ends_sessions_and_families() {
    let end = async |scene: &mut Scene<'_>| {
        let (mut browser, _) = scene.apps_page().await;
        let page = browser.get("/account").await;
        let form = page.form("/account/sign-out-everywhere");
        let page = browser.submit(&form, &[]).await;
        assert!(page.body.contains("You are signed out everywhere"));
        assert!(browser.get("/account/apps").await.is_login());
    };
    table(end, SESSIONS_AND_FAMILIES_OVER).await;
}

const SESSIONS_AND_FAMILIES_OVER: [&str; 8] = [
    "sign in",
    "400 invalid_grant",
    "400 invalid_grant",
    "400 invalid_grant",
    "inactive",
    "inactive",
    "200 orders:read orders:write",
    "active orders:read orders:write",
];

/// F02, C01: a family that is dead is dead at every face; the person and the grant live on.
#[tokio::test]
async fn a_revoked_family_is_dead_at_every_face() {
    let end = async |scene: &mut Scene<'_>| {
        let killed = scene.app.operator(|work| Ok(Ok(revoke_families_of(work, ADA.id(), "revoked")?)));
        assert!(killed > 4, "{killed}");
    };
    table(
        end,
        [
            "a code",
            "400 invalid_grant",
            "400 invalid_grant",
            "400 invalid_grant",
            "inactive",
            "inactive",
            "200 orders:read orders:write",
            "active orders:read orders:write",
        ],
    )
    .await;
}

/// L07, O06: a session that rested too long, or reached its end, is none.
#[tokio::test]
async fn a_session_ends_by_rest_and_by_age() {
    for step in [Duration::hours(24), Duration::hours(23)] {
        let app = App::start().await;
        let client = app.web_client();
        let mut browser = app.browser();
        browser.sign_in(ADA).await;
        client.code_from(&mut browser, BOTH).await;
        let path = client.authorize_path(&[("scope", BOTH)]);
        assert_eq!(led_to(&browser.get(&path).await), "a code");
        let end = *crate::support::START + Duration::days(30);
        while app.clock.now() + step < end && step < Duration::hours(24) {
            app.advance(step);
            assert_eq!(led_to(&browser.get(&path).await), "a code", "{}", app.clock.now());
        }
        app.advance(step);
        assert_eq!(led_to(&browser.get(&path).await), "sign in");
    }
}
