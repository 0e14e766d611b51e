//! The token endpoint's own manners (RFC 6749 §3.2, §5); what holds for every machine's endpoint is asked of
//! all of them.

use serde_json::json;

use crate::support::{Answer, App, MACHINE_ENDPOINTS, TestClient};

const FORM: &str = "application/x-www-form-urlencoded";
const NOT_A_FORM: &str = "the body must be application/x-www-form-urlencoded in UTF-8";

/// Every parameter that one of the endpoints knows, and one that none does.
const PARAMETERS: [&str; 12] = [
    "grant_type",
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "scope",
    "state",
    "token",
    "token_type_hint",
    "unheard_of",
];

/// What no parameter may hold: NUL, and what is not UTF-8 (overlong, a lone surrogate).
const BAD: [&[u8]; 7] = [b"%00", b"a%00b", b"\0", b"%ff", b"\xff\xfe", b"%c0%80", b"%ed%a0%80"];

/// POST as the client, with a body of some type.
async fn typed(app: &App, client: &TestClient, path: &str, kind: Option<&str>, body: &str) -> Answer {
    let request =
        app.request("POST", path).basic_auth(&client.id, client.secret.as_deref()).body(body.to_owned());
    Answer::to(match kind {
        Some(kind) => request.header("content-type", kind),
        None => request,
    })
    .await
}

/// T13, I05
#[tokio::test]
async fn only_post_is_answered_rfc6749_3_2() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, field) in MACHINE_ENDPOINTS {
        app.post(path, &[field], Some(&client)).await.is_ok();
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "BREW"] {
            let query = format!("{path}?{}={}", field.0, field.1);
            let request = app.request(method, &query).basic_auth(&client.id, client.secret.as_deref());
            let answer = Answer::to(request).await;
            assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{method} {path}");
            assert!(answer.header("allow").starts_with("POST"));
        }
    }
}

/// T14
#[tokio::test]
async fn only_a_form_is_read_rfc6749_3_2() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, (name, value)) in MACHINE_ENDPOINTS {
        let form = format!("{name}={value}");
        let json = json!({ name: value }).to_string();
        let multipart =
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n");
        typed(&app, &client, path, Some(FORM), &form).await.is_ok();
        for (kind, body) in [
            (Some("application/json"), &json),
            (Some("text/plain"), &form),
            (Some("multipart/form-data; boundary=b"), &multipart),
            (Some("application/x-www-form-urlencodedx"), &form),
            (Some("application/x-www-form-urlencoded; charset=utf-16"), &form),
            (Some(""), &form),
            (None, &form),
        ] {
            let answer = typed(&app, &client, path, kind, body).await;
            answer.is_refusal(400, "invalid_request", NOT_A_FORM);
        }
    }
}

/// T15
#[tokio::test]
async fn a_form_may_say_that_it_is_utf8() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, (name, value)) in MACHINE_ENDPOINTS {
        for kind in [
            "application/x-www-form-urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded;charset=utf-8",
            "application/x-www-form-urlencoded; charset=\"utf-8\"",
            "Application/X-WWW-Form-URLEncoded",
            "application/x-www-form-urlencoded; unheard=of",
        ] {
            let answer = typed(&app, &client, path, Some(kind), &format!("{name}={value}")).await;
            assert_eq!(answer.status, 200, "{path} {kind}: {}", answer.body);
        }
    }
}

/// T16: with the same value, with another, and with none; also what nobody knows.
#[tokio::test]
async fn a_parameter_may_not_be_repeated_rfc6749_3_2() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, (own, value)) in MACHINE_ENDPOINTS {
        app.post(path, &[(own, value)], Some(&client)).await.is_ok();
        for name in PARAMETERS {
            // Names that no request has are a stranger's words, which are not repeated.
            let quoted =
                if name == "unheard_of" { "a parameter".to_owned() } else { format!("the parameter {name}") };
            for second in ["x", "y", ""] {
                let twice = [(own, value), (name, "x"), (name, second)];
                let twice = &twice[usize::from(name == own)..];
                let answer = app.post(path, twice, Some(&client)).await;
                let words = format!("{quoted} must not be repeated");
                answer.is_refusal(400, "invalid_request", &words);
            }
        }
    }
}

