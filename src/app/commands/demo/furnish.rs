//! What is in the demo's database: a person, two services, and three clients; and the partners of `partners.rs`.

use crate::accounts::passwords::hash_here;
use crate::accounts::registration::{self as people, NewUser};
use crate::app::commands::demo::partners;
use crate::app::commands::{Open, Refusal, Shell};
use crate::audit::Actor;
use crate::clients::registration::{self as clients, Registered};
use crate::kernel::{Password, PlainSecret};
use crate::services::registration as services;

/// Who signs in.
pub(super) const IDENTIFIER: &str = "ada";
/// Her password, which everybody knows.
pub(super) const PASSWORD: &str = "correct horse battery";
/// The audience of the service whose API runs.
pub(super) const AUDIENCE: &str = "orders";
/// Where tools of one's own are answered, at any port (RFC 8252 §7.3).
pub(super) const TOOLS_REDIRECT: &str = "http://127.0.0.1/callback";
/// All that they may ask for.
pub(super) const TOOLS_SCOPE: &str = "orders:read orders:write profile:read";

/// The clients of the demo, and who looks after it.
pub(super) struct Cast {
    /// The app.
    pub(super) web: Registered,
    /// Whatever its user tries out.
    pub(super) public: Registered,
    /// The API.
    pub(super) api: Registered,
    /// The personal token of the administrator.
    pub(super) token: PlainSecret,
}

/// Puts all of it into a new database.
pub(super) fn furnish(shell: &Shell, open: &Open, app_url: &str) -> Result<Cast, Refusal> {
    let ada =
        NewUser::check(IDENTIFIER, Some("Ada Lovelace"), Some("ada@example.com")).map_err(Refusal::new)?;
    let passwords = &shell.settings.passwords;
    let password = Password::choose(PASSWORD.to_owned(), passwords.min_chars).map_err(Refusal::new)?;
    let hash = hash_here(passwords, &password)?;
    open.try_act(shell, |work| people::register(work, Actor::Operator, &ada, &hash))?;
    for service in [orders(), profile()] {
        open.try_act(shell, |work| services::register(work, Actor::Operator, &service))?;
    }
    let register =
        |client| open.try_act(shell, |work| clients::register(work, Actor::Operator, &client, None));
    let (web, public, api) = (register(web(app_url))?, register(tools())?, register(api())?);
    Ok(Cast { web, public, api, token: partners::furnish(shell, open)? })
}

fn orders() -> services::Registration {
    services::Registration {
        name: AUDIENCE.to_owned(),
        display_name: Some("Orders".to_owned()),
        scopes: vec!["orders:read=Read your orders".to_owned()],
        optional_scopes: vec!["orders:write=Place orders for you".to_owned()],
        ..services::Registration::default()
    }
}

fn profile() -> services::Registration {
    services::Registration {
        name: "profile".to_owned(),
        display_name: Some("Profile".to_owned()),
        optional_scopes: vec!["profile:read=See your name and email address".to_owned()],
        ..services::Registration::default()
    }
}

fn web(app_url: &str) -> clients::Registration {
    clients::Registration {
        name: "Parcel".to_owned(),
        publisher: Some("Parcel Ltd".to_owned()),
        verified: true,
        scope: "orders:read orders:write".to_owned(),
        redirect_uris: vec![format!("{app_url}/callback")],
        ..clients::Registration::default()
    }
}

fn tools() -> clients::Registration {
    clients::Registration {
        name: "Test client".to_owned(),
        public: true,
        scope: TOOLS_SCOPE.to_owned(),
        redirect_uris: vec![TOOLS_REDIRECT.to_owned()],
        ..clients::Registration::default()
    }
}

fn api() -> clients::Registration {
    clients::Registration {
        name: "Orders API".to_owned(),
        grant_types: vec!["client_credentials".to_owned()],
        introspection_audiences: vec![AUDIENCE.to_owned()],
        ..clients::Registration::default()
    }
}
