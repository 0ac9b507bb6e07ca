//! What follows an exit nobody asked for.

use crate::support::{BAD, Bench, KILLED, OK, instant, millis, program, seconds};
use supervisor_core::{
    Admission, Autorestart, Deny, Exit, Incarnation, Input, ProgramSpec, Run, StateName,
};

#[test]
fn autorestart_decides_by_the_exit_code() {
    let codes = [0, 2];
    let cases = [
        (Autorestart::Unexpected, Exit::Code(0), true, false),
        (Autorestart::Unexpected, Exit::Code(2), true, false),
        (Autorestart::Unexpected, Exit::Code(1), false, true),
        (Autorestart::Unexpected, KILLED, false, true),
        (Autorestart::Always, Exit::Code(0), true, true),
        (Autorestart::Always, KILLED, false, true),
        (Autorestart::Never, Exit::Code(1), false, false),
        (Autorestart::Never, KILLED, false, false),
    ];
    for (autorestart, exit, expected, again) in cases {
        let mut bench = Bench::with(vec![ProgramSpec {
            autorestart,
            exitcodes: codes.into(),
            ..instant("a")
        }]);
        bench.pass(seconds(5));
        bench.exit("a", exit);
        let case = (autorestart, exit);
        assert_eq!(
            bench.view("a").last_exit,
            Some((exit, expected)),
            "{case:?}"
        );
        assert_eq!(bench.spawns("a").len() == 2, again, "{case:?}");
        let states = bench.states("a");
        assert_eq!(states[2], StateName::Exited, "{case:?}");
    }
}

#[test]
fn no_exit_codes_make_every_exit_unexpected() {
    let mut bench = Bench::with(vec![ProgramSpec {
        exitcodes: [].into(),
        ..instant("a")
    }]);
    bench.pass(seconds(5));
    bench.exit("a", OK);
    assert_eq!(bench.view("a").last_exit, Some((OK, false)));
    assert_eq!(bench.state("a"), StateName::Running, "again");
}

#[test]
fn a_death_by_signal_counts_as_minus_one() {
    let mut bench = Bench::with(vec![ProgramSpec {
        autorestart: Autorestart::Never,
        exitcodes: [9].into(),
        ..instant("a")
    }]);
    bench.exit("a", KILLED);
    let view = bench.view("a");
    assert_eq!(view.last_exit, Some((KILLED, false)));
    assert_eq!(view.spawn_error.as_deref(), Some("Bad exit code -1"));
}

#[test]
fn a_killed_program_that_lived_a_second_is_back_at_once() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.pass(seconds(5));
    bench.exit("a", KILLED);
    assert_eq!(bench.spawns("a"), vec![0.0, 5.0]);
    assert_eq!(bench.state("a"), StateName::Starting);
    assert_eq!(bench.view("a").restarts, 1);
}

#[test]
fn a_crash_loop_starts_once_a_second_and_no_faster() {
    let mut bench = Bench::with(vec![ProgramSpec {
        autorestart: Autorestart::Always,
        ..instant("a")
    }]);
    for second in 1..=5 {
        bench.exit("a", BAD);
        assert_eq!(bench.state("a"), StateName::Exited);
        assert_eq!(
            bench.view("a").restart_at,
            Some(bench.start + seconds(second))
        );
        bench.pass(seconds(1));
    }
    assert_eq!(bench.spawns("a"), vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn an_expected_exit_is_the_end_of_it() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", OK);
    bench.pass(seconds(60));
    assert_eq!(bench.state("a"), StateName::Exited);
    assert_eq!(bench.spawns("a").len(), 1);
    assert_eq!(bench.view("a").last_exit, Some((OK, true)));
    assert_eq!(bench.view("a").restart_at, None);
}

#[test]
fn a_normal_exit_forgets_failures() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.exit("a", BAD);
    bench.pass(seconds(1));
    // So late that the deadline of startsecs was not seen.
    bench.now += seconds(2);
    bench.exit("a", OK);
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Exited, 0)
    );
}

#[test]
fn a_stop_takes_back_a_restart_that_is_to_come() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Exited);
    assert_eq!(bench.stop("a"), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Stopped);
    assert_eq!(bench.view("a").restart_at, None);
    assert_eq!(bench.stop("a"), Admission::Denied(Deny::NotRunning));
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 1);
}

#[test]
fn a_start_does_not_wait_for_a_restart_that_is_to_come() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.pass(millis(100));
    bench.exit("a", BAD);
    assert_eq!(bench.begin("a"), Admission::Accepted);
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a"), vec![0.0, 0.1]);
    assert_eq!(bench.view("a").restarts, 0);
}

#[test]
fn facts_about_an_earlier_run_are_dropped() {
    let mut bench = Bench::with(vec![instant("a")]);
    let first = bench.run("a");
    bench.pass(seconds(2));
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Running);
    let facts = [
        Input::Exited {
            run: first.clone(),
            exit: Exit::Code(7),
        },
        Input::SpawnFailed {
            run: first.clone(),
            reason: "late".to_owned(),
        },
        Input::SignalFailed(first.clone()),
        Input::BecameReady(first.clone()),
        Input::BecameUnready(first.clone()),
        Input::ConditionsMet(first),
    ];
    for fact in facts {
        let told = format!("{fact:?}");
        let before = bench.view("a");
        assert_eq!(bench.input(fact), Admission::Ignored, "{told}");
        assert_eq!(bench.view("a"), before, "{told}");
    }
}

#[test]
fn a_fact_that_does_not_fit_is_dropped() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", OK);
    let run = bench.run("a");
    let unheard = Run {
        incarnation: Incarnation(7),
        ..run.clone()
    };
    let before = bench.view("a");
    let facts = [
        Input::Exited {
            run: run.clone(),
            exit: BAD,
        },
        Input::SignalFailed(run.clone()),
        Input::BecameReady(run.clone()),
        Input::SpawnFailed {
            run: run.clone(),
            reason: "late".to_owned(),
        },
        Input::LivenessLost {
            run: run.clone(),
            reason: "late".to_owned(),
        },
        Input::ConditionsMet(run),
        Input::Spawned(unheard),
    ];
    for fact in facts {
        let told = format!("{fact:?}");
        assert_eq!(bench.input(fact), Admission::Ignored, "{told}");
        assert_eq!(bench.view("a"), before, "{told}");
    }
}