/// RFC 6749 §3.2: "Parameters sent without a value MUST be treated as if they were omitted"
#[tokio::test]
async fn an_empty_parameter_is_an_omitted_one_rfc6749_3_2() {
    let app = App::start().await;
    let client = app.machine_client();
    let grant = ("grant_type", "client_credentials");
    let form = [grant, ("scope", ""), ("client_id", ""), ("client_secret", ""), ("code", "")];
    let answer = app.token(&client, &form).await;
    answer.is_ok();
    assert_eq!(answer.text("scope"), "orders:read orders:write people:read");
    for (path, (required, _)) in MACHINE_ENDPOINTS {
        for form in [vec![], vec![(required, "")]] {
            let answer = app.post(path, &form, Some(&client)).await;
            let words = format!("the parameter {required} is required");
            answer.is_refusal(400, "invalid_request", &words);
        }
    }
    for (grant, required) in [("authorization_code", "code"), ("refresh_token", "refresh_token")] {
        let form = [("grant_type", grant), (required, "")];
        let words = format!("the parameter {required} is required");
        app.token(&client, &form).await.is_refusal(400, "invalid_request", &words);
    }
}

/// RFC 6749 §3.2: "The authorization server MUST ignore unrecognized request parameters."
#[tokio::test]
async fn an_unknown_parameter_is_ignored_rfc6749_3_2() {
    let app = App::start().await;
    let client = app.machine_client();
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (path, field) in MACHINE_ENDPOINTS {
        let form = [field, ("unheard_of", "x"), ("authorization_details", &nested), ("<b>", "1")];
        app.post(path, &form, Some(&client)).await.is_ok();
    }
}

#[tokio::test]
async fn an_unknown_grant_type_is_unsupported_and_a_known_one_needs_registration_rfc6749_5_2() {
    let app = App::start().await;
    let (client, machine) = (app.web_client(), app.resource_server());
    client.own_token(&app, "").await.is_ok();
    for grant in [
        "password",
        "implicit",
        "Client_Credentials",
        "client_credentials ",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
        "<script>alert(1)</script>",
    ] {
        let answer = app.token(&client, &[("grant_type", grant)]).await;
        answer.is_refusal(400, "unsupported_grant_type", "this grant type is not supported");
    }
    for form in [
        [("grant_type", "authorization_code"), ("code", "x")],
        [("grant_type", "refresh_token"), ("refresh_token", "x")],
    ] {
        let answer = app.token(&machine, &form).await;
        let words = "this client is not registered for this grant";
        answer.is_refusal(400, "unauthorized_client", words);
    }
}

/// RFC 6749 §3.3: one word at least; refused before the refresh token is touched.
#[tokio::test]
async fn a_blank_scope_is_malformed_and_costs_nothing_rfc6749_3_3() {
    let app = App::start().await;
    let client = app.web_client();
    let refresh = client.tokens_of_ada(&app, "orders:read").await.text("refresh_token");
    let form =
        |scope| [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("scope", scope)];
    for malformed in [" ", "   ", "\t", "orders:read\"", "é"] {
        let answer = app.token(&client, &form(malformed)).await;
        answer.is_refusal(400, "invalid_scope", "the scope is malformed");
    }
    app.token(&client, &form("orders:read")).await.is_ok();
}

/// C09, F10: nothing that is no code or refresh token is taken for one.
#[tokio::test]
async fn an_odd_code_or_refresh_token_is_an_invalid_grant_rfc6749_5_2() {
    let app = App::start().await;
    let client = app.web_client();
    let tokens = client.tokens_of_ada(&app, "orders:read").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let odd = [
        "x".to_owned(),
        "x".repeat(10_240),
        "🦀".repeat(40),
        "' OR 1=1 --".into(),
        access,
        client.secret.clone().expect("a secret"),
        refresh.to_uppercase(),
        format!("{refresh} "),
        refresh[..39].to_owned(),
    ];
    for value in &odd {
        let code = client.redeem(&app, value).await;
        assert_eq!((code.status, code.error()), (400, "invalid_grant".into()), "{value}");
        let refreshed = client.refresh(&app, value).await;
        let words = "the refresh token is invalid, expired, used, or was issued to another client";
        refreshed.is_refusal(400, "invalid_grant", words);
    }
    client.redeem(&app, &refresh).await.is_error(400, "invalid_grant");
    client.refresh(&app, &refresh).await.is_ok();
}

