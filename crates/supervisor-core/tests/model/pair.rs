//! The core and the reference, side by side.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use supervisor_core::{
    Command, Effect, Exit, GroupSpec, Incarnation, Inherited, Input, Patience, ProgramId,
    ProgramView, Resting, Run,
};

use super::{
    promises::Promises,
    reference::Reference,
    stories::{Happening, Past, Step, Which, Wish},
};
use crate::support::{Bench, Spawning};

type Checked = Result<(), TestCaseError>;

pub(crate) struct Pair {
    bench: Bench,
    reference: Reference,
    /// What the reference did.
    predicted: Vec<(Duration, Effect)>,
    /// What was compared.
    seen: usize,
    shown: Vec<ProgramView>,
    generation: u64,
    promises: Promises,
    adopted: u64,
}

impl Pair {
    /// Two empty ones, an hour after their zero, so that programs may be older than the story.
    pub(crate) fn new() -> Self {
        let mut bench = Bench::new();
        let mut reference = Reference::new(bench.start);
        bench.now += HOUR;
        reference.now = HOUR;
        Self {
            bench,
            reference,
            predicted: Vec::new(),
            seen: 0,
            shown: Vec::new(),
            generation: 0,
            promises: Promises::default(),
            adopted: 0,
        }
    }

    pub(crate) fn take(&mut self, step: &Step, groups: &[GroupSpec]) -> Checked {
        let told = |error| TestCaseError::fail(format!("{step:?}: {error}"));
        self.step(step, groups).map_err(told)
    }

    fn step(&mut self, step: &Step, groups: &[GroupSpec]) -> Checked {
        match step {
            Step::Want(wish, who) => self.want(*wish, program(groups, *who)),
            Step::Happen(what, who, which) => self.happen(*what, program(groups, *who), *which),
            Step::Pass(time) => self.pass(*time),
            Step::Miss(time) => {
                self.bench.now += *time;
                self.reference.now += *time;
                Ok(())
            }
            Step::Freeze(gap) => {
                self.bench.now += *gap;
                self.reference.now += *gap;
                self.input(Input::TimeGap(*gap))
            }
            Step::Spawning(spawning) => {
                self.bench.spawning = *spawning;
                Ok(())
            }
            Step::Remove(group) => {
                let name = groups[group % groups.len()].name.clone();
                self.command(Command::RemoveGroup(name))
            }
            Step::Add(group, pasts) => {
                let group = &groups[group % groups.len()];
                self.add(group, pasts.clone())
            }
            Step::Shutdown(patience) => self.shut_down(*patience),
            Step::Succeed => {
                let core = std::mem::take(&mut self.bench.core);
                self.bench.core = core.successor();
                self.reference.succeed();
                self.promises.succeed();
                self.generation = 0;
                self.shown.clear();
                groups
                    .iter()
                    .try_for_each(|group| self.add(group, Vec::new()))
            }
        }
    }

    pub(crate) fn add(&mut self, group: &GroupSpec, pasts: Vec<Option<Past>>) -> Checked {
        let mut inherited = Vec::new();
        for (spec, past) in group.programs.iter().zip(pasts) {
            if let Some(past) = past {
                inherited.push((spec.id.clone(), self.inherited(past)));
            }
        }
        let spec = group.clone();
        self.command(Command::AddGroup { spec, inherited })
    }

    pub(crate) fn shut_down(&mut self, patience: Patience) -> Checked {
        self.command(Command::Shutdown(patience))
    }

    pub(crate) fn pass(&mut self, time: Duration) -> Checked {
        self.bench.pass(time);
        let end = self.reference.now + time;
        while let Some(at) = self.reference.next_due().filter(|at| *at <= end) {
            self.reference.now = at.max(self.reference.now);
            self.reference.tick();
            self.drain();
        }
        self.reference.now = end;
        self.compare()
    }

    /// Every process ends, until nothing is left.
    pub(crate) fn end_everything(&mut self) -> Checked {
        for _ in 0..=self.shown.len() {
            for view in self.reference.views() {
                let (program, incarnation) = (view.id, view.incarnation);
                let run = Run {
                    program,
                    incarnation,
                };
                let exit = Exit::Code(0);
                self.input(Input::Exited { run, exit })?;
            }
        }
        Ok(())
    }

    /// How often the shutdown of the present core was over.
    pub(crate) fn drained(&self) -> usize {
        self.promises.drained
    }

    fn want(&mut self, wish: Wish, program: Option<ProgramId>) -> Checked {
        let Some(id) = program else {
            return Ok(());
        };
        self.command(match wish {
            Wish::Start => Command::Start(id),
            Wish::Stop => Command::Stop(id),
            Wish::Restart => Command::Restart(id),
            Wish::Signal => Command::Signal(id, 1),
        })
    }

