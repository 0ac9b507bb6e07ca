//! What a program and a group are, as far as deciding is concerned.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use crate::{dependency::Dependency, restart::RestartPolicy};

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

/// Whether something outside the core decides if the program may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional {
    /// Every start waits until the driver says that the start conditions hold.
    Yes,
    /// There are no start conditions.
    No,
}

/// What kind of program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// It is meant to stay.
    Service,
    /// It is meant to end: exit code 0 is a success at any age and the end of it.
    OneShot,
}

/// The policy of one program.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramSpec {
    /// Its name.
    pub id: ProgramId,
    /// Higher stops first within its group.
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
    /// How long after its start the probe must have succeeded. Without a probe it means nothing.
    pub ready_within: Option<Duration>,
    /// What must have happened before it starts.
    pub depends_on: Vec<Dependency>,
    /// Whether it has start conditions.
    pub conditional: Conditional,
    /// How long it waits before it is started again unasked.
    pub restart: RestartPolicy,
    /// Whether it is meant to stay.
    pub kind: ProgramKind,
    /// Why its configuration was refused. Such a program is listed as FATAL and cannot start.
    pub refused: Option<String>,
}

impl ProgramSpec {
    /// A program with the original's defaults.
    pub fn new(id: ProgramId) -> Self {
        Self {
            id,
            priority: 999,
            autostart: true,
            autorestart: Autorestart::Unexpected,
            startsecs: Duration::from_secs(1),
            startretries: 3,
            exitcodes: BTreeSet::from([0]),
            stop_signal: SIGTERM,
            stop_wait: Duration::from_secs(10),
            stop_scope: Scope::Leader,
            kill_scope: Scope::Leader,
            probed: Probed::No,
            ready_within: None,
            depends_on: Vec::new(),
            conditional: Conditional::No,
            restart: RestartPolicy::default(),
            kind: ProgramKind::Service,
            refused: None,
        }
    }
}

/// A group of programs.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Higher stops first.
    pub priority: i64,
    /// Its members, in the order in which they start.
    pub programs: Vec<ProgramSpec>,
}

const SIGTERM: i32 = 15;
