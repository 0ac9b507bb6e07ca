//! A world that was frozen.

use crate::support::{BAD, Bench, KILL, TERM, instant, millis, program, seconds};
use supervisor_core::{Admission, Autorestart, Input, Patience, Probed, ProgramSpec, StateName};

#[test]
fn startsecs_go_on_after_the_thaw() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.pass(millis(400));
    freeze(&mut bench);
    assert_eq!(bench.view("a").started, Some(bench.start + HOUR));
    bench.pass(millis(599));
    assert_eq!(bench.state("a"), StateName::Starting);
    bench.pass(millis(1));
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn a_frozen_program_has_not_lived() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.pass(millis(400));
    freeze(&mut bench);
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Backoff);
}

#[test]
fn retries_and_restarts_move() {
    let mut bench = Bench::with(vec![
        program("a"),
        ProgramSpec {
            autorestart: Autorestart::Always,
            ..instant("b")
        },
        instant("c"),
    ]);
    bench.exit("a", BAD);
    bench.exit("b", BAD);
    let _ = bench.unalive("c");
    bench.exit("c", BAD);
    freeze(&mut bench);
    for name in ["a", "b", "c"] {
        assert_eq!(
            bench.view(name).restart_at,
            Some(bench.now + seconds(1)),
            "{name}"
        );
    }
    bench.pass(seconds(1));
    for name in ["a", "b", "c"] {
        assert_eq!(bench.spawns(name), [0.0, 3601.0], "{name}");
    }
}

#[test]
fn nobody_is_killed_for_having_been_frozen() {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.stop("a");
    bench.pass(seconds(4));
    freeze(&mut bench);
    bench.pass(seconds(6));
    let signals = [(0.0, "a".to_owned(), TERM), (3610.0, "a".to_owned(), KILL)];
    assert_eq!(bench.signals(), signals);
}

#[test]
fn nobody_is_found_unready_for_having_been_frozen() {
    let mut bench = Bench::with(vec![ProgramSpec {
        probed: Probed::Yes,
        ready_within: Some(seconds(5)),
        ..instant("a")
    }]);
    bench.pass(seconds(4));
    freeze(&mut bench);
    bench.pass(millis(999));
    assert_eq!(bench.state("a"), StateName::Running);
    bench.pass(millis(1));
    assert_eq!(bench.state("a"), StateName::Stopping);
}

#[test]
fn a_shutdown_has_its_whole_budget() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            priority: 1,
            ..instant("a")
        },
        instant("b"),
    ]);
    bench.shut_down(Patience::Budget);
    bench.pass(seconds(1));
    freeze(&mut bench);
    bench.pass(seconds(60));
    let signals = bench.signals();
    let told = |at, name: &str, number| (at, name.to_owned(), number);
    assert!(signals.contains(&told(0.0, "b", TERM)), "{signals:?}");
    assert!(signals.contains(&told(3602.5, "b", KILL)), "{signals:?}");
    assert!(signals.contains(&told(3602.5, "a", TERM)), "{signals:?}");
    assert!(signals.contains(&told(3605.0, "a", KILL)), "{signals:?}");
    assert_eq!(bench.drained(), Some(3605.7));
}

const HOUR: std::time::Duration = seconds(3600);

/// The world stands still for an hour, and the core is told before anything is due.
fn freeze(bench: &mut Bench) {
    bench.now += HOUR;
    assert_eq!(bench.input(Input::TimeGap(HOUR)), Admission::Accepted);
}
