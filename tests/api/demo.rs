//! `grantor demo`, as somebody tries it: the real binary with the real examples, walked through by a browser.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::support::{
    Answer, Demo, Scratch, Traveller, VERIFIER, all_at_once, demo_command, eventually, free_addresses, pkce,
    statuses, temp_path,
};

/// A database that is late is not waited for, and what is counted in its place is not all: on a busy machine it may be late.
const COUNTS_EXACTLY: (&str, &str) = ("GRANTOR_LIMITS__TIMEOUT_MS", "10000");

/// The start of the access token that the app's page shows.
fn shown_token(traveller: &Traveller) -> String {
    let start = traveller.page.body.split("<code>gat_").nth(1);
    start.and_then(|rest| rest.split('…').next()).expect("a token on the page").to_owned()
}

impl Traveller {
    async fn sign_in(&mut self, demo: &Demo) {
        let (name, password) = (demo.text("/user/identifier"), demo.text("/user/password"));
        self.submit("/login", &[("identifier", &name), ("password", &password)]).await;
    }

    /// Goes to the app, signs in, and connects it with these scopes.
    async fn connect(demo: &Demo, scopes: &[(&str, &str)]) -> Self {
        let mut traveller = Self::at(&demo.text("/app")).await;
        traveller.submit("/connect", &[]).await;
        traveller.sign_in(demo).await;
        traveller.submit("/oauth/consent", &[&[("answer", "allow")], scopes].concat()).await;
        traveller.sees(&demo.text("/app"), &["Parcel is connected"]);
        traveller
    }

    /// Presses "Disconnect" for the one app there is.
    async fn take_back(&mut self, issuer: &str) {
        self.open(&format!("{issuer}/account/apps")).await;
        let action = self.actions().into_iter().rfind(|action| action.ends_with("/revoke"));
        let action = action.expect("an app that is connected");
        let form = crate::support::forms(&self.page.body).into_iter().rfind(|form| form.action == action);
        let form = form.expect("its form");
        assert_eq!(form.field("scope"), None, "all of it, not one scope");
        self.post(&action, &form.fields).await;
        self.open("/account/apps").await;
        self.sees(&format!("{issuer}/account/apps"), &["No app is connected"]);
    }
}

mod process {
    use super::*;

