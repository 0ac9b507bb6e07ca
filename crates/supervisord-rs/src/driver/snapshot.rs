//! What others may see.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use supervisor_core::{ProgramId, ProgramView};

use super::{Driver, Phase};
use crate::config::{GroupConfig, Problem, ProgramConfig};

/// The whole state at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) epoch: u64,
    pub(crate) generation: u64,
    pub(crate) mood: Mood,
    /// Sorted by group, then name.
    pub(crate) programs: Vec<Arc<ProgramStatus>>,
    /// Names and priorities of the groups that are active.
    pub(crate) groups: Vec<(String, i64)>,
    /// The configuration read last, and what was refused of it.
    pub(crate) configured: Arc<Vec<GroupConfig>>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) identifier: String,
    /// Bytes of output that were dropped because nobody read them.
    pub(crate) dropped_output: u64,
    pub(crate) main_log: Option<PathBuf>,
}

/// What the supervisor as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Running,
    Restarting,
    Shutdown,
}

/// One program.
#[derive(Clone, Debug)]
pub(crate) struct ProgramStatus {
    pub(crate) config: Arc<ProgramConfig>,
    pub(crate) view: ProgramView,
    /// 0 if there is no process.
    pub(crate) pid: i32,
    pub(crate) started: Option<SystemTime>,
    pub(crate) stopped: Option<SystemTime>,
    /// What else is known of how the last run ended.
    pub(crate) end_note: Option<&'static str>,
    /// Bytes of its output that could not be written.
    pub(crate) lost_output: u64,
    /// The log files as clients are told, AUTO names included.
    pub(crate) stdout_log: Option<PathBuf>,
    pub(crate) stderr_log: Option<PathBuf>,
    /// The files that hold the text; they differ where output goes to tiers.
    pub(crate) stdout_text: Option<PathBuf>,
    /// The raw log, or what comes nearest.
    pub(crate) raw_log: Option<PathBuf>,
}

impl Snapshot {
    /// The state before anything is known.
    pub(crate) fn empty(epoch: u64) -> Self {
        Self {
            epoch,
            generation: 0,
            mood: Mood::Running,
            programs: Vec::new(),
            groups: Vec::new(),
            configured: Arc::default(),
            problems: Vec::new(),
            identifier: String::new(),
            dropped_output: 0,
            main_log: None,
        }
    }

    /// One program, if it is there.
    pub(crate) fn program(&self, id: &ProgramId) -> Option<&ProgramStatus> {
        self.place(id).ok().map(|at| &*self.programs[at])
    }

    fn place(&self, id: &ProgramId) -> Result<usize, usize> {
        self.programs
            .binary_search_by(|program| program.view.id.cmp(id))
    }

    /// Whether a group of that name is active.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.iter().any(|(group, _)| group == name)
    }
}

impl Driver {
    /// Publishes what has changed, if anything has.
    pub(super) fn publish(&mut self, changed: &[ProgramId]) {
        let dirty = std::mem::take(&mut self.dirty);
        if changed.is_empty() && !dirty {
            return;
        }
        let last = Arc::clone(&self.published.borrow());
        let mut snapshot = match dirty {
            true => self.snapshot(),
            false => (*last).clone(),
        };
        snapshot.generation = last.generation + 1;
        snapshot.dropped_output = self.programs.dropped_output();
        for id in changed.iter().filter(|_| !dirty) {
            let status = self
                .core
                .program(id)
                .and_then(|view| self.programs.status(view));
            if let (Some(status), Ok(at)) = (status, snapshot.place(id)) {
                snapshot.programs[at] = Arc::new(status);
            }
        }
        self.published.send_replace(Arc::new(snapshot));
    }

    fn snapshot(&self) -> Snapshot {
        let view = self.core.view();
        let programs = view.programs.into_iter();
        Snapshot {
            epoch: self.epoch,
            generation: 0,
            mood: match self.phase {
                Phase::Serving => Mood::Running,
                Phase::Restarting => Mood::Restarting,
                Phase::ShuttingDown | Phase::Done => Mood::Shutdown,
            },
            programs: programs
                .filter_map(|view| self.programs.status(view).map(Arc::new))
                .collect(),
            groups: view
                .groups
                .iter()
                .map(|group| (group.name.to_string(), group.priority))
                .collect(),
            configured: Arc::new(self.config.groups.clone()),
            problems: self.config.problems.clone(),
            identifier: self.config.daemon.identifier.clone(),
            dropped_output: 0,
            main_log: self.log.path(),
        }
    }
}
