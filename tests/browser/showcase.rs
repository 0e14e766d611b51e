//! A server as a company would have it: names that could be real, for pictures.

use chrono::Duration;
use grantor::audit::Actor;
use grantor::clients::registration::Registration;
use grantor::credentials::CredentialKind;
use grantor::credentials::making::{Maker, create};
use grantor::credentials::wish::Wish;
use grantor::kernel::{ScopeToken, ServiceId};
use grantor::services::{Service, ServiceScope, store};
use uuid::Uuid;

use crate::stage::Stage;
use crate::support::{ADA, TestClient, count, eventually};

/// Where the app that asks leads people.
pub fn asked(client: &TestClient) -> String {
    client.authorize_path(&[("scope", "invoices:read invoices:send customers:read")])
}

/// Services that people know, apps that Ada uses, and one that asks to be let in: that is returned.
pub async fn furnish(stage: &Stage) -> TestClient {
    let app = &stage.app;
    app.operator(|work| {
        for service in [invoices(), calendar(), shipments()] {
            assert!(store::insert(work, &service)?);
        }
        Ok(Ok(()))
    });
    make_token(stage);
    for (used, name, publisher, verified, scope, pause) in [
        (1, "Parcel Board", "Nordlicht Logistics", true, "shipments:read", Duration::days(12)),
        (2, "Timesheets", "Kestrel Software", true, "calendar:read calendar:write", Duration::hours(3)),
    ] {
        let client = app.register(&registration(name, publisher, verified));
        let mut browser = app.browser();
        browser.user_agent =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) Version/26.0 Safari/604.1";
        browser.ip = "203.0.113.24".into();
        browser.sign_in(ADA).await;
        let code = client.code_from(&mut browser, scope).await;
        client.redeem(app, &code).await.is_ok();
        eventually("noted", || async { count(&app.db, "grant_usage") == used }).await;
        app.advance(pause);
    }
    app.register(&registration("Ledgerly", "Ledgerly GmbH", true))
}

/// A token of Ada's, for a script of hers.
fn make_token(stage: &Stage) {
    let (app, ada) = (&stage.app, ADA.id());
    let maker = Maker { actor: Actor::User(ada), settings: &app.settings.credentials };
    let wish = Wish {
        name: "Invoice archive".into(),
        scope: "invoices:read customers:read".into(),
        ..Wish::default()
    };
    let made = app.operator(|work| create(work, maker, CredentialKind::PersonalToken, ada, &wish).map(Ok));
    assert!(made.is_ok());
}

fn registration(name: &str, publisher: &str, verified: bool) -> Registration {
    Registration {
        name: name.into(),
        publisher: Some(publisher.into()),
        verified,
        scope: "shipments:read calendar:read calendar:write invoices:read invoices:send customers:read"
            .into(),
        redirect_uris: vec![format!("https://{}.example/callback", name.to_lowercase().replace(' ', "-"))],
        ..Registration::default()
    }
}

fn invoices() -> Service {
    let scopes = [
        ("invoices:read", "See your invoices and whether they are paid", false),
        ("invoices:send", "Send invoices in your name", true),
        ("customers:read", "See the names and addresses of your customers", false),
    ];
    service(11, "invoices", "Invoices", &scopes)
}

fn calendar() -> Service {
    let scopes = [
        ("calendar:read", "See your calendar", false),
        ("calendar:write", "Add and change events in your calendar", true),
    ];
    service(12, "calendar", "Calendar", &scopes)
}

fn shipments() -> Service {
    let scopes = [("shipments:read", "See your shipments and where they are", false)];
    service(13, "shipments", "Shipments", &scopes)
}

fn service(id: u128, name: &str, shown: &str, scopes: &[(&str, &str, bool)]) -> Service {
    let scope = |(value, sentence, optional): &(&str, &str, bool)| ServiceScope {
        value: ScopeToken::parse(value).expect("a scope"),
        sentence: (*sentence).to_owned(),
        optional: *optional,
    };
    Service {
        id: ServiceId::from_uuid(Uuid::from_u128(id)),
        name: name.to_owned(),
        audience: format!("https://{name}.example"),
        display_name: shown.to_owned(),
        access_token_format: None,
        disabled_at: None,
        is_open: false,
        routes: Vec::new(),
        scopes: scopes.iter().map(scope).collect(),
    }
}
