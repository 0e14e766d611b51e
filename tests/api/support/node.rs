//! A server in a process of its own, as users run it, for what kills and stops processes.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::Thread;
use std::time::Duration;

use super::ISSUER;

pub struct Node {
    pub address: String,
    child: Child,
    lines: Receiver<String>,
    reader: Thread,
    listens: Arc<AtomicBool>,
    heard: RefCell<Vec<String>>,
}

impl Node {
    /// Starts `grantor serve` with these settings in the environment, and waits until it serves.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantor"));
        command
            .args(["serve", "--dev"])
            .env("GRANTOR_ISSUER", ISSUER)
            .env("GRANTOR_SERVER__FRONT", "127.0.0.1:0")
            .env("GRANTOR_SERVER__OPS", "")
            .env("GRANTOR_SERVER__WORKERS", "2")
            .env("GRANTOR_SERVER__NOTICE_S", "0")
            .env("GRANTOR_SERVER__TRUSTED_PROXIES", "127.0.0.0/8")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let log = BufReader::new(child.stderr.take().expect("its log"));
        let (sender, lines) = channel();
        let listens = Arc::new(AtomicBool::new(true));
        let go_on = Arc::clone(&listens);
        let reader = std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
                while !go_on.load(Ordering::SeqCst) {
                    std::thread::park();
                }
            }
        });
        let mut node = Self {
            address: String::new(),
            child,
            lines,
            reader: reader.thread().clone(),
            listens,
            heard: RefCell::default(),
        };
        let line = node.wait_for_line("Grantor serves");
        let at = line.rsplit(" at ").next().expect("an address").trim().to_owned();
        node.address = format!("http://{at}");
        node
    }

    /// Waits for a line of the log that holds these words.
    pub fn wait_for_line(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|why| {
                let heard = self.heard.borrow().join("\n");
                panic!("no line with {words:?} in the log ({why}):\n{heard}")
            });
            self.heard.borrow_mut().push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Whether anybody reads its log.
    pub fn listen(&self, listens: bool) {
        self.listens.store(listens, Ordering::SeqCst);
        self.reader.unpark();
    }

    /// Ends it; all that it logged.
    pub fn whole_log(&mut self) -> Vec<String> {
        self.terminate();
        let mut heard = self.heard.take();
        heard.extend(self.lines.iter());
        heard
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.ask_to_end();
        self.end()
    }

    /// Waits for the end.
    pub fn end(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("its end")
    }

    /// Sends SIGTERM.
    pub fn ask_to_end(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
