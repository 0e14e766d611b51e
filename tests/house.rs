//! The house rules, checked over the text of `src/`: who may import whom, and which names live where.
//!
//! A rule is a function from a [`House`] to the list of its breaches, so that the same rule is tried on
//! made-up houses (at the end: a check that finds nothing must be known to find something) and asked of the
//! real one.

#[path = "house/scanner.rs"]
mod scanner;

use scanner::{House, Source, declared_module};

/// The floors from the ground up. Modules of one floor do not know each other.
const FLOORS: [&[&str]; 18] = [
    &["kernel"],
    &["platform"],
    &["audit"],
    &["traffic"],
    &["signing"],
    &["limits"],
    &["accounts"],
    &["services"],
    &["credentials"],
    &["clients"],
    &["grants"],
    &["decision"],
    &["oauth"],
    &["oidc"],
    &["webhooks", "streams"],
    &["gateway"],
    &["console"],
    &["app"],
];

/// Whose table is whose: every table of `schema.rs` has exactly one owner.
const TABLES: [(&str, &str); 10] = [
    ("platform", "partition_plans"),
    ("audit", "events event_chain event_leaves event_checkpoints idempotency_keys"),
    ("traffic", "request_log request_batches usage_minutes usage_hours usage_days"),
    ("signing", "signing_keys"),
    ("limits", "limits rate_counters quota_counters"),
    (
        "accounts",
        "principals plans organizations memberships users browser_sessions interactions sign_in_failures",
    ),
    ("services", "services scopes service_routes service_grants"),
    ("credentials", "credentials credential_stats"),
    ("clients", "clients client_redirect_uris"),
    (
        "grants",
        "grants families authorization_codes access_tokens refresh_tokens refresh_answers grant_usage",
    ),
];

/// Folders of `oauth/` that are not verbs.
const NOT_VERBS: [&str; 2] = ["engine", "metadata"];

// ---- the rules ------------------------------------------------------------------------------------------

/// `lib.rs` is the map: modules only, in the order of the floors, a line of doc each.
fn map(house: &House) -> Vec<String> {
    let Some(text) = house.lib() else {
        return vec!["src/lib.rs is missing".to_owned()];
    };
    let mut breaches = Vec::new();
    let (mut highest, mut documented) = (0, false);
    for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
        let mut breach = |what: String| breaches.push(format!("src/lib.rs:{number}: {what}"));
        if let Some(module) = declared_module(line) {
            match floor_of(module) {
                _ if module == "schema" => {}
                None => breach(format!("`{module}` is on no floor: give it one, here and in FLOORS")),
                Some(floor) if floor < highest => {
                    breach(format!("`{module}` (floor {floor}) stands above floor {highest}"));
                }
                Some(_) if !documented => breach(format!("`{module}` has no line of doc")),
                Some(floor) => highest = floor,
            }
        } else if ["use ", "pub use ", "pub(crate) use "].iter().any(|word| line.starts_with(word)) {
            breach("the map imports and re-exports nothing".to_owned());
        }
        documented = line.starts_with("///") || (documented && line.starts_with("#["));
    }
    breaches
}

/// A module imports only from lower floors, and from itself.
fn floors(house: &House) -> Vec<String> {
    house.breaches(|file, name| {
        let own = file.module()?;
        let imported = name.in_crate()?;
        if imported == own || imported == "schema" {
            return None;
        }
        let Some(from) = floor_of(own) else {
            return Some(format!("`{own}` is on no floor"));
        };
        if imported == "*" {
            return Some("a glob over the whole crate hides what is imported".to_owned());
        }
        let to = floor_of(imported)?;
        (to >= from)
            .then(|| format!("`{own}` (floor {from}) may not import `{imported}` (floor {to}): {name}"))
    })
}

/// Diesel lives in stores, in the doors, and in the derives of kernel values.
fn diesel(house: &House) -> Vec<String> {
    house.breaches(|file, name| {
        let at_home = file.is_store() || file.is_door() || file.path == "schema.rs";
        let derive = name.attribute && file.module() == Some("kernel");
        (name.is_from("diesel") && !at_home && !derive)
            .then(|| format!("{name}: the database is spoken to in store.rs, and nowhere else"))
    })
}

/// The OAuth library stays behind the engine.
fn oxide_auth(house: &House) -> Vec<String> {
    house.breaches(|file, name| {
        (name.is_from("oxide_auth") && !file.path.starts_with("oauth/engine/"))
            .then(|| format!("{name}: oxide-auth is used in oauth/engine/ alone"))
    })
}

/// HTTP ends at `http.rs`: what decides and what stores does not know it.
fn http(house: &House) -> Vec<String> {
    house.breaches(|file, name| {
        let deaf = file.module() == Some("kernel")
            || file.is_store()
            || ["rules.rs", "flow.rs"].contains(&file.name());
        (deaf && name.is_from("actix"))
            .then(|| format!("{name}: HTTP ends at http.rs; take a typed value instead"))
    })
}

