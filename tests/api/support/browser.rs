//! A browser: keeps cookies, sends Origin with its forms, follows our own redirects but not the app's.

use std::collections::BTreeMap;

use super::html::{Form, forms};
use super::{Answer, App, PASSWORD, Person};

pub struct Browser<'a> {
    app: &'a App,
    pub cookies: BTreeMap<String, String>,
    pub ip: String,
    pub user_agent: &'static str,
}

/// What a browser shows: an answer, and where it came from.
#[derive(Debug)]
pub struct Page {
    pub path: String,
    pub answer: Answer,
    pub body: String,
    pub status: u16,
}

impl Page {
    fn new(path: &str, answer: Answer) -> Self {
        Self { path: path.to_owned(), body: answer.body.clone(), status: answer.status, answer }
    }

    /// Where the answer sends the browser; empty if nowhere.
    pub fn location(&self) -> String {
        self.answer.header("location")
    }

    /// A parameter of the redirect to the app.
    pub fn returned(&self, name: &str) -> Option<String> {
        let location = url::Url::parse(&self.location()).ok()?;
        let found = location.query_pairs().find(|(own, _)| own == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// The forms on the page.
    pub fn forms(&self) -> Vec<Form> {
        forms(&self.body)
    }

    /// The form that posts to this path.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        let found = self.forms().into_iter().find(|form| form.action == action);
        found.unwrap_or_else(|| {
            panic!("no form to {action} on {} ({}): {}", self.path, self.status, self.body)
        })
    }

    /// Whether this is the consent page.
    pub fn is_consent(&self) -> bool {
        self.forms().iter().any(|form| form.action == "/oauth/consent")
    }

    /// Whether this is the sign-in page.
    pub fn is_login(&self) -> bool {
        self.forms().iter().any(|form| form.action == "/login")
    }

    /// Asserts an error page of ours, with no redirect.
    #[track_caller]
    pub fn is_error_page(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.location(), "");
        assert!(self.answer.header("content-type").starts_with("text/html"), "{:?}", self.answer.headers);
    }
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a App) -> Self {
        Self { app, cookies: BTreeMap::new(), ip: "198.51.100.7".into(), user_agent: "Test browser" }
    }

    /// GET a path and follow our own redirects.
    pub async fn get(&mut self, path: &str) -> Page {
        let page = self.get_once(path).await;
        self.follow(page).await
    }

    /// GET a path, and no further.
    pub async fn get_once(&mut self, path: &str) -> Page {
        let request = self.app.http.get(format!("{}{path}", self.app.address));
        self.send(path, request).await
    }

    /// POST a form and follow our own redirects.
    pub async fn post(&mut self, path: &str, form: &[(String, String)]) -> Page {
        let page = self.post_once(path, form).await;
        self.follow(page).await
    }

    /// POST a form, and no further.
    pub async fn post_once(&mut self, path: &str, form: &[(String, String)]) -> Page {
        let app = self.app;
        self.post_as(path, form, Some(&app.settings.issuer)).await
    }

    /// POST a form with this Origin.
    pub async fn post_as(&mut self, path: &str, form: &[(String, String)], origin: Option<&str>) -> Page {
        let mut request = self.app.http.post(format!("{}{path}", self.app.address)).form(form);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        self.send(path, request).await
    }

    /// Submits a form found on a page, with these fields filled in or changed.
    pub async fn submit(&mut self, form: &Form, fields: &[(&str, &str)]) -> Page {
        self.post(&form.action, &form.filled(fields)).await
    }

    /// Signs somebody in, from the plain sign-in page.
    pub async fn sign_in(&mut self, person: Person) {
        let page = self.get("/login").await;
        let page = self.log_in_on(&page, person).await;
        assert_eq!(page.path, "/account/apps", "{}", page.body);
    }

    /// Fills in the sign-in form of a page.
    pub async fn log_in_on(&mut self, page: &Page, person: Person) -> Page {
        let form = page.form("/login");
        self.submit(&form, &[("identifier", person.identifier), ("password", PASSWORD)]).await
    }

    /// Presses "allow", with everything ticked as the page has it; a page that is no consent page is returned
    /// as it is.
    pub async fn allow(&mut self, page: Page) -> Page {
        if !page.is_consent() {
            return page;
        }
        let form = page.form("/oauth/consent");
        self.submit(&form, &[("answer", "allow")]).await
    }

    /// Presses "deny".
    pub async fn deny(&mut self, page: &Page) -> Page {
        let form = page.form("/oauth/consent");
        self.submit(&form, &[("answer", "deny")]).await
    }

    async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..8 {
            let location = page.location();
            if !(300..400).contains(&page.status) || !location.starts_with('/') {
                return page;
            }
            page = self.get_once(&location).await;
        }
        panic!("redirected for ever: {}", page.path);
    }

    async fn send(&mut self, path: &str, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("x-forwarded-for", &self.ip).header("user-agent", self.user_agent);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let text = cookie.to_str().expect("a cookie that is text");
            let (pair, _) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Page::new(path, answer)
    }
}
