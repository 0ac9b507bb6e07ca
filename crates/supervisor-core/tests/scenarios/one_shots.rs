//! Programs that are meant to end.

use crate::support::{BAD, Bench, KILLED, OK, millis, program, seconds};
use supervisor_core::{Announcement, Autorestart, Exit, ProgramKind, ProgramSpec, StateName};

#[test]
fn exit_code_zero_is_a_success_at_any_age_and_the_end_of_it() {
    for age in [millis(0), millis(300), seconds(5)] {
        let mut bench = Bench::with(vec![ProgramSpec {
            autorestart: Autorestart::Always,
            ..one_shot()
        }]);
        bench.pass(age);
        bench.exit("a", OK);
        bench.pass(seconds(60));
        assert_eq!(bench.state("a"), StateName::Exited, "{age:?}");
        assert_eq!(bench.view("a").last_exit, Some((OK, true)));
        assert_eq!(bench.spawns("a").len(), 1);
        let states = [StateName::Starting, StateName::Running, StateName::Exited];
        assert_eq!(bench.states("a"), states, "{age:?}");
        let claims = |told: &Announcement| matches!(told, Announcement::EnteredRunning { .. });
        let claimed = bench.told().iter().any(claims);
        assert_eq!(
            claimed,
            age >= seconds(1),
            "nobody claims it was up for a second"
        );
    }
}

#[test]
fn exit_code_zero_is_a_success_even_if_it_is_no_expected_code() {
    let mut bench = Bench::with(vec![ProgramSpec {
        exitcodes: [3].into(),
        ..one_shot()
    }]);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Exited);
    assert_eq!(bench.view("a").last_exit, Some((OK, true)));
}

#[test]
fn other_quick_exits_are_failed_starts() {
    let mut bench = Bench::with(vec![ProgramSpec {
        startretries: 1,
        ..one_shot()
    }]);
    bench.exit("a", BAD);
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Backoff, 1)
    );
    bench.pass(seconds(1));
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Fatal);
}

#[test]
fn a_success_after_failures_forgets_them() {
    let mut bench = Bench::with(vec![one_shot()]);
    bench.exit("a", KILLED);
    bench.pass(seconds(1));
    bench.exit("a", OK);
    assert_eq!(
        (bench.state("a"), bench.view("a").tries),
        (StateName::Exited, 0)
    );
}

#[test]
fn later_exits_are_repeated_only_if_unexpected() {
    let cases = [
        (Autorestart::Always, Exit::Code(1), true),
        (Autorestart::Always, Exit::Code(4), false),
        (Autorestart::Unexpected, Exit::Code(1), true),
        (Autorestart::Unexpected, Exit::Code(4), false),
        (Autorestart::Unexpected, KILLED, true),
        (Autorestart::Never, Exit::Code(1), false),
    ];
    for (autorestart, exit, again) in cases {
        let mut bench = Bench::with(vec![ProgramSpec {
            autorestart,
            exitcodes: [0, 4].into(),
            ..one_shot()
        }]);
        bench.pass(seconds(5));
        bench.exit("a", exit);
        let case = (autorestart, exit);
        assert_eq!(bench.spawns("a").len() == 2, again, "{case:?}");
    }
}

fn one_shot() -> ProgramSpec {
    ProgramSpec {
        kind: ProgramKind::OneShot,
        ..program("a")
    }
}
