//! The `grantor` command, as operators run it: the real binary, over a database that is there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::support::{ADA, App, Database, Node, Scratch, TestClient, database, eventually};

const PASSWORD: &str = "a password that is long";
const REDIRECT: &str = "https://shop.example/cb";

/// The binary with an environment.
#[derive(Clone)]
pub struct Grantor {
    environment: Vec<(String, String)>,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Grantor {
    pub fn over(url: &str) -> Self {
        Self::with(&[("GRANTOR_DATABASE__URL", url)])
    }

    pub fn with(environment: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { environment: environment.iter().map(own).collect() }
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// Runs it with this on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_grantor"))
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        // A command that reads nothing may have ended before this is written.
        let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("its end");
        Said {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs it with `--json`, and takes its answer.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.json_with(arguments, "")
    }

    #[track_caller]
    pub fn json_with(&self, arguments: &[&str], input: &str) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let said = self.run_with(&arguments, input);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {}", said.out);
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{arguments:?} said {}", said.out))
    }

    /// Registers a confidential client with every grant; its `client_id` and secret.
    #[track_caller]
    fn shop(&self) -> (String, String) {
        let mut arguments = vec!["client", "add", "Shop"];
        arguments.extend(["--redirect-uri", REDIRECT, "--scope", "orders:read"]);
        arguments.extend(["--grant", "authorization_code", "--grant", "client_credentials"]);
        let made = self.json(&arguments);
        (text(&made["client_id"]), text(&made["client_secret"]))
    }
}

impl Said {
    /// Asserts that it did not do it, and said why in these words, and nothing else.
    #[track_caller]
    pub fn is_refused(&self, words: &str) {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        assert_eq!(self.err.trim_end(), format!("grantor: {words}"));
    }

    #[track_caller]
    pub fn is_done(&self) {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
    }
}

#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn time(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("a moment")
}

pub fn over_a_database() -> (Database, Grantor) {
    let database = database();
    let grantor = Grantor::over(&database.url);
    (database, grantor)
}

fn as_client(id: &str, secret: &str) -> TestClient {
    TestClient {
        id: id.to_owned(),
        principal: grantor::kernel::PrincipalId::from_uuid(uuid::Uuid::nil()),
        secret: Some(secret.to_owned()),
        redirect_uri: REDIRECT.to_owned(),
    }
}

