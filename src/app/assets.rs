//! The stylesheet and the marks, inside the binary.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::kernel::SecretHash;
use crate::platform::faces::only;

struct Asset {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 3] = [
    Asset {
        path: "/static/grantor.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/grantor.css"),
    },
    Asset { path: "/static/logo.svg", kind: "image/svg+xml", bytes: include_bytes!("../../static/logo.svg") },
    Asset {
        path: "/static/favicon.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../static/favicon.svg"),
    },
];

/// Adds a route an asset.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    for asset in &ASSETS {
        let tag = etag(asset.bytes);
        let get = web::get().to(move |request: HttpRequest| {
            let answer = serve(asset, &tag, &request);
            async move { answer }
        });
        config.service(web::resource(asset.path).route(get).default_service(only("GET, HEAD")));
    }
}

fn etag(bytes: &[u8]) -> String {
    let digest = SecretHash::of(&String::from_utf8_lossy(bytes));
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest.as_bytes()))
}

fn serve(asset: &Asset, tag: &str, request: &HttpRequest) -> HttpResponse {
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "public, max-age=3600"));
    if known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, asset.kind)).body(asset.bytes)
}
