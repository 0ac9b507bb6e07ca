//! CPU, memory and disk as this container has them: limits of cgroup v1 and v2 before those of the
//! host. A figure that cannot be read is absent, never zero.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::mpsc;

use self::disks::Disks;
use crate::hub::Fact;

pub(crate) use self::disks::Disk;

mod disks;

/// One sample, with the recent past of the two figures that move.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct System {
    /// Percent of the cores in `cpu_cores`; absent in the first sample.
    pub(crate) cpu_percent: Option<f64>,
    /// Cores this container may use; a quota can be a fraction.
    pub(crate) cpu_cores: f64,
    pub(crate) memory_used_bytes: Option<u64>,
    /// The container's limit, or the host's memory if there is none.
    pub(crate) memory_total_bytes: Option<u64>,
    pub(crate) memory_limited: bool,
    pub(crate) disks: Vec<Disk>,
    /// Seconds between two points of the histories, oldest first.
    pub(crate) interval_seconds: u64,
    pub(crate) cpu_history: VecDeque<u8>,
    pub(crate) memory_history: VecDeque<u8>,
}

/// Samples for ever.
pub(crate) async fn follow(workspace: PathBuf, facts: mpsc::Sender<Fact>) {
    let mut sampler = Sampler::new(Path::new("/"));
    let mut disks = Disks::new(workspace);
    let mut tick = tokio::time::interval(INTERVAL);
    // After a pause of the container one sample is due, not one per missed tick.
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let mut system = sampler.sample(Instant::now());
        system.disks = disks.look().await;
        if facts.send(Fact::System(system)).await.is_err() {
            return;
        }
    }
}

/// Reads the files below a root, which tests replace.
#[derive(Debug)]
struct Sampler {
    root: PathBuf,
    before: Option<(Instant, Duration)>,
    cpu_history: VecDeque<u8>,
    memory_history: VecDeque<u8>,
}

