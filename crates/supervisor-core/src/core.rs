//! All programs together.
//!
//! - `register`: who is there, and who depends on whom;
//! - `groups`: groups come and go;
//! - `closing`: the order of a shutdown.

mod closing;
mod groups;
mod register;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use self::register::Slot;
use self::register::{Group, Register};
use crate::{
    dependency::Blocker,
    effect::Effect,
    input::{Admission, Command, Deny, Input, Run},
    outbox::Outbox,
    program::{Program, Standing},
    shutdown::Shutdown,
    spec::{Incarnation, ProgramId},
    view::{GroupView, Mood, ProgramView, StateName, View},
};

/// How long a shutdown with [`crate::Patience::Budget`] may take before everything left is killed.
/// Part of the shutdown budget in ARCHITECTURE.md.
pub const SHUTDOWN_BUDGET: Duration = Duration::from_secs(5);

/// The supervision state machine.
///
/// A fact or a deadline costs time that grows with the logarithm of the number of programs, and
/// with the number of those that depend on the program concerned.
#[derive(Debug, Default)]
pub struct Core {
    register: Register,
    /// The last runs of programs that were removed, so that no run ever has the name of another.
    past: BTreeMap<ProgramId, Incarnation>,
    /// Deadlines of programs, and the same by program.
    timers: BTreeSet<(Instant, Slot)>,
    scheduled: BTreeMap<Slot, Instant>,
    shutdown: Option<Shutdown>,
    out: Outbox,
    generation: u64,
    changed: BTreeSet<ProgramId>,
}

impl Core {
    /// A core without programs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A core without programs that never repeats the name of a run of this one.
    #[must_use]
    pub fn successor(mut self) -> Self {
        let programs = self.register.by_name();
        let last: Vec<_> = programs
            .map(|program| (program.id().clone(), program.incarnation()))
            .collect();
        self.past.extend(last);
        Self {
            past: self.past,
            ..Self::default()
        }
    }

    /// Takes in a fact or a command.
    pub fn handle(&mut self, input: Input, now: Instant) -> Admission {
        let admission = match input {
            Input::Spawned(run) => self.fact(&run, now, Program::spawned),
            Input::SpawnFailed { run, reason } => self.fact(&run, now, |program, out| {
                program.spawn_failed(reason, now, out)
            }),
            Input::Exited { run, exit } => {
                self.fact(&run, now, |program, out| program.exited(exit, now, out))
            }
            Input::SignalFailed(run) => self.fact(&run, now, Program::signal_failed),
            Input::BecameReady(run) => self.fact(&run, now, |program, _| program.became_ready()),
            Input::BecameUnready(run) => {
                self.fact(&run, now, |program, _| program.became_unready())
            }
            Input::LivenessLost { run, reason } => self.fact(&run, now, |program, out| {
                program.liveness_lost(reason, now, out)
            }),
            Input::ConditionsMet(run) => {
                self.fact(&run, now, |program, out| program.conditions_met(now, out))
            }
            Input::ConditionsRefused { run, reason } => self.fact(&run, now, |program, out| {
                program.conditions_refused(reason, out)
            }),
            Input::TimeGap(gap) => self.shift(gap),
            Input::Command(command) => self.command(command, now),
        };
        self.advance_shutdown(now);
        admission
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = self.timers.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<_> = due.map(|(_, slot)| *slot).collect();
        for slot in due {
            self.touch(slot, now, |program, out| program.timeout(now, out));
        }
        self.advance_shutdown(now);
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.out.effects.pop_front()
    }

