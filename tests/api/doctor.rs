//! `grantor doctor`, as operators run it: what it finds where all is well, and where something is not.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use diesel::connection::SimpleConnection as _;
use grantor::platform::db::{self, LogRetention, Round};
use serde_json::{Value, json};

use crate::commands::{Grantor, execute, text};
use crate::support::{Database, ISSUER, Node, Scratch, database};

/// Where nobody listens: no program asks for port 1.
const NOWHERE: &str = "127.0.0.1:1";

/// What it found: of each check its level and words.
#[derive(Debug)]
struct Findings {
    code: i32,
    is_good: bool,
    of: BTreeMap<String, (String, String)>,
}

impl Findings {
    #[track_caller]
    fn is(&self, check: &str, level: &str, words: &str) {
        let found = self.of.get(check).unwrap_or_else(|| panic!("no check {check}: {self:#?}"));
        assert_eq!((found.0.as_str(), found.1.as_str()), (level, words), "{check}");
    }

    #[track_caller]
    fn says(&self, check: &str, level: &str, part: &str) {
        let found = self.of.get(check).unwrap_or_else(|| panic!("no check {check}: {self:#?}"));
        assert!(found.0 == level && found.1.contains(part), "{check}: {found:?}, and not {level}: {part}");
    }

    fn names(&self) -> Vec<&str> {
        self.of.keys().map(String::as_str).collect()
    }

    /// The checks that are not well. How much room the disk has is no matter of ours.
    fn complaints(&self) -> Vec<&str> {
        let bad = self.of.iter().filter(|(name, (level, _))| level != "ok" && *name != "disk");
        bad.map(|(name, _)| name.as_str()).collect()
    }
}

/// Runs it with these settings; no server runs, unless they name one.
#[track_caller]
fn doctor(environment: &[(&str, &str)]) -> Findings {
    let front = environment.iter().find(|(name, _)| *name == "GRANTOR_SERVER__FRONT");
    // An issuer that leads to the front, unless the test names one.
    let issuer = format!("http://{}", front.map_or(NOWHERE, |(_, at)| at));
    let usual =
        [("GRANTOR_SERVER__FRONT", NOWHERE), ("GRANTOR_SERVER__OPS", ""), ("GRANTOR_ISSUER", &issuer)];
    let environment = [&usual[..], environment].concat();
    let said = Grantor::with(&environment).run(&["doctor", "--json"]);
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("no JSON: {said:?}"));
    let checks = told["checks"].as_array().expect("a list");
    let of = checks.iter().map(|check| {
        let level = text(&check["level"]);
        assert_eq!(check["ok"], json!(level != "bad"), "{check}");
        (text(&check["check"]), (level, text(&check["message"])))
    });
    let findings = Findings { code: said.code, is_good: told["ok"] == true, of: of.collect() };
    assert_eq!(findings.of.len(), checks.len(), "two checks of one name: {told}");
    assert_eq!(findings.code, i32::from(!findings.is_good), "{findings:#?}");
    let has_bad = findings.of.values().any(|(level, _)| level == "bad");
    assert_eq!(findings.is_good, !has_bad, "{findings:#?}");
    findings
}

fn over(url: &str) -> Findings {
    doctor(&[("GRANTOR_DATABASE__URL", url)])
}

/// A database with the partitions of the real today, and none that are over.
#[allow(clippy::disallowed_methods, reason = "the day of the commands that look at it")]
fn looked_after() -> Database {
    let database = database();
    Grantor::over(&database.url).run(&["migrate"]).is_done();
    // What waits for its seal is of now, as far as their clock goes.
    execute(&database.url, "SET session_replication_role = replica; UPDATE events SET occurred_at = now()");
    let mut connection = db::connect(&database.url).expect("a connection");
    let today = chrono::Utc::now().date_naive();
    let dropped = db::drop_expired(&mut connection, today, LogRetention::Days(400), || true);
    assert!(matches!(dropped, Ok(Round::Done { left, .. }) if left.is_empty()));
    database
}

/// The database, as another role of this name, which is made.
fn as_role(database: &Database, rights: &str) -> (String, String) {
    let role = format!("r_{}", uuid::Uuid::now_v7().simple());
    execute(&database.url, &format!("CREATE ROLE {role} LOGIN; {}", rights.replace(":role", &role)));
    (database.url.replace("user=grantor", &format!("user={role}")), role)
}

