//! Everything is stopped.

use crate::support::{
    BAD, Bench, KILL, KILLED, OK, TERM, id, instant, millis, on, program, seconds,
};
use supervisor_core::{
    Admission, Announcement, Autorestart, Command, Deny, DependencyCondition, Incarnation,
    Inherited, Mood, Patience, Probed, ProgramSpec, Resting, StateName,
};

#[test]
fn a_shutdown_stops_equal_priorities_together_and_the_highest_first() {
    for patience in [Patience::Budget, Patience::Own] {
        let mut bench = Bench::with(vec![at("low", 1), at("high", 9), at("peer", 9)]);
        bench.shut_down(patience);
        assert_eq!(bench.core.view().mood, Mood::ShuttingDown);
        assert_eq!(bench.stopped(), ["peer", "high"]);
        bench.exit("high", OK);
        assert_eq!(bench.stopped(), ["peer", "high"]);
        bench.exit("peer", OK);
        assert_eq!(bench.stopped(), ["peer", "high", "low"]);
        assert_eq!(bench.drained(), None);
        bench.exit("low", OK);
        assert_eq!(bench.drained(), Some(0.0));
    }
}

#[test]
fn members_stop_by_descending_priority_and_from_the_last_to_the_first() {
    let mut bench = Bench::new();
    let members = vec![at("g:c", 5), at("g:a", 9), at("g:b", 5), at("g:d", 1)];
    bench.group("g", 1, members);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.stopped(), ["g:a", "g:b", "g:c", "g:d"]);
}

#[test]
fn with_a_budget_what_is_left_after_five_seconds_is_killed_and_not_waited_for_for_ever() {
    let mut bench = Bench::with(vec![instant("a"), instant("b")]);
    bench.shut_down(Patience::Budget);
    bench.exit("b", OK);
    bench.pass(seconds(5));
    assert!(bench.signals().contains(&(5.0, "a".to_owned(), KILL)));
    bench.pass(seconds(2));
    assert_eq!(bench.drained(), Some(5.7));
    assert!(
        bench
            .told()
            .contains(&Announcement::Abandoned(vec![id("a")]))
    );
}

#[test]
fn with_a_budget_a_stubborn_priority_leaves_time_for_the_ones_below_it() {
    let mut bench = Bench::with(vec![at("low", 1), at("stubborn", 9)]);
    bench.shut_down(Patience::Budget);
    bench.pass(seconds(3));
    let signals = bench.signals();
    let low = (2.5, "low".to_owned(), TERM);
    assert!(signals.contains(&low), "{signals:?}");
    let stubborn = (2.5, "stubborn".to_owned(), KILL);
    assert!(signals.contains(&stubborn), "{signals:?}");
}

#[test]
fn with_a_budget_shorter_patience_stays_short() {
    let mut bench = Bench::with(vec![ProgramSpec {
        stop_wait: seconds(2),
        ..instant("a")
    }]);
    bench.shut_down(Patience::Budget);
    bench.pass(seconds(2));
    assert!(bench.signals().contains(&(2.0, "a".to_owned(), KILL)));
}

#[test]
fn by_the_original_rule_every_program_has_its_own_time_and_the_next_priority_waits() {
    let mut bench = Bench::with(vec![
        at("low", 1),
        ProgramSpec {
            stop_wait: seconds(60),
            ..at("slow", 9)
        },
        at("stubborn", 9),
    ]);
    bench.shut_down(Patience::Own);
    bench.pass(seconds(59));
    let signals = bench.signals();
    let told = |at: f64, name: &str, number| (at, name.to_owned(), number);
    assert_eq!(
        signals[..2],
        [told(0.0, "stubborn", TERM), told(0.0, "slow", TERM)]
    );
    assert!(
        signals[2..]
            .iter()
            .all(|(_, name, n)| name == "stubborn" && *n == KILL)
    );
    bench.exit("stubborn", KILLED);
    bench.pass(seconds(30));
    assert!(bench.signals().contains(&told(60.0, "slow", KILL)));
    bench.exit("slow", KILLED);
    assert!(bench.signals().contains(&told(89.0, "low", TERM)));
    assert_eq!(bench.drained(), None);
    bench.exit("low", OK);
    assert_eq!(bench.drained(), Some(89.0));
}

#[test]
fn by_the_original_rule_what_cannot_be_killed_is_waited_for_for_ever() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.shut_down(Patience::Own);
    bench.pass(seconds(1000));
    assert_eq!(bench.drained(), None);
    assert_eq!(bench.signals().len(), 101);
}

#[test]
fn a_second_request_to_shut_down_kills_what_is_left_at_once() {
    for patience in [Patience::Budget, Patience::Own] {
        let mut bench = Bench::with(vec![at("low", 1), at("high", 9)]);
        bench.shut_down(patience);
        bench.pass(seconds(1));
        bench.shut_down(patience);
        for name in ["low", "high"] {
            assert!(
                bench.signals().contains(&(1.0, name.to_owned(), KILL)),
                "{name}"
            );
        }
        bench.exit("low", KILLED);
        bench.exit("high", KILLED);
        assert_eq!(bench.drained(), Some(1.0));
    }
}

#[test]
fn after_a_second_request_nothing_is_waited_for_for_ever() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.shut_down(Patience::Own);
    bench.pass(seconds(1));
    bench.shut_down(Patience::Own);
    bench.pass(seconds(10));
    assert_eq!(bench.drained(), Some(1.7));
}