#[test]
fn every_command_explains_itself() {
    let grantor = Grantor::with(&[]);
    let commands = [
        "",
        "serve",
        "demo",
        "migrate",
        "user",
        "user add",
        "user list",
        "user disable",
        "user enable",
        "user password",
        "user promote",
        "user demote",
        "user plan",
        "org",
        "org create",
        "org list",
        "org show",
        "org rename",
        "org disable",
        "org enable",
        "org plan",
        "org member",
        "org member add",
        "org member role",
        "org member remove",
        "org member list",
        "plan",
        "plan add",
        "plan list",
        "plan disable",
        "plan enable",
        "client",
        "client add",
        "client list",
        "client show",
        "client rotate-secret",
        "client disable",
        "client enable",
        "client plan",
        "service",
        "service add",
        "service list",
        "api-key",
        "api-key create",
        "api-key list",
        "api-key show",
        "api-key rotate",
        "api-key revoke",
        "api-key import",
        "pat",
        "pat list",
        "pat revoke",
        "pat rotate",
        "pat show",
        "audit",
        "audit list",
        "doctor",
    ];
    for command in commands {
        let mut arguments: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).collect();
        arguments.push("--help");
        let said = grantor.run(&arguments);
        said.is_done();
        assert!(said.out.contains("Usage: grantor"), "{command}: {}", said.out);
        assert!(said.out.contains("--json"), "{command}: {}", said.out);
    }
    let version = grantor.run(&["--version"]);
    version.is_done();
    assert_eq!(version.out, format!("grantor {}\n", env!("CARGO_PKG_VERSION")));
    // What is no command is a matter of usage, and no database is asked.
    let said = grantor.run(&["client", "remove"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
}

/// All complaints come at once, before anything is opened.
#[test]
fn bad_settings_are_told_all_at_once() {
    let (_database, grantor) = over_a_database();
    grantor.run(&["user", "list"]).is_done();

    let bad = [
        ("GRANTOR_ISSUER", "http://id.example/x"),
        ("GRANTOR_TOKENS__CODE_LIFETIME_S", "6000"),
        ("GRANTOR_DATABASE__URL", "postgres://db.example/grantor"),
    ];
    for arguments in [&["user", "list"][..], &["doctor"], &["migrate"], &["serve"]] {
        let said = Grantor::with(&bad).run(arguments);
        said.is_refused(
            "the settings cannot be used:\n  \
             - issuer must be an origin like https://id.example.com: no path, no slash at its end, lower case\n  \
             - issuer must be https unless it is on this machine (or start with --dev)\n  \
             - tokens.code_lifetime_s must be 1 to 600\n  \
             - database.url names another machine without TLS: use sslmode=verify-full with a binary built with \
             the feature pg-tls, or set database.allow_plaintext",
        );
    }

    let unknown = [("GRANTOR_TOKEN__LIFETIME", "1"), ("GRANTOR_SERVER__WORKERS", "many")];
    Grantor::with(&unknown).run(&["user", "list"]).is_refused(
        "the settings cannot be used:\n  \
         - GRANTOR_SERVER__WORKERS must be a whole number\n  - GRANTOR_TOKEN__LIFETIME is no setting",
    );
    let said = Grantor::with(&unknown).run(&["user", "list", "--json"]);
    let told: Value = serde_json::from_str(&said.err).expect("JSON");
    assert!(text(&told["error"]).contains("GRANTOR_TOKEN__LIFETIME is no setting"), "{told}");
}

/// Settings come from a file, and a text from a file of its own.
#[test]
fn settings_come_from_files_too() {
    let scratch = Scratch::new();
    let database = database();
    let (settings, url) = (scratch.join("grantor.toml"), scratch.join("url"));
    std::fs::write(&settings, "[passwords]\nmin_chars = 40\n").expect("a file");
    std::fs::write(&url, format!("{}\n", database.url)).expect("a file");
    let grantor = Grantor::with(&[("GRANTOR_DATABASE__URL_FILE", &url)]);
    grantor.run_with(&["user", "add", "eve"], PASSWORD).is_done();
    grantor
        .run_with(&["user", "add", "mallory", "--config", &settings], PASSWORD)
        .is_refused("password must have at least 40 characters");
    let grantor = Grantor::with(&[("GRANTOR_DATABASE__URL_FILE", &url), ("GRANTOR_CONFIG", &settings)]);
    grantor
        .run_with(&["user", "add", "mallory"], PASSWORD)
        .is_refused("password must have at least 40 characters");
    let missing = scratch.join("nothing");
    let said = grantor.run(&["user", "list", "--config", &missing]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&missing), "{said:?}");
}

