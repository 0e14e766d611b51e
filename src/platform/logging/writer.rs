//! Lines on their way out: gathered in memory and written many at once, by a thread of their own.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

/// Bytes of lines that may wait. A reader who is slower than that misses some, and is told how many.
const MOST: usize = 4 << 20;

/// Bytes of room that are kept for the next lines.
const KEPT: usize = 256 << 10;

/// How long lines gather before they are written: unnoticed by a reader, and many lines on a busy server.
const GATHER: Duration = Duration::from_millis(10);

/// Where lines go.
pub(super) struct Writer<W> {
    /// Whether somebody writes what is queued. Until then every line is written at once.
    gathers: AtomicBool,
    queue: Mutex<Queue>,
    came: Condvar,
    // Locked before the queue, never while it is held: what was taken out first is written first.
    sink: Mutex<Sink<W>>,
    /// Lines that were never written.
    pub(super) lost: Counter,
}

#[derive(Default)]
struct Queue {
    text: Vec<u8>,
    lost: u64,
}

struct Sink<W> {
    out: W,
    spare: Vec<u8>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            gathers: AtomicBool::new(false),
            queue: Mutex::default(),
            came: Condvar::new(),
            sink: Mutex::new(Sink { out, spare: Vec::new() }),
            lost: Counter::default(),
        }
    }

    /// Writes what is queued, for ever.
    pub(super) fn run(&self) {
        self.gathers.store(true, Ordering::Release);
        loop {
            let queue = held(&self.queue);
            drop(self.came.wait_while(queue, |queue| queue.text.is_empty()));
            thread::sleep(GATHER);
            self.flush();
        }
    }

    /// Leaves a line to be written soon. Waits for nobody: where there is no room, it is lost, and counted.
    pub(super) fn later(&self, line: &str) {
        if !self.gathers.load(Ordering::Acquire) {
            return self.at_once(line);
        }
        let mut queue = held(&self.queue);
        if queue.text.len() + line.len() > MOST {
            queue.lost += 1;
            self.lost.inc();
            return;
        }
        let is_first = queue.text.is_empty();
        queue.text.extend_from_slice(line.as_bytes());
        drop(queue);
        if is_first {
            self.came.notify_one();
        }
    }

    /// Writes a line, behind those that wait, before it returns.
    pub(super) fn at_once(&self, line: &str) {
        held(&self.queue).text.extend_from_slice(line.as_bytes());
        self.flush();
    }

    /// Writes what waits, before it returns.
    pub(super) fn flush(&self) {
        let mut sink = held(&self.sink);
        let Sink { out, spare } = &mut *sink;
        let lost = {
            let mut queue = held(&self.queue);
            std::mem::swap(&mut queue.text, spare);
            std::mem::take(&mut queue.lost)
        };
        // When nobody can read, there is nobody to tell.
        let _ = out.write_all(spare);
        if lost > 0 {
            let _ = out.write_all(super::missed(lost).as_bytes());
        }
        let _ = out.flush();
        spare.clear();
        spare.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    fn gathering() -> Writer<Vec<u8>> {
        let writer = Writer::new(Vec::new());
        writer.gathers.store(true, Ordering::Release);
        writer
    }

    fn written(writer: &Writer<Vec<u8>>) -> String {
        String::from_utf8(std::mem::take(&mut held(&writer.sink).out)).unwrap()
    }

    #[test]
    fn without_anybody_to_write_them_lines_are_written_at_once() {
        let writer = Writer::new(Vec::new());
        writer.later("one\n");
        assert_eq!(written(&writer), "one\n");
    }

    #[test]
    fn what_must_be_seen_is_written_at_once_and_in_order() {
        let writer = gathering();
        writer.later("one\n");
        assert_eq!(written(&writer), "");
        writer.at_once("two\n");
        assert_eq!(written(&writer), "one\ntwo\n");
        writer.later("three\n");
        writer.flush();
        assert_eq!(written(&writer), "three\n");
    }

    #[test]
    fn lines_beyond_the_room_are_lost_and_counted_and_it_is_said() {
        let writer = gathering();
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..MOST / line.len() + 3 {
            writer.later(&line);
        }
        writer.flush();
        let text = written(&writer);
        assert_eq!(text.lines().filter(|read| *read == line.trim_end()).count(), MOST / line.len());
        let last = text.lines().last().unwrap();
        assert!(last.ends_with("3 lines are missing here: the log was not read fast enough"), "{last}");
        assert_eq!(writer.lost.get(), 3);
        writer.later("next\n");
        writer.flush();
        assert_eq!(written(&writer), "next\n");
        assert!(held(&writer.sink).spare.capacity() <= KEPT);
    }

    struct Heard(Sender<Vec<u8>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_wait_are_written_without_being_asked_for() {
        let (sender, heard) = channel();
        let writer = Arc::new(Writer::new(Heard(sender)));
        let own = Arc::clone(&writer);
        thread::spawn(move || own.run());
        for line in ["one\n", "two\n"] {
            writer.later(line);
            let mut text = Vec::new();
            while text != line.as_bytes() {
                text.extend(heard.recv_timeout(Duration::from_secs(60)).unwrap());
            }
        }
    }
}
