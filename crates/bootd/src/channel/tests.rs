use std::os::fd::OwnedFd;

use serde_json::{Value, json};

use super::*;
use crate::custody::{Custody, Room};

/// The supervisor's end.
struct Theirs(OwnedFd);

impl Theirs {
    fn say(&self, text: &str) {
        system::send(self.0.as_fd(), text.as_bytes(), &[]).unwrap();
    }

    fn hear(&self) -> Option<(Value, Vec<OwnedFd>)> {
        let packet = system::receive(self.0.as_fd(), LONGEST).ok()?;
        let said = serde_json::from_slice(&packet.bytes).unwrap();
        Some((said, packet.descriptors))
    }
}

fn open() -> (Channel, Theirs) {
    let (ours, theirs) = Channel::open().unwrap();
    (ours, Theirs(theirs))
}

fn kept(runs: usize) -> Vec<Kept> {
    let mut custody = Custody::new(Room {
        runs,
        descriptors: runs,
    });
    for number in 0..runs {
        let (_, writer) = io::pipe().unwrap();
        let ends = Ends {
            names: vec!["stdout".to_owned()],
            descriptors: vec![writer.into()],
        };
        let run = format!("1/web:web/{number}");
        custody.hold(&run, ends).unwrap();
        custody.bind(&run, 5, Some(100), 101);
    }
    custody.kept()
}

#[test]
fn every_message_of_a_supervisor_is_understood() {
    let (ours, theirs) = open();
    assert!(ours.take().is_none());
    let run = "1/web:web/1".to_owned();
    let messages = [
        (
            json!({"hello": {"pid": 5, "epoch": 77, "version": 2}}),
            Said::Hello {
                epoch: 77,
                version: 2,
            },
        ),
        (
            json!({"hello": {"pid": 5, "epoch": 77}}),
            Said::Hello {
                epoch: 77,
                version: 1,
            },
        ),
        (
            json!({"bind": {"run": run, "pid": 9}}),
            Said::Bind {
                run: run.clone(),
                pid: 9,
            },
        ),
        (json!({"release": {"run": run}}), Said::Release { run }),
        (
            json!({"end": {"code": 3, "reason": "web is FATAL"}}),
            Said::End {
                code: 3,
                reason: "web is FATAL".to_owned(),
            },
        ),
    ];
    for (text, expected) in messages {
        theirs.say(&text.to_string());
        match ours.take() {
            Some(Event::Said(said, _)) => assert_eq!(said, expected),
            other => panic!("{other:?} for {text}"),
        }
    }
}

#[test]
fn the_ends_of_a_program_come_with_their_names() {
    let (ours, theirs) = open();
    let (_, writer) = io::pipe().unwrap();
    let text = json!({"hold": {"run": "1/web:web/1", "ends": ["stdout"]}}).to_string();
    system::send(theirs.0.as_fd(), text.as_bytes(), &[writer.into()]).unwrap();
    let Some(Event::Said(Said::Hold { run, ends }, descriptors)) = ours.take() else {
        panic!("a hold was sent");
    };
    assert_eq!(
        (run.as_str(), ends.len(), descriptors.len()),
        ("1/web:web/1", 1, 1)
    );
}

#[test]
fn what_is_held_comes_before_the_welcome_and_ends_after_it() {
    let (mut ours, theirs) = open();
    let mut kept = kept(2);
    kept[1].ending = Some(Ending::Signal {
        number: 11,
        dumped: true,
    });
    ours.welcome(9, &kept);
    ours.say_exited("1/web:web/0", 5, Ending::Code(7));
    let heard: Vec<_> = std::iter::from_fn(|| theirs.hear()).collect();
    let held = |number: usize, exit: Value| {
        json!({"held": {
            "run": format!("1/web:web/{number}"), "pid": 5, "started": 100,
            "ends": ["stdout"], "exit": exit,
        }})
    };
    let expected = [
        (held(0, Value::Null), 1),
        (held(1, json!({"signal": 11, "dumped": true})), 1),
        (json!({"welcome": {"epoch": 9, "held": 2}}), 0),
        (
            json!({"exited": {"run": "1/web:web/0", "pid": 5, "exit": {"code": 7}}}),
            0,
        ),
    ];
    for ((said, descriptors), expected) in heard.iter().zip(&expected) {
        assert_eq!((said, descriptors.len()), (&expected.0, expected.1));
    }
    assert_eq!(heard.len(), expected.len());
}

#[test]
fn a_supervisor_that_does_not_read_is_not_waited_for_and_gets_everything_later() {
    let (mut ours, theirs) = open();
    let kept = kept(1000);
    ours.welcome(9, &kept);
    assert!(ours.has_mail());
    let mut held = 0;
    loop {
        match theirs.hear() {
            Some((said, _)) if said.get("held").is_some() => held += 1,
            Some((said, _)) => {
                assert_eq!(said["welcome"]["held"], 1000);
                break;
            }
            None => ours.flush(),
        }
    }
    assert_eq!((held, ours.has_mail()), (1000, false));
}

#[test]
fn nonsense_is_refused_and_an_end_is_seen() {
    let (ours, theirs) = open();
    let long = "x".repeat(LONGEST + 1);
    for text in [
        "nonsense",
        r#"{"what":{}}"#,
        r#"{"end":{"code":256}}"#,
        &long,
    ] {
        theirs.say(text);
        assert!(matches!(ours.take(), Some(Event::Refused(_))), "{text:.20}");
    }
    theirs.say(r#"{"release":{"run":"r"}}"#);
    assert!(matches!(ours.take(), Some(Event::Said(..))));
    drop(theirs);
    assert!(matches!(ours.take(), Some(Event::Closed)));
}

#[test]
fn what_was_said_before_a_death_is_read_even_if_our_answer_was_not() {
    let (mut ours, theirs) = open();
    ours.welcome(9, &[]);
    theirs.say(r#"{"release":{"run":"r"}}"#);
    drop(theirs);
    assert!(matches!(
        ours.take(),
        Some(Event::Said(Said::Release { .. }, _))
    ));
    assert!(matches!(ours.take(), Some(Event::Closed)));
}

#[test]
fn mail_for_a_supervisor_that_is_gone_is_thrown_away() {
    let (mut ours, theirs) = open();
    drop(theirs);
    ours.welcome(9, &kept(1));
    assert!(!ours.has_mail());
}
