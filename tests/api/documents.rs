//! What the documents say is so: the walk runs, the settings are those there are, the map names files that are there,
//! a promise the tests that hold it, and every link and every `make` leads somewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use grantor::app::settings::{Settings, Sources};
use grantor::audit::Kind;
use toml::{Table, Value};

use crate::support::{Node, Scratch, free_addresses};

/// Everything that people read, by its path from the root.
const DOCUMENTS: [(&str, &str); 16] = [
    ("README.md", README),
    ("ARCHITECTURE.md", ARCHITECTURE),
    ("CONTRIBUTING.md", include_str!("../../CONTRIBUTING.md")),
    ("SECURITY.md", include_str!("../../SECURITY.md")),
    ("CHANGELOG.md", include_str!("../../CHANGELOG.md")),
    ("docs/walkthrough.md", WALKTHROUGH),
    ("docs/guarding-an-api.md", include_str!("../../docs/guarding-an-api.md")),
    ("docs/forward-auth.md", include_str!("../../docs/forward-auth.md")),
    ("docs/operating.md", OPERATING),
    ("docs/organizations.md", include_str!("../../docs/organizations.md")),
    ("docs/limits.md", include_str!("../../docs/limits.md")),
    ("docs/api.md", include_str!("../../docs/api.md")),
    ("docs/audit.md", include_str!("../../docs/audit.md")),
    ("docs/events.md", EVENTS),
    ("docs/settings.md", SETTINGS),
    ("docs/benchmarks.md", include_str!("../../docs/benchmarks.md")),
];
const README: &str = include_str!("../../README.md");
const WALKTHROUGH: &str = include_str!("../../docs/walkthrough.md");
const OPERATING: &str = include_str!("../../docs/operating.md");
const EVENTS: &str = include_str!("../../docs/events.md");
const SETTINGS: &str = include_str!("../../docs/settings.md");
const DEFAULTS: &str = include_str!("../../src/app/defaults.toml");
const MAKEFILE: &str = include_str!("../../Makefile");
/// Where the walk has the server.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// A fenced block: its language and its text.
struct Block {
    language: String,
    text: String,
}

/// The fenced blocks of a document, in order.
fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in document.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                blocks.push(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), true) => {}
            (None, true) => {
                let block = blocks.last_mut().expect("an open block");
                block.text.push_str(line);
                block.text.push('\n');
                continue;
            }
            (None, false) => continue,
        }
        open = !open;
    }
    blocks
}

/// Every event of the catalogue is in the list, and no other; each group shows one whole, with no member but those its row
/// names.
#[test]
fn the_list_of_events_is_that_of_the_catalogue() {
    let name_of = |row: &str| row.split('`').nth(1).unwrap_or_default().to_owned();
    let is_of_kind = |row: &&str| row.starts_with("| `") && name_of(row).contains('.');
    let rows: Vec<&str> = EVENTS.lines().filter(is_of_kind).collect();
    let mut named: Vec<String> = rows.iter().map(|row| name_of(row)).collect();
    let mut known: Vec<String> = Kind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
    for group in EVENTS.split("\n## ").skip(1) {
        let heading = group.lines().next().expect("a heading");
        let examples = blocks(group);
        let [example] = examples.as_slice() else { panic!("{heading}: one example") };
        let event: serde_json::Value = serde_json::from_str(&example.text).expect(heading);
        let mut members: Vec<&str> = event.as_object().expect(heading).keys().map(String::as_str).collect();
        members.sort_unstable();
        let all = "actor_id actor_kind client_id data id ip kind occurred_at outcome request_id target_id \
                   target_kind user_agent";
        assert_eq!(members, all.split(' ').collect::<Vec<_>>(), "{heading}");
        let kind = event["kind"].as_str().expect(heading);
        let row = group.lines().find(|line| line.starts_with(&format!("| `{kind}` ")));
        let row = row.unwrap_or_else(|| panic!("{heading}: {kind} is of another group"));
        let outcome = Kind::ALL.iter().find(|one| one.as_str() == kind).expect("a kind").outcome();
        assert_eq!(event["outcome"], outcome, "{kind}");
        for member in event["data"].as_object().expect(heading).keys() {
            assert!(row.contains(&format!("`{member}`")), "{kind}: {member}");
        }
    }
    for kind in Kind::ALL.iter().filter(|kind| kind.outcome() != "success") {
        let row = rows.iter().find(|row| name_of(row) == kind.as_str()).expect("a row");
        assert!(row.contains(&format!("*{}*", kind.outcome())), "{}: its outcome", kind.as_str());
    }
}

