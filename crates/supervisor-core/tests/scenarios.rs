//! Stories of the state machine in virtual time.

use std::time::Duration;

use crate::support::{Bench, KILL, KILLED, Spawning, TERM, id, program, seconds};
use supervisor_core::{
    Admission, Announcement, Autorestart, Command, Deny, Effect, Exit, GroupSpec, Input, Mood,
    Patience, Probed, ProgramId, ProgramSpec, Readiness, StateName,
};

#[test]
fn a_program_counts_as_running_after_startsecs() {
    let mut bench = Bench::with(vec![program("a")]);
    assert_eq!(bench.state("a"), StateName::Starting);
    bench.pass(Duration::from_millis(999));
    assert_eq!(bench.state("a"), StateName::Starting);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn with_startsecs_zero_it_runs_at_once() {
    let bench = Bench::with(vec![instant("a")]);
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn failed_starts_are_repeated_after_one_two_and_three_seconds_and_then_given_up() {
    let mut bench = Bench::with(vec![program("a")]);
    for attempt in 1..=4 {
        assert_eq!(bench.state("a"), StateName::Starting, "attempt {attempt}");
        bench.exit("a", Exit::Code(0));
        bench.pass(seconds(attempt));
    }
    assert_eq!(bench.state("a"), StateName::Fatal);
    assert!(bench.announced(|told| *told == Announcement::GaveUp(id("a"))));
    let view = bench.view("a");
    assert!(view.spawn_error.unwrap().starts_with("Exited too quickly"));
    assert_eq!(view.restarts, 3);
}

#[test]
fn the_pauses_between_attempts_grow_by_a_second() {
    let mut bench = Bench::new();
    bench.spawning = Spawning::Fails;
    add(&mut bench, program("a"));
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a"), vec![0.0, 1.0, 3.0, 6.0]);
    assert_eq!(bench.view("a").spawn_error.as_deref(), Some("no such file"));
}

#[test]
fn a_killed_program_that_lived_a_second_is_back_at_once() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.pass(seconds(5));
    bench.exit("a", KILLED);
    assert_eq!(bench.spawns("a"), vec![0.0, 5.0]);
    assert_eq!(bench.state("a"), StateName::Starting);
}

#[test]
fn a_crash_loop_starts_once_a_second_and_no_faster() {
    let mut crasher = instant("a");
    crasher.autorestart = Autorestart::Always;
    let mut bench = Bench::with(vec![crasher]);
    for _ in 0..5 {
        bench.exit("a", Exit::Code(1));
        assert_eq!(bench.state("a"), StateName::Exited);
        bench.pass(seconds(1));
    }
    assert_eq!(bench.spawns("a"), vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn an_expected_exit_is_the_end_of_it() {
    let mut bench = Bench::with(vec![instant("a")]);
    bench.exit("a", Exit::Code(0));
    bench.pass(seconds(60));
    assert_eq!(bench.state("a"), StateName::Exited);
    assert_eq!(bench.spawns("a").len(), 1);
    assert_eq!(bench.view("a").last_exit, Some((Exit::Code(0), true)));
}

#[test]
fn a_program_that_ignores_its_stop_signal_is_killed_after_stopwaitsecs_again_and_again() {
    let mut bench = Bench::with(vec![instant("a")]);
    assert_eq!(bench.command(Command::Stop(id("a"))), Admission::Accepted);
    bench.pass(seconds(25));
    let told = |at: f64, number| (at, "a".to_owned(), number);
    let expected = vec![told(0.0, TERM), told(10.0, KILL), told(20.0, KILL)];
    assert_eq!(bench.signals(), expected);
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Stopped);
}

#[test]
fn commands_that_make_no_sense_are_denied_with_the_reason() {
    let mut bench = Bench::with(vec![instant("a")]);
    let denied = Admission::Denied;
    assert_eq!(
        bench.command(Command::Start(id("a"))),
        denied(Deny::AlreadyStarted)
    );
    assert_eq!(
        bench.command(Command::Start(id("x"))),
        denied(Deny::NoSuchProgram)
    );
    let _ = bench.command(Command::Stop(id("a")));
    assert_eq!(
        bench.command(Command::Stop(id("a"))),
        denied(Deny::NotRunning)
    );
    assert_eq!(
        bench.command(Command::Start(id("a"))),
        denied(Deny::Stopping)
    );
    bench.exit("a", Exit::Code(0));
    assert_eq!(
        bench.command(Command::Signal(id("a"), 1)),
        denied(Deny::NotRunning)
    );
    let again = GroupSpec {
        name: "a".into(),
        priority: 1,
        programs: Vec::new(),
    };
    assert_eq!(
        bench.command(Command::AddGroup {
            spec: again,
            inherited: Vec::new(),
        }),
        denied(Deny::AlreadyAdded)
    );
}

#[test]
fn stopping_a_program_in_backoff_takes_effect_at_once() {
    let mut bench = Bench::with(vec![program("a")]);
    bench.exit("a", Exit::Code(1));
    assert_eq!(bench.state("a"), StateName::Backoff);
    assert_eq!(bench.command(Command::Stop(id("a"))), Admission::Accepted);
    assert_eq!(bench.state("a"), StateName::Stopped);
    bench.pass(seconds(60));
    assert_eq!(bench.spawns("a").len(), 1);
}

#[test]
fn a_restart_starts_again_when_the_old_run_has_ended() {
    let mut bench = Bench::with(vec![instant("a")]);
    assert_eq!(
        bench.command(Command::Restart(id("a"))),
        Admission::Accepted
    );
    assert_eq!(bench.state("a"), StateName::Stopping);
    bench.exit("a", Exit::Code(0));
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.view("a").restarts, 0, "somebody asked for it");
}

#[test]
fn facts_about_an_earlier_run_are_dropped() {
    let mut bench = Bench::with(vec![instant("a")]);
    let first = bench.run("a");
    bench.pass(seconds(2));
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Running);
    let late = Input::Exited {
        run: first,
        exit: Exit::Code(7),
    };
    assert_eq!(bench.input(late), Admission::Ignored);
    assert_eq!(bench.state("a"), StateName::Running);
}

