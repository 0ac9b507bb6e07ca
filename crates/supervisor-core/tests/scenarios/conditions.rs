//! Starts that something outside decides about.

use crate::support::{BAD, Bench, KILLED, OK, instant, on, program, seconds};
use supervisor_core::{
    Admission, Blocker, Conditional, Deny, DependencyCondition, Effect, Input, Patience,
    ProgramSpec, Run, StateName,
};

#[test]
fn a_start_waits_until_the_conditions_are_met() {
    let mut bench = Bench::with(vec![conditional()]);
    let run = bench.run("a");
    assert_eq!(run.incarnation.0, 1);
    assert_eq!(bench.state("a"), StateName::Waiting);
    assert_eq!(bench.view("a").waiting_for, [Blocker::Conditions]);
    assert_eq!(asked(&bench), vec![run.clone()]);
    bench.pass(seconds(30));
    assert_eq!(
        bench.input(Input::ConditionsMet(run.clone())),
        Admission::Accepted
    );
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.spawns("a"), [30.0]);
    assert_eq!(bench.run("a"), run, "the same run");
    assert_eq!(bench.input(Input::ConditionsMet(run)), Admission::Ignored);
}

#[test]
fn refused_conditions_leave_it_stopped_with_the_reason() {
    let mut bench = Bench::with(vec![conditional()]);
    let _ = refuse(&mut bench);
    let view = bench.view("a");
    assert_eq!(view.state, StateName::Stopped);
    assert_eq!(view.held.as_deref(), Some("serverless"));
    assert!(
        forgotten(&bench).is_empty(),
        "who answers need not be told to forget"
    );
    bench.pass(seconds(60));
    assert!(bench.spawns("a").is_empty());
    assert_eq!(bench.stop("a"), Admission::Denied(Deny::NotRunning));
    assert_eq!(bench.begin("a"), Admission::Accepted);
    assert_eq!(bench.view("a").held, None);
    assert_eq!(asked(&bench).len(), 2, "every start asks");
    assert_eq!(refuse(&mut bench), Admission::Accepted);
    assert_eq!(refuse(&mut bench), Admission::Ignored);
}

#[test]
fn a_stop_ends_the_wait_and_the_asking() {
    let mut bench = Bench::with(vec![conditional()]);
    let run = bench.run("a");
    assert_eq!(bench.stop("a"), Admission::Accepted);
    assert_eq!(forgotten(&bench), vec![run.clone()]);
    assert_eq!(bench.input(Input::ConditionsMet(run)), Admission::Ignored);
    assert_eq!(bench.state("a"), StateName::Stopped);
}

#[test]
fn a_restart_while_it_waits_asks_again() {
    let mut bench = Bench::with(vec![conditional()]);
    let first = bench.run("a");
    assert_eq!(bench.restart("a"), Admission::Accepted);
    let second = bench.run("a");
    assert_eq!(asked(&bench), [first.clone(), second.clone()]);
    assert_eq!(forgotten(&bench), vec![first.clone()]);
    assert_eq!(bench.input(Input::ConditionsMet(first)), Admission::Ignored);
    assert_eq!(
        bench.input(Input::ConditionsMet(second)),
        Admission::Accepted
    );
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn every_restart_by_policy_asks_again() {
    let mut bench = Bench::with(vec![conditional()]);
    meet(&mut bench);
    bench.pass(seconds(5));
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Waiting);
    assert_eq!(asked(&bench).len(), 2);
    meet(&mut bench);
    assert_eq!(bench.view("a").restarts, 1);
}

#[test]
fn every_retry_asks_again() {
    let mut bench = Bench::with(vec![ProgramSpec {
        conditional: Conditional::Yes,
        ..program("a")
    }]);
    meet(&mut bench);
    bench.exit("a", BAD);
    bench.pass(seconds(1));
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Waiting, 1)
    );
    let _ = refuse(&mut bench);
    assert_eq!(bench.state("a"), StateName::Stopped);
}

#[test]
fn conditions_and_dependencies_are_both_needed_in_any_order() {
    for conditions_first in [true, false] {
        let mut bench = Bench::with(vec![ProgramSpec {
            depends_on: vec![on("b", DependencyCondition::Started)],
            ..conditional()
        }]);
        assert_eq!(bench.view("a").waiting_for.len(), 2);
        match conditions_first {
            true => meet(&mut bench),
            false => bench.add(instant("b")),
        }
        assert_eq!(bench.state("a"), StateName::Waiting);
        assert_eq!(bench.view("a").waiting_for.len(), 1);
        match conditions_first {
            true => bench.add(instant("b")),
            false => meet(&mut bench),
        }
        assert_eq!(bench.state("a"), StateName::Running);
    }
}

#[test]
fn a_shutdown_ends_the_wait_and_the_asking() {
    let mut bench = Bench::with(vec![conditional()]);
    let run = bench.run("a");
    bench.shut_down(Patience::Own);
    assert_eq!(bench.state("a"), StateName::Stopped);
    assert_eq!(forgotten(&bench), [run]);
    assert_eq!(bench.drained(), Some(0.0));
}

#[test]
fn a_program_without_conditions_does_not_ask() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", OK);
    let _ = bench.begin("a");
    assert!(asked(&bench).is_empty());
}

fn conditional() -> ProgramSpec {
    ProgramSpec {
        conditional: Conditional::Yes,
        ..instant("a")
    }
}

fn meet(bench: &mut Bench) {
    let met = Input::ConditionsMet(bench.run("a"));
    assert_eq!(bench.input(met), Admission::Accepted);
}

fn refuse(bench: &mut Bench) -> Admission {
    let (run, reason) = (bench.run("a"), "serverless".to_owned());
    bench.input(Input::ConditionsRefused { run, reason })
}

fn asked(bench: &Bench) -> Vec<Run> {
    let asked = bench.log.iter().filter_map(|(_, effect)| {
        let Effect::CheckConditions(run) = effect else {
            return None;
        };
        Some(run.clone())
    });
    asked.collect()
}

fn forgotten(bench: &Bench) -> Vec<Run> {
    let forgotten = bench.log.iter().filter_map(|(_, effect)| {
        let Effect::ForgetConditions(run) = effect else {
            return None;
        };
        Some(run.clone())
    });
    forgotten.collect()
}
