//! A core in virtual time, with a driver that does what it is told.

use std::time::{Duration, Instant};

use supervisor_core::{
    Admission, Announcement, Command, Core, Effect, Exit, GroupSpec, Input, ProgramId, ProgramSpec,
    ProgramView, Run, StateName,
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
#[derive(Clone, Copy, PartialEq, Eq)]
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
            let group = GroupSpec {
                name: program.id.group.clone(),
                priority: program.priority,
                programs: vec![program],
            };
            assert_eq!(
                bench.command(Command::AddGroup {
                    spec: group,
                    inherited: Vec::new(),
                }),
                Admission::Accepted
            );
        }
        bench
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

    /// Signals sent so far: second, program, number.
    pub(crate) fn signals(&self) -> Vec<(f64, String, i32)> {
        let signal = |(at, effect): &(Duration, Effect)| match effect {
            Effect::Signal { run, number, .. } => {
                Some((at.as_secs_f64(), run.program.to_string(), *number))
            }
            Effect::Spawn(_)
            | Effect::Probe(_)
            | Effect::CheckConditions(_)
            | Effect::ForgetConditions(_)
            | Effect::Announce(_)
            | Effect::Drained => None,
        };
        self.log.iter().filter_map(signal).collect()
    }

    pub(crate) fn announced(&self, wanted: impl Fn(&Announcement) -> bool) -> bool {
        self.log
            .iter()
            .any(|(_, effect)| matches!(effect, Effect::Announce(told) if wanted(told)))
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

pub(crate) fn id(name: &str) -> ProgramId {
    ProgramId::new(name, name)
}

/// A program with the original's defaults.
pub(crate) fn program(name: &str) -> ProgramSpec {
    ProgramSpec::new(id(name))
}

#[expect(
    clippy::disallowed_methods,
    reason = "virtual time has to begin somewhere"
)]
fn first_instant() -> Instant {
    Instant::now()
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const TERM: i32 = 15;
pub(crate) const KILL: i32 = 9;
pub(crate) const KILLED: Exit = Exit::Signal {
    number: KILL,
    dumped: false,
};
