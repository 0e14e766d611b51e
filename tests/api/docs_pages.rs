//! `/docs`: the management API for whoever writes for it, as `/openapi.json` tells it to programs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Answer, App};

/// As a template writes it.
fn escaped(words: &str) -> String {
    words
        .replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

#[track_caller]
fn says(page: &str, words: &str, place: &str) {
    assert!(page.contains(&escaped(words)), "{place}: {words} is missing");
}

/// Every operation of the document, with its path and its method.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").clone();
        methods
            .into_iter()
            .map(|(method, one)| (path.clone(), method.to_uppercase(), one))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

/// The part of a page that is about one operation.
fn part<'a>(page: &'a str, id: &str) -> &'a str {
    let from = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id} has no anchor"));
    let part = &page[from..];
    &part[..part.find("</section>").expect("an end")]
}

/// Every member of a schema, with what stands within.
fn members(schema: &Value, all: &mut Vec<(String, String)>) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(about) = member["description"].as_str() {
            all.push((name.clone(), about.to_owned()));
        }
        members(member, all);
        members(&member["items"], all);
        member["anyOf"].as_array().into_iter().flatten().for_each(|choice| {
            members(choice, all);
            members(&choice["items"], all);
        });
    }
}

/// Nothing is in the document that is not on the pages, and no operation on the pages that is not in the document.
#[tokio::test]
async fn every_operation_of_the_document_is_on_the_pages() {
    let app = App::start().await;
    let document = app.get("/openapi.json").await.json();
    let contents = app.get("/docs").await.body;
    let operations = operations(&document);
    assert!(operations.len() >= 50, "{}", operations.len());
    let (mut shown, mut pages) = (0, BTreeSet::new());
    for (path, method, operation) in &operations {
        let place = format!("{method} {path}");
        let (id, summary) =
            (operation["operationId"].as_str().expect("an id"), operation["summary"].as_str());
        let summary = summary.expect("a summary");
        let resource = path.strip_prefix("/api/v1/").and_then(|path| path.split('/').next()).expect("a word");
        assert!(contents.contains(&format!("href=\"/docs/{resource}#{id}\"")), "{place} is not listed");
        says(&contents, summary, &place);

        let answer = app.get(&format!("/docs/{resource}")).await;
        answer.is_ok();
        let page = &answer.body;
        if pages.insert(resource.to_owned()) {
            shown += page.matches("class=\"card op\"").count();
        }
        let part = part(page, id);
        for words in [method.as_str(), path, summary] {
            says(part, words, &place);
        }
        match operation["x-scope"].as_str() {
            Some(scope) => assert!(part.contains(&format!("A bearer with <code>{scope}</code>")), "{place}"),
            None => assert!(!part.contains("A bearer with"), "{place}"),
        }
        let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
        assert_eq!(part.contains("anyone may ask"), is_open, "{place}");
        for parameter in operation["parameters"].as_array().expect("parameters") {
            let name = parameter["name"].as_str().expect("a name");
            assert!(part.contains(&format!("<code>{name}</code>")) || path.contains(name), "{place}: {name}");
            says(part, parameter["description"].as_str().unwrap_or_default(), &place);
        }
        let mut named = Vec::new();
        members(&operation["requestBody"]["content"]["application/json"]["schema"], &mut named);
        for (status, response) in operation["responses"].as_object().expect("responses") {
            if status != "default" {
                says(part, status, &place);
            }
            let schema = &response["content"]["application/json"]["schema"];
            members(schema, &mut named);
            members(&schema["properties"]["data"]["items"], &mut named);
        }
        // What is alike is listed once a page.
        for (name, about) in named {
            assert!(page.contains(&format!("{name}</code>")), "{place}: {name}");
            says(page, &about, &place);
        }
    }
    assert_eq!(shown, operations.len());
}

/// They are as public as the document is: they open to anyone, keep nothing in the browser, and weigh little.
#[tokio::test]
async fn the_pages_are_for_anyone_and_leave_nothing_behind() {
    let app = App::start().await;
    app.get("/openapi.json").await.is_ok();
    let document = app.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths").keys();
    let resources: BTreeSet<String> =
        paths.filter_map(|path| path.split('/').nth(3)).map(|word| format!("/docs/{word}")).collect();
    let assets =
        app.get("/static/grantor.css").await.body.len() + app.get("/static/logo.svg").await.body.len() * 2;
    for path in resources.iter().map(String::as_str).chain(["/docs"]) {
        let answer = app.get(path).await;
        answer.is_ok();
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("set-cookie", ""),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'; script-src 'self';"), "{path}: {policy}");
        assert!(!answer.body.contains("<script") && !answer.body.contains(" style="), "{path}");
        assert!(answer.body.len() + assets < 60_000, "{path} weighs {}", answer.body.len() + assets);
        let head = Answer::to(app.request("HEAD", path)).await;
        assert_eq!(
            (head.status, head.header("content-type")),
            (200, answer.header("content-type")),
            "{path}"
        );
        assert_eq!(Answer::to(app.request("POST", path)).await.status, 405, "{path}");
    }
    for path in ["/docs/nothing", "/docs/", "/docs/keys/x", "/docs/%3Cscript%3E"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        assert!(!answer.body.contains("<script"), "{path}");
    }
}

/// Every link within them leads somewhere.
#[tokio::test]
async fn every_link_on_the_pages_leads_somewhere() {
    let app = App::start().await;
    let links = |page: &str| -> BTreeSet<String> {
        page.split("href=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    };
    let contents = app.get("/docs").await.body;
    let pages: BTreeSet<String> =
        links(&contents).iter().filter_map(|link| link.split('#').next().map(str::to_owned)).collect();
    assert!(pages.len() > 10, "{pages:?}");
    for page in pages.iter().filter(|page| page.starts_with("/docs")) {
        let body = app.get(page).await.body;
        for link in links(&body) {
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, id)| (path, Some(id)));
            let answer = app.get(if path.is_empty() { page } else { path }).await;
            answer.is_ok();
            if let Some(anchor) = anchor {
                assert!(answer.body.contains(&format!("id=\"{anchor}\"")), "{page}: {link}");
            }
        }
    }
}
