//! The plan of a shutdown: which programs stop together, in which order, and until when.
//!
//! Priorities are stopped one after the other, the highest first. Within a priority a program is
//! told to stop when everything that depends on it has ended. With [`Patience::Budget`] each
//! priority has an equal share of the time that is left, and each step of the longest chain of
//! dependents within it an equal share of that; whoever has used up its share is killed, and what
//! comes next does not wait for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{core::Slot, input::Patience, moment::later};

/// A shutdown under way.
#[derive(Debug)]
pub(crate) struct Shutdown {
    /// When everything that is left is killed.
    pub(crate) deadline: Option<Instant>,
    /// Programs that have not ended.
    pub(crate) left: BTreeSet<Slot>,
    /// Priorities still to be stopped, each in the order of its stops; the last one is next.
    waiting: Vec<Vec<Slot>>,
    /// Programs of the priorities that are being stopped, as long as they have not ended.
    open: BTreeSet<Slot>,
    /// Those of them that were not told yet, in the order of their stops.
    untold: Vec<Turn>,
    /// When the next priority is stopped even if the present one has not ended.
    next_at: Option<Instant>,
    /// When the world is told again what is being waited for.
    report_at: Instant,
    /// Whether the end was announced.
    drained: bool,
}

/// When a program is told to stop.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) slot: Slot,
    /// Programs that depend on it and have not ended.
    held_by: BTreeSet<Slot>,
    /// When it is told whoever depends on it.
    tell_at: Option<Instant>,
    /// When it is killed.
    pub(crate) until: Option<Instant>,
}

/// What there is to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// Everything has ended.
    Drained,
    /// What is left is stuck in the kernel.
    Abandoned,
    /// It takes a while.
    Waiting,
}

impl Shutdown {
    /// A shutdown of these priorities, ascending, each in the order of its stops.
    pub(crate) fn new(patience: Patience, waiting: Vec<Vec<Slot>>, now: Instant) -> Self {
        Self {
            deadline: match patience {
                Patience::Budget => Some(later(now, crate::SHUTDOWN_BUDGET)),
                Patience::Own => None,
            },
            left: waiting.iter().flatten().copied().collect(),
            waiting,
            open: BTreeSet::new(),
            untold: Vec::new(),
            next_at: None,
            report_at: now,
            drained: false,
        }
    }

    /// A program has ended.
    pub(crate) fn ended(&mut self, slot: Slot) {
        self.left.remove(&slot);
        self.open.remove(&slot);
        self.untold.retain(|turn| turn.slot != slot);
        for turn in &mut self.untold {
            turn.held_by.remove(&slot);
        }
    }

    /// Whether the priority of a program is being stopped.
    pub(crate) fn is_open(&self, slot: Slot) -> bool {
        self.open.contains(&slot)
    }

