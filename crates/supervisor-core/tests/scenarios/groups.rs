//! Groups come and go.

use crate::support::{Bench, OK, Spawning, id, instant, program, seconds};
use supervisor_core::{Admission, Command, Deny, GroupSpec, ProgramSpec, StateName};

#[test]
fn members_start_in_the_order_of_their_list_whatever_their_priority() {
    let mut bench = Bench::new();
    let member = |name: &str, priority| ProgramSpec {
        priority,
        ..instant(name)
    };
    let members = vec![member("g:z", 5), member("g:b", 9), member("g:a", 1)];
    bench.group("g", 1, members);
    assert_eq!(bench.spawned(), ["g:z", "g:b", "g:a"]);
}

#[test]
fn a_group_can_be_removed_only_when_all_of_it_has_stopped_and_runs_are_never_named_twice() {
    let mut bench = Bench::with(vec![instant("a")]);
    assert_eq!(bench.remove("a"), Admission::Denied(Deny::StillRunning));
    let _ = bench.stop("a");
    assert_eq!(bench.remove("a"), Admission::Denied(Deny::StillRunning));
    bench.exit("a", OK);
    assert_eq!(bench.remove("a"), Admission::Accepted);
    assert_eq!(bench.remove("a"), Admission::Denied(Deny::NoSuchProgram));
    assert!(bench.core.view().programs.is_empty());
    assert!(bench.core.view().groups.is_empty());
    bench.add(instant("a"));
    assert_eq!(bench.view("a").incarnation.0, 2);
}

#[test]
fn a_removed_program_is_not_restarted() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", crate::support::BAD);
    assert!(bench.view("a").restart_at.is_some());
    assert_eq!(bench.remove("a"), Admission::Accepted);
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 1);
    assert_eq!(bench.core.poll_timeout(), None);
}

#[test]
fn a_group_is_added_once() {
    let mut bench = Bench::with(vec![instant("a")]);
    let spec = GroupSpec {
        name: "a".into(),
        priority: 1,
        programs: Vec::new(),
    };
    let inherited = Vec::new();
    let again = bench.command(Command::AddGroup { spec, inherited });
    assert_eq!(again, Admission::Denied(Deny::AlreadyAdded));
}

#[test]
fn several_groups_are_listed_by_name_and_know_nothing_of_each_other() {
    let mut bench = Bench::new();
    bench.group("y", 2, vec![instant("y:2"), instant("y:1")]);
    bench.group("x", 9, vec![instant("x:1")]);
    bench.group("empty", 5, Vec::new());
    let view = bench.core.view();
    let groups: Vec<_> = view.groups.iter().map(|g| (&*g.name, g.priority)).collect();
    assert_eq!(groups, [("empty", 5), ("x", 9), ("y", 2)]);
    let programs: Vec<_> = view.programs.iter().map(|p| p.id.to_string()).collect();
    assert_eq!(programs, ["x:1", "y:1", "y:2"]);
    let _ = bench.stop("y:1");
    assert_eq!(bench.state("y:1"), StateName::Stopping);
    assert_eq!(bench.state("y:2"), StateName::Running);
    assert_eq!(bench.state("x:1"), StateName::Running);
}

#[test]
fn a_program_listed_twice_is_there_once() {
    let mut bench = Bench::new();
    bench.group("g", 1, vec![instant("g:a"), program("g:a")]);
    assert_eq!(bench.core.view().programs.len(), 1);
    assert_eq!(bench.spawned(), ["g:a"]);
}

#[test]
fn a_successor_begins_empty_and_repeats_no_run() {
    let mut bench = Bench::with(vec![instant("a"), instant("b")]);
    bench.exit("b", OK);
    assert_eq!(bench.remove("b"), Admission::Accepted);
    let _ = bench.begin("a");
    bench.core = bench.core.successor();
    assert!(bench.core.view().programs.is_empty());
    assert_eq!(bench.core.poll_timeout(), None);
    bench.add(instant("a"));
    bench.add(instant("b"));
    assert_eq!(bench.view("a").incarnation.0, 2);
    assert_eq!(bench.view("b").incarnation.0, 2);
    bench.core = bench.core.successor();
    bench.spawning = Spawning::Fails;
    bench.add(program("a"));
    assert_eq!(bench.view("a").incarnation.0, 3);
}

#[test]
fn a_successor_of_a_shutdown_serves_again() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.shut_down(supervisor_core::Patience::Own);
    bench.exit("a", OK);
    bench.core = bench.core.successor();
    bench.add(instant("a"));
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn only_what_changed_is_listed_as_changed() {
    let mut bench = Bench::with(vec![instant("a"), program("b"), instant("c")]);
    let all = vec![id("a"), id("b"), id("c")];
    assert_eq!(bench.core.take_changed(), all);
    assert_eq!(bench.core.take_changed(), []);
    let before = bench.core.generation();
    bench.pass(seconds(1));
    assert_eq!(bench.core.take_changed(), [id("b")], "RUNNING");
    assert!(bench.core.generation() > before);
    let before = bench.core.generation();
    assert_eq!(bench.begin("a"), Admission::Denied(Deny::AlreadyStarted));
    bench.pass(seconds(60));
    assert_eq!(bench.core.take_changed(), []);
    assert_eq!(bench.core.generation(), before);
    bench.exit("c", OK);
    assert_eq!(bench.remove("c"), Admission::Accepted);
    assert_eq!(bench.core.take_changed(), [id("c")], "gone");
}

#[test]
fn a_thousand_programs_in_one_group_are_no_trouble() {
    let mut bench = Bench::new();
    let names: Vec<_> = (0..1000).map(|n| format!("g:{n:04}")).collect();
    bench.group("g", 1, names.iter().map(|name| program(name)).collect());
    bench.pass(seconds(1));
    assert_eq!(bench.spawned(), names);
    let running = bench.core.view().programs.into_iter();
    assert!(
        running
            .map(|p| p.state)
            .all(|state| state == StateName::Running)
    );
    bench.shut_down(supervisor_core::Patience::Budget);
    let reversed: Vec<_> = names.iter().rev().cloned().collect();
    assert_eq!(bench.stopped(), reversed);
    for name in &names {
        bench.exit(name, OK);
    }
    assert_eq!(bench.drained(), Some(1.0));
}
