//! The account page: name, password, sessions (checks groups L and O).

use chrono::Duration;

use crate::support::{ADA, App, BOB, Browser, PASSWORD, Page, TestClient, count, told};

const ACCOUNT: &str = "/account";
const CHANGE: &str = "/account/password";
const NEW: &str = "a new and better one";

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// A session on the page: its words and, unless it is this browser's, the path that ends it.
fn sessions(page: &Page) -> Vec<(String, Option<String>)> {
    let list = page.body.split("<ul class=\"sessions\">").nth(1).expect("the list");
    let list = list.split("</ul>").next().expect("its end");
    let item = |item: &str| {
        let words = item.split("</div>").next().unwrap_or_default();
        let path = item.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
        (plain(words), path.map(str::to_owned))
    };
    list.split("<li>").skip(1).map(item).collect()
}

/// Text without its tags.
fn plain(html: &str) -> String {
    let text = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    text.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fills in the password form and does not follow where it leads.
async fn change(browser: &mut Browser<'_>, current: &str, new: &str, again: &str) -> Page {
    let page = browser.get(CHANGE).await;
    let fields = page.form(CHANGE).filled(&[("current", current), ("new", new), ("again", again)]);
    browser.post_once(CHANGE, &fields).await
}

async fn tokens(app: &App, client: &TestClient, browser: &mut Browser<'_>) -> (String, String) {
    let code = client.code_from(browser, "orders:read").await;
    let answer = client.redeem(app, &code).await;
    (answer.text("access_token"), answer.text("refresh_token"))
}

/// Signs in with a password, and says whether it was right.
async fn opens(app: &App, password: &str) -> bool {
    let mut browser = app.browser();
    browser.ip = "198.51.100.99".into();
    let page = browser.get("/login").await;
    let fields = page.form("/login").filled(&[("identifier", "ada"), ("password", password)]);
    browser.post_once("/login", &fields).await.status == 303
}

#[tokio::test]
async fn the_page_says_who_one_is_and_where_one_is_signed_in() {
    let app = App::start().await;
    let (mut here, mut there, mut bob) = (app.browser(), app.browser(), app.browser());
    there.user_agent = FIREFOX;
    there.ip = "203.0.113.9".into();
    there.sign_in(ADA).await;
    bob.sign_in(BOB).await;
    app.advance(Duration::hours(2));
    here.sign_in(ADA).await;
    let page = here.get(ACCOUNT).await;
    for words in ["Ada Lovelace", "<bdi>ada</bdi>", "<dd>none</dd>", "Last changed <time"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let listed = sessions(&page);
    let words: Vec<&str> = listed.iter().map(|(words, _)| words.as_str()).collect();
    assert_eq!(
        words,
        [
            "An unknown browser This browser Signed in just now",
            "Firefox on Linux Last seen 2 hours ago from 203.0.113.9",
        ]
    );
    assert_eq!(listed.iter().map(|(_, path)| path.is_some()).collect::<Vec<_>>(), [false, true]);

    // Where it is seen again is where it was seen last.
    there.ip = "203.0.113.10".into();
    there.get(ACCOUNT).await;
    let page = here.get(ACCOUNT).await;
    assert!(plain(&page.body).contains("Firefox on Linux Last seen just now from 203.0.113.10"));
}

#[tokio::test]
async fn a_session_that_ended_or_rested_too_long_is_not_listed() {
    let app = App::start().await;
    let (mut here, mut gone, mut idle) = (app.browser(), app.browser(), app.browser());
    idle.sign_in(ADA).await;
    gone.sign_in(ADA).await;
    here.sign_in(ADA).await;
    let page = gone.get(ACCOUNT).await;
    assert_eq!(sessions(&page).len(), 3);
    gone.submit(&page.form("/logout"), &[]).await;
    assert_eq!(sessions(&here.get(ACCOUNT).await).len(), 2);
    for _ in 0..3 {
        app.advance(Duration::hours(9));
        here.get(ACCOUNT).await;
    }
    assert_eq!(sessions(&here.get(ACCOUNT).await).len(), 1);
    assert!(idle.get(ACCOUNT).await.is_login());
}

/// Every page and form of an account needs somebody signed in, and sends others to sign in.
#[tokio::test]
async fn nobody_is_sent_to_sign_in() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = browser.get(ACCOUNT).await;
    let token = page.form("/logout").field("csrf").expect("a token").to_owned();
    let mut copy = app.browser();
    copy.cookies = browser.cookies.clone();
    let session = "/account/sessions/018f0000-0000-7000-8000-000000000000/end";
    let forms = ["/account/name", CHANGE, session, "/account/sign-out-everywhere"];
    let pages = [ACCOUNT, CHANGE, "/account/apps", "/logout"];
    for path in pages {
        assert_eq!(browser.get_once(path).await.status, 200, "{path}");
    }
    browser.submit(&page.form("/account/sign-out-everywhere"), &[]).await;
    let mut stranger = app.browser();
    for browser in [&mut copy, &mut stranger] {
        for path in pages {
            let page = browser.get_once(path).await;
            assert_eq!((page.status, page.location().as_str()), (303, "/login"), "{path}");
        }
    }
    for path in forms {
        let fields =
            [("csrf", token.as_str()), ("name", "Eve"), ("current", PASSWORD), ("new", NEW), ("again", NEW)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let page = copy.post_once(path, &fields).await;
        assert_eq!((page.status, page.location().as_str()), (303, "/login"), "{path}");
    }
    assert!(opens(&app, PASSWORD).await && !opens(&app, NEW).await);
}

#[tokio::test]
async fn a_person_takes_another_name_and_a_bad_one_is_told_at_its_field() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = browser.get(ACCOUNT).await;
    let form = page.form("/account/name");
    let page = browser.submit(&form, &[("name", "  Ada, Countess of Lovelace ")]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("value=\"Ada, Countess of Lovelace\"")
            && page.body.contains("Your name is changed.")
    );
    let event = told(&app.db, "user.renamed").pop().expect("an event");
    assert_eq!(event.actor_id, Some(ADA.id().uuid()));
    browser.submit(&form, &[("name", "Ada, Countess of Lovelace")]).await;
    assert_eq!(app.count_events("user.renamed"), 1, "the same name is no news");

    for (name, words) in [
        (" ", "Enter a name."),
        ("a\u{202e}b", "A name is one line, without invisible characters."),
        (&"x".repeat(81), "A name has at most 80 characters."),
    ] {
        let page = browser.submit(&form, &[("name", name)]).await;
        assert_eq!(page.status, 400);
        assert!(
            page.body.contains(words) && page.body.contains("aria-describedby=\"name-problem\""),
            "{words}"
        );
        assert!(page.body.contains("<title>Error: Account"), "{}", page.body);
    }
    assert!(browser.get("/account/apps").await.body.contains("<bdi>Ada, Countess of Lovelace</bdi>"));
}

/// O06
#[tokio::test]
async fn one_session_is_ended_and_the_others_go_on() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let (mut here, mut lost, mut third) = (app.browser(), app.browser(), app.browser());
    lost.user_agent = FIREFOX;
    for browser in [&mut here, &mut lost, &mut third] {
        browser.sign_in(ADA).await;
    }
    let (access, refresh) = tokens(&app, &client, &mut lost).await;
    let page = here.get(ACCOUNT).await;
    let listed = sessions(&page);
    let (_, path) = listed.iter().find(|(words, _)| words.contains("Firefox")).expect("it");
    let form = page.form(path.as_ref().expect("a path"));
    let page = here.submit(&form, &[]).await;
    assert!(page.body.contains("That browser is signed out.") && sessions(&page).len() == 2, "{}", page.body);
    assert!(lost.get(ACCOUNT).await.is_login());
    for browser in [&mut here, &mut third] {
        assert_eq!(browser.get_once(ACCOUNT).await.status, 200);
    }
    // A browser is not an app: what was allowed from it stays allowed.
    assert!(app.is_active(&api, &access).await);
    client.refresh(&app, &refresh).await.is_ok();
    let page = here.submit(&form, &[]).await;
    assert!(
        page.body.contains("That browser is signed out."),
        "a second click changes nothing: {}",
        page.body
    );
    assert_eq!(app.count_events("user.session_ended"), 1);
    // One's own ends by signing out, under a new id.
    let paths: String = listed.iter().filter_map(|(_, path)| path.clone()).collect();
    let opened = told(&app.db, "user.signed_in").into_iter().filter_map(|event| event.target_id);
    let own = opened.into_iter().find(|id| !paths.contains(id)).expect("the one without a button");
    let own = here.post_once(&format!("/account/sessions/{own}/end"), &form.fields).await;
    own.is_error_page(404);
    assert_eq!(here.get_once(ACCOUNT).await.status, 200);
}

