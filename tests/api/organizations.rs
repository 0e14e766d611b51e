//! Organizations, their members, plans and administrators: the real commands over a real database, the server that
//! hears of them, and the races between them.

use std::sync::mpsc;
use std::thread;

use grantor::accounts::organizations::{
    NewOrganization, OrganizationName, Role, create, members, set_disabled, store,
};
use grantor::accounts::{Directory, find_account, plans};
use grantor::audit::{Actor, Work};
use grantor::clients::registration::{Registration, register};
use grantor::kernel::{Denial, Fault, Outcome, PlanId, PrincipalId, PrincipalKind};
use grantor::platform::cache::Caches;
use grantor::platform::context::Context;
use grantor::platform::metrics::Metrics;
use serde_json::{Value, json};

use crate::commands::{Grantor, over_a_database, text};
use crate::support::{ADA, App, BOB, TestClient, count, eventually, execute, told, web_registration};

/// An organization of Ada's.
fn acme(app: &App) -> PrincipalId {
    let name = OrganizationName::parse("Acme").expect("a name");
    let new = NewOrganization { name, plan: PlanId::first(), owner: Some(ADA.id()) };
    app.operator(|work| Ok(create(work, Actor::Operator, &new)?.map_err(Denial::from)))
}

/// An app that belongs to an account.
fn owned_by(account: PrincipalId) -> Registration {
    Registration { account: Some(account), ..web_registration() }
}

async fn may_act(app: &App, client: &TestClient) -> bool {
    let answer = client.own_token(app, "").await;
    if answer.status != 200 {
        answer.is_error(401, "invalid_client");
    }
    answer.status == 200
}

/// The kinds of the events on something, oldest first, and what else they tell.
fn events_on(grantor: &Grantor, id: &Value) -> Vec<(String, Value)> {
    let events = grantor.json(&["audit", "list"]);
    let events = events.as_array().expect("a list").iter().rev();
    let own = events.filter(|event| event["target_id"] == *id);
    own.map(|event| (text(&event["kind"]), event["data"].clone())).collect()
}

// ---- accounts -------------------------------------------------------------------------------------------

#[tokio::test]
async fn every_principal_belongs_to_an_account_and_every_account_has_a_plan() {
    let app = App::start().await;
    let org = acme(&app);
    let (own, owned) = (app.web_client().principal, app.register(&owned_by(org)).principal);
    let of = |principal| {
        let found = app.db.run_here(|connection| find_account(connection, principal)).expect("a database");
        let account = found.expect("an account");
        (account.id, account.kind, account.plan.to_string())
    };
    assert_eq!(of(ADA.id()), (ADA.id(), PrincipalKind::User, "free".to_owned()));
    assert_eq!(of(own), (own, PrincipalKind::Client, "free".to_owned()));
    assert_eq!(of(org), (org, PrincipalKind::Org, "free".to_owned()));
    assert_eq!(of(owned), (org, PrincipalKind::Org, "free".to_owned()));
    assert_eq!(count(&app.db, "(SELECT DISTINCT num FROM principals WHERE num > 0) AS numbered"), 5);
    assert_eq!(count(&app.db, "principals"), 5);
}

/// A node of the version before writes four columns, and reads what it always read.
#[tokio::test]
async fn the_database_sees_to_accounts_and_plans_whoever_writes() {
    let app = App::start().await;
    let (org, own) = (acme(&app), app.web_client().principal);
    let owned = app.register(&owned_by(org)).principal;
    let id = "00000000-0000-0000-0000-00000000001d";
    let old = format!(
        "INSERT INTO principals (id, kind, name, created_at) VALUES ('{id}', 'client', 'Old', now())"
    );
    execute(&app.db, &old).expect("what the version before does");
    assert_eq!(
        count(&app.db, &format!("principals WHERE id = '{id}' AND account_id = id AND plan_id = 'free'")),
        1
    );

    let set = |who: PrincipalId, what: &str| {
        execute(&app.db, &format!("UPDATE principals SET {what} WHERE id = '{who}'"))
    };
    set(own, &format!("account_id = '{org}', plan_id = NULL")).expect("a client that is given away");
    for (who, what, rule) in [
        (own, format!("account_id = '{owned}'"), "principals_account"),
        (org, format!("account_id = '{}', plan_id = NULL", ADA.id()), "principals_who_is_owned"),
        (owned, "plan_id = 'pro'".to_owned(), "principals_who_pays"),
        (org, "plan_id = NULL".to_owned(), "principals_who_pays"),
        (org, "plan_id = 'gold'".to_owned(), "principals_plan_id_fkey"),
    ] {
        let refusal = set(who, &what).expect_err(&what);
        assert!(refusal.contains(rule), "{what}: {refusal}");
    }
}

