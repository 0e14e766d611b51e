//! Hears what other processes made stale, for as long as the server runs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::kernel::{Fault, Stale};
use crate::platform::db::Db;
use crate::platform::invalidation::Invalidation;

/// How often it is asked for news.
const EVERY: Duration = Duration::from_millis(50);

/// The pauses between attempts to connect.
const BACK_OFF: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_secs(1);

/// A thread that listens until this is dropped.
pub struct Listener {
    _until_dropped: Sender<()>,
}

impl Listener {
    /// Starts to listen for these caches.
    pub fn start(db: Db, caches: Arc<Invalidation>) -> Result<Self, Fault> {
        let (until_dropped, over) = channel();
        let listening = Listening { db, caches, over };
        let thread = std::thread::Builder::new().name("grantor-listener".into());
        thread.spawn(move || listening.on_and_on()).map_err(Fault::internal)?;
        Ok(Self { _until_dropped: until_dropped })
    }
}

struct Listening {
    db: Db,
    caches: Arc<Invalidation>,
    over: Receiver<()>,
}

impl Listening {
    /// Listens, and listens again when the connection broke.
    fn on_and_on(self) {
        let mut pause = BACK_OFF.start;
        loop {
            let Err(fault) = self.listen(&mut pause) else { return };
            self.caches.hearing().hears_no_more();
            if self.is_over_within(pause) {
                return;
            }
            let level = if pause == BACK_OFF.start { log::Level::Warn } else { log::Level::Debug };
            log::log!(level, "does not hear what other nodes change, and remembers nothing: {fault}");
            pause = (pause * 2).min(BACK_OFF.end);
        }
    }

    /// Listens with one connection until it is over.
    fn listen(&self, pause: &mut Duration) -> Result<(), Fault> {
        let mut ear = self.db.listen()?;
        log::debug!("hears what other nodes change");
        // Whatever was announced before is missed, and may concern anything.
        self.caches.apply(&[Stale::Everything]);
        loop {
            let asked = Instant::now();
            self.caches.apply(&ear.hear()?);
            // All that was committed before it was asked is forgotten by now; what came after may not be.
            self.caches.hearing().heard_until(asked);
            *pause = BACK_OFF.start;
            if self.is_over_within(EVERY) {
                return Ok(());
            }
        }
    }

    fn is_over_within(&self, time: Duration) -> bool {
        self.over.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }
}
