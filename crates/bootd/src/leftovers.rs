//! Which processes a dead supervisor has left behind, and whose they are.
//!
//! A program is recognised by the mark in its environment or by the session of the supervisor that
//! started it; programs that change their title overwrite the first, and keep the second. Sessions
//! that a program opened for somebody else (a login through sshd, a cron job) carry neither and are
//! left alone. What belongs to a held run, or stands below something that does, goes on.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    custody::{self, Kin},
    system::{Children, Process, Processes},
};

/// Every process below bootd that bootd itself has not started, at one moment.
#[derive(Debug)]
pub(crate) struct Census {
    table: Processes,
    /// Mark of each, by number.
    marks: HashMap<i32, Option<String>>,
}

/// Processes that have to go.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    processes: Vec<Process>,
    names: BTreeSet<String>,
}

/// The end of leftovers: TERM, after a second KILL, and after another second they are given up.
#[derive(Debug)]
pub(crate) struct Eviction {
    kill_at: Instant,
    /// Counts from the first KILL: a container that was paused wakes up past all times.
    give_up_at: Option<Instant>,
}

/// How far an eviction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evicted {
    NotYet,
    All,
    /// What KILL does not end is stuck in the kernel or not ours to end.
    InVain,
}

impl Census {
    /// Looks at all processes.
    pub(crate) fn take(children: &Children) -> Self {
        let me = i32::try_from(std::process::id()).unwrap_or(1);
        let table = Processes::read();
        let below = table.descendants(me);
        let strangers = below.into_iter().filter(|p| !children.owns(p.pid));
        let marks = strangers.map(|p| (p.pid, p.variable(MARK))).collect();
        Self { table, marks }
    }

    /// The processes that bear a mark.
    pub(crate) fn marked(&self) -> impl Iterator<Item = (&Process, &str)> {
        self.strangers()
            .filter_map(|(process, mark)| Some((process, mark?)))
    }

    /// Whether a process may be about to become a program: what the dead supervisor has forked is
    /// like it until it has executed something.
    pub(crate) fn has_unborn(&self, sessions: &[i32]) -> bool {
        self.strangers().any(|(process, mark)| {
            mark.is_none() && self.is_of(process, sessions) && process.variable(CHANNEL).is_some()
        })
    }

    /// What the supervisors with these sessions have left, but for the kin of held runs.
    pub(crate) fn leftovers(&self, sessions: &[i32], spared: &Kin) -> Leftovers {
        self.choose(|process, mark| {
            (mark.is_some() || self.is_of(process, sessions)) && !self.is_kin(process, spared)
        })
    }

    /// The processes of held runs and everything below them.
    pub(crate) fn kin(&self, kin: &Kin) -> Leftovers {
        self.choose(|process, _| self.is_kin(process, kin))
    }

    /// Which of these sessions somebody is still in.
    pub(crate) fn has_session(&self, session: i32) -> bool {
        self.strangers()
            .any(|(process, _)| self.is_of(process, &[session]))
    }

    fn choose(&self, is_meant: impl Fn(&Process, Option<&str>) -> bool) -> Leftovers {
        let mut chosen = Leftovers::default();
        for (process, mark) in self.strangers() {
            if is_meant(process, mark) {
                let name = mark.map_or_else(|| process.name.clone(), custody::program);
                chosen.names.insert(name);
                chosen.processes.push(process.clone());
            }
        }
        chosen
    }

    fn strangers(&self) -> impl Iterator<Item = (&Process, Option<&str>)> {
        self.marks.iter().filter_map(|(pid, mark)| {
            let process = self.table.get(*pid)?;
            Some((process, mark.as_deref()))
        })
    }

    /// Whether a process is in a session that a dead supervisor led. One whose leader lives has got
    /// its number later.
    fn is_of(&self, process: &Process, sessions: &[i32]) -> bool {
        sessions.contains(&process.session) && self.table.get(process.session).is_none()
    }

    fn is_kin(&self, process: &Process, kin: &Kin) -> bool {
        let mut line = std::iter::once(process).chain(self.table.ancestors(process));
        line.any(|process| {
            let mark = self.marks.get(&process.pid);
            // What bootd itself has started, and bootd, are nobody's kin.
            mark.is_some_and(|mark| kin.has(process, mark.as_deref()))
        })
    }
}

impl Leftovers {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// The programs they belong to, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }

    /// Their numbers.
    pub(crate) fn pids(&self) -> impl Iterator<Item = i32> {
        self.processes.iter().map(|process| process.pid)
    }

    fn signal(&self, signal: Signal) {
        for process in &self.processes {
            process.signal(signal);
        }
    }
}

