//! A core in virtual time, with a driver that does what it is told.

use std::time::{Duration, Instant};

use supervisor_core::{
    Admission, Announcement, Command, Core, Dependency, DependencyCondition, DependencyTarget,
    Effect, Exit, GroupSpec, Inherited, Input, Patience, ProgramId, ProgramSpec, ProgramView, Run,
    StateName,
};

/// A core, its clock, and everything it asked for.
pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    /// Effects with the time of each.
    pub(crate) log: Vec<(Duration, Effect)>,
    pub(crate) spawning: Spawning,
}

/// What becomes of a spawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spawning {
    Works,
    Fails,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let start = first_instant();
        Self {
            core: Core::new(),
            now: start,
            start,
            log: Vec::new(),
            spawning: Spawning::Works,
        }
    }

    /// A bench with one group per program.
    pub(crate) fn with(programs: Vec<ProgramSpec>) -> Self {
        let mut bench = Self::new();
        for program in programs {
            bench.add(program);
        }
        bench
    }

    /// Adds a program as a group of its own.
    pub(crate) fn add(&mut self, program: ProgramSpec) {
        let (name, priority) = (program.id.group.clone(), program.priority);
        self.group(&name, priority, vec![program]);
    }

    pub(crate) fn group(&mut self, name: &str, priority: i64, programs: Vec<ProgramSpec>) {
        self.take_over(name, priority, programs, Vec::new());
    }

    pub(crate) fn take_over(
        &mut self,
        name: &str,
        priority: i64,
        programs: Vec<ProgramSpec>,
        inherited: Vec<(ProgramId, Inherited)>,
    ) {
        let spec = GroupSpec {
            name: name.into(),
            priority,
            programs,
        };
        let admission = self.command(Command::AddGroup { spec, inherited });
        assert_eq!(admission, Admission::Accepted);
    }

    pub(crate) fn remove(&mut self, group: &str) -> Admission {
        self.command(Command::RemoveGroup(group.into()))
    }

    pub(crate) fn begin(&mut self, name: &str) -> Admission {
        self.command(Command::Start(id(name)))
    }

    pub(crate) fn stop(&mut self, name: &str) -> Admission {
        self.command(Command::Stop(id(name)))
    }

    pub(crate) fn restart(&mut self, name: &str) -> Admission {
        self.command(Command::Restart(id(name)))
    }

    pub(crate) fn shut_down(&mut self, patience: Patience) {
        let admission = self.command(Command::Shutdown(patience));
        assert_eq!(admission, Admission::Accepted);
    }

    pub(crate) fn command(&mut self, command: Command) -> Admission {
        self.input(Input::Command(command))
    }

    pub(crate) fn input(&mut self, input: Input) -> Admission {
        let admission = self.core.handle(input, self.now);
        self.drain();
        admission
    }

    /// Lets time pass, with every deadline on its way.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.core.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn exit(&mut self, name: &str, exit: Exit) {
        let run = self.run(name);
        let _ = self.input(Input::Exited { run, exit });
    }

    pub(crate) fn ready(&mut self, name: &str) {
        let run = self.run(name);
        let _ = self.input(Input::BecameReady(run));
    }

    pub(crate) fn unalive(&mut self, name: &str) -> Admission {
        let (run, reason) = (self.run(name), "no answer".to_owned());
        self.input(Input::LivenessLost { run, reason })
    }

    pub(crate) fn run(&self, name: &str) -> Run {
        Run {
            program: id(name),
            incarnation: self.view(name).incarnation,
        }
    }

    pub(crate) fn view(&self, name: &str) -> ProgramView {
        self.core.program(&id(name)).expect("the program is there")
    }

    pub(crate) fn state(&self, name: &str) -> StateName {
        self.view(name).state
    }

    /// Seconds at which a program was spawned.
    pub(crate) fn spawns(&self, name: &str) -> Vec<f64> {
        let of = |effect: &Effect| matches!(effect, Effect::Spawn(run) if run.program == id(name));
        let times = self.log.iter().filter(|(_, effect)| of(effect));
        times.map(|(at, _)| at.as_secs_f64()).collect()
    }

    /// The programs in the order of their spawns.
    pub(crate) fn spawned(&self) -> Vec<String> {
        let spawn = |(_, effect): &(Duration, Effect)| {
            let Effect::Spawn(run) = effect else {
                return None;
            };
            Some(run.program.to_string())
        };
        self.log.iter().filter_map(spawn).collect()
    }

    /// Signals sent so far: second, program, number.
    pub(crate) fn signals(&self) -> Vec<(f64, String, i32)> {
        let signal = |(at, effect): &(Duration, Effect)| {
            let Effect::Signal { run, number, .. } = effect else {
                return None;
            };
            Some((at.as_secs_f64(), run.program.to_string(), *number))
        };
        self.log.iter().filter_map(signal).collect()
    }

    /// The programs in the order of their stop signals.
    pub(crate) fn stopped(&self) -> Vec<String> {
        let signals = self.signals().into_iter();
        let stops = signals.filter(|(_, _, number)| *number == TERM);
        stops.map(|(_, name, _)| name).collect()
    }

    /// Everything announced so far.
    pub(crate) fn told(&self) -> Vec<Announcement> {
        let told = |(_, effect): &(Duration, Effect)| {
            let Effect::Announce(told) = effect else {
                return None;
            };
            Some(told.clone())
        };
        self.log.iter().filter_map(told).collect()
    }

    /// The transitions of a program: where to, failed starts so far, whether expected.
    pub(crate) fn entered(&self, name: &str) -> Vec<(StateName, u32, Option<bool>)> {
        let mut last = None;
        let mut entered = Vec::new();
        for told in self.told() {
            if let Announcement::Entered {
                run,
                from,
                to,
                tries,
                expected,
            } = told
                && run.program == id(name)
            {
                assert!(last.is_none_or(|last| last == from), "no gap in {name}");
                last = Some(to);
                entered.push((to, tries, expected));
            }
        }
        entered
    }

    pub(crate) fn states(&self, name: &str) -> Vec<StateName> {
        let entered = self.entered(name).into_iter();
        entered.map(|(state, _, _)| state).collect()
    }

    /// The second at which the shutdown was over.
    pub(crate) fn drained(&self) -> Option<f64> {
        let found = self
            .log
            .iter()
            .find(|(_, effect)| *effect == Effect::Drained);
        found.map(|(at, _)| at.as_secs_f64())
    }

    fn drain(&mut self) {
        while let Some(effect) = self.core.poll_effect() {
            self.log.push((self.now - self.start, effect.clone()));
            if let Effect::Spawn(run) = effect {
                let input = match self.spawning {
                    Spawning::Works => Input::Spawned(run),
                    Spawning::Fails => Input::SpawnFailed {
                        run,
                        reason: "no such file".to_owned(),
                    },
                };
                let _ = self.core.handle(input, self.now);
            }
        }
    }
}

