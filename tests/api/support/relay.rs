//! A way to Postgres over TCP that a test may let fall silent, as a network does that loses everything.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use grantor::platform::db::ConnectionString;

/// Threads, since the server in this process may block whatever else there is.
pub struct Relay {
    at: std::net::SocketAddr,
    database: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// All connections there ever were.
    ways: Vec<TcpStream>,
    is_silent: bool,
    is_over: bool,
}

impl Relay {
    /// A way to this database, which has a socket on this machine.
    pub fn to(url: &str) -> Self {
        let said = ConnectionString::parse(url).expect("a connection string");
        let socket = PathBuf::from(said.get("host").expect("a directory")).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("its address");
        let relay =
            Self { at, database: said.get("dbname").expect("a database").to_owned(), shared: Arc::default() };
        let shared = Arc::clone(&relay.shared);
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                if shared.state.lock().expect("a state").is_over {
                    return;
                }
                shared.carry(caller, socket.clone());
            }
        });
        relay
    }

    /// The connection string of the database by this way.
    pub fn url(&self) -> String {
        format!("postgresql://grantor@127.0.0.1:{}/{}?sslmode=disable", self.at.port(), self.database)
    }

    /// From now on it takes everything and passes on nothing.
    pub fn fall_silent(&self) {
        self.change(|state| state.is_silent = true);
    }

    /// Passes on everything again, also what it kept back.
    pub fn speak(&self) {
        self.change(|state| state.is_silent = false);
    }

    /// Cuts the connections that there are; new ones work.
    pub fn cut(&self) {
        self.change(|state| {
            for way in &state.ways {
                let _ = way.shutdown(Shutdown::Both);
            }
            state.is_silent = false;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().expect("a state"));
        self.shared.changed.notify_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.change(|state| state.is_over = true);
        self.cut();
        // Wakes whoever waits for callers.
        let _ = TcpStream::connect(self.at);
    }
}

impl Shared {
    fn carry(self: &Arc<Self>, caller: TcpStream, socket: PathBuf) {
        self.state.lock().expect("a state").ways.push(caller.try_clone().expect("a handle"));
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            shared.wait_to_speak();
            let Ok(postgres) = UnixStream::connect(socket) else { return };
            let (Ok(down), Ok(up)) = (postgres.try_clone(), caller.try_clone()) else { return };
            let back = Arc::clone(&shared);
            std::thread::spawn(move || {
                back.pour(down, &up);
                let _ = up.shutdown(Shutdown::Both);
            });
            shared.pour(caller, &postgres);
            let _ = postgres.shutdown(Shutdown::Both);
        });
    }

    /// Passes on what comes, but for while it is silent.
    fn pour(&self, mut from: impl Read, mut to: impl Write) {
        let mut piece = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            self.wait_to_speak();
            if to.write_all(&piece[..length]).is_err() {
                return;
            }
        }
    }

    fn wait_to_speak(&self) {
        let mut state = self.state.lock().expect("a state");
        while state.is_silent {
            state = self.changed.wait(state).expect("a state");
        }
    }
}
