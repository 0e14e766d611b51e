//! Nodes over one database behind a balancer, each in a process of its own, and who starts them again.

use std::sync::Mutex;

use super::{App, Balancer, Node, eventually};

pub struct Fleet {
    pub balancer: Balancer,
    url: String,
    environment: Vec<(&'static str, String)>,
    /// By their places; an empty one is where a node was killed.
    nodes: Vec<Mutex<Option<Node>>>,
}

impl Fleet {
    /// Starts so many nodes over this database, with these settings besides the usual ones.
    pub async fn start(url: &str, many: usize, settings: &[(&'static str, &str)]) -> Self {
        let usual = [
            ("GRANTOR_DATABASE__URL", url),
            ("GRANTOR_DATABASE__CONNECTIONS", "8"),
            ("GRANTOR_PASSWORDS__MEMORY_KIB", "256"),
            ("GRANTOR_PASSWORDS__ITERATIONS", "1"),
        ];
        let environment = usual.iter().chain(settings).map(|(name, value)| (*name, (*value).to_owned()));
        let fleet = Self {
            balancer: Balancer::start().await,
            url: url.to_owned(),
            environment: environment.collect(),
            nodes: (0..many).map(|_| Mutex::new(None)).collect(),
        };
        for place in 0..many {
            fleet.start_again(place).await;
        }
        fleet
    }

    /// All of them, as a client meets them.
    pub fn app(&self) -> App {
        App::driving(&self.balancer.address, &self.url)
    }

    /// One of them, past the balancer.
    pub fn one(&self, place: usize) -> App {
        App::driving(&self.address(place), &self.url)
    }

    fn address(&self, place: usize) -> String {
        self.nodes[place].lock().expect("a node").as_ref().expect("a node that runs").address.clone()
    }

    /// Ends a node as `kill -9` does.
    pub fn kill(&self, place: usize) {
        let mut node = self.nodes[place].lock().expect("a node").take().expect("a node that runs");
        node.kill();
        self.balancer.remove(&node.address);
    }

    /// Ends a node as an operator does, while all else goes on; its exit status.
    pub async fn terminate(&self, place: usize) -> std::process::ExitStatus {
        let mut node = self.nodes[place].lock().expect("a node").take().expect("a node that runs");
        let ended = tokio::task::spawn_blocking(move || (node.terminate(), node.address.clone()));
        let (status, address) = ended.await.expect("its end");
        self.balancer.remove(&address);
        status
    }

    /// Starts a node where one was killed, as a supervisor does, and waits until it is sent requests.
    pub async fn start_again(&self, place: usize) {
        let environment = self.environment.clone();
        let started = tokio::task::spawn_blocking(move || {
            let environment: Vec<_> =
                environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
            Node::start(&environment)
        });
        let node = started.await.expect("a node");
        let ready = self.balancer.ready();
        self.balancer.add(&node.address);
        *self.nodes[place].lock().expect("a place") = Some(node);
        eventually("one more is ready", || async { self.balancer.ready() > ready }).await;
    }

    /// Stops a node in its tracks; it goes on when what is returned is dropped.
    pub fn freeze(&self, place: usize) -> Frozen {
        let pid = self.nodes[place].lock().expect("a node").as_ref().expect("a node that runs").pid();
        Frozen::new(pid)
    }
}

/// A process that was stopped by SIGSTOP.
pub struct Frozen(nix::unistd::Pid);

impl Frozen {
    fn new(pid: u32) -> Self {
        use nix::sys::signal::{Signal, kill};
        let frozen = Self(nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid")));
        kill(frozen.0, Signal::SIGSTOP).expect("a signal");
        while !frozen.is_stopped() {
            std::thread::yield_now();
        }
        frozen
    }

    /// The state is what follows the name, which is in brackets.
    fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("a process");
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(self.0, nix::sys::signal::Signal::SIGCONT);
    }
}