/// Whether `said` is what `shown` shows, in which `…` stands for anything.
fn is_shown(shown: &str, said: &str) -> bool {
    let mut rest = said.trim();
    let parts: Vec<&str> = shown.trim().split('…').collect();
    for (at, part) in parts.iter().enumerate() {
        let found = match at {
            0 => rest.starts_with(part).then_some(0),
            last if last + 1 == parts.len() => rest.ends_with(part).then(|| rest.len() - part.len()),
            _ => rest.find(part),
        };
        let Some(found) = found else { return false };
        rest = &rest[found + part.len()..];
    }
    parts.len() > 1 || rest.is_empty()
}

#[test]
fn what_is_shown_is_compared_to_the_end() {
    assert!(is_shown("{\"a\":1}", "{\"a\":1}\n"));
    assert!(!is_shown("{\"a\":1}", "{\"a\":1}{}"));
    assert!(is_shown("gat_…,\"b\":…}", "gat_xyz,\"b\":2}"));
    assert!(!is_shown("gat_…}", "gat_xyz} and more"));
    assert!(!is_shown("gat_…", "grt_xyz"));
}

/// Where the README has the API, and nginx before it.
const PLACES: [&str; 2] = ["127.0.0.1:9000", "127.0.0.1:8088"];

/// A walk, block by block as a reader pastes it, against a server as `make run` starts it; what a block shows is what
/// it says.
fn walks(walk: &str, least: usize, prepare: impl FnOnce(String, &Node, &Scratch) -> String) {
    const MARK: &str = "\u{1e}";
    let scratch = Scratch::new();
    let data_dir = scratch.join("data");
    let settings = [
        ("GRANTOR_ISSUER", ADDRESS),
        ("GRANTOR_DATABASE__DATA_DIR", &data_dir),
        // On a busy machine the database may be late, and then what is counted in its place is not all.
        ("GRANTOR_LIMITS__TIMEOUT_MS", "10000"),
    ];
    let mut node = Node::start(&settings);

    let walk = blocks(walk);
    // Whatever a walk left running ends with it.
    let mut script = String::from("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for block in walk.iter().filter(|block| block.language == "sh") {
        script.push_str(&block.text);
        script.extend(["printf '", MARK, "'\n"]);
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_grantor"));
    let programs = binary.parent().expect("a folder").display().to_string();
    let script = prepare(script.replace("$PWD/target/debug", &programs), &node, &scratch);
    assert!(script.contains(&programs), "{script}");

    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("GRANTOR_DATABASE__DATA_DIR", &data_dir)
        .output()
        .expect("bash");
    let said = String::from_utf8(output.stdout).expect("text");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "after {said}\nit failed: {complaints}");
    assert_eq!(complaints, "", "a walk without a complaint");

    let mut said = said.split(MARK);
    let mut answer = "";
    let mut compared = 0;
    for block in &walk {
        if block.language == "sh" {
            answer = said.next().expect("what the block said");
        } else {
            assert!(is_shown(&block.text, answer), "the walk shows\n{}but it says\n{answer}", block.text);
            compared += 1;
        }
    }
    assert!(compared >= least, "only {compared} answers are shown");
    assert!(node.terminate().success());
}

#[test]
fn the_walk_runs_as_it_stands() {
    walks(WALKTHROUGH, 8, |script, node, _| {
        let issuer = format!("issuer={}", node.address);
        assert!(script.contains(&format!("issuer={ADDRESS}")));
        script.replace(&format!("issuer={ADDRESS}"), &issuer)
    });
}

/// Through a real nginx, by the configuration of `docs/forward-auth`, with the addresses of this test.
#[test]
fn the_page_of_the_readme_runs_as_it_stands() {
    let page = README.split("## Guard an API with it").nth(1).expect("the page");
    let page = page.split("\n## ").next().expect("the page");
    walks(page, 4, |script, node, scratch| {
        let own: [String; 2] = free_addresses();
        let configuration = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/forward-auth/nginx.conf");
        let text = std::fs::read_to_string(configuration).expect("the configuration");
        let file = scratch.join("nginx.conf");
        let moved = |text: String| {
            PLACES.iter().zip(&own).fold(text, |text, (place, own)| {
                assert!(text.contains(place), "{place}");
                // python3 takes the port apart from the address.
                let (port, own_port) = (port_of(place), port_of(own));
                text.replace(place, own).replace(&format!("server {port} "), &format!("server {own_port} "))
            })
        };
        let grantor = node.address.trim_start_matches("http://");
        let text = moved(text.replace(ADDRESS.trim_start_matches("http://"), grantor));
        std::fs::write(&file, text).expect("a file");
        moved(script).replace("$PWD/docs/forward-auth/nginx.conf", &file)
    });
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().expect("a port")
}