#[tokio::test]
async fn another_person_s_session_does_not_exist() {
    let app = App::start().await;
    let (mut ada, mut second, mut bob) = (app.browser(), app.browser(), app.browser());
    ada.sign_in(ADA).await;
    second.sign_in(ADA).await;
    bob.sign_in(BOB).await;
    let page = ada.get(ACCOUNT).await;
    let hers = sessions(&page).into_iter().find_map(|(_, path)| path).expect("a path");
    let token = bob.get(ACCOUNT).await.form("/logout").field("csrf").expect("a token").to_owned();
    for path in [hers.as_str(), "/account/sessions/nonsense/end"] {
        let page = bob.post_once(path, &[("csrf".to_owned(), token.clone())]).await;
        page.is_error_page(404);
    }
    assert_eq!(second.get_once(ACCOUNT).await.status, 200);
    ada.submit(&page.form(&hers), &[]).await;
    assert!(second.get(ACCOUNT).await.is_login(), "her own she can end");
}

#[tokio::test]
async fn a_form_of_another_page_changes_nothing_of_an_account() {
    let app = App::start().await;
    let (mut browser, mut second) = (app.browser(), app.browser());
    browser.sign_in(ADA).await;
    second.sign_in(ADA).await;
    let page = browser.get(ACCOUNT).await;
    let path = sessions(&page).into_iter().find_map(|(_, path)| path).expect("a path");
    let password = browser.get(CHANGE).await.form(CHANGE);
    let right = [("name", "Eve"), ("current", PASSWORD), ("new", NEW), ("again", NEW)];
    for form in [page.form("/account/name"), page.form(&path), password.clone()] {
        for token in ["", "nonsense"] {
            let fields = form.filled(&[&[("csrf", token)][..], &right].concat());
            browser.post_once(&form.action, &fields).await.is_error_page(403);
        }
        for origin in ["null", "https://shop.example"] {
            browser.post_as(&form.action, &form.filled(&right), Some(origin)).await.is_error_page(403);
        }
    }
    assert_eq!(count(&app.db, "principals WHERE name = 'Ada Lovelace'"), 1);
    assert_eq!(sessions(&browser.get(ACCOUNT).await).len(), 2);
    assert!(opens(&app, PASSWORD).await);
    let page = browser.submit(&password, &right).await;
    assert!(page.body.contains("Your password is changed."), "its twin is accepted: {}", page.body);
}

