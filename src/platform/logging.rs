//! The log, on standard error.
//!
//! Warnings and errors are written before the caller goes on. All other lines wait in memory for some milliseconds,
//! so that a request never waits for whoever reads the log; a process that is killed loses at most those.

mod filter;
mod line;
mod writer;

use std::cell::Cell;
use std::io::{Stderr, stderr};
use std::panic;
use std::sync::OnceLock;
use std::thread;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::platform::clock::Clock;
use crate::platform::metrics::Metrics;
use filter::Filter;
use line::Line;
use writer::Writer;

/// One a process.
static LOGGER: OnceLock<Logger> = OnceLock::new();

thread_local! {
    static LINE: Cell<Line> = Cell::default();
}

struct Logger {
    filter: Filter,
    writer: Writer<Stderr>,
}

/// Writes what `filter` lets through, e.g. `info,grantor=debug`, to standard error.
pub fn start(filter: &str) {
    let Some(filter) = Filter::parse(filter) else { return };
    let most = filter.most();
    // A second start in one process (tests) keeps the first logger.
    if LOGGER.set(Logger { filter, writer: Writer::new(stderr()) }).is_err() {
        return;
    }
    let Some(logger) = LOGGER.get() else { return };
    if log::set_logger(logger).is_err() {
        return;
    }
    log::set_max_level(most);
    flush_before_a_panic_is_told();
    if most > LevelFilter::Warn {
        // Without this thread, each line is written at once.
        drop(thread::Builder::new().name("log".into()).spawn(|| logger.writer.run()));
    }
}

/// Whether this says what is logged: levels, or levels of modules.
pub fn is_filter(text: &str) -> bool {
    Filter::parse(text).is_some()
}

/// Writes the lines that wait: before the process ends.
pub fn flush() {
    log::logger().flush();
}

/// Counts in `metrics` the lines that were lost.
pub fn count_lost(metrics: &Metrics) {
    if let Some(logger) = LOGGER.get() {
        metrics.register("log_lines_lost", "Log lines that nobody read in time", logger.writer.lost.clone());
    }
}

fn flush_before_a_panic_is_told() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        flush();
        tell(panic);
    }));
}

/// The line that stands where others are missing.
fn missed(lost: u64) -> String {
    let mut line = Line::default();
    let record = |words| Record::builder().level(Level::Warn).target(module_path!()).args(words).build();
    let words = format_args!("{lost} lines are missing here: the log was not read fast enough");
    line.of(&record(words), Clock::System.now()).to_owned()
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.filter.lets_through(metadata.level(), metadata.target())
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Taken, not borrowed: what is shown may log, too.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        let text = line.of(record, Clock::System.now());
        if record.level() <= Level::Warn {
            self.writer.at_once(text);
        } else {
            self.writer.later(text);
        }
        let _ = LINE.try_with(|kept| kept.set(line));
    }

    fn flush(&self) {
        self.writer.flush();
    }
}
