//! The machine, and whether it is quiet.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio_postgres::{Client, NoTls};

use crate::cpu::of_machine;

/// How long it is watched, and what share of one core others may use.
const WATCH: Duration = Duration::from_secs(2);
pub const QUIET: f64 = 10.0;

/// Says when others use the machine: rates are then worth little, and ratios less.
pub async fn warn_if_busy() -> Result<()> {
    let (before, started) = (of_machine()?, Instant::now());
    tokio::time::sleep(WATCH).await;
    let others = (of_machine()? - before) * 100.0 / started.elapsed().as_secs_f64();
    if others > QUIET {
        eprintln!("WARNING: others use {others:.0} % of a core: this is a smoke test, not a measurement.");
    }
    Ok(())
}

/// A connection to a database of the run.
pub async fn connect(database: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(database, NoTls).await.context("the run's Postgres")?;
    tokio::spawn(connection);
    Ok(client)
}

/// What the figures were taken on. Refuses a Postgres that is not durable: it would prove nothing.
pub async fn description(database: &str) -> Result<String> {
    let client = connect(database).await?;
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let value = show(&client, setting).await?;
        ensure!(value == "on", "Postgres has {setting} = {value}: what it commits is not durable");
    }
    let cores = std::thread::available_parallelism()?;
    let memory = line_of("/proc/meminfo", "MemTotal").and_then(|size| gigabytes(&size)).unwrap_or_default();
    let processor =
        line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    Ok(format!(
        "{cores} cores ({processor}), {memory} GB of memory, Linux {}; PostgreSQL {} with fsync, \
         synchronous_commit and full_page_writes on, shared_buffers {}; {}",
        read("/proc/sys/kernel/osrelease"),
        show(&client, "server_version").await?,
        show(&client, "shared_buffers").await?,
        rustc(),
    ))
}

async fn show(client: &Client, setting: &str) -> Result<String> {
    Ok(client.query_one(&format!("SHOW {setting}"), &[]).await?.get(0))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn line_of(path: &str, name: &str) -> Option<String> {
    let text = read(path);
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn gigabytes(kilobytes: &str) -> Option<u64> {
    Some(kilobytes.split(' ').next()?.parse::<u64>().ok()?.div_ceil(1024 * 1024))
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    version.map_or_else(|| "rustc unknown".to_owned(), |version| version.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_told_in_gigabytes() {
        assert_eq!(super::gigabytes("8000000 kB"), Some(8));
        assert_eq!(super::gigabytes("much"), None);
    }
}