#[test]
fn ready_is_not_running_and_ends_with_the_run() {
    let mut probed = instant("a");
    probed.probed = Probed::Yes;
    let mut bench = Bench::with(vec![probed]);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
    let run = bench.run("a");
    let _ = bench.input(Input::BecameReady(run.clone()));
    assert_eq!(bench.view("a").readiness, Readiness::Ready);
    bench.pass(seconds(2));
    bench.exit("a", KILLED);
    assert_eq!(bench.state("a"), StateName::Running);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
    assert_eq!(bench.input(Input::BecameReady(run)), Admission::Ignored);
    assert_eq!(bench.view("a").readiness, Readiness::NotReady);
}

#[test]
fn a_group_can_be_removed_only_when_all_of_it_has_stopped_and_runs_are_never_named_twice() {
    let mut bench = Bench::with(vec![instant("a")]);
    let remove = || Command::RemoveGroup("a".into());
    assert_eq!(
        bench.command(remove()),
        Admission::Denied(Deny::StillRunning)
    );
    let _ = bench.command(Command::Stop(id("a")));
    bench.exit("a", Exit::Code(0));
    assert_eq!(bench.command(remove()), Admission::Accepted);
    assert!(bench.core.view().programs.is_empty());
    add(&mut bench, instant("a"));
    assert_eq!(bench.view("a").incarnation.0, 2);
}

#[test]
fn members_start_in_the_order_of_their_list_whatever_their_priority() {
    let mut bench = Bench::new();
    let member = |name: &str, priority| ProgramSpec {
        id: ProgramId::new("g", name),
        priority,
        ..instant(name)
    };
    let group = GroupSpec {
        name: "g".into(),
        priority: 1,
        programs: vec![member("z", 5), member("b", 9), member("a", 1)],
    };
    let _ = bench.command(Command::AddGroup {
        spec: group,
        inherited: Vec::new(),
    });
    let spawned: Vec<_> = bench
        .log
        .iter()
        .filter_map(|(_, effect)| {
            let Effect::Spawn(run) = effect else {
                return None;
            };
            Some(run.program.name.to_string())
        })
        .collect();
    assert_eq!(spawned, vec!["z", "b", "a"]);
}

#[test]
fn a_refused_program_is_fatal_with_its_reason_and_cannot_start() {
    let mut refused = program("a");
    refused.refused = Some("x.conf:3: startsecs".to_owned());
    let mut bench = Bench::with(vec![refused]);
    assert_eq!(bench.state("a"), StateName::Fatal);
    assert_eq!(
        bench.view("a").spawn_error.as_deref(),
        Some("x.conf:3: startsecs")
    );
    let denied = Admission::Denied(Deny::Refused);
    assert_eq!(bench.command(Command::Start(id("a"))), denied);
    assert!(bench.spawns("a").is_empty());
}

