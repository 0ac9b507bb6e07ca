//! Where a program stands, with what belongs to each place.

use std::{collections::BTreeSet, time::Instant};

use crate::{dependency::Blocker, view::StateName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stopped {
        /// Set after a stop that was nobody's wish.
        restart_at: Option<Instant>,
    },
    Waiting(Wait),
    Starting,
    Running,
    Backoff {
        /// None once a shutdown has begun.
        retry_at: Option<Instant>,
    },
    Stopping {
        kill_at: Instant,
        after: After,
    },
    Exited {
        restart_at: Option<Instant>,
    },
    Fatal,
    Unknown,
}

impl State {
    pub(super) fn name(&self) -> StateName {
        match self {
            Self::Stopped { .. } => StateName::Stopped,
            Self::Waiting(_) => StateName::Waiting,
            Self::Starting => StateName::Starting,
            Self::Running => StateName::Running,
            Self::Backoff { .. } => StateName::Backoff,
            Self::Stopping { .. } => StateName::Stopping,
            Self::Exited { .. } => StateName::Exited,
            Self::Fatal => StateName::Fatal,
            Self::Unknown => StateName::Unknown,
        }
    }
}

/// A start that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) cause: Cause,
    /// Dependencies that are not satisfied.
    pub(super) blockers: BTreeSet<Blocker>,
    pub(super) conditions: Conditions,
}

impl Wait {
    pub(super) fn is_over(&self) -> bool {
        self.blockers.is_empty() && self.conditions == Conditions::Met
    }

    pub(super) fn waiting_for(&self) -> Vec<Blocker> {
        let conditions = match self.conditions {
            Conditions::Asked => Some(Blocker::Conditions),
            Conditions::Met => None,
        };
        self.blockers.iter().cloned().chain(conditions).collect()
    }
}

/// The start conditions of one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conditions {
    /// The driver was asked.
    Asked,
    /// They hold, or there are none.
    Met,
}

/// Who wants a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody asked for it.
    Request,
    /// Nobody did; the program's policy says so.
    Policy,
}

/// What follows a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Rest,
    /// The start somebody asked for.
    Start,
    /// A restart by policy: it was found not to live.
    Restart,
    /// What follows a failed start: it did not become ready.
    Retry,
}

/// What others may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It is RUNNING.
    pub(crate) running: bool,
    /// It is RUNNING and ready.
    pub(crate) ready: bool,
    /// It rests, and its last run ended well.
    pub(crate) done: bool,
}