/// Rules decide over what is loaded: nothing to wait for.
fn waiting_rules(house: &House) -> Vec<String> {
    let rules = house.files.iter().filter(|file| file.name() == "rules.rs");
    rules
        .flat_map(|file| file.tokens.iter().map(move |token| (file, token)))
        .filter(|(_, token)| ["async", "await"].contains(&token.text.as_str()))
        .map(|(file, token)| format!("src/{}:{}: `{}` in pure rules", file.path, token.line, token.text))
        .collect()
}

/// Only the store of the noun that owns a table names it; a join over a neighbour's table is a breach too.
fn tables(house: &House) -> Vec<String> {
    house.breaches(|file, name| {
        let table = name.table()?;
        if file.path == "schema.rs" {
            return None;
        }
        let Some(owner) = owner_of(table) else {
            return Some(format!("{name}: `{table}` is no table of the list TABLES"));
        };
        let own = file.module() == Some(owner) && (file.is_store() || file.is_door());
        (!own).then(|| format!("{name}: the table `{table}` belongs to the store of `{owner}`"))
    })
}

/// Every table of `schema.rs` has an owner.
fn orphans(house: &House) -> Vec<String> {
    let unowned = house.tables().into_iter().filter(|table| owner_of(table).is_none());
    unowned.map(|table| format!("src/schema.rs: `{table}` belongs to nobody: add it to TABLES")).collect()
}

/// A verb has an `http.rs`, and verbs own no tables.
fn verbs(house: &House) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in &house.files {
        if file.is_store() && ["oauth", "decision"].contains(&file.module().unwrap_or_default()) {
            breaches.push(format!("src/{}: a verb owns no tables, so it has no store", file.path));
        }
        let mut steps = file.path.split('/');
        if let (Some("oauth"), Some(verb), Some(_)) = (steps.next(), steps.next(), steps.next()) {
            let face = format!("oauth/{verb}/http.rs");
            let missing =
                format!("src/oauth/{verb}/: a verb has an http.rs (and flow.rs, rules.rs as needed)");
            let has_face = house.files.iter().any(|file| file.path == face);
            if !NOT_VERBS.contains(&verb) && !has_face && !breaches.contains(&missing) {
                breaches.push(missing);
            }
        }
    }
    breaches
}

/// Rows that expire leave with their partition. What deletes names its table, so that one sees that it is another's.
fn deletes(house: &House) -> Vec<String> {
    let expiring = partitioned(&house.migrations);
    let may = |table: &str| owner_of(table).is_some() && !expiring.iter().any(|one| one == table);
    let calls = house.files.iter().flat_map(|file| file.tokens.windows(3).map(move |tokens| (file, tokens)));
    let calls = calls.filter_map(|(file, tokens)| match tokens {
        [delete, open, table] if delete.text == "delete" && open.text == "(" && table.text != ")" => {
            Some((format!("src/{}:{}", file.path, delete.line), table.text.as_str()))
        }
        _ => None,
    });
    let files = house.files.iter().map(|file| (format!("src/{}", file.path), file.text.as_str()));
    let migrations = house.migrations.iter().map(|(path, text)| (path.clone(), text.as_str()));
    let texts = files.chain(migrations).flat_map(|(path, text)| {
        deleted(text).into_iter().map(|table| (path.clone(), table)).collect::<Vec<_>>()
    });
    calls
        .chain(texts)
        .filter(|(_, table)| !may(table))
        .map(|(place, table)| {
            format!("{place}: nothing deletes from `{table}`: its rows go with their partition")
        })
        .collect()
}

/// The tables that SQL in a text deletes from.
fn deleted(text: &str) -> Vec<&str> {
    let tables = text.split("DELETE FROM ").skip(1).map(|rest| {
        let table = rest.trim_start_matches("public.").trim_start_matches("partitions.");
        table.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
    });
    tables.collect()
}

/// The tables that are made of partitions, as the migrations have them.
fn partitioned(migrations: &[(String, String)]) -> Vec<String> {
    let statements = migrations.iter().flat_map(|(_, text)| text.split("CREATE TABLE ").skip(1));
    let made = statements.filter_map(|rest| rest.split(";\n").next());
    let made = made.filter(|statement| statement.contains("PARTITION BY RANGE"));
    made.filter_map(|statement| statement.split_whitespace().next()).map(str::to_owned).collect()
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn owner_of(table: &str) -> Option<&'static str> {
    TABLES.iter().find(|(_, tables)| tables.split(' ').any(|one| one == table)).map(|(owner, _)| *owner)
}

