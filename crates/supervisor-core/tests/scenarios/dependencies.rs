//! Programs that wait for others.

use crate::support::{
    BAD, Bench, KILLED, OK, Spawning, id, instant, on, on_group, program, seconds,
};
use supervisor_core::{
    Admission, Blocker, Deny,
    DependencyCondition::{self, ExitedZero, Ready, Started},
    Incarnation, Inherited, Probed, ProgramSpec, Resting, StateName,
};

#[test]
fn started_means_running() {
    let mut bench = Bench::with(vec![after("b", Started), program("a")]);
    assert_eq!(bench.state("b"), StateName::Waiting);
    assert_eq!(bench.view("b").waiting_for, [blocker("a", Started)]);
    bench.pass(seconds(1));
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.state("b"), StateName::Running);
    assert_eq!(bench.view("b").waiting_for, []);
    assert_eq!(bench.spawns("b"), [1.0]);
}

#[test]
fn ready_means_running_and_ready() {
    let probed = ProgramSpec {
        probed: Probed::Yes,
        ..program("a")
    };
    let mut bench = Bench::with(vec![probed, after("b", Ready)]);
    bench.ready("a");
    assert_eq!(bench.state("b"), StateName::Waiting, "not RUNNING");
    bench.pass(seconds(1));
    assert_eq!(bench.state("b"), StateName::Running);
    bench.exit("b", OK);
    let lost = supervisor_core::Input::BecameUnready(bench.run("a"));
    let _ = bench.input(lost);
    let _ = bench.begin("b");
    assert_eq!(bench.state("b"), StateName::Waiting, "not ready");
    bench.ready("a");
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn without_a_probe_running_is_ready() {
    let mut bench = Bench::with(vec![program("a"), after("b", Ready)]);
    bench.pass(seconds(1));
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn exited_zero_means_that_the_last_run_ended_well_and_none_follows() {
    let mut bench = Bench::with(vec![instant("a"), after("b", ExitedZero)]);
    assert_eq!(bench.state("b"), StateName::Waiting);
    bench.exit("a", BAD);
    assert_eq!(bench.state("b"), StateName::Waiting, "ended badly");
    bench.pass(seconds(1));
    assert_eq!(bench.state("a"), StateName::Running, "again");
    bench.exit("a", OK);
    assert_eq!(bench.state("b"), StateName::Running);
    bench.exit("b", OK);
    let _ = bench.begin("a");
    let _ = bench.begin("b");
    assert_eq!(bench.state("b"), StateName::Waiting, "it runs");
    let _ = bench.stop("a");
    bench.exit("a", OK);
    assert_eq!(
        bench.state("b"),
        StateName::Running,
        "a stop may end well, too"
    );
}

#[test]
fn a_program_that_is_to_be_tried_again_is_not_done() {
    let mut bench = Bench::with(vec![program("a"), after("b", ExitedZero)]);
    bench.exit("a", OK);
    assert_eq!(bench.state("a"), StateName::Backoff);
    assert_eq!(bench.state("b"), StateName::Waiting);
}

#[test]
fn a_start_that_failed_is_no_good_end_whatever_was_before() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", OK);
    bench.spawning = Spawning::Fails;
    let _ = bench.begin("a");
    bench.pass(seconds(60));
    assert_eq!(bench.state("a"), StateName::Fatal);
    bench.add(after("b", ExitedZero));
    assert_eq!(bench.state("b"), StateName::Waiting);
}

#[test]
fn a_group_means_all_of_its_programs() {
    let mut bench = Bench::new();
    bench.group("g", 1, vec![program("g:1"), program("g:2")]);
    bench.add(ProgramSpec {
        depends_on: vec![on_group("g", Started)],
        ..instant("b")
    });
    let both = [blocker("g:1", Started), blocker("g:2", Started)];
    assert_eq!(bench.view("b").waiting_for, both);
    bench.exit("g:2", BAD);
    bench.pass(seconds(1));
    assert_eq!(bench.view("b").waiting_for, [blocker("g:2", Started)]);
    bench.pass(seconds(1));
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn several_dependencies_must_all_be_satisfied_at_the_same_time() {
    let mut bench = Bench::with(vec![
        instant("a"),
        program("c"),
        ProgramSpec {
            depends_on: vec![on("a", Started), on("c", Started)],
            ..instant("b")
        },
    ]);
    assert_eq!(bench.view("b").waiting_for, [blocker("c", Started)]);
    let _ = bench.stop("a");
    let both = [blocker("a", Started), blocker("c", Started)];
    assert_eq!(bench.view("b").waiting_for, both);
    bench.pass(seconds(1));
    assert_eq!(bench.state("b"), StateName::Waiting);
    bench.exit("a", OK);
    let _ = bench.begin("a");
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn what_is_not_there_blocks_until_it_is() {
    let mut bench = Bench::with(vec![
        after("b", Started),
        ProgramSpec {
            depends_on: vec![on_group("g", Started)],
            ..instant("c")
        },
    ]);
    assert_eq!(bench.view("b").waiting_for, [blocker("a", Started)]);
    assert_eq!(bench.view("c").waiting_for, [blocker("g:*", Started)]);
    bench.pass(seconds(60));
    bench.add(instant("a"));
    assert_eq!(bench.spawns("b"), [60.0]);
    bench.group("g", 1, Vec::new());
    assert_eq!(
        bench.state("c"),
        StateName::Running,
        "an empty group wants nothing"
    );
}

#[test]
fn what_was_removed_blocks_again() {
    let mut bench = Bench::new();
    bench.group("g", 1, vec![program("g:a"), program("g:other")]);
    bench.add(ProgramSpec {
        depends_on: vec![on("g:a", Started)],
        ..instant("b")
    });
    bench.add(ProgramSpec {
        depends_on: vec![on_group("g", Started)],
        ..instant("c")
    });
    for name in ["g:a", "g:other"] {
        let _ = bench.stop(name);
        bench.exit(name, OK);
    }
    assert_eq!(bench.remove("g"), Admission::Accepted);
    let _ = bench.core.take_changed();
    assert_eq!(bench.view("b").waiting_for, [blocker("g:a", Started)]);
    assert_eq!(bench.view("c").waiting_for, [blocker("g:*", Started)]);
    bench.group("g", 1, vec![instant("g:other")]);
    assert_eq!(bench.state("b"), StateName::Waiting);
    assert_eq!(bench.state("c"), StateName::Running);
    assert_eq!(bench.core.take_changed(), [id("c"), id("g:other")]);
}

#[test]
fn members_of_one_group_may_depend_on_each_other_in_any_order() {
    let mut bench = Bench::new();
    let chain = |name: &str, on_whom: &str| ProgramSpec {
        depends_on: vec![on(on_whom, Started)],
        ..program(name)
    };
    bench.group(
        "g",
        1,
        vec![chain("g:3", "g:2"), chain("g:2", "g:1"), program("g:1")],
    );
    assert_eq!(bench.spawned(), ["g:1"]);
    bench.pass(seconds(60));
    assert_eq!(bench.spawned(), ["g:1", "g:2", "g:3"]);
    assert_eq!(bench.spawns("g:3"), [2.0]);
}

#[test]
fn a_dependency_that_fails_later_does_not_stop_the_dependent() {
    let mut bench = Bench::with(vec![instant("a"), after("b", Started)]);
    bench.exit("a", OK);
    bench.pass(seconds(60));
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn a_restart_by_policy_waits_as_well() {
    let mut bench = Bench::with(vec![instant("a"), after("b", Started)]);
    bench.pass(seconds(5));
    bench.exit("a", OK);
    bench.exit("b", KILLED);
    assert_eq!(bench.state("b"), StateName::Waiting);
    assert_eq!(bench.view("b").restarts, 0, "it has not begun");
    assert_eq!(bench.view("b").incarnation.0, 2);
    let _ = bench.begin("a");
    assert_eq!(bench.state("b"), StateName::Running);
    assert_eq!(bench.view("b").restarts, 1);
    assert_eq!(
        bench.view("b").incarnation.0,
        2,
        "waited and ran as the same"
    );
}

#[test]
fn a_retry_waits_as_well_and_keeps_count() {
    let waiting = ProgramSpec {
        depends_on: vec![on("a", Started)],
        ..program("b")
    };
    let mut bench = Bench::with(vec![instant("a"), waiting]);
    bench.exit("b", BAD);
    bench.exit("a", OK);
    bench.pass(seconds(5));
    assert_eq!(
        (bench.state("b"), bench.view("b").tries),
        (StateName::Waiting, 1)
    );
    let _ = bench.begin("a");
    assert_eq!(
        (bench.state("b"), bench.view("b").tries),
        (StateName::Starting, 1)
    );
}

#[test]
fn a_restart_of_both_waits_for_the_first() {
    let mut bench = Bench::with(vec![program("a"), after("b", Started)]);
    bench.pass(seconds(1));
    let _ = bench.restart("a");
    let _ = bench.restart("b");
    bench.exit("b", OK);
    assert_eq!(bench.state("b"), StateName::Waiting);
    bench.exit("a", OK);
    bench.pass(seconds(1));
    assert_eq!(bench.spawns("b"), [1.0, 2.0]);
}

#[test]
fn a_waiting_program_counts_as_started() {
    let mut bench = Bench::with(vec![after("b", Started)]);
    assert!(bench.state("b").is_running());
    assert!(!bench.state("b").is_stopped());
    assert!(!bench.state("b").is_signallable());
    assert_eq!(bench.begin("b"), Admission::Denied(Deny::AlreadyStarted));
    let signal = supervisor_core::Command::Signal(id("b"), 1);
    assert_eq!(bench.command(signal), Admission::Denied(Deny::NotRunning));
    assert_eq!(bench.remove("b"), Admission::Denied(Deny::StillRunning));
}

#[test]
fn a_stop_ends_the_wait() {
    let mut bench = Bench::with(vec![after("b", Started)]);
    assert_eq!(bench.stop("b"), Admission::Accepted);
    assert_eq!(bench.state("b"), StateName::Stopped);
    bench.add(instant("a"));
    assert_eq!(bench.state("b"), StateName::Stopped);
    assert!(bench.spawns("b").is_empty());
    assert!(bench.signals().is_empty());
}

#[test]
fn a_restart_of_a_waiting_program_waits_under_a_new_name() {
    let mut bench = Bench::with(vec![after("b", Started)]);
    assert_eq!(bench.restart("b"), Admission::Accepted);
    assert_eq!(bench.state("b"), StateName::Waiting);
    assert_eq!(bench.view("b").incarnation.0, 2);
    bench.add(instant("a"));
    assert_eq!(bench.state("b"), StateName::Running);
}

#[test]
fn programs_that_wait_for_each_other_wait() {
    let each = |name: &str, on_whom: &str| ProgramSpec {
        depends_on: vec![on(on_whom, Started)],
        ..instant(name)
    };
    let mut bench = Bench::with(vec![each("a", "b"), each("b", "a"), each("c", "c")]);
    bench.pass(seconds(60));
    for name in ["a", "b", "c"] {
        assert_eq!(bench.state(name), StateName::Waiting);
    }
    assert_eq!(bench.core.poll_timeout(), None, "and cost nothing");
}

#[test]
fn a_program_that_waits_for_itself_waits_for_ever() {
    for condition in [Started, Ready, ExitedZero] {
        let mut bench = Bench::new();
        let rests = Inherited::Resting {
            state: Resting::Exited(OK, true),
            incarnation: Incarnation(1),
        };
        let itself = after("a", condition);
        bench.take_over("a", 1, vec![itself], vec![(id("a"), rests)]);
        assert_eq!(bench.begin("a"), Admission::Accepted);
        assert_eq!(bench.view("a").waiting_for, [blocker("a", condition)]);
        bench.pass(seconds(60));
        assert_eq!(bench.state("a"), StateName::Waiting);
    }
}

#[test]
fn a_thousand_dependents_start_together() {
    let mut bench = Bench::with(vec![program("a")]);
    let names: Vec<_> = (0..1000).map(|n| format!("g:{n:04}")).collect();
    let waiting = |name: &String| ProgramSpec {
        depends_on: vec![on("a", Ready)],
        ..program(name)
    };
    bench.group("g", 1, names.iter().map(waiting).collect());
    assert_eq!(bench.spawned().len(), 1);
    bench.pass(seconds(1));
    assert_eq!(bench.spawned()[1..], names);
}

fn after(name: &str, condition: DependencyCondition) -> ProgramSpec {
    ProgramSpec {
        depends_on: vec![on("a", condition)],
        ..instant(name)
    }
}

fn blocker(name: &str, condition: DependencyCondition) -> Blocker {
    Blocker::Dependency {
        program: id(name),
        condition,
    }
}
