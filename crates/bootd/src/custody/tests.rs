use std::{io::Read as _, os::fd::OwnedFd};

use super::*;

const ROOM: Room = Room {
    runs: 3,
    descriptors: 5,
};
const RUN: &str = "1700/web:web/1";

fn ends(count: usize) -> (Ends, Vec<std::io::PipeReader>) {
    let pipes = (0..count).map(|_| std::io::pipe().unwrap());
    let (readers, writers): (Vec<_>, Vec<_>) = pipes.unzip();
    let ends = Ends {
        names: (0..count).map(|number| number.to_string()).collect(),
        descriptors: writers.into_iter().map(OwnedFd::from).collect(),
    };
    (ends, readers)
}

fn holding(runs: &[&str]) -> Custody {
    let mut custody = Custody::new(ROOM);
    for run in runs {
        custody.hold(run, ends(1).0).unwrap();
    }
    custody
}

fn orphan(pid: i32, started: u64, ending: Ending) -> Orphan {
    Orphan {
        pid,
        started: Some(started),
        ending,
    }
}

fn process(pid: i32, started: u64) -> Process {
    Process {
        pid,
        parent: 1,
        group: pid,
        session: 2,
        started,
        name: "web".to_owned(),
        is_stuck: false,
    }
}

fn endings(custody: &Custody) -> Vec<(i32, u64, Option<Ending>)> {
    let kept = custody.kept().into_iter();
    kept.map(|kept| (kept.pid, kept.started, kept.ending))
        .collect()
}

#[test]
fn a_descriptor_is_open_until_its_run_is_released() {
    let mut custody = Custody::new(ROOM);
    let (ends, mut readers) = ends(1);
    custody.hold(RUN, ends).unwrap();
    custody.bind(RUN, 5, Some(100), 101);
    let kept = custody.kept();
    assert_eq!((kept.len(), kept[0].run.as_str()), (1, RUN));
    drop(kept);
    custody.release(RUN);
    assert_eq!(readers[0].read(&mut [0]).unwrap(), 0);
    assert_eq!((custody.len(), custody.descriptors), (0, 0));
}

#[test]
fn a_run_that_is_only_announced_is_handed_to_nobody() {
    let mut custody = holding(&[RUN]);
    assert!(custody.has_announced());
    assert!(custody.kept().is_empty());
    custody.forget_announced();
    assert_eq!(custody.len(), 0);
}

#[test]
fn runs_are_handed_over_in_the_order_in_which_they_were_held() {
    let mut custody = holding(&["1/z:z/1", "1/a:a/2", "1/m:m/3"]);
    for (pid, run) in ["1/m:m/3", "1/a:a/2", "1/z:z/1"].into_iter().enumerate() {
        custody.bind(run, i32::try_from(pid).unwrap(), Some(1), 1);
    }
    let names: Vec<String> = custody.kept().into_iter().map(|kept| kept.run).collect();
    assert_eq!(names, ["1/z:z/1", "1/a:a/2", "1/m:m/3"]);
}

#[test]
fn an_end_is_kept_for_the_process_and_not_for_another_with_its_number() {
    let mut custody = holding(&[RUN]);
    custody.bind(RUN, 5, Some(100), 101);
    assert_eq!(custody.reaped(&orphan(5, 99, Ending::Code(0))), None);
    assert_eq!(custody.reaped(&orphan(6, 100, Ending::Code(0))), None);
    assert_eq!(endings(&custody), [(5, 100, None)]);
    let reaped = custody.reaped(&orphan(5, 100, Ending::Code(7)));
    assert_eq!(reaped, Some(RUN));
    assert_eq!(endings(&custody), [(5, 100, Some(Ending::Code(7)))]);
    // The number may come back.
    assert_eq!(custody.reaped(&orphan(5, 100, Ending::Code(0))), None);
}

#[test]
fn an_end_that_comes_before_the_number_is_known_is_kept_all_the_same() {
    let mut custody = holding(&[RUN]);
    // The process was reaped by bootd in the turn in which the message is read.
    custody.bind(RUN, 5, None, 101);
    assert_eq!(
        custody.reaped(&orphan(5, 100, Ending::killed(9))),
        Some(RUN)
    );
    assert_eq!(endings(&custody), [(5, 100, Some(Ending::killed(9)))]);
}