// ---- asked of the real house ----------------------------------------------------------------------------

fn ask(question: &str, rule: fn(&House) -> Vec<String>) {
    let breaches = House::ours().map_or_else(|fault| vec![fault.to_string()], |house| rule(&house));
    assert!(breaches.is_empty(), "{question}\n  {}\n", breaches.join("\n  "));
}

#[test]
fn the_scan_sees_the_house() {
    let house = House::ours().expect("src/ can be read");
    let files = house.files.len();
    assert!(files > 30, "only {files} source files were found");
    let modules = house.lib().unwrap_or_default().lines().filter_map(|line| declared_module(line.trim()));
    let modules = modules.count();
    assert!(modules >= 8, "src/lib.rs lists only {modules} modules");
    let imports = house.files.iter().flat_map(|file| &file.names).filter(|name| name.in_crate().is_some());
    assert!(imports.count() > files, "hardly any import within the crate was found");
    assert!(house.tables().len() >= 10, "src/schema.rs declares only {:?}", house.tables());
}

#[test]
fn lib_rs_lists_the_floors_from_the_ground_up() {
    ask("src/lib.rs is the map of the floors:", map);
}

#[test]
fn modules_import_only_from_lower_floors() {
    ask("A module imports only from a lower floor, or itself:", floors);
}

#[test]
fn diesel_stays_in_the_stores() {
    ask("diesel is for stores, the doors, and derives in kernel/:", diesel);
}

#[test]
fn oxide_auth_stays_in_the_engine() {
    ask("oxide-auth stays at arm's length:", oxide_auth);
}

#[test]
fn http_ends_at_the_face() {
    ask("No actix_web in rules.rs, flow.rs, store.rs or kernel/:", http);
}

#[test]
fn rules_wait_for_nothing() {
    ask("rules.rs holds pure functions:", waiting_rules);
}

#[test]
fn only_the_owner_names_its_tables() {
    ask("Only a noun's own store names its tables:", tables);
}

#[test]
fn every_table_has_an_owner() {
    ask("Every table has an owner:", orphans);
}

#[test]
fn what_expires_is_never_deleted() {
    let house = House::ours().expect("src/ can be read");
    assert!(partitioned(&house.migrations).len() >= 9, "{:?}", partitioned(&house.migrations));
    ask("Expiry is partitioning:", deletes);
}

#[test]
fn verbs_have_a_face_and_no_store() {
    ask("Verbs own endpoints and no tables:", verbs);
}

// ---- tried on made-up houses ----------------------------------------------------------------------------

fn made_up(files: &[(&str, &str)]) -> House {
    let partitioned =
        "CREATE TABLE families (day date) PARTITION BY RANGE (day);\nCREATE TABLE grants (id uuid);";
    House {
        files: files.iter().map(|(path, text)| Source::new(path, (*text).to_owned())).collect(),
        migrations: vec![("up.sql".to_owned(), partitioned.to_owned())],
    }
}

/// A line of `cases` is the number of breaches to find, a file's path, and its text.
fn tried(rule: fn(&House) -> Vec<String>, cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let mut words = case.splitn(3, ' ').map(str::trim);
        let mut word = || words.next().unwrap_or_default();
        let (count, path, text) = (word(), word(), word().replace("\\n", "\n"));
        let breaches = rule(&made_up(&[(path, &text)]));
        assert_eq!(breaches.len().to_string(), count, "{case}: {breaches:?}");
    }
}