#[test]
fn a_service_is_made_once_with_scopes_of_its_own() {
    let (_database, grantor) = over_a_database();
    let mut made = grantor.json(&[
        "service",
        "add",
        "mail",
        "--audience",
        "https://mail.test",
        "--display-name",
        "Mail",
        "--scope",
        "mail:read=Read your mail",
        "--optional-scope",
        "mail:send=Send mail in your name",
    ]);
    assert!(made["id"].take().is_string());
    assert_eq!(
        made,
        json!({
            "id": null, "name": "mail", "audience": "https://mail.test", "display_name": "Mail",
            "access_token_format": null, "open": false, "disabled_at": null,
            "scopes": [
                { "value": "mail:read", "sentence": "Read your mail", "optional": false },
                { "value": "mail:send", "sentence": "Send mail in your name", "optional": true },
            ],
        })
    );
    let said = grantor.run(&["service", "list"]);
    said.is_done();
    assert!(said.out.starts_with("SERVICE"), "{}", said.out);
    assert!(said.out.contains("mail:send     Send mail in your name"), "{}", said.out);
    let listed = grantor.json(&["service", "list"]);
    let names: Vec<String> =
        listed.as_array().expect("a list").iter().map(|one| text(&one["name"])).collect();
    assert_eq!(names, ["mail", "orders", "people"]);

    let refused: [(&[&str], &str); 11] = [
        (&["mail"], "there is a service mail already"),
        (
            &["post", "--audience", "https://mail.test"],
            "the audience https://mail.test is that of the service mail",
        ),
        (&["post", "--scope", "mail:read=Read it"], "the scope mail:read is one of the service mail"),
        (&["post", "--scope", "a=Once", "--optional-scope", "a=Twice"], "the scope a is given twice"),
        (&["Post"], "a service's name has 1 to 63 characters a-z, 0-9, - and _, and starts with a letter"),
        (&["oauth"], "oauth is a name of this server's own"),
        (&["post", "--audience", "*"], "the audience must be 1 to 255 visible ASCII characters, and not `*`"),
        (
            &["post", "--audience", "http://127.0.0.1:8080"],
            "http://127.0.0.1:8080 is this server's own name: a service has another",
        ),
        (&["post", "--scope", "read"], "write read as SCOPE=SENTENCE, e.g. \"orders:read=Read your orders\""),
        (&["post", "--scope", "post:read="], "the sentence of post:read: text is empty"),
        (
            &["post", "--scope", "clients:write=Manage"],
            "clients:write is a scope of this server's own management",
        ),
    ];
    for (arguments, words) in refused {
        let said = grantor.run(&[&["service", "add"], arguments].concat());
        said.is_refused(words);
    }
    assert_eq!(grantor.json(&["service", "list"]).as_array().expect("a list").len(), 3);
}

#[test]
fn people_are_answered_in_words() {
    let (_database, grantor) = over_a_database();
    let said = grantor.run(&["service", "add", "mail", "--scope", "mail:read=Read your mail"]);
    assert_eq!(said.out.trim_end(), "The service mail has 1 scope.", "{said:?}");
    let (id, _) = grantor.shop();
    let said = grantor.run(&["client", "show", &id]);
    let shown = |name: &str| said.out.lines().find(|line| line.starts_with(name)).expect("a line");
    assert!(shown("publisher ").ends_with(" none") && shown("origins ").ends_with(" none"), "{said:?}");
    let help = grantor.run(&["client", "show", "--help"]);
    assert!(help.out.contains("\nGlobal options:\n"), "{help:?}");
}

/// U12: each act of an operator's is an event. S04: a password is in no answer.
#[test]
fn a_user_is_made_disabled_and_enabled_again() {
    let (_database, grantor) = over_a_database();
    let made = grantor.json_with(
        &["user", "add", "Eve", "--name", "Eve Online", "--email", "Eve@Example.com"],
        &format!("{PASSWORD}\n"),
    );
    assert_eq!((&made["identifier"], &made["name"]), (&json!("eve"), &json!("Eve Online")));
    let listed = grantor.run(&["user", "list"]);
    listed.is_done();
    assert!(listed.out.contains("Eve Online"), "{}", listed.out);
    let listed = grantor.json(&["user", "list"]);
    let eve = listed.as_array().expect("a list").iter().find(|user| user["identifier"] == "eve");
    let eve = eve.expect("her");
    assert_eq!((&eve["email"], &eve["disabled_at"]), (&json!("Eve@example.com"), &Value::Null));
    assert!(!listed.to_string().contains("argon2"), "{listed}");

    for name in ["eve", "EVE@example.COM"] {
        let said = grantor.json(&["user", "disable", name]);
        assert_eq!(said, json!({ "id": eve["id"], "changed": name == "eve", "disabled": true }));
    }
    let said = grantor.run(&["user", "list"]);
    assert!(said.out.lines().any(|line| line.contains("eve") && line.contains("disabled")), "{}", said.out);
    assert_eq!(grantor.run(&["user", "enable", "eve"]).out, "eve is enabled.\n");
    assert_eq!(grantor.run(&["user", "enable", "eve"]).out, "eve was enabled already.\n");
    grantor.run_with(&["user", "password", "eve"], "another long password").is_done();

    let events = grantor.json(&["audit", "list"]);
    let of_eve: Vec<String> = events
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["target_id"] == eve["id"])
        .map(|event| text(&event["kind"]))
        .collect();
    assert_eq!(of_eve, ["user.password_changed", "user.enabled", "user.disabled", "user.created"]);
    assert!(!events.to_string().contains(PASSWORD));
}

