//! A round robin over nodes, as a careful operator's balancer is: it asks `/readyz` often, sends nobody to a node that
//! says no or does not listen, and never asks anything twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How often each node is asked.
const LOOK: Duration = Duration::from_millis(50);

pub struct Balancer {
    pub address: String,
    nodes: Arc<Nodes>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Nodes {
    listed: Mutex<Vec<Listed>>,
    turn: AtomicUsize,
}

#[derive(Clone)]
struct Listed {
    /// Host and port.
    at: String,
    is_ready: bool,
}

impl Balancer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let nodes = Arc::new(Nodes::default());
        let tasks =
            [tokio::spawn(accept(listener, Arc::clone(&nodes))), tokio::spawn(look(Arc::clone(&nodes)))];
        Self { address, nodes, tasks }
    }

    /// One more node, which gets something once it says that it is ready.
    pub fn add(&self, address: &str) {
        let at = address.trim_start_matches("http://").to_owned();
        self.nodes.listed.lock().expect("a list").push(Listed { at, is_ready: false });
    }

    /// A node that is there no more.
    pub fn remove(&self, address: &str) {
        self.nodes.listed.lock().expect("a list").retain(|node| !address.ends_with(&node.at));
    }

    /// How many nodes are ready.
    pub fn ready(&self) -> usize {
        self.nodes.listed.lock().expect("a list").iter().filter(|node| node.is_ready).count()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Nodes {
    /// Those that are ready, beginning with whose turn it is; if none is, all of them.
    fn in_turn(&self) -> Vec<String> {
        let listed = self.listed.lock().expect("a list").clone();
        let is_any = listed.iter().any(|node| node.is_ready);
        let mut open: Vec<String> =
            listed.into_iter().filter(|node| node.is_ready || !is_any).map(|node| node.at).collect();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % open.len().max(1);
        open.rotate_left(first);
        open
    }
}

async fn accept(listener: TcpListener, nodes: Arc<Nodes>) {
    while let Ok((caller, _)) = listener.accept().await {
        tokio::spawn(carry(caller, nodes.in_turn()));
    }
}

/// One connection, one node. Whoever does not listen was sent nothing, so that the next may have it.
async fn carry(mut caller: TcpStream, nodes: Vec<String>) {
    let _ = caller.set_nodelay(true);
    for at in nodes {
        if let Ok(mut node) = TcpStream::connect(at).await {
            let _ = node.set_nodelay(true);
            // A node that dies amid it is the caller's to deal with.
            let _ = copy_bidirectional(&mut caller, &mut node).await;
            return;
        }
    }
}

async fn look(nodes: Arc<Nodes>) {
    let http =
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(2));
    let http = http.build().expect("a client");
    loop {
        let listed = nodes.listed.lock().expect("a list").clone();
        for Listed { at, .. } in listed {
            let answer = http.get(format!("http://{at}/readyz")).send().await;
            let is_ready = answer.is_ok_and(|answer| answer.status() == 200);
            let mut listed = nodes.listed.lock().expect("a list");
            listed.iter_mut().filter(|node| node.at == at).for_each(|node| node.is_ready = is_ready);
        }
        tokio::time::sleep(LOOK).await;
    }
}
