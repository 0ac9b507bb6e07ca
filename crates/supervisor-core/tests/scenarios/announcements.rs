//! What the world is told, and in which order.

use crate::support::{BAD, Bench, KILLED, OK, Spawning, id, instant, on, program, seconds};
use supervisor_core::{
    Announcement, DependencyCondition, Effect, Exit, ProgramSpec,
    StateName::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping, Waiting},
};

#[test]
fn a_life_that_ends_as_it_should() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.pass(seconds(1));
    bench.exit("a", OK);
    let story = [
        "STARTING",
        "spawn",
        "RUNNING",
        "success",
        "EXITED",
        "exited expected",
    ];
    assert_eq!(story_of(&bench), story);
    let entered = [
        (Starting, 0, None),
        (Running, 0, None),
        (Exited, 0, Some(true)),
    ];
    assert_eq!(bench.entered("a"), entered);
}

#[test]
fn an_exit_seen_before_the_deadline_of_startsecs() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.now += seconds(2);
    bench.exit("a", KILLED);
    let story = [
        "STARTING",
        "spawn",
        "RUNNING",
        "success",
        "EXITED",
        "exited unexpected",
        "STARTING",
        "spawn",
    ];
    assert_eq!(story_of(&bench), story);
    assert_eq!(bench.entered("a")[2], (Exited, 0, Some(false)));
}

#[test]
fn failures_until_it_is_given_up() {
    let mut bench = Bench::with(vec![ProgramSpec {
        startretries: 1,
        ..program("a")
    }]);
    bench.exit("a", OK);
    bench.pass(seconds(1));
    bench.exit("a", BAD);
    let story = [
        "STARTING",
        "spawn",
        "BACKOFF",
        "exited unexpected",
        "STARTING",
        "spawn",
        "BACKOFF",
        "exited unexpected",
        "FATAL",
        "gave up",
    ];
    assert_eq!(story_of(&bench), story);
    let entered = [
        (Starting, 0, None),
        (Backoff, 1, None),
        (Starting, 1, None),
        (Backoff, 2, None),
        (Fatal, 0, None),
    ];
    assert_eq!(bench.entered("a"), entered);
}

#[test]
fn a_spawn_that_fails_is_told_before_backoff() {
    let mut bench = Bench::new();
    bench.spawning = Spawning::Fails;
    bench.add(ProgramSpec {
        startretries: 0,
        ..program("a")
    });
    let story = [
        "STARTING", "spawn", "spawnerr", "BACKOFF", "FATAL", "gave up",
    ];
    assert_eq!(story_of(&bench), story);
}

#[test]
fn a_stop_and_its_kill() {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.stop("a");
    bench.pass(seconds(10));
    bench.exit("a", KILLED);
    let story = [
        "STARTING",
        "spawn",
        "RUNNING",
        "success",
        "STOPPING",
        "signal 15",
        "killing",
        "signal 9",
        "STOPPED",
        "stopped",
    ];
    assert_eq!(story_of(&bench), story);
    assert_eq!(
        bench.entered("a")[2..],
        [(Stopping, 0, None), (Stopped, 0, None)]
    );
}

#[test]
fn a_program_that_does_not_live() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.pass(seconds(5));
    let _ = bench.unalive("a");
    bench.exit("a", OK);
    let story = [
        "unalive",
        "STOPPING",
        "signal 15",
        "STOPPED",
        "stopped",
        "STARTING",
        "spawn",
        "RUNNING",
        "success",
    ];
    assert_eq!(story_of(&bench)[4..], story);
}

#[test]
fn a_wait_carries_the_run_that_begins() {
    let mut bench = Bench::with(vec![ProgramSpec {
        depends_on: vec![on("b", DependencyCondition::Started)],
        ..instant("a")
    }]);
    bench.add(instant("b"));
    let run = bench.run("a");
    let entered = |from, to| Announcement::Entered {
        run: run.clone(),
        from,
        to,
        tries: 0,
        expected: None,
    };
    let told: Vec<_> = bench
        .told()
        .into_iter()
        .filter(|told| concerns(told, "a"))
        .collect();
    assert_eq!(
        told[..2],
        [entered(Stopped, Waiting), entered(Waiting, Starting)]
    );
}

#[test]
fn a_stop_while_it_waits() {
    let mut bench = Bench::with(vec![ProgramSpec {
        depends_on: vec![on("b", DependencyCondition::Started)],
        ..instant("a")
    }]);
    let _ = bench.stop("a");
    assert_eq!(story_of(&bench), ["WAITING", "STOPPED"]);
}

#[test]
fn the_words_carry_what_happened() {
    let mut bench = Bench::with(vec![ProgramSpec {
        exitcodes: [3].into(),
        ..instant("a")
    }]);
    bench.exit("a", Exit::Code(3));
    let exited = Announcement::Exited {
        program: id("a"),
        exit: Exit::Code(3),
        expected: true,
    };
    assert!(bench.told().contains(&exited));
    let _ = bench.begin("a");
    let _ = bench.stop("a");
    bench.exit("a", OK);
    let stopped = Announcement::Stopped {
        program: id("a"),
        exit: OK,
        expected: false,
    };
    assert!(bench.told().contains(&stopped));
}

fn concerns(told: &Announcement, name: &str) -> bool {
    matches!(told, Announcement::Entered { run, .. } if run.program == id(name))
}

/// What was done and told, in short.
fn story_of(bench: &Bench) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Spawn(_) => "spawn".to_owned(),
        Effect::Signal { number, .. } => format!("signal {number}"),
        Effect::Probe(_) => "probe".to_owned(),
        Effect::CheckConditions(_) => "check".to_owned(),
        Effect::ForgetConditions(_) => "forget".to_owned(),
        Effect::Drained => "drained".to_owned(),
        Effect::Announce(told) => match told {
            Announcement::Entered { to, .. } => format!("{to:?}").to_uppercase(),
            Announcement::Unalive { .. } => "unalive".to_owned(),
            Announcement::EnteredRunning { .. } => "success".to_owned(),
            Announcement::SpawnFailed { .. } => "spawnerr".to_owned(),
            Announcement::Exited { expected: true, .. } => "exited expected".to_owned(),
            Announcement::Exited { .. } => "exited unexpected".to_owned(),
            Announcement::Stopped { .. } => "stopped".to_owned(),
            Announcement::GaveUp(_) => "gave up".to_owned(),
            Announcement::Killing(_) => "killing".to_owned(),
            Announcement::WaitingFor(_) => "waiting".to_owned(),
            Announcement::Abandoned(_) => "abandoned".to_owned(),
        },
    };
    bench.log.iter().map(|(_, effect)| word(effect)).collect()
}
