//! A Chromium of a test's own, with the chromedriver that drives it. Both end with the test, however it ends.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use thirtyfour::common::capabilities::desiredcapabilities::CapabilitiesHelper as _;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities as _, LoggingPrefsLogLevel, WebDriver};

/// What keeps Chromium quiet and the same everywhere.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    "--lang=en-GB",
];

pub struct Chromium {
    pub driver: WebDriver,
    pid: Pid,
    /// After the browser, its driver and its home: fields go in order.
    _chromedriver: Chromedriver,
}

impl Chromium {
    pub async fn start() -> Self {
        let chromedriver = Chromedriver::start();
        let driver = WebDriver::new(chromedriver.address(), capabilities(&chromedriver.home)).await;
        let driver = driver.unwrap_or_else(|problem| panic!("Chromium does not start: {problem}"));
        let pid = driver
            .capabilities()
            .get("goog:processID")
            .and_then(|pid| pid.as_i64())
            .expect("the browser's process");
        Self { pid: Pid::from_raw(i32::try_from(pid).expect("a pid")), driver, _chromedriver: chromedriver }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The end below is surer than asking for it, and needs no runtime.
        let _ = self.driver.clone().leak();
        let _ = kill(self.pid, Signal::SIGKILL);
    }
}

fn capabilities(home: &Path) -> ChromeCapabilities {
    let mut capabilities = ChromeCapabilities::new();
    let profile = format!("--user-data-dir={}", home.join("profile").display());
    // Chromium's sandbox refuses to be root's.
    let sandbox = geteuid().is_root().then_some("--no-sandbox");
    for flag in FLAGS.into_iter().chain([profile.as_str()]).chain(sandbox) {
        capabilities.add_arg(flag).expect("a flag");
    }
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a level");
    // A dialog that nobody expects fails the test at its next step.
    capabilities.set("unhandledPromptBehavior", "dismiss and notify").expect("a behaviour");
    capabilities
}

struct Chromedriver {
    child: Child,
    port: u16,
    /// Hears what both say, which is of no interest, until nobody is left who could say anything.
    listener: Option<JoinHandle<()>>,
    /// Profile, caches and temporary files of both.
    home: PathBuf,
}

impl Chromedriver {
    /// Starts one. It takes any port of IPv6, then wants the same of IPv4, and ends where somebody has that: then
    /// another is started.
    fn start() -> Self {
        (0..10).find_map(|_| Self::try_start()).expect("a chromedriver that finds a port")
    }

    fn try_start() -> Option<Self> {
        let home = std::env::temp_dir().join(format!("grantor-browser-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&home).expect("a directory for the browser");
        let mut command = Command::new("chromedriver");
        // The browser's processes share the output, too.
        command.args(["--port=0", "--enable-chrome-logs"]).env("HOME", &home).env("TMPDIR", &home);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|problem| {
            panic!("chromedriver does not start ({problem}): scripts/ensure-chromium installs it")
        });
        let mut chromedriver = Self { child, port: 0, listener: None, home };
        chromedriver.listen().then_some(chromedriver)
    }

    /// Hears the port it found, in its first lines, and then the rest. `false`: it found none, and has ended.
    fn listen(&mut self) -> bool {
        let mut said = BufReader::new(self.child.stdout.take().expect("its output")).lines();
        let port = said.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let Some(port) = port else { return false };
        self.port = port;
        self.listener = Some(std::thread::spawn(move || said.for_each(drop)));
        true
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The browser's last processes write into its home to their very end: wait for that, though not for ever.
        for _ in 0..500 {
            if self.listener.as_ref().is_none_or(JoinHandle::is_finished) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = std::fs::remove_dir_all(&self.home);
    }
}