    /// From a start to an end without a trace, by the way that the demo itself says.
    #[tokio::test]
    async fn the_demo_is_walked_through_as_it_says() {
        let mut demo = Demo::start();
        let [front, app, api] = demo.addresses.clone();
        let (issuer, app) = (format!("http://{front}"), app.replace("127.0.0.1", "http://localhost"));
        let (start, orders) = (format!("{app}/"), format!("{app}/orders"));
        let (web, public) = (demo.text("/clients/web"), demo.text("/clients/public"));
        let (token, data_dir) = (demo.text("/administrator/token"), demo.text("/data_dir"));
        assert!(token.starts_with("gap_") && data_dir.starts_with(demo.temp.path().to_str().expect("text")));
        let all = ["users", "posts", "comments", "todos", "albums", "photos"];
        let partner = |org: &str, key: &str, services: &[&str], quota: u64| json!({ "org": org, "api_key": key, "services": services, "per_minute": quota });
        assert_eq!(
            demo.said,
            json!({
                "issuer": issuer, "app": start, "api": format!("http://{api}/"),
                "user": { "identifier": "ada", "password": "correct horse battery" },
                "clients": { "web": web, "public": public },
                "partners": [
                    partner("Premium Partner", "premium-api-key-12345", &all, 100),
                    partner("Basic Partner", "basic-api-key-67890", &["users", "posts"], 30),
                    partner("Todo App", "todo-api-key-11111", &["todos"], 50),
                ],
                "administrator": { "identifier": "grace", "token": token },
                "data_dir": data_dir,
            })
        );
        let login = format!("{issuer}/login");
        let consent = format!("{issuer}/oauth/consent");

        let mut ada = Traveller::at(&start).await;
        ada.sees(&start, &["Connect with Grantor"]);
        ada.submit("/connect", &[]).await;
        ada.sees(&login, &["Parcel Ltd"]);
        ada.sign_in(&demo).await;
        ada.sees(&consent, &["Parcel", "Read your orders", "Place orders for you"]);
        ada.submit("/oauth/consent", &[("answer", "allow")]).await;
        ada.sees(&start, &["Parcel is connected", "orders:read", "orders:write", "yes, for when"]);

        ada.open("/orders").await;
        ada.sees(&orders, &["A book about engines"]);
        ada.open("/").await;
        ada.submit("/orders", &[("item", "Pens & <b>ink</b>")]).await;
        ada.sees(&start, &["Ordered: Pens &amp; &lt;b&gt;ink&lt;/b&gt;."]);
        ada.open("/orders").await;
        ada.sees(&orders, &["A book about engines", "Pens &amp; &lt;b&gt;ink&lt;/b&gt;"]);
        let before = shown_token(&ada);
        ada.submit("/refresh", &[]).await;
        ada.sees(&start, &["Refreshed"]);
        assert_ne!(shown_token(&ada), before);

        // Taken back: the app hears it at its next call, and the person is asked anew.
        ada.take_back(&issuer).await;
        ada.open(&orders).await;
        ada.sees(&start, &["Grantor no longer lets us act for you (access was taken back)", "/connect"]);
        ada.submit("/connect", &[]).await;
        ada.sees(&consent, &["Place orders for you"]);
        ada.submit("/oauth/consent", &[("answer", "deny")]).await;
        ada.sees(&start, &["You pressed Deny", "/connect"]);
        ada.submit("/connect", &[]).await;
        ada.submit("/oauth/consent", &[("answer", "allow"), ("scope", "")]).await;
        ada.sees(&start, &["Parcel is connected", "orders:read"]);
        ada.submit("/orders", &[("item", "Pens")]).await;
        ada.sees(&start, &["Parcel may not do this (any more)", "Parcel is connected"]);
        ada.submit("/disconnect", &[]).await;
        ada.sees(&start, &["Parcel gave its tokens back", "/connect"]);

        demo.signal(Signal::SIGTERM);
        let ended = demo.end();
        assert_eq!((ended.code, ended.complaints.as_str()), (Some(0), ""));
        assert!(demo.listens_nowhere() && demo.leaves_nothing());
    }

    /// RFC 9700 §4.7, RFC 9207 §2.4: an answer counts in the browser that asked, once, and from whom was asked.
    #[tokio::test]
    async fn the_app_takes_no_foreign_answer_and_no_foreign_form() {
        let demo = Demo::start();
        let (start, issuer) = (demo.text("/app"), demo.text("/issuer"));
        let own = |state: &str| format!("/callback?code=x&state={state}&iss={issuer}");
        let state_of = |asked: &Answer| {
            let address = url::Url::parse(&asked.header("location")).expect("an address");
            let state = address.query_pairs().find(|(name, _)| name == "state").expect("a state");
            state.1.into_owned()
        };

        let (mut ada, mut eve) = (Traveller::at(&start).await, Traveller::at(&start).await);
        ada.post("/connect", &[]).await;
        let state = state_of(&ada.page);
        for (address, words) in [
            (own("guessed"), "This is no answer to anything that this browser asked for"),
            (format!("/callback?code=x&state={state}&iss=https://other.example"), "not from the Grantor"),
            (own(&state), "This is no answer to anything"),
        ] {
            ada.open(&address).await;
            assert_eq!(ada.page.status, 400, "{address}");
            assert!(ada.page.body.contains(words), "{address}: {}", ada.page.body);
        }
        ada.post("/connect", &[]).await;
        let state = state_of(&ada.page);
        eve.open(&own(&state)).await;
        assert_eq!(eve.page.status, 400, "another browser's: {}", eve.page.body);
        // In its own browser it is an answer; only Grantor knows no such code.
        ada.open(&own(&state)).await;
        ada.sees(&start, &["Grantor did not exchange the code"]);
        // Two tabs ask at once, and each gets its answer.
        let mut states = Vec::new();
        for _ in 0..2 {
            ada.post("/connect", &[]).await;
            states.push(state_of(&ada.page));
        }
        for state in states {
            ada.open(&format!("/callback?error=access_denied&state={state}&iss={issuer}")).await;
            ada.sees(&start, &["You pressed Deny. Parcel has no access"]);
        }

        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let http = http.expect("a client");
        let connect = format!("{start}connect");
        for (origin, status) in [
            (Some("https://other.example"), 403),
            (Some("null"), 403),
            (None, 403),
            (Some(&start[..start.len() - 1]), 303),
        ] {
            let request = http.post(&connect);
            let request = origin.iter().fold(request, |request, origin| request.header("origin", *origin));
            assert_eq!(Answer::to(request).await.status, status, "{origin:?}");
        }
        // By its other name, it sends the browser to the one that its cookie is for.
        let by_number = Answer::to(http.get(start.replace("localhost", "127.0.0.1"))).await;
        assert_eq!((by_number.status, by_number.header("location")), (302, start.clone()));
        assert_eq!(Answer::to(http.head(&start)).await.status, 200);
        let nowhere = Answer::to(http.get(format!("{start}nowhere"))).await;
        assert_eq!((nowhere.status, nowhere.header("referrer-policy").as_str()), (404, "no-referrer"));
        assert!(nowhere.body.contains("There is no such page"), "{}", nowhere.body);
    }

