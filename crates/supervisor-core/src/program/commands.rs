//! What somebody wants of a program.

use std::time::Instant;

use super::{
    Program,
    state::{After, Cause, State},
};
use crate::{
    effect::Effect,
    input::{Admission, Deny},
    outbox::Outbox,
    spec::Scope,
};

impl Program {
    pub(crate) fn start(&mut self) -> Admission {
        match self.state {
            State::Waiting(_) | State::Starting | State::Running | State::Backoff { .. } => {
                Admission::Denied(Deny::AlreadyStarted)
            }
            State::Stopping { .. } => Admission::Denied(Deny::Stopping),
            State::Unknown => Admission::Denied(Deny::Unknown),
            State::Stopped { .. } | State::Exited { .. } | State::Fatal => {
                if self.spec.refused.is_some() {
                    return Admission::Denied(Deny::Refused);
                }
                self.wanted = Some(Cause::Request);
                Admission::Accepted
            }
        }
    }

    pub(crate) fn stop(&mut self, now: Instant, out: &mut Outbox) -> Admission {
        match self.state {
            State::Starting | State::Running => self.begin_stop(After::Rest, now, out),
            State::Waiting(_)
            | State::Backoff { .. }
            | State::Stopped {
                restart_at: Some(_),
            }
            | State::Exited {
                restart_at: Some(_),
            } => self.rest(out),
            State::Stopping {
                kill_at,
                after: After::Start | After::Restart | After::Retry,
            } => {
                let after = After::Rest;
                self.enter(State::Stopping { kill_at, after }, out);
            }
            State::Stopping {
                after: After::Rest, ..
            }
            | State::Stopped { restart_at: None }
            | State::Exited { restart_at: None }
            | State::Fatal => return Admission::Denied(Deny::NotRunning),
            State::Unknown => return Admission::Denied(Deny::Unknown),
        }
        Admission::Accepted
    }

    pub(crate) fn restart(&mut self, now: Instant, out: &mut Outbox) -> Admission {
        match self.state {
            State::Starting | State::Running => {
                self.begin_stop(After::Start, now, out);
                Admission::Accepted
            }
            State::Waiting(_) | State::Backoff { .. } => {
                self.rest(out);
                self.start()
            }
            State::Stopping { kill_at, .. } => {
                let after = After::Start;
                self.enter(State::Stopping { kill_at, after }, out);
                Admission::Accepted
            }
            State::Stopped { .. } | State::Exited { .. } | State::Fatal | State::Unknown => {
                self.start()
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

    /// Stops as part of a shutdown: killed at `until` if its own patience lasts longer.
    pub(crate) fn shut_down(&mut self, until: Option<Instant>, now: Instant, out: &mut Outbox) {
        match self.state {
            State::Starting | State::Running => {
                self.begin_stop(After::Rest, now, out);
                self.cap_stop(until, out);
            }
            State::Backoff { .. } => self.give_up(out),
            State::Stopping { .. } => self.cap_stop(until, out),
            State::Waiting(_)
            | State::Stopped { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown => {}
        }
    }

    /// Takes back every start that is yet to come: a shutdown has begun. A program in BACKOFF
    /// stays there until its turn, as in the original.
    pub(crate) fn cancel_starts(&mut self, out: &mut Outbox) {
        let state = match self.state {
            State::Waiting(_) => return self.rest(out),
            State::Backoff { .. } => State::Backoff { retry_at: None },
            State::Exited { .. } => State::Exited { restart_at: None },
            State::Stopped { .. } => State::Stopped { restart_at: None },
            State::Stopping { kill_at, .. } => State::Stopping {
                kill_at,
                after: After::Rest,
            },
            State::Starting | State::Running | State::Fatal | State::Unknown => {
                self.ready_by = None;
                return;
            }
        };
        self.enter(state, out);
    }

    /// Kills at once whatever runs.
    pub(crate) fn kill(&mut self, now: Instant, out: &mut Outbox) {
        self.shut_down(Some(now), now, out);
        self.timeout(now, out);
    }
}