#[test]
fn what_is_wrong_with_a_user_is_said() {
    let (_database, grantor) = over_a_database();
    grantor.run_with(&["user", "add", "eve", "--email", "eve@example.com"], PASSWORD).is_done();
    let refused: [(&[&str], &str, &str); 10] = [
        (&["add", "eve"], PASSWORD, "the identifier or the e-mail address is taken"),
        (&["add", "EVE"], PASSWORD, "the identifier or the e-mail address is taken"),
        (
            &["add", "eva", "--email", "Eve@example.com"],
            PASSWORD,
            "the identifier or the e-mail address is taken",
        ),
        (&["add", "e v e"], PASSWORD, "a user name is 1 to 64 letters, digits, dots, underscores or hyphens"),
        (&["add", "eva", "--email", "nowhere"], PASSWORD, "email: not an e-mail address"),
        (
            &["add", "eva", "--name", "E\u{202e}va"],
            PASSWORD,
            "name: text has a line break or an invisible character",
        ),
        (&["add", "eva"], "short", "password must have at least 10 characters"),
        (&["add", "eva"], "", "standard input holds no password"),
        (&["disable", "nobody"], "", "there is no user nobody"),
        (&["password", "nobody"], PASSWORD, "there is no user nobody"),
    ];
    for (arguments, input, words) in refused {
        grantor.run_with(&[&["user"], arguments].concat(), input).is_refused(words);
    }
    // A password is no argument: other processes could read it.
    let said = grantor.run(&["user", "add", "eva", "--password", PASSWORD]);
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(grantor.json(&["user", "list"]).as_array().expect("a list").len(), 3);
}

/// L05: a new password, like a disabling, ends all that acts for the person.
#[tokio::test]
async fn a_new_password_ends_the_tokens_and_works_at_the_door() {
    let app = App::start().await;
    let (client, server) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    assert!(app.is_active(&server, &tokens.text("access_token")).await);

    let grantor = Grantor::over(&app.settings.database.url);
    let said = grantor.run_with(&["user", "password", ADA.identifier], PASSWORD);
    said.is_done();
    assert_eq!(said.out, "ada has a new password and is signed out everywhere.\n");
    let access = tokens.text("access_token");
    eventually("over", async || !app.is_active(&server, &access).await).await;
    client.refresh(&app, &tokens.text("refresh_token")).await.is_error(400, "invalid_grant");

    let mut browser = app.browser();
    let page = browser.get("/login").await;
    let page = browser.log_in_on(&page, ADA).await;
    assert!(page.is_login(), "the old password must be wrong: {}", page.body);
    let form = page.form("/login");
    let page = browser.submit(&form, &[("identifier", "ada"), ("password", PASSWORD)]).await;
    assert_eq!(page.path, "/account/apps");
}

/// T27: a disabled client is refused at once, and an enabled one acts again.
#[tokio::test]
async fn a_client_is_registered_and_disabled_while_the_server_runs() {
    let app = App::start().await;
    let grantor = Grantor::over(&app.settings.database.url);
    let (id, secret) = grantor.shop();
    let (client, server) = (as_client(&id, &secret), app.resource_server());
    let answer = client.own_token(&app, "").await;
    answer.is_ok();
    assert!(app.is_active(&server, &answer.text("access_token")).await);

    assert_eq!(grantor.json(&["client", "disable", &id]), json!({ "client_id": id, "disabled": true }));
    client.own_token(&app, "").await.is_error(401, "invalid_client");
    let access = answer.text("access_token");
    eventually("over", async || !app.is_active(&server, &access).await).await;
    let said = grantor.run(&["client", "list"]);
    assert!(said.out.lines().any(|line| line.contains("disabled") && line.contains(&id)), "{}", said.out);

    assert_eq!(grantor.run(&["client", "enable", &id]).out, format!("{id} is enabled.\n"));
    client.own_token(&app, "").await.is_ok();
}

