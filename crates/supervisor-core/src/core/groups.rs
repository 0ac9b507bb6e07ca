//! Groups come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use super::{Core, register::Slot};
use crate::{
    input::{Admission, Deny, Inherited},
    program::Program,
    spec::{GroupSpec, ProgramId},
};

impl Core {
    /// Adds a group. Its members are there before the first of them starts, so that they can
    /// depend on each other.
    pub(super) fn add(
        &mut self,
        spec: GroupSpec,
        inherited: Vec<(ProgramId, Inherited)>,
        now: Instant,
    ) -> Admission {
        if self.register.groups.contains_key(&spec.name) {
            return Admission::Denied(Deny::AlreadyAdded);
        }
        let mut inherited: BTreeMap<_, _> = inherited.into_iter().collect();
        let mut starting = Vec::new();
        let mut programs = Vec::with_capacity(spec.programs.len());
        for spec in spec.programs {
            let last = self.past.get(&spec.id).copied().unwrap_or_default();
            let program = match inherited.remove(&spec.id) {
                Some(inherited) => Program::inherit(spec, inherited, now, &mut self.out),
                None => {
                    let program = Program::new(spec, last);
                    if program.starts_by_itself() {
                        starting.push(program.id().clone());
                    }
                    program
                }
            };
            programs.push(program);
        }
        let name = spec.name;
        self.register
            .add_group(name.clone(), spec.priority, programs);
        self.generation += 1;
        for slot in self.register.members(&name).to_vec() {
            self.touch(slot, now, |_, _| ());
        }
        self.judge_dependents_of(&name, now);
        for id in starting {
            if let Some(slot) = self.register.find(&id) {
                self.touch(slot, now, |program, _| {
                    let _ = program.start();
                });
            }
        }
        Admission::Accepted
    }

    pub(super) fn remove(&mut self, name: &str, now: Instant) -> Admission {
        let Some((name, group)) = self.register.groups.get_key_value(name) else {
            return Admission::Denied(Deny::NoSuchProgram);
        };
        let name = name.clone();
        let mut members = group.members.iter();
        let rests = |slot: &Slot| self.register.get(*slot).is_none_or(rests);
        if !members.all(rests) {
            return Admission::Denied(Deny::StillRunning);
        }
        let mut dependents = self.register.dependents_of_group(&name);
        for (slot, program) in self.register.remove_group(&name) {
            let id = program.id().clone();
            if let Some(at) = self.scheduled.remove(&slot) {
                self.timers.remove(&(at, slot));
            }
            dependents.append(&mut self.register.dependents(&id));
            self.past.insert(id.clone(), program.incarnation());
            self.changed.insert(id);
        }
        self.generation += 1;
        self.judge_again(dependents, now);
        Admission::Accepted
    }

    /// Judges everybody who waits for a group or one of its members.
    fn judge_dependents_of(&mut self, name: &Arc<str>, now: Instant) {
        let mut dependents = self.register.dependents_of_group(name);
        for slot in self.register.members(name) {
            if let Some(program) = self.register.get(*slot) {
                dependents.append(&mut self.register.dependents(program.id()));
            }
        }
        self.judge_again(dependents, now);
    }

    fn judge_again(&mut self, dependents: BTreeSet<Slot>, now: Instant) {
        for slot in dependents {
            if let Some(program) = self.register.get(slot) {
                let blockers = self.register.blockers(program);
                self.touch(slot, now, |program, out| {
                    program.set_blockers(blockers, now, out);
                });
            }
        }
    }
}

fn rests(program: &Program) -> bool {
    program.state().is_stopped()
}
