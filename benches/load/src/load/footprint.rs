//! What Grantor weighs: its file, its memory, and the time until it answers.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;

use crate::cast::MACHINE;
use crate::cpu::resident_mb;
use crate::figures::middle;
use crate::grantor::Grantor;
use crate::home::Home;
use crate::machine;
use crate::options::{Weight, built};
use crate::table::{Table, thousands};
use crate::target::Target;
use crate::visitor::Visitor;

const VISITORS: usize = 64;
/// How often it is started.
const STARTS: usize = 5;
/// What it may settle in.
const SETTLE: Duration = Duration::from_secs(3);
/// How long it may be asked.
const MOST: Duration = Duration::from_secs(600);

/// Measures all of it.
pub async fn run(weight: &Weight, home: &Home, markdown: bool) -> Result<()> {
    let program = built("grantor")?;
    let mut table = Table::new(["what", "is", "at most"]);
    let size = std::fs::metadata(&program)?.len() as f64 / 1e6;
    table.row(["release binary".to_owned(), format!("{size:.1} MB"), "25 MB".to_owned()]);

    let mut target = Target::grantor("Grantor", &program, &home.path().join("grantor"), VISITORS).await?;
    let machine = machine::description(&target.grantor.database()?).await?;
    for (what, time, most) in starts(&target.grantor, home.path()).await? {
        table.row([what.to_owned(), format!("{time:.0} ms"), most.to_owned()]);
    }
    tokio::time::sleep(SETTLE).await;
    let idle = resident_mb(target.server)?;
    table.row(["resident, idle".to_owned(), format!("{idle:.1} MB"), "15 MB".to_owned()]);
    let asked = ask(&mut target, weight.requests).await?;
    let after = resident_mb(target.server)?;
    let requests = format!("resident, after {} requests", thousands(asked as f64));
    table.row([requests, format!("{after:.1} MB"), "40 MB".to_owned()]);
    println!("{machine}\n\n{}", table.shown(markdown));
    Ok(())
}

/// From the start of the process to its first answer: over a database that runs, and over its own, which it must start
/// first.
async fn starts(running: &Grantor, home: &Path) -> Result<[(&'static str, f64, &'static str); 2]> {
    let (mut beside, mut own) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        beside.push(until_answered(Grantor::start_beside(running, &home.join("beside"))).await?);
        own.push(until_answered(Grantor::start(running.program(), &home.join("own"))).await?);
    }
    // The first start made the database.
    own.remove(0);
    Ok([
        ("first answer after start, over a Postgres that runs", middle(beside), "100 ms"),
        ("first answer after start, its private Postgres included", middle(own), ""),
    ])
}

async fn until_answered(start: impl Future<Output = Result<Grantor>>) -> Result<f64> {
    let started = Instant::now();
    let grantor = start.await?;
    Visitor::arrive(grantor.host).await?.fetch("/readyz").await.context("its first answer")?;
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

/// Half for new tokens, half about them; how many requests it were.
async fn ask(target: &mut Target, requests: u64) -> Result<u64> {
    target.reconnect().await?;
    let each = requests.div_ceil(2 * VISITORS as u64);
    let started = Instant::now();
    let ask = async |visitor: &mut Visitor| {
        for done in 0..each {
            if started.elapsed() > MOST {
                return anyhow::Ok(done);
            }
            let token = visitor.client_credentials(&MACHINE).await?.to_owned();
            visitor.introspect(&token).await?;
        }
        Ok(each)
    };
    let done = try_join_all(target.visitors.iter_mut().map(ask)).await?;
    Ok(done.iter().sum::<u64>() * 2)
}
