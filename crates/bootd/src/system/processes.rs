//! The table of running processes.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// One running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// Name of its program file, shortened by the kernel.
    pub(crate) name: String,
    /// Waits in the kernel and cannot be interrupted.
    pub(crate) is_stuck: bool,
}

/// The running processes at one moment. Those that have ended and wait to be reaped are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes {
    by_pid: HashMap<i32, Process>,
}

impl Processes {
    /// Reads the table.
    pub(crate) fn read() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid: i32| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                parse(pid, &stat)
            });
        Self {
            by_pid: processes.map(|process| (process.pid, process)).collect(),
        }
    }

    /// Every process below `ancestor`.
    pub(crate) fn descendants(&self, ancestor: i32) -> Vec<&Process> {
        self.by_pid
            .values()
            .filter(|process| self.is_below(process, ancestor))
            .collect()
    }

    /// Every process but one.
    pub(crate) fn except(&self, pid: i32) -> Vec<Process> {
        let others = self.by_pid.values().filter(|process| process.pid != pid);
        others.cloned().collect()
    }

    fn is_below(&self, process: &Process, ancestor: i32) -> bool {
        // The table is not read in one moment, so a chain may be broken or even circular.
        let mut seen = HashSet::new();
        let mut parent = process.parent;
        while seen.insert(parent) {
            if parent == ancestor {
                return true;
            }
            match self.by_pid.get(&parent) {
                Some(process) => parent = process.parent,
                None => return false,
            }
        }
        false
    }
}

impl Process {
    /// A variable of the environment the process was started with.
    ///
    /// Programs that change their title overwrite that memory, so a missing value proves nothing.
    /// That memory of a process stuck in a driver is not looked at: the look could get stuck too.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        if self.is_stuck {
            return None;
        }
        let environment = fs::read(PathBuf::from(format!("/proc/{}/environ", self.pid))).ok()?;
        environment.split(|byte| *byte == 0).find_map(|entry| {
            let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        })
    }

    /// Sends a signal; a process that is gone is what the sender wants.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }
}

/// Reads a line of `/proc/PID/stat`; the name in parentheses may hold anything.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let _group = fields.next()?;
    let session = fields.next()?.parse().ok()?;
    let running = !matches!(state, "Z" | "X" | "x");
    running.then_some(Process {
        pid,
        parent,
        session,
        name,
        is_stuck: state == "D",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
        let process = parse(7, "7 (a) b (c)) S 3 4 5 0 -1").unwrap();
        assert_eq!(
            (process.parent, process.session, process.name.as_str()),
            (3, 5, "a) b (c)")
        );
        assert!(parse(7, "7 (x) D 3 4 5 0").unwrap().is_stuck);
        assert_eq!(parse(7, "7 (x) Z 3 4 5 0"), None);
        assert_eq!(parse(7, "garbage"), None);
    }

    #[test]
    fn descendants_are_found_through_a_circular_table() {
        let process = |pid, parent| Process {
            pid,
            parent,
            session: 0,
            name: String::new(),
            is_stuck: false,
        };
        let table = Processes {
            by_pid: [
                process(2, 1),
                process(3, 2),
                process(4, 9),
                process(8, 9),
                process(9, 8),
            ]
            .into_iter()
            .map(|p| (p.pid, p))
            .collect(),
        };
        let mut below: Vec<_> = table.descendants(1).iter().map(|p| p.pid).collect();
        below.sort_unstable();
        assert_eq!(below, [2, 3]);
    }

    #[test]
    fn the_table_holds_this_process() {
        let me = i32::try_from(std::process::id()).unwrap();
        let table = Processes::read();
        let process = &table.by_pid[&me];
        assert!(
            table
                .descendants(process.parent)
                .iter()
                .any(|p| p.pid == me)
        );
    }
}