#[test]
fn a_database_that_is_well_is_found_so() {
    let database = looked_after();
    let found = over(&database.url);
    assert_eq!((found.code, found.complaints()), (0, vec!["role"]), "{found:#?}");
    for (check, words) in [
        ("settings", "issuer http://127.0.0.1:1: plain http, for this machine only"),
        ("limits", "of tokens, sessions and requests are as usual"),
        ("proxies", "0 trusted"),
        ("exposure", "metrics are nowhere: server.ops is empty"),
        ("transport", "the way to the database stays on this machine, or is under TLS that is checked"),
        ("files", "no settings come from files"),
        ("front", "not running: nobody listens at 127.0.0.1:1"),
        ("ops", "server.ops is empty: there is no /metrics"),
        ("durability", "what is committed is on disk"),
        ("connections", "16 at most, of 100"),
        ("migrations", "all have run"),
        ("permissions", "may read, write, migrate and make partitions"),
        ("clock", "within 2 s of the database's"),
    ] {
        found.is(check, "ok", words);
    }
    found.says("database", "ok", "outside, Postgres ");
    found.says("database", "ok", ", UTF8, ");
    found.says("partitions", "ok", "made ahead as ");
    found.says("accounts", "ok", "no client yet: `grantor client add ");
    found.says("signing", "ok", "no JWTs: they need signing.master_key");
    found.says(
        "audit",
        "ok",
        "none of them signed yet (that needs a signing key); 1 wait until a server seals them",
    );
    let mut names = vec!["settings", "limits", "proxies", "exposure", "transport", "files", "front", "ops"];
    names.extend(["database", "durability", "role", "connections", "migrations", "permissions"]);
    names.extend(["partitions", "retention", "tables", "accounts", "signing", "audit", "clock"]);
    names.sort_unstable();
    assert_eq!(found.names(), names);

    // The same for people: a line each, with the level in front.
    let grantor = Grantor::with(&[
        ("GRANTOR_DATABASE__URL", database.url.as_str()),
        ("GRANTOR_SERVER__FRONT", NOWHERE),
        ("GRANTOR_SERVER__OPS", ""),
        ("GRANTOR_ISSUER", "http://127.0.0.1:1"),
    ]);
    let said = grantor.run(&["doctor"]);
    said.is_done();
    assert!(said.out.starts_with("ok    settings     issuer http://127.0.0.1:1: plain http"), "{}", said.out);
    assert!(said.out.contains("\nwarn  role         we connect as a superuser"), "{}", said.out);
    let lines = said.out.lines().filter(|line| !line.starts_with(' '));
    assert_eq!(lines.count(), names.len(), "{}", said.out);
}

/// From an empty database of a role of its own to the first app: what comes next is said each time.
#[test]
fn a_role_that_owns_its_database_is_led_to_the_first_client() {
    let database = database();
    let (url, role) = as_role(&database, "DROP SCHEMA partitions CASCADE; DROP SCHEMA public CASCADE");
    let name = url.split(['/', '?']).nth(3).expect("a name");
    execute(
        &database.url,
        &format!("ALTER DATABASE {name} OWNER TO {role}; CREATE SCHEMA public AUTHORIZATION {role}"),
    );
    let found = over(&url);
    assert_eq!((found.code, found.complaints()), (1, vec!["migrations"]), "{found:#?}");
    found.says("migrations", "bad", "are to run: run `grantor migrate`");
    assert!(!found.names().contains(&"accounts"), "there are no tables to look into");

    let grantor = Grantor::over(&url);
    grantor.run(&["migrate"]).is_done();
    let found = over(&url);
    assert_eq!((found.code, found.complaints()), (0, vec![]), "{found:#?}");
    found.is("role", "ok", "no superuser");
    found.is("retention", "ok", "no expired partitions");
    found.says("accounts", "ok", "no service yet: `grantor service add ");
    grantor.run(&["service", "add", "orders", "--scope", "orders:read=Read your orders"]).is_done();
    over(&url).is("accounts", "ok", "no user yet: `grantor user add NAME` makes one");
    grantor.run_with(&["user", "add", "eve"], "a password that is long").is_done();
    over(&url).says("accounts", "ok", "no client yet: `grantor client add ");
    let client = ["client", "add", "Shop", "--grant", "client_credentials", "--scope", "orders:read"];
    grantor.run(&client).is_done();
    over(&url).is("accounts", "ok", "there are services, users and clients");
    execute(&database.url, &format!("REASSIGN OWNED BY {role} TO grantor; DROP ROLE {role}"));
}