/// L06, L14: whoever held the old password holds nothing any more, but for the browser that changed it.
#[tokio::test]
async fn a_new_password_ends_every_session_and_family_but_this_browser() {
    let app = App::start().await;
    let (client, api) = (app.web_client(), app.resource_server());
    let (mut here, mut thief, mut bob) = (app.browser(), app.browser(), app.browser());
    here.sign_in(ADA).await;
    thief.sign_in(ADA).await;
    bob.sign_in(BOB).await;
    let (access, refresh) = tokens(&app, &client, &mut thief).await;
    let (his, _) = tokens(&app, &client, &mut bob).await;
    let old_cookies = here.cookies.clone();

    let page = change(&mut here, PASSWORD, NEW, NEW).await;
    let told_at = page.location();
    assert_eq!((page.status, told_at.starts_with("/account?done=password&proof=")), (303, true), "{told_at}");
    let page = here.get(ACCOUNT).await;
    assert_eq!(sessions(&page).len(), 1, "{}", page.body);
    assert!(thief.get(ACCOUNT).await.is_login());
    let mut copy = app.browser();
    copy.cookies = old_cookies;
    assert!(copy.get(ACCOUNT).await.is_login(), "this browser goes on under a new id");
    assert!(!app.is_active(&api, &access).await && app.is_active(&api, &his).await);
    client.refresh(&app, &refresh).await.is_error(400, "invalid_grant");
    assert!(opens(&app, NEW).await && !opens(&app, PASSWORD).await);

    let page = here.get(&client.authorize_path(&[("scope", "orders:read")])).await;
    assert!(page.returned("code").is_some(), "what was allowed is remembered");
    let event = told(&app.db, "user.password_changed").pop().expect("an event");
    assert_eq!((event.actor_kind.as_str(), event.actor_id), ("user", Some(ADA.id().uuid())));
    let session = event.data["session"].as_str().expect("the session that goes on").to_owned();
    assert_eq!(event.data, serde_json::json!({ "sessions": 2, "families": 1, "session": session }));
    assert_eq!(count(&app.db, &format!("browser_sessions WHERE id = '{session}' AND ended_at IS NULL")), 1);
    // Only whoever did it is told so, and not whoever follows a link, or comes back to it.
    let said = "Your password is changed.";
    assert!(here.get(&told_at).await.body.contains(said));
    assert!(!here.get("/account?done=password").await.body.contains(said));
    app.advance(Duration::minutes(2));
    assert!(!here.get(&told_at).await.body.contains(said));
}

