//! All programs together: names, groups and the order of a shutdown.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    effect::{Announcement, Effect},
    input::{Admission, Command, Deny, Input, Run},
    program::{Outbox, Program},
    shutdown::{REPORT_EVERY, Shutdown},
    spec::{GroupSpec, Incarnation, ProgramId},
    view::{GroupView, Mood, ProgramView, Readiness, View},
};

/// How long a shutdown may take before everything left is killed. Part of the shutdown budget in
/// ARCHITECTURE.md.
pub const SHUTDOWN_BUDGET: Duration = Duration::from_secs(5);

/// The supervision state machine.
#[derive(Debug, Default)]
pub struct Core {
    groups: BTreeMap<Arc<str>, Group>,
    /// The last runs of programs that were removed, so that no run ever has the name of another.
    past: BTreeMap<ProgramId, Incarnation>,
    shutdown: Option<Shutdown>,
    out: Outbox,
}

#[derive(Debug)]
struct Group {
    priority: i64,
    /// In order of priority, then name.
    programs: Vec<Program>,
}

impl Core {
    /// A core without programs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A core without programs that never repeats the name of a run of this one.
    #[must_use]
    pub fn successor(mut self) -> Self {
        let last = self.programs().map(|p| (p.id().clone(), p.incarnation()));
        let last: Vec<_> = last.collect();
        self.past.extend(last);
        Self {
            past: self.past,
            ..Self::default()
        }
    }

    /// Takes in a fact or a command.
    pub fn handle(&mut self, input: Input, now: Instant) -> Admission {
        let admission = match input {
            Input::Spawned(run) => self.fact(&run, |program, out| program.spawned(out)),
            Input::SpawnFailed { run, reason } => self.fact(&run, |program, out| {
                program.spawn_failed(reason, now, out);
            }),
            Input::Exited { run, exit } => {
                self.fact(&run, |program, out| program.exited(exit, now, out))
            }
            Input::SignalFailed(run) => self.fact(&run, Program::signal_failed),
            Input::BecameReady(run) => self.fact(&run, |program, out| {
                if program.state().is_signallable() {
                    program.set_ready(Readiness::Ready, out);
                }
            }),
            Input::BecameUnready(run) => self.fact(&run, |program, out| {
                program.set_ready(Readiness::NotReady, out);
            }),
            Input::LivenessLost { .. }
            | Input::ConditionsMet(_)
            | Input::ConditionsRefused { .. }
            | Input::TimeGap(_) => Admission::Ignored,
            Input::Command(command) => self.command(command, now),
        };
        self.advance_shutdown(now);
        admission
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for program in self.groups.values_mut().flat_map(|g| &mut g.programs) {
            program.timeout(now, &mut self.out);
        }
        self.advance_shutdown(now);
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.out.effects.pop_front()
    }