/// Every setting stands in the table with its default, and the table has no others.
#[test]
fn the_table_of_settings_is_that_of_the_defaults() {
    let defaults: Table = DEFAULTS.parse().expect("TOML");
    let mut expected = Vec::new();
    for (key, value) in &defaults {
        match value {
            Value::Table(section) => {
                expected.extend(section.iter().map(|(own, value)| row(&format!("{key}.{own}"), value)));
            }
            value => expected.push(row(key, value)),
        }
    }
    let rows = SETTINGS.lines().filter(|line| line.starts_with("| `"));
    let mut shown: Vec<String> =
        rows.map(|line| line.splitn(4, '|').take(3).collect::<Vec<_>>().join("|")).collect();
    expected.sort();
    shown.sort();
    assert_eq!(shown, expected);
}

fn row(name: &str, value: &Value) -> String {
    format!("| `{name}` | `{value}` ")
}

#[test]
fn the_settings_shown_to_operators_are_accepted() {
    let scratch = Scratch::new();
    for block in blocks(OPERATING) {
        if block.language == "toml" {
            let file = PathBuf::from(scratch.join("grantor.toml"));
            std::fs::write(&file, &block.text).expect("a file");
            let sources = Sources { file: Some(file), ..Sources::default() };
            let settings = Settings::read(&sources).expect("settings that are accepted");
            assert!(settings.is_https());
            assert_eq!(settings.server.trusted_proxies.len(), 1);
        }
    }
}

#[test]
fn every_link_and_picture_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for (document, text) in DOCUMENTS {
        let from = root.join(document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let there = from.with_file_name("").join(link.split('#').next().unwrap_or_default());
            assert!(there.exists(), "{document} links to {link}, which is not there");
            found += 1;
        }
    }
    assert!(found >= 15, "only {found} links");
}

/// Every `make …` that somebody is told to type.
#[test]
fn every_make_target_that_is_named_is_there() {
    let is_there = |target: &str| MAKEFILE.lines().any(|line| line.starts_with(&format!("{target}:")));
    assert!(is_there("demo") && !is_there("nonsense"));
    let mut named = Vec::new();
    for (document, text) in DOCUMENTS {
        for command in text.split(['`', '\n']).filter_map(|code| code.strip_prefix("make ")) {
            let target = command.split_whitespace().next().unwrap_or_default();
            assert!(is_there(target), "{document} says `make {target}`, which is not there");
            named.push(target);
        }
    }
    for target in ["demo", "run", "test"] {
        assert!(named.contains(&target), "nobody is told of `make {target}`");
    }
}

const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

/// The last column of the table of policies: where each one stands.
#[test]
fn the_map_names_modules_and_files_that_are_there() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_there =
        |name: &str| ["", "oauth", "platform"].iter().any(|dir| source.join(dir).join(name).exists());
    let policies = ARCHITECTURE.split("## Policies that are settled").nth(1).expect("the section");
    let rows = policies.split("\n## ").next().expect("the section").lines();
    let rows: Vec<&str> = rows.filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let place = row.trim_end_matches('|').rsplit('|').next().expect("a column");
        let names: Vec<&str> = place.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row} says not where");
        for name in names {
            assert!(is_there(name), "{row}: there is no {name}");
        }
    }

    let house = include_str!("../../src/lib.rs");
    let modules = house.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let floors = ARCHITECTURE.split("## Floors").nth(1).expect("the section");
    let floors = floors.split("\n## ").next().expect("the section");
    for module in modules.filter(|module| *module != "schema") {
        assert!(floors.contains(&format!("| `{module}` |")), "the floors lack {module}");
    }
}

/// A promise is held by tests: `file::test`, in `tests/api/` unless it says otherwise.
#[test]
fn every_promise_names_tests_that_are_there() {
    let promises = include_str!("../../SECURITY.md");
    let promises = promises.split("## What is promised").nth(1).expect("the section");
    let promises = promises.split("\n## ").next().expect("the section").lines();
    let rows: Vec<&str> =
        promises.filter(|line| line.starts_with("| ") && !line.starts_with("| promise")).collect();
    assert!(rows.len() > 25, "{rows:?}");
    let mut missing = Vec::new();
    for row in rows {
        let held_by = row.trim_end_matches('|').rsplit('|').next().expect("a column");
        let tests: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "nothing holds {row}");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{test} is no test"));
            let file = if file.contains('/') { file.to_owned() } else { format!("tests/api/{file}.rs") };
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file));
            if !text.is_ok_and(|text| text.contains(&format!("fn {name}("))) {
                missing.push(test);
            }
        }
    }
    assert!(missing.is_empty(), "SECURITY.md names tests that are not there: {missing:?}");
}