#[tokio::test]
async fn each_change_of_an_organization_has_a_version_of_its_own() {
    let app = App::start().await;
    let org = acme(&app);
    let version = || {
        let found = app.db.run_here(|connection| store::find(connection, org)).expect("a database");
        found.expect("it").version
    };
    assert_eq!(version(), 1);
    for disabled in [true, true, false] {
        app.operator(|work| Ok(set_disabled(work, Actor::Operator, org, disabled)?.map_err(Denial::from)));
    }
    assert_eq!(version(), 3, "what changes nothing is no change");
    let pro = PlanId::parse("pro").expect("a plan");
    app.operator(|work| Ok(plans::give(work, Actor::Operator, org, &pro)?.map_err(Denial::from)));
    assert_eq!(version(), 4);
}

// ---- organizations --------------------------------------------------------------------------------------

#[test]
fn an_organization_is_made_renamed_disabled_and_shown() {
    let (_database, grantor) = over_a_database();
    let made = grantor.json(&["org", "create", " Acme  Ltd ", "--plan", "ENT", "--owner", "ada"]);
    assert_eq!(made, json!({ "id": made["id"], "name": "Acme Ltd", "plan": "enterprise" }));
    let client =
        grantor.json(&["client", "add", "Shop", "--org", "acme ltd", "--redirect-uri", "https://a.test/cb"]);

    let shown = grantor.json(&["org", "show", "ACME LTD"]);
    assert_eq!((&shown["id"], &shown["plan"]), (&made["id"], &json!("enterprise")));
    assert_eq!(shown["members"][0]["identifier"], "ada");
    assert_eq!(shown["clients"], json!([{ "client_id": client["client_id"], "client_name": "Shop" }]));
    let shown = grantor.run(&["org", "show", "Acme Ltd"]);
    let id = text(&made["id"]);
    let client_id = text(&client["client_id"]);
    assert_eq!(
        shown.out,
        format!(
            "name      Acme Ltd\nid        {id}\nplan      enterprise\nstate     active\n\
             owner     ada (Ada Lovelace)\nclient    {client_id} (Shop)\n"
        )
    );
    let of_client = grantor.json(&["client", "show", &client_id]);
    assert_eq!(
        (&of_client["account"], &of_client["account_name"], &of_client["plan"]),
        (&made["id"], &json!("Acme Ltd"), &json!("enterprise"))
    );

    let told = |arguments: &[&str]| grantor.run(&[&["org"], arguments].concat()).out;
    assert_eq!(told(&["rename", "acme ltd", "Acme"]), "Acme Ltd is called Acme.\n");
    assert_eq!(told(&["rename", "acme", "ACME"]), "Acme is called ACME.\n");
    assert_eq!(told(&["disable", "acme"]), "ACME is disabled.\n");
    assert_eq!(told(&["disable", "acme"]), "ACME was disabled already.\n");
    assert!(told(&["list"]).lines().any(|line| line.starts_with("ACME  enterprise  disabled  ")));
    assert_eq!(told(&["enable", "acme"]), "ACME is enabled.\n");
    assert_eq!(told(&["plan", "acme", "pro"]), "ACME has the plan pro.\n");
    assert_eq!(told(&["plan", "acme", "PRO"]), "ACME had the plan pro already.\n");
    assert_eq!(told(&["create", "Bare"]), "There is an organization Bare, with the plan free.\n");

    let ada = grantor.json(&["user", "list"])[0]["id"].clone();
    let expected = [
        ("org.created", json!({ "name": "Acme Ltd", "plan": "enterprise" })),
        ("membership.added", json!({ "user": ada, "before": null, "role": "owner" })),
        ("org.updated", json!({ "name": "Acme", "before": "Acme Ltd" })),
        ("org.updated", json!({ "name": "ACME", "before": "Acme" })),
        ("org.disabled", json!({})),
        ("org.enabled", json!({})),
        ("account.plan_changed", json!({ "before": "enterprise", "plan": "pro" })),
    ];
    let expected = expected.map(|(kind, data)| (kind.to_owned(), data));
    assert_eq!(events_on(&grantor, &made["id"]), expected);
}