/// S04, B01: a secret is shown once.
#[test]
fn a_client_is_shown_whole_and_its_secret_never_again() {
    let (_database, grantor) = over_a_database();
    let made = grantor.json(&[
        "client",
        "add",
        "Shop",
        "--publisher",
        "Shop Ltd",
        "--verified",
        "--redirect-uri",
        REDIRECT,
        "--redirect-uri",
        "http://127.0.0.1/cb",
        "--origin",
        "https://shop.example",
        "--scope",
        "orders:write orders:read",
        "--auth-method",
        "client_secret_post",
        "--access-token-lifetime",
        "60",
        "--refresh-token-lifetime",
        "3600",
        "--introspect",
        "https://orders.test",
        "--introspection-consumes",
    ]);
    let (id, secret) = (text(&made["client_id"]), text(&made["client_secret"]));
    assert_eq!(made["warning"], Value::Null);
    assert!(secret.starts_with("gcs_") && secret.len() == 40, "{secret}");

    let mut shown = grantor.json(&["client", "show", &id]);
    assert!(shown["created_at"].take().is_string());
    let secrets = shown["secrets"].take();
    assert_eq!(
        shown,
        json!({
            "client_id": id, "client_name": "Shop", "account": id, "account_name": "Shop", "plan": "free",
            "publisher": "Shop Ltd", "verified": true,
            "confidential": true, "first_party": false, "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token"], "scope": "orders:read orders:write",
            "redirect_uris": ["http://127.0.0.1/cb", REDIRECT], "origins": ["https://shop.example"],
            "access_token_format": null,
            "access_token_lifetime": 60, "refresh_token_lifetime": 3600,
            "introspection_audiences": ["https://orders.test"], "introspection_consumes": true,
            "created_at": null, "disabled_at": null, "secrets": null,
        })
    );
    let secrets = secrets.as_array().expect("a list");
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0]["expires_at"], Value::Null);
    assert_eq!(text(&secrets[0]["last4"]), secret[36..]);
    assert!(secret.starts_with(&text(&secrets[0]["prefix"])));

    let public =
        grantor.json(&["client", "add", "Phone", "--public", "--redirect-uri", "com.example.phone:/cb"]);
    assert_eq!(public["client_secret"], Value::Null);
    let listed = grantor.json(&["client", "list"]);
    let names: BTreeSet<String> =
        listed.as_array().expect("a list").iter().map(|one| text(&one["client_name"])).collect();
    assert_eq!(names, BTreeSet::from(["Phone".to_owned(), "Shop".to_owned()]));

    let random = &secret[4..34];
    for arguments in [
        &["client", "show", &id][..],
        &["client", "show", &id, "--json"],
        &["client", "list"],
        &["client", "list", "--json"],
        &["audit", "list"],
        &["audit", "list", "--json"],
    ] {
        let said = grantor.run(arguments);
        said.is_done();
        assert!(said.out.contains(&id) || arguments[0] == "audit", "{arguments:?}: {}", said.out);
        assert!(!said.out.contains(random), "{arguments:?} shows the secret");
    }
}

