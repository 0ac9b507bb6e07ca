//! What happened to a program.

use std::time::Instant;

use super::{
    Program, bad_exit,
    state::{After, Conditions, State},
};
use crate::{
    dependency::Blocker,
    effect::{Announcement, Effect},
    input::{Admission, Exit},
    outbox::Outbox,
    spec::{Autorestart, Probed, ProgramKind},
    view::Readiness,
};

impl Program {
    pub(crate) fn spawned(&mut self, out: &mut Outbox) -> Admission {
        if self.spec.probed == Probed::Yes {
            out.push(Effect::Probe(self.run()));
        }
        if self.state == State::Starting && self.spec.startsecs.is_zero() {
            self.enter_running(out);
            self.tell_running(out);
        }
        Admission::Accepted
    }

    pub(crate) fn spawn_failed(
        &mut self,
        reason: String,
        now: Instant,
        out: &mut Outbox,
    ) -> Admission {
        let stopping = match self.state {
            State::Starting => None,
            State::Stopping { after, .. } => Some(after),
            State::Stopped { .. }
            | State::Waiting(_)
            | State::Running
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown => return Admission::Ignored,
        };
        out.announce(Announcement::SpawnFailed {
            reason: reason.clone(),
        });
        self.spawn_error = Some(reason);
        match stopping {
            Some(after) => self.end_stop(after, None, now, out),
            None => self.back_off(now, out),
        }
        Admission::Accepted
    }

    pub(crate) fn exited(&mut self, exit: Exit, now: Instant, out: &mut Outbox) -> Admission {
        let well = self.spec.kind == ProgramKind::OneShot && exit == Exit::Code(0);
        let expected = well || self.spec.exitcodes.contains(&exit.status());
        let young = self.age(now) < self.spec.startsecs;
        match self.state {
            State::Stopping { after, .. } => {
                self.lose_process(exit, expected);
                self.end_stop(after, Some((exit, expected)), now, out);
            }
            State::Starting if young && !well => {
                self.lose_process(exit, false);
                self.spawn_error = Some(TOO_QUICKLY.to_owned());
                self.enter_backoff(now, out);
                self.tell_exited(exit, false, out);
                self.judge_failure(out);
            }
            State::Starting | State::Running => {
                if self.state == State::Starting {
                    self.enter_running(out);
                    if !young {
                        self.tell_running(out);
                    }
                }
                self.lose_process(exit, expected);
                if !expected {
                    self.spawn_error = Some(bad_exit(exit));
                }
                self.enter_exited(now, out);
                self.tell_exited(exit, expected, out);
            }
            // The process of a program whose state was lost has ended after all.
            State::Unknown => {
                self.lose_process(exit, expected);
                self.held = None;
                self.enter(State::Stopped { restart_at: None }, out);
            }
            State::Stopped { .. }
            | State::Waiting(_)
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal => return Admission::Ignored,
        }
        Admission::Accepted
    }

    pub(crate) fn signal_failed(&mut self, out: &mut Outbox) -> Admission {
        if !self.state().is_signallable() {
            return Admission::Ignored;
        }
        self.held = Some(UNKNOWN.to_owned());
        self.enter(State::Unknown, out);
        Admission::Accepted
    }

    pub(crate) fn became_ready(&mut self) -> Admission {
        if self.spec.probed == Probed::No || !self.state().is_signallable() {
            return Admission::Ignored;
        }
        match self.state {
            State::Starting | State::Running => {
                self.ready_by = None;
                if self.must_be_ready() {
                    self.failures = 0;
                }
            }
            State::Stopped { .. }
            | State::Waiting(_)
            | State::Backoff { .. }
            | State::Stopping { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown => {}
        }
        self.readiness = Readiness::Ready;
        self.changed = true;
        Admission::Accepted
    }

    pub(crate) fn became_unready(&mut self) -> Admission {
        if self.readiness != Readiness::Ready {
            return Admission::Ignored;
        }
        self.readiness = Readiness::NotReady;
        self.changed = true;
        Admission::Accepted
    }

    pub(crate) fn liveness_lost(
        &mut self,
        reason: String,
        now: Instant,
        out: &mut Outbox,
    ) -> Admission {
        match self.state {
            // In a shutdown it will be stopped anyway, when it is its turn.
            State::Starting | State::Running if !out.closing => {
                self.stop_unalive(reason, After::Restart, now, out);
                Admission::Accepted
            }
            State::Starting
            | State::Running
            | State::Stopped { .. }
            | State::Waiting(_)
            | State::Backoff { .. }
            | State::Stopping { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown => Admission::Ignored,
        }
    }

    pub(crate) fn conditions_met(&mut self, now: Instant, out: &mut Outbox) -> Admission {
        let State::Waiting(wait) = &mut self.state else {
            return Admission::Ignored;
        };
        wait.conditions = Conditions::Met;
        self.changed = true;
        self.end_wait(now, out);
        Admission::Accepted
    }

    pub(crate) fn conditions_refused(&mut self, reason: String, out: &mut Outbox) -> Admission {
        let State::Waiting(_) = self.state else {
            return Admission::Ignored;
        };
        self.held = Some(reason);
        self.enter(State::Stopped { restart_at: None }, out);
        Admission::Accepted
    }

    /// A dependency of a waiting program was satisfied, or is not any more.
    pub(crate) fn set_blocker(
        &mut self,
        blocker: Blocker,
        blocked: bool,
        now: Instant,
        out: &mut Outbox,
    ) {
        let State::Waiting(wait) = &mut self.state else {
            return;
        };
        self.changed |= match blocked {
            true => wait.blockers.insert(blocker),
            false => wait.blockers.remove(&blocker),
        };
        self.end_wait(now, out);
    }

    /// Whether an exit like this is followed by a restart.
    pub(super) fn starts_again(&self, expected: bool) -> bool {
        match (self.spec.autorestart, self.spec.kind) {
            (Autorestart::Always, ProgramKind::Service) => true,
            (Autorestart::Always, ProgramKind::OneShot) | (Autorestart::Unexpected, _) => !expected,
            (Autorestart::Never, _) => false,
        }
    }

    fn lose_process(&mut self, exit: Exit, expected: bool) {
        if self.readiness == Readiness::Ready {
            self.readiness = Readiness::NotReady;
        }
        self.note_exit(exit, expected);
        self.changed = true;
    }

    fn tell_exited(&self, exit: Exit, expected: bool, out: &mut Outbox) {
        out.announce(Announcement::Exited {
            program: self.spec.id.clone(),
            exit,
            expected,
        });
    }
}

/// The original's words; clients show them.
const TOO_QUICKLY: &str = "Exited too quickly (process log may have details)";
const UNKNOWN: &str = "a signal to it failed; whether it runs is not known";
