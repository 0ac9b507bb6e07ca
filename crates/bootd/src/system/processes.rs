//! The table of running processes.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    time::{ClockId, clock_gettime},
    unistd::{Pid, SysconfVar, sysconf},
};

/// One running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// Its start in clock ticks after that of the machine, which tells it from others that have had
    /// its number.
    pub(crate) started: u64,
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

    /// The process with this number.
    pub(crate) fn get(&self, pid: i32) -> Option<&Process> {
        self.by_pid.get(&pid)
    }

    /// The parent of a process, the parent's parent, and so on.
    pub(crate) fn ancestors(&self, process: &Process) -> impl Iterator<Item = &Process> {
        // The table is not read in one moment, so a line may be broken or even circular.
        let mut seen = HashSet::from([process.pid]);
        let mut next = process.parent;
        std::iter::from_fn(move || {
            let parent = self.by_pid.get(&next).filter(|_| seen.insert(next))?;
            next = parent.parent;
            Some(parent)
        })
    }

    /// Every process but one.
    pub(crate) fn except(&self, pid: i32) -> Vec<Process> {
        let others = self.by_pid.values().filter(|process| process.pid != pid);
        others.cloned().collect()
    }

    fn is_below(&self, process: &Process, ancestor: i32) -> bool {
        let mut line = std::iter::once(process).chain(self.ancestors(process));
        line.any(|process| process.parent == ancestor)
    }
}

#[cfg(test)]
impl FromIterator<Process> for Processes {
    fn from_iter<T: IntoIterator<Item = Process>>(processes: T) -> Self {
        Self {
            by_pid: processes.into_iter().map(|p| (p.pid, p)).collect(),
        }
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
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    let started = fields.nth(START_AFTER_SESSION)?.parse().ok()?;
    let running = !matches!(state, "Z" | "X" | "x");
    running.then_some(Process {
        pid,
        parent,
        group,
        session,
        started,
        name,
        is_stuck: state == "D",
    })
}

/// When the process was started whose number this is, also if it has ended and waits to be reaped;
/// in clock ticks after the start of the machine.
pub(crate) fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let started = fields.split_ascii_whitespace().nth(START_AFTER_NAME)?;
    started.parse().ok()
}

/// The program file that a process runs.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// How long ago the machine was started, in clock ticks.
pub(crate) fn uptime() -> u64 {
    let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let hertz = hertz.and_then(|hertz| u64::try_from(hertz).ok());
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    let ticks = now.as_millis() * u128::from(hertz.unwrap_or(100)) / 1000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Field 22 of `/proc/PID/stat`, counted from the one after the name.
const START_AFTER_NAME: usize = 19;
/// The same, counted from the one after the session.
const START_AFTER_SESSION: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    /// A line whose fields 4 to 23 are those numbers less one.
    fn line(name: &str, state: &str) -> String {
        let fields: Vec<String> = (3..24).map(|field| field.to_string()).collect();
        let fields = fields.join(" ");
        format!("7 ({name}) {state} {fields}")
    }

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
        let process = parse(7, &line("a) b (c)", "S")).unwrap();
        assert_eq!((process.parent, process.group, process.session), (3, 4, 5));
        assert_eq!((process.started, process.name.as_str()), (21, "a) b (c)"));
        assert!(parse(7, &line("x", "D")).unwrap().is_stuck);
        assert_eq!(parse(7, &line("x", "Z")), None);
        assert_eq!(parse(7, "garbage"), None);
    }

    #[test]
    fn descendants_are_found_through_a_circular_table() {
        let process = |pid, parent| Process {
            pid,
            parent,
            group: 0,
            session: 0,
            started: 0,
            name: String::new(),
            is_stuck: false,
        };
        let table: Processes = [
            process(2, 1),
            process(3, 2),
            process(4, 9),
            process(8, 9),
            process(9, 8),
        ]
        .into_iter()
        .collect();
        let mut below: Vec<_> = table.descendants(1).iter().map(|p| p.pid).collect();
        below.sort_unstable();
        assert_eq!(below, [2, 3]);
    }

    #[test]
    fn the_table_holds_this_process() {
        let me = i32::try_from(std::process::id()).unwrap();
        let table = Processes::read();
        let process = &table.by_pid[&me];
        assert_eq!(Some(process.started), started(me));
        assert!((process.started..=process.started + 60 * 60 * 1000).contains(&uptime()));
        assert!(
            table
                .descendants(process.parent)
                .iter()
                .any(|p| p.pid == me)
        );
    }
}