/// A second click on the button, or a second tab: the password is changed once, and nobody is told that it is wrong.
#[tokio::test]
async fn of_a_password_form_posted_many_times_one_changes_it_and_none_counts_as_wrong() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let form = browser.get(CHANGE).await.form(CHANGE);
    let fields = form.filled(&[("current", PASSWORD), ("new", NEW), ("again", NEW)]);
    let posts = (0..8).map(|_| {
        let (mut tab, fields) = (app.browser(), &fields);
        tab.cookies = browser.cookies.clone();
        async move { tab.post_once(CHANGE, fields).await.location() }
    });
    let mut led = futures_util::future::join_all(posts).await;
    led.sort();
    assert_eq!(led.iter().filter(|to| to.starts_with("/account?done=password&")).count(), 1, "{led:?}");
    assert!(led[1..].iter().all(|to| to == "/login"), "{led:?}");
    assert_eq!(count(&app.db, "sign_in_failures WHERE failures > 0"), 0);
    assert_eq!(app.count_events("user.password_changed"), 1);
    assert!(opens(&app, NEW).await);
}

/// Who is told to try again, since too many others are at it, has not been counted as wrong.
#[tokio::test]
async fn a_change_that_found_no_place_is_not_counted() {
    let app = App::with(|settings| {
        settings.passwords.queue = 0;
        settings.guard.sign_in = 10_000;
    })
    .await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let stranger = async |number: usize| {
        let mut browser = app.browser();
        let form = browser.get("/login").await.form("/login");
        let fields = form.filled(&[("identifier", &format!("nobody-{number}")), ("password", "not this")]);
        browser.post_once("/login", &fields).await
    };
    let (mut current, mut new, mut refused) = (PASSWORD, NEW, 0);
    for round in 0..12 {
        let strangers = (0..8).map(|number| stranger(8 * round + number));
        let (page, _) =
            tokio::join!(change(&mut browser, current, new, new), futures_util::future::join_all(strangers));
        match page.status {
            303 => std::mem::swap(&mut current, &mut new),
            503 => refused += 1,
            other => panic!("{other}: {}", page.body),
        }
        // The hash under which guesses at her name are counted.
        let hers = "sign_in_failures WHERE failures > 0 AND account_hash = sha256('ada')";
        assert_eq!(count(&app.db, hers), 0);
    }
    assert!(refused > 0, "nobody was ever in the way");
    assert_eq!(change(&mut browser, current, new, new).await.status, 303);
}

/// Names are written by whoever holds the person alone: two writers never wait for each other.
#[tokio::test]
async fn many_renames_at_once_are_all_answered() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let form = browser.get(ACCOUNT).await.form("/account/name");
    let tab = || {
        let mut tab = app.browser();
        tab.cookies = browser.cookies.clone();
        tab
    };
    let renames = (0..30).map(|number| {
        let (mut tab, fields) = (tab(), form.filled(&[("name", &format!("Ada the {number}th"))]));
        async move { tab.post_once("/account/name", &fields).await.status }
    });
    let looks = (0..10).map(|_| {
        let mut tab = tab();
        async move { tab.get_once(ACCOUNT).await.status }
    });
    let (statuses, seen) =
        tokio::join!(futures_util::future::join_all(renames), futures_util::future::join_all(looks));
    assert!(statuses.iter().all(|status| *status == 303), "{statuses:?}");
    assert!(seen.iter().all(|status| *status == 200), "{seen:?}");
    assert_eq!(app.count_events("user.renamed"), 30);
}