/// R16, R26, S10, and the rules of RFC 6749 §4.4 and §6 on who may have which grant.
#[test]
fn what_is_wrong_with_a_client_is_said() {
    let (_database, grantor) = over_a_database();
    grantor.shop();
    let add = |arguments: &[&str]| grantor.run(&[&["client", "add", "App"], arguments].concat());
    add(&["--redirect-uri", REDIRECT, "--client-id", "the-app"]).is_done();
    add(&["--redirect-uri", REDIRECT, "--client-id", "the-app"]).is_refused("this client_id is taken");
    let redirects = [
        (
            "javascript:alert(1)",
            "redirect URI must be https, http on loopback, or an app's own scheme such as com.example.app:",
        ),
        ("https://*.shop.example/", "redirect URI must not have a wildcard; register each URI in full"),
        (
            "http://shop.example/cb",
            "redirect URI must be https, unless it is on 127.0.0.1, [::1] or localhost",
        ),
        ("https://shop.example/cb#x", "redirect URI must not have a fragment"),
        ("/cb", "redirect URI must be absolute, such as https://app.example/callback"),
    ];
    for (uri, words) in redirects {
        add(&["--redirect-uri", uri]).is_refused(&format!("redirect_uri {uri}: {words}"));
    }
    let refused: [(&[&str], &str); 16] = [
        (
            &["--grant", "client_credentials", "--introspect", "ordrs"],
            "no service has the audience ordrs; there are: https://orders.test, https://people.test",
        ),
        (
            &["--grant", "client_credentials", "--introspection-consumes"],
            "introspection_consumes is for a client that may introspect: name its audiences",
        ),
        (&[], "a client of the authorization_code grant needs a redirect_uri"),
        (&["--client-id", "a b"], "client_id: a client_id is 1 to 128 letters, digits, or . _ ~ -"),
        (
            &["--redirect-uri", REDIRECT, "--scope", "cake:eat"],
            "no service has the scope cake:eat; make the service first",
        ),
        (
            &["--redirect-uri", REDIRECT, "--scope", "keys:write"],
            "keys:write is a scope of this server's own management",
        ),
        (
            &["--grant", "password"],
            "password is not a grant type; there are authorization_code, refresh_token and client_credentials",
        ),
        (&["--grant", "refresh_token"], "refresh_token goes with authorization_code"),
        (
            &["--public", "--grant", "client_credentials"],
            "client_credentials is for confidential clients only",
        ),
        (
            &["--public", "--redirect-uri", REDIRECT, "--introspect", "*"],
            "a public client cannot introspect: it cannot prove who it is",
        ),
        (
            &["--public", "--redirect-uri", REDIRECT, "--auth-method", "client_secret_post"],
            "the method none is for public clients, and the only one they have",
        ),
        (
            &["--redirect-uri", REDIRECT, "--auth-method", "none"],
            "the method none is for public clients, and the only one they have",
        ),
        (
            &["--redirect-uri", REDIRECT, "--auth-method", "tls"],
            "tls is not a method; there are client_secret_basic, client_secret_post and none",
        ),
        (
            &["--redirect-uri", REDIRECT, "--access-token-lifetime", "86401"],
            "an access token lives 1 to 86400 seconds",
        ),
        (
            &["--redirect-uri", REDIRECT, "--refresh-token-lifetime", "0"],
            "a refresh token lives 1 to 31536000 seconds",
        ),
        (
            &["--redirect-uri", REDIRECT, "--publisher", "a\nb"],
            "publisher: text has a line break or an invisible character",
        ),
    ];
    for (arguments, words) in refused {
        add(arguments).is_refused(words);
    }
    let said = add(&["--redirect-uri", REDIRECT, "--origin", "https://shop.example/"]);
    assert!(said.code == 1 && said.err.starts_with("grantor: origin https://shop.example/: "), "{said:?}");
    for command in ["show", "disable", "enable", "rotate-secret"] {
        let said = grantor.run(&["client", command, "nobody"]);
        assert!(said.code == 1 && said.err.contains("there is no"), "{command}: {said:?}");
        assert!(said.err.contains("client"), "{command}: {said:?}");
    }
    assert_eq!(grantor.json(&["client", "list"]).as_array().expect("a list").len(), 2);
    let created = grantor.json(&["audit", "list", "--kind", "client.created"]);
    assert_eq!(created.as_array().expect("a list").len(), 2, "what is refused leaves no event");
}

/// T28: with an overlap both work, without one the old secret is dead at once.
#[tokio::test]
async fn a_secret_is_rotated_with_and_without_overlap() {
    let app = App::start().await;
    let grantor = Grantor::over(&app.settings.database.url);
    let (id, first) = grantor.shop();
    // The server's clock stands; the command's does not, and tells when the old secret ends.
    let rotated = grantor.json(&["client", "rotate-secret", &id, "--overlap", "3600"]);
    let second = text(&rotated["client_secret"]);
    let ends = time(&rotated["old_secrets_end_at"]);
    app.clock.advance(ends - Duration::seconds(1) - app.clock.now());
    for secret in [&first, &second] {
        as_client(&id, secret).own_token(&app, "").await.is_ok();
    }
    app.clock.advance(Duration::seconds(1));
    as_client(&id, &second).own_token(&app, "").await.is_ok();
    eventually("over", async || as_client(&id, &first).own_token(&app, "").await.status == 401).await;

    let third = text(&grantor.json(&["client", "rotate-secret", &id, "--overlap", "0"])["client_secret"]);
    let shown = grantor.json(&["client", "show", &id]);
    assert_eq!(shown["secrets"].as_array().expect("a list").len(), 1, "{shown}");
    as_client(&id, &third).own_token(&app, "").await.is_ok();
    eventually("over", async || as_client(&id, &second).own_token(&app, "").await.status == 401).await;

    let public = grantor.json(&["client", "add", "Phone", "--public", "--redirect-uri", REDIRECT]);
    grantor
        .run(&["client", "rotate-secret", &text(&public["client_id"])])
        .is_refused("a public client has no secret");
}

