//! What is told of quotas that run out: beside the calls, none of which waits for it or fails for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout_at};

use crate::audit::{Actor, Event, Kind, Ledger};
use crate::kernel::{Fault, PrincipalId};
use crate::limits::stores::Milestone;
use crate::limits::verdict::Warning;
use crate::platform::context::Context;

/// So many wait to be told, at most: each limit of somebody has two in its window.
const MOST: usize = 10_000;

/// The pauses between attempts, while the database is away.
const BACK_OFF: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_secs(1);

/// How long the last ones are tried, once the process is to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// The way of warnings into the log of events. Cheap to clone.
#[derive(Clone)]
pub struct Warnings {
    queue: mpsc::Sender<Due>,
}

/// A call that reached something, and the moment it did.
struct Due {
    context: Context,
    account: PrincipalId,
    warnings: Vec<Warning>,
}

impl Warnings {
    /// A way, and who tells what comes.
    pub fn new(ledger: Ledger) -> (Self, Teller) {
        let (queue, due) = mpsc::channel(MOST);
        (Self { queue }, Teller { due, ledger })
    }

    /// Has something told soon.
    pub(super) fn tell(&self, context: &Context, account: PrincipalId, warnings: &[Warning]) {
        if warnings.is_empty() {
            return;
        }
        let due = Due { context: context.clone(), account, warnings: warnings.to_vec() };
        if self.queue.try_send(due).is_err() {
            log::error!("a warning of account {account} is lost: too many wait to be told");
        }
    }
}

/// Tells of each once.
pub struct Teller {
    due: mpsc::Receiver<Due>,
    ledger: Ledger,
}

impl Teller {
    /// Tells what comes until `over` is notified, and then what is left.
    pub async fn tell_until(mut self, over: Arc<Notify>) {
        let mut under_way = None;
        tokio::select! {
            () = self.tell_all(&mut under_way) => {}
            () = over.notified() => {}
        }
        self.due.close();
        let farewell = Instant::now() + FAREWELL;
        if timeout_at(farewell.into(), self.tell_all(&mut under_way)).await.is_err() {
            log::error!("warnings are lost, {} calls: the database is away", self.due.len() + 1);
        }
    }

    /// `under_way`: what is told at the moment, for whoever goes on after this was broken off.
    async fn tell_all(&mut self, under_way: &mut Option<Due>) {
        loop {
            if under_way.is_none() {
                *under_way = self.due.recv().await;
            }
            let Some(due) = under_way else { return };
            tell(&self.ledger, due).await;
            *under_way = None;
        }
    }
}

/// Tries until it is told.
async fn tell(ledger: &Ledger, due: &Due) {
    let mut pause = BACK_OFF.start;
    while let Err(fault) = attempt(ledger, due).await {
        if pause == BACK_OFF.start {
            log::warn!("a warning waits to be told: {fault}");
        }
        sleep(pause).await;
        pause = (pause * 2).min(BACK_OFF.end);
    }
}

async fn attempt(ledger: &Ledger, due: &Due) -> Result<(), Fault> {
    let events: Vec<Event> = due.warnings.iter().map(|warning| event(due.account, warning)).collect();
    let told = ledger.act(&due.context, move |work| work.tell_once(events).map(Ok)).await?;
    told.map_err(|_| Fault::internal("a warning was refused"))
}

fn event(account: PrincipalId, warning: &Warning) -> Event {
    let kind = match warning.used {
        Milestone::Most => Kind::QuotaWarning,
        Milestone::All => Kind::QuotaExceeded,
    };
    let data = json!({ "limit": warning.name, "quota": warning.quota });
    Event::new(kind, Actor::Anonymous).on("account", account).with(data)
}
