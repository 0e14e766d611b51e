//! What many live tokens change: the same workloads over a small and a large database by turns, and then a day's
//! tokens dropped while requests go on. At the end what Grantor weighs, which needs no tokens.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::fill::Filler;
use crate::footprint;
use crate::home::Home;
use crate::machine;
use crate::options::{Growth, built};
use crate::purge;
use crate::report;
use crate::table::thousands;
use crate::target::Target;
use crate::turns;

/// Ten times the tokens may cost a tenth of the rate.
const SHARE: f64 = 90.0;

/// Grows and measures, within the minutes there are.
pub async fn run(growth: &Growth) -> Result<()> {
    let most = Duration::from_secs(growth.minutes * 60);
    let grown = tokio::time::timeout(most, grow(growth)).await;
    grown.with_context(|| format!("it took longer than {} minutes (--minutes)", growth.minutes))?
}

async fn grow(growth: &Growth) -> Result<()> {
    let [small, large] = growth.sizes[..] else {
        anyhow::bail!("--sizes takes two, a small one and a large one")
    };
    let home = Home::make(&growth.measure.place.dir())?;
    let mut few = grown(small, &home, "few", growth).await?;
    let mut many = grown(large, &home, "many", growth).await?;
    let machine = machine::description(&many.grantor.database()?).await?;
    let pairs = turns::all(&growth.measure, &mut few, &mut many).await?;
    drop(few);
    let markdown = growth.measure.place.markdown;
    let table = report::shares(&pairs, &thousands(small as f64), &thousands(large as f64), Some(SHARE));
    println!("{machine}\n\nlive tokens:\n\n{}", table.shown(markdown));

    let purged = purge::under_load(&mut many, small, growth.measure.plan()).await?;
    println!("{}", purged.shown(markdown));
    for doubt in report::doubts(&pairs) {
        println!("DOUBT: {doubt}");
    }
    drop(many);
    footprint::run(&growth.weight, &home, markdown).await
}

/// A Grantor with so many live tokens.
async fn grown(size: u64, home: &Home, name: &str, growth: &Growth) -> Result<Target> {
    let visitors = growth.measure.plan().connections;
    let data = home.path().join(name);
    let mut target = Target::grantor(&thousands(size as f64), &built("grantor")?, &data, visitors).await?;
    Filler::open(&mut target).await?.live(&mut target, size).await?;
    Ok(target)
}
