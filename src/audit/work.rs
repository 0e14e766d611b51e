//! The work of one act: its connection, its moment, its trail.

use std::ops::{Deref, DerefMut};

use chrono::{DateTime, Utc};

use crate::audit::{Event, store};
use crate::kernel::{Fault, Stale};
use crate::platform::context::Context;
use crate::platform::db::Connection;

/// A transaction under way. Stores that write ask for one, so nothing is written outside an act; reading
/// stores take the [`Connection`] it derefs to.
pub struct Work<'a> {
    connection: &'a mut Connection,
    context: &'a Context,
    trail: &'a mut Trail,
}

/// What the act leaves in the log.
#[derive(Default)]
pub(super) struct Trail {
    pub(super) events: Vec<Event>,
    pub(super) keep: bool,
    pub(super) silent: bool,
    pub(super) stale: Vec<Stale>,
}

impl<'a> Work<'a> {
    pub(super) fn new(connection: &'a mut Connection, context: &'a Context, trail: &'a mut Trail) -> Self {
        Self { connection, context, trail }
    }

    /// The moment of the act.
    pub fn now(&self) -> DateTime<Utc> {
        self.context.now
    }

    /// The request that caused it.
    pub fn context(&self) -> &Context {
        self.context
    }

    /// Puts an event on the trail; it is written with the act.
    pub fn tell(&mut self, event: Event) {
        self.trail.events.push(event);
    }

    /// The same of what must be there once, however often it was tried to tell it: of this request these events are written
    /// once, also where nobody knows what became of an earlier attempt.
    pub fn tell_once(&mut self, events: Vec<Event>) -> Result<(), Fault> {
        for event in events {
            if store::is_told(self.connection, self.context, &event)? {
                self.nothing_to_tell("an earlier attempt did");
            } else {
                self.tell(event);
            }
        }
        Ok(())
    }

    /// Keeps what was written although the answer will be a denial: the refusal itself requires it.
    pub fn keep(&mut self) {
        self.trail.keep = true;
    }

    /// Names what the caches of every node must forget once this act is committed.
    pub fn stale(&mut self, stale: Stale) {
        self.trail.stale.push(stale);
    }

    /// Declares that this act is not one the log tells of; the reason is for the reader.
    pub fn nothing_to_tell(&mut self, _reason: &'static str) {
        self.trail.silent = true;
    }
}

impl Deref for Work<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl DerefMut for Work<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}
