//! What a test of the pages needs: a server, a browser, and a site that is somebody else's.

use grantor::clients::registration::Registration;

use crate::chromium::Chromium;
use crate::elsewhere::Elsewhere;
use crate::look::Look;
use crate::support::{App, TestClient, web_registration};
use crate::tab::Tab;

pub struct Stage {
    pub app: App,
    pub elsewhere: Elsewhere,
    pub chromium: Chromium,
}

impl Stage {
    pub async fn set() -> Self {
        let (app, elsewhere) = (App::for_browsers().await, Elsewhere::open());
        Self { app, elsewhere, chromium: Chromium::start().await }
    }

    /// A new tab that looks at the server so.
    pub async fn tab(&self, look: Look) -> Tab<'_> {
        Tab::open(&self.chromium, &self.app.address, look).await
    }

    /// The third-party app: it lives elsewhere, and people return to it there.
    pub fn shop(&self) -> TestClient {
        self.shop_named("Shop", "Shop Ltd")
    }

    /// The same under another name.
    pub fn shop_named(&self, name: &str, publisher: &str) -> TestClient {
        self.app.register(&Registration {
            name: name.into(),
            publisher: Some(publisher.into()),
            redirect_uris: vec![self.elsewhere.callback()],
            origins: Vec::new(),
            ..web_registration()
        })
    }
}