/// A role that reads and writes, but does not own the tables, would be stopped one day by the calendar.
#[test]
fn rights_that_are_missing_are_told_as_such() {
    let database = looked_after();
    let cannot_make =
        "the database role may not make partitions: it must own the tables and the schema partitions";
    let (url, _) = as_role(
        &database,
        "GRANT USAGE, CREATE ON SCHEMA public TO :role; GRANT USAGE ON SCHEMA partitions TO :role; \
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO :role",
    );
    let found = over(&url);
    assert_eq!(found.complaints(), ["permissions"], "{found:#?}");
    found.is("permissions", "bad", cannot_make);

    // Without CREATE in `public`, too: this keeps no other check from being made.
    let (url, _) = as_role(
        &database,
        "GRANT USAGE ON SCHEMA public TO :role; GRANT SELECT ON ALL TABLES IN SCHEMA public TO :role",
    );
    let found = over(&url);
    assert_eq!(found.complaints(), ["permissions"], "{found:#?}");
    found.is("permissions", "bad", cannot_make);
    found.is("migrations", "ok", "all have run");

    // And with no right at all.
    let (url, _) = as_role(&database, "");
    let found = over(&url);
    found.is("permissions", "bad", cannot_make);
    found.says("migrations", "bad", "cannot be checked: permission denied for table");
    found.says("clock", "ok", "within");
    let said = Grantor::over(&url).run(&["user", "list"]);
    said.is_refused(
        "permission denied for table __diesel_schema_migrations: the role in database.url must own the database \
         and its tables (`grantor doctor` says more)",
    );

    // An owner who may make no new tables cannot follow the next version.
    let (url, role) = as_role(&database, "GRANT grantor TO :role");
    assert_eq!(over(&url).complaints(), Vec::<&str>::new());
    execute(&database.url, &format!("REVOKE grantor FROM {role}; DROP ROLE {role}"));
}

/// V10: an answer that was given is on disk, so what trades this away is bad.
#[test]
fn a_database_that_may_lose_what_was_answered_is_bad() {
    let database = looked_after();
    let found = over(&format!("{}&options=-csynchronous_commit%3Doff", database.url));
    assert_eq!((found.code, found.complaints()), (1, vec!["durability", "role"]), "{found:#?}");
    found.says("durability", "bad", "synchronous_commit off: what was answered may be lost");
    over(&format!("{}&options=-csynchronous_commit%3Dlocal", database.url)).says(
        "durability",
        "ok",
        "on disk",
    );
}

#[test]
fn connections_must_fit_into_what_postgres_allows() {
    let database = looked_after();
    let with = |url: &str, connections: &str| {
        doctor(&[("GRANTOR_DATABASE__URL", url), ("GRANTOR_DATABASE__CONNECTIONS", connections)])
    };
    with(&database.url, "101").is(
        "connections",
        "bad",
        "database.connections is 101, and Postgres allows us 100: lower it, or raise theirs",
    );
    with(&database.url, "98").says("connections", "warn", "of the 100 that Postgres allows us");
    let (url, role) = as_role(&database, "ALTER ROLE :role CONNECTION LIMIT 10");
    with(&url, "11").says("connections", "bad", "Postgres allows us 10");
    with(&url, "2").is("connections", "ok", "2 at most, of 10");
    execute(&database.url, &format!("DROP ROLE {role}"));
}

/// A plain role is not shown what others' connections are, and yet must count them.
#[test]
fn connections_of_others_are_counted_by_a_plain_role() {
    let database = looked_after();
    let name = database.url.split(['/', '?']).nth(3).expect("a name");
    let (url, role) = as_role(&database, &format!("ALTER DATABASE {name} CONNECTION LIMIT 12"));
    let look = || doctor(&[("GRANTOR_DATABASE__URL", &url), ("GRANTOR_DATABASE__CONNECTIONS", "8")]);
    look().is("connections", "ok", "8 at most, of 12");
    let others: Vec<_> = (0..6).map(|_| db::connect(&database.url).expect("a connection")).collect();
    look().says("connections", "warn", "of the 12 that Postgres allows us");
    drop(others);
    execute(&database.url, &format!("DROP ROLE {role}"));
}

