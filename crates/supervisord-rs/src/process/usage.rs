//! What processes use, read from `/proc` when somebody asks.

use std::{collections::BTreeMap, fs, time::Duration};

use nix::unistd::{SysconfVar, sysconf};

use super::reaper::ticks;

/// What a process group uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time, with that of children that have ended.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    pub(crate) processes: u32,
    pub(crate) threads: u32,
}

/// The usage of every process group there is, by its number.
pub(crate) fn by_group() -> BTreeMap<i32, Usage> {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page
        .and_then(|page| u64::try_from(page).ok())
        .unwrap_or(4096);
    let mut groups = BTreeMap::<i32, Usage>::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        return groups;
    };
    for entry in entries.flatten() {
        let numbered = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if !numbered {
            continue;
        }
        let stat = fs::read_to_string(entry.path().join("stat"));
        if let Some((group, usage)) = stat.ok().and_then(|stat| parse(&stat, page)) {
            let sum = groups.entry(group).or_default();
            sum.cpu += usage.cpu;
            sum.resident += usage.resident;
            sum.processes += usage.processes;
            sum.threads += usage.threads;
        }
    }
    groups
}

/// Understands a line of `/proc/PID/stat`; the name in parentheses may hold anything.
fn parse(stat: &str, page: u64) -> Option<(i32, Usage)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Numbered as in proc(5), of which the first two stand before the name's end.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |n: usize| field(n)?.parse::<u64>().ok();
    let time = [14, 15, 16, 17].into_iter().filter_map(number).sum();
    Some((
        field(5)?.parse().ok()?,
        Usage {
            cpu: ticks(time),
            resident: number(24)? * page,
            processes: 1,
            threads: u32::try_from(number(20)?).ok()?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood_whatever_the_name() {
        let line = "7 (a) b (c) S 1 42 42 0 -1 4194304 1 2 0 0 100 50 3 2 20 0 4 0 1000 8192 10 0";
        let (group, usage) = parse(line, 4096).unwrap();
        assert_eq!(group, 42);
        assert_eq!((usage.resident, usage.threads), (40_960, 4));
        assert_eq!(usage.cpu, ticks(155));
        assert!(parse("nonsense", 4096).is_none());
    }

    #[test]
    fn our_own_group_is_among_them() {
        let own = nix::unistd::getpgrp().as_raw();
        assert!(by_group()[&own].resident > 0);
    }
}
