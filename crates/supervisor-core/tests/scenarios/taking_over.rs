//! Programs that ran under an earlier supervisor.

use std::time::Duration;

use crate::support::{BAD, Bench, KILLED, OK, TERM, id, instant, millis, on, program, seconds};
use supervisor_core::{
    Admission, DependencyCondition, Effect, Exit, Incarnation, Inherited, Probed, ProgramSpec,
    Readiness, Resting, StateName,
};

#[test]
fn what_runs_is_not_spawned_again() {
    let bench = with(program("a"), running(seconds(60)));
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.log, []);
    let view = bench.view("a");
    assert_eq!(view.incarnation, Incarnation(7));
    assert_eq!(view.started, Some(bench.start));
    assert_eq!(view.restarts, 0);
}

#[test]
fn what_is_younger_than_startsecs_is_starting_and_goes_on_from_there() {
    let mut bench = with(program("a"), running(millis(400)));
    assert_eq!(bench.state("a"), StateName::Starting);
    bench.pass(millis(600));
    assert_eq!(bench.state("a"), StateName::Running);
    let mut bench = with(program("a"), running(millis(400)));
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Backoff);
    bench.pass(seconds(1));
    assert_eq!(bench.view("a").incarnation, Incarnation(8));
}

#[test]
fn what_runs_can_be_stopped_and_its_end_is_its_own() {
    let mut bench = with(program("a"), running(seconds(60)));
    assert_eq!(bench.stop("a"), Admission::Accepted);
    assert_eq!(bench.signals(), [(60.0, "a".to_owned(), TERM)]);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Stopped);
    let mut bench = with(program("a"), running(seconds(60)));
    bench.exit("a", KILLED);
    assert_eq!(bench.spawns("a"), [60.0]);
    assert_eq!(bench.view("a").restarts, 1);
}

#[test]
fn a_probe_goes_on_unless_it_had_succeeded() {
    let probed = || ProgramSpec {
        probed: Probed::Yes,
        ..program("a")
    };
    let bench = with(probed(), running(seconds(60)));
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
    let probe = Effect::Probe(bench.run("a"));
    assert_eq!(bench.log, [(seconds(60), probe)]);
    let bench = with(probed(), ready(seconds(60)));
    assert_eq!(bench.view("a").readiness, Readiness::Ready);
    assert_eq!(bench.log, []);
    let bench = with(program("a"), ready(seconds(60)));
    assert_eq!(bench.view("a").readiness, Readiness::NoProbe);
}

#[test]
fn the_time_to_become_ready_goes_on() {
    let probed = || ProgramSpec {
        probed: Probed::Yes,
        ready_within: Some(seconds(90)),
        ..program("a")
    };
    let mut bench = with(probed(), running(seconds(60)));
    bench.pass(seconds(30));
    assert_eq!(bench.signals(), [(90.0, "a".to_owned(), TERM)]);
    let mut bench = with(probed(), ready(seconds(60)));
    bench.pass(seconds(60));
    assert_eq!(bench.signals(), []);
}

#[test]
fn what_rests_stays_so() {
    let cases = [
        (Resting::Stopped, StateName::Stopped, None, None),
        (
            Resting::Exited(OK, true),
            StateName::Exited,
            Some((OK, true)),
            None,
        ),
        (
            Resting::Exited(BAD, false),
            StateName::Exited,
            Some((BAD, false)),
            Some("Bad exit code 1"),
        ),
        (
            Resting::Fatal("broken".to_owned()),
            StateName::Fatal,
            None,
            Some("broken"),
        ),
    ];
    for (state, name, last_exit, spawn_error) in cases {
        let mut bench = with(program("a"), |_: &Bench| Inherited::Resting {
            state: state.clone(),
            incarnation: Incarnation(7),
        });
        bench.pass(seconds(60));
        assert_eq!(bench.log, [], "{name:?}");
        let view = bench.view("a");
        assert_eq!(view.state, name);
        assert_eq!(view.last_exit, last_exit);
        assert_eq!(view.spawn_error.as_deref(), spawn_error);
        assert_eq!(bench.begin("a"), Admission::Accepted);
        assert_eq!(bench.view("a").incarnation, Incarnation(8));
    }
}

#[test]
fn who_is_not_mentioned_starts_as_usual() {
    let mut bench = Bench::new();
    let at = bench.start;
    bench.pass(seconds(60));
    let inherited = vec![
        (id("g:b"), running_at(at, false)),
        (id("g:gone"), running_at(at, false)),
    ];
    let programs = vec![program("g:a"), program("g:b")];
    bench.take_over("g", 1, programs, inherited);
    assert_eq!(bench.spawned(), ["g:a"]);
    assert_eq!(bench.state("g:b"), StateName::Running);
    assert_eq!(bench.core.view().programs.len(), 2);
}

#[test]
fn dependents_see_what_was_taken_over() {
    let waiting = |name: &str, condition| ProgramSpec {
        depends_on: vec![on("a", condition)],
        ..instant(name)
    };
    let mut bench = Bench::with(vec![waiting("b", DependencyCondition::Ready)]);
    let at = bench.start;
    bench.pass(seconds(60));
    let inherited = vec![(id("a"), running_at(at, false))];
    bench.take_over("a", 1, vec![program("a")], inherited);
    assert_eq!(bench.spawns("b"), [60.0]);

    let mut bench = Bench::with(vec![waiting("b", DependencyCondition::ExitedZero)]);
    let rests = |exit: Exit| Inherited::Resting {
        state: Resting::Exited(exit, true),
        incarnation: Incarnation(1),
    };
    bench.take_over("a", 1, vec![program("a")], vec![(id("a"), rests(BAD))]);
    assert_eq!(bench.state("b"), StateName::Waiting);
    assert_eq!(bench.remove("a"), Admission::Accepted);
    bench.take_over("a", 1, vec![program("a")], vec![(id("a"), rests(OK))]);
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn a_program_whose_configuration_is_refused_goes_on_running() {
    let refused = || ProgramSpec {
        refused: Some("bad".to_owned()),
        ..program("a")
    };
    let mut bench = with(refused(), running(seconds(60)));
    assert_eq!(bench.state("a"), StateName::Running);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Exited);
    let bench = with(refused(), |_: &Bench| Inherited::Resting {
        state: Resting::Stopped,
        incarnation: Incarnation(7),
    });
    assert_eq!(bench.state("a"), StateName::Fatal);
}

/// A bench 60 s after its start with one program that is taken over.
fn with(program: ProgramSpec, inherited: impl Fn(&Bench) -> Inherited) -> Bench {
    let mut bench = Bench::new();
    bench.pass(seconds(60));
    let inherited = vec![(program.id.clone(), inherited(&bench))];
    let name = program.id.group.clone();
    bench.take_over(&name, 1, vec![program], inherited);
    bench
}

fn running(age: Duration) -> impl Fn(&Bench) -> Inherited {
    move |bench| running_at(bench.now - age, false)
}

fn ready(age: Duration) -> impl Fn(&Bench) -> Inherited {
    move |bench| running_at(bench.now - age, true)
}

fn running_at(started: std::time::Instant, ready: bool) -> Inherited {
    Inherited::Running {
        incarnation: Incarnation(7),
        started,
        ready,
    }
}
