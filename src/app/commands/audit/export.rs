//! `grantor audit export`

use std::io::{BufWriter, ErrorKind, Stdout, Write};

use super::{known, moment};
use crate::app::commands::{Open, Refusal, Shell};
use crate::audit::export::{Format, exported};
use crate::audit::{Actor, Filter, page};
use chrono::{DateTime, Utc};

/// Events that are read at once.
const PAGE: i64 = 1000;

#[derive(clap::Args)]
pub(in crate::app::commands) struct Args {
    /// In which form.
    #[arg(long, value_enum)]
    format: Form,
    /// From this day (2026-11-21) or moment (2026-11-21T12:00:00Z) on.
    #[arg(long, value_parser = moment)]
    from: Option<DateTime<Utc>>,
    /// Until before this day or moment.
    #[arg(long, value_parser = moment)]
    to: Option<DateTime<Utc>>,
    /// Only of this kind, e.g. code.replayed.
    #[arg(long)]
    kind: Option<String>,
}

/// [`Format`], on the command line.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// A JSON object a line.
    Ndjson,
    /// RFC 4180, for spreadsheets.
    Csv,
    /// A JSON object a line, after the Open Cybersecurity Schema Framework.
    Ocsf,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Ndjson => Self::Ndjson,
            Form::Csv => Self::Csv,
            Form::Ocsf => Self::Ocsf,
        }
    }
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<(), Refusal> {
    let kind = args.kind.as_deref().map(known).transpose()?.map(str::to_owned);
    let format = Format::from(args.format);
    let now = shell.clock.now();
    let filter = Filter { from: args.from, to: args.to.or(Some(now)), kind, ..Filter::default() };
    let open = shell.open()?;
    open.act(shell, |work| {
        // Before the first line of it, since whoever takes a copy may take what there is and leave.
        work.tell(exported(Actor::Operator, format, &filter));
        Ok(Ok(()))
    })?;
    match write_all(&open, format, filter, &mut BufWriter::new(std::io::stdout())) {
        // Whoever reads has read enough, as `head` does.
        Err(Broken::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Broken::Output(error)) => Err(Refusal::new(error)),
        Err(Broken::Reading(refusal)) => Err(refusal),
        Ok(()) => Ok(()),
    }
}

/// What ended an export early.
enum Broken {
    Output(std::io::Error),
    Reading(Refusal),
}

fn write_all(
    open: &Open,
    format: Format,
    mut filter: Filter,
    output: &mut BufWriter<Stdout>,
) -> Result<(), Broken> {
    let broken = |fault| Broken::Reading(Refusal::from(fault));
    if let Some(head) = format.head() {
        writeln!(output, "{head}").map_err(Broken::Output)?;
    }
    loop {
        let events = open.ledger.read_here(|connection| page(connection, &filter, PAGE)).map_err(broken)?;
        for event in &events {
            writeln!(output, "{}", format.line(event).map_err(broken)?).map_err(Broken::Output)?;
        }
        let Some(last) = events.last() else { return output.flush().map_err(Broken::Output) };
        filter.after = Some((last.occurred_at, last.id));
    }
}
