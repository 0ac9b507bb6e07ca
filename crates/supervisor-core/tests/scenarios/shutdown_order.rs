//! In a shutdown, what others depend on stops last.

use crate::support::{BAD, Bench, KILL, KILLED, OK, TERM, instant, on, on_group, seconds};
use supervisor_core::{Dependency, DependencyCondition::Started, Patience, ProgramSpec, StateName};

#[test]
fn a_program_is_told_when_those_that_depend_on_it_have_ended() {
    for patience in [Patience::Budget, Patience::Own] {
        let mut bench = Bench::with(vec![
            instant("db"),
            dependent("app", vec![on("db", Started)]),
            dependent("web", vec![on("app", Started)]),
            instant("other"),
        ]);
        bench.shut_down(patience);
        assert_eq!(bench.stopped(), ["web", "other"]);
        bench.exit("web", OK);
        assert_eq!(bench.stopped(), ["web", "other", "app"]);
        bench.exit("app", OK);
        assert_eq!(
            bench.stopped(),
            ["web", "other", "app", "db"],
            "other goes on"
        );
        bench.exit("other", OK);
        bench.exit("db", OK);
        assert!(bench.drained().is_some());
    }
}

#[test]
fn all_of_them_must_have_ended() {
    let mut bench = Bench::with(vec![
        instant("db"),
        dependent("a", vec![on("db", Started)]),
        dependent("b", vec![on_group("db", Started)]),
    ]);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.stopped(), ["b", "a"]);
    bench.exit("a", OK);
    assert_eq!(bench.stopped(), ["b", "a"]);
    bench.exit("b", OK);
    assert_eq!(bench.stopped(), ["b", "a", "db"]);
}

#[test]
fn a_priority_does_not_overrule_a_dependency() {
    let mut bench = Bench::with(vec![
        instant("db"),
        ProgramSpec {
            priority: 1,
            ..dependent("app", vec![on("db", Started)])
        },
        ProgramSpec {
            priority: 5,
            ..instant("middle")
        },
    ]);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.stopped(), ["middle"]);
    bench.exit("middle", OK);
    assert_eq!(bench.stopped(), ["middle", "app"]);
    bench.exit("app", OK);
    assert_eq!(bench.stopped(), ["middle", "app", "db"]);
}

#[test]
fn a_priority_does_not_overrule_a_chain_of_dependencies() {
    let chain = |name: &str, priority, whom: &str| ProgramSpec {
        priority,
        ..dependent(name, vec![on(whom, Started)])
    };
    let mut bench = Bench::with(vec![
        ProgramSpec {
            priority: 7,
            ..instant("w")
        },
        chain("x", 5, "w"),
        chain("y", 9, "x"),
        chain("z", 1, "y"),
    ]);
    bench.shut_down(Patience::Own);
    for name in ["z", "y", "x", "w"] {
        assert_eq!(bench.stopped().last().map(String::as_str), Some(name));
        bench.exit(name, OK);
    }
    assert_eq!(bench.stopped().len(), 4);
}

#[test]
fn a_start_that_fails_before_it_was_told_to_stop_is_not_repeated() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            startsecs: seconds(1),
            ..instant("db")
        },
        dependent("app", vec![on("db", Started)]),
    ]);
    bench.pass(seconds(1));
    let _ = bench.restart("db");
    bench.exit("db", OK);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.state("db"), StateName::Starting);
    bench.exit("db", BAD);
    assert_eq!(bench.state("db"), StateName::Fatal);
    bench.exit("app", OK);
    assert_eq!(bench.drained(), Some(1.0));
}

#[test]
fn members_of_a_group_obey_as_well() {
    let mut bench = Bench::new();
    let first = ProgramSpec {
        priority: 999,
        ..instant("g:db")
    };
    let second = ProgramSpec {
        priority: 1,
        ..dependent("g:app", vec![on("g:db", Started)])
    };
    bench.group("g", 1, vec![first, second]);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.stopped(), ["g:app"]);
    bench.exit("g:app", OK);
    assert_eq!(bench.stopped(), ["g:app", "g:db"]);
}

