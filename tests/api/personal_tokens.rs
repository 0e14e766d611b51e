//! Personal tokens: made, looked at and taken back on the page of one's account.

use chrono::Duration;
use grantor::credentials::rules::NotGood;
use grantor::credentials::{Credential, CredentialKind};
use grantor::kernel::{Bearer, Tag};
use grantor::platform::context::Context;
use serde_json::{Value, json};

use crate::commands::Grantor;
use crate::management::Voice;
use crate::support::{ADA, App, BOB, Browser, Page, count, dump, eventually, hexadecimal, told, within};

const TOKENS: &str = "/account/tokens";

/// What a form says: fields that come once, and the scopes that are ticked.
fn filled(page: &Page, name: &str, scopes: &[&str], lifetime: &str) -> Vec<(String, String)> {
    let mut fields = page.form(TOKENS).filled(&[("name", name), ("lifetime", lifetime)]);
    fields.extend(scopes.iter().map(|scope| ("scope".to_owned(), (*scope).to_owned())));
    fields
}

async fn make(browser: &mut Browser<'_>, name: &str, scopes: &[&str], lifetime: &str) -> Page {
    let page = browser.get(TOKENS).await;
    let fields = filled(&page, name, scopes, lifetime);
    browser.post(TOKENS, &fields).await
}

/// The token that a page shows.
#[track_caller]
fn shown(page: &Page) -> String {
    let rest = page.body.split("<p class=\"shown\"><code>").nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no token ({}): {}", page.status, page.body));
    rest.split("</code>").next().expect("its end").to_owned()
}

async fn judge(app: &App, token: &str) -> Option<Result<Credential, NotGood>> {
    let context = Context::operator(app.clock.now());
    let judged = app.credentials().judge(token, &context).await.expect("a database");
    judged.map(|judged| judged.map(|credential| Credential::clone(&credential)))
}

#[tokio::test]
async fn a_token_is_made_and_shown_once_and_may_do_what_was_ticked() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = make(&mut browser, " Backup script ", &["orders:read", "people:read"], "30d").await;
    assert_eq!((page.status, page.answer.header("cache-control").as_str()), (200, "no-store"));
    let token = shown(&page);
    assert_eq!(Bearer::parse(&token).expect("of our form").tag(), Tag::PersonalToken);
    let found = judge(&app, &token).await.expect("a token").expect("a good one");
    assert_eq!(
        (found.owner, found.created_by, found.name.as_str()),
        (ADA.id(), Some(ADA.id()), "Backup script")
    );
    assert_eq!(found.scope.to_string(), "orders:read people:read");
    assert_eq!(found.expires_at, Some(app.clock.now() + Duration::days(30)));

    let later = browser.get(TOKENS).await;
    assert!(!later.body.contains(&token), "it is shown once");
    let (first, last) = (&token[..8], &token[36..]);
    for words in [
        "<bdi>Backup script</bdi>",
        &format!("<code>{first}…{last}</code>"),
        "<li>Read your orders</li>",
        "<li>See the people you know</li>",
        "21 December 2026",
        "<dt>Last used</dt><dd>never</dd>",
    ] {
        assert!(later.body.contains(words), "{words}: {}", later.body);
    }
    let rows = dump(&app.db);
    assert!(!rows.contains(&token[4..34]) && !rows.contains(&hexadecimal(&token[4..34])));
    let event = told(&app.db, "credential.created").pop().expect("an event");
    assert_eq!((event.actor_kind.as_str(), event.actor_id), ("user", Some(ADA.id().uuid())));
    assert_eq!(event.ip, Some(browser.ip.clone()));
    assert_eq!(event.data["kind"], "pat");

    // Nobody else sees it, and nobody who is not signed in sees anything.
    let mut bob = app.browser();
    bob.sign_in(BOB).await;
    assert!(!bob.get(TOKENS).await.body.contains("Backup script"));
    assert!(app.browser().get(TOKENS).await.is_login());
}

#[tokio::test]
async fn the_page_says_when_and_from_where_a_token_was_used() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let token = shown(&make(&mut browser, "script", &["orders:read"], "").await);
    let found = judge(&app, &token).await.expect("a token").expect("a good one");
    assert_eq!(found.expires_at, Some(app.clock.now() + Duration::days(90)), "as the settings say");
    for _ in 0..2 {
        app.credentials().used(&found, Some("203.0.113.9".parse().expect("an address")), app.clock.now());
    }
    eventually("noted", || async { count(&app.db, "credential_stats") == 1 }).await;
    app.clock.advance(Duration::minutes(5));
    let page = browser.get(TOKENS).await;
    for words in ["5 minutes ago</time> from 203.0.113.9", "<dt>Used</dt><dd>2 times</dd>"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
}