#[test]
fn a_process_that_its_dead_supervisor_has_reaped_is_said_to_have_ended() {
    let mut custody = holding(&["1/a:a/1", "1/b:b/2", "1/c:c/3"]);
    custody.bind("1/a:a/1", 5, Some(100), 101);
    custody.bind("1/b:b/2", 6, Some(100), 101);
    custody.bind("1/c:c/3", 7, None, 101);
    // The number of the second is another's by now.
    custody.miss(|pid| match pid {
        5 => Some(100),
        6 => Some(200),
        _ => None,
    });
    let expected = [
        (5, 100, None),
        (6, 100, Some(UNKNOWN)),
        (7, 101, Some(UNKNOWN)),
    ];
    assert_eq!(endings(&custody), expected);
    assert_eq!(custody.living(), ["a"]);
}

#[test]
fn of_the_processes_with_its_mark_the_oldest_is_the_program() {
    let mut custody = holding(&[RUN, "1700/other:other/2"]);
    let (child, program, stranger) = (process(9, 101), process(10, 100), process(3, 1));
    let marked = [
        (&child, RUN),
        (&program, RUN),
        (&stranger, "1699/web:web/1"),
    ];
    custody.find(marked.into_iter());
    assert_eq!(endings(&custody), [(10, 100, None)]);
    custody.forget_announced();
    assert_eq!(custody.len(), 1);
}

#[test]
fn a_process_that_was_named_is_not_looked_for() {
    let mut custody = holding(&[RUN]);
    custody.bind(RUN, 5, Some(100), 101);
    custody.find([(&process(4, 90), RUN)].into_iter());
    assert_eq!(endings(&custody), [(5, 100, None)]);
}

#[test]
fn who_holds_too_much_or_nonsense_is_refused_and_the_rest_stays() {
    let mut custody = holding(&["1/a:a/1"]);
    let (uneven, _readers) = ends(2);
    let uneven = Ends {
        names: vec!["stdout".to_owned()],
        ..uneven
    };
    let expected = Refusal::Uneven {
        ends: 1,
        descriptors: 2,
    };
    assert_eq!(custody.hold("1/b:b/2", uneven), Err(expected));
    assert_eq!(custody.hold("1/a:a/1", ends(1).0), Err(Refusal::Twice));
    custody.hold("1/c:c/3", ends(3).0).unwrap();
    let full = Err(Refusal::Full(ROOM));
    assert_eq!(custody.hold("1/d:d/4", ends(2).0), full);
    custody.hold("1/e:e/5", ends(1).0).unwrap();
    assert_eq!(custody.hold("1/f:f/6", ends(0).0), full);
    custody.release("1/c:c/3");
    custody.hold("1/d:d/4", ends(2).0).unwrap();
}

#[test]
fn kin_are_known_by_number_group_session_or_mark() {
    let mut custody = holding(&[RUN, "1700/gone:gone/2"]);
    custody.bind(RUN, 5, Some(100), 101);
    custody.bind("1700/gone:gone/2", 6, None, 101);
    let kin = custody.kin();
    let among = |group, session| Process {
        group,
        session,
        ..process(50, 100)
    };
    assert!(kin.has(&process(5, 100), None));
    assert!(kin.has(&among(5, 2), None));
    assert!(kin.has(&among(50, 5), None));
    assert!(kin.has(&process(50, 100), Some("1700/gone:gone/2")));
    assert!(!kin.has(&process(6, 100), None));
    assert!(!kin.has(&process(50, 100), Some("1700/web:web/3")));
}

#[test]
fn programs_are_called_as_people_call_them() {
    assert_eq!(program("1700/web:web/12"), "web");
    assert_eq!(program("1700/pool:web_01/12"), "pool:web_01");
    assert_eq!(program("1/marked/1"), "marked");
    assert_eq!(program("nonsense"), "nonsense");
}