/// T18, U06: whatever the answer, and whatever the caller would like of it.
#[tokio::test]
async fn no_answer_with_a_token_may_be_stored_rfc6749_5_1() {
    let app = App::start().await;
    let client = app.web_client();
    let machine = ("grant_type", "client_credentials");
    let code = {
        let mut browser = app.browser();
        browser.sign_in(crate::support::ADA).await;
        client.code_from(&mut browser, "orders:read").await
    };
    let by_code = client.redeem(&app, &code).await;
    let by_refresh = client.refresh(&app, &by_code.text("refresh_token")).await;
    let again = client.refresh(&app, &by_code.text("refresh_token")).await;
    let own = app.token(&client, &[machine]).await;
    let wishful = app
        .request("POST", "/oauth/token")
        .basic_auth(&client.id, client.secret.as_deref())
        .header("accept", "text/html, image/*;q=0.1")
        .header("range", "bytes=0-3")
        .header("if-none-match", "*")
        .header("cookie", "__Host-grantor=x")
        .form(&[machine]);
    let wishful = Answer::to(wishful).await;
    for answer in [by_code, by_refresh, again, own, wishful] {
        answer.is_ok();
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("pragma", "no-cache"),
            ("vary", "Origin"),
            ("set-cookie", ""),
            ("etag", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert_eq!(answer.text("token_type"), "Bearer");
        assert_eq!(answer.json()["expires_in"], json!(600));
    }
}

/// T31: the limit to the byte, and no parsing beyond a sane number of parameters.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let app = App::start().await;
    let client = app.machine_client();
    let limit = app.settings.server.body_limit;
    for (path, (name, value)) in MACHINE_ENDPOINTS {
        let padded = |size: usize| {
            let head = format!("{name}={value}&pad=");
            let padding = "x".repeat(size - head.len());
            format!("{head}{padding}").into_bytes()
        };
        app.post_bytes(path, &padded(limit), Some(&client)).await.is_ok();
        let too_many = format!("{name}={value}{}", "&a=1".repeat(10_000)).into_bytes();
        let repeated = format!("{name}={value}{}", "&resource=https://orders.test".repeat(500)).into_bytes();
        for body in [padded(limit + 1), padded(1_000_000), too_many, repeated] {
            let answer = app.post_bytes(path, &body, Some(&client)).await;
            answer.is_refusal(413, "invalid_request", "the request body is too large");
        }
        app.post(path, &[(name, value)], Some(&client)).await.is_ok();
    }
}

/// U03, C09: in every value and every name, before anything looks at it.
#[tokio::test]
async fn what_is_not_text_is_refused() {
    let app = App::start().await;
    let client = app.machine_client();
    for (path, (own, value)) in MACHINE_ENDPOINTS {
        let field = format!("{own}={value}&").into_bytes();
        app.post_bytes(path, &[&field, b"unheard_of=%C3%A9%F0%9F%A6%80".as_slice()].concat(), Some(&client))
            .await
            .is_ok();
        for bad in BAD {
            let mut bodies: Vec<Vec<u8>> =
                PARAMETERS.iter().map(|name| [name.as_bytes(), b"=", bad].concat()).collect();
            bodies.push([bad, b"=x"].concat());
            for body in bodies {
                let body = [&field[..], &body].concat();
                let answer = app.post_bytes(path, &body, Some(&client)).await;
                answer.is_refusal(400, "invalid_request", "a parameter is malformed");
            }
            let query = String::from_utf8_lossy(bad).replace('\0', "%00");
            if query.is_ascii() {
                let path = format!("{path}?a={query}");
                let answer = app.post_bytes(&path, &field, Some(&client)).await;
                answer.is_refusal(400, "invalid_request", "a parameter is malformed");
            }
        }
    }
}

/// U05, U11: nothing a stranger writes comes back, so there is nothing to escape.
#[tokio::test]
async fn an_error_repeats_nothing_of_the_request() {
    let app = App::start().await;
    let client = app.machine_client();
    let markup = "<script>alert('grantor-test')</script>\r\n\u{1b}[31m\"";
    for (path, field) in MACHINE_ENDPOINTS {
        app.post(path, &[field], Some(&client)).await.is_ok();
        let forms = [
            vec![(markup, "1"), (markup, "2")],
            vec![("client_id", markup), field],
            vec![("grant_type", markup), ("token", markup)],
            vec![field, ("scope", markup)],
        ];
        for form in forms {
            for caller in [None, Some(&client)] {
                let answer = app.post(path, &form, caller).await;
                assert!(!answer.body.contains("grantor-test"), "{}", answer.body);
                let headers = format!("{:?}", answer.headers);
                assert!(!headers.contains("grantor-test"), "{headers}");
                if answer.status != 200 {
                    let words = answer.text("error_description");
                    let plain = |c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
                    assert!(words.chars().all(plain), "RFC 6749 §5.2: {words}");
                }
            }
        }
    }
}
