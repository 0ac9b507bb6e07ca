//! A signal that could not be sent.

use crate::support::{Bench, OK, instant, on, seconds};
use supervisor_core::{
    Admission, Deny, DependencyCondition, Input, Patience, ProgramSpec, StateName,
};

#[test]
fn a_failed_signal_makes_the_state_unknown_and_says_why() {
    let mut bench = unknown();
    assert_eq!(bench.state("a"), StateName::Unknown);
    assert!(bench.view("a").held.unwrap().contains("signal"));
    bench.pass(seconds(60));
    assert_eq!(bench.signals().len(), 1, "no kill follows");
    assert_eq!(
        bench.states("a")[2..],
        [StateName::Stopping, StateName::Unknown]
    );
}

#[test]
fn nothing_can_be_done_with_it() {
    let mut bench = unknown();
    let denied = Admission::Denied(Deny::Unknown);
    assert_eq!(bench.begin("a"), denied);
    assert_eq!(bench.stop("a"), denied);
    assert_eq!(bench.restart("a"), denied);
    let signal = supervisor_core::Command::Signal(crate::support::id("a"), 1);
    assert_eq!(bench.command(signal), Admission::Denied(Deny::NotRunning));
}

#[test]
fn it_counts_as_stopped() {
    let mut bench = unknown();
    assert_eq!(bench.remove("a"), Admission::Accepted);
    let mut bench = unknown();
    bench.shut_down(Patience::Own);
    assert_eq!(bench.drained(), Some(0.0));
}

#[test]
fn its_end_makes_it_stopped_after_all() {
    let mut bench = unknown();
    bench.exit("a", OK);
    let view = bench.view("a");
    assert_eq!((view.state, view.held), (StateName::Stopped, None));
    assert_eq!(view.last_exit, Some((OK, true)));
    assert_eq!(bench.begin("a"), Admission::Accepted);
}

#[test]
fn a_shutdown_does_not_wait_for_it() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            priority: 1,
            ..instant("b")
        },
        instant("a"),
    ]);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.stopped(), ["a"]);
    let failed = Input::SignalFailed(bench.run("a"));
    assert_eq!(bench.input(failed), Admission::Accepted);
    assert_eq!(bench.stopped(), ["a", "b"]);
}

#[test]
fn nobody_can_rely_on_it() {
    let mut bench = unknown();
    bench.add(ProgramSpec {
        depends_on: vec![on("a", DependencyCondition::Started)],
        ..instant("b")
    });
    assert_eq!(bench.state("b"), StateName::Waiting);
}

fn unknown() -> Bench {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.stop("a");
    let failed = Input::SignalFailed(bench.run("a"));
    assert_eq!(bench.input(failed), Admission::Accepted);
    bench
}
