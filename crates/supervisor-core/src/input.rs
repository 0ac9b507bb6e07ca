//! What the core is told, and how it answers.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use thiserror::Error;

use crate::spec::{GroupSpec, Incarnation, ProgramId};

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
    /// It runs but does not live: it is stopped, then started again as its restart policy says.
    LivenessLost {
        /// The run.
        run: Run,
        /// What was seen, for people.
        reason: String,
    },
    /// The start conditions of a waiting run hold.
    ConditionsMet(Run),
    /// The start conditions of a waiting run will not hold; it rests until somebody starts it.
    ConditionsRefused {
        /// The run that will not come to be.
        run: Run,
        /// Which condition and why, for people.
        reason: String,
    },
    /// The whole world was frozen that long: every deadline and every start moves by it.
    TimeGap(Duration),
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
    AddGroup {
        /// The group.
        spec: GroupSpec,
        /// Members that are taken over as they are instead of being started.
        inherited: Vec<(ProgramId, Inherited)>,
    },
    /// Forget a group; all members must have stopped.
    RemoveGroup(Arc<str>),
    /// Stop everything in order. A second time: kill what is left.
    Shutdown(Patience),
}

/// How long a shutdown waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// All of it takes no longer than [`crate::SHUTDOWN_BUDGET`], in equal shares.
    Budget,
    /// The original's rule: every program has its own time, a priority waits for the one before
    /// it, and nothing limits the whole.
    Own,
}

/// What a member of a group did under the supervisor before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// Its process lives.
    Running {
        /// The run.
        incarnation: Incarnation,
        /// When it was started.
        started: Instant,
        /// Whether its probe had succeeded.
        ready: bool,
    },
    /// It has no process, and stays so.
    Resting {
        /// How it rests.
        state: Resting,
        /// Its last run.
        incarnation: Incarnation,
    },
}

/// How a program without a process rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resting {
    /// STOPPED.
    Stopped,
    /// EXITED like this, and whether that was expected.
    Exited(Exit, bool),
    /// FATAL for this reason.
    Fatal(String),
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

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.program, self.incarnation.0)
    }
}