#[tokio::test]
async fn what_is_wrong_with_a_password_is_told_at_its_field_and_changes_nothing() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let long = "x".repeat(1025);
    for (current, new, again, status, field, words) in [
        ("not this", NEW, NEW, 403, "current", "This is not your current password."),
        (&long, NEW, NEW, 403, "current", "This is not your current password."),
        ("", NEW, NEW, 403, "current", "This is not your current password."),
        (PASSWORD, "short", "short", 400, "new", "The new password needs at least 10 characters."),
        (PASSWORD, "", "", 400, "new", "The new password needs at least 10 characters."),
        (PASSWORD, &long, &long, 400, "new", "The new password is too long: 1024 bytes at most."),
        (
            PASSWORD,
            PASSWORD,
            PASSWORD,
            400,
            "new",
            "This is what you typed as your current password. Choose another.",
        ),
        (
            PASSWORD,
            NEW,
            "a new and better two",
            400,
            "again",
            "The two new passwords differ. Type both again.",
        ),
        (PASSWORD, NEW, "", 400, "again", "The two new passwords differ. Type both again."),
    ] {
        let page = change(&mut browser, current, new, again).await;
        assert_eq!(page.status, status, "{words}");
        assert!(page.body.contains(words), "{words}: {}", page.body);
        let input = page.body.split(&format!("<input id=\"{field}\"")).nth(1).expect("the field");
        let input = input.split('>').next().expect("its end");
        for mark in ["aria-invalid=\"true\"", "aria-describedby=\"problem", "autofocus"] {
            assert!(input.contains(mark), "{field}: {input}");
        }
        for secret in [PASSWORD, NEW, "a new and better two", "not this", long.as_str()] {
            assert!(!page.body.contains(secret), "what was typed is not shown");
        }
        assert_eq!(page.answer.header("set-cookie"), "");
    }
    assert!(opens(&app, PASSWORD).await && !opens(&app, NEW).await);
    assert_eq!(app.count_events("user.password_changed"), 0);
    // L12: the same password in another normal form is the same.
    change(&mut browser, PASSWORD, "caf\u{e9} au lait", "cafe\u{301} au lait").await;
    assert!(opens(&app, "cafe\u{301} au lait").await);
}

/// L05: guessing is braked wherever a password is typed, and together.
#[tokio::test]
async fn guesses_at_the_password_form_count_with_those_at_sign_in() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for _ in 0..3 {
        assert_eq!(change(&mut browser, "not this", NEW, NEW).await.status, 403);
    }
    let mut other = app.browser();
    let form = other.get("/login").await.form("/login");
    for _ in 0..2 {
        let page = other.submit(&form, &[("identifier", "ada"), ("password", "nor this")]).await;
        assert_eq!(page.status, 403);
    }
    let page = change(&mut browser, PASSWORD, NEW, NEW).await;
    assert_eq!(page.status, 429);
    assert!(page.body.contains("Too many wrong passwords. Try again in a minute."), "{}", page.body);
    assert_eq!(page.answer.header("retry-after"), "30");
    let page = other.submit(&form, &[("identifier", "ada"), ("password", PASSWORD)]).await;
    assert_eq!(page.status, 429);
    app.advance(Duration::seconds(31));
    assert_eq!(change(&mut browser, PASSWORD, NEW, NEW).await.status, 303);
    let event = told(&app.db, "user.sign_in_failed").pop().expect("an event");
    assert_eq!((event.actor_kind.as_str(), event.target_id), ("anonymous", Some(ADA.id().to_string())));

    // Whoever guesses in a session of hers is told apart from strangers.
    for _ in 0..5 {
        assert_eq!(change(&mut browser, "not this", PASSWORD, PASSWORD).await.status, 403);
    }
    let event = told(&app.db, "user.sign_in_failed").pop().expect("an event");
    assert_eq!((event.actor_kind.as_str(), event.actor_id), ("user", Some(ADA.id().uuid())));
    assert_eq!(event.data, serde_json::json!({ "failures": 5 }));
}

/// A stranger who guesses through the form of a stolen session makes its network wait.
#[tokio::test]
async fn a_network_that_guesses_at_the_password_form_must_wait() {
    let app = App::with(|settings| settings.guard.sign_in = 2).await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let form = browser.get(CHANGE).await.form(CHANGE);
    let guess = form.filled(&[("current", "not this"), ("new", NEW), ("again", NEW)]);
    for status in [403, 403, 429] {
        assert_eq!(browser.post_once(CHANGE, &guess).await.status, status);
    }
    browser.ip = "203.0.113.77".into();
    assert_eq!(browser.post_once(CHANGE, &guess).await.status, 403, "another network need not");
}