#[test]
fn a_database_of_a_newer_grantor_is_served_and_told_of() {
    let database = looked_after();
    execute(&database.url, "INSERT INTO __diesel_schema_migrations VALUES ('20990101000000')");
    let words =
        "a newer Grantor migrated this database (20990101000000 is not known here): this one should follow";
    let found = over(&database.url);
    assert_eq!((found.code, found.complaints()), (0, vec!["migrations", "role"]), "{found:#?}");
    found.is("migrations", "warn", words);
    Grantor::over(&database.url).run(&["user", "list"]).is_done();
    execute(&database.url, "DELETE FROM __diesel_schema_migrations WHERE version = '20990101000000'");
    over(&database.url).is("migrations", "ok", "all have run");
}

/// A server that runs should have made them; while none runs, they wait for its start.
#[test]
fn partitions_that_are_missing_are_told_by_how_much_it_matters() {
    let database = looked_after();
    let node = Node::start(&[("GRANTOR_DATABASE__URL", &database.url)]);
    let front = node.address.trim_start_matches("http://");
    let served = [
        ("GRANTOR_DATABASE__URL", database.url.as_str()),
        ("GRANTOR_SERVER__FRONT", front),
        ("GRANTOR_ISSUER", ISSUER),
        ("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let after = |sql: &str| {
        within_a_day(|| {
            Grantor::over(&database.url).run(&["migrate"]).is_done();
            execute(&database.url, sql);
            (doctor(&served), over(&database.url))
        })
    };
    let (found, _) = after("SELECT");
    assert_eq!(found.complaints(), ["role"], "{found:#?}");
    found.says("partitions", "ok", "made ahead as ");

    // The furthest month that codes want.
    let (found, _) = after(
        "DO $$ DECLARE last text; BEGIN \
           SELECT max(relname) INTO last FROM pg_class WHERE relname LIKE 'authorization_codes_2%' AND relkind = 'r'; \
           EXECUTE format('DROP TABLE partitions.%I', last); END $$",
    );
    found.says("partitions", "warn", "fewer ahead than planned: authorization_codes to ");

    let (served, at_rest) = after(
        "DO $$ BEGIN EXECUTE format('DROP TABLE partitions.%I', \
           'interactions_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')); END $$",
    );
    let words =
        "none for today of interactions: `grantor migrate` makes them, and so does a server at its start";
    served.is("partitions", "bad", words);
    at_rest.is("partitions", "warn", words);
}

/// What is seen within one day, by UTC; looks again if midnight came between.
#[allow(clippy::disallowed_methods, reason = "the day of the commands that are looked at")]
fn within_a_day<T>(look: impl Fn() -> T) -> T {
    loop {
        let day = chrono::Utc::now().date_naive();
        let seen = look();
        if chrono::Utc::now().date_naive() == day {
            return seen;
        }
    }
}

/// The partitions of a January long ago, and those ahead of it.
const LONG_AGO: &str = "SELECT make_partitions('2020-01-03')";

#[test]
fn expired_partitions_wait_for_a_server_which_drops_them_at_its_start() {
    let database = looked_after();
    over(&database.url).is("retention", "ok", "no expired partitions");
    execute(&database.url, LONG_AGO);
    over(&database.url).says("retention", "ok", ": a server drops them soon after its start");
    // A log goes when the operator says.
    let kept = [("GRANTOR_DATABASE__URL", database.url.as_str()), ("GRANTOR_AUDIT__RETENTION_DAYS", "0")];
    let events_too = over(&database.url).of["retention"].clone();
    assert_ne!(doctor(&kept).of["retention"], events_too);
    over(&database.url).says("tables", "ok", ", dropped 400 days after they end");
    doctor(&kept).says("tables", "ok", ", never dropped");

    let node = Node::start(&[("GRANTOR_DATABASE__URL", &database.url)]);
    assert!(node.wait_for_line("expired partitions: ").contains("access_tokens_20200102"));
    over(&database.url).is("retention", "ok", "no expired partitions");
    over(&database.url).says("partitions", "ok", "made ahead as ");
}

/// What is over while a server runs is told as the server's failing, and so is what it could not finish.
#[test]
fn partitions_that_a_server_should_have_dropped_are_told() {
    let database = looked_after();
    execute(&database.url, LONG_AGO);
    let mut other = db::connect(&database.url).expect("a connection");
    let hold = "SELECT pg_advisory_lock(hashtext('grantor.drop_partitions'))";
    other.batch_execute(hold).expect("the place of a node that is at it");
    let node = Node::start(&[("GRANTOR_DATABASE__URL", &database.url)]);
    node.wait_for_line("another node drops the expired partitions");
    let served = [
        ("GRANTOR_DATABASE__URL", database.url.as_str()),
        ("GRANTOR_SERVER__FRONT", node.address.trim_start_matches("http://")),
    ];
    doctor(&served).says("retention", "warn", ": the server should have dropped them");

    other.batch_execute("BEGIN; SELECT 1 FROM sign_in_failures").expect("a transaction that does not end");
    let mut detaching = db::connect(&database.url).expect("a connection");
    let detach = "SET lock_timeout = '10ms'; \
                  ALTER TABLE sign_in_failures DETACH PARTITION partitions.sign_in_failures_20200102 CONCURRENTLY";
    for statement in detach.split("; ") {
        let _ = detaching.batch_execute(statement);
    }
    doctor(&served).says(
        "retention",
        "warn",
        "dropping sign_in_failures_20200102 was begun and not finished",
    );
}

#[test]
fn the_server_is_asked_who_it_is_and_how() {
    let database = looked_after();
    let mut node = Node::start(&[("GRANTOR_DATABASE__URL", &database.url)]);
    let front = node.address.trim_start_matches("http://").to_owned();
    let ask = |issuer: &str| {
        doctor(&[
            ("GRANTOR_DATABASE__URL", &database.url),
            ("GRANTOR_SERVER__FRONT", &front),
            ("GRANTOR_ISSUER", issuer),
            ("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
        ])
    };
    let found = ask(ISSUER);
    assert_eq!(found.complaints(), ["role"], "{found:#?}");
    found.is("front", "ok", &format!("Grantor runs at {front}, and is ready"));
    found.is("issuer", "ok", &format!("the server calls itself {ISSUER}, too"));

    let found = ask("https://other.example");
    assert_eq!(found.complaints(), ["issuer", "role"], "{found:#?}");
    let words =
        format!("the server at {front} calls itself {ISSUER}, and these settings https://other.example");
    found.says("issuer", "bad", &words);

    // Its database is gone.
    let url = database.url.clone();
    drop(database);
    let found = doctor(&[("GRANTOR_DATABASE__URL", &url), ("GRANTOR_SERVER__FRONT", &front)]);
    found.says("front", "bad", "its database does not answer it");
    found.says("database", "bad", "does not exist. Make it: CREATE DATABASE");

    node.kill();
    doctor(&[("GRANTOR_SERVER__FRONT", &front), ("GRANTOR_DATABASE__URL", &url)]).says(
        "front",
        "ok",
        "not running",
    );
}

#[test]
fn another_program_at_our_address_is_no_server_of_ours() {
    let database = looked_after();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address").to_string();
    std::thread::spawn(move || {
        for (stream, words) in listener.incoming().zip(["SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\n\r\nhello"]) {
            let _ = stream.expect("a connection").write_all(words.as_bytes());
        }
    });
    for (check, setting) in [("front", "GRANTOR_SERVER__FRONT"), ("ops", "GRANTOR_SERVER__OPS")] {
        let found = doctor(&[("GRANTOR_DATABASE__URL", &database.url), (setting, &at)]);
        assert_eq!(found.complaints(), [check, "role"], "{found:#?}");
        let words =
            format!("another program listens at {at}: stop it, or set server.{check} to another address");
        found.is(check, "bad", &words);
    }
}

/// Many programs have a `/health` that says as much as ours.
#[test]
fn a_page_of_health_alone_makes_no_grantor() {
    let database = looked_after();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\",\"database\":\"ok\"}");
        }
    });
    let found = doctor(&[("GRANTOR_DATABASE__URL", &database.url), ("GRANTOR_SERVER__FRONT", &at)]);
    assert_eq!(found.complaints(), ["front", "role"], "{found:#?}");
    found.says("front", "bad", "another program listens at");
}

