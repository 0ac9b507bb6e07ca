//! What bootd keeps of running programs, so that they outlive their supervisor: our ends of their
//! pipes, and how they ended.
//!
//! ```text
//! hold ──▶ Announced ── bind ──▶ Running ── reaped by bootd ──▶ Ended ── release ──▶ (forgotten)
//!                          └──▶ Missed ── reaped by bootd, or nobody knows ──▶ ┘
//! ```
//!
//! Pure but for the descriptors, which it closes when a run is forgotten. What processes there are
//! is told by the caller. The protocol is in `docs/design/survival.md`.

use std::{
    collections::{BTreeMap, HashSet},
    os::fd::OwnedFd,
    sync::Arc,
};

use crate::system::{Ending, Orphan, Process};

/// The table of held runs.
#[derive(Debug)]
pub(crate) struct Custody {
    /// By `EPOCH/GROUP:NAME/NUMBER`.
    runs: BTreeMap<String, Run>,
    room: Room,
    descriptors: usize,
    /// Held so far, ended ones included.
    count: u64,
}

/// How much may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) runs: usize,
    pub(crate) descriptors: usize,
}

/// One held run.
#[derive(Debug)]
struct Run {
    /// Its place in the order of `hold`.
    place: u64,
    ends: Arc<Ends>,
    life: Life,
}

/// The supervisor's ends of a program's pipes, which mean nothing to bootd.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) names: Vec<String>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// What is known of the process of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It may not have been created yet.
    Announced,
    Running {
        pid: i32,
        started: u64,
    },
    /// It had ended and was reaped before bootd looked, which was at `seen`.
    Missed {
        pid: i32,
        seen: u64,
    },
    Ended {
        pid: i32,
        started: u64,
        ending: Ending,
    },
}

/// A run as it is handed to a supervisor.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) run: String,
    pub(crate) pid: i32,
    pub(crate) started: u64,
    pub(crate) ends: Arc<Ends>,
    /// `None` while it lives.
    pub(crate) ending: Option<Ending>,
}

/// Why a run is not held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no room for more.
    Full(Room),
    /// It is held already.
    Twice,
    /// Its ends and descriptors are not as many, or more than a program has.
    Uneven { ends: usize, descriptors: usize },
}

impl Custody {
    /// An empty table.
    pub(crate) fn new(room: Room) -> Self {
        Self {
            runs: BTreeMap::new(),
            room,
            descriptors: 0,
            count: 0,
        }
    }

    /// Keeps the ends of a process that is about to be created.
    pub(crate) fn hold(&mut self, run: &str, ends: Ends) -> Result<(), Refusal> {
        let (names, descriptors) = (ends.names.len(), ends.descriptors.len());
        if names != descriptors || names > MOST_ENDS {
            return Err(Refusal::Uneven {
                ends: names,
                descriptors,
            });
        }
        if self.runs.contains_key(run) {
            return Err(Refusal::Twice);
        }
        if self.runs.len() >= self.room.runs
            || self.descriptors + descriptors > self.room.descriptors
        {
            return Err(Refusal::Full(self.room));
        }
        self.count += 1;
        self.descriptors += descriptors;
        let run_of = Run {
            place: self.count,
            ends: Arc::new(ends),
            life: Life::Announced,
        };
        self.runs.insert(run.to_owned(), run_of);
        Ok(())
    }

    /// Learns the process of a run. `started` is its start, if it is still there; `now` is counted
    /// likewise. A run that is not held stays unknown.
    pub(crate) fn bind(&mut self, run: &str, pid: i32, started: Option<u64>, now: u64) {
        if let Some(run) = self.runs.get_mut(run)
            && run.life == Life::Announced
        {
            run.life = match started {
                Some(started) => Life::Running { pid, started },
                None => Life::Missed { pid, seen: now },
            };
        }
    }

    /// Forgets a run and closes its descriptors.
    pub(crate) fn release(&mut self, run: &str) {
        if let Some(run) = self.runs.remove(run) {
            self.descriptors -= run.ends.descriptors.len();
        }
    }

    /// Keeps how a process ended that bootd has reaped; gives its run, if it is held.
    pub(crate) fn reaped(&mut self, orphan: &Orphan) -> Option<&str> {
        let (name, run) = self.runs.iter_mut().find(|(_, run)| match run.life {
            Life::Running { pid, started } => {
                pid == orphan.pid && orphan.started.is_none_or(|at| at == started)
            }
            Life::Missed { pid, .. } => pid == orphan.pid,
            Life::Announced | Life::Ended { .. } => false,
        })?;
        run.end(orphan.started, orphan.ending);
        Some(name)
    }