/// What docs/organizations.md has operators type works, in its order.
#[test]
fn the_commands_of_the_document_work_as_they_stand() {
    let (_database, grantor) = over_a_database();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    grantor.run(&["client", "add", "Sensor", "--client-id", id, "--grant", "client_credentials"]).is_done();
    let document = include_str!("../../docs/organizations.md");
    let lines: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("grantor ")).collect();
    assert!(lines.len() >= 9, "{lines:?}");
    for line in lines {
        // What stands between quotes is one word.
        let words = line.split('"').enumerate().flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        grantor.run(&words.collect::<Vec<_>>()).is_done();
    }
}

#[test]
fn what_is_wrong_with_an_organization_is_said() {
    let (_database, grantor) = over_a_database();
    for name in ["Acme", "Bolt"] {
        grantor.run(&["org", "create", name]).is_done();
    }
    grantor.run(&["org", "disable", "Bolt"]).is_done();
    let refused: [(&[&str], &str); 10] = [
        (&["org", "create", "ACME"], "there is an organization of that name already"),
        (&["org", "create", "Ａｃｍｅ"], "there is an organization of that name already"),
        (&["org", "create", " "], "name: text is empty"),
        (&["org", "create", "Ac\u{202e}me"], "name: text has a line break or an invisible character"),
        (&["org", "create", "Core", "--plan", "gold"], "there is no plan gold; see `grantor plan list`"),
        (&["org", "create", "Core", "--owner", "nobody"], "there is no user nobody"),
        (&["org", "rename", "Acme", "bolt"], "there is an organization of that name already"),
        (&["org", "show", "Core"], "there is no organization Core"),
        (
            &["client", "add", "Shop", "--redirect-uri", "https://a.test/cb", "--org", "Core"],
            "there is no organization Core",
        ),
        (
            &["client", "add", "Shop", "--redirect-uri", "https://a.test/cb", "--org", "Bolt"],
            "Bolt is disabled",
        ),
    ];
    for (arguments, words) in refused {
        grantor.run(arguments).is_refused(words);
    }
    let listed = grantor.json(&["org", "list"]);
    let names: Vec<&Value> = listed.as_array().expect("a list").iter().map(|org| &org["name"]).collect();
    assert_eq!(names, ["Acme", "Bolt"], "what was refused left nothing");
    assert_eq!(grantor.json(&["client", "list"]), json!([]));
}

// ---- members --------------------------------------------------------------------------------------------

