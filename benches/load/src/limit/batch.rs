//! Group commit: whatever waits is written by one statement of its kind and one commit, and answered after it.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tokio::sync::{mpsc, oneshot};

use crate::store::{Rotation, Store};
use crate::tokens::Hash;

/// How many may wait, and how many are written at once.
const QUEUE: usize = 4096;
const BATCH: usize = 256;
const LIFETIME_S: i64 = 86_400;

/// What is to be written.
pub enum Act {
    /// A new token.
    Insert(Hash),
    /// One for two others.
    Rotate(Rotation),
    /// A token that is taken back.
    Revoke(Hash),
}

struct Waiting {
    act: Act,
    done: oneshot::Sender<bool>,
}

/// The way to the writer.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    /// Starts the writer, with a connection of its own.
    pub async fn start(database: &str) -> Result<Self> {
        let store = Store::open(database).await?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        actix_web::rt::spawn(write(store, receiver));
        Ok(Self(sender))
    }

    /// Whether the act is committed.
    pub async fn commit(&self, act: Act) -> bool {
        let (done, answer) = oneshot::channel();
        self.0.send(Waiting { act, done }).await.is_ok() && answer.await.unwrap_or(false)
    }
}

async fn write(store: Store, mut receiver: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut waiting, BATCH).await > 0 {
        let written = Written::of(&store, std::mem::take(&mut waiting)).await;
        written.answer();
    }
}

/// A batch, sorted by kind, with what became of it.
#[derive(Default)]
struct Written {
    inserts: Vec<oneshot::Sender<bool>>,
    inserted: bool,
    rotations: Vec<(Hash, oneshot::Sender<bool>)>,
    rotated: HashSet<Vec<u8>>,
    revocations: Vec<oneshot::Sender<bool>>,
    revoked: bool,
}

impl Written {
    async fn of(store: &Store, waiting: Vec<Waiting>) -> Self {
        let mut batch = Self::default();
        let (mut inserts, mut rotations, mut revocations) = (Vec::new(), Vec::new(), Vec::new());
        for Waiting { act, done } in waiting {
            match act {
                Act::Insert(hash) => {
                    inserts.push(hash);
                    batch.inserts.push(done);
                }
                Act::Rotate(rotation) => {
                    batch.rotations.push((rotation.access, done));
                    rotations.push(rotation);
                }
                Act::Revoke(hash) => {
                    revocations.push(hash);
                    batch.revocations.push(done);
                }
            }
        }
        let expires_at = now() + LIFETIME_S;
        // One connection runs them one after the other, but need not wait for us in between.
        let (inserted, rotated, revoked) = tokio::join!(
            store.insert(&inserts, expires_at),
            store.rotate(&rotations, expires_at),
            store.revoke(&revocations)
        );
        batch.inserted = inserted.is_ok();
        batch.rotated = rotated.unwrap_or_default().into_iter().collect();
        batch.revoked = revoked.is_ok();
        batch
    }

    fn answer(self) {
        for done in self.inserts {
            let _ = done.send(self.inserted);
        }
        for (access, done) in self.rotations {
            let _ = done.send(self.rotated.contains(access.as_slice()));
        }
        for done in self.revocations {
            let _ = done.send(self.revoked);
        }
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
