//! Real processes: what a `kill -9` cannot undo, a stop that lets requests end, and a server
//! with a Postgres of its own.

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    ADA, App, Node, OwnPostgres, START, Scratch, TestClient, database, eventually, furnish, told,
};

/// A server in a process of its own, over this database, and the means to drive it.
fn node(url: &str) -> (Node, App) {
    let node = Node::start(&[
        ("GRANTOR_DATABASE__URL", url),
        ("GRANTOR_PASSWORDS__MEMORY_KIB", "256"),
        ("GRANTOR_PASSWORDS__ITERATIONS", "1"),
    ]);
    let app = App::driving(&node.address, url);
    (node, app)
}

/// V10, U14: what was answered is on disk, with its event.
#[tokio::test]
async fn what_was_acknowledged_outlives_the_kill_of_its_server() {
    let postgres = OwnPostgres::start();
    let (mut server, mut app) = node(&postgres.url());
    let (client, api) = (app.web_client(), app.resource_server());
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let cookies = browser.cookies.clone();
    let code = client.code_from(&mut browser, "orders:read").await;
    server.kill();
    for kind in ["user.signed_in", "grant.given", "code.issued"] {
        assert_eq!(told(&app.db, kind).len(), 1, "{kind}");
    }

    // The session and the consent are there, and the code still works.
    (server, app) = node(&postgres.url());
    let mut browser = app.browser();
    browser.cookies = cookies;
    let page = browser.get(&client.authorize_path(&[])).await;
    assert!(page.returned("code").is_some(), "remembered: {}", page.body);
    let tokens = client.redeem(&app, &code).await;
    server.kill();
    assert_eq!(told(&app.db, "code.redeemed").len(), 1);

    (server, app) = node(&postgres.url());
    assert!(app.is_active(&api, &tokens.text("access_token")).await);
    let next = client.refresh(&app, &tokens.text("refresh_token")).await;
    next.is_ok();
    server.kill();

    (server, app) = node(&postgres.url());
    let again = client.refresh(&app, &tokens.text("refresh_token")).await;
    assert_eq!(again.body, next.body, "a reply that the kill may have swallowed");
    assert!(app.is_active(&api, &next.text("access_token")).await);
    client.revoke(&app, &next.text("refresh_token")).await.is_ok();
    server.kill();
    assert_eq!(told(&app.db, "family.revoked").len(), 1);

    let (_server, app) = node(&postgres.url());
    for pair in [&tokens, &next] {
        assert!(!app.is_active(&api, &pair.text("access_token")).await);
    }
    let over = client.refresh(&app, &next.text("refresh_token")).await;
    over.is_error(400, "invalid_grant");
}

/// "Nothing acknowledged is lost", with many requests under way when the server dies.
#[tokio::test]
async fn a_server_killed_amid_many_requests_has_lost_none_that_it_answered() {
    let postgres = OwnPostgres::start();
    let (mut server, app) = node(&postgres.url());
    let client = app.web_client();
    let issued = std::sync::Mutex::new(Vec::new());
    let ask = async || {
        while let Some(token) = try_own_token(&app, &client).await {
            issued.lock().expect("a list").push(token);
        }
    };
    let kill = async {
        eventually("busy", || async { issued.lock().expect("a list").len() > 40 }).await;
        server.kill();
    };
    tokio::join!(join_all((0..8).map(|_| ask())), kill);
    let (_server, app) = node(&postgres.url());
    let api = app.resource_server();
    for token in issued.into_inner().expect("a list") {
        assert!(app.is_active(&api, &token).await, "an acknowledged token is lost");
    }
}