#[tokio::test]
async fn an_imported_client_goes_on_with_its_id_and_secret() {
    let app = App::start().await;
    let grantor = Grantor::over(&app.settings.database.url);
    let import = |id: &str, secret: &str| {
        let arguments = [
            "client",
            "add",
            "Old app",
            "--grant",
            "client_credentials",
            "--scope",
            "orders:read",
            "--client-id",
            id,
            "--import-secret",
        ];
        grantor.json_with(&arguments, &format!("{secret}\n"))
    };
    let long = "s3cr3t: with/odd+chars & %41 é, long";
    let made = import("old.app_1", long);
    assert_eq!(made, json!({ "client_id": "old.app_1", "client_secret": null, "warning": null }));
    let form = [("grant_type", "client_credentials"), ("client_id", "old.app_1"), ("client_secret", long)];
    app.post("/oauth/token", &form, None).await.is_ok();
    let shown = grantor.json(&["client", "show", "old.app_1"]);
    assert_eq!(shown["secrets"][0]["expires_at"], Value::Null);

    // A short one may be guessed: it is let in, but not for ever.
    let made = import("old-app-2", "hunter2");
    assert_eq!(made["warning"], "the imported secret is short and ends in 90 days; rotate it before");
    let short = as_client("old-app-2", "hunter2");
    short.own_token(&app, "").await.is_ok();
    let shown = grantor.json(&["client", "show", "old-app-2"]);
    let ends = time(&shown["secrets"][0]["expires_at"]);
    assert_eq!(ends - time(&shown["created_at"]), Duration::days(90));
    assert!(!shown.to_string().contains("hunter2"), "{shown}");
    app.advance(ends - app.clock.now());
    short.own_token(&app, "").await.is_error(401, "invalid_client");
    app.post("/oauth/token", &form, None).await.is_ok();

    let add = ["client", "add", "Old app", "--redirect-uri", REDIRECT, "--import-secret"];
    grantor.run_with(&add, "").is_refused("standard input holds no secret");
    let public = [&add[..], &["--public"]].concat();
    grantor.run_with(&public, "a secret that is long enough").is_refused("a public client has no secret");
}

#[test]
fn the_log_is_listed_newest_first_and_by_kind() {
    let (_database, grantor) = over_a_database();
    let (id, _) = grantor.shop();
    grantor.run(&["client", "disable", &id]).is_done();
    let all = grantor.json(&["audit", "list"]);
    let times: Vec<DateTime<Utc>> =
        all.as_array().expect("a list").iter().map(|one| time(&one["occurred_at"])).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    // The furniture came at a moment of its own.
    let own: Vec<&Value> =
        all.as_array().expect("a list").iter().filter(|one| one["target_kind"] == "client").collect();
    let [disabled, created] = own[..] else { panic!("{all}") };
    assert_eq!((&disabled["kind"], &created["kind"]), (&json!("client.disabled"), &json!("client.created")));
    assert_eq!((&disabled["actor_kind"], &disabled["outcome"]), (&json!("operator"), &json!("success")));
    assert_eq!(created["data"]["client_id"], id.as_str());
    let one = grantor.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(one.as_array().expect("a list").len(), 1);
    let of_kind = grantor.json(&["audit", "list", "--kind", "client.created"]);
    assert_eq!(of_kind, json!([created]));
    let said = grantor.run(&["audit", "list"]);
    said.is_done();
    assert!(said.out.starts_with("WHEN") && said.out.contains("client.disabled"), "{}", said.out);

    let said = grantor.run(&["audit", "list", "--kind", "client.eaten"]);
    assert!(said.code == 1 && said.err.contains("there are no events client.eaten; there are "), "{said:?}");
    assert_eq!(grantor.run(&["audit", "list", "--limit", "0"]).code, 2);
}

