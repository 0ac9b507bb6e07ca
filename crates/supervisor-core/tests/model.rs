//! The state machine against a small reference, over arbitrary stories.
//!
//! The reference knows of one program what a person knows who watches it: how many runs there were,
//! when the last one began, and whether everything is being shut down.

use std::time::Duration;

use crate::support::{Bench, KILLED, Spawning, id, program};
use proptest::prelude::*;
use supervisor_core::{
    Admission, Autorestart, Command, Effect, Exit, Input, Mood, Patience, ProgramSpec, StateName,
};

#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop,
    Restart,
    Signal,
    Exit(i32),
    Die,
    Pass(u64),
    BreakSpawning,
    MendSpawning,
    Shutdown,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_story_keeps_the_promises(spec in specs(), steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = Bench::with(vec![spec]);
        let mut reference = Reference::default();
        reference.look(&bench)?;
        for step in steps {
            let before = bench.state("a");
            let was_closing = reference.closing;
            let admission = take(&mut bench, &step);
            reference.closing |= matches!(step, Step::Shutdown);
            reference.look(&bench)?;
            check_admission(&step, before, was_closing, &admission)?;
        }
        // Whatever happened, a shutdown ends within its budget.
        let began = bench.now;
        let _ = bench.command(Command::Shutdown(Patience::Budget));
        bench.pass(Duration::from_secs(6));
        prop_assert!(bench.drained().is_some(), "not drained after {:?}", bench.now - began);
    }
}

/// What a watcher knows.
#[derive(Default)]
struct Reference {
    seen: usize,
    spawned: u64,
    last_spawn: Option<Duration>,
    closing: bool,
    drained: usize,
}

impl Reference {
    fn look(&mut self, bench: &Bench) -> Result<(), TestCaseError> {
        let view = bench.view("a");
        for (at, effect) in &bench.log[self.seen..] {
            match effect {
                Effect::Spawn(run) => {
                    self.spawned += 1;
                    prop_assert_eq!(
                        run.incarnation.0,
                        self.spawned,
                        "every run has a name of its own"
                    );
                    prop_assert!(!self.closing, "nothing starts during a shutdown");
                    if let Some(last) = self.last_spawn.replace(*at) {
                        prop_assert!(last <= *at, "runs begin one after the other");
                    }
                }
                Effect::Signal { run, .. } => {
                    prop_assert_eq!(
                        run.incarnation.0,
                        self.spawned,
                        "only the last run is signalled"
                    );
                }
                Effect::Drained => self.drained += 1,
                Effect::Probe(_)
                | Effect::CheckConditions(_)
                | Effect::ForgetConditions(_)
                | Effect::Announce(_) => {}
            }
        }
        self.seen = bench.log.len();
        prop_assert!(self.drained <= 1, "a shutdown ends once");
        prop_assert_eq!(view.incarnation.0, self.spawned);
        if view.state.is_signallable() {
            prop_assert!(self.spawned > 0, "what runs was spawned");
        }
        if let Some(at) = bench.core.poll_timeout() {
            prop_assert!(at >= bench.start);
        }
        let shutting_down = bench.core.view().mood == Mood::ShuttingDown;
        prop_assert_eq!(shutting_down, self.closing);
        Ok(())
    }
}

fn check_admission(
    step: &Step,
    before: StateName,
    closing: bool,
    admission: &Admission,
) -> Result<(), TestCaseError> {
    let accepted = *admission == Admission::Accepted;
    match step {
        Step::Start if !closing => {
            let may = before.is_stopped() && before != StateName::Unknown;
            prop_assert_eq!(accepted, may, "start in {:?}", before);
        }
        Step::Stop if !closing => {
            let may = before.is_running();
            let planned = matches!(before, StateName::Stopping | StateName::Exited);
            prop_assert!(accepted == may || planned, "stop in {before:?}");
        }
        Step::Signal => prop_assert_eq!(accepted, before.is_signallable()),
        Step::Start | Step::Stop => prop_assert!(!accepted, "not during a shutdown"),
        Step::Restart
        | Step::Exit(_)
        | Step::Die
        | Step::Pass(_)
        | Step::BreakSpawning
        | Step::MendSpawning
        | Step::Shutdown => {}
    }
    Ok(())
}

fn take(bench: &mut Bench, step: &Step) -> Admission {
    match step {
        Step::Start => bench.command(Command::Start(id("a"))),
        Step::Stop => bench.command(Command::Stop(id("a"))),
        Step::Restart => bench.command(Command::Restart(id("a"))),
        Step::Signal => bench.command(Command::Signal(id("a"), 1)),
        Step::Shutdown => bench.command(Command::Shutdown(Patience::Budget)),
        Step::Exit(code) => exit(bench, Exit::Code(*code)),
        Step::Die => exit(bench, KILLED),
        Step::Pass(milliseconds) => {
            bench.pass(Duration::from_millis(*milliseconds));
            Admission::Ignored
        }
        Step::BreakSpawning => {
            bench.spawning = Spawning::Fails;
            Admission::Ignored
        }
        Step::MendSpawning => {
            bench.spawning = Spawning::Works;
            Admission::Ignored
        }
    }
}

/// Only a process that exists can end.
fn exit(bench: &mut Bench, exit: Exit) -> Admission {
    if !bench.state("a").is_signallable() {
        return Admission::Ignored;
    }
    let run = bench.run("a");
    bench.input(Input::Exited { run, exit })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Start),
        2 => Just(Step::Stop),
        2 => Just(Step::Restart),
        1 => Just(Step::Signal),
        3 => (0..3i32).prop_map(Step::Exit),
        2 => Just(Step::Die),
        5 => (0..4000u64).prop_map(Step::Pass),
        1 => Just(Step::BreakSpawning),
        1 => Just(Step::MendSpawning),
        1 => Just(Step::Shutdown),
    ]
}

fn specs() -> impl Strategy<Value = ProgramSpec> {
    let restart = prop_oneof![
        Just(Autorestart::Always),
        Just(Autorestart::Unexpected),
        Just(Autorestart::Never)
    ];
    (restart, 0..3u64, -1..4i64, 0..12u64, any::<bool>()).prop_map(
        |(autorestart, startsecs, startretries, stop_wait, autostart)| ProgramSpec {
            autorestart,
            startsecs: Duration::from_secs(startsecs),
            startretries,
            stop_wait: Duration::from_secs(stop_wait),
            autostart,
            ..program("a")
        },
    )
}
