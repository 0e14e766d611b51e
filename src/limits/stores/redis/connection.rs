//! The way to one Redis, or to the nodes of a cluster: made when it is needed, and anew when it broke.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo as _, Pipeline, RedisError, RedisFuture,
    RedisResult, Value,
};
use tokio::sync::Mutex;

use crate::kernel::Fault;

/// How long a connection may take to come about, and Redis to answer. Whoever asks is mostly gone before.
const LONGEST: Duration = Duration::from_secs(1);

/// What a Redis says that is not the one to be asked, not yet, or no more.
const NOT_THE_MASTER: [&str; 5] = ["READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH"];

/// Where Redis is: one address, or several of one cluster.
#[derive(Clone)]
pub struct RedisAddress(Vec<String>);

impl RedisAddress {
    /// Reads addresses with commas between them. `None`: one of them cannot be used.
    pub fn parse(text: &str) -> Option<Self> {
        let addresses: Vec<String> = text.split(',').map(|address| address.trim().to_owned()).collect();
        let is_usable = |address: &String| {
            let known =
                ["redis://", "unix://", "redis+unix://"].iter().any(|scheme| address.starts_with(scheme));
            known && address.as_str().into_connection_info().is_ok()
        };
        addresses.iter().all(is_usable).then_some(Self(addresses))
    }
}

/// Holds a connection.
pub(super) struct Way {
    address: RedisAddress,
    open: Mutex<Option<Connection>>,
}

/// A connection. Cheap to clone, and used by many at once.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Way {
    pub(super) fn to(address: RedisAddress) -> Self {
        Self { address, open: Mutex::default() }
    }

    /// A connection; the one there is, if there is one.
    pub(super) async fn connection(&self) -> Result<Connection, Fault> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let connection = self.address.connect().await.map_err(fault)?;
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// What was heard over it; who hears that it leads nowhere gives it up.
    pub(super) async fn heard<T>(&self, answer: RedisResult<T>) -> Result<T, Fault> {
        if answer.as_ref().is_err_and(leads_nowhere) {
            *self.open.lock().await = None;
        }
        // What Redis refuses it did not do; of what it did not answer nobody knows.
        answer.map_err(|error| match error.code() {
            Some(_) => fault(error),
            None => Fault::lost_connection(format!("Redis: {error}")),
        })
    }
}

fn fault(error: RedisError) -> Fault {
    Fault::unavailable(format!("Redis: {error}"))
}

/// It broke, or whoever answers there does not count: another is the master now, and may be found at the same address.
fn leads_nowhere(error: &RedisError) -> bool {
    // An older Redis says what became of a script behind a word of its own.
    let says = |word| error.code() == Some(word) || error.detail().is_some_and(|words| words.contains(word));
    error.is_unrecoverable_error() || error.is_timeout() || NOT_THE_MASTER.into_iter().any(says)
}

impl RedisAddress {
    async fn connect(&self) -> RedisResult<Connection> {
        if let [address] = self.0.as_slice() {
            let patience = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(LONGEST))
                .set_response_timeout(Some(LONGEST));
            let client = Client::open(address.as_str())?;
            return client.get_multiplexed_async_connection_with_config(&patience).await.map(Connection::One);
        }
        let cluster = ClusterClient::builder(self.0.iter().map(String::as_str))
            .connection_timeout(LONGEST)
            .response_timeout(LONGEST)
            .retries(1)
            .build()?;
        cluster.get_async_connection().await.map(Connection::Cluster)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}