#[tokio::test]
async fn what_cannot_be_is_said_at_its_field_and_keeps_what_was_typed() {
    let app = App::with(|settings| settings.credentials.most_days = 90).await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
    let long = "x".repeat(101);
    let read = &["orders:read"][..];
    for (name, scopes, lifetime, words) in [
        ("", read, "30d", "Enter a name."),
        (long.as_str(), read, "30d", "A name has at most 100 characters."),
        ("a\u{202e}b", read, "30d", "A name is one line, without invisible characters."),
        ("script", read, "30d", "You have a token of this name."),
        ("other", &[], "30d", "Tick at least one thing that it may do."),
        ("other", &["keys:write"], "30d", "keys:write is a scope of this server&#39;s own management"),
        ("other", &["orders:eat"], "30d", "no service has the scope orders:eat"),
        ("other", read, "soon", "Choose one of these."),
        ("other", read, "91d", "personal tokens live 90 days at most"),
        ("other", read, "never", "personal tokens live 90 days at most"),
    ] {
        let page = make(&mut browser, name, scopes, lifetime).await;
        assert_eq!(page.status, 400, "{words}");
        assert!(page.body.contains(words), "{words}: {}", page.body);
        assert!(page.body.contains("<title>Error: "), "{words}");
        assert!(page.body.contains(&format!("value=\"{name}\"")), "{words}: what was typed");
        let ticked = page.form(TOKENS).field("scope").map(str::to_owned);
        assert_eq!(
            ticked.as_deref(),
            scopes.first().copied().filter(|scope| *scope == "orders:read"),
            "{words}"
        );
    }
    assert_eq!(count(&app.db, "credentials WHERE kind = 'pat'"), 1);
    assert!(!browser.get(TOKENS).await.body.contains("value=\"365d\""), "no more is offered than may be");
}

/// A form that is sent twice makes one token.
#[tokio::test]
async fn of_one_form_sent_many_times_at_once_there_is_one_token() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = browser.get(TOKENS).await;
    let fields = filled(&page, "script", &["orders:read"], "30d");
    let sends = (0..6).map(|_| {
        let mut again = app.browser();
        again.cookies = browser.cookies.clone();
        let fields = fields.clone();
        async move { again.post(TOKENS, &fields).await.status }
    });
    let mut answers = futures_util::future::join_all(sends).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 400, 400, 400, 400, 400]);
    assert_eq!(count(&app.db, "credentials WHERE kind = 'pat'"), 1);
}

#[tokio::test]
async fn a_token_is_taken_back_on_every_node_within_a_second() {
    let app = App::start().await;
    let other = app.second_node().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let token = shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
    let kept = shown(&make(&mut browser, "kept", &["orders:read"], "30d").await);
    assert!(judge(&other, &token).await.expect("a token").is_ok());
    let page = browser.get(TOKENS).await;
    let id = judge(&app, &token).await.expect("a token").expect("a good one").id;
    let revoke = page.form(&format!("{TOKENS}/{id}/revoke"));

    // Neither another person, nor a form of another page.
    let mut bob = app.browser();
    bob.sign_in(BOB).await;
    let csrf = bob.get(TOKENS).await.form("/logout").field("csrf").expect("a token").to_owned();
    bob.submit(&revoke, &[("csrf", &csrf)]).await.is_error_page(404);
    browser.submit(&revoke, &[("csrf", "nonsense")]).await.is_error_page(403);
    let foreign = browser.post_as(&revoke.action, &revoke.fields, Some("https://shop.example")).await;
    foreign.is_error_page(403);
    let making = filled(&page, "forged", &["orders:read"], "30d");
    browser.post_as(TOKENS, &making, Some("https://shop.example")).await.is_error_page(403);
    assert!(judge(&app, &token).await.expect("a token").is_ok());

    let page = browser.submit(&revoke, &[]).await;
    assert!(
        page.body.contains("The token is revoked.") && !page.body.contains("<bdi>script</bdi>"),
        "{}",
        page.body
    );
    assert_eq!(judge(&app, &token).await, Some(Err(NotGood::Revoked)));
    within(std::time::Duration::from_secs(1), "revoked elsewhere", || async {
        judge(&other, &token).await == Some(Err(NotGood::Revoked))
    })
    .await;
    assert!(judge(&other, &kept).await.expect("a token").is_ok());
    assert_eq!(browser.submit(&revoke, &[]).await.status, 200, "twice is once");
    let events = told(&app.db, "credential.revoked");
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].actor_id, &events[0].data["reason"]),
        (Some(ADA.id().uuid()), &json!("revoked by its owner"))
    );
    // Its name is free again.
    shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
}

