//! What the core is told and what it asks for.

use std::{fmt, sync::Arc, time::Duration};

use thiserror::Error;

use crate::spec::{GroupSpec, Incarnation, ProgramId, Scope};

/// One run of one program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The program.
    pub program: ProgramId,
    /// Which of its runs.
    pub incarnation: Incarnation,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal {
        /// Number of the signal.
        number: i32,
        /// Whether it left a core file.
        dumped: bool,
    },
}

impl Exit {
    /// The status as the original counts it: -1 for a death by signal.
    pub fn status(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal { .. } => -1,
        }
    }
}

/// Everything the core is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The process exists.
    Spawned(Run),
    /// It could not be created.
    SpawnFailed {
        /// The run that did not come to be.
        run: Run,
        /// Why, for people.
        reason: String,
    },
    /// The run ended and its output is complete.
    Exited {
        /// The run.
        run: Run,
        /// How it ended.
        exit: Exit,
    },
    /// A signal could not be delivered to a process that exists.
    SignalFailed(Run),
    /// The probe succeeded.
    BecameReady(Run),
    /// The probe failed after it had succeeded.
    BecameUnready(Run),
    /// Somebody wants something.
    Command(Command),
}

/// What somebody may want.
#[derive(Clone, Debug)]
pub enum Command {
    /// Start a program.
    Start(ProgramId),
    /// Stop a program.
    Stop(ProgramId),
    /// Stop a program if it runs, then start it.
    Restart(ProgramId),
    /// Send a signal without meaning to stop it.
    Signal(ProgramId, i32),
    /// Add a group and start its autostart members.
    AddGroup(GroupSpec),
    /// Forget a group; all members must have stopped.
    RemoveGroup(Arc<str>),
    /// Stop everything in order, within [`crate::SHUTDOWN_BUDGET`]. A second time: kill what is left.
    Shutdown,
}

/// The answer to an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a denied command must be answered"]
pub enum Admission {
    /// It is being done.
    Accepted,
    /// It is already so, or it concerns an earlier run.
    Ignored,
    /// It cannot be done.
    Denied(Deny),
}

/// Why a command is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Deny {
    /// No program or group has that name.
    #[error("no such program")]
    NoSuchProgram,
    /// It is STARTING, RUNNING or in BACKOFF.
    #[error("already started")]
    AlreadyStarted,
    /// It has been told to stop and has not ended.
    #[error("stopping")]
    Stopping,
    /// There is nothing to stop or signal.
    #[error("not running")]
    NotRunning,
    /// A signal to it failed; its state is not known.
    #[error("in an unknown state")]
    Unknown,
    /// Its configuration was refused.
    #[error("its configuration was refused")]
    Refused,
    /// A group of that name is there.
    #[error("already added")]
    AlreadyAdded,
    /// A member of the group runs.
    #[error("still running")]
    StillRunning,
    /// Everything is being stopped.
    #[error("shutting down")]
    ShuttingDown,
}

/// What the core wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Create the process and answer `Spawned` or `SpawnFailed`.
    Spawn(Run),
    /// Send a signal.
    Signal {
        /// To the process of this run.
        run: Run,
        /// Number of the signal.
        number: i32,
        /// To it alone or to its group.
        scope: Scope,
    },
    /// Ask the program whether it is ready until the run ends.
    Probe(Run),
    /// Tell the world.
    Announce(Announcement),
    /// Everything asked to shut down has ended or was given up.
    Drained,
}

/// What the world is told, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// It stayed up long enough.
    EnteredRunning {
        /// Which program.
        program: ProgramId,
        /// Long enough.
        startsecs: Duration,
    },
    /// It could not be created.
    SpawnFailed {
        /// Why.
        reason: String,
    },
    /// It ended by itself.
    Exited {
        /// Which program.
        program: ProgramId,
        /// How.
        exit: Exit,
        /// Whether that is one of its exit codes.
        expected: bool,
    },
    /// It ended after it was told to.
    Stopped {
        /// Which program.
        program: ProgramId,
        /// How.
        exit: Exit,
        /// Whether that is one of its exit codes.
        expected: bool,
    },
    /// All attempts to start it failed.
    GaveUp(ProgramId),
    /// It did not stop in time and is killed.
    Killing(Run),
    /// The shutdown waits for these.
    WaitingFor(Vec<ProgramId>),
    /// The shutdown leaves these behind.
    Abandoned(Vec<ProgramId>),
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.program, self.incarnation.0)
    }
}
