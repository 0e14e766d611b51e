//! Parcel's pages: no script, one stylesheet, and nothing of a stranger's that is not escaped.

use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;

use super::{Order, SCOPES, Tokens};

pub const STYLE: &str = include_str!("parcel.css");

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
    let body = "<p>Parcel sends your orders where you are. It can read them, and place new ones for you, if you \
                allow it. You decide that at Grantor, and Parcel never sees your password.</p>\n\
                <form method=\"post\" action=\"/connect\"><button>Connect with Grantor</button></form>";
    page(StatusCode::OK, "Your orders, anywhere", notice, body)
}

/// The page of one that is: what Parcel holds, and what it can do with that.
pub fn connected(tokens: &Tokens, notice: Option<&str>, orders: Option<&[Order]>) -> HttpResponse {
    let body = [orders.map(list).unwrap_or_default(), held(tokens), ACTS.to_owned()].concat();
    page(StatusCode::OK, "Parcel is connected", notice, &body)
}

/// What came is not from where it should be, so nothing was done.
pub fn trouble(status: StatusCode, words: &str) -> HttpResponse {
    page(status, "That did not work", Some(words), "<p><a href=\"/\">To the start</a></p>")
}

const ACTS: &str = r#"
<h2>What Parcel can do</h2>
<form method="get" action="/orders"><button>Look at my orders</button></form>
<form method="post" action="/orders">
<label for="item">Something to order</label>
<div class="row"><input id="item" name="item" value="A roll of stamps" maxlength="80" required>
<button>Place an order</button></div>
</form>
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
    let seconds = tokens.ends.saturating_duration_since(Instant::now()).as_secs();
    let refresh = if tokens.refresh.is_some() { "yes, for when the access token ends" } else { "none" };
    format!(
        "<h2>What Parcel holds</h2>\n<dl>\n<dt>What you allowed</dt><dd><ul>{scopes}</ul></dd>\n\
         <dt>Access token</dt><dd><code>{}…</code>, {seconds} seconds left</dd>\n\
         <dt>Refresh token</dt><dd>{refresh}</dd>\n</dl>\n",
        escape(&start)
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