    /// When [`Core::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.programs()
            .filter_map(Program::deadline)
            .chain(self.shutdown.as_ref().and_then(Shutdown::next_timeout))
            .min()
    }

    /// Grows with every visible change.
    pub fn generation(&self) -> u64 {
        self.out.generation
    }

    /// The programs whose [`ProgramView`] may have changed since this was last asked, those that
    /// were removed included; in order of their ids.
    pub fn take_changed(&mut self) -> Vec<ProgramId> {
        self.programs()
            .map(|program| program.id().clone())
            .collect()
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
        self.groups.iter().map(group_view).collect()
    }

    /// What may be seen.
    pub fn view(&self) -> View {
        View {
            generation: self.out.generation,
            mood: self.mood(),
            groups: self.groups(),
            programs: {
                let mut programs: Vec<_> = self.programs().map(Program::view).collect();
                programs.sort_by(|a, b| a.id.cmp(&b.id));
                programs
            },
        }
    }

    /// One program, if there is one of that name.
    pub fn program(&self, id: &ProgramId) -> Option<ProgramView> {
        let group = self.groups.get(&id.group)?;
        let program = group.programs.iter().find(|program| program.id() == id);
        program.map(Program::view)
    }

    fn programs(&self) -> impl Iterator<Item = &Program> {
        self.groups.values().flat_map(|group| &group.programs)
    }

    /// Applies a fact to the run it is about; an earlier run is nobody's concern.
    fn fact(&mut self, run: &Run, apply: impl FnOnce(&mut Program, &mut Outbox)) -> Admission {
        match find(&mut self.groups, &run.program) {
            Some(program) if program.incarnation() == run.incarnation => {
                apply(program, &mut self.out);
                Admission::Accepted
            }
            Some(_) | None => Admission::Ignored,
        }
    }

    fn command(&mut self, command: Command, now: Instant) -> Admission {
        if self.shutdown.is_some() {
            return match command {
                Command::Shutdown(_) => self.press(now),
                Command::Signal(id, number) => {
                    self.on(&id, |program, out| program.signal(number, out))
                }
                Command::Start(_)
                | Command::Stop(_)
                | Command::Restart(_)
                | Command::AddGroup { .. }
                | Command::RemoveGroup(_) => Admission::Denied(Deny::ShuttingDown),
            };
        }
        match command {
            Command::Start(id) => self.on(&id, |program, out| program.start(now, out)),
            Command::Stop(id) => self.on(&id, |program, out| program.stop(now, out)),
            Command::Restart(id) => self.on(&id, |program, out| program.restart(now, out)),
            Command::Signal(id, number) => self.on(&id, |p, out| p.signal(number, out)),
            Command::AddGroup { spec, inherited: _ } => self.add(spec, now),
            Command::RemoveGroup(name) => self.remove(&name),
            Command::Shutdown(_) => {
                let priorities = self.groups.values().map(|group| group.priority).collect();
                self.shutdown = Some(Shutdown::new(priorities, now));
                self.out.generation += 1;
                self.out.closing = true;
                for program in self.groups.values_mut().flat_map(|g| &mut g.programs) {
                    program.cancel_starts(&mut self.out);
                }
                Admission::Accepted
            }
        }
    }

    fn on(
        &mut self,
        id: &ProgramId,
        apply: impl FnOnce(&mut Program, &mut Outbox) -> Admission,
    ) -> Admission {
        match find(&mut self.groups, id) {
            Some(program) => apply(program, &mut self.out),
            None => Admission::Denied(Deny::NoSuchProgram),
        }
    }

    fn add(&mut self, spec: GroupSpec, now: Instant) -> Admission {
        if self.groups.contains_key(&spec.name) {
            return Admission::Denied(Deny::AlreadyAdded);
        }
        let mut programs: Vec<_> = spec
            .programs
            .into_iter()
            .map(|spec| {
                let last = self.past.get(&spec.id).copied().unwrap_or_default();
                Program::new(spec, last)
            })
            .collect();
        programs.sort_by(|a, b| (a.spec().priority, a.id()).cmp(&(b.spec().priority, b.id())));
        for program in &mut programs {
            if program.spec().autostart && program.spec().refused.is_none() {
                let _ = program.start(now, &mut self.out);
            }
        }
        let priority = spec.priority;
        self.groups.insert(spec.name, Group { priority, programs });
        self.out.generation += 1;
        Admission::Accepted
    }

    fn remove(&mut self, name: &str) -> Admission {
        let Some(group) = self.groups.get(name) else {
            return Admission::Denied(Deny::NoSuchProgram);
        };
        if !group.programs.iter().all(|p| p.state().is_stopped()) {
            return Admission::Denied(Deny::StillRunning);
        }
        for program in &group.programs {
            self.past
                .insert(program.id().clone(), program.incarnation());
        }
        self.groups.remove(name);
        self.out.generation += 1;
        Admission::Accepted
    }

    /// A second request to shut down: nobody waits any longer.
    fn press(&mut self, now: Instant) -> Admission {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.deadline = shutdown.deadline.min(now);
            shutdown.waiting.clear();
        }
        for program in self.groups.values_mut().flat_map(|g| &mut g.programs) {
            program.kill(now, &mut self.out);
        }
        Admission::Accepted
    }

    fn advance_shutdown(&mut self, now: Instant) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        if shutdown.drained {
            return;
        }
        while due(shutdown, &self.groups, now) {
            let Some((priority, until)) = shutdown.next(now) else {
                break;
            };
            for group in self.groups.values_mut().filter(|g| g.priority == priority) {
                for program in group.programs.iter_mut().rev() {
                    program.shut_down(until, now, &mut self.out);
                }
            }
        }
        let left = unstopped(&self.groups);
        if left.is_empty() && shutdown.waiting.is_empty() {
            shutdown.drained = true;
            self.out.effects.push_back(Effect::Drained);
        } else if shutdown.waiting.is_empty() && now >= shutdown.abandon_at() {
            shutdown.drained = true;
            self.out.announce(Announcement::Abandoned(left));
            self.out.effects.push_back(Effect::Drained);
        } else if now >= shutdown.report_at {
            shutdown.report_at = now + REPORT_EVERY;
            self.out.announce(Announcement::WaitingFor(left));
        }
    }
}

/// Whether the next priority may be stopped: those before it have ended, or had their time.
fn due(shutdown: &Shutdown, groups: &BTreeMap<Arc<str>, Group>, now: Instant) -> bool {
    let Some(next) = shutdown.waiting.last() else {
        return false;
    };
    now >= shutdown.next_at
        || groups
            .values()
            .filter(|group| group.priority > *next)
            .flat_map(|group| &group.programs)
            .all(|program| program.state().is_stopped())
}

fn unstopped(groups: &BTreeMap<Arc<str>, Group>) -> Vec<ProgramId> {
    groups
        .values()
        .flat_map(|group| &group.programs)
        .filter(|program| !program.state().is_stopped())
        .map(|program| program.id().clone())
        .collect()
}

fn find<'a>(groups: &'a mut BTreeMap<Arc<str>, Group>, id: &ProgramId) -> Option<&'a mut Program> {
    let group = groups.get_mut(&id.group)?;
    group.programs.iter_mut().find(|program| program.id() == id)
}

fn group_view((name, group): (&Arc<str>, &Group)) -> GroupView {
    GroupView {
        name: name.clone(),
        priority: group.priority,
    }
}
