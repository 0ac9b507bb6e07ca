use std::{
    io::Read as _,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
};

use nix::unistd::getpid;
use serde_json::{Value, json};

use super::{clearing::SLOW_HELLO, *};
use crate::{
    facts::{self, Facts},
    options::Options,
    plan::plan,
    system::{program, receive, send, started},
};

/// A keeper whose supervisor is the test itself. It cannot start another one.
struct Bench {
    keeper: Keeper,
    board: Board,
    now: Instant,
    theirs: Option<OwnedFd>,
}

const RUN: &str = "1/web:web/1";
/// No process can have this number.
const NOBODY: i32 = i32::MAX;

impl Bench {
    fn new() -> Self {
        let facts = Facts {
            environment: Variables::new(),
            options: Options::default(),
            is_init: true,
            is_root: true,
            scripts: None,
            launch: facts::Launch::Entrypoint,
        };
        let now = Instant::now();
        let board = Board::new(&plan(&facts, Path::new("/boot.d")), now);
        let mut bench = Self {
            keeper: Keeper::new(Vec::new(), board.clone(), Arc::default()),
            board,
            now,
            theirs: None,
        };
        bench.supervise(NOBODY);
        bench
    }

    /// A supervisor starts to run.
    fn supervise(&mut self, pid: i32) {
        let (channel, theirs) = Channel::open().unwrap();
        let mut line = Line::new(Pid::from_raw(pid), channel);
        line.hello_by = (self.keeper.custody.len() > 0).then_some(self.now + HELLO);
        self.keeper.keeping = Keeping::Running {
            since: self.now,
            line,
        };
        self.theirs = Some(theirs);
    }

    fn say(&mut self, said: &Value, descriptors: &[OwnedFd]) -> Option<End> {
        self.send(said, descriptors);
        self.keeper.listen(self.now)
    }

    fn send(&self, said: &Value, descriptors: &[OwnedFd]) {
        let theirs = self.theirs.as_ref().unwrap().as_fd();
        send(theirs, said.to_string().as_bytes(), descriptors).unwrap();
    }

    fn greet(&mut self, version: u32) {
        self.say(
            &json!({"hello": {"pid": 5, "epoch": 7, "version": version}}),
            &[],
        );
    }

    /// Has a run held and bound; gives the other end of its pipe.
    fn hold(&mut self, run: &str, pid: i32) -> io::PipeReader {
        let (reader, writer) = io::pipe().unwrap();
        self.say(
            &json!({"hold": {"run": run, "ends": ["stdout"]}}),
            &[writer.into()],
        );
        self.say(&json!({"bind": {"run": run, "pid": pid}}), &[]);
        reader
    }

    /// Everything that the supervisor is told.
    fn heard(&self) -> Vec<Value> {
        let theirs = self.theirs.as_ref().unwrap();
        let packets = std::iter::from_fn(|| receive(theirs.as_fd(), 4096).ok());
        packets
            .map(|packet| serde_json::from_slice(&packet.bytes).unwrap())
            .collect()
    }

    /// The supervisor is killed and the next one runs.
    fn kill(&mut self) {
        self.theirs = None;
        self.keeper.listen(self.now);
        self.keeper.ended(Ending::killed(9), self.now);
        self.supervise(NOBODY);
    }

    fn notices(&self) -> Vec<String> {
        let notices = self.board.state().notices.into_iter();
        notices.map(|notice| notice.text).collect()
    }
}

fn me() -> i32 {
    getpid().as_raw()
}

fn ended(pid: i32, ending: Ending) -> Orphan {
    Orphan {
        pid,
        started: started(pid),
        ending,
    }
}

#[test]
fn the_first_restart_is_at_once_and_later_ones_slow_down() {
    let seconds: Vec<u64> = (0..8).map(|deaths| brake(deaths).as_secs()).collect();
    assert_eq!(seconds, [0, 0, 1, 2, 4, 8, 10, 10]);
    assert_eq!(brake(u32::MAX), LONGEST_BRAKE);
}

#[test]
fn a_run_is_handed_to_the_next_supervisor_and_forgotten_when_released() {
    let mut bench = Bench::new();
    bench.greet(2);
    let mut reader = bench.hold(RUN, me());
    assert_eq!(bench.board.state().supervisor.held, 1);
    bench.kill();
    bench.greet(2);
    let heard = bench.heard();
    assert_eq!(heard[0]["held"]["run"], RUN);
    assert_eq!(heard[0]["held"]["started"], started(me()).unwrap());
    assert_eq!(heard[1]["welcome"]["held"], 1);
    assert_eq!(bench.board.state().supervisor.taken_over, ["web"]);
    bench.say(&json!({"release": {"run": RUN}}), &[]);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    assert_eq!(bench.board.state().supervisor.held, 0);
}

#[test]
fn the_end_of_a_run_is_told_to_who_has_greeted_and_kept_for_who_has_not() {
    let mut bench = Bench::new();
    bench.greet(2);
    bench.hold(RUN, me());
    bench.hold("1/other:other/2", getppid());
    bench.kill();
    let end = ended(me(), Ending::Code(7));
    bench.keeper.reaped(&[end]);
    assert!(bench.heard().is_empty());
    bench.greet(2);
    let heard = bench.heard();
    assert_eq!(heard[0]["held"]["exit"], json!({"code": 7}));
    assert_eq!(heard[1]["held"]["exit"], Value::Null);
    bench.keeper.reaped(&[ended(getppid(), Ending::killed(15))]);
    let exited = &bench.heard()[0]["exited"];
    assert_eq!(exited["run"], "1/other:other/2");
    assert_eq!(exited["exit"], json!({"signal": 15, "dumped": false}));
}

