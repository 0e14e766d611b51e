//! Who used the processors, and how much memory: from /proc.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context as _, Result};
use nix::unistd::{SysconfVar, sysconf};

/// CPU seconds used so far.
#[derive(Clone, Copy)]
pub struct Used {
    /// By the server.
    pub server: f64,
    /// By its Postgres.
    pub postgres: f64,
    /// By us.
    pub generator: f64,
    /// By everybody on the machine.
    pub machine: f64,
}

impl Used {
    /// By a server and its Postgres until now.
    pub fn until_now(server: u32, postgres: u32) -> Result<Self> {
        Ok(Self {
            server: of_process(server)?,
            postgres: of_family(postgres)?,
            generator: of_process(std::process::id())?,
            machine: of_machine()?,
        })
    }

    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            server: self.server - before.server,
            postgres: self.postgres - before.postgres,
            generator: self.generator - before.generator,
            machine: self.machine - before.machine,
        }
    }

    /// What none of ours used: noise.
    pub fn other(self) -> f64 {
        (self.machine - self.server - self.postgres - self.generator).max(0.0)
    }
}

/// The fields of a process's `stat` that follow its name.
fn stat(pid: u32) -> Result<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    let (_, fields) = text.rsplit_once(") ").context("a name in parentheses")?;
    Ok(fields.split(' ').map(|field| field.trim().parse().unwrap_or_default()).collect())
}

/// Where fields stand, counted from the one after the name (proc_pid_stat(5)).
const PARENT: usize = 1;
const OWN: [usize; 2] = [11, 12];
const OF_THE_DEAD: [usize; 2] = [13, 14];

fn seconds(stat: &[u64], fields: [usize; 2]) -> Result<f64> {
    let ticks: u64 = fields.iter().filter_map(|field| stat.get(*field)).sum();
    Ok(ticks as f64 / ticks_a_second()?)
}

fn ticks_a_second() -> Result<f64> {
    Ok(sysconf(SysconfVar::CLK_TCK)?.context("a tick has a length")? as f64)
}

fn of_process(pid: u32) -> Result<f64> {
    seconds(&stat(pid)?, OWN)
}

/// A process, its children, and those of them that have ended meanwhile.
fn of_family(pid: u32) -> Result<f64> {
    let parent = stat(pid)?;
    let mut sum = seconds(&parent, OWN)? + seconds(&parent, OF_THE_DEAD)?;
    for child in fs::read_dir("/proc")?.flatten() {
        // Whoever ends while we look is counted by its parent the next time.
        let child =
            child.file_name().to_str().and_then(|name| name.parse().ok()).and_then(|pid| stat(pid).ok());
        if let Some(child) = child.filter(|child| child.get(PARENT) == Some(&u64::from(pid))) {
            sum += seconds(&child, OWN)?;
        }
    }
    Ok(sum)
}

/// All but idling and waiting for disks.
pub fn of_machine() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let fields: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| fields.get(*field)).sum();
    Ok(busy as f64 / ticks_a_second()?)
}

/// Megabytes of memory that a process holds.
pub fn resident_mb(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let fields: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let kilobytes = fields.get("VmRSS").and_then(|size| size.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes.context("how much memory it holds")?.parse()?;
    Ok(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_does_is_seen() {
        let own = std::process::id();
        let before = Used::until_now(own, own).unwrap();
        let work = |used: Used| used.server < 0.1;
        while work(Used::until_now(own, own).unwrap().since(before)) {
            std::hint::black_box(resident_mb(own).unwrap());
        }
        let used = Used::until_now(own, own).unwrap().since(before);
        assert!(used.machine >= 0.1 && used.postgres >= 0.1, "the machine and the family include it");
        assert!(resident_mb(own).unwrap() > 0.1);
    }
}