    /// A refresh token is good for one use, so two tabs must not both use it (RFC 9700 §4.14.2).
    #[tokio::test]
    async fn refreshes_at_once_keep_the_connection() {
        let demo = Demo::start_with(&[("GRANTOR_TOKENS__REFRESH_GRACE_S", "0")]);
        let (start, mut ada) = (demo.text("/app"), Traveller::connect(&demo, &[]).await);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let (http, refresh) = (http.expect("a client"), format!("{start}refresh"));
        let answers = all_at_once(8, |_| {
            let request = http.post(&refresh).header("origin", start.trim_end_matches('/'));
            Answer::to(request.header("cookie", ada.cookies()))
        })
        .await;
        for answer in answers {
            assert_eq!(answer.status, 303, "{}", answer.body);
            assert!(answer.header("set-cookie").contains("Refreshed"), "{answer:?}");
        }
        ada.open("/orders").await;
        ada.sees(&format!("{start}orders"), &["Parcel is connected", "A book about engines"]);
    }

    /// Questions are anybody's to ask, and take no room from those who are connected.
    #[tokio::test]
    async fn strangers_sign_nobody_out_of_the_app() {
        let demo = Demo::start();
        let (start, mut ada) = (demo.text("/app"), Traveller::connect(&demo, &[]).await);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let (http, connect) = (http.expect("a client"), format!("{start}connect"));
        for _ in 0..13 {
            let answers = all_at_once(77, |_| {
                Answer::to(http.post(&connect).header("origin", start.trim_end_matches('/')))
            });
            assert_eq!(statuses(&answers.await), [(303, 77)].into());
        }
        ada.open("/").await;
        ada.sees(&start, &["Parcel is connected"]);
    }

    /// Whoever asks for more and is denied has what they had; and allowed, it is in place of that.
    #[tokio::test]
    async fn asking_for_more_risks_nothing() {
        let demo = Demo::start();
        let start = demo.text("/app");
        let mut ada = Traveller::connect(&demo, &[("scope", "")]).await;
        let before = shown_token(&ada);
        for (answer, words) in [("deny", "Parcel keeps what it had"), ("allow", "You allowed it")] {
            ada.sees(&start, &["Parcel may not: Place orders for you.", "Ask for this again"]);
            ada.submit("/connect", &[]).await;
            ada.submit("/oauth/consent", &[("answer", answer), ("scope", "orders:write")]).await;
            ada.sees(&start, &[words, "Parcel is connected"]);
            assert_eq!(shown_token(&ada) == before, answer == "deny");
        }
        ada.submit("/orders", &[("item", "Pens")]).await;
        ada.sees(&start, &["Ordered: Pens."]);
    }