#[test]
fn settings_that_are_accepted_may_still_be_unwise() {
    let database = looked_after();
    let with = |name: &str, value: &str| doctor(&[("GRANTOR_DATABASE__URL", &database.url), (name, value)]);
    for (name, value, words) in [
        ("GRANTOR_TOKENS__ACCESS_LIFETIME_S", "3601", "tokens.access_lifetime_s is more than an hour"),
        ("GRANTOR_TOKENS__REFRESH_LIFETIME_S", "599", "nobody can refresh"),
        ("GRANTOR_TOKENS__REFRESH_GRACE_S", "61", "tokens.refresh_grace_s is more than a minute"),
        ("GRANTOR_SESSIONS__INTERACTION_S", "299", "people type slowly"),
        ("GRANTOR_SERVER__BODY_LIMIT", "1048577", "server.body_limit is more than 1 MiB"),
    ] {
        let found = with(name, value);
        assert_eq!((found.code, found.complaints()), (0, vec!["limits", "role"]), "{name}: {found:#?}");
        found.says("limits", "warn", words);
    }
    with("GRANTOR_TOKENS__ACCESS_LIFETIME_S", "3600").says("limits", "ok", "as usual");

    with("GRANTOR_SERVER__OPS", "0.0.0.0:2").says(
        "exposure",
        "warn",
        "server.ops is 0.0.0.0:2, which others may reach",
    );
    let words = "metrics are at 10.1.2.3:1, an address of a private network";
    with("GRANTOR_SERVER__OPS", "10.1.2.3:1").is("exposure", "ok", words);
    let words = "metrics are reachable from this machine only";
    with("GRANTOR_SERVER__OPS", "127.0.0.1:2").is("exposure", "ok", words);

    // An https issuer means a proxy; if its word is not believed, all the world is one network to the guard.
    let found = with("GRANTOR_ISSUER", "https://id.example");
    found.says("proxies", "bad", "set server.trusted_proxies to its address");
    found.is("settings", "ok", "issuer https://id.example: cookies are Secure and __Host-");
    with("GRANTOR_SERVER__TRUSTED_PROXIES", "0.0.0.0/0").says("proxies", "bad", "is all the world");
    with("GRANTOR_SERVER__TRUSTED_PROXIES", "10.0.0.0/8").is("proxies", "ok", "1 trusted");
}