/// The paths the scanner sees, in one line.
fn names(path: &str, text: &str) -> String {
    let house = made_up(&[(path, text)]);
    let names = house.files.iter().flat_map(|file| &file.names).map(|name| name.steps.join("::"));
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn scanner_unfolds_use_groups() {
    let text = "pub use crate::{\n  a::{self, b as c, d::*},\n  e,\n};\nuse ::x::y as z; use diesel;";
    let seen = "crate::a crate::a::b crate::a::d::* crate::e x::y diesel";
    assert_eq!(names("clients/store.rs", text), seen);
}

#[test]
fn scanner_finds_paths_in_code_and_gives_their_line() {
    let house = made_up(&[("clients/flow.rs", "fn f<'a>(x: &'a str) {\n\n  crate::app::go::<u8>(x) }")]);
    let breach =
        "src/clients/flow.rs:3: `clients` (floor 9) may not import `app` (floor 17): `crate::app::go`";
    assert_eq!(floors(&house), [breach]);
}

#[test]
fn scanner_resolves_self_and_super() {
    assert_eq!(names("oauth/token/flow.rs", "use super::rules::ok;"), "crate::oauth::token::rules::ok");
    assert_eq!(names("oauth/mod.rs", "use super::app::State;"), "crate::app::State");
    assert_eq!(names("oauth.rs", "use super::app::State;"), "crate::app::State");
    let inline = "mod tests { use super::*; fn f() { {} } } use self::x::y;";
    assert_eq!(names("kernel/scope.rs", inline), "crate::kernel::scope::* crate::kernel::scope::x::y");
    assert_eq!(names("main.rs", "use grantor::app::run;"), "crate::app::run");
}

#[test]
fn scanner_is_deaf_to_comments_and_literals() {
    let text = r##"
        // crate::app::a
        /* crate::app::b /* nested */ crate::app::c */
        /// [`crate::app::d`]
        const A: &str = "crate::app::e \" crate::app::f";
        const B: &str = r#"crate::app::g " crate::app::h"#;
        const C: (char, char, &[u8]) = ('"', '\'', br"crate::app::i\");
        const D: u8 = crate::kernel::LAST;
    "##;
    assert_eq!(names("kernel/scope.rs", text), "crate::kernel::LAST");
}

#[test]
fn the_rules_find_what_they_forbid() {
    let text = "
        0 lib.rs /// Values.\\npub mod kernel;\\n/// World.\\npub mod platform;\\nmod schema;
        1 lib.rs /// World.\\npub mod platform;\\n/// Values.\\npub mod kernel;
        1 lib.rs pub mod kernel;
        1 lib.rs /// Old things.\\npub mod attic;
        1 lib.rs /// Values.\\npub mod kernel;\\npub use kernel::Scope;
        1 main.rs fn main() {}";
    tried(map, text);
    let text = "
        0 clients/store.rs use crate::{kernel::Scope, audit::Work, schema::clients};
        1 clients/store.rs use crate::{kernel::Scope, grants::Grant};
        0 grants/mod.rs use crate::clients::Client;
        1 streams/mod.rs use crate::webhooks::Hook;
        1 clients/mod.rs #[cfg(test)] mod tests { use crate::app::State; }
        1 attic/mod.rs use crate::kernel::Scope;
        1 clients/mod.rs use crate::*;
        0 main.rs use grantor::app::run;";
    tried(floors, text);
    let text = "
        0 clients/store.rs use diesel::prelude::*;
        0 grants/store/codes.rs use diesel::prelude::*;
        0 platform/db.rs use diesel_migrations::embed_migrations;
        1 clients/mod.rs #[derive(diesel::Queryable)] struct A;
        0 kernel/ids.rs #[derive(diesel::AsExpression)] struct A;
        1 kernel/ids.rs use diesel::prelude::*;";
    tried(diesel, text);
    let text = "
        0 oauth/engine/issuer.rs use oxide_auth::primitives::grant::Grant;
        1 oauth/token/flow.rs use oxide_auth::primitives::grant::Grant;";
    tried(oxide_auth, text);
    let text = "
        0 oauth/token/http.rs use actix_web::HttpResponse;
        1 oauth/token/rules.rs fn f(_: &actix_web::HttpRequest) {}
        1 kernel/fault.rs use {actix_web::HttpResponse, std::fmt};";
    tried(http, text);
    let text = "
        2 oauth/token/rules.rs async fn f() { g().await }
        0 oauth/token/flow.rs async fn f() { g().await }";
    tried(waiting_rules, text);
    let text = "
        0 clients/store.rs use crate::schema::{client_redirect_uris as u, clients};
        0 audit/ledger.rs use crate::schema::events;
        1 grants/store.rs use crate::schema::{grants, clients};
        1 grants/mod.rs use crate::schema::grants;
        1 grants/store.rs use crate::schema; fn f() { schema::users::table; }
        1 grants/store.rs use crate::schema::*;
        1 grants/store.rs #[diesel(table_name = crate::schema::clients)] struct A;";
    tried(tables, text);
    let text = "
        0 schema.rs diesel::table! { clients (id) { id -> Uuid, } }
        1 schema.rs diesel::table! { attic (id) { id -> Uuid, } }";
    tried(orphans, text);
    let text = "
        0 grants/store.rs fn f() { diesel::delete(grants::table); web::delete(); }
        1 grants/store.rs fn f() { diesel::delete(families::table.find(key)); }
        1 grants/store.rs fn f() { diesel::delete(whatever); }
        0 grants/store.rs const A: &str = \"DELETE FROM grants WHERE false\";
        1 grants/store.rs const A: &str = \"DELETE FROM partitions.families_20261201\";
        1 grants/store.rs const A: &str = \"DELETE FROM families\";";
    tried(deletes, text);
    let text = "
        0 oauth/token/http.rs fn f() {}
        0 oauth/engine/issuer.rs fn f() {}
        0 oauth/client_auth.rs fn f() {}
        1 oauth/token/flow.rs fn f() {}
        1 oauth/store.rs fn f() {}
        1 decision/store/facts.rs fn f() {}";
    tried(verbs, text);
}