impl Sampler {
    fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            before: None,
            cpu_history: VecDeque::new(),
            memory_history: VecDeque::new(),
        }
    }

    fn sample(&mut self, now: Instant) -> System {
        let cpu_cores = self.cores();
        let cpu_percent = self.cpu_percent(now, cpu_cores);
        let host = self.meminfo();
        let limit = self.memory_limit(host.map(|(total, _)| total));
        let total = limit.or_else(|| host.map(|(total, _)| total));
        let used = self.memory_used().or_else(|| {
            let (total, available) = host?;
            Some(total.saturating_sub(available))
        });
        remember(&mut self.cpu_history, cpu_percent);
        remember(&mut self.memory_history, share(used, total));
        System {
            cpu_percent,
            cpu_cores,
            memory_used_bytes: used,
            memory_total_bytes: total,
            memory_limited: limit.is_some(),
            disks: Vec::new(),
            interval_seconds: INTERVAL.as_secs(),
            cpu_history: self.cpu_history.clone(),
            memory_history: self.memory_history.clone(),
        }
    }

    fn cpu_percent(&mut self, now: Instant, cores: f64) -> Option<f64> {
        let used = self.cpu_used()?;
        let (then, before) = self.before.replace((now, used))?;
        let wall = now.saturating_duration_since(then).as_secs_f64();
        // A counter that went back belongs to another cgroup: no figure this time.
        let spent = used.checked_sub(before)?.as_secs_f64();
        let percent = 100.0 * spent / (wall * cores);
        percent.is_finite().then(|| percent.clamp(0.0, 100.0))
    }

    /// CPU time of the container; of the host where the container has no figure of its own.
    fn cpu_used(&self) -> Option<Duration> {
        if let Some(micros) = self
            .text("sys/fs/cgroup/cpu.stat")
            .and_then(|stat| value(&stat, "usage_usec"))
        {
            return Some(Duration::from_micros(micros));
        }
        if let Some(nanos) = self.first_number(&[
            "sys/fs/cgroup/cpuacct/cpuacct.usage",
            "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage",
        ]) {
            return Some(Duration::from_nanos(nanos));
        }
        let stat = self.text("proc/stat")?;
        let mut ticks = stat
            .lines()
            .next()?
            .split_whitespace()
            .skip(1)
            .map(str::parse);
        let mut busy = 0_u64;
        for position in 0..8 {
            let tick: u64 = ticks.next()?.ok()?;
            // Idle and waiting for a disk are not use.
            if position != 3 && position != 4 {
                busy = busy.checked_add(tick)?;
            }
        }
        Some(Duration::from_millis(busy.checked_mul(10)?))
    }

    fn cores(&self) -> f64 {
        let shown = std::thread::available_parallelism().map_or(1.0, |n| {
            f64::from(u32::try_from(n.get()).unwrap_or(u32::MAX))
        });
        match self.cpu_quota() {
            Some(quota) if quota > 0.0 => quota.min(shown),
            Some(_) | None => shown,
        }
    }

    fn cpu_quota(&self) -> Option<f64> {
        if let Some(text) = self.text("sys/fs/cgroup/cpu.max") {
            let (quota, period) = text.trim().split_once(' ')?;
            let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
            return Some(quota / period);
        }
        for dir in ["sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"] {
            let quota = self.text(&format!("{dir}/cpu.cfs_quota_us"));
            let period = self.text(&format!("{dir}/cpu.cfs_period_us"));
            if let (Some(quota), Some(period)) = (quota, period) {
                let (quota, period): (f64, f64) =
                    (quota.trim().parse().ok()?, period.trim().parse().ok()?);
                return (quota > 0.0).then_some(quota / period);
            }
        }
        None
    }

    /// The first plausible limit: soft before hard, as platforms set what was rented as soft.
    fn memory_limit(&self, host: Option<u64>) -> Option<u64> {
        const FILES: [&str; 4] = [
            "sys/fs/cgroup/memory/memory.soft_limit_in_bytes",
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "sys/fs/cgroup/memory.low",
            "sys/fs/cgroup/memory.max",
        ];
        FILES
            .iter()
            .filter_map(|file| self.number(file))
            .find(|limit| *limit > 0 && host.is_none_or(|host| *limit < host))
    }

    /// What the container uses without the page cache that the kernel gives back on demand.
    fn memory_used(&self) -> Option<u64> {
        let (usage, stat, key) = match self.number("sys/fs/cgroup/memory.current") {
            Some(usage) => (usage, "sys/fs/cgroup/memory.stat", "inactive_file"),
            None => (
                self.number("sys/fs/cgroup/memory/memory.usage_in_bytes")?,
                "sys/fs/cgroup/memory/memory.stat",
                "total_inactive_file",
            ),
        };
        let cache = self.text(stat).and_then(|stat| value(&stat, key));
        Some(usage.saturating_sub(cache.unwrap_or(0)))
    }

    fn meminfo(&self) -> Option<(u64, u64)> {
        let text = self.text("proc/meminfo")?;
        let kib = |key| value(&text, key).and_then(|kib| kib.checked_mul(1024));
        Some((kib("MemTotal:")?, kib("MemAvailable:")?))
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.trim().parse().ok()
    }

    fn first_number(&self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|path| self.number(path))
    }
}

/// The number after `key` in a file of `key value` lines.
fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(key)).then(|| words.next()?.parse().ok())?
    })
}

/// `part` of `whole` in percent.
pub(crate) fn share(part: Option<u64>, whole: Option<u64>) -> Option<f64> {
    let (part, whole) = (part?, whole?);
    let thousandths = part.checked_mul(1000)?.checked_div(whole)?;
    u32::try_from(thousandths).ok().map(|t| f64::from(t) / 10.0)
}

fn remember(history: &mut VecDeque<u8>, percent: Option<f64>) {
    let Some(percent) = percent else { return };
    if history.len() == POINTS {
        history.pop_front();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=100 in the same expression"
    )]
    history.push_back(percent.round().clamp(0.0, 100.0) as u8);
}

const INTERVAL: Duration = Duration::from_secs(2);
const POINTS: usize = 90;

#[cfg(test)]
mod tests;
