//! Questions about processes, answered by /proc. Processes may end while we look: they are skipped.

use std::fs;

use anyhow::Context;
use nix::unistd::Pid;

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
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the state and the parent follow it.
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
        .map(Pid::from_raw)
}

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
}