    /// Finds the processes of runs that were announced and not named, by their marks: each process
    /// comes with its mark. A mark is handed down, so the oldest process that bears it counts.
    pub(crate) fn find<'a>(&mut self, marked: impl Iterator<Item = (&'a Process, &'a str)>) {
        let mut oldest: BTreeMap<&str, &Process> = BTreeMap::new();
        for (process, mark) in marked {
            let best = oldest.entry(mark).or_insert(process);
            if (process.started, process.pid) < (best.started, best.pid) {
                *best = process;
            }
        }
        for (mark, process) in oldest {
            self.bind(mark, process.pid, Some(process.started), process.started);
        }
    }

    /// Whether some run was announced whose process nobody has named.
    pub(crate) fn has_announced(&self) -> bool {
        let mut runs = self.runs.values();
        runs.any(|run| run.life == Life::Announced)
    }

    /// Forgets the runs whose process was not created or cannot be found.
    pub(crate) fn forget_announced(&mut self) {
        let announced = |run: &Run| run.life == Life::Announced;
        let names: Vec<String> = self.names_of(announced).map(str::to_owned).collect();
        for name in names {
            self.release(&name);
        }
    }

    /// Notes the ends of the processes that their dead supervisor has reaped, so that nobody can
    /// know how they ended. `start` gives the start of the process with a number.
    pub(crate) fn miss(&mut self, start: impl Fn(i32) -> Option<u64>) {
        for run in self.runs.values_mut() {
            match run.life {
                Life::Running { pid, started } if start(pid) != Some(started) => {
                    run.end(Some(started), UNKNOWN);
                }
                Life::Missed { .. } => run.end(None, UNKNOWN),
                Life::Announced | Life::Running { .. } | Life::Ended { .. } => {}
            }
        }
    }

    /// Every run whose process is or was known, in the order in which they were held.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let mut runs: Vec<_> = self.runs.iter().collect();
        runs.sort_by_key(|(_, run)| run.place);
        let kept = runs.into_iter().filter_map(|(name, run)| {
            let (pid, started, ending) = match run.life {
                Life::Announced => return None,
                Life::Running { pid, started } => (pid, started, None),
                Life::Missed { pid, seen } => (pid, seen, Some(UNKNOWN)),
                Life::Ended {
                    pid,
                    started,
                    ending,
                } => (pid, started, Some(ending)),
            };
            Some(Kept {
                run: name.clone(),
                pid,
                started,
                ends: Arc::clone(&run.ends),
                ending,
            })
        });
        kept.collect()
    }

    /// The programs that live, by the names that people know.
    pub(crate) fn living(&self) -> Vec<String> {
        let lives = |run: &Run| matches!(run.life, Life::Running { .. });
        self.names_of(lives).map(program).collect()
    }

    /// How processes of held runs are recognised.
    pub(crate) fn kin(&self) -> Kin {
        let pids = self.runs.values().filter_map(|run| match run.life {
            Life::Running { pid, .. } => Some(pid),
            // Its number may be another's by now.
            Life::Announced | Life::Missed { .. } | Life::Ended { .. } => None,
        });
        Kin {
            pids: pids.collect(),
            marks: self.runs.keys().cloned().collect(),
        }
    }

    /// How many runs are held.
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Self {
        let mut empty = Self::new(self.room);
        empty.count = self.count;
        std::mem::replace(self, empty)
    }

    fn names_of(&self, is_meant: impl Fn(&Run) -> bool) -> impl Iterator<Item = &str> {
        let runs = self.runs.iter().filter(move |(_, run)| is_meant(run));
        runs.map(|(name, _)| name.as_str())
    }
}

impl Run {
    fn end(&mut self, seen_start: Option<u64>, ending: Ending) {
        let (pid, started) = match self.life {
            Life::Running { pid, started } => (pid, started),
            Life::Missed { pid, seen } => (pid, seen_start.unwrap_or(seen)),
            Life::Announced | Life::Ended { .. } => return,
        };
        self.life = Life::Ended {
            pid,
            started,
            ending,
        };
    }
}

/// What the processes of held runs have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kin {
    pids: HashSet<i32>,
    marks: HashSet<String>,
}

impl Kin {
    /// Whether a process with this mark is of a held run: by itself, or by the group or session
    /// that a program leads.
    pub(crate) fn has(&self, process: &Process, mark: Option<&str>) -> bool {
        let numbers = [process.pid, process.group, process.session];
        numbers.iter().any(|number| self.pids.contains(number))
            || mark.is_some_and(|mark| self.marks.contains(mark))
    }
}

/// The program that a mark `EPOCH/GROUP:NAME/NUMBER` is of, as people call it.
pub(crate) fn program(mark: &str) -> String {
    let inner = mark
        .split_once('/')
        .and_then(|(_, rest)| rest.rsplit_once('/'));
    let program = inner.map_or(mark, |(program, _)| program);
    match program.split_once(':') {
        Some((group, name)) if group == name => name.to_owned(),
        Some(_) | None => program.to_owned(),
    }
}

/// Standard input, output and error, and the pipe on which a program says that it is ready.
const MOST_ENDS: usize = 4;
/// Of a process whose exit status somebody has taken who is no more.
const UNKNOWN: Ending = Ending::Code(-1);

#[cfg(test)]
mod tests;