#[test]
fn what_was_said_right_before_a_death_counts() {
    let mut bench = Bench::new();
    bench.greet(2);
    let (_reader, writer) = io::pipe().unwrap();
    bench.send(
        &json!({"hold": {"run": RUN, "ends": ["stdout"]}}),
        &[writer.into()],
    );
    bench.send(&json!({"bind": {"run": RUN, "pid": NOBODY - 1}}), &[]);
    bench.theirs = None;
    // As init does: the process was collected before the message that names it is read.
    bench.keeper.listen(bench.now);
    let orphan = Orphan {
        pid: NOBODY - 1,
        started: Some(5),
        ending: Ending::Code(7),
    };
    bench.keeper.reaped(&[orphan]);
    bench.kill();
    bench.greet(2);
    assert_eq!(bench.heard()[0]["held"]["exit"], json!({"code": 7}));
}

#[test]
fn nothing_is_held_for_who_has_not_greeted_as_heir() {
    let mut bench = Bench::new();
    bench.hold(RUN, me());
    assert_eq!(bench.keeper.custody.len(), 0);
    bench.greet(1);
    assert_eq!(bench.heard()[0]["welcome"]["held"], 0);
    bench.hold(RUN, me());
    assert_eq!(bench.keeper.custody.len(), 0);
    bench.greet(2);
    assert!(bench.heard().is_empty());
    let told = bench.notices();
    assert!(
        told.iter().any(|text| text.contains("greeted before")),
        "{told:?}"
    );
}

#[test]
fn a_supervisor_that_talks_nonsense_fills_no_list() {
    let mut bench = Bench::new();
    bench.greet(2);
    for number in 0..100 {
        bench.say(&json!({format!("nonsense-{number}"): {}}), &[]);
    }
    assert_eq!(bench.notices().len(), 5);
    bench.hold(RUN, me());
    assert_eq!(bench.keeper.custody.len(), 1);
}

#[test]
fn what_nobody_takes_over_in_time_is_given_up() {
    let mut bench = Bench::new();
    bench.greet(2);
    bench.hold(RUN, me());
    bench.kill();
    let late = bench.now + HELLO;
    assert_eq!(bench.keeper.deadline(bench.now), Some(late));
    bench.keeper.advance(late);
    bench.keeper.advance(late);
    assert_eq!(bench.keeper.custody.len(), 0);
    bench.now = late;
    bench.greet(2);
    assert_eq!(bench.heard()[0]["welcome"]["held"], 0);
}

#[test]
fn a_paused_machine_and_a_slow_one_are_no_reason_to_give_programs_up() {
    let mut bench = Bench::new();
    bench.greet(2);
    bench.hold(RUN, me());
    bench.kill();
    let woken = bench.now + Duration::from_secs(3600);
    bench.keeper.advance(woken);
    assert_eq!(bench.keeper.deadline(woken), Some(woken + HELLO));
    // The same program that has greeted before: this test.
    bench.keeper.heir = program(me());
    bench.supervise(me());
    bench.keeper.advance(bench.now + HELLO);
    assert_eq!(bench.keeper.custody.len(), 1);
    let mut now = bench.now;
    while now < bench.now + SLOW_HELLO {
        now += HELLO;
        bench.keeper.advance(now);
    }
    assert_eq!(bench.keeper.custody.len(), 0);
}

#[test]
fn a_closed_channel_is_given_up_only_by_who_has_taken_nothing_over() {
    let mut bench = Bench::new();
    bench.greet(2);
    bench.hold(RUN, me());
    bench.theirs = None;
    bench.keeper.listen(bench.now);
    assert_eq!(bench.keeper.deadline(bench.now), None);
    bench.kill();
    bench.greet(2);
    bench.theirs = None;
    bench.keeper.listen(bench.now);
    let late = bench.now + HELLO;
    assert_eq!(bench.keeper.deadline(bench.now), Some(late));
    bench.keeper.advance(late);
    assert_eq!(bench.keeper.custody.len(), 0);
}

#[test]
fn a_restart_that_was_asked_for_is_no_quick_death() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.greet(2);
        bench.keeper.ended(Ending::Code(ANEW), bench.now);
        // Only what could not be started counts, as here nothing can.
        assert_eq!(bench.keeper.quick_deaths, 1);
        bench.keeper.quick_deaths = 0;
        bench.supervise(NOBODY);
    }
    bench.keeper.ended(Ending::Code(ANEW), bench.now);
    assert_eq!(bench.keeper.quick_deaths, 2);
}

#[test]
fn who_gives_up_is_heard_and_not_hurried() {
    let mut bench = Bench::new();
    bench.greet(2);
    let end = bench.say(&json!({"end": {"code": 3, "reason": "web is FATAL"}}), &[]);
    let expected = End {
        code: 3,
        reason: "web is FATAL".to_owned(),
    };
    assert_eq!(end, Some(expected));
    let pid = bench.keeper.stop(By::Itself);
    assert_eq!(pid, Some(Pid::from_raw(NOBODY)));
    // Programs that were taken over are still told of.
    bench.hold(RUN, me());
    bench.heard();
    bench.keeper.reaped(&[ended(me(), Ending::Code(0))]);
    assert_eq!(bench.heard()[0]["exited"]["run"], RUN);
    bench.keeper.ended(Ending::Code(3), bench.now);
    assert_eq!(bench.keeper.deadline(bench.now), None);
}

fn getppid() -> i32 {
    nix::unistd::getppid().as_raw()
}
