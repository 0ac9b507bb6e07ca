//! The state machine of one program.
//!
//! It knows nothing of the other programs: when it wants to start it says so, and is told by
//! [`Program::begin`] what of it is in the way. What it wants done goes into [`Outbox`].
//!
//! - `commands`: what somebody wants of it;
//! - `facts`: what happened to it;
//! - `timers`: what is due;
//! - `moves`: how it gets from one state to another.

mod commands;
mod facts;
mod moves;
mod state;
mod timers;

use std::{
    mem,
    time::{Duration, Instant},
};

pub(crate) use self::state::Standing;
use self::state::{Cause, State};
use crate::{
    dependency::{Dependency, DependencyCondition},
    effect::Effect,
    input::{Exit, Inherited, Resting, Run},
    moment::later,
    outbox::Outbox,
    spec::{Incarnation, Probed, ProgramId, ProgramSpec},
    view::{ProgramView, Readiness, StateName},
};

/// A program and where it stands.
#[derive(Debug)]
pub(crate) struct Program {
    spec: ProgramSpec,
    state: State,
    /// Failed starts in a row.
    failures: u32,
    /// Restarts by policy in a row.
    row: u32,
    incarnation: Incarnation,
    started: Option<Instant>,
    /// When this run must have become ready; none if it need not, or has been.
    ready_by: Option<Instant>,
    readiness: Readiness,
    last_exit: Option<(Exit, bool)>,
    /// Whether the last attempt to run it ended with exit code 0.
    ended_well: bool,
    restarts: u32,
    spawn_error: Option<String>,
    held: Option<String>,
    /// A start that was decided and has not begun.
    wanted: Option<Cause>,
    changed: bool,
}

impl Program {
    /// A program that has never run, or has run as `last` under an earlier configuration.
    pub(crate) fn new(spec: ProgramSpec, last: Incarnation) -> Self {
        Self {
            readiness: match spec.probed {
                Probed::Yes => Readiness::NotReady,
                Probed::No => Readiness::NoProbe,
            },
            state: match spec.refused {
                Some(_) => State::Fatal,
                None => State::Stopped { restart_at: None },
            },
            spawn_error: spec.refused.clone(),
            spec,
            failures: 0,
            row: 0,
            incarnation: last,
            started: None,
            ready_by: None,
            last_exit: None,
            ended_well: false,
            restarts: 0,
            held: None,
            wanted: None,
            changed: true,
        }
    }

    /// A program that is taken over as it is.
    pub(crate) fn inherit(
        spec: ProgramSpec,
        inherited: Inherited,
        now: Instant,
        out: &mut Outbox,
    ) -> Self {
        match inherited {
            Inherited::Running {
                incarnation,
                started,
                ready,
            } => {
                let mut program = Self::new(spec, incarnation);
                program.started = Some(started);
                program.spawn_error = None;
                program.state = match program.age(now) < program.spec.startsecs {
                    true => State::Starting,
                    false => State::Running,
                };
                match (program.spec.probed, ready) {
                    (Probed::Yes, true) => program.readiness = Readiness::Ready,
                    (Probed::Yes, false) => {
                        program.expect_ready(started);
                        out.push(Effect::Probe(program.run()));
                    }
                    (Probed::No, _) => {}
                }
                program
            }
            Inherited::Resting { state, incarnation } => {
                let mut program = Self::new(spec, incarnation);
                if let Resting::Exited(exit, expected) = state {
                    program.note_exit(exit, expected);
                }
                if program.spec.refused.is_some() {
                    return program;
                }
                match state {
                    Resting::Stopped => {}
                    Resting::Exited(exit, expected) => {
                        program.state = State::Exited { restart_at: None };
                        if !expected {
                            program.spawn_error = Some(bad_exit(exit));
                        }
                    }
                    Resting::Fatal(reason) => {
                        program.state = State::Fatal;
                        program.spawn_error = Some(reason);
                    }
                }
                program
            }
        }
    }

    pub(crate) fn id(&self) -> &ProgramId {
        &self.spec.id
    }

    pub(crate) fn priority(&self) -> i64 {
        self.spec.priority
    }

    pub(crate) fn depends_on(&self) -> &[Dependency] {
        &self.spec.depends_on
    }

    /// Whether it starts with its group.
    pub(crate) fn starts_by_itself(&self) -> bool {
        self.spec.autostart && self.spec.refused.is_none()
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(crate) fn state(&self) -> StateName {
        self.state.name()
    }

    /// What others may depend on.
    pub(crate) fn standing(&self) -> Standing {
        let rests = match self.state {
            State::Stopped { .. } | State::Exited { .. } | State::Fatal => true,
            State::Waiting(_)
            | State::Starting
            | State::Running
            | State::Backoff { .. }
            | State::Stopping { .. }
            | State::Unknown => false,
        };
        let running = self.state == State::Running;
        Standing {
            running,
            ready: running && self.readiness != Readiness::NotReady,
            done: rests && self.ended_well,
        }
    }

    pub(crate) fn view(&self) -> ProgramView {
        ProgramView {
            id: self.spec.id.clone(),
            priority: self.spec.priority,
            state: self.state(),
            readiness: self.readiness,
            incarnation: self.incarnation,
            started: self.started,
            last_exit: self.last_exit,
            restarts: self.restarts,
            spawn_error: self.spawn_error.clone(),
            waiting_for: match &self.state {
                State::Waiting(wait) => wait.waiting_for(),
                State::Stopped { .. }
                | State::Starting
                | State::Running
                | State::Backoff { .. }
                | State::Stopping { .. }
                | State::Exited { .. }
                | State::Fatal
                | State::Unknown => Vec::new(),
            },
            held: self.held.clone(),
            restart_at: match self.state {
                State::Stopped { restart_at } | State::Exited { restart_at } => restart_at,
                State::Backoff { retry_at } => retry_at,
                State::Waiting(_)
                | State::Starting
                | State::Running
                | State::Stopping { .. }
                | State::Fatal
                | State::Unknown => None,
            },
            tries: self.failures,
        }
    }

    /// Whether its view changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.changed)
    }

    fn run(&self) -> Run {
        Run {
            program: self.spec.id.clone(),
            incarnation: self.incarnation,
        }
    }

    fn age(&self, now: Instant) -> Duration {
        self.started
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    fn note_exit(&mut self, exit: Exit, expected: bool) {
        self.last_exit = Some((exit, expected));
        self.ended_well = exit == Exit::Code(0);
    }

    /// Gives this run its time to become ready.
    fn expect_ready(&mut self, started: Instant) {
        self.ready_by = match self.spec.probed {
            Probed::Yes => self.spec.ready_within.map(|time| later(started, time)),
            Probed::No => None,
        };
    }

    /// Whether a start has succeeded only when the program is ready.
    fn must_be_ready(&self) -> bool {
        self.spec.probed == Probed::Yes && self.spec.ready_within.is_some()
    }
}

impl Standing {
    /// Whether a dependency with this condition is satisfied.
    pub(crate) fn satisfies(self, condition: DependencyCondition) -> bool {
        match condition {
            DependencyCondition::Started => self.running,
            DependencyCondition::Ready => self.ready,
            DependencyCondition::ExitedZero => self.done,
        }
    }
}

fn bad_exit(exit: Exit) -> String {
    format!("Bad exit code {}", exit.status())
}
