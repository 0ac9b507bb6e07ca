//! What a program may depend on.

use std::sync::Arc;

use crate::spec::ProgramId;

/// Something that must have happened before a program starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// To whom.
    pub target: DependencyTarget,
    /// What.
    pub condition: DependencyCondition,
}

/// Whom a dependency is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyTarget {
    /// One program.
    Program(ProgramId),
    /// Every program of a group.
    Group(Arc<str>),
}

/// What must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyCondition {
    /// It is RUNNING.
    Started,
    /// It is RUNNING and, if it has a probe, ready.
    Ready,
    /// Its last run ended with exit code 0, and it does not run.
    ExitedZero,
}

/// What a waiting program waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blocker {
    /// A dependency that is not satisfied. Of a group that is not there the program is named `*`.
    Dependency {
        /// The program that is not there yet.
        program: ProgramId,
        /// What it has to do.
        condition: DependencyCondition,
    },
    /// The start conditions were not met yet.
    Conditions,
}
