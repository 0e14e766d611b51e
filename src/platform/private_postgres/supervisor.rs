//! The thread that spawns Postgres, watches it, restarts it when it dies, and stops it.
//!
//! Only this thread touches the child: no process id can be signalled after it was given to another process. It must
//! also be the one that spawns, because the kernel ties the child's life to the spawning thread.

use std::fs::File;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::fcntl::Flock;

use super::error::{Error, io_error};
use super::launch::{Launch, shut_down};
use super::postmaster::{POLL, Postmaster, await_departure};

/// How often a running server is looked at.
const WATCH: Duration = Duration::from_millis(200);
/// The pauses before restarts: doubled each time, forgotten once it has run for a while.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const STEADY: Duration = Duration::from_secs(60);

/// What the thread lets others see.
#[derive(Debug, Default)]
struct Status {
    pid: AtomicU32,
    ready: AtomicBool,
    crashes: AtomicU64,
}

/// The living supervisor; dropping it stops Postgres.
#[derive(Debug)]
pub(super) struct Supervisor {
    status: Arc<Status>,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Supervisor {
    /// Starts Postgres and returns once it is ready. The lock is held until it has ended.
    pub(super) fn start(launch: Launch, lock: Flock<File>) -> Result<Self, Error> {
        let (stop, stopped) = channel();
        let (tell, told) = sync_channel(1);
        let status = Arc::new(Status::default());
        let data_dir = launch.layout.data_dir.clone();
        let keeper = Keeper { launch, stopped, status: Arc::clone(&status), _lock: lock };
        let thread = Builder::new().name("private-postgres".into()).spawn(move || keeper.keep(&tell));
        let thread = thread.map_err(io_error("start a thread for", &data_dir))?;
        match told.recv().unwrap_or(Err(Error::ThreadLost)) {
            Ok(()) => Ok(Self { status, thread: Mutex::new(Some((stop, thread))) }),
            Err(error) => {
                // Only the end of the thread frees the lock for the next try.
                let _ = thread.join();
                Err(error)
            }
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        Some(self.status.pid.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    pub(super) fn is_running(&self) -> bool {
        self.status.ready.load(Ordering::Acquire)
    }

    pub(super) fn crashes(&self) -> u64 {
        self.status.crashes.load(Ordering::Acquire)
    }

    /// Stops Postgres and waits until it has ended.
    pub(super) fn stop(&self) {
        // The lock is held to the end: a second caller also returns only when Postgres has ended.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stop, thread)) = thread.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread's own side.
struct Keeper {
    launch: Launch,
    /// Disconnected when Postgres shall stop.
    stopped: Receiver<()>,
    status: Arc<Status>,
    _lock: Flock<File>,
}

impl Keeper {
    fn keep(self, tell: &SyncSender<Result<(), Error>>) {
        let mut child = match self.bring_up(Some(self.launch.start_timeout)) {
            Ok(Some(child)) => child,
            Ok(None) => return,
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        let _ = tell.send(Ok(()));
        let mut pause = FIRST_PAUSE;
        loop {
            let since = Instant::now();
            let Some(ended) = self.watch(child) else { return };
            self.status.crashes.fetch_add(1, Ordering::AcqRel);
            let log = self.launch.layout.log();
            log::error!(status:% = ended, log:% = log.display(); "Postgres ended unexpectedly; restarting it");
            if since.elapsed() > STEADY {
                pause = FIRST_PAUSE;
            }
            child = match self.restart(&mut pause) {
                Some(child) => child,
                None => return,
            };
        }
    }

    /// Tries until it runs again; `None` if it shall stop.
    fn restart(&self, pause: &mut Duration) -> Option<Child> {
        loop {
            if self.shall_stop_within(*pause) {
                return None;
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            // Without a time limit: ending a long recovery would only make it begin anew.
            match self.bring_up(None) {
                Ok(Some(child)) => {
                    log::info!(pid = child.id(); "Postgres runs again");
                    return Some(child);
                }
                Ok(None) => return None,
                Err(error) => log::error!(error:%; "Postgres could not be restarted; trying again"),
            }
        }
    }

    /// Spawns, and waits until ready; `None` if it shall stop.
    fn bring_up(&self, limit: Option<Duration>) -> Result<Option<Child>, Error> {
        let layout = &self.launch.layout;
        let pgdata = layout.pgdata();
        await_departure(&pgdata)?;
        let started = Instant::now();
        let (mut child, since) = self.launch.spawn()?;
        loop {
            if let Some(status) = child.try_wait().map_err(io_error("watch", &self.launch.postgres))? {
                let (log, tail) = (layout.log(), layout.log_tail(since));
                return Err(Error::Exited { status: status.to_string(), log, tail });
            }
            if Postmaster::ready(&pgdata).is_some_and(|it| u32::try_from(it.pid) == Ok(child.id())) {
                self.status.pid.store(child.id(), Ordering::Release);
                self.status.ready.store(true, Ordering::Release);
                return Ok(Some(child));
            }
            if self.shall_stop_within(POLL) {
                shut_down(child);
                return Ok(None);
            }
            if let Some(limit) = limit.filter(|limit| started.elapsed() > *limit) {
                let (log, tail) = (layout.log(), layout.log_tail(since));
                shut_down(child);
                return Err(Error::NotReady { seconds: limit.as_secs(), log, tail });
            }
        }
    }

    /// Returns how the server ended by itself; `None` once it was stopped as asked.
    fn watch(&self, mut child: Child) -> Option<String> {
        let ended = loop {
            match child.try_wait() {
                Ok(None) if self.shall_stop_within(WATCH) => {
                    // Not ready from here on, whoever asks; the process id stays until it has ended.
                    self.status.ready.store(false, Ordering::Release);
                    shut_down(child);
                    break None;
                }
                Ok(None) => {}
                Ok(Some(status)) => break Some(status.to_string()),
                Err(error) => break Some(error.to_string()),
            }
        };
        self.status.ready.store(false, Ordering::Release);
        self.status.pid.store(0, Ordering::Release);
        ended
    }

    fn shall_stop_within(&self, pause: Duration) -> bool {
        !matches!(self.stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }
}
