//! How much memory a stack's own processes use: the sum of their proportional set sizes.
//!
//! A page that several processes share counts once in all. Everything in the sandbox counts,
//! unless a program that is not infrastructure started it. Of a program without a sandbox, it and
//! its descendants count.

use std::fmt;
use std::fs;

use anyhow::{Context, ensure};
use nix::unistd::Pid;

use super::processes;

/// The processes of a stack with their sizes in MiB.
#[derive(Debug)]
pub(crate) struct Footprint {
    processes: Vec<(String, f64)>,
}

impl Footprint {
    /// Looks at every process in the sandbox of `init`.
    ///
    /// # Errors
    /// When the sandbox is gone or its sizes cannot be read.
    pub(crate) fn of(init: Pid) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for pid in processes::in_namespace_of(init)? {
            if is_user_program(pid) {
                continue;
            }
            let (Some(name), Some(size)) = (processes::name(pid), proportional_size(pid)?) else {
                continue;
            };
            found.push((name, size));
        }
        ensure!(
            !found.is_empty(),
            "no process has a size; reading it needs root"
        );
        found.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        Ok(Self { processes: found })
    }

    pub(crate) fn total(&self) -> f64 {
        self.processes.iter().map(|(_, size)| size).sum()
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<_> = self
            .processes
            .iter()
            .map(|(name, size)| format!("{name} {size:.1}"))
            .collect();
        f.write_str(&each.join(", "))
    }
}

/// The proportional set sizes of a process and all that descend from it, in MiB.
///
/// # Errors
/// When the sizes cannot be read.
pub(crate) fn of_tree(root: Pid) -> anyhow::Result<f64> {
    let mut sum = proportional_size(root)?
        .with_context(|| format!("process {root} has no size; reading it needs root"))?;
    for pid in processes::tree(root)?.into_iter().skip(1) {
        sum += proportional_size(pid)?.unwrap_or(0.0);
    }
    Ok(sum)
}

/// The proportional set size in MiB; none for a process that is ending.
fn proportional_size(pid: Pid) -> anyhow::Result<Option<f64>> {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
        return Ok(None);
    };
    let Some(line) = text.lines().find(|line| line.starts_with("Pss:")) else {
        return Ok(None);
    };
    let kibibytes: f64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|figure| figure.parse().ok())
        .with_context(|| format!("read the size in {line:?}"))?;
    Ok(Some(kibibytes / 1024.0))
}

/// Whether a program that a user runs, or one that Debian brings, was started here.
fn is_user_program(pid: Pid) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    // A daemon that writes its own title, as sshd does, writes it over its environment.
    let name = processes::name(pid);
    let program = program_of(&environment).or(name.as_deref());
    program.is_some_and(|program| USER_PROGRAMS.contains(&program))
}

/// The program name in `BERTH_INCARNATION=epoch/group:name/number`.
fn program_of(environment: &[u8]) -> Option<&str> {
    let mut entries = environment.split(|byte| *byte == 0);
    let incarnation = entries.find_map(|entry| entry.strip_prefix(b"BERTH_INCARNATION="))?;
    let program = std::str::from_utf8(incarnation).ok()?.split('/').nth(1)?;
    program.split_once(':').map(|(_, name)| name)
}

/// What the instance is rented for, and what Debian brings; the rest is infrastructure.
const USER_PROGRAMS: [&str; 6] = [
    "jupyter",
    "comfyui",
    "tensorboard",
    "syncthing",
    "cron",
    "sshd",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incarnation_names_its_program() {
        let environment = b"PATH=/bin\0BERTH_INCARNATION=12/jupyter:jupyter/3\0HOME=/root\0";
        assert_eq!(program_of(environment), Some("jupyter"));
        assert_eq!(program_of(b"PATH=/bin\0"), None);
    }

    #[test]
    fn this_process_has_a_size() {
        assert!(
            proportional_size(Pid::this())
                .unwrap()
                .is_some_and(|size| size > 0.1)
        );
    }
}
