//! Who is there: programs and groups, and who depends on whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    dependency::{Blocker, DependencyCondition, DependencyTarget},
    program::{Program, Standing},
    spec::ProgramId,
};

/// The place of a program; grows in the order in which programs are added, which is the order in
/// which they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u64);

/// All programs, found by place, by name or by whom they depend on.
#[derive(Debug, Default)]
pub(super) struct Register {
    pub(super) groups: BTreeMap<Arc<str>, Group>,
    programs: BTreeMap<Slot, Program>,
    slots: BTreeMap<ProgramId, Slot>,
    dependents: BTreeMap<DependencyTarget, BTreeSet<Slot>>,
    added: u64,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) priority: i64,
    /// In the order in which they start.
    pub(super) members: Vec<Slot>,
}

impl Register {
    pub(super) fn get(&self, slot: Slot) -> Option<&Program> {
        self.programs.get(&slot)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Program> {
        self.programs.get_mut(&slot)
    }

    pub(super) fn find(&self, id: &ProgramId) -> Option<Slot> {
        self.slots.get(id).copied()
    }

    pub(super) fn named(&self, id: &ProgramId) -> Option<&Program> {
        self.get(self.find(id)?)
    }

    /// All programs in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Program)> {
        self.programs.iter().map(|(slot, program)| (*slot, program))
    }

    /// All programs in the order of their names.
    pub(super) fn by_name(&self) -> impl Iterator<Item = &Program> {
        self.slots.values().filter_map(|slot| self.get(*slot))
    }

    /// The members of a group in the order in which they start.
    pub(super) fn members(&self, group: &str) -> &[Slot] {
        self.groups.get(group).map_or(&[], |group| &group.members)
    }

    pub(super) fn add_group(&mut self, name: Arc<str>, priority: i64, programs: Vec<Program>) {
        let mut members = Vec::with_capacity(programs.len());
        for program in programs {
            let slot = Slot(self.added);
            if self.slots.contains_key(program.id()) {
                continue;
            }
            self.added += 1;
            for dependency in program.depends_on() {
                let target = dependency.target.clone();
                self.dependents.entry(target).or_default().insert(slot);
            }
            self.slots.insert(program.id().clone(), slot);
            self.programs.insert(slot, program);
            members.push(slot);
        }
        self.groups.insert(name, Group { priority, members });
    }

    /// Takes a group out, with its programs.
    pub(super) fn remove_group(&mut self, name: &str) -> Vec<(Slot, Program)> {
        let Some(group) = self.groups.remove(name) else {
            return Vec::new();
        };
        let mut removed = Vec::with_capacity(group.members.len());
        for slot in group.members {
            let Some(program) = self.programs.remove(&slot) else {
                continue;
            };
            self.slots.remove(program.id());
            for dependency in program.depends_on() {
                if let Some(dependents) = self.dependents.get_mut(&dependency.target) {
                    dependents.remove(&slot);
                    if dependents.is_empty() {
                        self.dependents.remove(&dependency.target);
                    }
                }
            }
            removed.push((slot, program));
        }
        removed
    }

    /// Who else depends on this program, by its own name or by that of its group.
    pub(super) fn dependents(&self, id: &ProgramId) -> BTreeSet<Slot> {
        let targets = [
            DependencyTarget::Program(id.clone()),
            DependencyTarget::Group(id.group.clone()),
        ];
        let of = |target| self.dependents.get(target).into_iter().flatten().copied();
        let mut dependents: BTreeSet<_> = targets.iter().flat_map(of).collect();
        if let Some(slot) = self.find(id) {
            dependents.remove(&slot);
        }
        dependents
    }

    /// Who depends on a group as a whole.
    pub(super) fn dependents_of_group(&self, name: &Arc<str>) -> BTreeSet<Slot> {
        let target = DependencyTarget::Group(name.clone());
        self.dependents.get(&target).cloned().unwrap_or_default()
    }

    /// On whom a program depends, as far as they are there.
    pub(super) fn dependencies(&self, program: &Program) -> BTreeSet<Slot> {
        let of = |target: &DependencyTarget| match target {
            DependencyTarget::Program(id) => self.find(id).into_iter().collect(),
            DependencyTarget::Group(name) => self.members(name).to_vec(),
        };
        let targets = program.depends_on().iter().map(|on| &on.target);
        targets.flat_map(of).collect()
    }

    /// What this program has to do for `dependent`.
    pub(super) fn conditions(dependent: &Program, id: &ProgramId) -> Vec<DependencyCondition> {
        let concerns = |target: &DependencyTarget| match target {
            DependencyTarget::Program(wanted) => wanted == id,
            DependencyTarget::Group(name) => *name == id.group,
        };
        let dependencies = dependent.depends_on().iter();
        dependencies
            .filter(|on| concerns(&on.target))
            .map(|on| on.condition)
            .collect()
    }

    /// The dependencies of a program that are not satisfied. One on itself never is.
    pub(super) fn blockers(&self, program: &Program) -> BTreeSet<Blocker> {
        let mut blockers = BTreeSet::new();
        for dependency in program.depends_on() {
            let condition = dependency.condition;
            let mut block = |on: &ProgramId, standing: Option<Standing>| {
                let satisfied = standing.is_some_and(|standing| standing.satisfies(condition));
                if !satisfied || on == program.id() {
                    let program = on.clone();
                    blockers.insert(Blocker::Dependency { program, condition });
                }
            };
            match &dependency.target {
                DependencyTarget::Program(id) => {
                    block(id, self.named(id).map(Program::standing));
                }
                DependencyTarget::Group(name) => match self.groups.get(name) {
                    None => block(&ProgramId::new(name, "*"), None),
                    Some(group) => {
                        let members = group.members.iter().filter_map(|slot| self.get(*slot));
                        for member in members {
                            block(member.id(), Some(member.standing()));
                        }
                    }
                },
            }
        }
        blockers
    }
}
