//! From a stop to STOPPED.

use crate::support::{BAD, Bench, KILL, KILLED, OK, TERM, id, instant, millis, program, seconds};
use supervisor_core::{Admission, Command, Deny, Effect, ProgramSpec, Scope, StateName};

#[test]
fn a_program_that_ignores_its_stop_signal_is_killed_after_stopwaitsecs_again_and_again() {
    let mut bench = Bench::with(vec![instant("a")]);
    assert_eq!(bench.stop("a"), Admission::Accepted);
    bench.pass(seconds(25));
    let told = |at: f64, number| (at, "a".to_owned(), number);
    let expected = vec![told(0.0, TERM), told(10.0, KILL), told(20.0, KILL)];
    assert_eq!(bench.signals(), expected);
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Stopped);
}

#[test]
fn with_stop_wait_zero_it_is_killed_at_once_and_then_every_second() {
    let mut bench = Bench::with(vec![ProgramSpec {
        stop_wait: seconds(0),
        ..instant("a")
    }]);
    let _ = bench.stop("a");
    bench.pass(millis(2500));
    let signals: Vec<_> = bench
        .signals()
        .into_iter()
        .map(|(at, _, n)| (at, n))
        .collect();
    assert_eq!(
        signals,
        vec![(0.0, TERM), (0.0, KILL), (1.0, KILL), (2.0, KILL)]
    );
}

#[test]
fn signals_go_to_the_process_or_to_its_group_as_configured() {
    let cases = [
        (Scope::Leader, Scope::Leader),
        (Scope::Leader, Scope::Group),
        (Scope::Group, Scope::Group),
    ];
    for (stop_scope, kill_scope) in cases {
        let mut bench = Bench::with(vec![ProgramSpec {
            stop_signal: 3,
            stop_scope,
            kill_scope,
            ..instant("a")
        }]);
        let run = bench.run("a");
        let _ = bench.command(Command::Signal(id("a"), 1));
        let _ = bench.stop("a");
        bench.pass(seconds(10));
        let sent: Vec<_> = bench
            .log
            .iter()
            .filter(|(_, effect)| matches!(effect, Effect::Signal { .. }))
            .map(|(_, effect)| effect.clone())
            .collect();
        let signal = |number, scope| Effect::Signal {
            run: run.clone(),
            number,
            scope,
        };
        let expected = [
            signal(1, Scope::Leader),
            signal(3, stop_scope),
            signal(KILL, kill_scope),
        ];
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_stopped_program_is_stopped_however_it_ended_and_stays_so() {
    for exit in [OK, BAD, KILLED] {
        let mut bench = Bench::with(vec![program("a")]);
        let _ = bench.stop("a");
        assert_eq!(bench.state("a"), StateName::Stopping);
        bench.exit("a", exit);
        assert_eq!(bench.state("a"), StateName::Stopped);
        bench.pass(seconds(60));
        assert_eq!(bench.spawns("a").len(), 1);
        assert_eq!(bench.view("a").last_exit, Some((exit, exit == OK)));
    }
}

#[test]
fn a_stop_is_admitted_where_something_runs_and_only_there() {
    let mut bench = Bench::with(vec![ProgramSpec {
        startretries: 0,
        ..program("a")
    }]);
    let denied = Admission::Denied(Deny::NotRunning);
    assert_eq!(bench.stop("a"), Admission::Accepted, "STARTING");
    assert_eq!(bench.stop("a"), denied, "STOPPING");
    bench.exit("a", OK);
    assert_eq!(bench.stop("a"), denied, "STOPPED");
    let _ = bench.begin("a");
    bench.exit("a", BAD);
    assert_eq!(bench.stop("a"), denied, "FATAL");
    let _ = bench.begin("a");
    bench.pass(seconds(1));
    assert_eq!(bench.stop("a"), Admission::Accepted, "RUNNING");
    bench.exit("a", OK);
    let _ = bench.begin("a");
    bench.pass(seconds(1));
    bench.exit("a", OK);
    assert_eq!(bench.stop("a"), denied, "EXITED");
    assert_eq!(bench.stop("x"), Admission::Denied(Deny::NoSuchProgram));
}

#[test]
fn a_restart_starts_again_when_the_old_run_has_ended() {
    let mut bench = Bench::with(vec![instant("a")]);
    assert_eq!(bench.restart("a"), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Stopping);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.view("a").restarts, 0, "somebody asked for it");
    let states = [StateName::Stopping, StateName::Stopped, StateName::Starting];
    assert_eq!(bench.states("a")[2..5], states);
}

#[test]
fn a_restart_starts_what_rests() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", OK);
    assert_eq!(bench.restart("a"), Admission::Accepted, "EXITED");
    let _ = bench.stop("a");
    bench.exit("a", OK);
    assert_eq!(bench.restart("a"), Admission::Accepted, "STOPPED");
    assert_eq!(bench.state("a"), StateName::Running);
    let absent = Admission::Denied(Deny::NoSuchProgram);
    assert_eq!(bench.restart("x"), absent);
}

#[test]
fn the_last_wish_during_a_stop_counts() {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.stop("a");
    assert_eq!(bench.restart("a"), Admission::Accepted, "up again");
    assert_eq!(bench.stop("a"), Admission::Accepted, "or not");
    assert_eq!(bench.stop("a"), Admission::Denied(Deny::NotRunning));
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Stopped);
    let stops = bench.signals().len();
    assert_eq!(stops, 1, "told once");
}

#[test]
fn a_signal_reaches_only_a_process() {
    let mut bench = Bench::with(vec![program("a")]);
    let signal = |bench: &mut Bench| bench.command(Command::Signal(id("a"), 1));
    let denied = Admission::Denied(Deny::NotRunning);
    assert_eq!(signal(&mut bench), Admission::Accepted, "STARTING");
    bench.exit("a", BAD);
    assert_eq!(signal(&mut bench), denied, "BACKOFF");
    bench.pass(seconds(2));
    assert_eq!(signal(&mut bench), Admission::Accepted, "RUNNING");
    let _ = bench.stop("a");
    assert_eq!(signal(&mut bench), Admission::Accepted, "STOPPING");
    bench.exit("a", OK);
    assert_eq!(signal(&mut bench), denied, "STOPPED");
}

#[test]
fn a_spawn_that_fails_while_it_is_stopped_ends_the_stop() {
    use supervisor_core::{Core, GroupSpec, Input};
    let now = crate::support::first_instant();
    let mut core = Core::new();
    let spec = GroupSpec {
        name: "a".into(),
        priority: 1,
        programs: vec![program("a")],
    };
    let inherited = Vec::new();
    let _ = core.handle(Input::Command(Command::AddGroup { spec, inherited }), now);
    let _ = core.handle(Input::Command(Command::Stop(id("a"))), now);
    let spawned = std::iter::from_fn(|| core.poll_effect()).find_map(|effect| {
        let Effect::Spawn(run) = effect else {
            return None;
        };
        Some(run)
    });
    let reason = "no such file".to_owned();
    let run = spawned.unwrap();
    let _ = core.handle(Input::SpawnFailed { run, reason }, now);
    assert_eq!(core.state(&id("a")), Some(StateName::Stopped));
}