/// A database that is away keeps no other check from being made, and its password is in no answer.
#[test]
fn a_database_that_is_away_is_told_without_its_password() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("postgresql://u:hidden@{}/g", silent.local_addr().expect("its address"));
    for (url, words) in
        [("postgresql://u:hidden@127.0.0.1:1/g", "Nothing listens there"), (&silent, "does not answer")]
    {
        let found = over(url);
        assert_eq!((found.code, found.complaints()), (1, vec!["database"]), "{found:#?}");
        found.says("database", "bad", words);
        assert!(!format!("{found:?}").contains("hid"), "{found:#?}");
    }
    let remote = [
        // A number, which no resolver is asked for; nobody has it (RFC 5737).
        ("GRANTOR_DATABASE__URL", "postgresql://u:hidden@192.0.2.1/g"),
        ("GRANTOR_DATABASE__ALLOW_PLAINTEXT", "true"),
    ];
    let found = doctor(&remote);
    found.says("transport", "warn", "use sslmode=verify-full");
    assert_eq!(found.of["database"].0, "bad", "{found:#?}");
    assert!(!format!("{found:?}").contains("hid"), "{found:#?}");
}

#[test]
fn files_that_others_may_read_or_change_are_named() {
    let (database, scratch) = (looked_after(), Scratch::new());
    let (url, config) = (scratch.join("url"), scratch.join("grantor.toml"));
    std::fs::write(&url, &database.url).expect("a file");
    std::fs::write(&config, "[server]\nops = \"\"\n").expect("a file");
    let with_modes = |of_url: u32, of_config: u32| {
        for (file, mode) in [(&url, of_url), (&config, of_config)] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
        doctor(&[("GRANTOR_DATABASE__URL_FILE", &url), ("GRANTOR_CONFIG", &config)])
    };
    with_modes(0o640, 0o644).is("files", "ok", "2 with settings, closed to others");
    let found = with_modes(0o644, 0o664);
    assert_eq!((found.code, found.complaints()), (0, vec!["files", "role"]), "{found:#?}");
    let words = format!(
        "{config} can be changed by others (mode 0664): `chmod go-w {config}`\n\
         {url} holds a secret that everybody can read (mode 0644): `chmod o-rwx {url}`"
    );
    found.is("files", "warn", &words);
    // A file of settings is a secret when the way into the database stands in it.
    std::fs::write(&config, format!("[database]\nurl = {:?}\n", database.url)).expect("a file");
    with_modes(0o600, 0o644).says("files", "warn", &format!("{config} holds a secret"));
}