/// The process `name` of the group of that name, or `group:name`.
pub(crate) fn id(name: &str) -> ProgramId {
    let (group, name) = name.split_once(':').unwrap_or((name, name));
    ProgramId::new(group, name)
}

/// A program with the original's defaults.
pub(crate) fn program(name: &str) -> ProgramSpec {
    ProgramSpec::new(id(name))
}

/// A program that counts as running at once.
pub(crate) fn instant(name: &str) -> ProgramSpec {
    ProgramSpec {
        startsecs: Duration::ZERO,
        ..program(name)
    }
}

pub(crate) fn on(name: &str, condition: DependencyCondition) -> Dependency {
    Dependency {
        target: DependencyTarget::Program(id(name)),
        condition,
    }
}

pub(crate) fn on_group(name: &str, condition: DependencyCondition) -> Dependency {
    Dependency {
        target: DependencyTarget::Group(name.into()),
        condition,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "virtual time has to begin somewhere"
)]
pub(crate) fn first_instant() -> Instant {
    Instant::now()
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) const TERM: i32 = 15;
pub(crate) const KILL: i32 = 9;
pub(crate) const OK: Exit = Exit::Code(0);
pub(crate) const BAD: Exit = Exit::Code(1);
pub(crate) const KILLED: Exit = Exit::Signal {
    number: KILL,
    dumped: false,
};
