//! What may be seen of the core.

use std::{sync::Arc, time::Instant};

use crate::{
    dependency::Blocker,
    input::Exit,
    spec::{Incarnation, ProgramId},
};

/// The whole state at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Grows with every change.
    pub generation: u64,
    /// What the supervisor as a whole is doing.
    pub mood: Mood,
    /// Sorted by name.
    pub groups: Vec<GroupView>,
    /// Sorted by group, then name.
    pub programs: Vec<ProgramView>,
}

/// What the supervisor as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Its work.
    Serving,
    /// Stopping everything.
    ShuttingDown,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its name.
    pub name: Arc<str>,
    /// Its priority.
    pub priority: i64,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramView {
    /// Its name.
    pub id: ProgramId,
    /// Its priority within the group.
    pub priority: i64,
    /// Its state.
    pub state: StateName,
    /// Whether it is ready.
    pub readiness: Readiness,
    /// The last run; zero if there was none.
    pub incarnation: Incarnation,
    /// Start of the last run.
    pub started: Option<Instant>,
    /// How the last run ended that did, and whether that was expected.
    pub last_exit: Option<(Exit, bool)>,
    /// Starts beyond the first that nobody asked for.
    pub restarts: u32,
    /// Why the last attempt failed.
    pub spawn_error: Option<String>,
    /// What it waits for while it is waiting.
    pub waiting_for: Vec<Blocker>,
    /// Why it rests though it was to start, or why its state is not known.
    pub held: Option<String>,
    /// When it will be started again unasked.
    pub restart_at: Option<Instant>,
    /// Failed starts in a row.
    pub tries: u32,
}

/// A state without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateName {
    /// Not running, as asked.
    Stopped,
    /// To be started when its dependencies and start conditions allow it. Clients of the original
    /// know nothing of it and are shown STARTING.
    Waiting,
    /// Started a moment ago.
    Starting,
    /// Up for longer than startsecs.
    Running,
    /// Failed to start, to be tried again.
    Backoff,
    /// Told to stop.
    Stopping,
    /// Ended by itself.
    Exited,
    /// Failed to start too often.
    Fatal,
    /// A signal to it failed.
    Unknown,
}

impl StateName {
    /// Whether it counts as stopped: it may be started, and its group removed.
    pub fn is_stopped(self) -> bool {
        match self {
            Self::Stopped | Self::Exited | Self::Fatal | Self::Unknown => true,
            Self::Waiting | Self::Starting | Self::Running | Self::Backoff | Self::Stopping => {
                false
            }
        }
    }

    /// Whether it counts as running: it may be stopped, and not be started.
    pub fn is_running(self) -> bool {
        match self {
            Self::Waiting | Self::Starting | Self::Running | Self::Backoff => true,
            Self::Stopped | Self::Stopping | Self::Exited | Self::Fatal | Self::Unknown => false,
        }
    }

    /// Whether there is a process to signal.
    pub fn is_signallable(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Stopping => true,
            Self::Stopped
            | Self::Waiting
            | Self::Backoff
            | Self::Exited
            | Self::Fatal
            | Self::Unknown => false,
        }
    }
}

/// Running is not ready; this is the second half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// There is no probe.
    NoProbe,
    /// The probe has not succeeded, or nothing runs.
    NotReady,
    /// The probe succeeded.
    Ready,
}