/// What one act tells is listed in the order it was told, also of the same moment.
#[tokio::test]
async fn the_events_of_one_act_keep_their_order() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let grantor = Grantor::over(&app.settings.database.url);
    for _ in 0..6 {
        let client = app.web_client();
        client.code_from(&mut browser, "orders:read").await;
        let listed = grantor.json(&["audit", "list"]);
        let of_client = listed
            .as_array()
            .expect("a list")
            .iter()
            .filter(|event| event["client_id"] == client.principal.to_string().as_str())
            .filter(|event| event["actor_kind"] == "user");
        let kinds: Vec<String> = of_client.map(|event| text(&event["kind"])).collect();
        assert_eq!(kinds, ["code.issued", "grant.given"], "newest first");
    }
}

pub fn execute(url: &str, statements: &str) {
    use diesel::connection::SimpleConnection as _;
    let mut connection = grantor::platform::db::connect(url).expect("a connection");
    connection.batch_execute(statements).expect(statements);
}

/// One of the operator's is not migrated behind the operator's back.
#[test]
fn a_database_of_the_operator_s_is_migrated_by_command_only() {
    let database = database();
    execute(&database.url, "CREATE SCHEMA empty");
    let grantor = Grantor::over(&format!("{}&options=-csearch_path%3Dempty", database.url));
    for arguments in [&["user", "list"][..], &["serve"]] {
        let said = grantor.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.contains("migrations; run `grantor migrate`"), "{said:?}");
    }
    let said = grantor.run(&["doctor"]);
    assert!(said.code == 1 && said.out.contains("run `grantor migrate`"), "{said:?}");
    // Over the one that is migrated there is nothing to do, and that is said.
    let migrated = Grantor::over(&database.url);
    assert_eq!(migrated.json(&["migrate"]), json!({ "ran": [] }));
    assert_eq!(migrated.run(&["migrate"]).out, "The database is up to date.\n");
}

/// A private Postgres is made at the first need, shared with the server while it runs, and gone with the command
/// otherwise.
#[tokio::test]
async fn commands_work_with_the_server_down_and_up() {
    let scratch = Scratch::new();
    let data_dir = scratch.join("data");
    let environment = [("GRANTOR_DATABASE__DATA_DIR", data_dir.as_str())];
    let grantor = Grantor::with(&environment);
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let ran = grantor.json(&["migrate"]);
    assert_eq!(
        ran["ran"].as_array().expect("a list").len(),
        std::fs::read_dir(migrations).expect("the migrations").count()
    );
    assert_eq!(grantor.json(&["migrate"]), json!({ "ran": [] }));
    grantor.run(&["service", "add", "orders", "--scope", "orders:read=Read your orders"]).is_done();
    assert!(!postgres_runs(&data_dir), "a command leaves no database running");

    let mut node = Node::start(&environment);
    let (id, secret) = grantor.shop();
    let http = reqwest::Client::new();
    let ask = |secret: String| {
        let request = http
            .post(format!("{}/oauth/token", node.address))
            .basic_auth(&id, Some(secret))
            .form(&[("grant_type", "client_credentials")]);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(ask(secret).await, 200);
    assert_eq!(ask("wrong".into()).await, 401);
    let said = grantor.run(&["serve"]);
    assert_eq!(said.code, 1, "a second server must not own the same database: {said:?}");
    assert!(node.terminate().success());
    assert!(!postgres_runs(&data_dir), "the server leaves no database running");

    let listed = grantor.json(&["client", "list"]);
    assert_eq!(listed[0]["client_id"], id.as_str());
}

fn postgres_runs(data_dir: &str) -> bool {
    std::path::Path::new(data_dir).join("pgdata/postmaster.pid").exists()
}
