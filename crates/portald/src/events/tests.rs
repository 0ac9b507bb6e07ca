//! Stories of restarts and failures, and what the page tells of them.

use super::*;
use crate::neighbours::{ConfigProblem, Exit, Proxy, SupervisorLink};

fn told(history: &History) -> Vec<String> {
    let mut told: Vec<String> = history
        .newest()
        .map(|event| format!("{}: {}", event.subject, event.text))
        .collect();
    told.reverse();
    told
}

fn program(name: &str, state: ProgramState, incarnation: u64) -> Program {
    Program {
        name: name.to_owned(),
        group: name.to_owned(),
        state,
        incarnation,
        ..Program::default()
    }
}

fn supervisor(epoch: u64, programs: &[Program]) -> Said {
    Said::Supervisor(Supervisor {
        epoch,
        programs: programs.to_vec(),
        ..Supervisor::default()
    })
}

const KILLED: Exit = Exit {
    code: None,
    signal: Some(9),
    expected: false,
};

#[test]
fn a_killed_program_is_told_with_its_signal() {
    let mut history = History::default();
    let mut web = program("web", ProgramState::Running, 1);
    history.said(Daemon::Supervisord, &supervisor(5, &[web.clone()]), 1);
    web.incarnation = 2;
    web.restarts = 1;
    web.last_exit = Some(KILLED);
    history.said(Daemon::Supervisord, &supervisor(5, &[web]), 2);
    assert_eq!(
        told(&history),
        ["web: killed by SIGKILL; supervisord started it again"]
    );
}

#[test]
fn a_restart_that_somebody_asked_for_is_a_note() {
    let mut history = History::default();
    for (state, incarnation) in [
        (ProgramState::Running, 1),
        (ProgramState::Stopping, 1),
        (ProgramState::Stopped, 1),
        (ProgramState::Starting, 2),
        (ProgramState::Running, 2),
    ] {
        let said = supervisor(5, &[program("web", state, incarnation)]);
        history.said(Daemon::Supervisord, &said, 1);
    }
    assert_eq!(told(&history), ["web: was stopped", "web: was started"]);
}

#[test]
fn a_neighbour_that_comes_back_as_another_process_is_told() {
    let mut history = History::default();
    let proxy = |epoch| {
        Said::Proxy(Proxy {
            epoch,
            ..Proxy::default()
        })
    };
    history.lost(Daemon::Proxyd, "not running", 1);
    history.said(Daemon::Proxyd, &proxy(7), 2);
    assert!(told(&history).is_empty(), "a first appearance is no news");
    history.lost(Daemon::Proxyd, "not running", 3);
    history.lost(Daemon::Proxyd, "not running", 4);
    history.said(Daemon::Proxyd, &proxy(8), 5);
    history.lost(Daemon::Proxyd, "it closed the stream", 6);
    history.said(Daemon::Proxyd, &proxy(8), 7);
    assert_eq!(
        told(&history),
        [
            "proxyd: does not answer: not running",
            "proxyd: answers again; it was restarted and is another process than before",
            "proxyd: does not answer: it closed the stream",
            "proxyd: answers again",
        ]
    );
}

#[test]
fn the_supervisors_death_is_told_by_bootd_with_the_reason() {
    let mut history = History::default();
    let mut boot = Boot {
        epoch: 3,
        ..Boot::default()
    };
    history.said(Daemon::Bootd, &Said::Boot(boot.clone()), 1);
    boot.supervisor = SupervisorLink {
        restarts: 1,
        last_exit: "killed by SIGKILL".to_owned(),
        leftovers_stopped: vec!["jupyter".to_owned()],
        ..SupervisorLink::default()
    };
    history.said(Daemon::Bootd, &Said::Boot(boot.clone()), 2);
    history.said(Daemon::Bootd, &Said::Boot(boot), 3);
    assert_eq!(
        told(&history),
        [
            "supervisord: bootd started it again: killed by SIGKILL; leftover programs were ended first: jupyter"
        ]
    );
}

#[test]
fn programs_of_another_supervisor_are_not_compared() {
    let mut history = History::default();
    let web = program("web", ProgramState::Running, 9);
    history.said(Daemon::Supervisord, &supervisor(5, &[web]), 1);
    let web = program("web", ProgramState::Starting, 1);
    history.said(Daemon::Supervisord, &supervisor(6, &[web]), 2);
    assert_eq!(
        told(&history),
        ["supervisord: answers again; it was restarted and is another process than before"]
    );
}

#[test]
fn a_program_that_cannot_start_is_told_once() {
    let mut history = History::default();
    let mut bad = program("bad", ProgramState::Fatal, 1);
    bad.spawn_error = "can't find command '/no/such'".to_owned();
    for _ in 0..3 {
        let said = supervisor(5, &[bad.clone()]);
        history.said(Daemon::Supervisord, &said, 1);
    }
    assert_eq!(
        told(&history),
        ["bad: could not be started: can't find command '/no/such'"]
    );
}

#[test]
fn refused_input_is_told_once_and_again_when_it_returns() {
    let mut history = History::default();
    let said = |problems: &[&str]| {
        Said::Supervisor(Supervisor {
            epoch: 5,
            problems: problems
                .iter()
                .map(|text| ConfigProblem {
                    file: "/etc/supervisor/conf.d/x.conf".to_owned(),
                    line: 3,
                    section: String::new(),
                    text: (*text).to_owned(),
                })
                .collect(),
            ..Supervisor::default()
        })
    };
    for problems in [&["a"][..], &["a"], &["a", "b"], &[], &["a"]] {
        history.said(Daemon::Supervisord, &said(problems), 1);
    }
    assert_eq!(
        told(&history),
        ["x.conf:3: a", "x.conf:3: b", "x.conf:3: a"]
    );
}

#[test]
fn the_own_death_is_seen_after_the_restart() {
    let mut history = History::default();
    let mut portal = program("instance_portal", ProgramState::Running, 1);
    history.said(Daemon::Supervisord, &supervisor(5, &[portal.clone()]), 1);
    let text = serde_json::to_string(&history).unwrap();
    let mut history: History = serde_json::from_str(&text).unwrap();
    portal.incarnation = 2;
    portal.restarts = 1;
    portal.last_exit = Some(KILLED);
    history.said(Daemon::Supervisord, &supervisor(5, &[portal]), 2);
    assert_eq!(
        told(&history),
        ["instance_portal: killed by SIGKILL; supervisord started it again"]
    );
}

#[test]
fn the_history_is_bounded() {
    let mut history = History::default();
    for number in 0..KEPT + 50 {
        history.note(1, Severity::Info, &number.to_string(), &"é".repeat(10_000));
    }
    assert_eq!(history.newest().count(), KEPT);
    let newest = history.newest().next().unwrap();
    assert_eq!(newest.subject, (KEPT + 49).to_string());
    assert!(newest.text.chars().count() <= LONGEST + 1);
}
