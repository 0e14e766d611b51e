//! Who acts, and who pays: principals and their accounts, organizations and their members, plans; people and their
//! passwords, the browsers they signed in from, and the requests that wait for them.

pub mod access;
mod directory;
pub mod interactions;
pub mod me;
pub mod organizations;
pub mod passwords;
pub mod people;
pub mod plans;
pub mod profile;
pub mod registration;
pub mod sessions;
pub mod sign_in;
mod standings;
pub mod store;

use std::borrow::Borrow;
use std::sync::Arc;

use actix_web::HttpRequest;

use crate::accounts::passwords::Passwords;
use crate::accounts::sessions::{Browser, CookieJar, SessionSettings, SignedIn, recognise, recognise_alone};
use crate::accounts::sign_in::Turns;
use crate::audit::{Ledger, Work};
use crate::kernel::{Denial, Fault, Outcome};
use crate::limits::guard::{Failed, Guard};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::csrf;
use crate::platform::form::Params;
use crate::settle;

pub use directory::{Account, Directory, find_account, hold_account};
pub use standings::Standings;

/// What the pages of this slice, and the slices above that ask who is signed in, need.
pub struct Accounts {
    /// The door to a transaction.
    pub ledger: Ledger,
    /// Who knows the accounts, their members and the administrators.
    pub directory: Directory,
    /// How long sessions and interactions last.
    pub sessions: SessionSettings,
    /// The password threads.
    pub passwords: Passwords,
    /// Whose turn it is to try a password.
    pub turns: Turns,
    /// How cookies look.
    pub jar: CookieJar,
    /// Who fails too often.
    pub guard: Arc<Guard>,
    /// Our own origin, as browsers name it; forms from elsewhere are refused.
    pub origin: String,
}

impl Accounts {
    /// The browser that sent a form, once it has shown that the form is from its own page.
    pub fn own_browser(&self, request: &HttpRequest, form: &Params) -> Result<Browser, Denial> {
        let browser = self.jar.known(request).ok_or(Denial::FormForeign)?;
        csrf::check(request.headers(), &self.origin, browser.secret(), form.get("csrf"))?;
        Ok(browser)
    }

    /// An act of whoever is signed in at this browser; nobody is: [`Denial::LoginRequired`]. See [`recognise`].
    pub async fn act<T: Send + 'static>(
        &self,
        context: &Context,
        browser: impl Borrow<Browser> + Send + 'static,
        act: impl FnOnce(&mut Work<'_>, SignedIn) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        self.act_by(recognise, context, browser, act).await
    }

    /// The same for an act that takes access away, or writes the person's own rows. See [`recognise_alone`].
    pub async fn act_alone<T: Send + 'static>(
        &self,
        context: &Context,
        browser: impl Borrow<Browser> + Send + 'static,
        act: impl FnOnce(&mut Work<'_>, SignedIn) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        self.act_by(recognise_alone, context, browser, act).await
    }

    async fn act_by<T: Send + 'static>(
        &self,
        recognise: fn(&mut Work<'_>, &Browser, &SessionSettings) -> Result<Option<SignedIn>, Fault>,
        context: &Context,
        browser: impl Borrow<Browser> + Send + 'static,
        act: impl FnOnce(&mut Work<'_>, SignedIn) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let settings = self.sessions.clone();
        let act = move |work: &mut Work<'_>| {
            let signed_in = recognise(work, browser.borrow(), &settings)?;
            act(work, settle!(signed_in.ok_or(Denial::LoginRequired)))
        };
        self.ledger.act(context, act).await
    }

    /// Counts a wrong password against the network that it came from.
    pub fn wrong_password(&self, context: &Context) {
        if let Some(ip) = context.ip {
            self.guard.failed(Failed::SignIn, Network::of(ip), context);
        }
    }
}
