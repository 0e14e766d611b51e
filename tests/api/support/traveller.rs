//! A browser that goes from one server to another: it follows every redirect, and keeps cookies by host.

use std::collections::BTreeMap;

use url::Url;

use super::Answer;
use super::html::forms;

pub struct Traveller {
    http: reqwest::Client,
    /// By host, without the port (RFC 6265 §8.5), and name.
    cookies: BTreeMap<(String, String), String>,
    /// Where it is, and what it sees.
    pub at: Url,
    pub page: Answer,
}

impl Traveller {
    /// Opens an address in a new browser.
    pub async fn at(address: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.build().expect("a client");
        let at = Url::parse(address).expect("an address");
        let page = Answer { status: 0, headers: reqwest::header::HeaderMap::new(), body: String::new() };
        let mut traveller = Self { http, cookies: BTreeMap::new(), at, page };
        traveller.open(address).await;
        traveller
    }

    /// Opens an address, which may be relative to where it is.
    pub async fn open(&mut self, address: &str) {
        self.at = self.at.join(address).expect("an address");
        self.send(self.http.get(self.at.clone())).await;
        self.follow().await;
    }

    /// Submits the form of this page that posts to `action`, with these fields filled in or changed.
    #[track_caller]
    pub fn submit(&mut self, action: &str, fields: &[(&str, &str)]) -> impl Future<Output = ()> {
        let form = forms(&self.page.body).into_iter().find(|form| form.action == action);
        let form = form.unwrap_or_else(|| panic!("no form to {action} at {}: {}", self.at, self.page.body));
        let fields = form.filled(fields);
        async move {
            self.post(action, &fields).await;
            self.follow().await;
        }
    }

    /// Posts a form from the page where it is, and goes no further.
    pub async fn post(&mut self, action: &str, fields: &[(String, String)]) {
        let origin = self.at.origin().ascii_serialization();
        self.at = self.at.join(action).expect("an address");
        self.send(self.http.post(self.at.clone()).header("origin", origin).form(fields)).await;
    }

    /// The actions of this page's forms.
    pub fn actions(&self) -> Vec<String> {
        forms(&self.page.body).into_iter().map(|form| form.action).collect()
    }

    /// Asserts that the page is of this address and says all of this.
    #[track_caller]
    pub fn sees(&self, address: &str, words: &[&str]) {
        assert_eq!(self.at.as_str().split('?').next(), Some(address), "{}", self.page.body);
        for words in words {
            assert!(self.page.body.contains(words), "no {words:?} at {}: {}", self.at, self.page.body);
        }
    }

    /// The cookies that it sends to where it is.
    pub fn cookies(&self) -> String {
        let host = self.at.host_str().expect("a host");
        let own = self.cookies.iter().filter(|((of, _), _)| of == host);
        own.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn follow(&mut self) {
        for _ in 0..10 {
            let location = self.page.header("location");
            if !(300..400).contains(&self.page.status) {
                return;
            }
            self.at = self.at.join(&location).expect("an address");
            self.send(self.http.get(self.at.clone())).await;
        }
        panic!("redirected for ever: {}", self.at);
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) {
        let host = self.at.host_str().expect("a host").to_owned();
        let own = self.cookies();
        let request = if own.is_empty() { request } else { request.header("cookie", own) };
        self.page = Answer::to(request.header("user-agent", "Test browser")).await;
        for cookie in self.page.headers.get_all("set-cookie") {
            let pair = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.insert((host.clone(), name.to_owned()), value.to_owned());
        }
    }
}
