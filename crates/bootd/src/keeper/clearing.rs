//! What goes and what stays when a supervisor has ended or takes nothing over.

use std::time::{Duration, Instant};

use super::{HELLO, Keeper, Keeping, brake};
use crate::{
    custody::Custody,
    leftovers::{Census, Evicted, Eviction, Leftovers},
    system::{program, started},
};

/// Held runs that nobody has taken over and that are being ended.
#[derive(Debug)]
pub(super) struct Unclaimed {
    /// Their pipes stay open, so that they can end as they are used to.
    custody: Custody,
    eviction: Eviction,
}

impl Keeper {
    /// Ends what is held if the supervisor has had its time to say that it takes it over.
    pub(super) fn look_at_silence(&mut self, now: Instant) {
        let Keeping::Running { since, line } = &mut self.keeping else {
            return;
        };
        let Some(by) = line.hello_by.filter(|by| now >= *by) else {
            return;
        };
        // We were paused or had no time, and so had the supervisor.
        let is_late = now.saturating_duration_since(by) > LATE;
        // A machine that is short of memory takes its time to start what has greeted before.
        let is_slow = line.channel.is_some()
            && self.heir.is_some()
            && self.heir == program(line.pid.as_raw())
            && now.saturating_duration_since(*since) < SLOW_HELLO;
        if is_late || is_slow {
            line.hello_by = Some(now + HELLO);
        } else {
            line.hello_by = None;
            self.end_unclaimed("has not greeted bootd in time", now);
        }
    }

    /// Ends all held runs: the supervisor, which `fails` in this way, does not take them over.
    pub(super) fn end_unclaimed(&mut self, fails: &str, now: Instant) {
        if self.custody.len() == 0 {
            return;
        }
        let custody = self.custody.take();
        let left = Census::take(&self.children).kin(&custody.kin());
        let names = left.names();
        if !names.is_empty() {
            let text = format!(
                "the supervisor {fails}; the programs that had outlived its predecessor are \
                 ended: {}",
                names.join(", ")
            );
            self.board.notice("supervisor", text);
        }
        self.board.link(|link| link.leftovers_stopped.extend(names));
        self.unclaimed = Some(Unclaimed {
            custody,
            eviction: Eviction::begin(&left, now),
        });
    }

    pub(super) fn evict_unclaimed(&mut self, now: Instant) {
        let Some(unclaimed) = &mut self.unclaimed else {
            return;
        };
        let left = Census::take(&self.children).kin(&unclaimed.custody.kin());
        match unclaimed.eviction.go_on(&left, now) {
            Evicted::NotYet => return,
            Evicted::All => {}
            Evicted::InVain => self.tell_of(&left),
        }
        self.unclaimed = None;
    }

    /// Ends what the dead supervisor has left and did not have held.
    pub(super) fn clear(&mut self, now: Instant) {
        let Keeping::Clearing {
            unborn_until,
            eviction,
        } = &mut self.keeping
        else {
            return;
        };
        let census = Census::take(&self.children);
        self.custody.find(census.marked());
        let is_unborn = self.custody.has_announced() && census.has_unborn(&self.sessions);
        if is_unborn && now < *unborn_until {
            return;
        }
        self.custody.forget_announced();
        self.custody.miss(started);
        let left = census.leftovers(&self.sessions, &self.custody.kin());
        let evicted = match eviction {
            Some(eviction) => eviction.go_on(&left, now),
            None if left.is_empty() => Evicted::All,
            None => {
                *eviction = Some(Eviction::begin(&left, now));
                let names = left.names();
                tracing::warn!(leftovers = ?names, "leftovers of the supervisor are ended");
                self.board.link(|link| link.leftovers_stopped = names);
                Evicted::NotYet
            }
        };
        match evicted {
            Evicted::NotYet => return,
            Evicted::All => {}
            Evicted::InVain => self.tell_of(&left),
        }
        let sessions = std::mem::take(&mut self.sessions).into_iter();
        self.sessions = sessions.filter(|s| census.has_session(*s)).collect();
        let until = now + brake(self.quick_deaths);
        self.keeping = Keeping::Braking { until };
    }

    /// What KILL does not end is stuck in the kernel or not ours to end.
    fn tell_of(&self, leftovers: &Leftovers) {
        let pids: Vec<String> = leftovers.pids().map(|pid| pid.to_string()).collect();
        let text = format!(
            "processes {} of {} cannot be ended; the supervisor is started beside them, and their \
             programs may not be able to start again",
            pids.join(", "),
            leftovers.names().join(", "),
        );
        self.board.notice("supervisor", text);
    }
}

/// How long it may take if its program has greeted before.
pub(super) const SLOW_HELLO: Duration = Duration::from_secs(10);
/// A deadline that is seen later than this was missed by no fault of the supervisor.
const LATE: Duration = Duration::from_millis(500);
