//! How a program gets from one state to another.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    Program,
    state::{After, Cause, Conditions, State, Wait},
};
use crate::{
    dependency::Blocker,
    effect::{Announcement, Effect},
    input::Exit,
    moment::later,
    outbox::Outbox,
    spec::Conditional,
};

impl Program {
    /// Whether it has decided to start and waits for [`Program::begin`].
    pub(crate) fn wants_to_start(&self) -> bool {
        self.wanted.is_some()
    }

    /// Begins the start it wanted: with nothing in the way it is spawned, else it waits.
    pub(crate) fn begin(&mut self, blockers: BTreeSet<Blocker>, now: Instant, out: &mut Outbox) {
        let Some(cause) = self.wanted.take() else {
            return;
        };
        if cause == Cause::Request {
            self.row = 0;
        }
        self.incarnation.0 += 1;
        self.spawn_error = None;
        self.held = None;
        let conditions = match self.spec.conditional {
            Conditional::Yes => Conditions::Asked,
            Conditional::No => Conditions::Met,
        };
        let wait = Wait {
            cause,
            blockers,
            conditions,
        };
        if wait.is_over() {
            return self.spawn(cause, now, out);
        }
        self.enter(State::Waiting(wait), out);
        if self.spec.conditional == Conditional::Yes {
            out.push(Effect::CheckConditions(self.run()));
        }
    }

    /// Judges again what is in the way of a waiting program.
    pub(crate) fn set_blockers(
        &mut self,
        blockers: BTreeSet<Blocker>,
        now: Instant,
        out: &mut Outbox,
    ) {
        if let State::Waiting(wait) = &mut self.state {
            self.changed |= wait.blockers != blockers;
            wait.blockers = blockers;
            self.end_wait(now, out);
        }
    }

    /// Spawns a waiting program if nothing is in the way any more, a shutdown included.
    pub(super) fn end_wait(&mut self, now: Instant, out: &mut Outbox) {
        if let State::Waiting(wait) = &self.state
            && wait.is_over()
            && !out.closing
        {
            self.spawn(wait.cause, now, out);
        }
    }

