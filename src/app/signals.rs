//! How a server ends when it is told to from outside.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::kernel::Fault;
use crate::platform::leaving::Leaving;

/// What is listened to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

/// Whether requests under way are let end.
type Gently = bool;

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Fault> {
        let listen = |kind| signal(kind).map_err(Fault::internal);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// Ends these servers by SIGTERM, after notice was given to whoever asks `/readyz`; by SIGINT or SIGQUIT at once.
    pub(super) async fn end(mut self, servers: Vec<ServerHandle>, leaving: Leaving, notice: Duration) {
        let gently = self.next().await && self.give_notice(&leaving, notice).await;
        for server in servers {
            server.stop(gently).await;
        }
    }

    /// A second signal cuts it short.
    async fn give_notice(&mut self, leaving: &Leaving, notice: Duration) -> Gently {
        leaving.begin();
        log::info!("ends in {} s; /readyz says so", notice.as_secs());
        tokio::select! {
            gently = self.next() => gently,
            () = sleep(notice) => true,
        }
    }

    async fn next(&mut self) -> Gently {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => false,
            _ = self.quit.recv() => false,
        }
    }
}
