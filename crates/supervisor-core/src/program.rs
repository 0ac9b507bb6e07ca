//! The state machine of one program.
//!
//! It knows nothing of the other programs. What it wants done goes into [`Outbox`].

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    effect::{Announcement, Effect},
    input::{Admission, Deny, Exit, Run},
    spec::{Autorestart, Incarnation, Probed, ProgramId, ProgramSpec, Scope},
    view::{ProgramView, Readiness, StateName},
};

/// Effects in their order, and whether anything visible changed.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) generation: u64,
    /// Whether a shutdown is under way: nothing starts any more.
    pub(crate) closing: bool,
}

impl Outbox {
    fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(crate) fn announce(&mut self, announcement: Announcement) {
        self.push(Effect::Announce(announcement));
    }
}

/// A program and where it stands.
#[derive(Debug)]
pub(crate) struct Program {
    spec: ProgramSpec,
    state: State,
    /// Failed attempts in a row; the pause after the next one is this many seconds.
    failures: u32,
    incarnation: Incarnation,
    started: Option<Instant>,
    readiness: Readiness,
    last_exit: Option<(Exit, bool)>,
    restarts: u32,
    spawn_error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Stopped,
    Starting,
    Running,
    Backoff { retry_at: Instant },
    Stopping { kill_at: Instant, after: After },
    Exited { restart_at: Option<Instant> },
    Fatal,
    Unknown,
}

/// What follows a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Rest,
    Start,
}

/// Who asked for a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Request,
    Policy,
}

impl Program {
    /// A program that has never run, or has run as `last` under an earlier configuration.
    pub(crate) fn new(spec: ProgramSpec, last: Incarnation) -> Self {
        let readiness = match spec.probed {
            Probed::Yes => Readiness::NotReady,
            Probed::No => Readiness::NoProbe,
        };
        let state = match spec.refused {
            Some(_) => State::Fatal,
            None => State::Stopped,
        };
        Self {
            spawn_error: spec.refused.clone(),
            spec,
            state,
            failures: 0,
            incarnation: last,
            started: None,
            readiness,
            last_exit: None,
            restarts: 0,
        }
    }

    pub(crate) fn id(&self) -> &ProgramId {
        &self.spec.id
    }