#[test]
fn who_does_not_run_is_not_waited_for() {
    let mut bench = Bench::with(vec![
        instant("db"),
        dependent("app", vec![on("db", Started)]),
    ]);
    bench.exit("app", OK);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.stopped(), ["db"]);
}

#[test]
fn who_is_in_backoff_is_given_up_when_its_priority_has_its_turn_whoever_depends_on_it() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            startsecs: seconds(1),
            ..instant("db")
        },
        dependent("app", vec![on("db", Started)]),
        ProgramSpec {
            priority: 1,
            ..dependent("low", vec![on("db", Started)])
        },
    ]);
    bench.pass(seconds(1));
    let _ = bench.restart("db");
    bench.exit("db", OK);
    bench.exit("db", OK);
    assert_eq!(bench.state("db"), StateName::Backoff);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.state("db"), StateName::Fatal);
    assert_eq!(
        bench.stopped(),
        ["db", "app"],
        "the restart, then the shutdown"
    );
}

#[test]
fn a_budget_gives_every_step_of_the_longest_chain_its_share() {
    let mut bench = Bench::with(vec![
        instant("db"),
        dependent("app", vec![on("db", Started)]),
        ProgramSpec {
            priority: 1,
            ..instant("low")
        },
    ]);
    bench.shut_down(Patience::Budget);
    bench.pass(seconds(10));
    let told = |at: f64, name: &str, number| (at, name.to_owned(), number);
    let signals = bench.signals();
    for wanted in [
        told(0.0, "app", TERM),
        told(1.25, "app", KILL),
        told(1.25, "db", TERM),
        told(2.5, "db", KILL),
        told(2.5, "low", TERM),
        told(5.0, "low", KILL),
    ] {
        assert!(signals.contains(&wanted), "{wanted:?} in {signals:?}");
    }
    assert_eq!(bench.drained(), Some(5.7));
}

#[test]
fn a_quick_end_leaves_the_time_to_the_next_step() {
    let mut bench = Bench::with(vec![
        instant("db"),
        dependent("app", vec![on("db", Started)]),
    ]);
    bench.shut_down(Patience::Budget);
    bench.exit("app", OK);
    assert_eq!(bench.stopped(), ["app", "db"]);
    bench.pass(seconds(5));
    let killed = (5.0, "db".to_owned(), KILL);
    assert_eq!(bench.signals()[2], killed);
}

#[test]
fn programs_that_depend_on_each_other_are_told_together() {
    for patience in [Patience::Budget, Patience::Own] {
        let mut bench = Bench::with(vec![instant("a"), dependent("b", vec![on("a", Started)])]);
        // Taken out and put back with a dependency that closes the circle.
        bench.exit("a", OK);
        let _ = bench.remove("a");
        let inherited = supervisor_core::Inherited::Running {
            incarnation: supervisor_core::Incarnation(9),
            started: bench.start,
            ready: true,
        };
        let a = dependent("a", vec![on("b", Started)]);
        let id = a.id.clone();
        bench.take_over("a", 999, vec![a], vec![(id, inherited)]);
        bench.shut_down(patience);
        assert_eq!(bench.stopped(), ["b", "a"]);
        bench.exit("a", OK);
        bench.exit("b", OK);
        assert!(bench.drained().is_some());
    }
}

#[test]
fn a_second_request_does_not_care_for_order() {
    let mut bench = Bench::with(vec![
        instant("db"),
        dependent("app", vec![on("db", Started)]),
    ]);
    bench.shut_down(Patience::Own);
    bench.shut_down(Patience::Own);
    for name in ["db", "app"] {
        assert!(
            bench.signals().contains(&(0.0, name.to_owned(), KILL)),
            "{name}"
        );
        bench.exit(name, KILLED);
    }
    assert_eq!(bench.drained(), Some(0.0));
}

fn dependent(name: &str, depends_on: Vec<Dependency>) -> ProgramSpec {
    ProgramSpec {
        depends_on,
        ..instant(name)
    }
}
