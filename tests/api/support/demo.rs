//! `grantor demo`: the real binary with the real examples, at ports of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Scratch, free_addresses};

/// `grantor demo`, under way.
pub struct Demo {
    pub child: Child,
    pub addresses: [String; 3],
    /// What it said when it was ready.
    pub said: Value,
    pub rest: BufReader<std::process::ChildStdout>,
    /// The only place where it can leave anything.
    pub temp: Scratch,
}

/// How a demo ended: its exit code, and what it complained of.
pub struct Ended {
    pub code: Option<i32>,
    pub complaints: String,
}

impl Demo {
    /// Starts it and waits until it says that it is ready.
    pub fn start() -> Self {
        let mut demo = Self::spawn();
        let mut line = String::new();
        demo.rest.read_line(&mut line).expect("its line");
        demo.said = serde_json::from_str(&line).unwrap_or_else(|_| {
            let ended = demo.end();
            panic!("it said {line:?}, and complained: {}", ended.complaints)
        });
        demo
    }

    /// Starts it.
    pub fn spawn() -> Self {
        let (temp, addresses) = (Scratch::new(), free_addresses());
        let mut child = demo_command(&addresses)
            .arg("--json")
            .env("TMPDIR", temp_path(&temp))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let rest = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, addresses, said: Value::Null, rest, temp }
    }

    pub fn text(&self, pointer: &str) -> String {
        let value = self.said.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no {pointer} in {}", self.said)).to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        kill(pid(self.child.id()), signal).expect("a signal");
    }

    /// Waits for its end, before which it says nothing more.
    pub fn end(&mut self) -> Ended {
        let (mut more, mut complaints) = (String::new(), String::new());
        self.rest.read_to_string(&mut more).expect("its output");
        assert_eq!(more, "", "one line, and nothing else");
        let mut errors = self.child.stderr.take().expect("its complaints");
        errors.read_to_string(&mut complaints).expect("its complaints");
        Ended { code: self.child.wait().expect("its end").code(), complaints }
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
