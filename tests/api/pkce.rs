//! Proof key for code exchange: S256, for every client (checks group P).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::support::{ADA, App, Browser, Page, TestClient, pkce};

async fn ask(browser: &mut Browser<'_>, client: &TestClient, changes: &[(&str, &str)]) -> Page {
    browser.get(&client.authorize_path(changes)).await
}

/// P01, P02, P03, P04, P05, A08
#[tokio::test]
async fn every_client_must_bring_a_challenge_by_s256_rfc9700_2_1_1() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let long = "x".repeat(44);
    for client in [app.web_client(), app.public_client()] {
        assert!(ask(&mut browser, &client, &[]).await.is_consent());
        for changes in [
            vec![("code_challenge", "")],
            vec![("code_challenge", ""), ("code_challenge_method", "")],
            vec![("code_challenge_method", "plain")],
            // RFC 7636 §4.3: without a method `plain` is meant.
            vec![("code_challenge_method", "")],
            vec![("code_challenge_method", "s256")],
            vec![("code_challenge_method", "S512")],
            // RFC 7636 §4.2: 32 bytes in base64url without padding.
            vec![("code_challenge", "short")],
            vec![("code_challenge", long.as_str())],
            vec![("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")],
            vec![("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=")],
        ] {
            let page = ask(&mut browser, &client, &changes).await;
            assert_eq!(page.target(), client.redirect_uri, "{changes:?}");
            page.is_refusal("invalid_request");
        }
        // Present, but empty: as if it were not there (RFC 6749 §3.1).
        let without = client.authorize_path(&[("code_challenge", "")]);
        let page = browser.get(&format!("{without}&code_challenge=")).await;
        page.is_refusal("invalid_request");
    }
}

/// P07, P08, P09
#[tokio::test]
async fn a_code_without_its_verifier_is_refused_and_used_up_rfc7636_4_6() {
    let app = App::start().await;
    let (verifier, challenge) = pkce();
    let (short, long) = ("x".repeat(42), "x".repeat(129));
    let off_by_one = format!("{}2", &verifier[..verifier.len() - 1]);
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    for client in [app.web_client(), app.public_client()] {
        let code = client.code_from(&mut browser, "orders:read").await;
        client.redeem_with(&app, &code, verifier).await.is_ok();
        for wrong in [
            "",
            "a-verifier-of-another-browser-altogether-12345",
            &off_by_one,
            &short,
            &long,
            &challenge,
            &format!("{verifier} "),
            &format!("{verifier}é"),
        ] {
            let code = client.code_from(&mut browser, "orders:read").await;
            let answer = client.redeem_with(&app, &code, wrong).await;
            answer.is_error(400, "invalid_grant");
            // Who holds a code without its verifier should not hold it: it is worth nothing any more.
            let answer = client.redeem_with(&app, &code, verifier).await;
            answer.is_error(400, "invalid_grant");
        }
    }
}

/// P08: a NUL is no text; such a form is not read at all, so the code is not touched.
#[tokio::test]
async fn a_verifier_with_a_null_byte_is_malformed_rfc7636_4_1() {
    let app = App::start().await;
    let client = app.web_client();
    let (verifier, _) = pkce();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    let code = client.code_from(&mut browser, "orders:read").await;
    client.redeem_with(&app, &code, &format!("{verifier}\0")).await.is_error(400, "invalid_request");
    client.redeem_with(&app, &code, verifier).await.is_ok();
}

/// P10: since no code exists without a challenge, none can be completed by a verifier of the attacker's own.
#[tokio::test]
async fn a_request_without_a_challenge_leads_to_no_code_rfc9700_4_8_2() {
    let app = App::start().await;
    let client = app.web_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    let stripped = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = ask(&mut browser, &client, &stripped).await;
    page.is_refusal("invalid_request");
    assert_eq!(page.returned("code"), None);
}

/// RFC 7636 §4.1 and its appendix B: the shortest, the longest and the published verifier, `.` and `~` too.
#[tokio::test]
async fn every_verifier_of_the_grammar_is_accepted_rfc7636_4_1() {
    let app = App::start().await;
    let client = app.public_client();
    let mut browser = app.browser();
    browser.sign_in(ADA).await;
    client.code_from(&mut browser, "orders:read").await;
    let s256 = |verifier: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let published = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(s256(published), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    for verifier in [published, &"x".repeat(43), &"A.b_c~9-".repeat(16)] {
        let challenge = s256(verifier);
        let page = ask(&mut browser, &client, &[("code_challenge", &challenge)]).await;
        let code = page.returned("code").expect("a code");
        client.redeem_with(&app, &code, verifier).await.is_ok();
    }
}