/// What stopped is shown for a while, so that nobody wonders why.
#[tokio::test]
async fn a_token_that_has_ended_is_shown_so_for_a_month() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    shown(&make(&mut browser, "script", &["orders:read"], "7d").await);
    app.advance(Duration::days(8));
    browser.sign_in(ADA).await;
    let page = browser.get(TOKENS).await;
    assert!(page.body.contains("<span class=\"tag warn\">Expired</span>"), "{}", page.body);
    shown(&make(&mut browser, "script", &["orders:read"], "7d").await);
    app.advance(Duration::days(30));
    browser.sign_in(ADA).await;
    assert_eq!(browser.get(TOKENS).await.body.matches("<bdi>script</bdi>").count(), 1);
}

/// Who did not take it back themselves is told why it no longer works, for as long as of one that has ended.
#[tokio::test]
async fn a_token_that_others_took_back_is_shown_for_a_month_with_why() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let leaked = shown(&make(&mut browser, "leaked", &["orders:read"], "365d").await);
    let given_up = shown(&make(&mut browser, "given up", &["orders:read"], "365d").await);
    let revoked = shown(&make(&mut browser, "revoked", &["orders:read"], "365d").await);
    let report = app.http.post(format!("{}/api/v1/leaks", app.address)).json(&json!({ "token": leaked }));
    assert_eq!(report.send().await.expect("an answer").status(), 202);
    app.post("/oauth/revoke", &[("token", &given_up)], None).await.is_ok();
    let grantor = Grantor::over(&app.settings.database.url);
    grantor.run(&["pat", "revoke", &revoked[..8], "--reason", "it was on a <slide>"]).is_done();
    let page = browser.get(TOKENS).await;
    for (name, why) in [
        ("leaked", "reported as leaked"),
        ("given up", "by its holder"),
        ("revoked", "it was on a &#60;slide&#62;"),
    ] {
        let card = page.body.split("<section").find(|card| card.contains(&format!("<bdi>{name}</bdi>")));
        let card = card.unwrap_or_else(|| panic!("{name}: {}", page.body));
        assert!(card.contains("<span class=\"tag warn\">Revoked</span>"), "{card}");
        assert!(card.contains(&format!("Revoked: <bdi>{why}</bdi>")), "{card}");
        assert!(!card.contains("<form"), "there is nothing left to do: {card}");
    }
    // Their names are free again, and what is gone for a month is not shown.
    shown(&make(&mut browser, "leaked", &["orders:read"], "365d").await);
    app.advance(Duration::days(31));
    browser.sign_in(ADA).await;
    let page = browser.get(TOKENS).await;
    assert_eq!(page.body.matches("<bdi>leaked</bdi>").count(), 1);
    assert!(!page.body.contains("Revoked: "), "{}", page.body);
}

/// Whoever found a token could renew it, and stay one ahead of its owner: who takes it back ends what it made of itself.
#[tokio::test]
async fn what_a_token_made_of_itself_ends_when_its_owner_takes_it_back() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let token = shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
    let id = judge(&app, &token).await.expect("a token").expect("a good one").id;
    let next = app.post_api(&Voice(token.clone()), "/pats/self/rotate", json!({})).await;
    next.is(201);
    let last = app.post_api(&Voice(next.text("secret")), "/pats/self/rotate", json!({})).await;
    last.is(201);
    let page = browser.get(TOKENS).await;
    for words in ["Made by the token before it, to go on in its place.", "Renewed: there is a newer one"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let page = browser.submit(&page.form(&format!("{TOKENS}/{id}/revoke")), &[]).await;
    assert!(page.body.contains("Whatever used it is cut off."), "{}", page.body);
    for text in [token, next.text("secret"), last.text("secret")] {
        assert_eq!(judge(&app, &text).await, Some(Err(NotGood::Revoked)));
    }
    let events = told(&app.db, "credential.revoked");
    let because = |reason: &str| events.iter().filter(|event| event.data["reason"] == reason).count();
    assert_eq!((because("revoked by its owner"), because("its predecessor was revoked")), (1, 2));
}

