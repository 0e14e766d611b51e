//! A site of somebody else's, in this process: an app's own pages, or a villain's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use url::Url;

/// Where the apps of these tests have people return to.
const CALLBACK: &str = "/callback";

pub struct Elsewhere {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<BTreeMap<String, String>>,
    heard: Mutex<Vec<Url>>,
}

impl Elsewhere {
    /// Opens the site at a free port. It ends with the test's runtime.
    pub fn open() -> Self {
        let shared = Arc::new(Shared::default());
        let own = web::Data::from(Arc::clone(&shared));
        let server =
            HttpServer::new(move || App::new().app_data(own.clone()).default_service(web::to(answer)));
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").expect("a port");
        let port = server.addrs().first().expect("its address").port();
        tokio::spawn(server.run());
        let site = Self { port, shared };
        site.show(CALLBACK, "<h1>You are back in the shop</h1>");
        site
    }

    /// The site under another host's name than our server's: another site to the browser, cookies and all.
    pub fn far(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The site under our server's own host, but another port: another origin, of the same site.
    pub fn near(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where an app that lives here has people return to.
    pub fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.far())
    }

    /// Puts up a page.
    pub fn show(&self, path: &str, main: &str) {
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <link rel=\"icon\" href=\"data:,\"><title>Elsewhere</title><main>{main}</main></html>"
        );
        self.shared.pages.lock().expect("the pages").insert(path.to_owned(), page);
    }

    /// Every request that came, in order.
    pub fn heard(&self) -> Vec<Url> {
        self.shared.heard.lock().expect("what was heard").clone()
    }

    /// What the app was told last, when its person returned.
    #[track_caller]
    pub fn told(&self) -> BTreeMap<String, String> {
        let heard = self.heard();
        let last = heard.iter().rfind(|url| url.path() == CALLBACK).expect("somebody returned");
        last.query_pairs().into_owned().collect()
    }
}

async fn answer(site: web::Data<Shared>, request: HttpRequest) -> HttpResponse {
    let url = Url::parse(&format!("http://elsewhere{}", request.uri())).expect("an address");
    let page = site.pages.lock().expect("the pages").get(url.path()).cloned();
    site.heard.lock().expect("what was heard").push(url);
    match page {
        Some(page) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page),
        None => HttpResponse::NotFound().finish(),
    }
}
