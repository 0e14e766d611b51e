//! Parcel's pages: no script, one stylesheet, and nothing of a stranger's that is not escaped.

use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, HeaderValue, REFERRER_POLICY};

use super::tokens::Tokens;
use super::{Order, SCOPES};

/// The one stylesheet.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css").body(include_str!("parcel.css"))
}

/// What stands on the pages may come from here only, and a form lead to nobody but us and Grantor, to which
/// ours goes on. (Chromium asks this of redirects, too.)
pub fn policy(issuer: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' {issuer}"
    )
}

/// The page of a browser that is not connected.
pub fn start(notice: Option<&str>) -> HttpResponse {
    let body = "<p>Parcel shows your orders wherever you are. It can read them, and place new ones for you, if you \
                allow it. You decide that at Grantor, and Parcel never sees your password.</p>\n\
                <form method=\"post\" action=\"/connect\"><button>Connect with Grantor</button></form>";
    page(StatusCode::OK, "Your orders, anywhere", notice, body)
}

/// The page of one that is: what Parcel holds, and what it can do with that.
pub fn connected(tokens: &Tokens, notice: Option<&str>, orders: Option<&[Order]>) -> HttpResponse {
    let body =
        [orders.map(list).unwrap_or_default(), held(tokens), lacking(tokens), ACTS.to_owned()].concat();
    page(StatusCode::OK, "Parcel is connected", notice, &body)
}

/// What came is not from where it should be, so nothing was done. Its address may hold a code, and tells nobody.
pub fn trouble(status: StatusCode, words: &str) -> HttpResponse {
    alone(status, "That did not work", words)
}

/// The page of every address that leads nowhere.
pub async fn nothing_here() -> HttpResponse {
    alone(StatusCode::NOT_FOUND, "There is no such page", "Parcel has nothing at this address.")
}

fn alone(status: StatusCode, title: &str, words: &str) -> HttpResponse {
    let mut page = page(status, title, Some(words), "<p><a href=\"/\">To the start</a></p>");
    page.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    page
}

const ACTS: &str = r#"
<h2>What Parcel can do</h2>
<p><a class="button" href="/orders">Look at my orders</a></p>
<form method="post" action="/orders">
<label for="item">Something to order</label>
<div class="row"><input id="item" name="item" value="A roll of stamps" maxlength="80" required>
<button>Place an order</button></div>
</form>
<h2>The connection</h2>
<div class="row">
<form method="post" action="/refresh"><button class="quiet">Refresh</button></form>
<form method="post" action="/disconnect"><button class="quiet">Disconnect</button></form>
</div>
"#;

/// The first characters of a token (its kind, its day, and a little more) show that it is another than before.
fn held(tokens: &Tokens) -> String {
    let words = |scope: &String| SCOPES.iter().find(|(known, _)| known == scope).map(|(_, words)| *words);
    let scope = |scope: &String| {
        format!("<li>{} (<code>{}</code>)</li>", words(scope).unwrap_or("Something else"), escape(scope))
    };
    let scopes: String = tokens.scopes.iter().map(scope).collect();
    let start: String = tokens.access.secret().chars().take(12).collect();
    let left =
        |ends: Instant| format!("{} seconds left", ends.saturating_duration_since(Instant::now()).as_secs());
    let left = tokens.ends.map_or_else(|| "for as long as it is good".to_owned(), left);
    let refresh = if tokens.refresh.is_some() { "yes, for when the access token ends" } else { "none" };
    format!(
        "<h2>What Parcel holds</h2>\n<dl>\n<dt>What you allowed</dt><dd><ul>{scopes}</ul></dd>\n\
         <dt>Access token</dt><dd><code>{}…</code>, {left}</dd>\n\
         <dt>Refresh token</dt><dd>{refresh}</dd>\n</dl>\n",
        escape(&start)
    )
}

/// What Parcel would like to do, but may not; and how to change that.
fn lacking(tokens: &Tokens) -> String {
    let lacks = |scope: &str| tokens.scopes.iter().all(|held| held != scope);
    let lacking: Vec<&str> =
        SCOPES.iter().filter(|(scope, _)| lacks(scope)).map(|(_, words)| *words).collect();
    if lacking.is_empty() {
        return String::new();
    }
    format!(
        "<p>Parcel may not: {}.</p>\n<form method=\"post\" action=\"/connect\">\
         <button class=\"quiet\">Ask for this again</button></form>\n",
        lacking.join(", ")
    )
}

fn list(orders: &[Order]) -> String {
    let order = |order: &Order| format!("<li value=\"{}\">{}</li>", order.number, escape(&order.item));
    let orders: String = orders.iter().map(order).collect();
    format!("<h2>Your orders</h2>\n<ol>{orders}</ol>\n")
}

fn page(status: StatusCode, title: &str, notice: Option<&str>, body: &str) -> HttpResponse {
    let notice = notice.map(|words| format!("<p class=\"note\" role=\"status\">{}</p>\n", escape(words)));
    HttpResponse::build(status).insert_header(ContentType::html()).body(format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Parcel</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/parcel.css">
</head>
<body>
<header><p>Parcel</p></header>
<main>
<h1>{title}</h1>
{}{body}
</main>
<footer><p>Parcel, by Parcel Ltd, is an example of an app that is not Grantor’s.</p></footer>
</body>
</html>
"#,
        notice.unwrap_or_default()
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
