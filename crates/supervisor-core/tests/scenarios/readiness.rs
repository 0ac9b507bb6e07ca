//! Running is not ready.

use crate::support::{BAD, Bench, KILLED, OK, TERM, instant, program, seconds};
use supervisor_core::{
    Admission, Announcement, Autorestart, Effect, Input, Probed, ProgramSpec, Readiness, StateName,
};

#[test]
fn ready_is_not_running_and_ends_with_the_run() {
    let mut bench = Bench::with(vec![probed("a")]);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
    let run = bench.run("a");
    assert_eq!(bench.log.last().unwrap().1, Effect::Announce(running("a")));
    let probe = Effect::Probe(run.clone());
    assert!(bench.log.iter().any(|(_, effect)| *effect == probe));
    bench.ready("a");
    assert_eq!(bench.view("a").readiness, Readiness::Ready);
    bench.pass(seconds(2));
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
    assert_eq!(bench.input(Input::BecameReady(run)), Admission::Ignored);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
}

#[test]
fn readiness_may_be_lost_and_found() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        ..probed("a")
    }]);
    bench.ready("a");
    let lost = Input::BecameUnready(bench.run("a"));
    assert_eq!(bench.input(lost), Admission::Accepted);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
    bench.pass(seconds(60));
    assert_eq!(bench.state("a"), StateName::Running, "it was ready in time");
    bench.ready("a");
    assert_eq!(bench.view("a").readiness, Readiness::Ready);
}

#[test]
fn without_a_probe_there_is_nothing_to_be_ready() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        ..instant("a")
    }]);
    bench.ready("a");
    assert_eq!(bench.view("a").readiness, Readiness::NoProbe);
    bench.pass(seconds(60));
    assert_eq!(bench.state("a"), StateName::Running);
    assert!(
        !bench
            .log
            .iter()
            .any(|(_, effect)| matches!(effect, Effect::Probe(_)))
    );
}

#[test]
fn a_program_that_is_not_ready_in_time_is_stopped_and_tried_again_as_a_failed_start() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        ..probed("a")
    }]);
    bench.pass(seconds(5));
    assert_eq!(bench.signals(), [(5.0, "a".to_owned(), TERM)]);
    assert_eq!(bench.state("a"), StateName::Stopping);
    let reason = "not ready within 5 s".to_owned();
    let run = bench.run("a");
    assert!(
        bench
            .told()
            .contains(&Announcement::Unalive { run, reason })
    );
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Backoff);
    let view = bench.view("a");
    assert_eq!(view.tries, 1, "running did not make it a success");
    assert_eq!(view.spawn_error.as_deref(), Some("not ready within 5 s"));
    assert_eq!(view.restart_at, Some(bench.now + seconds(1)));
    bench.pass(seconds(1));
    assert_eq!(bench.spawns("a"), [0.0, 6.0]);
    assert_eq!(bench.view("a").restarts, 1);
}

#[test]
fn never_ready_in_time_is_given_up_after_startretries() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        startretries: 1,
        ..probed("a")
    }]);
    for _ in 0..2 {
        bench.pass(seconds(6));
        bench.exit("a", KILLED);
        bench.pass(seconds(1));
    }
    assert_eq!(bench.state("a"), StateName::Fatal);
    assert_eq!(
        bench.view("a").spawn_error.as_deref(),
        Some("not ready within 5 s")
    );
    assert_eq!(bench.spawns("a").len(), 2);
}

#[test]
fn becoming_ready_forgets_failures() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        ..probed("a")
    }]);
    bench.pass(seconds(5));
    bench.exit("a", KILLED);
    bench.pass(seconds(1));
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Running, 1)
    );
    bench.ready("a");
    assert_eq!(bench.view("a").tries, 0);
}

#[test]
fn an_exit_before_it_was_ready_does_not_forget_failures() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        autorestart: Autorestart::Always,
        ..probed("a")
    }]);
    bench.pass(seconds(5));
    bench.exit("a", KILLED);
    bench.pass(seconds(3));
    bench.exit("a", BAD);
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Running, 1)
    );
}

#[test]
fn ready_before_startsecs_is_in_time() {
    let mut bench = Bench::with(vec![ProgramSpec {
        probed: Probed::Yes,
        ready_within: Some(seconds(1)),
        startsecs: seconds(3),
        ..program("a")
    }]);
    bench.ready("a");
    bench.pass(seconds(3));
    assert_eq!(bench.state("a"), StateName::Running);
    let mut late = Bench::with(vec![ProgramSpec {
        probed: Probed::Yes,
        ready_within: Some(seconds(1)),
        startsecs: seconds(3),
        ..program("a")
    }]);
    late.pass(seconds(3));
    assert_eq!(late.states("a"), [StateName::Starting, StateName::Stopping]);
}

#[test]
fn a_stop_of_a_program_that_was_not_ready_in_time_is_a_stop() {
    let mut bench = Bench::with(vec![ProgramSpec {
        ready_within: Some(seconds(5)),
        ..probed("a")
    }]);
    bench.pass(seconds(5));
    assert_eq!(bench.stop("a"), Admission::Accepted);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Stopped);
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 1);
}

fn probed(name: &str) -> ProgramSpec {
    ProgramSpec {
        probed: Probed::Yes,
        ..instant(name)
    }
}

fn running(name: &str) -> Announcement {
    Announcement::EnteredRunning {
        program: crate::support::id(name),
        startsecs: seconds(0),
    }
}
