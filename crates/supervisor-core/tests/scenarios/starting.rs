//! From a start to RUNNING, or to BACKOFF and FATAL.

use crate::support::{BAD, Bench, OK, Spawning, instant, millis, program, seconds};
use supervisor_core::{Admission, Announcement, Deny, Exit, ProgramSpec, StateName};

#[test]
fn a_program_counts_as_running_after_startsecs() {
    let mut bench = Bench::with(vec![program("a")]);
    assert_eq!(bench.state("a"), StateName::Starting);
    bench.pass(millis(999));
    assert_eq!(bench.state("a"), StateName::Starting);
    bench.pass(millis(1));
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn with_startsecs_zero_it_runs_at_once() {
    let bench = Bench::with(vec![instant("a")]);
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn without_autostart_it_waits_to_be_asked() {
    let mut bench = Bench::with(vec![ProgramSpec {
        autostart: false,
        ..instant("a")
    }]);
    bench.pass(seconds(60));
    assert_eq!(bench.state("a"), StateName::Stopped);
    assert_eq!(bench.view("a").started, None);
    assert_eq!(bench.begin("a"), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn failed_starts_are_repeated_after_one_two_and_three_seconds_and_then_given_up() {
    let mut bench = Bench::with(vec![program("a")]);
    for attempt in 1..=4 {
        assert_eq!(bench.state("a"), StateName::Starting, "attempt {attempt}");
        // The exit code does not matter, not even 0.
        bench.exit("a", Exit::Code(0));
        bench.pass(seconds(attempt));
    }
    assert_eq!(bench.state("a"), StateName::Fatal);
    assert!(
        bench
            .told()
            .contains(&Announcement::GaveUp(crate::support::id("a")))
    );
    let view = bench.view("a");
    assert!(view.spawn_error.unwrap().starts_with("Exited too quickly"));
    assert_eq!(view.restarts, 3);
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 4, "FATAL is final");
}

#[test]
fn the_pauses_between_attempts_grow_by_a_second() {
    let mut bench = Bench::new();
    bench.spawning = Spawning::Fails;
    bench.add(program("a"));
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a"), vec![0.0, 1.0, 3.0, 6.0]);
    assert_eq!(bench.view("a").spawn_error.as_deref(), Some("no such file"));
}

#[test]
fn an_exit_after_exactly_startsecs_is_not_too_quick() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.now += seconds(1);
    bench.exit("a", OK);
    let states = [StateName::Starting, StateName::Running, StateName::Exited];
    assert_eq!(bench.states("a"), states);
    let mut bench = Bench::with(vec![program("a")]);
    bench.pass(millis(999));
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Backoff);
}

#[test]
fn with_no_retries_or_fewer_the_first_failure_is_the_last() {
    for startretries in [0, -1, i64::MIN] {
        let mut bench = Bench::with(vec![ProgramSpec {
            startretries,
            ..program("a")
        }]);
        bench.exit("a", BAD);
        assert_eq!(bench.state("a"), StateName::Fatal, "{startretries}");
        assert_eq!(
            bench.states("a")[1..],
            [StateName::Backoff, StateName::Fatal]
        );
    }
}

#[test]
fn running_forgets_earlier_failures() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.exit("a", BAD);
    bench.pass(seconds(1));
    bench.exit("a", BAD);
    assert_eq!(bench.view("a").tries, 2);
    bench.pass(seconds(2));
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Starting, 2)
    );
    bench.pass(seconds(1));
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Running, 0)
    );
    bench.exit("a", BAD);
    bench.exit("a", BAD);
    assert_eq!(bench.view("a").tries, 1, "counted from the beginning");
}

#[test]
fn a_stop_in_backoff_takes_effect_at_once_and_does_not_forget_failures() {
    let mut bench = Bench::with(vec![ProgramSpec {
        startretries: 1,
        ..program("a")
    }]);
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Backoff);
    assert_eq!(bench.stop("a"), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Stopped);
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 1);
    assert_eq!(bench.view("a").tries, 1);
    assert_eq!(bench.begin("a"), Admission::Accepted);
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Fatal);
}

#[test]
fn giving_up_forgets_failures_so_that_a_start_has_all_its_attempts() {
    let mut bench = Bench::with(vec![ProgramSpec {
        startretries: 0,
        ..program("a")
    }]);
    bench.exit("a", BAD);
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Fatal, 0)
    );
    assert_eq!(bench.begin("a"), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Starting);
    assert_eq!(bench.view("a").spawn_error, None);
}

#[test]
fn a_start_is_admitted_where_nothing_runs_and_only_there() {
    let mut bench = Bench::with(vec![ProgramSpec {
        autostart: false,
        ..program("a")
    }]);
    let denied = Admission::Denied;
    assert_eq!(bench.begin("a"), Admission::Accepted);
    assert_eq!(bench.begin("a"), denied(Deny::AlreadyStarted), "STARTING");
    bench.exit("a", BAD);
    assert_eq!(bench.begin("a"), denied(Deny::AlreadyStarted), "BACKOFF");
    bench.pass(seconds(2));
    assert_eq!(bench.begin("a"), denied(Deny::AlreadyStarted), "RUNNING");
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Exited);
    assert_eq!(bench.begin("a"), Admission::Accepted, "EXITED");
    let _ = bench.stop("a");
    assert_eq!(bench.begin("a"), denied(Deny::Stopping), "STOPPING");
    bench.exit("a", OK);
    assert_eq!(bench.begin("a"), Admission::Accepted, "STOPPED");
    assert_eq!(bench.begin("x"), denied(Deny::NoSuchProgram));
    assert_eq!(bench.spawns("a").len(), 4);
}

#[test]
fn a_restart_in_backoff_starts_at_once_and_keeps_count() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.exit("a", BAD);
    assert_eq!(bench.restart("a"), Admission::Accepted);
    assert_eq!(bench.spawns("a"), vec![0.0, 0.0]);
    assert_eq!(bench.view("a").tries, 1);
    assert_eq!(bench.view("a").restarts, 0, "somebody asked for it");
    let states = [StateName::Backoff, StateName::Stopped, StateName::Starting];
    assert_eq!(bench.states("a")[1..], states);
}

#[test]
fn a_refused_program_is_fatal_with_its_reason_and_cannot_start() {
    let refused = "x.conf:3: startsecs";
    let mut bench = Bench::with(vec![ProgramSpec {
        refused: Some(refused.to_owned()),
        ..program("a")
    }]);
    assert_eq!(bench.state("a"), StateName::Fatal);
    assert_eq!(bench.view("a").spawn_error.as_deref(), Some(refused));
    let denied = Admission::Denied(Deny::Refused);
    assert_eq!(bench.begin("a"), denied);
    assert_eq!(bench.restart("a"), denied);
    assert!(bench.spawns("a").is_empty());
}

#[test]
fn numbers_beyond_a_lifetime_are_no_trouble() {
    let ever = std::time::Duration::MAX;
    let mut bench = Bench::with(vec![ProgramSpec {
        startsecs: ever,
        stop_wait: ever,
        ..program("a")
    }]);
    bench.pass(seconds(1_000_000));
    assert_eq!(bench.state("a"), StateName::Starting);
    assert_eq!(bench.stop("a"), Admission::Accepted);
    bench.pass(seconds(1_000_000));
    assert_eq!(bench.state("a"), StateName::Stopping);
}