#[test]
fn members_come_and_go_and_an_owner_stays() {
    let (_database, grantor) = over_a_database();
    let org = grantor.json(&["org", "create", "Acme", "--owner", "ada"])["id"].clone();
    let member = |arguments: &[&str]| grantor.run(&[&["org", "member"], arguments].concat());
    let last = "this user is the last owner: make somebody else an owner first";

    assert_eq!(member(&["add", "Acme", "bob"]).out, "bob is a developer of Acme.\n");
    member(&["add", "Acme", "bob"]).is_refused("this user is a member already");
    member(&["role", "Acme", "ada", "admin"]).is_refused(last);
    member(&["remove", "Acme", "ada"]).is_refused(last);
    assert_eq!(
        member(&["list", "Acme"]).out,
        "IDENTIFIER  NAME          ROLE\nada         Ada Lovelace  owner\nbob         Bob Byron     developer\n"
    );
    assert_eq!(member(&["role", "Acme", "bob", "owner"]).out, "bob is an owner of Acme.\n");
    assert_eq!(member(&["role", "Acme", "bob", "owner"]).out, "bob is an owner of Acme.\n");
    assert_eq!(member(&["role", "Acme", "ada", "viewer"]).out, "ada is a viewer of Acme.\n");
    member(&["remove", "Acme", "bob"]).is_refused(last);
    assert_eq!(member(&["remove", "Acme", "ada"]).out, "ada is no longer a member of Acme.\n");
    member(&["remove", "Acme", "ada"]).is_refused("this user is no member");
    member(&["role", "Acme", "ada", "admin"]).is_refused("this user is no member");
    member(&["add", "Acme", "ada", "--role", "root"])
        .is_refused("root is no role; there are owner, admin, developer and viewer");
    member(&["add", "Core", "ada"]).is_refused("there is no organization Core");

    let told: Vec<(String, Value, Value)> = events_on(&grantor, &org)
        .into_iter()
        .filter(|(kind, _)| kind.starts_with("membership"))
        .map(|(kind, data)| (kind, data["before"].clone(), data["role"].clone()))
        .collect();
    let expected = [
        ("membership.added", json!(null), json!("owner")),
        ("membership.added", json!(null), json!("developer")),
        ("membership.changed", json!("developer"), json!("owner")),
        ("membership.changed", json!("owner"), json!("viewer")),
        ("membership.removed", json!("viewer"), json!(null)),
    ];
    assert_eq!(told, expected.map(|(kind, before, role)| (kind.to_owned(), before, role)));
}