    /// Nobody waits any longer.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.deadline = Some(self.deadline.map_or(now, |at| at.min(now)));
        self.waiting.clear();
        self.untold.clear();
    }

    /// The next programs to tell, in order.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        dependents: impl Fn(Slot) -> BTreeSet<Slot>,
    ) -> Vec<Turn> {
        while self.is_over(now)
            && let Some(tier) = self.waiting.pop()
        {
            self.open_next(&tier, now, &dependents);
        }
        let due =
            |turn: &mut Turn| turn.held_by.is_empty() || turn.tell_at.is_some_and(|at| at <= now);
        let mut told: Vec<_> = self.untold.extract_if(.., due).collect();
        // Programs that wait for nobody but each other would wait for ever.
        if told.is_empty() && self.untold.len() == self.open.len() {
            told.append(&mut self.untold);
        }
        told
    }

    /// What there is to say.
    pub(crate) fn report(&mut self, now: Instant) -> Option<Report> {
        if self.drained {
            return None;
        }
        let stuck = self.waiting.is_empty() && self.abandon_at().is_some_and(|at| at <= now);
        if self.left.is_empty() || stuck {
            self.drained = true;
            return Some(match self.left.is_empty() {
                true => Report::Drained,
                false => Report::Abandoned,
            });
        }
        (self.report_at <= now).then(|| {
            self.report_at = later(now, REPORT_EVERY);
            Report::Waiting
        })
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.drained {
            return None;
        }
        let next = match self.waiting.is_empty() {
            true => self.abandon_at(),
            false => self.next_at,
        };
        let turns = self.untold.iter().filter_map(|turn| turn.tell_at);
        turns.chain(next).chain([self.report_at]).min()
    }

    /// The world was frozen that long.
    pub(crate) fn shift(&mut self, gap: Duration) {
        let Self {
            deadline,
            untold,
            next_at,
            report_at,
            ..
        } = self;
        let turns = untold.iter_mut();
        let turns = turns.flat_map(|turn| turn.tell_at.iter_mut().chain(&mut turn.until));
        for moment in turns.chain(deadline).chain(next_at).chain([report_at]) {
            *moment = later(*moment, gap);
        }
    }

    /// Whether those being stopped have ended, or had their time.
    fn is_over(&self, now: Instant) -> bool {
        self.open.is_empty() || self.next_at.is_some_and(|at| at <= now)
    }

    /// When processes that survive even a kill are left behind.
    fn abandon_at(&self) -> Option<Instant> {
        self.deadline.map(|at| later(at, ABANDON_AFTER))
    }

    fn open_next(
        &mut self,
        tier: &[Slot],
        now: Instant,
        dependents: impl Fn(Slot) -> BTreeSet<Slot>,
    ) {
        let mut held: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for slot in tier.iter().filter(|slot| self.left.contains(slot)) {
            let dependents = dependents(*slot).into_iter();
            let alive = dependents.filter(|dependent| self.left.contains(dependent));
            held.insert(*slot, alive.collect());
        }
        let (step_of, steps) = steps(&held);
        let shares = u32::try_from(self.waiting.len() + 1).unwrap_or(u32::MAX);
        let left = self.deadline.map(|at| at.saturating_duration_since(now));
        let share = left.map(|left| left / shares);
        let after = |step: u32| share.map(|share| later(now, share * step / steps));
        self.next_at = after(steps);
        self.open.extend(held.keys());
        for slot in tier {
            let Some(held_by) = held.remove(slot) else {
                continue;
            };
            let step = step_of.get(slot).copied().unwrap_or(0);
            self.untold.push(Turn {
                slot: *slot,
                held_by,
                tell_at: after(step),
                until: after(step + 1),
            });
        }
    }
}

/// How many programs at most end one after the other before it is each one's turn, and the number
/// of turns. Programs that wait for each other share the last one.
fn steps(held: &BTreeMap<Slot, BTreeSet<Slot>>) -> (BTreeMap<Slot, u32>, u32) {
    let mut step_of: BTreeMap<Slot, u32> = BTreeMap::new();
    let mut step = 0;
    loop {
        let free = |by: &BTreeSet<Slot>| {
            let mut by = by.iter();
            by.all(|slot| !held.contains_key(slot) || step_of.contains_key(slot))
        };
        let left = held.iter().filter(|(slot, _)| !step_of.contains_key(slot));
        let found: Vec<_> = left.clone().filter(|(_, by)| free(by)).collect();
        let last = found.is_empty();
        let found: Vec<_> = match last {
            true => left.map(|(slot, _)| *slot).collect(),
            false => found.into_iter().map(|(slot, _)| *slot).collect(),
        };
        if found.is_empty() {
            return (step_of, step.max(1));
        }
        step_of.extend(found.into_iter().map(|slot| (slot, step)));
        step += 1;
    }
}

/// How often the world is told what a shutdown waits for.
const REPORT_EVERY: Duration = Duration::from_secs(3);
/// A killed process that has not ended by then is stuck in the kernel.
const ABANDON_AFTER: Duration = Duration::from_millis(700);