    pub(crate) fn spec(&self) -> &ProgramSpec {
        &self.spec
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(crate) fn state(&self) -> StateName {
        match self.state {
            State::Stopped => StateName::Stopped,
            State::Starting => StateName::Starting,
            State::Running => StateName::Running,
            State::Backoff { .. } => StateName::Backoff,
            State::Stopping { .. } => StateName::Stopping,
            State::Exited { .. } => StateName::Exited,
            State::Fatal => StateName::Fatal,
            State::Unknown => StateName::Unknown,
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
            waiting_for: Vec::new(),
            held: None,
            restart_at: None,
            tries: self.failures,
        }
    }

    pub(crate) fn start(&mut self, now: Instant, out: &mut Outbox) -> Admission {
        match self.state {
            State::Starting | State::Running | State::Backoff { .. } => {
                Admission::Denied(Deny::AlreadyStarted)
            }
            State::Stopping { .. } => Admission::Denied(Deny::Stopping),
            State::Unknown => Admission::Denied(Deny::Unknown),
            State::Stopped | State::Exited { .. } | State::Fatal => {
                if self.spec.refused.is_some() {
                    return Admission::Denied(Deny::Refused);
                }
                self.spawn(Cause::Request, now, out);
                Admission::Accepted
            }
        }
    }

    pub(crate) fn stop(&mut self, now: Instant, out: &mut Outbox) -> Admission {
        match self.state {
            State::Starting | State::Running => {
                self.begin_stop(After::Rest, now, out);
                Admission::Accepted
            }
            State::Backoff { .. } => {
                self.enter(State::Stopped, out);
                Admission::Accepted
            }
            State::Stopping {
                kill_at,
                after: After::Start,
            } => {
                let after = After::Rest;
                self.enter(State::Stopping { kill_at, after }, out);
                Admission::Accepted
            }
            State::Stopping { .. }
            | State::Stopped
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown => Admission::Denied(Deny::NotRunning),
        }
    }

    pub(crate) fn restart(&mut self, now: Instant, out: &mut Outbox) -> Admission {
        match self.state {
            State::Starting | State::Running => {
                self.begin_stop(After::Start, now, out);
                Admission::Accepted
            }
            State::Backoff { .. } => {
                self.enter(State::Stopped, out);
                self.start(now, out)
            }
            State::Stopping { kill_at, .. } => {
                let after = After::Start;
                self.enter(State::Stopping { kill_at, after }, out);
                Admission::Accepted
            }
            State::Stopped | State::Exited { .. } | State::Fatal | State::Unknown => {
                self.start(now, out)
            }
        }
    }

    pub(crate) fn signal(&self, number: i32, out: &mut Outbox) -> Admission {
        if !self.state().is_signallable() {
            return Admission::Denied(Deny::NotRunning);
        }
        out.push(Effect::Signal {
            run: self.run(),
            number,
            scope: Scope::Leader,
        });
        Admission::Accepted
    }

    /// Stops as part of a shutdown: killed at `deadline` if its own patience lasts longer.
    pub(crate) fn shut_down(&mut self, deadline: Instant, now: Instant, out: &mut Outbox) {
        match self.state {
            State::Starting | State::Running => {
                self.begin_stop(After::Rest, now, out);
                self.cap_stop(deadline, out);
            }
            State::Backoff { .. } => self.give_up(out),
            State::Stopping { .. } => self.cap_stop(deadline, out),
            State::Stopped | State::Exited { .. } | State::Fatal | State::Unknown => {}
        }
    }

    /// Takes back every start that is yet to come: a shutdown has begun.
    pub(crate) fn cancel_starts(&mut self, out: &mut Outbox) {
        match self.state {
            State::Backoff { .. } => self.give_up(out),
            State::Exited { .. } => self.enter(State::Exited { restart_at: None }, out),
            State::Stopping { kill_at, .. } => {
                let after = After::Rest;
                self.enter(State::Stopping { kill_at, after }, out);
            }
            State::Starting | State::Running | State::Stopped | State::Fatal | State::Unknown => {}
        }
    }

    /// Kills at once whatever runs.
    pub(crate) fn kill(&mut self, now: Instant, out: &mut Outbox) {
        self.shut_down(now, now, out);
        self.timeout(now, out);
    }

    pub(crate) fn spawned(&mut self, out: &mut Outbox) {
        if self.spec.probed == Probed::Yes {
            out.push(Effect::Probe(self.run()));
        }
        if self.state == State::Starting && self.spec.startsecs.is_zero() {
            self.enter_running(out);
        }
    }

    pub(crate) fn spawn_failed(&mut self, reason: String, now: Instant, out: &mut Outbox) {
        out.announce(Announcement::SpawnFailed {
            reason: reason.clone(),
        });
        self.spawn_error = Some(reason);
        match self.state {
            State::Stopping { after, .. } => self.enter_rest(after, now, out),
            State::Starting
            | State::Running
            | State::Stopped
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown => self.back_off(now, out),
        }
    }

    pub(crate) fn exited(&mut self, exit: Exit, now: Instant, out: &mut Outbox) {
        let expected = self.spec.exitcodes.contains(&exit.status());
        if self.readiness == Readiness::Ready {
            self.readiness = Readiness::NotReady;
        }
        self.last_exit = Some((exit, expected));
        let program = self.spec.id.clone();
        match self.state {
            State::Stopping { after, .. } => {
                out.announce(Announcement::Stopped {
                    program,
                    exit,
                    expected,
                });
                self.enter_rest(after, now, out);
            }
            State::Starting if self.age(now) < self.spec.startsecs => {
                self.last_exit = Some((exit, false));
                self.spawn_error = Some(TOO_QUICKLY.to_owned());
                out.announce(Announcement::Exited {
                    program,
                    exit,
                    expected: false,
                });
                self.back_off(now, out);
            }
            State::Starting | State::Running => {
                if self.state == State::Starting {
                    self.enter_running(out);
                }
                out.announce(Announcement::Exited {
                    program,
                    exit,
                    expected,
                });
                if !expected {
                    self.spawn_error = Some(format!("Bad exit code {}", exit.status()));
                }
                self.enter_exited(expected, now, out);
            }
            // The process of a program whose state was lost has ended after all.
            State::Unknown => self.enter(State::Stopped, out),
            State::Stopped | State::Backoff { .. } | State::Exited { .. } | State::Fatal => {}
        }
    }

    pub(crate) fn signal_failed(&mut self, out: &mut Outbox) {
        self.enter(State::Unknown, out);
    }

    pub(crate) fn set_ready(&mut self, readiness: Readiness, out: &mut Outbox) {
        if self.readiness != readiness {
            self.readiness = readiness;
            out.generation += 1;
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Starting => self.started.map(|at| at + self.spec.startsecs),
            State::Backoff { retry_at } => Some(retry_at),
            State::Stopping { kill_at, .. } => Some(kill_at),
            State::Exited { restart_at } => restart_at,
            State::Stopped | State::Running | State::Fatal | State::Unknown => None,
        }
    }

    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Outbox) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        match self.state {
            State::Starting => self.enter_running(out),
            State::Backoff { .. } => self.spawn(Cause::Policy, now, out),
            State::Stopping { after, .. } => {
                out.announce(Announcement::Killing(self.run()));
                out.push(Effect::Signal {
                    run: self.run(),
                    number: SIGKILL,
                    scope: self.spec.kill_scope,
                });
                let kill_at = now + self.spec.stop_wait.max(KILL_AGAIN);
                self.enter(State::Stopping { kill_at, after }, out);
            }
            State::Exited { .. } => self.spawn(Cause::Policy, now, out),
            State::Stopped | State::Running | State::Fatal | State::Unknown => {}
        }
    }

    fn spawn(&mut self, cause: Cause, now: Instant, out: &mut Outbox) {
        if cause == Cause::Policy {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.incarnation.0 += 1;
        self.started = Some(now);
        self.spawn_error = None;
        self.enter(State::Starting, out);
        out.push(Effect::Spawn(self.run()));
    }

    fn begin_stop(&mut self, after: After, now: Instant, out: &mut Outbox) {
        out.push(Effect::Signal {
            run: self.run(),
            number: self.spec.stop_signal,
            scope: self.spec.stop_scope,
        });
        let kill_at = now + self.spec.stop_wait;
        self.enter(State::Stopping { kill_at, after }, out);
    }

    fn cap_stop(&mut self, deadline: Instant, out: &mut Outbox) {
        if let State::Stopping { kill_at, .. } = self.state {
            let (kill_at, after) = (kill_at.min(deadline), After::Rest);
            self.enter(State::Stopping { kill_at, after }, out);
        }
    }

    fn enter_running(&mut self, out: &mut Outbox) {
        self.failures = 0;
        out.announce(Announcement::EnteredRunning {
            program: self.spec.id.clone(),
            startsecs: self.spec.startsecs,
        });
        self.enter(State::Running, out);
    }

    fn enter_exited(&mut self, expected: bool, now: Instant, out: &mut Outbox) {
        self.failures = 0;
        let again = match self.spec.autorestart {
            Autorestart::Always => true,
            Autorestart::Unexpected => !expected,
            Autorestart::Never => false,
        } && !out.closing;
        // The original restarts at once, and only its one-second poll keeps a crash loop from
        // taking the machine. Here a program that lived a second is back at once, and one that
        // did not waits until a second after its start.
        let earliest = self.started.map_or(now, |at| at + RESTART_PERIOD);
        let restart_at = again.then(|| earliest.max(now));
        self.enter(State::Exited { restart_at }, out);
        if restart_at == Some(now) {
            self.spawn(Cause::Policy, now, out);
        }
    }

    fn enter_rest(&mut self, after: After, now: Instant, out: &mut Outbox) {
        self.enter(State::Stopped, out);
        match after {
            After::Rest => {}
            After::Start => self.spawn(Cause::Request, now, out),
        }
    }

    fn back_off(&mut self, now: Instant, out: &mut Outbox) {
        self.failures = self.failures.saturating_add(1);
        let retry_at = now + Duration::from_secs(u64::from(self.failures));
        self.enter(State::Backoff { retry_at }, out);
        if i64::from(self.failures) > self.spec.startretries {
            self.give_up(out);
            out.announce(Announcement::GaveUp(self.spec.id.clone()));
        } else if out.closing {
            self.give_up(out);
        }
    }

    fn give_up(&mut self, out: &mut Outbox) {
        self.failures = 0;
        self.enter(State::Fatal, out);
    }

    fn enter(&mut self, state: State, out: &mut Outbox) {
        if self.state != state {
            self.state = state;
            out.generation += 1;
        }
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
}

/// The original's words; clients show them.
const TOO_QUICKLY: &str = "Exited too quickly (process log may have details)";
const SIGKILL: i32 = 9;
/// A kill is repeated no faster than this, even with a stop_wait of zero.
const KILL_AGAIN: Duration = Duration::from_secs(1);
/// At most one unasked restart in this time.
const RESTART_PERIOD: Duration = Duration::from_secs(1);
