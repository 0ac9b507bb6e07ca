//! What the core wants done and what it tells the world.

use std::time::Duration;

use crate::{
    input::{Exit, Run},
    spec::{ProgramId, Scope},
    view::StateName,
};

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
    /// Find out whether the start conditions hold and answer `ConditionsMet` or
    /// `ConditionsRefused`, however long it takes.
    CheckConditions(Run),
    /// Nobody wants to know about the start conditions of this run any more.
    ForgetConditions(Run),
    /// Tell the world.
    Announce(Announcement),
    /// Everything asked to shut down has ended or was given up.
    Drained,
}

/// What the world is told, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// It went from one state to another.
    ///
    /// Comes for every transition in the order they happen, before the announcement in words that
    /// belongs to it (only `SpawnFailed` and `Unalive` come before their transition, as a cause
    /// before its effect) and before the `Spawn` or `Signal` that it is about.
    Entered {
        /// Which run; of a start, the one that begins.
        run: Run,
        /// Where it was.
        from: StateName,
        /// Where it is.
        to: StateName,
        /// Failed starts in a row so far.
        tries: u32,
        /// On EXITED, whether the exit was expected.
        expected: Option<bool>,
    },
    /// It is stopped because it was found not to live.
    Unalive {
        /// Which run.
        run: Run,
        /// What was seen.
        reason: String,
    },
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