/// A token, unless the server is gone.
async fn try_own_token(app: &App, client: &TestClient) -> Option<String> {
    let request = app
        .http
        .post(format!("{}/oauth/token", app.address))
        .basic_auth(&client.id, client.secret.as_deref())
        .form(&[("grant_type", "client_credentials"), ("scope", "orders:read")]);
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let body = response.text().await.ok()?;
    assert_eq!(status, 200, "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    body["access_token"].as_str().map(str::to_owned)
}

/// SIGTERM: whoever asks is told first, and all is served until then; no connection outlives its answer.
#[tokio::test]
async fn a_stop_gives_notice_before_the_door_is_closed() {
    let database = database();
    let mut server = Node::start(&[
        ("GRANTOR_DATABASE__URL", &database.url),
        // More than it takes here: a second signal cuts it short.
        ("GRANTOR_SERVER__NOTICE_S", "60"),
    ]);
    let app = App::driving(&server.address, &database.url);
    let client = app.web_client();
    let kept = app.get("/readyz").await;
    assert_eq!((kept.status, kept.header("connection").as_str()), (200, ""));

    server.ask_to_end();
    eventually("no longer ready", || async { app.get("/readyz").await.status == 503 }).await;
    for _ in 0..3 {
        let token = client.own_token(&app, "orders:read").await;
        token.is_ok();
        assert_eq!(token.header("connection"), "close");
    }
    assert_eq!(app.get("/livez").await.status, 200);
    server.ask_to_end();
    assert_eq!(server.end().code(), Some(0));
}

/// SIGTERM: no new connections, an answer to what is under way, and exit status 0.
#[tokio::test]
async fn a_stop_lets_requests_under_way_end_and_exits_with_0() {
    let postgres = OwnPostgres::start();
    let (mut server, app) = node(&postgres.url());
    let client = app.web_client();
    client.own_token(&app, "orders:read").await.is_ok();
    let at = server.address.trim_start_matches("http://").to_owned();
    let secret = client.secret.as_deref().expect("a secret");
    let body = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", client.id);
    let (early, late) = body.split_at(10);
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: {at}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut under_way = TcpStream::connect(&at).await.expect("a connection");
    under_way.write_all(head.as_bytes()).await.expect("a head");
    // The interim answer says that the server has the request.
    let mut interim = [0; 25];
    under_way.read_exact(&mut interim).await.expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    under_way.write_all(early.as_bytes()).await.expect("half a body");

    server.ask_to_end();
    eventually("closed to others", || async { TcpStream::connect(&at).await.is_err() }).await;
    under_way.write_all(late.as_bytes()).await.expect("the rest of the body");
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let json = answer.split("\r\n\r\n").nth(1).expect("a body");
    let token: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let token = token["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(server.end().code(), Some(0));

    let (_server, app) = node(&postgres.url());
    let api = app.resource_server();
    assert!(app.is_active(&api, &token).await);
}

/// `grantor serve` alone, on a Postgres of its own: killed without warning, and started again.
#[tokio::test]
async fn a_killed_server_finds_everything_again_in_its_own_postgres() {
    let dir = Scratch::new();
    let data_dir = dir.path().to_str().expect("a path that is text").to_owned();
    let url = format!("postgresql:///grantor?host={data_dir}/run&user=grantor");
    let serve = || Node::start(&[("GRANTOR_DATABASE__DATA_DIR", &data_dir)]);
    let mut first = serve();
    let app = App::driving(&first.address, &url);
    app.make_partitions(START.date_naive());
    furnish(&url);
    let (client, api) = (app.web_client(), app.resource_server());
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    assert!(app.is_active(&api, &tokens.text("access_token")).await);
    first.kill();

    let mut second = serve();
    let app = App::driving(&second.address, &url);
    assert!(app.is_active(&api, &tokens.text("access_token")).await);
    let next = client.refresh(&app, &tokens.text("refresh_token")).await;
    next.is_ok();
    assert_eq!(second.terminate().code(), Some(0));

    // It took its Postgres with it: nobody is left at the socket, and a third start is like the others.
    assert!(grantor::platform::db::connect(&url).is_err());
    let mut third = serve();
    let app = App::driving(&third.address, &url);
    assert!(app.is_active(&api, &next.text("access_token")).await);
    assert_eq!(third.terminate().code(), Some(0));
}

/// A pipe holds 64 KiB. Whoever reads the log may stop for a while: no request waits for it, and no line is missing.
#[tokio::test]
async fn a_log_that_nobody_reads_holds_no_request_up() {
    const REQUESTS: usize = 1500;
    let postgres = OwnPostgres::start();
    let (mut server, app) = node(&postgres.url());
    server.listen(false);
    let asked = async {
        for _ in 0..REQUESTS {
            assert_eq!(app.get("/livez").await.status, 200);
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), asked).await.expect("answers");
    server.listen(true);
    let log = server.whole_log();
    let lines = log.iter().filter(|line| line.contains("GET /livez 200"));
    assert_eq!(lines.clone().count(), REQUESTS);
    assert!(lines.map(String::len).sum::<usize>() > 2 * 64 * 1024, "more than a pipe holds");
}
