//! A tab: goes, types and presses as a person does, and has every page it comes to checked.

use serde::de::DeserializeOwned;
use serde_json::Value;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, WebDriver, WebElement, WindowHandle};

use crate::chromium::Chromium;
use crate::look::Look;
use crate::support::{PASSWORD, Person, eventually};

/// When the document that is shown began, once it is complete.
const COMPLETE_SINCE: &str = "return document.readyState === 'complete' ? performance.timeOrigin : null";

pub struct Tab<'a> {
    pub look: Look,
    chromium: &'a Chromium,
    window: WindowHandle,
    /// Our server's.
    origin: String,
}

impl<'a> Tab<'a> {
    /// A new tab, in front.
    pub async fn open(chromium: &'a Chromium, origin: &str, look: Look) -> Self {
        let window = chromium.driver.new_tab().await.expect("a tab");
        let tab = Self { look, chromium, window, origin: origin.to_owned() };
        tab.come_forward().await;
        tab.put_on_look().await;
        tab
    }

    /// What is done next is done in this tab.
    pub async fn come_forward(&self) {
        self.driver().switch_to_window(self.window.clone()).await.expect("the tab");
    }

    pub fn driver(&self) -> &WebDriver {
        &self.chromium.driver
    }

    /// Goes to a page: a path of our server's, or a whole address.
    pub async fn go(&self, to: &str) {
        self.go_expecting(200, to).await;
    }

    /// Goes to a page that comes with this status.
    pub async fn go_expecting(&self, status: u16, to: &str) {
        self.go_unchecked(to).await;
        self.check(status).await;
    }

    /// Goes to a page that is there for its flaws.
    pub async fn go_unchecked(&self, to: &str) {
        let to = if to.starts_with('/') { format!("{}{to}", self.origin) } else { to.to_owned() };
        self.driver().goto(to).await.expect("a page");
    }

    /// Does what leads to another page, and waits until that is there.
    pub async fn leave(&self, act: impl Future<Output = WebDriverResult<()>>) {
        let before: f64 = self.tell("return performance.timeOrigin").await;
        act.await.expect("an act that can be done");
        eventually("came to another page", || async {
            // While pages change there is nobody to ask.
            let now = self.driver().execute(COMPLETE_SINCE, vec![]).await;
            now.is_ok_and(|now| now.json().as_f64().is_some_and(|now| now.to_bits() != before.to_bits()))
        })
        .await;
    }

    /// Presses the button or link with this name.
    pub async fn press(&self, name: &str) {
        self.press_expecting(200, name).await;
    }

    /// Presses what leads to a page with this status.
    pub async fn press_expecting(&self, status: u16, name: &str) {
        let button = self.button(name).await;
        self.leave(button.click()).await;
        self.check(status).await;
    }

    /// Goes one page back.
    pub async fn back(&self) {
        self.leave(self.driver().back()).await;
        self.check(200).await;
    }

    /// Signs somebody in, on the sign-in page.
    pub async fn sign_in(&self, person: Person) {
        self.type_in(person.identifier, PASSWORD).await;
        self.press("Sign in").await;
    }

    /// Types a name and a password into the sign-in page, in place of what is there.
    pub async fn type_in(&self, name: &str, password: &str) {
        for (id, text) in [("identifier", name), ("password", password)] {
            let field = self.find(id).await;
            field.clear().await.expect("an empty field");
            field.send_keys(text).await.expect("text in a field");
        }
    }

    /// The first button or link with this name.
    pub async fn button(&self, name: &str) -> WebElement {
        self.sought(By::XPath(format!("//*[self::button or self::a][normalize-space()='{name}']"))).await
    }

    /// What has this id.
    pub async fn find(&self, id: &str) -> WebElement {
        self.sought(By::Id(id)).await
    }

    async fn sought(&self, by: By) -> WebElement {
        match self.driver().find(by).await {
            Ok(element) => element,
            Err(problem) => panic!("{problem}, on a page that says\n{}", self.text().await),
        }
    }

    /// All that the page says.
    pub async fn text(&self) -> String {
        self.tell("return document.body ? document.body.innerText : ''").await
    }

    /// Asserts that the page says this.
    pub async fn says(&self, words: &str) {
        let text = self.text().await;
        assert!(text.contains(words), "{words:?} is not said:\n{text}");
    }

    /// The address that is shown; of our own pages, the path.
    pub async fn address(&self) -> String {
        let address: String = self.tell("return location.href").await;
        address.strip_prefix(&self.origin).map_or(address.clone(), str::to_owned)
    }

    /// What a script returns that a test runs in the page, whether the page itself may run any or not.
    pub async fn tell<T: DeserializeOwned>(&self, script: &str) -> T {
        let told = self.run(script, vec![]).await;
        serde_json::from_value(told.clone()).unwrap_or_else(|problem| panic!("{problem}: {told}"))
    }

    /// The same with arguments.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let run = self.driver().execute(script, arguments).await;
        run.unwrap_or_else(|problem| panic!("{problem}")).json().clone()
    }

    /// A command of the DevTools protocol.
    pub async fn cdp(&self, command: &str, parameters: Value) -> Value {
        let done = self.driver().cdp().send_raw(command, parameters).await;
        done.unwrap_or_else(|problem| panic!("{command}: {problem}"))
    }
}