/// The twins: an honest program that renewed its token ends the old one, and goes on.
#[tokio::test]
async fn a_program_that_renewed_its_token_ends_the_old_one_alone() {
    let app = App::start().await;
    let renewed = async |voice: &Voice| {
        let next = app.post_api(voice, "/pats/self/rotate", json!({})).await;
        next.is(201);
        (next.text("rotated_from"), Voice(next.text("secret")))
    };
    // With its successor, at the API.
    let (old, next) = renewed(&app.voice_of(ADA, "pats:*")).await;
    let (_, last) = renewed(&next).await;
    app.post_api(&last, &format!("/pats/{old}/revoke"), json!({})).await.is(200);
    assert!(app.credential(&old).revoked_at.is_some());
    for voice in [&next, &last] {
        app.get_api(voice, "/pats/self").await.is(200);
    }
    // With itself, where tokens are given up.
    let first = app.voice_of(ADA, "pats:*");
    let (_, next) = renewed(&first).await;
    app.post("/oauth/revoke", &[("token", &first.0)], None).await.is_ok();
    app.get_api(&first, "/pats/self").await.is(401);
    app.get_api(&next, "/pats/self").await.is(200);
    // Whoever takes it back with another bearer ends the line.
    let (old, next) = renewed(&app.voice_of(ADA, "pats:*")).await;
    app.post_api(&last, &format!("/pats/{old}/revoke"), json!({})).await.is(200);
    app.get_api(&next, "/pats/self").await.is(401);
}

/// What ended because it was renewed goes by itself: to remove it would end what goes on in its place.
#[tokio::test]
async fn a_token_that_was_renewed_and_has_ended_cannot_be_removed() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let token = shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
    let id = judge(&app, &token).await.expect("a token").expect("a good one").id;
    let next = app.post_api(&Voice(token), "/pats/self/rotate", json!({ "overlap": "0" })).await;
    let page = browser.get(TOKENS).await;
    assert!(page.body.contains("Expired") && page.body.contains("<bdi>script</bdi>"), "{}", page.body);
    assert!(!page.body.contains(&format!("{TOKENS}/{id}/revoke")), "{}", page.body);
    assert!(page.body.contains(&format!("{TOKENS}/{}/revoke", next.text("id"))), "{}", page.body);
}

/// However they are made: on the page, at the API, by a command, or brought along.
#[tokio::test]
async fn a_person_has_fifty_tokens_at_most() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let voice = app.voice_of(ADA, "pats:* orders:read");
    let wish = |name: &str| json!({ "name": name, "scope": "orders:read" });
    let mut last = String::new();
    for n in 2..=50 {
        let made = app.post_api(&voice, "/pats", wish(&format!("token {n}"))).await;
        made.is(201);
        last = made.text("id");
    }
    let words = "a person has 50 personal tokens at most; revoke one first";
    let full = app.post_api(&voice, "/pats", wish("one more")).await;
    full.is_problem(400, "invalid_request");
    assert_eq!(full.json()["detail"], words);
    let brought = json!({ "name": "old", "scope": "orders:read", "key": "sk_live_4eC39HqLyjWDarjtT1zdp7dc" });
    app.post_api(&voice, "/pats/import", brought.clone()).await.is_problem(400, "invalid_request");
    let page = make(&mut browser, "one more", &["orders:read"], "30d").await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("You have as many tokens as you may have."), "{}", page.body);
    let grantor = Grantor::over(&app.settings.database.url);
    let create = ["pat", "create", "--user", ADA.identifier, "--name", "one more", "--scope", "orders:read"];
    grantor.run(&create).is_refused(words);
    // A successor is one instead of another, and what was revoked makes room.
    app.post_api(&voice, &format!("/pats/{last}/rotate"), json!({})).await.is(201);
    app.post_api(&voice, "/pats", wish("one more")).await.is_problem(400, "invalid_request");
    app.post_api(&voice, &format!("/pats/{last}/revoke"), json!({})).await.is(200);
    app.post_api(&voice, "/pats", wish("one more")).await.is_problem(400, "invalid_request");
    let listed = app.get_api(&voice, "/pats?limit=200").await.json();
    let other = listed["data"].as_array().expect("tokens").iter().find(|one| one["name"] == "token 2");
    let other = other.expect("another")["id"].as_str().expect("an id").to_owned();
    app.post_api(&voice, &format!("/pats/{other}/revoke"), json!({})).await.is(200);
    app.post_api(&voice, "/pats/import", brought).await.is(201);
}