#[test]
fn nothing_starts_any_more_once_a_shutdown_has_begun() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            autorestart: Autorestart::Always,
            ..at("a", 1)
        },
        program("b"),
        instant("c"),
    ]);
    bench.exit("b", BAD);
    bench.pass(millis(500));
    bench.shut_down(Patience::Budget);
    assert_eq!(bench.state("b"), StateName::Fatal);
    bench.exit("a", BAD);
    assert_eq!(bench.state("a"), StateName::Exited);
    bench.exit("c", OK);
    bench.pass(seconds(30));
    assert_eq!(bench.spawned().len(), 3);
    assert!(bench.drained().is_some());
    let group = supervisor_core::GroupSpec {
        name: "new".into(),
        priority: 1,
        programs: Vec::new(),
    };
    for command in [
        Command::Start(id("a")),
        Command::Stop(id("a")),
        Command::Restart(id("a")),
        Command::RemoveGroup("a".into()),
        Command::AddGroup {
            spec: group,
            inherited: Vec::new(),
        },
    ] {
        let denied = Admission::Denied(Deny::ShuttingDown);
        assert_eq!(bench.command(command), denied);
    }
}

#[test]
fn nothing_starts_because_another_does_not_wait_any_more() {
    let mut bench = Bench::new();
    let waiting = |name: &str, whom: &str, condition| ProgramSpec {
        depends_on: vec![on(whom, condition)],
        ..instant(name)
    };
    let a = waiting("a", "absent", DependencyCondition::Started);
    let rests = Inherited::Resting {
        state: Resting::Exited(OK, true),
        incarnation: Incarnation(1),
    };
    bench.take_over("a", 999, vec![a], vec![(id("a"), rests)]);
    let _ = bench.begin("a");
    bench.add(waiting("b", "a", DependencyCondition::ExitedZero));
    assert_eq!(bench.state("b"), StateName::Waiting);
    bench.shut_down(Patience::Own);
    assert_eq!(bench.state("a"), StateName::Stopped);
    assert_eq!(bench.state("b"), StateName::Stopped);
    assert!(bench.spawned().is_empty());
}

#[test]
fn what_was_to_start_again_does_not() {
    let mut bench = Bench::with(vec![instant("a"), instant("b"), at("c", 1)]);
    bench.exit("a", BAD);
    assert!(bench.view("a").restart_at.is_some());
    let _ = bench.restart("b");
    let _ = bench.unalive("c");
    bench.shut_down(Patience::Own);
    assert_eq!(bench.view("a").restart_at, None);
    bench.exit("b", OK);
    bench.exit("c", OK);
    assert_eq!(bench.state("b"), StateName::Stopped);
    assert_eq!(bench.state("c"), StateName::Stopped);
    bench.pass(seconds(60));
    assert_eq!(bench.spawned().len(), 3);
}

#[test]
fn readiness_does_not_matter_any_more() {
    let mut bench = Bench::with(vec![
        ProgramSpec {
            probed: Probed::Yes,
            ready_within: Some(seconds(5)),
            ..at("low", 1)
        },
        at("high", 9),
    ]);
    bench.shut_down(Patience::Own);
    bench.pass(seconds(8));
    assert_eq!(bench.state("low"), StateName::Running, "it is not its turn");
    assert_eq!(bench.stopped(), ["high"]);
}

#[test]
fn a_program_in_backoff_is_given_up_when_it_is_its_turn() {
    let low = |name| ProgramSpec {
        priority: 1,
        ..program(name)
    };
    let mut bench = Bench::with(vec![low("before"), low("during"), instant("high")]);
    bench.exit("before", BAD);
    bench.shut_down(Patience::Own);
    bench.exit("during", BAD);
    bench.pass(seconds(10));
    assert_eq!(bench.state("before"), StateName::Backoff);
    assert_eq!(bench.state("during"), StateName::Backoff);
    bench.exit("high", OK);
    assert_eq!(bench.state("before"), StateName::Fatal);
    assert_eq!(bench.state("during"), StateName::Fatal);
    let gave_up = |told: &Announcement| matches!(told, Announcement::GaveUp(_));
    assert!(
        !bench.told().iter().any(gave_up),
        "it was not for its failures"
    );
    assert!(bench.drained().is_some());
}

#[test]
fn a_signal_may_still_be_sent() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.shut_down(Patience::Own);
    let signal = Command::Signal(id("a"), 1);
    assert_eq!(bench.command(signal), Admission::Accepted);
}

#[test]
fn what_it_waits_for_is_told_every_three_seconds() {
    let mut bench = Bench::with(vec![instant("a"), instant("b")]);
    bench.shut_down(Patience::Own);
    bench.pass(seconds(1));
    bench.exit("a", OK);
    bench.pass(seconds(6));
    let told = bench.told().into_iter();
    let waiting: Vec<_> = told
        .filter(|told| matches!(told, Announcement::WaitingFor(_)))
        .collect();
    let both = Announcement::WaitingFor(vec![id("a"), id("b")]);
    let b = Announcement::WaitingFor(vec![id("b")]);
    assert_eq!(waiting, [both, b.clone(), b]);
}

#[test]
fn nothing_to_stop_is_over_at_once() {
    for patience in [Patience::Budget, Patience::Own] {
        let mut bench = Bench::new();
        bench.shut_down(patience);
        assert_eq!(bench.drained(), Some(0.0));
        assert_eq!(bench.core.poll_timeout(), None);
        bench.shut_down(patience);
        let drained = supervisor_core::Effect::Drained;
        let times = bench.log.iter().filter(|(_, effect)| *effect == drained);
        assert_eq!(times.count(), 1);
    }
}

fn at(name: &str, priority: i64) -> ProgramSpec {
    ProgramSpec {
        priority,
        ..instant(name)
    }
}