    fn spawn(&mut self, cause: Cause, now: Instant, out: &mut Outbox) {
        if cause == Cause::Policy {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.started = Some(now);
        self.ended_well = false;
        self.expect_ready(now);
        self.enter(State::Starting, out);
        out.push(Effect::Spawn(self.run()));
    }

    /// Rests before a start that was to come has begun.
    pub(super) fn rest(&mut self, out: &mut Outbox) {
        let waited = matches!(self.state, State::Waiting(_));
        self.enter(State::Stopped { restart_at: None }, out);
        if waited && self.spec.conditional == Conditional::Yes {
            out.push(Effect::ForgetConditions(self.run()));
        }
    }

    pub(super) fn begin_stop(&mut self, after: After, now: Instant, out: &mut Outbox) {
        let kill_at = later(now, self.spec.stop_wait);
        self.enter(State::Stopping { kill_at, after }, out);
        out.push(Effect::Signal {
            run: self.run(),
            number: self.spec.stop_signal,
            scope: self.spec.stop_scope,
        });
    }

    /// Stops it for what was seen of it.
    pub(super) fn stop_unalive(
        &mut self,
        reason: String,
        after: After,
        now: Instant,
        out: &mut Outbox,
    ) {
        out.announce(Announcement::Unalive {
            run: self.run(),
            reason: reason.clone(),
        });
        self.spawn_error = Some(reason);
        self.begin_stop(after, now, out);
    }

    pub(super) fn cap_stop(&mut self, until: Option<Instant>, out: &mut Outbox) {
        if let (State::Stopping { kill_at, .. }, Some(until)) = (&self.state, until) {
            let (kill_at, after) = (until.min(*kill_at), After::Rest);
            self.enter(State::Stopping { kill_at, after }, out);
        }
    }

    /// Its process has ended as it was told to, or never was.
    pub(super) fn end_stop(
        &mut self,
        after: After,
        ended: Option<(Exit, bool)>,
        now: Instant,
        out: &mut Outbox,
    ) {
        match after {
            After::Rest => self.enter(State::Stopped { restart_at: None }, out),
            After::Start => {
                self.enter(State::Stopped { restart_at: None }, out);
                self.wanted = Some(Cause::Request);
            }
            After::Restart => {
                let restart_at = Some(self.plan_restart(now));
                self.enter(State::Stopped { restart_at }, out);
            }
            After::Retry => self.enter_backoff(now, out),
        }
        if let Some((exit, expected)) = ended {
            out.announce(Announcement::Stopped {
                program: self.spec.id.clone(),
                exit,
                expected,
            });
        }
        if after == After::Retry {
            self.judge_failure(out);
        }
    }

    pub(super) fn enter_running(&mut self, out: &mut Outbox) {
        if !self.must_be_ready() {
            self.failures = 0;
        }
        self.enter(State::Running, out);
    }

    pub(super) fn tell_running(&self, out: &mut Outbox) {
        out.announce(Announcement::EnteredRunning {
            program: self.spec.id.clone(),
            startsecs: self.spec.startsecs,
        });
    }

    pub(super) fn enter_exited(&mut self, now: Instant, out: &mut Outbox) {
        if !self.must_be_ready() {
            self.failures = 0;
        }
        let expected = self.last_exit.is_some_and(|(_, expected)| expected);
        let restart_at = match self.starts_again(expected) && !out.closing {
            true => Some(self.plan_restart(now)),
            false => None,
        };
        self.enter(State::Exited { restart_at }, out);
    }

    /// When it is started again after a run that was not a failed start. If that is at once, it is
    /// what it wants.
    fn plan_restart(&mut self, now: Instant) -> Instant {
        let policy = &self.spec.restart;
        let long = LONG_LIFE.max(policy.delay).max(self.spec.startsecs);
        if self.age(now) > long {
            self.row = 0;
        }
        let at = self.pause_until(Duration::ZERO, now);
        if at <= now {
            self.wanted = Some(Cause::Policy);
        }
        at
    }

    pub(super) fn back_off(&mut self, now: Instant, out: &mut Outbox) {
        self.enter_backoff(now, out);
        self.judge_failure(out);
    }

    pub(super) fn enter_backoff(&mut self, now: Instant, out: &mut Outbox) {
        self.failures = self.failures.saturating_add(1);
        let growing = Duration::from_secs(u64::from(self.failures));
        let at = self.pause_until(growing, now);
        let retry_at = (!out.closing).then_some(at);
        self.enter(State::Backoff { retry_at }, out);
    }

    /// Gives up if all attempts were used.
    pub(super) fn judge_failure(&mut self, out: &mut Outbox) {
        if i64::from(self.failures) > self.spec.startretries {
            self.give_up(out);
            out.announce(Announcement::GaveUp(self.spec.id.clone()));
        }
    }

    pub(crate) fn give_up(&mut self, out: &mut Outbox) {
        self.failures = 0;
        self.enter(State::Fatal, out);
    }

    /// The end of the pause before the next restart in the row, which is `original` unless the
    /// program has a pause of its own.
    ///
    /// The original restarts at once, and only its one-second poll keeps a crash loop from taking
    /// the machine. Here a program that lived a second is back at once, and one that did not waits
    /// until a second after its start.
    fn pause_until(&mut self, original: Duration, now: Instant) -> Instant {
        self.row = self.row.saturating_add(1);
        let policy = &self.spec.restart;
        let pause = match policy.delay.is_zero() {
            true => original,
            false => policy.pause(self.row, &self.spec.id, self.incarnation),
        };
        let earliest = self.started.map_or(now, |at| later(at, RESTART_PERIOD));
        later(now, pause).max(earliest)
    }

    pub(super) fn enter(&mut self, state: State, out: &mut Outbox) {
        let (from, to) = (self.state.name(), state.name());
        let expected = match state {
            State::Exited { .. } => self.last_exit.map(|(_, expected)| expected),
            State::Stopped { .. }
            | State::Waiting(_)
            | State::Starting
            | State::Running
            | State::Backoff { .. }
            | State::Stopping { .. }
            | State::Fatal
            | State::Unknown => None,
        };
        self.state = state;
        self.changed = true;
        if from != to {
            out.announce(Announcement::Entered {
                run: self.run(),
                from,
                to,
                tries: self.failures,
                expected,
            });
        }
    }
}

/// At most one unasked restart in this time.
const RESTART_PERIOD: Duration = Duration::from_secs(1);
/// A run that lived longer ends the row of restarts.
const LONG_LIFE: Duration = Duration::from_secs(10);
