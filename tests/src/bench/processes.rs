//! Questions about processes, answered by /proc. Processes may end while we look: they are skipped.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// The processes in the pid namespace of `init`, itself included.
///
/// # Errors
/// When `init` is gone.
pub(crate) fn in_namespace_of(init: Pid) -> anyhow::Result<Vec<Pid>> {
    let namespace = |pid: Pid| fs::read_link(format!("/proc/{pid}/ns/pid"));
    let wanted = namespace(init).with_context(|| format!("look at process {init}"))?;
    Ok(all()?
        .into_iter()
        .filter(|pid| namespace(*pid).is_ok_and(|its| its == wanted))
        .collect())
}

/// The direct children of a process.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn children_of(parent: Pid) -> anyhow::Result<Vec<Pid>> {
    Ok(all()?
        .into_iter()
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect())
}

/// A process and all that descend from it.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn tree(root: Pid) -> anyhow::Result<Vec<Pid>> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        found.extend(children_of(*parent)?);
        next += 1;
    }
    Ok(found)
}

/// The processor time, user and system, of a process and all that descend from it, whether they
/// still run or not.
///
/// # Errors
/// When the process is gone.
pub(crate) fn processor_time(root: Pid) -> anyhow::Result<Duration> {
    let own = ticks(root).with_context(|| format!("read the processor time of {root}"))?;
    let descendants = tree(root)?.into_iter().skip(1);
    in_ticks(own + descendants.filter_map(ticks).sum::<i64>())
}

/// The processor time of everything on the machine since it was started, and what its hypervisor
/// took away.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn busy_time() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let figures = stat.lines().next().unwrap_or_default().split_whitespace();
    let figures: Vec<i64> = figures.skip(1).filter_map(|f| f.parse().ok()).collect();
    let [user, nice, system, _idle, _waiting, irq, softirq, steal, ..] = figures[..] else {
        bail!("/proc/stat has another form: {figures:?}");
    };
    in_ticks(user + nice + system + irq + softirq + steal)
}

fn in_ticks(ticks: i64) -> anyhow::Result<Duration> {
    let second = sysconf(SysconfVar::CLK_TCK)?.context("ask for the length of a tick")?;
    Ok(Duration::from_secs(u64::try_from(ticks)?) / u32::try_from(second)?)
}

/// The name of the program a process runs.
pub(crate) fn name(pid: Pid) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn all() -> anyhow::Result<Vec<Pid>> {
    let entries = fs::read_dir("/proc").context("read /proc")?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names
        .filter_map(|name| name.parse().ok())
        .map(Pid::from_raw)
        .collect())
}

fn parent_of(pid: Pid) -> Option<Pid> {
    let parent = stat(pid, PARENT)?;
    Some(Pid::from_raw(i32::try_from(parent).ok()?))
}

/// Of a process and of those it has waited for.
fn ticks(pid: Pid) -> Option<i64> {
    TIMES.into_iter().map(|place| stat(pid, place)).sum()
}

/// A number of /proc/PID/stat, by its place as in proc(5).
fn stat(pid: Pid, place: usize) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses, which is the second, may hold anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_whitespace().nth(place - 3)?.parse().ok()
}

const PARENT: usize = 4;
/// User and system, its own and of children that have ended.
const TIMES: [usize; 4] = [14, 15, 16, 17];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_this_process_in_its_own_namespace() {
        let me = Pid::this();
        assert!(in_namespace_of(me).unwrap().contains(&me));
        assert_eq!(parent_of(me), Some(Pid::parent()));
        assert!(name(me).is_some());
    }

    #[test]
    fn a_process_that_works_uses_processor_time() {
        let me = Pid::this();
        assert_eq!(tree(me).unwrap()[0], me);
        let before = processor_time(me).unwrap();
        let busy = busy_time().unwrap();
        while processor_time(me).unwrap() == before || busy_time().unwrap() == busy {}
    }
}
