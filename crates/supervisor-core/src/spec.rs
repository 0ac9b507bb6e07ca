//! What a program and a group are, as far as deciding is concerned.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

/// Names a process: its group and its name within the group.
///
/// Sorts by group, then name, which is the order every listing uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId {
    /// The group.
    pub group: Arc<str>,
    /// The name within the group.
    pub name: Arc<str>,
}

impl ProgramId {
    /// The process `name` of `group`.
    pub fn new(group: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            name: name.into(),
        }
    }
}

/// Shown as clients write it: the short form where group and name agree.
impl fmt::Display for ProgramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group == self.name {
            f.write_str(&self.name)
        } else {
            write!(f, "{}:{}", self.group, self.name)
        }
    }
}

/// Number of a run of one program; grows by one with every attempt to spawn it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// When a program that exited is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorestart {
    /// Whatever its exit status.
    Always,
    /// If its exit status is not an expected one.
    Unexpected,
    /// Never.
    Never,
}

/// Who receives a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The process alone.
    Leader,
    /// Its whole process group.
    Group,
}

/// Whether somebody asks the program if it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// A probe runs beside every run of the program.
    Yes,
    /// RUNNING is all that is known.
    No,
}

/// The policy of one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramSpec {
    /// Its name.
    pub id: ProgramId,
    /// Lower starts first and stops last.
    pub priority: i64,
    /// Whether it starts with its group.
    pub autostart: bool,
    /// When it is started again.
    pub autorestart: Autorestart,
    /// How long it must stay up to count as running.
    pub startsecs: Duration,
    /// How many attempts follow a failed one; negative means none.
    pub startretries: i64,
    /// Exit codes that are no failure.
    pub exitcodes: BTreeSet<i32>,
    /// Signal that asks it to stop.
    pub stop_signal: i32,
    /// How long it may take to stop before it is killed.
    pub stop_wait: Duration,
    /// Who gets the stop signal.
    pub stop_scope: Scope,
    /// Who gets the kill.
    pub kill_scope: Scope,
    /// Whether it has a readiness probe.
    pub probed: Probed,
    /// Why its configuration was refused. Such a program is listed as FATAL and cannot start.
    pub refused: Option<String>,
}

/// A group of programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Lower starts first and stops last; dominates the priorities of the members.
    pub priority: i64,
    /// Its members.
    pub programs: Vec<ProgramSpec>,
}