    fn happen(&mut self, what: Happening, program: Option<ProgramId>, which: Which) -> Checked {
        let Some(program) = program else {
            return Ok(());
        };
        let views = self.reference.views();
        let view = views.iter().find(|view| view.id == program);
        let last = view.map_or(0, |view| view.incarnation.0);
        let incarnation = Incarnation(last.saturating_sub(u64::from(which == Which::Earlier)));
        let run = Run {
            program,
            incarnation,
        };
        let reason = "a reason".to_owned();
        self.input(match what {
            Happening::Exit(exit) => Input::Exited { run, exit },
            Happening::SignalFailed => Input::SignalFailed(run),
            Happening::Ready => Input::BecameReady(run),
            Happening::Unready => Input::BecameUnready(run),
            Happening::Unalive => Input::LivenessLost { run, reason },
            Happening::Met => Input::ConditionsMet(run),
            Happening::Refused => Input::ConditionsRefused { run, reason },
        })
    }

    fn command(&mut self, command: Command) -> Checked {
        self.input(Input::Command(command))
    }

    fn input(&mut self, input: Input) -> Checked {
        let predicted = self.reference.handle(&input);
        self.drain();
        let told = format!("{input:?}");
        prop_assert_eq!(self.bench.input(input), predicted, "the answer to {}", told);
        self.compare()
    }

    /// Does for the reference what the bench does for the core.
    fn drain(&mut self) {
        while let Some(effect) = self.reference.effects.pop_front() {
            self.predicted.push((self.reference.now, effect.clone()));
            if let Effect::Spawn(run) = effect {
                let reason = "no such file".to_owned();
                let _ = self.reference.handle(&match self.bench.spawning {
                    Spawning::Works => Input::Spawned(run),
                    Spawning::Fails => Input::SpawnFailed { run, reason },
                });
            }
        }
    }

    fn compare(&mut self) -> Checked {
        let (done, predicted) = (&self.bench.log[self.seen..], &self.predicted[self.seen..]);
        prop_assert_eq!(done, predicted, "what was done");
        self.promises.watch(done)?;
        self.seen = self.bench.log.len();
        let view = self.bench.core.view();
        prop_assert_eq!(&view.programs, &self.reference.views(), "what is shown");
        let groups = view.groups.iter().map(|g| (g.name.clone(), g.priority));
        prop_assert_eq!(groups.collect::<Vec<_>>(), self.reference.groups());
        prop_assert_eq!(view.mood, self.reference.mood());
        let due = self.bench.core.poll_timeout();
        let due = due.map(|at| at - self.bench.start);
        prop_assert_eq!(due, self.reference.next_due(), "what is next");
        self.compare_changes(view.programs, view.generation)
    }

    /// What looks different was said to have changed.
    fn compare_changes(&mut self, now: Vec<ProgramView>, generation: u64) -> Checked {
        let (old, new): (Vec<_>, Vec<_>) = (self.shown.iter().collect(), now.iter().collect());
        let different = old.iter().filter(|view| !new.contains(view));
        let different = different.chain(new.iter().filter(|view| !old.contains(view)));
        let different: BTreeSet<_> = different.map(|view| view.id.clone()).collect();
        let changed: BTreeSet<_> = self.bench.core.take_changed().into_iter().collect();
        prop_assert!(
            changed.is_superset(&different),
            "{different:?} in {changed:?}"
        );
        prop_assert!(different.is_empty() || generation > self.generation);
        prop_assert!(generation >= self.generation);
        (self.shown, self.generation) = (now, generation);
        Ok(())
    }

    fn inherited(&mut self, past: Past) -> Inherited {
        self.adopted += 1;
        let incarnation = Incarnation(self.adopted * 1000);
        let state = match past {
            Past::Running { age, ready } => {
                let started = self.bench.now - age;
                return Inherited::Running {
                    incarnation,
                    started,
                    ready,
                };
            }
            Past::Stopped => Resting::Stopped,
            Past::Exited(exit) => Resting::Exited(exit, exit == Exit::Code(0)),
            Past::Fatal => Resting::Fatal("it was".to_owned()),
        };
        Inherited::Resting { state, incarnation }
    }
}

fn program(groups: &[GroupSpec], who: usize) -> Option<ProgramId> {
    let programs: Vec<_> = groups.iter().flat_map(|group| &group.programs).collect();
    let spec = programs.get(who % programs.len().max(1))?;
    Some(spec.id.clone())
}

const HOUR: Duration = Duration::from_secs(3600);