    /// When [`Core::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let program = self.timers.first().map(|(at, _)| *at);
        let shutdown = self.shutdown.as_ref().and_then(Shutdown::next_timeout);
        program.into_iter().chain(shutdown).min()
    }

    /// Grows with every visible change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The programs whose [`ProgramView`] may have changed since this was last asked, those that
    /// were removed included; in order of their ids.
    pub fn take_changed(&mut self) -> Vec<ProgramId> {
        mem::take(&mut self.changed).into_iter().collect()
    }

    /// What the supervisor as a whole is doing.
    pub fn mood(&self) -> Mood {
        match self.shutdown {
            Some(_) => Mood::ShuttingDown,
            None => Mood::Serving,
        }
    }

    /// The groups, sorted by name.
    pub fn groups(&self) -> Vec<GroupView> {
        let view = |(name, group): (&Arc<str>, &Group)| GroupView {
            name: name.clone(),
            priority: group.priority,
        };
        self.register.groups.iter().map(view).collect()
    }

    /// What may be seen.
    pub fn view(&self) -> View {
        View {
            generation: self.generation,
            mood: self.mood(),
            groups: self.groups(),
            programs: self.register.by_name().map(Program::view).collect(),
        }
    }

    /// One program, if there is one of that name.
    pub fn program(&self, id: &ProgramId) -> Option<ProgramView> {
        self.register.named(id).map(Program::view)
    }

    /// The state of one program, which costs less than its view.
    pub fn state(&self, id: &ProgramId) -> Option<StateName> {
        self.register.named(id).map(Program::state)
    }

    /// Applies a fact to the run it is about; an earlier run is nobody's concern.
    fn fact(
        &mut self,
        run: &Run,
        now: Instant,
        apply: impl FnOnce(&mut Program, &mut Outbox) -> Admission,
    ) -> Admission {
        let slot = self.register.find(&run.program);
        slot.and_then(|slot| {
            self.touch(slot, now, |program, out| {
                match program.incarnation() == run.incarnation {
                    true => apply(program, out),
                    false => Admission::Ignored,
                }
            })
        })
        .unwrap_or(Admission::Ignored)
    }

    fn command(&mut self, command: Command, now: Instant) -> Admission {
        if self.shutdown.is_some() {
            return match command {
                Command::Shutdown(_) => self.press(now),
                Command::Signal(id, number) => {
                    self.on(&id, now, |program, out| program.signal(number, out))
                }
                Command::Start(_)
                | Command::Stop(_)
                | Command::Restart(_)
                | Command::AddGroup { .. }
                | Command::RemoveGroup(_) => Admission::Denied(Deny::ShuttingDown),
            };
        }
        match command {
            Command::Start(id) => self.on(&id, now, |program, _| program.start()),
            Command::Stop(id) => self.on(&id, now, |program, out| program.stop(now, out)),
            Command::Restart(id) => self.on(&id, now, |program, out| program.restart(now, out)),
            Command::Signal(id, number) => self.on(&id, now, |p, out| p.signal(number, out)),
            Command::AddGroup { spec, inherited } => self.add(spec, inherited, now),
            Command::RemoveGroup(name) => self.remove(&name, now),
            Command::Shutdown(patience) => self.shut_down(patience, now),
        }
    }

    fn on(
        &mut self,
        id: &ProgramId,
        now: Instant,
        apply: impl FnOnce(&mut Program, &mut Outbox) -> Admission,
    ) -> Admission {
        let slot = self.register.find(id);
        slot.and_then(|slot| self.touch(slot, now, apply))
            .unwrap_or(Admission::Denied(Deny::NoSuchProgram))
    }

    fn shift(&mut self, gap: Duration) -> Admission {
        let slots: Vec<_> = self.register.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            if let Some(program) = self.register.get_mut(slot) {
                program.shift(gap);
                self.keep_up(slot);
            }
        }
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.shift(gap);
        }
        Admission::Accepted
    }

    /// The only way to change a program: everything that follows from the change is done.
    fn touch<R>(
        &mut self,
        slot: Slot,
        now: Instant,
        apply: impl FnOnce(&mut Program, &mut Outbox) -> R,
    ) -> Option<R> {
        let program = self.register.get_mut(slot)?;
        let before = program.standing();
        let result = apply(program, &mut self.out);
        self.begin_wanted(slot, now);
        self.keep_up(slot);
        self.tell_dependents(slot, before, now);
        self.note_end(slot);
        Some(result)
    }

    fn begin_wanted(&mut self, slot: Slot, now: Instant) {
        let wanted = self.register.get(slot).filter(|p| p.wants_to_start());
        let Some(blockers) = wanted.map(|program| self.register.blockers(program)) else {
            return;
        };
        if let Some(program) = self.register.get_mut(slot) {
            program.begin(blockers, now, &mut self.out);
        }
    }

    /// Keeps the deadline of a program and the list of what changed.
    fn keep_up(&mut self, slot: Slot) {
        let Some(program) = self.register.get_mut(slot) else {
            return;
        };
        if program.take_changed() {
            self.generation += 1;
            self.changed.insert(program.id().clone());
        }
        let deadline = program.deadline();
        if self.scheduled.get(&slot).copied() == deadline {
            return;
        }
        if let Some(at) = self.scheduled.remove(&slot) {
            self.timers.remove(&(at, slot));
        }
        if let Some(at) = deadline {
            self.scheduled.insert(slot, at);
            self.timers.insert((at, slot));
        }
    }

    /// Tells those who wait for a program that it does what they wait for, or does not any more.
    fn tell_dependents(&mut self, slot: Slot, before: Standing, now: Instant) {
        let Some(program) = self.register.get(slot) else {
            return;
        };
        let standing = program.standing();
        if standing == before {
            return;
        }
        let id = program.id().clone();
        for dependent in self.register.dependents(&id) {
            let Some(waiting) = self.register.get(dependent) else {
                continue;
            };
            if waiting.state() != StateName::Waiting {
                continue;
            }
            let mut conditions = Register::conditions(waiting, &id);
            // What holds no longer comes first: of two conditions on one program, such as exited and
            // started, both would seem to hold in between.
            conditions.sort_by_key(|condition| standing.satisfies(*condition));
            for condition in conditions {
                let blocked = !standing.satisfies(condition);
                let program = id.clone();
                let blocker = Blocker::Dependency { program, condition };
                self.touch(dependent, now, |dependent, out| {
                    dependent.set_blocker(blocker, blocked, now, out);
                });
            }
        }
    }
}