/// It makes nothing: where there is no database yet, it says who will make one.
#[test]
fn a_private_postgres_is_looked_at_and_left_as_it_is() {
    let scratch = Scratch::new();
    let data_dir = scratch.join("data");
    let look = || doctor(&[("GRANTOR_DATABASE__DATA_DIR", &data_dir)]);
    let found = look();
    assert_eq!((found.code, found.complaints()), (0, vec![]), "{found:#?}");
    found.is("data", "ok", &format!("nothing yet at {data_dir}: `grantor serve` makes it"));
    found.says("postgres", "ok", "will be used");
    found.is("database", "ok", "none yet, so there is nothing in it to check");
    assert!(!std::path::Path::new(&data_dir).exists());

    Grantor::with(&[("GRANTOR_DATABASE__DATA_DIR", &data_dir)]).run(&["migrate"]).is_done();
    let found = look();
    assert_eq!((found.code, found.complaints()), (0, vec![]), "{found:#?}");
    found.is("data", "ok", &format!("{data_dir}, closed to others"));
    found.says("postgres", "ok", "does not run now");
    assert!(found.of["disk"].1.contains(" are free"), "{found:#?}");
    found.says("database", "ok", "private, Postgres ");
    assert!(
        !std::path::Path::new(&data_dir).join("pgdata/postmaster.pid").exists(),
        "it left a server running"
    );

    let node = Node::start(&[("GRANTOR_DATABASE__DATA_DIR", &data_dir)]);
    node.wait_for_line("nobody can sign in yet: `grantor user add <name>` makes somebody");
    let found = look();
    assert_eq!(found.complaints(), Vec::<&str>::new(), "{found:#?}");
    found.says("postgres", "ok", ", runs");

    // The classic: a command without the server's settings works on a database of its own.
    let elsewhere = scratch.join("elsewhere");
    let front = node.address.trim_start_matches("http://");
    let found = doctor(&[
        ("GRANTOR_DATABASE__DATA_DIR", &elsewhere),
        ("GRANTOR_SERVER__FRONT", front),
        ("GRANTOR_ISSUER", ISSUER),
        ("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
    ]);
    assert_eq!(found.complaints(), ["data"], "{found:#?}");
    found.says("data", "warn", &format!("a Grantor runs, and not over {elsewhere}"));
    drop(node);
}

#[test]
fn a_data_directory_that_cannot_be_used_is_told() {
    let scratch = Scratch::new();
    let data_dir = scratch.join("data");
    let look = || doctor(&[("GRANTOR_DATABASE__DATA_DIR", &data_dir)]);
    Grantor::with(&[("GRANTOR_DATABASE__DATA_DIR", &data_dir)]).run(&["migrate"]).is_done();
    assert_eq!(look().complaints(), Vec::<&str>::new());
    std::fs::set_permissions(&data_dir, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let found = look();
    assert_eq!((found.code, found.complaints()), (0, vec!["data"]), "{found:#?}");
    found.says("data", "warn", "is open to others (mode 0755)");

    std::fs::write(format!("{data_dir}/pgdata/PG_VERSION"), "13\n").expect("a file");
    let found = look();
    assert_eq!(found.complaints(), ["database", "postgres"], "{found:#?}");
    found.says("postgres", "bad", "belongs to PostgreSQL 13, but the server in");

    let foreign = scratch.join("foreign");
    std::fs::create_dir(&foreign).expect("a directory");
    std::fs::write(format!("{foreign}/letter"), "mine").expect("a file");
    let found = doctor(&[("GRANTOR_DATABASE__DATA_DIR", &foreign)]);
    assert_eq!(found.complaints(), ["data"], "{found:#?}");
    found.says("data", "bad", "is not empty and holds no private Postgres");
    let found = doctor(&[("GRANTOR_DATABASE__DATA_DIR", &format!("{foreign}/letter/data"))]);
    found.says("data", "bad", "name another data directory");

    let found = doctor(&[
        ("GRANTOR_DATABASE__DATA_DIR", &scratch.join("other")),
        ("GRANTOR_DATABASE__BIN_DIR", &foreign),
    ]);
    assert_eq!(found.complaints(), ["postgres"], "{found:#?}");
    found.says("postgres", "bad", "has no executable `postgres`: database.bin_dir must name");
}
