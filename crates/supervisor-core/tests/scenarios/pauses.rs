//! Pauses between restarts.

use crate::support::{BAD, Bench, KILLED, id, instant, program, seconds};
use supervisor_core::{Autorestart, ProgramSpec, RestartPolicy, StateName};

#[test]
fn pauses_grow_by_the_factor_up_to_the_limit() {
    let mut bench = Bench::with(vec![patient(instant("a"), 2, 2.0, 9)]);
    let pauses = pauses(&mut bench, 5);
    assert_eq!(pauses, [2.0, 4.0, 8.0, 9.0, 9.0]);
}

#[test]
fn a_limit_below_the_delay_limits_the_delay() {
    let mut bench = Bench::with(vec![patient(instant("a"), 5, 1.0, 3)]);
    assert_eq!(pauses(&mut bench, 2), [3.0, 3.0]);
}

#[test]
fn the_row_ends_with_a_run_that_lived_longer_than_ten_seconds() {
    let mut bench = Bench::with(vec![patient(instant("a"), 2, 2.0, 60)]);
    assert_eq!(pauses(&mut bench, 2), [2.0, 4.0]);
    bench.pass(seconds(10));
    assert_eq!(pauses(&mut bench, 1), [8.0], "exactly ten is not longer");
    bench.pass(seconds(11));
    assert_eq!(pauses(&mut bench, 2), [2.0, 4.0]);
}

#[test]
fn the_row_ends_with_a_run_that_lived_longer_than_startsecs_and_the_delay() {
    for spec in [
        patient(instant("a"), 20, 2.0, 600),
        ProgramSpec {
            startsecs: seconds(20),
            ..patient(instant("a"), 2, 2.0, 600)
        },
    ] {
        let mut bench = Bench::with(vec![spec]);
        bench.pass(seconds(20));
        let first = pauses(&mut bench, 1)[0];
        bench.pass(seconds(20));
        assert_eq!(pauses(&mut bench, 1), [first * 2.0], "20 s is not longer");
        bench.pass(seconds(21));
        assert_eq!(pauses(&mut bench, 1), [first]);
    }
}

#[test]
fn the_row_ends_when_somebody_starts_the_program() {
    let mut bench = Bench::with(vec![patient(instant("a"), 2, 2.0, 60)]);
    assert_eq!(pauses(&mut bench, 2), [2.0, 4.0]);
    bench.exit("a", BAD);
    let _ = bench.begin("a");
    assert_eq!(pauses(&mut bench, 1), [2.0]);
}

#[test]
fn with_a_delay_failed_starts_pause_by_the_same_rule() {
    let mut bench = Bench::with(vec![ProgramSpec {
        startretries: 9,
        ..patient(program("a"), 5, 3.0, 60)
    }]);
    assert_eq!(pauses(&mut bench, 3), [5.0, 15.0, 45.0]);
    assert_eq!(bench.view("a").tries, 3);
}

#[test]
fn a_short_delay_does_not_release_the_brake() {
    let mut spec = patient(instant("a"), 0, 1.0, 60);
    spec.restart.delay = std::time::Duration::from_millis(10);
    let mut bench = Bench::with(vec![spec]);
    assert_eq!(pauses(&mut bench, 2), [1.0, 1.0]);
}

#[test]
fn jitter_spreads_pauses_around_the_rule_and_is_the_same_every_time() {
    let spec = |name: &str| {
        let mut spec = patient(instant(name), 10, 1.0, 60);
        spec.restart.jitter = 0.2;
        spec
    };
    let of = |name: &str| {
        let mut bench = Bench::with(vec![spec(name)]);
        let mut pauses = Vec::new();
        for _ in 0..20 {
            pauses.push(pause(&mut bench, name));
        }
        pauses
    };
    let (a, b) = (of("a"), of("b"));
    for pause in a.iter().chain(&b) {
        assert!((8.0..=12.0).contains(pause), "{pause}");
    }
    assert!(
        a.iter().any(|pause| *pause < 9.5) && a.iter().any(|pause| *pause > 10.5),
        "{a:?}"
    );
    assert_ne!(a, b, "each program has its own");
    assert_eq!(a, of("a"));
}

#[test]
fn absurd_figures_are_no_trouble() {
    for factor in [f64::NAN, f64::INFINITY, f64::MAX, -1.0, 0.0] {
        for jitter in [f64::NAN, f64::INFINITY, -1.0, 1.0] {
            let mut spec = patient(instant("a"), 10, factor, 60);
            spec.restart.jitter = jitter;
            let mut bench = Bench::with(vec![spec]);
            for _ in 0..3 {
                let pause = pause(&mut bench, "a");
                assert!((1.0..=120.0).contains(&pause), "{factor} {jitter}: {pause}");
            }
        }
    }
    let mut endless = patient(instant("a"), 10, 2.0, 60);
    endless.restart.delay = std::time::Duration::MAX;
    endless.restart.max = std::time::Duration::MAX;
    let mut bench = Bench::with(vec![endless]);
    bench.exit("a", BAD);
    bench.pass(seconds(1_000_000));
    assert_eq!(bench.state("a"), StateName::Exited);
}

#[test]
fn a_planned_restart_is_shown_with_its_time() {
    let mut bench = Bench::with(vec![patient(instant("a"), 30, 1.0, 60)]);
    bench.exit("a", KILLED);
    assert_eq!(bench.view("a").restart_at, Some(bench.now + seconds(30)));
    bench.pass(seconds(30));
    assert_eq!(bench.view("a").restart_at, None);
    assert_eq!(bench.core.program(&id("a")).unwrap().restarts, 1);
}

fn patient(program: ProgramSpec, delay: u64, factor: f64, max: u64) -> ProgramSpec {
    ProgramSpec {
        autorestart: Autorestart::Always,
        restart: RestartPolicy {
            delay: seconds(delay),
            factor,
            max: seconds(max),
            jitter: 0.0,
        },
        ..program
    }
}

/// The pauses after the next exits of `a`, each at once.
fn pauses(bench: &mut Bench, exits: usize) -> Vec<f64> {
    (0..exits).map(|_| pause(bench, "a")).collect()
}

/// The pause after an exit at once.
fn pause(bench: &mut Bench, name: &str) -> f64 {
    let ended = bench.now;
    bench.exit(name, BAD);
    let at = bench.view(name).restart_at.expect("a restart is planned");
    bench.pass(at - bench.now);
    assert!(bench.view(name).state.is_signallable());
    (bench.now - ended).as_secs_f64()
}