/// A34: the sign-in page of the second tab is from before this browser got its new id.
#[tokio::test]
async fn a_sign_in_form_that_another_tab_overtook_leads_on_and_signs_nobody_in() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    let first = browser.get(&client.authorize_path(&[("state", "first")])).await;
    let second = browser.get(&client.authorize_path(&[("state", "second")])).await;
    let plain = browser.get("/login").await;
    let consent = browser.log_in_on(&second, ADA).await;
    assert!(consent.is_consent(), "{}", consent.body);
    let signed_in = app.count_events("user.signed_in");

    let page =
        browser.submit(&first.form("/login"), &[("identifier", "ADA"), ("password", "whatever")]).await;
    assert!(page.is_consent() && page.body.contains("Ada Lovelace"), "{}", page.body);
    assert_eq!(browser.allow(page).await.returned("state").as_deref(), Some("first"));
    assert_eq!(browser.allow(consent).await.returned("state").as_deref(), Some("second"));
    let page = browser.submit(&plain.form("/login"), &[("identifier", "ada"), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.path.as_str()), (200, "/account/apps"));
    assert_eq!(app.count_events("user.signed_in"), signed_in, "nobody else was signed in");

    // Somebody else is not taken for her, although she allowed the app before; nor is anything of his told to it.
    let page = browser.get(&client.authorize_path(&[("state", "third"), ("prompt", "login")])).await;
    let fields = page.form("/login").filled(&[
        ("identifier", "bob"),
        ("password", "whatever"),
        ("csrf", &"A".repeat(43)),
    ]);
    let page = browser.post_once("/login", &fields).await;
    assert_eq!((page.status, page.location().as_str()), (403, ""));
    assert!(page.body.contains("Ada Lovelace has signed in in this browser meanwhile."), "{}", page.body);
    let page = browser.submit(&page.form("/login"), &[("identifier", "bob"), ("password", PASSWORD)]).await;
    assert!(page.is_consent() && page.body.contains("Bob Byron"), "{}", page.body);
    let logout = browser.get(ACCOUNT).await.form("/logout");
    browser.submit(&logout, &[]).await;
    browser.sign_in(ADA).await;

    // Only our own page may say so, and only where somebody is signed in.
    let form = plain.form("/login").filled(&[("identifier", "bob"), ("password", PASSWORD)]);
    for origin in [Some("null"), Some("https://evil.example"), None] {
        browser.post_as("/login", &form, origin).await.is_error_page(403);
    }
    let mut stranger = app.browser();
    stranger.get("/login").await;
    let page = stranger.post_once("/login", &form).await;
    assert_eq!((page.status, page.is_login()), (403, true), "where nobody is, the form is shown again");
    let page = stranger.submit(&page.form("/login"), &[("identifier", "bob"), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.path.as_str()), (200, "/account/apps"));
}

/// A second click, or a slow answer and a third: the browser shows what the last answer leads to, and that goes on.
#[tokio::test]
async fn a_sign_in_form_posted_twice_is_one_sign_in() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    let page = browser.get(&client.authorize_path(&[])).await;
    let fields = page.form("/login").filled(&[("identifier", "ada"), ("password", PASSWORD)]);
    let before = browser.cookies.clone();
    for _ in 0..3 {
        browser.cookies = before.clone();
        let page = browser.post_once("/login", &fields).await;
        assert!(page.location().starts_with("/oauth/consent?"), "{}", page.body);
    }
    assert_eq!(count(&app.db, "browser_sessions WHERE ended_at IS NULL"), 1);
    let page = browser.get(&page.path).await;
    assert!(page.is_consent(), "{}", page.body);
    assert!(browser.allow(page).await.returned("code").is_some());

    // Later it is another sign-in, and what the first opened stays.
    app.advance(Duration::minutes(2));
    let mut late = app.browser();
    late.cookies = before;
    late.post_once("/login", &fields).await;
    assert_eq!(count(&app.db, "browser_sessions WHERE ended_at IS NULL"), 2);
}

/// A password manager must know whose password is changed.
#[tokio::test]
async fn the_password_form_names_its_person_to_password_managers() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let page = browser.get(CHANGE).await;
    for field in [
        "name=\"username\" value=\"ada\" autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
        "autocomplete=\"new-password\"",
    ] {
        assert!(page.body.contains(field), "{field}: {}", page.body);
    }
}
