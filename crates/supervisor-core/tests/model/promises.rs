//! What holds in every story, whatever the reference says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use supervisor_core::{Announcement, Effect, ProgramId, Run, StateName};

/// What a watcher knows.
#[derive(Default)]
pub(crate) struct Promises {
    spawned: BTreeSet<Run>,
    last_spawn: BTreeMap<ProgramId, Duration>,
    states: BTreeMap<Run, StateName>,
    closing: bool,
    pub(crate) drained: usize,
}

impl Promises {
    /// Another core is watched. Runs keep their names.
    pub(crate) fn succeed(&mut self) {
        self.closing = false;
        self.drained = 0;
    }

    pub(crate) fn watch(&mut self, done: &[(Duration, Effect)]) -> Result<(), TestCaseError> {
        for (at, effect) in done {
            match effect {
                Effect::Spawn(run) => self.spawn(run, *at)?,
                Effect::Signal { run, .. } => {
                    let newer = self.spawned.iter().any(|other| {
                        other.program == run.program && other.incarnation > run.incarnation
                    });
                    prop_assert!(!newer, "only the last run is signalled");
                }
                Effect::Announce(Announcement::Entered { run, from, to, .. }) => {
                    if let Some(last) = self.states.insert(run.clone(), *to) {
                        prop_assert_eq!(last, *from, "transitions have no gaps");
                    }
                    prop_assert_ne!(from, to);
                }
                Effect::Announce(Announcement::WaitingFor(_)) => self.closing = true,
                Effect::Drained => {
                    self.drained += 1;
                    self.closing = true;
                }
                Effect::Probe(_)
                | Effect::CheckConditions(_)
                | Effect::ForgetConditions(_)
                | Effect::Announce(_) => {}
            }
        }
        prop_assert!(self.drained <= 1, "a shutdown ends once");
        Ok(())
    }

    fn spawn(&mut self, run: &Run, at: Duration) -> Result<(), TestCaseError> {
        prop_assert!(!self.closing, "nothing starts during a shutdown");
        let last = self.spawned.range(..=run.clone()).next_back();
        let repeated = last.is_some_and(|last| last == run);
        prop_assert!(!repeated, "every run has a name of its own");
        self.spawned.insert(run.clone());
        if let Some(last) = self.last_spawn.insert(run.program.clone(), at) {
            prop_assert!(last <= at, "runs begin one after the other");
        }
        Ok(())
    }
}
