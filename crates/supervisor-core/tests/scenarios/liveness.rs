//! A program that runs and does not live.

use crate::support::{Bench, KILLED, OK, TERM, instant, millis, seconds};
use supervisor_core::{
    Admission, Announcement, Autorestart, Deny, Patience, ProgramSpec, RestartPolicy, StateName,
};

#[test]
fn it_is_stopped_and_started_again() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.pass(seconds(5));
    assert_eq!(bench.unalive("a"), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Stopping);
    assert_eq!(bench.signals(), [(5.0, "a".to_owned(), TERM)]);
    let (run, reason) = (bench.run("a"), "no answer".to_owned());
    assert!(
        bench
            .told()
            .contains(&Announcement::Unalive { run, reason })
    );
    bench.exit("a", OK);
    let states = [
        StateName::Starting,
        StateName::Running,
        StateName::Stopping,
        StateName::Stopped,
        StateName::Starting,
        StateName::Running,
    ];
    assert_eq!(bench.states("a"), states);
    assert_eq!(bench.view("a").restarts, 1, "nobody asked for it");
}

#[test]
fn it_is_killed_if_it_does_not_stop() {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.unalive("a");
    bench.pass(seconds(10));
    assert_eq!(bench.signals().len(), 2);
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn it_is_started_again_whatever_autorestart_says_about_exits() {
    let mut bench = Bench::with(vec![ProgramSpec {
        autorestart: Autorestart::Never,
        ..instant("a")
    }]);
    bench.pass(seconds(5));
    let _ = bench.unalive("a");
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn its_pause_is_that_of_its_policy_and_shown() {
    let mut bench = Bench::with(vec![ProgramSpec {
        restart: RestartPolicy {
            delay: seconds(7),
            ..RestartPolicy::default()
        },
        ..instant("a")
    }]);
    bench.pass(seconds(5));
    let _ = bench.unalive("a");
    bench.exit("a", OK);
    let view = bench.view("a");
    assert_eq!(view.state, StateName::Stopped);
    assert_eq!(view.restart_at, Some(bench.now + seconds(7)));
    assert_eq!(view.spawn_error.as_deref(), Some("no answer"));
    bench.pass(seconds(7));
    assert_eq!(bench.spawns("a"), [0.0, 12.0]);
}

#[test]
fn a_stop_during_the_pause_takes_the_restart_back() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.pass(millis(200));
    let _ = bench.unalive("a");
    bench.exit("a", OK);
    assert_eq!(
        bench.view("a").restart_at,
        Some(bench.start + seconds(1)),
        "brake"
    );
    assert_eq!(bench.stop("a"), Admission::Accepted);
    assert_eq!(bench.stop("a"), Admission::Denied(Deny::NotRunning));
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 1);
}

#[test]
fn what_is_being_stopped_is_not_looked_at() {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.stop("a");
    assert_eq!(bench.unalive("a"), Admission::Ignored);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Stopped);
}

#[test]
fn a_shutdown_does_not_care_for_liveness() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            priority: 1,
            ..instant("a")
        },
        instant("b"),
    ]);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.unalive("a"), Admission::Ignored);
    assert_eq!(bench.stopped(), ["b"]);
}