    /// What the demo says to those with tools of their own; and the API answers them as README has it.
    #[tokio::test]
    async fn the_public_client_is_for_tools_of_one_s_own() {
        let demo = Demo::start();
        let (issuer, client_id) = (demo.text("/issuer"), demo.text("/clients/public"));
        let redirect_uri = "http://127.0.0.1:1/callback";
        let (http, orders) = (reqwest::Client::new(), format!("{}orders", demo.text("/api")));
        let (_, challenge) = pkce();
        let mut ada = Traveller::at(&format!("{issuer}/login")).await;
        ada.sign_in(&demo).await;
        for (scope, reads, places, challenged) in [
            ("orders:read orders:write", 200, 201, ""),
            ("orders:read", 200, 403, r#"Bearer error="insufficient_scope", scope="orders:write""#),
            ("profile:read", 401, 401, r#"Bearer error="invalid_token""#),
        ] {
            let asked = grantor::platform::form::encode(&[
                ("response_type", "code"),
                ("client_id", &client_id),
                ("redirect_uri", redirect_uri),
                ("scope", scope),
                ("prompt", "consent"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ]);
            ada.open(&format!("{issuer}/oauth/authorize?{asked}")).await;
            ada.sees(&format!("{issuer}/oauth/consent"), &["Test client"]);
            let form = crate::support::forms(&ada.page.body)
                .into_iter()
                .find(|form| form.action == "/oauth/consent");
            ada.post("/oauth/consent", &form.expect("the form").filled(&[("answer", "allow")])).await;
            let back = url::Url::parse(&ada.page.header("location")).expect("a redirect");
            let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
            let exchange = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("client_id", &client_id),
                ("redirect_uri", redirect_uri),
                ("code_verifier", VERIFIER),
            ];
            let tokens = Answer::to(http.post(format!("{issuer}/oauth/token")).form(&exchange)).await;
            tokens.is_ok();
            let token = tokens.text("access_token");
            let read = Answer::to(http.get(&orders).bearer_auth(&token)).await;
            assert_eq!(read.status, reads, "{scope}: {}", read.body);
            let order = http.post(&orders).bearer_auth(&token).json(&json!({ "item": "Pens" }));
            let placed = Answer::to(order).await;
            assert_eq!(
                (placed.status, placed.header("www-authenticate").as_str()),
                (places, challenged),
                "{scope}"
            );
        }
    }

    #[tokio::test]
    async fn an_example_that_dies_ends_the_demo() {
        for (name, who) in [("third_party_app", "the app"), ("resource_server", "the API")] {
            let mut demo = Demo::start();
            kill(demo.program(name), Signal::SIGKILL).expect("a signal");
            let ended = demo.end();
            let words = format!("{who} has ended (signal: 9 (SIGKILL)), and the demo with it");
            assert_eq!(ended.code, Some(1));
            assert_eq!(ended.complaints.trim_end(), json!({ "error": words }).to_string());
            assert!(demo.listens_nowhere() && demo.leaves_nothing());
        }
    }

    #[tokio::test]
    async fn a_demo_that_is_killed_leaves_nobody_behind() {
        let mut demo = Demo::start();
        assert!(demo.has_a_postgres());
        demo.signal(Signal::SIGKILL);
        assert_eq!(demo.end().code, None);
        eventually("alone", || async { demo.listens_nowhere() && !demo.has_a_postgres() }).await;
    }

    /// Ctrl-C, or an impatient service manager, while the database is still being made.
    #[tokio::test]
    async fn a_demo_that_is_ended_while_it_starts_leaves_nothing() {
        let mut demo = Demo::spawn(&["--json"], &[]);
        eventually("at work", || async { !demo.leaves_nothing() }).await;
        demo.signal(Signal::SIGINT);
        let ended = demo.end();
        assert_eq!(ended.last_words, "", "it was starting, and never ready");
        assert_eq!((ended.code, ended.complaints.as_str()), (Some(0), ""));
        assert!(demo.listens_nowhere() && demo.leaves_nothing());
    }

    /// To a person, it says in plain words what to open, and what is over.
    #[tokio::test]
    async fn a_person_is_told_what_to_try() {
        let mut demo = Demo::spawn(&[], &[]);
        let said = demo.words();
        let app = demo.addresses[1].replace("127.0.0.1", "http://localhost");
        for words in [&app, "ada", "correct horse battery", "/account/apps", "client_id"] {
            assert!(said.contains(words), "no {words}: {said}");
        }
        demo.signal(Signal::SIGTERM);
        let ended = demo.end();
        assert_eq!(ended.last_words, "\nThe demo is over, and everything that it made is gone.\n");
        assert_eq!((ended.code, ended.complaints.as_str()), (Some(0), ""));
        assert!(demo.listens_nowhere() && demo.leaves_nothing());
    }

    /// Line by line as somebody pastes it, and as a reader is promised.
    #[tokio::test]
    async fn what_is_printed_of_partners_works_when_it_is_run() {
        let mut demo = Demo::spawn(&[], &[COUNTS_EXACTLY]);
        let said = demo.words();
        let lines = |start: &str| {
            let lines = said.lines().filter_map(|line| line.strip_prefix("  "));
            lines.filter(|line| line.starts_with(start)).map(str::to_owned).collect::<Vec<_>>()
        };
        let asked = lines("curl -i ").iter().map(|line| pasted(line)).collect::<Vec<_>>();
        let [allowed, refused] = asked.as_slice() else { panic!("two calls: {said}") };
        assert!(
            allowed.starts_with("HTTP/1.1 200 ") && allowed.contains("x-ratelimit-limit: 100"),
            "{allowed}"
        );
        assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("not_granted"), "{refused}");
        let often = lines("for ").iter().map(|line| pasted(line)).collect::<String>();
        assert_eq!(often, format!("{}429 ", "200 ".repeat(30)));

        let request = refused.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
        let setting = lines("export ").concat();
        let commands = lines("'").iter().map(|line| format!("{setting}; {line}")).collect::<Vec<_>>();
        let [show, verify] = commands.as_slice() else { panic!("two commands: {said}") };
        let show = show.replace("REQUEST_ID", request.trim());
        // It is written every half second.
        eventually("is the call logged", || async { run(&show).0 }).await;
        let story = pasted(&show);
        assert!(
            story.contains("GET /todos/1") && story.contains("NO  May its owner call this service?"),
            "{story}"
        );
        assert!(pasted(verify).contains("The log is as it was written."));

        let token = lines("token=").concat();
        let managed = |line: &String| -> Value {
            let answer = pasted(&format!("{token}; {}", line.replace("REQUEST_ID", request.trim())));
            serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{line}: {answer}"))
        };
        let managed = lines("curl -H ").iter().map(managed).collect::<Vec<_>>();
        let [orgs, story] = managed.as_slice() else { panic!("two questions: {said}") };
        assert_eq!(orgs["data"].as_array().map(Vec::len), Some(3), "{orgs}");
        assert_eq!(story["error_code"], "not_granted", "{story}");
        demo.signal(Signal::SIGTERM);
        assert_eq!(demo.end().code, Some(0));
    }

    /// Each may call what it is said to, as often; and a key that everybody knows ends, as anywhere else.
    #[tokio::test]
    async fn partners_of_the_demo_call_what_they_may_within_their_limits() {
        let demo = Demo::start_with(&[COUNTS_EXACTLY]);
        let (issuer, http) = (demo.text("/issuer"), reqwest::Client::new());
        let all = ["users", "posts", "comments", "todos", "albums", "photos"];
        for partner in demo.said["partners"].as_array().expect("partners") {
            let mut left = partner["per_minute"].as_u64().expect("a number");
            for service in all {
                let may = partner["services"].as_array().expect("services").contains(&json!(service));
                let call = http.post(format!("{issuer}/authz/envoy/{service}/1"));
                let key = partner["api_key"].as_str().expect("a key");
                let answer = Answer::to(call.header("x-api-key", key)).await;
                let status = if may { 200 } else { 403 };
                assert_eq!(answer.status, status, "{service} for {partner}: {}", answer.body);
                if may {
                    left -= 1;
                    let limit = answer.header("ratelimit");
                    assert!(limit.starts_with(&format!(r#""minute";r={left};"#)), "{partner}: {limit}");
                }
            }
        }
        let keys = http.get(format!("{issuer}/api/v1/keys")).bearer_auth(demo.text("/administrator/token"));
        let keys = Answer::to(keys).await;
        keys.is(200);
        let keys = keys.json()["data"].as_array().expect("keys").clone();
        assert!(keys.len() == 3 && keys.iter().all(|key| key["expires_at"].is_string()), "{keys:?}");
    }

    /// Whoever has read enough, as `head -1` does, ends nothing by that.
    #[tokio::test]
    async fn a_reader_who_leaves_early_ends_no_demo() {
        let mut demo = Demo::spawn(&[], &[]);
        demo.rest.read_line(&mut String::new()).expect("text");
        demo.rest = Box::new(std::io::empty());
        eventually("there", || async { TcpStream::connect(&demo.addresses[1]).is_ok() }).await;
        demo.signal(Signal::SIGTERM);
        let ended = demo.end();
        assert_eq!((ended.code, ended.complaints.as_str()), (Some(0), ""));
    }
}

/// What a shell says to a line, and whether it went well.
fn run(line: &str) -> (bool, String) {
    let output = Command::new("bash").args(["-c", line]).output().expect("bash");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

/// What a shell says to a line that goes well.
#[track_caller]
fn pasted(line: &str) -> String {
    let (is_well, said) = run(line);
    assert!(is_well, "{line}: {said}");
    said
}

/// Runs it to its refusal, and asserts what it says. It has then made nothing and started nobody.
#[track_caller]
fn is_refused(mut command: Command, words: &str) {
    let temp = Scratch::new();
    let output = command.env("TMPDIR", temp_path(&temp)).output().expect("a process");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), out.as_ref()), (Some(1), ""), "{err}");
    assert!(err.starts_with("grantor: ") && err.contains(words), "{err}");
    assert!(temp_path(&temp).read_dir().expect("the directory").next().is_none());
}

/// A password that everybody knows never gets into somebody's own database, nor onto a network.
#[test]
fn the_demo_is_for_nobody_s_database_and_for_this_machine_only() {
    let addresses: [String; 3] = free_addresses();
    let [front, ..] = &addresses;
    let other = [front.clone(), "0.0.0.0:9000".to_owned(), "127.0.0.1:0".to_owned()];
    let with = |name: &str, value: &str| {
        let mut changed = demo_command(&addresses);
        changed.env(name, value);
        changed
    };
    is_refused(with("GRANTOR_DATABASE__URL", "postgres:///grantor"), "Unset database.url");
    is_refused(with("GRANTOR_ISSUER", "https://id.example"), "so its issuer is where it listens");
    is_refused(
        with("GRANTOR_ISSUER", "http://127.0.0.1:1"),
        "Set GRANTOR_ISSUER and GRANTOR_SERVER__FRONT together",
    );
    // By its name, or another of its numbers, cookies of the app and of Grantor could meet.
    let port = front.rsplit(':').next().expect("a port");
    let by_name = format!("http://localhost:{port}");
    is_refused(with("GRANTOR_ISSUER", &by_name), "so its issuer is where it listens");
    for at in ["127.0.0.2:9000", "[::1]:9000"] {
        is_refused(with("GRANTOR_SERVER__FRONT", at), "server.front must be 127.0.0.1");
        let elsewhere = [front.clone(), at.to_owned(), addresses[2].clone()];
        is_refused(demo_command(&elsewhere), "--app must be 127.0.0.1 with a port");
        let elsewhere = [front.clone(), addresses[1].clone(), at.to_owned()];
        is_refused(demo_command(&elsewhere), "--api must be 127.0.0.1 with a port");
    }
    is_refused(with("GRANTOR_SERVER__FRONT", "0.0.0.0:8080"), "server.front must be 127.0.0.1");
    is_refused(demo_command(&other), "--app must be 127.0.0.1 with a port, not 0.0.0.0:9000");
    is_refused(demo_command(&[front.clone(), other[2].clone(), other[1].clone()]), "--app needs a port");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let addresses = free_addresses();
    let by = ["GRANTOR_SERVER__FRONT and GRANTOR_ISSUER", "--app", "--api"];
    for (address, by) in addresses.iter().zip(by) {
        let _taken = TcpListener::bind(address).expect("a listener");
        let port = address.rsplit(':').next().expect("a port");
        is_refused(demo_command(&addresses), &format!("port {port} is in use"));
        is_refused(demo_command(&addresses), &format!("choose another by {by}\n"));
    }
    let [front, app, _] = &addresses;
    is_refused(demo_command(&[front.clone(), app.clone(), app.clone()]), "choose another by --api\n");
}

/// A binary that was installed by itself has no examples beside it.
#[test]
fn without_its_examples_it_says_how_to_get_them() {
    let scratch = Scratch::new();
    let alone = scratch.join("grantor");
    std::fs::copy(env!("CARGO_BIN_EXE_grantor"), &alone).expect("a copy");
    let mut command = Command::new(&alone);
    command.arg("demo");
    is_refused(command, "It comes with the source: run `make demo` there");
}