/// As an API key is: by its text or its hash, confined if it is weak, and never more than its owner may give themselves.
#[tokio::test]
async fn a_personal_token_is_brought_along_from_elsewhere() {
    const TEXT: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let app = App::start().await;
    let voice = app.voice_of(ADA, "pats:* orders:read");
    let brought = |what: Value| {
        let mut wish = json!({ "name": "old", "scope": "orders:read" });
        wish.as_object_mut().expect("members").extend(what.as_object().expect("members").clone());
        wish
    };
    let made = app.post_api(&voice, "/pats/import", brought(json!({ "key": TEXT }))).await;
    made.is(201);
    let told_of = made.json();
    assert_eq!(
        (&told_of["kind"], &told_of["imported"], &told_of["owner"], &told_of["warning"]),
        (&json!("pat"), &json!(true), &json!(ADA.id()), &json!(null))
    );
    let found = judge(&app, TEXT).await.expect("a token").expect("a good one");
    assert_eq!((found.owner, found.kind), (ADA.id(), CredentialKind::PersonalToken));
    assert_eq!(app.get_api(&Voice(TEXT.into()), "/me").await.json()["id"], json!(ADA.id()));
    assert_eq!(told(&app.db, "credential.imported")[0].data["kind"], "pat");
    let weak = app.post_api(&voice, "/pats/import", brought(json!({ "key": "premium-api-key-12345" }))).await;
    weak.is(201);
    assert!(weak.text("warning").starts_with("this token is easy to guess"), "{}", weak.body);
    for (what, words) in [
        (json!({ "key": TEXT }), "there is this very token already"),
        (json!({}), "send either key or sha256"),
        (json!({ "key": app.key_of(app.org("Acme", None), "orders:read").0 }), "a token has 8 to 512"),
        (json!({ "key": "another one of mine", "scope": "keys:read" }), ""),
        (json!({ "key": "brought-for-another", "owner": BOB.id() }), "there is an unknown member"),
    ] {
        let answer = app.post_api(&voice, "/pats/import", brought(what.clone())).await;
        assert!(matches!(answer.status, 400 | 403), "{what}: {}", answer.body);
        assert!(answer.body.contains(words), "{what}: {}", answer.body);
    }
}

/// Like the commands for API keys.
#[tokio::test]
async fn an_operator_shows_and_rotates_the_tokens_of_people() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let token = shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
    let grantor = Grantor::over(&app.settings.database.url);
    let known = grantor.json(&["pat", "show", &token[..8]]);
    assert_eq!(
        (&known["name"], &known["state"], known.get("token")),
        (&json!("script"), &json!("active"), None)
    );
    let rotated = grantor.json(&["pat", "rotate", &token[..8], "--overlap", "15m"]);
    assert_eq!(rotated["rotated_from"], known["id"]);
    assert!(rotated["old_token_ends_at"].is_string(), "{rotated}");
    let next = rotated["token"].as_str().expect("its text").to_owned();
    assert!(judge(&app, &next).await.expect("a token").is_ok());
    let said = grantor.run(&["pat", "rotate", &next[..8]]);
    said.is_done();
    assert!(said.out.contains("\ntoken  gap_") && said.out.contains("Keep the token: "), "{said:?}");
    grantor
        .run(&["pat", "rotate", &token[..8]])
        .is_refused("this personal token was rotated already; rotate its successor");
    grantor.run(&["pat", "show", "gap_none"]).is_refused("there is no personal token gap_none");
}

#[tokio::test]
async fn an_operator_lists_and_revokes_the_tokens_of_people() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let token = shown(&make(&mut browser, "script", &["orders:read"], "30d").await);
    let grantor = Grantor::over(&app.settings.database.url);
    let listed = grantor.json(&["pat", "list", "--user", ADA.identifier]);
    assert_eq!((&listed[0]["name"], &listed[0]["prefix"]), (&json!("script"), &json!(token[..8])));
    assert_eq!(grantor.json(&["pat", "list", "--user", BOB.identifier]), json!([]));
    let said = grantor.run(&["pat", "revoke", &token[..8]]);
    said.is_done();
    assert_eq!(said.out, "The token script is revoked.\n");
    within(std::time::Duration::from_secs(1), "revoked here", || async {
        judge(&app, &token).await == Some(Err(NotGood::Revoked))
    })
    .await;
}