#[test]
fn a_shutdown_stops_equal_priorities_together_and_the_highest_first() {
    let at = |name: &str, priority| ProgramSpec {
        priority,
        ..instant(name)
    };
    let mut bench = Bench::with(vec![at("low", 1), at("high", 9), at("peer", 9)]);
    assert_eq!(
        bench.command(Command::Shutdown(Patience::Budget)),
        Admission::Accepted
    );
    assert_eq!(bench.core.view().mood, Mood::ShuttingDown);
    let named = |bench: &Bench| -> Vec<String> {
        bench
            .signals()
            .into_iter()
            .map(|(_, name, _)| name)
            .collect()
    };
    assert_eq!(named(&bench), vec!["peer", "high"]);
    bench.exit("high", Exit::Code(0));
    assert_eq!(named(&bench), vec!["peer", "high"]);
    bench.exit("peer", Exit::Code(0));
    assert_eq!(named(&bench), vec!["peer", "high", "low"]);
    assert_eq!(bench.drained(), None);
    bench.exit("low", Exit::Code(0));
    assert_eq!(bench.drained(), Some(0.0));
}

#[test]
fn a_shutdown_kills_what_is_left_after_five_seconds_and_does_not_wait_for_ever() {
    let mut bench = Bench::with(vec![instant("a"), instant("b")]);
    let _ = bench.command(Command::Shutdown(Patience::Budget));
    bench.exit("b", Exit::Code(0));
    bench.pass(seconds(5));
    assert!(bench.signals().contains(&(5.0, "a".to_owned(), KILL)));
    bench.pass(seconds(2));
    let drained = bench.drained().unwrap();
    assert!((5.0..6.0).contains(&drained), "{drained}");
    assert!(bench.announced(|told| *told == Announcement::Abandoned(vec![id("a")])));
}

#[test]
fn a_stubborn_priority_leaves_time_for_the_ones_below_it() {
    let at = |name: &str, priority| ProgramSpec {
        priority,
        ..instant(name)
    };
    let mut bench = Bench::with(vec![at("low", 1), at("stubborn", 9)]);
    let _ = bench.command(Command::Shutdown(Patience::Budget));
    bench.pass(seconds(3));
    let signals = bench.signals();
    assert!(
        signals.contains(&(2.5, "low".to_owned(), TERM)),
        "{signals:?}"
    );
    assert!(
        signals.contains(&(2.5, "stubborn".to_owned(), KILL)),
        "{signals:?}"
    );
}

#[test]
fn a_second_request_to_shut_down_kills_at_once() {
    let mut bench = Bench::with(vec![instant("a")]);
    let _ = bench.command(Command::Shutdown(Patience::Budget));
    bench.pass(seconds(1));
    let _ = bench.command(Command::Shutdown(Patience::Budget));
    assert!(bench.signals().contains(&(1.0, "a".to_owned(), KILL)));
    bench.exit("a", KILLED);
    assert_eq!(bench.drained(), Some(1.0));
}

#[test]
fn nothing_starts_any_more_once_a_shutdown_has_begun() {
    let mut crasher = instant("a");
    crasher.autorestart = Autorestart::Always;
    crasher.priority = 1;
    let mut bench = Bench::with(vec![crasher, program("b"), instant("c")]);
    bench.exit("b", Exit::Code(1));
    bench.pass(Duration::from_millis(500));
    let _ = bench.command(Command::Shutdown(Patience::Budget));
    assert_eq!(bench.state("b"), StateName::Fatal);
    bench.exit("a", Exit::Code(1));
    bench.exit("c", Exit::Code(0));
    bench.pass(seconds(30));
    assert_eq!(bench.spawns("a").len() + bench.spawns("b").len(), 2);
    assert!(bench.drained().is_some());
    let denied = Admission::Denied(Deny::ShuttingDown);
    assert_eq!(bench.command(Command::Start(id("a"))), denied);
}

fn instant(name: &str) -> ProgramSpec {
    ProgramSpec {
        startsecs: Duration::ZERO,
        ..program(name)
    }
}

fn add(bench: &mut Bench, program: ProgramSpec) {
    let group = GroupSpec {
        name: program.id.group.clone(),
        priority: program.priority,
        programs: vec![program],
    };
    assert_eq!(
        bench.command(Command::AddGroup {
            spec: group,
            inherited: Vec::new(),
        }),
        Admission::Accepted
    );
}
