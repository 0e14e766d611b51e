//! What must hold before anything is started: nobody's own database, nobody else's network, and room for all.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::app::commands::Refusal;
use crate::app::commands::demo::Args;
use crate::app::settings::Settings;

/// The app and the API, as Cargo calls them.
pub(super) const APP_PROGRAM: &str = "third_party_app";
pub(super) const API_PROGRAM: &str = "resource_server";

/// Where everything is going to be.
pub(super) struct Stage {
    /// The server's settings.
    pub(super) settings: Settings,
    /// Where the app listens.
    pub(super) app: SocketAddr,
    /// Where the API listens.
    pub(super) api: SocketAddr,
    /// This program.
    pub(super) program: PathBuf,
    /// The folder of theirs.
    pub(super) programs: PathBuf,
}

impl Stage {
    /// Looks whether the demo can be given, and says why not.
    pub(super) fn look(settings: &Settings, args: &Args) -> Result<Self, Refusal> {
        if !settings.database.url.is_empty() {
            return Err(Refusal::new(
                "the demo has a database of its own, which is gone afterwards; yours must not get a password that \
                 everybody knows. Unset database.url (GRANTOR_DATABASE__URL)",
            ));
        }
        check_issuer(settings)?;
        for (name, at) in [("--app", args.app), ("--api", args.api)] {
            check_address(name, at)?;
        }
        let program = std::env::current_exe().map_err(Refusal::new)?;
        let programs = program.with_file_name("examples");
        check_programs(&programs)?;
        check_ports(settings.server.front, args)?;
        let mut settings = settings.clone();
        // One port less that may be in use, and nobody who would wait long for an answer.
        settings.server.ops = None;
        settings.server.drain_s = 2;
        // Whoever tries it asks as a proxy would; nobody else gets here.
        settings.server.trusted_proxies.push(IpAddr::from(Ipv4Addr::LOCALHOST).into());
        Ok(Self { settings, app: args.app, api: args.api, program, programs })
    }

    /// How browsers call the app: by another name than Grantor, since cookies know hosts but no ports.
    pub(super) fn app_url(&self) -> String {
        format!("http://localhost:{}", self.app.port())
    }

    /// How the app calls the API.
    pub(super) fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }
}

/// The issuer must lead to where the server listens, by number: the app has the name `localhost` for itself.
fn check_issuer(settings: &Settings) -> Result<(), Refusal> {
    let (issuer, front) = (&settings.issuer, settings.server.front);
    check_address("server.front", front)?;
    let url = Url::parse(issuer).map_err(Refusal::new)?;
    let is_there = url.host() == Some(Host::Ipv4(Ipv4Addr::LOCALHOST));
    if url.scheme() == "http" && is_there && url.port_or_known_default() == Some(front.port()) {
        return Ok(());
    }
    Err(Refusal(format!(
        "the demo is for this machine only, so its issuer is where it listens: with server.front {front} it must be \
         http://{front}, but it is {issuer}. Set GRANTOR_ISSUER and GRANTOR_SERVER__FRONT together"
    )))
}

/// One address for all, which `localhost` leads to everywhere, and which every machine has.
fn check_address(name: &str, at: SocketAddr) -> Result<(), Refusal> {
    if at.ip() != Ipv4Addr::LOCALHOST {
        return Err(Refusal(format!(
            "the demo's password is known to everybody, so it listens on this machine only: {name} must be \
             127.0.0.1 with a port, not {at}"
        )));
    }
    if at.port() == 0 {
        return Err(Refusal(format!("{name} needs a port that others can be told: {at} has none")));
    }
    Ok(())
}

/// The examples, which Cargo builds beside us.
fn check_programs(folder: &Path) -> Result<(), Refusal> {
    match [APP_PROGRAM, API_PROGRAM].map(|name| folder.join(name)).into_iter().find(|path| !path.is_file()) {
        Some(missing) => Err(Refusal(format!(
            "the demo starts a program that is not there: {}. It comes with the source: run `make demo` there",
            missing.display()
        ))),
        None => Ok(()),
    }
}

/// All ports at once, so that two of ours cannot be one.
fn check_ports(front: SocketAddr, args: &Args) -> Result<(), Refusal> {
    let wanted = [
        (front, "Grantor", "GRANTOR_SERVER__FRONT and GRANTOR_ISSUER"),
        (args.app, "the app", "--app"),
        (args.api, "the API", "--api"),
    ];
    let listen = |(at, who, by): (SocketAddr, &str, &str)| {
        TcpListener::bind(at).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => Refusal(format!(
                "port {} is in use, where {who} is to listen ({at}): end what listens there, or choose another by {by}",
                at.port()
            )),
            _ => Refusal(format!("{who} cannot listen at {at}: {error}; choose another by {by}")),
        })
    };
    wanted.into_iter().map(listen).collect::<Result<Vec<_>, _>>().map(drop)
}