/// Two acts of which the first is done, but not committed, when the second begins, and waits for it.
async fn one_after_the_other<A: Send + 'static, B: Send + 'static>(
    app: &App,
    first: impl FnOnce(&mut Work<'_>) -> Outcome<A> + Send + 'static,
    second: impl FnOnce(&mut Work<'_>) -> Outcome<B> + Send + 'static,
) -> (Result<A, Denial>, Result<B, Denial>) {
    let (is_done, done) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let (ledger, context) = (app.ledger.clone(), Context::operator(app.clock.now()));
    let first = thread::spawn(move || {
        ledger.act_here(&context, |work| {
            let made = first(work)?;
            is_done.send(()).expect("somebody who waits");
            may_go.recv().expect("a word");
            Ok(made)
        })
    });
    done.recv().expect("what the first one did");
    let (ledger, context) = (app.ledger.clone(), Context::operator(app.clock.now()));
    let second = thread::spawn(move || ledger.act_here(&context, second));
    let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("waiting", async || count(&app.db, waiting) == 1).await;
    go.send(()).expect("the first one");
    let (first, second) = (first.join().expect("an end"), second.join().expect("an end"));
    (first.expect("a database"), second.expect("a database"))
}

#[tokio::test]
async fn of_two_owners_who_leave_at_the_same_moment_one_stays() {
    type Leave = fn(&mut Work<'_>, PrincipalId, PrincipalId) -> Outcome<()>;
    let remove: Leave =
        |work, org, user| Ok(members::remove(work, Actor::Operator, org, user)?.map_err(Denial::from));
    let demote: Leave = |work, org, user| {
        let changed = members::change(work, Actor::Operator, org, user, Role::Admin)?;
        Ok(changed.map(|_| ()).map_err(Denial::from))
    };
    for (first, second) in [(remove, remove), (remove, demote), (demote, remove), (demote, demote)] {
        let app = App::start().await;
        let org = acme(&app);
        app.operator(|work| {
            Ok(members::add(work, Actor::Operator, org, BOB.id(), Role::Owner)?.map_err(Denial::from))
        });
        let ends = one_after_the_other(
            &app,
            move |work| first(work, org, ADA.id()),
            move |work| second(work, org, BOB.id()),
        );
        let (one, other) = ends.await;
        assert_eq!(one, Ok(()));
        let denial = other.expect_err("the last owner stays");
        let words = "this user is the last owner: make somebody else an owner first";
        assert_eq!((denial.status(), denial.description().as_str()), (409, words));
        assert_eq!(count(&app.db, "memberships WHERE role = 'owner'"), 1);
    }
}

// ---- what a disabled account stops ----------------------------------------------------------------------

#[tokio::test]
async fn a_disabled_organization_stops_its_clients_while_the_server_runs() {
    let app = App::start().await;
    let grantor = Grantor::over(&app.settings.database.url);
    grantor.run(&["org", "create", "Acme"]).is_done();
    let made = grantor.json(&[
        "client",
        "add",
        "Shop",
        "--org",
        "Acme",
        "--grant",
        "client_credentials",
        "--scope",
        "orders:read",
    ]);
    let client = TestClient {
        id: text(&made["client_id"]),
        principal: PrincipalId::parse(&text(&made["client_id"])).expect("its principal"),
        secret: Some(text(&made["client_secret"])),
        redirect_uri: String::new(),
    };
    let (other, server) = (app.web_client(), app.resource_server());
    let access = client.own_token(&app, "").await.text("access_token");
    assert!(app.is_active(&server, &access).await);

    grantor.run(&["org", "disable", "acme"]).is_done();
    eventually("stopped", async || !may_act(&app, &client).await).await;
    eventually("stopped", async || !app.is_active(&server, &access).await).await;
    assert!(may_act(&app, &other).await, "it is of nobody's account but its own");
    assert!(
        grantor
            .run(&["client", "list"])
            .out
            .lines()
            .any(|line| line.contains("Shop") && line.contains("disabled"))
    );

    // Enabling the client does not enable its organization.
    grantor.run(&["client", "enable", &client.id]).is_done();
    assert!(!may_act(&app, &client).await);
    grantor.run(&["org", "enable", "acme"]).is_done();
    eventually("let act", async || may_act(&app, &client).await).await;
    eventually("let act", async || app.is_active(&server, &access).await).await;
}

#[tokio::test]
async fn a_disabled_person_stops_their_own_clients_at_once() {
    let app = App::start().await;
    let client = app.register(&owned_by(ADA.id()));
    assert!(may_act(&app, &client).await);
    assert!(app.operator(|work| Ok(Ok(grantor::accounts::store::set_disabled(work, ADA.id(), true)?))));
    assert!(!may_act(&app, &client).await, "the node that did it knows");
}

/// Who disables an organization stops what it has, and also what it is just getting.
#[tokio::test]
async fn a_client_that_is_registered_while_its_organization_is_disabled_is_stopped_with_it() {
    let app = App::start().await;
    let org = acme(&app);
    let register = move |work: &mut Work<'_>| {
        let registered = register(work, Actor::Operator, &owned_by(org), None)?;
        Ok(registered.map(|registered| registered.client.principal).map_err(|_| Denial::NotFound))
    };
    let disable =
        move |work: &mut Work<'_>| Ok(set_disabled(work, Actor::Operator, org, true)?.map_err(Denial::from));
    let (client, disabled) = one_after_the_other(&app, register, disable).await;
    let client = client.expect("a client");
    assert_eq!(disabled, Ok(true));
    let acting =
        app.db.run_here(|connection| grantor::accounts::store::acting(connection, [client, ADA.id()]));
    assert_eq!(acting.expect("a database").into_iter().collect::<Vec<_>>(), [ADA.id()]);
    let message = app.operator(|work| Ok(Ok(register_again(work, org)?)));
    assert_eq!(message, "Acme is disabled");
}

fn register_again(work: &mut Work<'_>, org: PrincipalId) -> Result<String, Fault> {
    Ok(register(work, Actor::Operator, &owned_by(org), None)?
        .err()
        .map(|problem| problem.to_string())
        .unwrap_or_default())
}

// ---- the directory --------------------------------------------------------------------------------------

#[tokio::test]
async fn the_directory_remembers_and_hears_what_changes_elsewhere() {
    let app = App::start().await;
    let metrics = Metrics::default();
    let caches = Caches::new(&app.settings.cache, app.ledger.invalidation().clone(), &metrics);
    let directory = Directory::new(app.ledger.clone(), &caches);
    let org = acme(&app);
    let client = app.register(&owned_by(org)).principal;
    let account = async || directory.of(client).await.expect("an account");
    let role = async |user| directory.membership(org, user).await.expect("an answer");
    let administers = async || directory.is_administrator(ADA.id()).await.expect("an answer");

    let found = account().await;
    assert_eq!((found.id, found.name.as_str(), found.plan.as_str()), (org, "Acme", "free"));
    assert_eq!((found.kind, found.disabled_at), (PrincipalKind::Org, None));
    assert_eq!((role(ADA.id()).await, role(BOB.id()).await), (Some(Role::Owner), None));
    assert!(!administers().await);
    for cache in ["account_ids", "accounts", "memberships", "administrators"] {
        let hits = format!("grantor_cache_hits_total{{cache=\"{cache}\"}} 0");
        eventually(cache, async || {
            account().await;
            role(ADA.id()).await;
            administers().await;
            let text = metrics.text().expect("metrics");
            text.contains(&format!("cache=\"{cache}\"")) && !text.contains(&hits)
        })
        .await;
    }

    let grantor = Grantor::over(&app.settings.database.url);
    let run = |arguments: &[&str]| grantor.run(arguments).is_done();
    run(&["org", "plan", "Acme", "pro"]);
    eventually("heard", async || account().await.plan.as_str() == "pro").await;
    run(&["org", "rename", "Acme", "Bolt"]);
    eventually("heard", async || account().await.name == "Bolt").await;
    run(&["org", "disable", "Bolt"]);
    eventually("heard", async || account().await.disabled_at.is_some()).await;
    run(&["org", "member", "add", "Bolt", "bob", "--role", "owner"]);
    eventually("heard", async || role(BOB.id()).await == Some(Role::Owner)).await;
    run(&["org", "member", "role", "Bolt", "ada", "viewer"]);
    eventually("heard", async || role(ADA.id()).await == Some(Role::Viewer)).await;
    run(&["org", "member", "remove", "Bolt", "ada"]);
    eventually("heard", async || role(ADA.id()).await.is_none()).await;
    run(&["user", "promote", "ada"]);
    eventually("heard", async || administers().await).await;
    run(&["user", "disable", "ada"]);
    eventually("heard", async || !administers().await).await;
    let nobody = PrincipalId::from_uuid(uuid::Uuid::nil());
    assert!(directory.of(nobody).await.is_err(), "a principal that is none has no account");
    assert!(!directory.is_administrator(nobody).await.expect("an answer"));
}

// ---- administrators -------------------------------------------------------------------------------------

#[test]
fn an_administrator_is_made_by_an_operator_and_no_longer_is_one() {
    let (_database, grantor) = over_a_database();
    let password = "a password that is long\n";
    let eve = grantor.json_with(&["user", "add", "eve", "--admin"], password);
    assert_eq!(eve["administrator"], true);
    let since = || {
        let users = grantor.json(&["user", "list"]);
        let eve = users.as_array().expect("a list").iter().find(|user| user["identifier"] == "eve").cloned();
        eve.expect("her")["administrator_since"].clone()
    };
    assert!(since().is_string());
    let listed = grantor.run(&["user", "list"]).out;
    assert!(
        listed.lines().any(|line| line.starts_with("eve") && line.contains("active, administrator")),
        "{listed}"
    );
    assert!(
        listed.lines().any(|line| line.starts_with("ada") && !line.contains("administrator")),
        "{listed}"
    );
    let told = |arguments: &[&str]| grantor.run(&[&["user"], arguments].concat()).out;
    assert_eq!(told(&["promote", "eve"]), "eve administered this server already.\n");
    assert_eq!(told(&["demote", "eve"]), "eve no longer administers this server.\n");
    assert_eq!(since(), Value::Null);
    assert_eq!(told(&["demote", "eve"]), "eve did not administer this server.\n");
    assert_eq!(told(&["promote", "eve"]), "eve administers this server.\n");
    assert!(since().is_string());
    let kinds: Vec<String> = events_on(&grantor, &eve["id"]).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["user.created", "user.promoted", "user.demoted", "user.promoted"]);
}

// ---- plans ----------------------------------------------------------------------------------------------

#[test]
fn plans_are_added_given_and_closed() {
    let (_database, grantor) = over_a_database();
    let ids = || {
        let plans = grantor.json(&["plan", "list"]);
        plans.as_array().expect("a list").iter().map(|plan| text(&plan["id"])).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["enterprise", "free", "partner", "pro"]);
    let plan = |arguments: &[&str]| grantor.run(&[&["plan"], arguments].concat());
    assert_eq!(
        plan(&["add", "Gold", "--name", "The gold one"]).out,
        "There is a plan gold; it has no limits yet.\n"
    );
    plan(&["add", "gold"]).is_refused("there is a plan of that name already");
    plan(&["add", "ENT"]).is_refused("there is a plan of that name already");
    plan(&["add", "2gold"])
        .is_refused("a plan is 1 to 63 characters a-z, 0-9, - and _, and starts with a letter");
    plan(&["add", "silver", "--name", " "]).is_refused("name: text is empty");

    let shop = grantor.json(&["client", "add", "Shop", "--redirect-uri", "https://a.test/cb"]);
    grantor.run(&["org", "create", "Acme", "--plan", "gold"]).is_done();
    let owned =
        grantor.json(&["client", "add", "Own", "--redirect-uri", "https://a.test/cb", "--org", "Acme"]);
    let (shop, owned) = (text(&shop["client_id"]), text(&owned["client_id"]));
    assert_eq!(grantor.run(&["client", "plan", &shop, "PRO"]).out, "Shop has the plan pro.\n");
    assert_eq!(grantor.run(&["user", "plan", "ada", "partner"]).out, "ada has the plan partner.\n");
    grantor
        .run(&["client", "plan", &owned, "pro"])
        .is_refused("it belongs to another account, and goes by that one's plan");
    grantor
        .run(&["client", "plan", &shop, "tin"])
        .is_refused("there is no plan tin; see `grantor plan list`");

    assert_eq!(plan(&["disable", "gold"]).out, "gold is disabled.\n");
    assert_eq!(plan(&["disable", "gold"]).out, "gold was disabled already.\n");
    let closed = "the plan is disabled: no account can change to it";
    grantor.run(&["client", "plan", &shop, "gold"]).is_refused(closed);
    grantor.run(&["org", "create", "Bolt", "--plan", "gold"]).is_refused(closed);
    assert_eq!(grantor.json(&["org", "show", "Acme"])["plan"], "gold", "who has it keeps it");
    assert_eq!(plan(&["enable", "gold"]).out, "gold is enabled.\n");
    assert_eq!(grantor.run(&["client", "plan", &shop, "gold"]).out, "Shop has the plan gold.\n");
    plan(&["disable", "free"]).is_refused("accounts begin with this plan: it cannot be disabled");
    plan(&["disable", "tin"]).is_refused("there is no plan tin; see `grantor plan list`");
    assert_eq!(ids(), ["enterprise", "free", "gold", "partner", "pro"]);

    let kinds: Vec<String> = events_on(&grantor, &json!("gold")).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["plan.created", "plan.disabled", "plan.enabled"]);
}

/// Of a plan that is given while it is closed, whoever comes first wins, and the other knows of it.
#[tokio::test]
async fn a_plan_is_not_closed_while_it_is_given() {
    let app = App::start().await;
    let org = acme(&app);
    let pro = || PlanId::parse("pro").expect("a plan");
    let give =
        move |work: &mut Work<'_>| Ok(plans::give(work, Actor::Operator, org, &pro())?.map_err(Denial::from));
    let close = move |work: &mut Work<'_>| {
        Ok(plans::set_disabled(work, Actor::Operator, &pro(), true)?.map_err(Denial::from))
    };
    assert_eq!(one_after_the_other(&app, give, close).await, (Ok(true), Ok(true)));

    app.operator(|work| {
        let free = PlanId::first();
        plans::set_disabled(work, Actor::Operator, &pro(), false)?.expect("a plan");
        Ok(plans::give(work, Actor::Operator, org, &free)?.map_err(Denial::from))
    });
    let (closed, given) = one_after_the_other(&app, close, give).await;
    assert_eq!((closed, given.map_err(|denial| denial.status())), (Ok(true), Err(409)));
    assert_eq!(told(&app.db, "account.plan_changed").len(), 2);
}
