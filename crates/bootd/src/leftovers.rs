//! Which processes a dead supervisor has left behind.
//!
//! A program is recognised by the mark in its environment or by the session of the supervisor that
//! started it; programs that change their title overwrite the first, and keep the second. Sessions
//! that a program opened for somebody else (a login through sshd, a cron job) carry neither and are
//! left alone.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use crate::system::{Children, Process, Processes};

/// The leftovers at one moment.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    processes: Vec<Process>,
    names: BTreeSet<String>,
}

impl Leftovers {
    /// Looks for leftovers of the supervisor with this session among the processes below bootd.
    pub(crate) fn find(session: i32, children: &Children) -> Self {
        let me = i32::try_from(std::process::id()).unwrap_or(1);
        let table = Processes::read();
        let mut found = Self::default();
        for process in table.descendants(me) {
            if children.owns(process.pid) {
                continue;
            }
            let mark = process.variable(MARK);
            if mark.is_none() && process.session != session {
                continue;
            }
            found.names.insert(name(process, mark.as_deref()));
            found.processes.push(process.clone());
        }
        found
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// The programs they belong to, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.iter()
    }

    /// Their numbers.
    pub(crate) fn pids(&self) -> impl Iterator<Item = i32> {
        self.processes.iter().map(|process| process.pid)
    }

    /// Sends every one of them a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        for process in &self.processes {
            process.signal(signal);
        }
    }
}

/// The mark is `EPOCH/PROGRAM/NUMBER`.
fn name(process: &Process, mark: Option<&str>) -> String {
    mark.and_then(|mark| mark.split('/').nth(1))
        .map_or_else(|| process.name.clone(), str::to_owned)
}

/// Variable by which supervisord marks the programs it starts.
const MARK: &str = "BERTH_INCARNATION";
