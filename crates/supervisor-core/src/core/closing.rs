//! Everything is stopped, in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{
    Core,
    register::{Register, Slot},
};
use crate::{
    effect::{Announcement, Effect},
    input::{Admission, Patience},
    program::Program,
    shutdown::{Report, Shutdown},
    spec::ProgramId,
    view::StateName,
};

impl Core {
    pub(super) fn shut_down(&mut self, patience: Patience, now: Instant) -> Admission {
        self.out.closing = true;
        self.generation += 1;
        let slots: Vec<_> = self.register.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.touch(slot, now, |program, out| program.cancel_starts(out));
        }
        self.shutdown = Some(Shutdown::new(patience, tiers(&self.register), now));
        Admission::Accepted
    }

    /// A second request to shut down: nobody waits any longer.
    pub(super) fn press(&mut self, now: Instant) -> Admission {
        let Some(shutdown) = &mut self.shutdown else {
            return Admission::Ignored;
        };
        shutdown.hurry(now);
        for slot in shutdown.left.clone().into_iter().rev() {
            self.touch(slot, now, |program, out| program.kill(now, out));
        }
        Admission::Accepted
    }

    /// During a shutdown: a program may have ended, or must not be waited for.
    pub(super) fn note_end(&mut self, slot: Slot) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        let Some(program) = self.register.get_mut(slot) else {
            return;
        };
        if program.state() == StateName::Backoff && shutdown.is_open(slot) {
            program.give_up(&mut self.out);
        }
        if program.state().is_stopped() {
            shutdown.ended(slot);
        }
        self.keep_up(slot);
    }

    pub(super) fn advance_shutdown(&mut self, now: Instant) {
        while let Some(shutdown) = &mut self.shutdown {
            let turns = shutdown.next(now, |slot| running_dependents(&self.register, slot));
            if turns.is_empty() {
                break;
            }
            for turn in turns {
                self.touch(turn.slot, now, |program, out| {
                    program.shut_down(turn.until, now, out);
                });
            }
        }
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        let Some(report) = shutdown.report(now) else {
            return;
        };
        let left = shutdown
            .left
            .iter()
            .filter_map(|slot| self.register.get(*slot));
        let left: Vec<ProgramId> = left.map(|program| program.id().clone()).collect();
        match report {
            Report::Drained => {}
            Report::Abandoned => self.out.announce(Announcement::Abandoned(left)),
            Report::Waiting => return self.out.announce(Announcement::WaitingFor(left)),
        }
        self.out.push(Effect::Drained);
    }
}

/// The programs that have not ended by the priority at which they are stopped, ascending, and in
/// the order of their stops: from the last group to the first, within a group by descending
/// priority and then from the last to the first.
///
/// A program that runs stops no earlier than those that depend on it, so its priority is at most
/// theirs.
fn tiers(register: &Register) -> Vec<Vec<Slot>> {
    let mut groups: Vec<_> = register.groups.iter().collect();
    groups.sort_by_key(|(name, group)| (group.priority, *name));
    let mut order = Vec::new();
    let mut priorities = BTreeMap::new();
    for (_, group) in groups.into_iter().rev() {
        let members = group.members.iter().filter_map(|slot| {
            let program = register.get(*slot)?;
            (!program.state().is_stopped()).then(|| (program.priority(), *slot))
        });
        let mut members: Vec<_> = members.collect();
        members.sort_by_key(|(priority, _)| *priority);
        for (_, slot) in members.into_iter().rev() {
            order.push(slot);
            priorities.insert(slot, group.priority);
        }
    }
    let mut lowered: Vec<_> = order.clone();
    while let Some(slot) = lowered.pop() {
        let (Some(program), Some(priority)) = (register.get(slot), priorities.get(&slot).copied())
        else {
            continue;
        };
        if !has_process(program) {
            continue;
        }
        for dependency in register.dependencies(program) {
            let runs = register.get(dependency).is_some_and(has_process);
            if runs
                && let Some(theirs) = priorities.get_mut(&dependency)
                && *theirs > priority
            {
                *theirs = priority;
                lowered.push(dependency);
            }
        }
    }
    let mut tiers: BTreeMap<i64, Vec<Slot>> = BTreeMap::new();
    for slot in order {
        let priority = priorities.get(&slot).copied().unwrap_or_default();
        tiers.entry(priority).or_default().push(slot);
    }
    tiers.into_values().collect()
}

/// Whom a program that runs must not be stopped before.
fn running_dependents(register: &Register, slot: Slot) -> BTreeSet<Slot> {
    let Some(program) = register.get(slot).filter(|program| has_process(program)) else {
        return BTreeSet::new();
    };
    let mut dependents = register.dependents(program.id());
    dependents.retain(|slot| register.get(*slot).is_some_and(has_process));
    dependents
}

fn has_process(program: &Program) -> bool {
    program.state().is_signallable()
}
