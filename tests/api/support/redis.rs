//! A Redis that one test owns, so that it may be killed: on a socket in a directory of its own, or a cluster of three.

use std::process::{Child, Command, Stdio};

use super::crowd::eventually;
use super::own_postgres::Scratch;
use super::ports::free_addresses;

pub struct Redis {
    server: Child,
    /// Those in whose place it is.
    deposed: Vec<Child>,
    dir: Scratch,
}

impl Redis {
    pub async fn start() -> Self {
        let dir = Scratch::new();
        let redis = Self { server: on_socket(&dir), deposed: Vec::new(), dir };
        redis.answers().await;
        redis
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.socket())
    }

    /// Ends it as `kill -9` does; what it knew is lost.
    pub fn kill(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Starts another one in the same place.
    pub async fn start_again(&mut self) {
        self.server = on_socket(&self.dir);
        self.answers().await;
    }

    /// From now on it answers, and writes nothing: another is the master.
    pub fn become_a_replica(&self) {
        assert_eq!(said(&["-s", &self.socket(), "replicaof", "127.0.0.1", "1"]), "OK");
    }

    /// Starts another one in the same place, while who is connected to this one stays so.
    pub async fn another_in_its_place(&mut self) {
        let other = on_socket(&self.dir);
        self.deposed.push(std::mem::replace(&mut self.server, other));
        let is_a_master = || async { said(&["-s", &self.socket(), "role"]).starts_with("master") };
        eventually("is there another Redis", is_a_master).await;
    }

    fn socket(&self) -> String {
        self.dir.join("socket")
    }

    async fn answers(&self) {
        eventually("does Redis answer", || async { said(&["-s", &self.socket(), "ping"]) == "PONG" }).await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        for server in &mut self.deposed {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn on_socket(dir: &Scratch) -> Child {
    serve(&["--port", "0", "--unixsocket", &dir.join("socket"), "--dir", &dir.join("")])
}

fn serve(options: &[&str]) -> Child {
    Command::new("redis-server")
        .args(["--save", "", "--appendonly", "no"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server, of the package of that name")
}

/// What `redis-cli` says.
fn said(arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(arguments).output().expect("redis-cli");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Three nodes of one cluster, each with a third of the keys.
pub struct RedisCluster {
    servers: Vec<Child>,
    addresses: [String; 3],
    _dir: Scratch,
}

impl RedisCluster {
    pub async fn start() -> Self {
        let dir = Scratch::new();
        let ([a, b, c], buses) = (free_addresses::<3>(), free_addresses::<3>());
        let addresses = [a, b, c];
        let servers = addresses.iter().zip(&buses).map(|(address, bus)| {
            let (port, bus) = (port_of(address), port_of(bus));
            let nodes = format!("{port}.conf");
            let options =
                ["--bind", "127.0.0.1", "--port", port, "--cluster-port", bus, "--dir", &dir.join("")];
            serve(&[&options[..], &["--cluster-enabled", "yes", "--cluster-config-file", &nodes]].concat())
        });
        let cluster = Self { servers: servers.collect(), addresses: addresses.clone(), _dir: dir };
        for address in &addresses {
            eventually("does Redis answer", || async { said(&["-p", port_of(address), "ping"]) == "PONG" })
                .await;
        }
        let [a, b, c] = &addresses;
        let made = said(&["--cluster", "create", a, b, c, "--cluster-yes"]);
        assert!(made.contains("[OK] All 16384 slots covered"), "{made}");
        for address in &addresses {
            let info =
                || async { said(&["-p", port_of(address), "cluster", "info"]).contains("cluster_state:ok") };
            eventually("is the cluster whole", info).await;
        }
        cluster
    }

    pub fn url(&self) -> String {
        self.addresses.each_ref().map(|address| format!("redis://{address}")).join(",")
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().expect("a port")
}
