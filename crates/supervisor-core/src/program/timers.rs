//! What is due for a program.

use std::time::{Duration, Instant};

use super::{
    Program,
    state::{After, Cause, State},
};
use crate::{
    effect::{Announcement, Effect},
    moment::later,
    outbox::Outbox,
};

impl Program {
    /// When [`Program::timeout`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Starting => self.running_at().into_iter().chain(self.ready_by).min(),
            State::Running => self.ready_by,
            State::Backoff { retry_at } => retry_at,
            State::Stopping { kill_at, .. } => Some(kill_at),
            State::Stopped { restart_at } | State::Exited { restart_at } => restart_at,
            State::Waiting(_) | State::Fatal | State::Unknown => None,
        }
    }

    /// Does the one thing that is due first.
    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Outbox) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        match self.state {
            State::Starting if self.running_at().is_some_and(|at| at <= now) => {
                self.enter_running(out);
                self.tell_running(out);
            }
            State::Starting | State::Running => {
                let time = self.spec.ready_within.unwrap_or_default();
                let reason = format!("not ready within {} s", time.as_secs_f64());
                self.stop_unalive(reason, After::Retry, now, out);
            }
            State::Stopped { .. } | State::Exited { .. } | State::Backoff { .. } => {
                self.wanted = Some(Cause::Policy);
            }
            State::Stopping { after, .. } => {
                let kill_at = later(now, self.spec.stop_wait.max(KILL_AGAIN));
                self.enter(State::Stopping { kill_at, after }, out);
                out.announce(Announcement::Killing(self.run()));
                out.push(Effect::Signal {
                    run: self.run(),
                    number: SIGKILL,
                    scope: self.spec.kill_scope,
                });
            }
            State::Waiting(_) | State::Fatal | State::Unknown => {}
        }
    }

    /// Everything that was, and everything that is due, moves: the world was frozen that long.
    pub(crate) fn shift(&mut self, gap: Duration) {
        let Self {
            state,
            started,
            ready_by,
            ..
        } = self;
        let due = match state {
            State::Stopped { restart_at } | State::Exited { restart_at } => restart_at.as_mut(),
            State::Backoff { retry_at } => retry_at.as_mut(),
            State::Stopping { kill_at, .. } => Some(kill_at),
            State::Waiting(_)
            | State::Starting
            | State::Running
            | State::Fatal
            | State::Unknown => None,
        };
        for moment in started.iter_mut().chain(ready_by).chain(due) {
            *moment = later(*moment, gap);
            self.changed = true;
        }
    }

    /// When it counts as running, if it stays up.
    fn running_at(&self) -> Option<Instant> {
        self.started.map(|at| later(at, self.spec.startsecs))
    }
}

const SIGKILL: i32 = 9;
/// A kill is repeated no faster than this, even with a stop_wait of zero.
const KILL_AGAIN: Duration = Duration::from_secs(1);
