//! `grantor demo`: the real binary with the real examples, at ports of its own.

use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Scratch, free_addresses};

/// The longest that it may take to end, which is far more than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// `grantor demo`, under way.
pub struct Demo {
    pub child: Child,
    pub addresses: [String; 3],
    /// What it said when it was ready, to a program.
    pub said: Value,
    pub rest: Box<dyn BufRead>,
    /// The only place where it can leave anything.
    pub temp: Scratch,
}

/// How a demo ended: its exit code, its last words, and what it complained of.
pub struct Ended {
    pub code: Option<i32>,
    pub last_words: String,
    pub complaints: String,
}

impl Demo {
    /// Starts it and waits until it says that it is ready.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Likewise, with these settings.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut demo = Self::spawn(&["--json"], settings);
        let mut line = String::new();
        demo.rest.read_line(&mut line).expect("its line");
        demo.said = serde_json::from_str(&line).unwrap_or_else(|_| {
            let ended = demo.end();
            panic!("it said {line:?}, and complained: {}", ended.complaints)
        });
        demo
    }

    /// Starts it with these arguments and settings.
    pub fn spawn(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let (temp, addresses) = (Scratch::new(), free_addresses());
        let mut child = demo_command(&addresses)
            .args(arguments)
            .envs(settings.iter().copied())
            .env("TMPDIR", temp_path(&temp))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let rest = Box::new(BufReader::new(child.stdout.take().expect("its output")));
        Self { child, addresses, said: Value::Null, rest, temp }
    }

    /// All that it says to a person who may begin.
    pub fn words(&mut self) -> String {
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert_ne!(self.rest.read_line(&mut said).expect("text"), 0, "{said}");
        }
        said
    }

    pub fn text(&self, pointer: &str) -> String {
        let value = self.said.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no {pointer} in {}", self.said)).to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        kill(pid(self.child.id()), signal).expect("a signal");
    }

    /// Waits for its end, though not for ever. To a program, it says nothing more before that.
    pub fn end(&mut self) -> Ended {
        let (over, is_over) = channel::<()>();
        let process = pid(self.child.id());
        let watch = std::thread::spawn(move || {
            let is_late = is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            is_late && kill(process, Signal::SIGKILL).is_ok()
        });
        let (mut last_words, mut complaints) = (String::new(), String::new());
        self.rest.read_to_string(&mut last_words).expect("its output");
        let mut errors = self.child.stderr.take().expect("its complaints");
        errors.read_to_string(&mut complaints).expect("its complaints");
        let code = self.child.wait().expect("its end").code();
        drop(over);
        assert!(!watch.join().expect("the watch"), "it did not end within {PATIENCE:?}: {complaints}");
        if !self.said.is_null() {
            assert_eq!(last_words, "", "one line, and nothing else");
        }
        Ended { code, last_words, complaints }
    }

    /// The process that runs this program for it.
    pub fn program(&self, name: &str) -> Pid {
        let parent = format!("PPid:\t{}", self.child.id());
        let is_it = |status: &str| {
            status.starts_with(&format!("Name:\t{name}\n")) && status.lines().any(|line| line == parent)
        };
        let processes = std::fs::read_dir("/proc").expect("processes").flatten();
        let found = processes.into_iter().find(|process| {
            std::fs::read_to_string(process.path().join("status")).is_ok_and(|status| is_it(&status))
        });
        let name = found.unwrap_or_else(|| panic!("no process {name}")).file_name();
        pid(name.to_string_lossy().parse().expect("a process id"))
    }

    pub fn leaves_nothing(&self) -> bool {
        temp_path(&self.temp).read_dir().expect("the directory").next().is_none()
    }

    /// Postgres keeps this file while it runs.
    pub fn has_a_postgres(&self) -> bool {
        let homes = temp_path(&self.temp).read_dir().expect("the directory").flatten();
        homes.into_iter().any(|home| home.path().join("pgdata/postmaster.pid").exists())
    }

    pub fn listens_nowhere(&self) -> bool {
        self.addresses.iter().all(|address| TcpListener::bind(address).is_ok())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process id"))
}

pub fn temp_path(temp: &Scratch) -> &Path {
    std::fs::create_dir_all(temp.path()).expect("a directory");
    temp.path()
}

/// The command at these addresses: the front's, the app's, the API's.
pub fn demo_command([front, app, api]: &[String; 3]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grantor"));
    command
        .args(["demo", "--app", app, "--api", api])
        .env("GRANTOR_SERVER__FRONT", front)
        .env("GRANTOR_ISSUER", format!("http://{front}"))
        .env("GRANTOR_SERVER__WORKERS", "2")
        .stdin(Stdio::null());
    command
}