impl Eviction {
    /// Asks leftovers to end.
    pub(crate) fn begin(leftovers: &Leftovers, now: Instant) -> Self {
        leftovers.signal(Signal::SIGTERM);
        Self {
            kill_at: now + GRACE,
            give_up_at: None,
        }
    }

    /// Does what is due for those that are left.
    pub(crate) fn go_on(&mut self, left: &Leftovers, now: Instant) -> Evicted {
        if left.is_empty() {
            return Evicted::All;
        }
        if self.give_up_at.is_some_and(|at| now >= at) {
            return Evicted::InVain;
        }
        if now >= self.kill_at {
            left.signal(Signal::SIGKILL);
            self.give_up_at.get_or_insert(now + UNKILLABLE);
        }
        Evicted::NotYet
    }
}

/// Variable by which supervisord marks the programs it starts.
const MARK: &str = "BERTH_INCARNATION";
/// Variable that supervisord gets and its programs do not.
pub(crate) const CHANNEL: &str = "BERTH_BOOTD_FD";
/// How long leftovers may take to end before they are killed.
const GRACE: Duration = Duration::from_secs(1);
/// How long killed leftovers may take to be gone.
const UNKILLABLE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::{Custody, Ends, Room};

    const RUN: &str = "1/held:held/1";

    /// A census of processes with number, parent, group, session and mark. Number 2 was the dead
    /// supervisor.
    fn census(processes: &[(i32, i32, i32, i32, Option<&str>)]) -> Census {
        let described = processes
            .iter()
            .map(|&(pid, parent, group, session, _)| Process {
                pid,
                parent,
                group,
                session,
                started: 100,
                name: format!("process-{pid}"),
                is_stuck: false,
            });
        let marks = processes
            .iter()
            .map(|(pid, .., mark)| (*pid, mark.map(str::to_owned)));
        Census {
            table: described.collect(),
            marks: marks.collect(),
        }
    }

    fn kin(pid: i32) -> Kin {
        let mut custody = Custody::new(Room {
            runs: 1,
            descriptors: 0,
        });
        let ends = Ends {
            names: Vec::new(),
            descriptors: Vec::new(),
        };
        custody.hold(RUN, ends).unwrap();
        custody.bind(RUN, pid, Some(100), 100);
        custody.kin()
    }

    fn pids(leftovers: &Leftovers) -> Vec<i32> {
        let mut pids: Vec<i32> = leftovers.pids().collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn what_stands_below_a_held_run_goes_on_and_the_rest_does_not() {
        let census = census(&[
            // The program, its child, a child in another group, one with its mark alone.
            (10, 1, 10, 2, Some(RUN)),
            (11, 10, 10, 2, None),
            (12, 11, 12, 2, None),
            (13, 1, 13, 2, Some(RUN)),
            // Below the one that is known by its mark alone.
            (14, 13, 14, 14, None),
            // Known by its group alone: its parent is gone.
            (15, 1, 10, 2, None),
            // A program that is not held, its child, and an unmarked one.
            (20, 1, 20, 2, Some("1/other:other/2")),
            (21, 20, 20, 2, None),
            (22, 1, 22, 2, None),
            // A login session.
            (30, 1, 30, 30, None),
        ]);
        let left = census.leftovers(&[2], &kin(10));
        assert_eq!(pids(&left), [20, 21, 22]);
        assert_eq!(left.names(), ["other", "process-21", "process-22"]);
        assert_eq!(pids(&census.kin(&kin(10))), [10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn a_session_whose_leader_lives_is_not_that_of_a_dead_supervisor() {
        let census = census(&[(2, 1, 2, 2, None), (3, 2, 2, 2, None)]);
        assert!(census.leftovers(&[2], &Kin::default()).is_empty());
        assert!(!census.has_session(2));
    }

    #[test]
    fn leftovers_are_killed_after_a_second_and_given_up_after_another() {
        let begun = Instant::now();
        let mut eviction = Eviction::begin(&Leftovers::default(), begun);
        // Number 0 would be this group; none of these is ever signalled by the test.
        let left = census(&[(i32::MAX, 1, 9, 2, None)]).leftovers(&[2], &Kin::default());
        assert_eq!(eviction.go_on(&left, begun), Evicted::NotYet);
        // The container was paused: they still get their second after KILL.
        let woken = begun + Duration::from_secs(3600);
        assert_eq!(eviction.go_on(&left, woken), Evicted::NotYet);
        assert_eq!(eviction.go_on(&left, woken + UNKILLABLE), Evicted::InVain);
        assert_eq!(eviction.go_on(&Leftovers::default(), woken), Evicted::All);
    }
}
